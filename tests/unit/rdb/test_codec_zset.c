/* Sorted sets in RDB: every form that files carry, what is written, and what must be refused. */
#include "fixture.h"
#include "keyspace/zset.h"
#include <criterion/criterion.h>
#include <stdio.h>

static void set_up(void) {
    fixture_begin(1);
}

TestSuite(rdb_codec_zset, .init = set_up, .fini = ks_shutdown);

static struct zset set_of(const struct value *v) {
    return (struct zset){.encoding = (enum zset_encoding)v->encoding, .ptr = v->ptr};
}

/* "member=score," for each, in order */
static sds text_of(const struct zset *z) {
    struct zset_iter it;
    sds out = sds_empty();
    zset_walk(&it, z, zset_all(z), false);
    while (zset_next(&it)) out = sds_cat_printf(out, "%.*s=%.17g,", (int)it.member.n, it.member.p, it.score);
    return out;
}

/* a 1, b 2 */
#define LISTPACK_AB                                                                                          \
    "\x11\x00\x00\x00\x04\x00\x81"                                                                           \
    "a\x02\x01\x01\x81"                                                                                      \
    "b\x02\x02\x01\xff"
#define ZIPLIST_AB                                                                                           \
    "\x15\x00\x00\x00\x12\x00\x00\x00\x04\x00\x00\x01"                                                       \
    "a\x03\xf2\x02\x01"                                                                                      \
    "b\x03\xf3\xff"
#define ONE        "\x00\x00\x00\x00\x00\x00\xf0\x3f"
#define TWO        "\x00\x00\x00\x00\x00\x00\x00\x40"
#define ZERO       "\x00\x00\x00\x00\x00\x00\x00\x00"
#define MINUS_ZERO "\x00\x00\x00\x00\x00\x00\x00\x80"
#define NAN_8      "\x00\x00\x00\x00\x00\x00\xf8\x7f"

static const struct {
    slice body;
    const char *want; /* NULL: refused */
} forms[] = {
    {SLICE("\x03\x03\x01"
           "a\x01"
           "2\x01"
           "b\xfe\xc0\x07\xff"),
     "7=-inf,a=2,b=inf,"},
    {SLICE("\x05\x02\x01"
           "b" TWO "\x01"
           "a" ONE),
     "a=1,b=2,"},
    {SLICE("\x05\x02\x01" /* in any order */
           "a" ONE "\x01"
           "b" TWO),
     "a=1,b=2,"},
    {SLICE("\x0c\x15" ZIPLIST_AB), "a=1,b=2,"},
    {SLICE("\x11\x11" LISTPACK_AB), "a=1,b=2,"},
    {SLICE("\x11\x11\x11\x00\x00\x00\x04\x00\x81" /* an order that is wrong is taken as it is */
           "b\x02\x02\x01\x81"
           "a\x02\x01\x01\xff"),
     "b=2,a=1,"},
    /* no members */
    {SLICE("\x03\x00"), NULL},
    {SLICE("\x05\x00"), NULL},
    {SLICE("\x11\x07\x07\x00\x00\x00\x00\x00\xff"), NULL},
    /* twice the same */
    {SLICE("\x05\x02\x01"
           "a" ONE "\x01"
           "a" TWO),
     NULL},
    {SLICE("\x11\x11\x11\x00\x00\x00\x04\x00\x81"
           "a\x02\x01\x01\x81"
           "a\x02\x02\x01\xff"),
     NULL},
    /* no number */
    {SLICE("\x03\x01\x01"
           "a\xfd"),
     NULL},
    {SLICE("\x03\x01\x01"
           "a\x01x"),
     NULL},
    {SLICE("\x03\x01\x01"
           "a\x00"),
     NULL},
    {SLICE("\x05\x01\x01"
           "a" NAN_8),
     NULL},
    {SLICE("\x11\x0d\x0d\x00\x00\x00\x02\x00\x81"
           "a\x02\x81"
           "b\x02\xff"),
     NULL},
    {SLICE("\x11\x0f\x0f\x00\x00\x00\x02\x00\x81"
           "a\x02\x83"
           "nan\x04\xff"),
     NULL},
    /* an odd count, and bytes that end early or claim too much */
    {SLICE("\x11\x0a\x0a\x00\x00\x00\x01\x00\x81"
           "a\x02\xff"),
     NULL},
    {SLICE("\x05\x02\x01"
           "a" ONE),
     NULL},
    {SLICE("\x05\x81\xff\xff\xff\xff\xff\xff\xff\xff\x01"
           "a" ONE),
     NULL},
    {SLICE("\x03\x01\x01"
           "a\x09"
           "1"),
     NULL},
    {SLICE("\x0c\x15\x16" /* a ziplist whose size is wrong */
           "\x00\x00\x00\x12\x00\x00\x00\x04\x00\x00\x01"
           "a\x03\xf2\x02\x01"
           "b\x03\xf3\xff"),
     NULL},
};

Test(rdb_codec_zset, reads_every_form_and_refuses_damage) {
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct value v;
        const char *err = fixture_restore(forms[i].body, &v);
        cr_assert_eq(err == NULL, forms[i].want != NULL, "row %zu: %s", i, err ? err : "taken");
        if (err) continue;
        struct zset z = set_of(&v);
        sds text = text_of(&z);
        cr_assert_str_eq(text, forms[i].want, "row %zu", i);
        cr_assert_eq(v.type, TYPE_ZSET);
        cr_assert_eq(z.encoding, ZSET_LISTPACK);
        sds_free(text);
        value_free(&v);
    }
}

/* By the number of members; the length of members counts only where they are read one by one. */
Test(rdb_codec_zset, becomes_a_tree_by_the_settings) {
    static const struct {
        slice body;
        size_t entries;
        uint64_t value;
        enum zset_encoding want;
    } rows[] = {
        {SLICE("\x11\x11" LISTPACK_AB), 1, 64, ZSET_TREE},
        {SLICE("\x11\x11" LISTPACK_AB), 2, 0, ZSET_LISTPACK},
        {SLICE("\x0c\x15" ZIPLIST_AB), 1, 64, ZSET_TREE},
        {SLICE("\x05\x01\x01"
               "a" ONE),
         1, 0, ZSET_TREE},
        {SLICE("\x05\x01\x01"
               "a" ONE),
         0, 64, ZSET_TREE},
        {SLICE("\x05\x01\x01"
               "a" ONE),
         1, 1, ZSET_LISTPACK},
        {SLICE("\x05\x01\x01" /* a listpack would make it 0 */
               "a" MINUS_ZERO),
         1, 1, ZSET_TREE},
        {SLICE("\x05\x01\x01"
               "a" ZERO),
         1, 1, ZSET_LISTPACK},
        {SLICE("\x03\x01\x01"
               "a\x02-0"),
         1, 1, ZSET_TREE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct value v;
        zset_config = (struct zset_config){rows[i].entries, rows[i].value};
        cr_assert_null(fixture_restore(rows[i].body, &v));
        cr_assert_eq(v.encoding, rows[i].want, "row %zu", i);
        value_free(&v);
    }
}

static void assert_dump(const struct zset *z, slice want) {
    struct value v = zset_value(z);
    struct entry *e = db_set(ks_db(0), SLICE("k"), &v, NO_EXPIRE);
    sds out = sds_empty();
    rdb_dump_value(&out, e);
    cr_assert(sds_len(out) == want.n + 10 && memcmp(out, want.p, want.n) == 0);
    sds_free(out);
    db_delete(ks_db(0), SLICE("k"));
}

/* As DUMP of redis-server 7.0.15 shows them. */
Test(rdb_codec_zset, writes_listpacks_whole_and_trees_from_the_end) {
    for (size_t entries = 0; entries <= 2; entries += 2) {
        zset_config.listpack_entries = entries;
        struct zset z = zset_new(SLICE("a"));
        zset_put(&z, SLICE("a"), 1, 0, NULL);
        zset_put(&z, SLICE("b"), 2, 0, NULL);
        slice tree = SLICE("\x05\x02\x01"
                           "b" TWO "\x01"
                           "a" ONE);
        assert_dump(&z, entries ? SLICE("\x11\x11" LISTPACK_AB) : tree);
    }
}

Test(rdb_codec_zset, comes_back_from_a_file_in_either_form) {
    for (int i = 0; i < 300; i++) {
        char key[32], member[32];
        struct zset z = zset_new(SLICE(""));
        for (int k = 0; k < i; k++) {
            slice m = {member, (size_t)snprintf(member, sizeof member, "%d-%d", k, i)};
            zset_put(&z, m, k * 37 % 101 / 8.0, 0, NULL);
        }
        struct value v = zset_value(&z);
        slice name = {key, (size_t)snprintf(key, sizeof key, "z:%d", i)};
        if (i > 0)
            db_set(ks_db(0), name, &v, NO_EXPIRE);
        else
            zset_free(&z);
    }
    unsigned char before[20], after[20];
    struct rdb_load_options options = {0};
    struct rdb_load_stats stats;
    ks_digest(before);
    sds file = fixture_save(NULL);
    fixture_empty();
    cr_assert(fixture_load(sds_slice(file), &options, &stats), "%s", fixture_error);
    ks_digest(after);
    cr_assert_arr_eq(before, after, 20);
    cr_assert_eq(stats.keys_loaded, 299);
    sds_free(file);
}

/* Of a set that was great and became small again: it is in the tree's form, and may have a score of -0. */
Test(rdb_codec_zset, keeps_a_score_of_minus_zero) {
    struct zset z = zset_new(SLICE("a"));
    zset_to_tree(&z);
    zset_put(&z, SLICE("a"), -0.0, 0, NULL);
    zset_put(&z, SLICE("b"), 1, 0, NULL);
    struct value v = zset_value(&z);
    db_set(ks_db(0), SLICE("k"), &v, NO_EXPIRE);
    unsigned char before[20], after[20];
    static const struct rdb_load_options options;
    ks_digest(before);
    sds file = fixture_save(NULL);
    fixture_empty();
    cr_assert(fixture_load(sds_slice(file), &options, NULL), "%s", fixture_error);
    ks_digest(after);
    cr_assert_arr_eq(before, after, 20);
    sds_free(file);
}

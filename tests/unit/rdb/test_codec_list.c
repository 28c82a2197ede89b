/* Lists in RDB: every form that files carry, what is written, and what must be refused. */
#include "base/alloc.h"
#include "fixture.h"
#include "keyspace/list.h"
#include <criterion/criterion.h>
#include <stdio.h>

/* The elements with a comma behind each. */
static sds text_of(struct list *l) {
    struct list_cursor cur;
    char buf[LP_INT_BYTES];
    sds out = sds_empty();
    for (bool more = list_cursor_start(&cur, l, 0, LIST_TAIL); more; more = list_cursor_step(&cur)) {
        slice s = lp_value_text(list_cursor_value(&cur), buf);
        out = sds_cat(sds_cat(out, s.p, s.n), ",", 1);
    }
    return out;
}

#define LISTPACK_AB                                                                                          \
    "\x0d\x00\x00\x00\x02\x00\x81"                                                                           \
    "a\x02\x81"                                                                                              \
    "b\x02\xff"
#define LISTPACK_7 "\x09\x00\x00\x00\x01\x00\x07\x01\xff"
#define LISTPACK_0 "\x07\x00\x00\x00\x00\x00\xff"
#define ZIPLIST_AB                                                                                           \
    "\x11\x00\x00\x00\x0d\x00\x00\x00\x02\x00\x00\x01"                                                       \
    "a\x03\x01"                                                                                              \
    "b\xff"

static const struct {
    slice body;
    const char *want; /* NULL: refused */
} forms[] = {
    {SLICE("\x01\x03\x01"
           "a\xc0\x07\x02"
           "bb"),
     "a,7,bb,"},
    {SLICE("\x0a\x11" ZIPLIST_AB), "a,b,"},
    {SLICE("\x0e\x02\x11" ZIPLIST_AB "\x11" ZIPLIST_AB), "a,b,a,b,"},
    {SLICE("\x12\x01\x02\x0d" LISTPACK_AB), "a,b,"},
    {SLICE("\x12\x03\x02\x0d" LISTPACK_AB "\x01\x05hello\x02\x09" LISTPACK_7), "a,b,hello,7,"},
    {SLICE("\x12\x02\x02\x07" LISTPACK_0 "\x02\x09" LISTPACK_7), "7,"}, /* an empty node is passed over */
    {SLICE("\x12\x01\x01\xc0\x07"), "7,"},                              /* a plain node that is short */
    /* no elements */
    {SLICE("\x01\x00"), NULL},
    {SLICE("\x12\x00"), NULL},
    {SLICE("\x12\x01\x02\x07" LISTPACK_0), NULL},
    {SLICE("\x12\x01\x01\x00"), NULL},
    /* malformed */
    {SLICE("\x01\x03\x01"
           "a"),
     NULL},
    {SLICE("\x01\x81\xff\xff\xff\xff\xff\xff\xff\xff\x01"
           "a"),
     NULL},
    {SLICE("\x12\x01\x03\x0d" LISTPACK_AB), NULL},
    {SLICE("\x12\x02\x02\x0d" LISTPACK_AB), NULL},
    {SLICE("\x12\x01\x02\x0d"
           "\x0d\x00\x00\x00\x02\x00\x81"
           "a\x02\x82"
           "b\x02\xff"),
     NULL},
    {SLICE("\x12\x01\x02\x0d"
           "\x0d\x00\x00\x00\x03\x00\x81"
           "a\x02\x81"
           "b\x02\xff"),
     NULL},
    {SLICE("\x12\x02\x02\x0d" LISTPACK_AB "\x02\x09\x09\x00\x00\x00\x01\x00\x07\x02\xff"), NULL},
    {SLICE("\x0a\x11"
           "\x11\x00\x00\x00\x0d\x00\x00\x00\x02\x00\x00\x01"
           "a\x04\x01"
           "b\xff"),
     NULL},
    {SLICE("\x0e\x01\x0d" LISTPACK_AB), NULL},
};

Test(rdb_list, every_form_loads_or_is_refused) {
    fixture_begin(1);
    size_t before = mem_used_bytes();
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct value v;
        const char *err = fixture_restore(forms[i].body, &v);
        cr_assert(!err == (forms[i].want != NULL), "row %zu: %s", i, err ? err : "taken");
        if (err) continue;
        sds text = text_of(v.ptr);
        cr_assert_str_eq(text, forms[i].want, "row %zu", i);
        sds_free(text);
        value_free(&v);
    }
    cr_assert(mem_used_bytes() == before, "all is given back");
}

static struct entry *add_long_list(int elements) {
    struct value v = {.type = TYPE_LIST, .ptr = list_new()};
    for (int i = 0; i < elements; i++) {
        char buf[64];
        int n = snprintf(buf, sizeof buf, i % 3 ? "%d" : "element %d of a list", i);
        list_push(v.ptr, LIST_TAIL, (slice){buf, (size_t)n});
    }
    return db_set(ks_db(0), SLICE("l"), &v, NO_EXPIRE);
}

/* Small nodes, compressed ones and plain ones, with the file's own compression on and off. */
Test(rdb_list, what_is_dumped_restores) {
    fixture_begin(1);
    list_config.max_listpack_size = 10;
    for (int way = 0; way < 8; way++) {
        uint8_t before[20], after[20];
        struct value v;
        sds hold = NULL, dump = sds_empty();
        list_config.compress_depth = way & 1;
        rdb_config.compression = way & 2;
        list_packed_threshold = way & 4 ? 15 : LIST_PACKED_THRESHOLD_BYTES;
        struct entry *e = add_long_list(1000);
        entry_digest(e, before);
        rdb_dump_value(&dump, e);
        cr_assert(dump[0] == 18);
        cr_assert(rdb_restore_value(sds_slice(dump), &v, &hold) == NULL);
        entry_digest(db_set(ks_db(0), SLICE("l"), &v, NO_EXPIRE), after);
        cr_assert(memcmp(before, after, sizeof before) == 0, "way %d", way);
        sds_free(dump);
        sds_free(hold);
    }
    fixture_empty();
}

/* As redis-server 7.0.15 wrote it: RPUSH l a b c 1 2 3. */
Test(rdb_list, a_small_list_dumps_as_in_redis) {
    fixture_begin(1);
    struct value v = {.type = TYPE_LIST, .ptr = list_new()};
    static const char *const elements[] = {"a", "b", "c", "1", "2", "3"};
    for (int i = 0; i < 6; i++) list_push(v.ptr, LIST_TAIL, slice_of(elements[i]));
    sds dump = sds_empty();
    rdb_dump_value(&dump, db_set(ks_db(0), SLICE("l"), &v, NO_EXPIRE));
    cr_assert(slice_eq(sds_slice(dump), SLICE("\x12\x01\x02\x16\x16\x00\x00\x00\x06\x00\x81"
                                              "a\x02\x81"
                                              "b\x02\x81"
                                              "c\x02\x01\x01\x02\x01\x03\x01\xff"
                                              "\x0a\x00\x92\xf8\xc1R:\x0e\x16\xdf")));
    sds_free(dump);
    fixture_empty();
}

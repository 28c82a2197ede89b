/* Hashes in RDB: every form that files carry, what is written, and what must be refused. */
#include "base/alloc.h"
#include "fixture.h"
#include "keyspace/hash.h"
#include <criterion/criterion.h>
#include <stdio.h>

static void add_text(void *ctx, slice field, slice value) {
    sds *out = ctx;
    *out = sds_cat(sds_cat(*out, field.p, field.n), "=", 1);
    *out = sds_cat(sds_cat(*out, value.p, value.n), ",", 1);
}

#define LISTPACK_A1B2                                                                                        \
    "\x11\x00\x00\x00\x04\x00\x81"                                                                           \
    "a\x02\x01\x01\x81"                                                                                      \
    "b\x02\x02\x01\xff"
#define ZIPLIST_A1B2                                                                                         \
    "\x15\x00\x00\x00\x12\x00\x00\x00\x04\x00\x00\x01"                                                       \
    "a\x03\xf2\x02\x01"                                                                                      \
    "b\x03\xf3\xff"
#define ZIPMAP_A1B2                                                                                          \
    "\x02\x01"                                                                                               \
    "a\x01\x00"                                                                                              \
    "1\x01"                                                                                                  \
    "b\x01\x02"                                                                                              \
    "2xx\xff"

static const struct {
    slice body;
    const char *want; /* NULL: refused */
} forms[] = {
    {SLICE("\x04\x02\x01"
           "a\x01"
           "1\x01"
           "b\xc0\x02"),
     "a=1,b=2,"},
    {SLICE("\x04\x01\x00\x00"), "=,"},
    {SLICE("\x10\x11" LISTPACK_A1B2), "a=1,b=2,"},
    {SLICE("\x0d\x15" ZIPLIST_A1B2), "a=1,b=2,"},
    {SLICE("\x09\x0e" ZIPMAP_A1B2), "a=1,b=2,"},
    /* none at all */
    {SLICE("\x04\x00"), NULL},
    {SLICE("\x10\x07\x07\x00\x00\x00\x00\x00\xff"), NULL},
    {SLICE("\x09\x02\x00\xff"), NULL},
    /* a field twice, also as a number and a text that spells it */
    {SLICE("\x04\x02\x01"
           "a\x01"
           "1\x01"
           "a\x01"
           "2"),
     NULL},
    {SLICE("\x04\x02\xc0\x07\x01"
           "1\x01"
           "7\x01"
           "2"),
     NULL},
    {SLICE("\x10\x10\x10\x00\x00\x00\x04\x00\x81"
           "7\x02\x01\x01\x07\x01\x02\x01\xff"),
     NULL},
    {SLICE("\x09\x0b\x02\x01"
           "a\x00\x00\x01"
           "a\x00\x00\xff"),
     NULL},
    /* a field without a value */
    {SLICE("\x10\x0a\x0a\x00\x00\x00\x01\x00\x81"
           "a\x02\xff"),
     NULL},
    {SLICE("\x09\x05\x01\x01"
           "a\xff"),
     NULL},
    /* sizes that lie */
    {SLICE("\x04\x80\x7f\xff\xff\xff\x01"
           "a\x01"
           "1"),
     NULL},
    {SLICE("\x04\x81\xff\xff\xff\xff\xff\xff\xff\xff\x01"
           "a\x01"
           "1"),
     NULL},
    {SLICE("\x09\x06\x01\x05"
           "a\x00\x00\xff"),
     NULL},
    {SLICE("\x09\x09\x01\xfe\xff\xff\xff\xff"
           "a\x00\xff"),
     NULL},
    {SLICE("\x09\x06\x01\x01"
           "a\x00\x09\xff"),
     NULL},
    {SLICE("\x09\x06\x05\x01"
           "a\x00\x00\xff"),
     NULL},
};

Test(rdb_hash, every_form) {
    size_t before = mem_used_bytes();
    for (size_t entries = 0; entries <= 512; entries += 512) {
        hash_config.listpack_entries_max = entries;
        for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
            struct value v;
            const char *err = fixture_restore(forms[i].body, &v);
            cr_assert_eq(err == NULL, forms[i].want != NULL, "row %zu: %s", i, err ? err : "accepted");
            if (err) continue;
            struct hash h = {v.ptr, v.encoding};
            cr_assert_eq(h.encoding, entries ? HASH_LISTPACK : HASH_TABLE);
            sds text = sds_empty();
            hash_each(h, add_text, &text);
            if (entries || sds_len(text) < 5) cr_assert_str_eq(text, forms[i].want, "row %zu", i);
            cr_assert_eq(sds_len(text), strlen(forms[i].want));
            sds_free(text);
            value_free(&v);
        }
    }
    cr_assert_eq(mem_used_bytes(), before, "what was refused left nothing behind");
}

/* Any byte of a packed form changed: refused, or a hash that holds together. */
Test(rdb_hash, no_change_of_a_byte_harms) {
    size_t before = mem_used_bytes();
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        for (size_t at = 1; at < forms[i].body.n; at++) {
            for (int to = 0; to < 256; to++) {
                struct value v;
                sds body = sds_newlen(forms[i].body.p, forms[i].body.n);
                body[at] = (char)to;
                if (!fixture_restore(sds_slice(body), &v)) {
                    struct hash h = {v.ptr, v.encoding};
                    sds text = sds_empty();
                    hash_each(h, add_text, &text);
                    hash_set(&h, SLICE("new"), SLICE("value"));
                    v = hash_value(h);
                    sds_free(text);
                    value_free(&v);
                }
                sds_free(body);
            }
        }
    }
    cr_assert_eq(mem_used_bytes(), before);
}

static struct entry *put(struct hash h) {
    struct value v = hash_value(h);
    return db_set(ks_db(0), SLICE("k"), &v, NO_EXPIRE);
}

Test(rdb_hash, dumps_what_redis_writes) {
    fixture_begin(1);
    struct hash h = hash_new();
    hash_set(&h, SLICE("a"), SLICE("1"));
    hash_set(&h, SLICE("b"), SLICE("2"));
    sds out = sds_empty();
    rdb_dump_value(&out, put(h));
    cr_assert(sds_len(out) > 18 && memcmp(out, "\x10\x11" LISTPACK_A1B2, 19) == 0);
    sds_set_len(out, 0);
    h = hash_new_table(1);
    hash_set(&h, SLICE("a"), SLICE("12"));
    rdb_dump_value(&out, put(h));
    cr_assert_eq(sds_len(out), 16);
    cr_assert_eq(memcmp(out,
                        "\x04\x01\x01"
                        "a\xc0\x0c\x0a\x00",
                        8),
                 0);
    sds_free(out);
    fixture_empty();
}

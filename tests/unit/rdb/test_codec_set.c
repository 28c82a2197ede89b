/* Sets in RDB: every form that files carry, what is written, and what must be refused. */
#include "base/alloc.h"
#include "fixture.h"
#include "keyspace/set.h"
#include <criterion/criterion.h>
#include <stdio.h>

static void add_text(void *ctx, slice member) {
    sds *out = ctx;
    *out = sds_cat(sds_cat(*out, member.p, member.n), ",", 1);
}

#define INTSET_123                                                                                           \
    "\x02\x00\x00\x00\x03\x00\x00\x00"                                                                       \
    "\x01\x00\x02\x00\x03\x00"
#define LISTPACK_A1                                                                                          \
    "\x0c\x00\x00\x00\x02\x00\x81"                                                                           \
    "a\x02\x01\x01\xff"

static const struct {
    slice body;
    const char *want; /* NULL: refused */
    bool intset;
} forms[] = {
    {SLICE("\x02\x02\xc0\x01\xc0\x02"), "1,2,", true},
    {SLICE("\x02\x01\x01"
           "a"),
     "a,", false},
    {SLICE("\x02\x01\x00"), ",", false},
    {SLICE("\x0b\x0e" INTSET_123), "1,2,3,", true},
    {SLICE("\x14\x0c" LISTPACK_A1), "a,1,", false},
    /* none at all */
    {SLICE("\x02\x00"), NULL, false},
    {SLICE("\x0b\x08\x02\x00\x00\x00\x00\x00\x00\x00"), NULL, false},
    {SLICE("\x14\x07\x07\x00\x00\x00\x00\x00\xff"), NULL, false},
    /* a member twice, or out of order */
    {SLICE("\x02\x02\xc0\x01\x01"
           "1"),
     NULL, false},
    {SLICE("\x02\x02\x01"
           "a\x01"
           "a"),
     NULL, false},
    {SLICE("\x0b\x0c\x02\x00\x00\x00\x02\x00\x00\x00\x01\x00\x01\x00"), NULL, false},
    {SLICE("\x0b\x0c\x02\x00\x00\x00\x02\x00\x00\x00\x02\x00\x01\x00"), NULL, false},
    {SLICE("\x14\x0b\x0b\x00\x00\x00\x02\x00\x01\x01\x01\x01\xff"), NULL, false},
    /* sizes that lie */
    {SLICE("\x02\x80\x7f\xff\xff\xff\x01"
           "a"),
     NULL, false},
    {SLICE("\x0b\x0c\x02\x00\x00\x00\x03\x00\x00\x00\x01\x00\x02\x00"), NULL, false},
    {SLICE("\x0b\x0c\x03\x00\x00\x00\x02\x00\x00\x00\x01\x00\x02\x00"), NULL, false},
};

Test(rdb_set, every_form) {
    size_t before = mem_used_bytes();
    for (size_t entries = 0; entries <= 512; entries += 512) {
        set_config.intset_entries_max = entries;
        for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
            struct value v;
            const char *err = fixture_restore(forms[i].body, &v);
            cr_assert_eq(err == NULL, forms[i].want != NULL, "row %zu: %s", i, err ? err : "accepted");
            if (err) continue;
            struct set s = {v.ptr, v.encoding};
            cr_assert_eq(s.encoding == SET_INTSET, forms[i].intset && entries, "row %zu", i);
            sds text = sds_empty();
            set_each(s, add_text, &text);
            if (s.encoding == SET_INTSET || set_count(s) == 1) cr_assert_str_eq(text, forms[i].want);
            cr_assert_eq(sds_len(text), strlen(forms[i].want));
            sds_free(text);
            value_free(&v);
        }
    }
    cr_assert_eq(mem_used_bytes(), before, "what was refused left nothing behind");
}

/* Any byte of a payload changed: refused, or a set that holds together. */
Test(rdb_set, no_change_of_a_byte_harms) {
    size_t before = mem_used_bytes();
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        for (size_t at = 1; at < forms[i].body.n; at++) {
            for (int to = 0; to < 256; to++) {
                struct value v;
                sds body = sds_newlen(forms[i].body.p, forms[i].body.n);
                body[at] = (char)to;
                if (!fixture_restore(sds_slice(body), &v)) {
                    struct set s = {v.ptr, v.encoding};
                    sds text = sds_empty();
                    set_each(s, add_text, &text);
                    set_add(&s, SLICE("new"));
                    v = set_value(s);
                    sds_free(text);
                    value_free(&v);
                }
                sds_free(body);
            }
        }
    }
    cr_assert_eq(mem_used_bytes(), before);
}

static void expect_dump(struct set s, slice want) {
    struct value v = set_value(s);
    sds out = sds_empty();
    rdb_dump_value(&out, db_set(ks_db(0), SLICE("k"), &v, NO_EXPIRE));
    cr_assert_eq(sds_len(out), want.n + 10);
    cr_assert(slice_eq((slice){out, want.n}, want));
    sds_free(out);
}

Test(rdb_set, dumps_what_redis_writes) {
    fixture_begin(1);
    struct set s = set_new();
    for (int i = 3; i > 0; i--) set_add(&s, (slice){&"123"[i - 1], 1});
    expect_dump(s, SLICE("\x0b\x0e" INTSET_123));
    s = set_new_table(1);
    set_add(&s, SLICE("12"));
    expect_dump(s, SLICE("\x02\x01\xc0\x0c"));
    fixture_empty();
}

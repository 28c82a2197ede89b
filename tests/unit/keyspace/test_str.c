#include "unit/keyspace/keyspace_support.h"

#include <criterion/criterion.h>

#include "base/alloc.h"
#include "keyspace/str.h"

TestSuite(str, .init = ks_test_init, .fini = ks_test_fini);

static struct entry *set(const char *value, int64_t expire_ms) {
    return db_set_string(ks_db(0), SLICE("key"), slice_of(value), expire_ms);
}

Test(str, integers_change_in_place_within_their_width) {
    struct entry *e = set("41", NO_EXPIRE);
    cr_assert(str_is_int(e));
    cr_assert_eq(str_set_i64(ks_db(0), e, 42), e);
    cr_assert(value_is(e, SLICE("42")));
    cr_assert_eq(str_set_i64(ks_db(0), e, INT32_MIN), e);
    cr_assert(value_is(e, SLICE("-2147483648")));
}

Test(str, integers_cross_widths_and_keep_the_ttl) {
    static const int64_t values[] = {
        0, INT32_MAX, (int64_t)INT32_MAX + 1, INT64_MAX, INT64_MIN, (int64_t)INT32_MIN - 1, INT32_MIN, -1};
    struct entry *e = set("7", T0 + 1000);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        e = str_set_i64(ks_db(0), e, values[i]);
        int64_t got;
        cr_assert(str_get_i64(e, &got));
        cr_assert_eq(got, values[i]);
        cr_assert_eq(entry_expire_ms(e), T0 + 1000);
        cr_assert_eq(db_read(ks_db(0), SLICE("key"), 0), e);
    }
    cr_assert_eq(db_expires(ks_db(0)), 1);
}

Test(str, byte_strings_that_spell_integers_are_read_as_such) {
    struct value v = {.type = TYPE_STRING, .encoding = VALUE_RAW, .bytes = SLICE("-17")};
    struct entry *e = db_set(ks_db(0), SLICE("key"), &v, NO_EXPIRE);
    int64_t got;
    cr_assert(str_get_i64(e, &got));
    cr_assert_eq(got, -17);
    cr_assert_not(str_is_int(e));
    e = str_set_i64(ks_db(0), e, got - 1);
    cr_assert(str_is_int(e));
    cr_assert(value_is(e, SLICE("-18")));
    cr_assert_not(str_get_i64(set("17x", NO_EXPIRE), &got));
}

Test(str, overwriting_within_a_class_keeps_the_block) {
    struct entry *e = set("0123456789abcdef", NO_EXPIRE);
    cr_assert_eq(set("fedcba9876543210", NO_EXPIRE), e);
    cr_assert(value_is(e, SLICE("fedcba9876543210")));
    struct entry *with_ttl = set("0123456789abcdef", T0 + 50);
    cr_assert_eq(set("ABCDEFGHIJKLMNOP", T0 + 60), with_ttl);
    cr_assert_eq(entry_expire_ms(with_ttl), T0 + 60);
    cr_assert_eq(set("abcdefghijklmnop", KEEP_TTL), with_ttl);
    cr_assert_eq(entry_expire_ms(with_ttl), T0 + 60);
}

Test(str, a_value_may_be_set_to_a_part_of_itself) {
    char big[5000], scratch[NUM_INT_BYTES];
    memset(big, 'q', sizeof big);
    memcpy(big + 100, "needle", 6);
    struct entry *e = db_set_string(ks_db(0), SLICE("key"), (slice){big, sizeof big}, NO_EXPIRE);
    slice now = str_get(e, scratch);
    e = db_set_string(ks_db(0), SLICE("key"), (slice){now.p + 100, 1000}, NO_EXPIRE); /* heap to embedded */
    cr_assert(value_is(e, (slice){big + 100, 1000}));
    now = str_get(e, scratch);
    e = db_set_string(ks_db(0), SLICE("key"), (slice){now.p + 1, 999}, NO_EXPIRE); /* in place, shifted */
    cr_assert(value_is(e, (slice){big + 101, 999}));
    now = str_get(e, scratch);
    e = db_set_string(ks_db(0), SLICE("key"), (slice){now.p, 5}, NO_EXPIRE);
    cr_assert(value_is(e, SLICE("eedle")));
}

Test(str, growing_makes_raw_with_zeros_behind) {
    struct entry *e = set("12", T0 + 9);
    char *p = str_grow(ks_db(0), &e, 5);
    cr_assert_eq(memcmp(p, "12\0\0\0", 5), 0);
    p[4] = '!';
    cr_assert(value_is(e, SLICE("12\0\0!")));
    cr_assert_str_eq(entry_encoding_name(e), "raw");
    cr_assert_eq(entry_expire_ms(e), T0 + 9);
    cr_assert_eq(db_read(ks_db(0), SLICE("key"), 0), e);
}

Test(str, growing_by_nothing_makes_raw_too) {
    struct entry *e = set("12", NO_EXPIRE);
    str_grow(ks_db(0), &e, 2);
    cr_assert(value_is(e, SLICE("12")));
    cr_assert_str_eq(entry_encoding_name(e), "raw");
}

/* Byte by byte from the entry to the heap and on, against a plain buffer. */
Test(str, growing_across_the_heap_boundary) {
    static char want[9000];
    struct entry *e = set("", NO_EXPIRE);
    for (size_t n = 0; n < sizeof want;) {
        size_t more = 1 + ks_below(7);
        if (n + more > sizeof want) more = sizeof want - n;
        char *p = str_grow(ks_db(0), &e, n + more);
        for (size_t i = 0; i < more; i++) {
            cr_assert_eq(p[n + i], 0);
            p[n + i] = want[n + i] = (char)ks_random();
        }
        n += more;
        cr_assert(value_is(e, (slice){want, n}));
    }
    struct entry *small = set("x", NO_EXPIRE);
    cr_assert(value_is(small, SLICE("x")));
}

#include "unit/keyspace/keyspace_support.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/sds.h"
#include "keyspace/entry_internal.h"
#include "keyspace/str.h"

TestSuite(entry, .init = ks_test_init, .fini = ks_test_fini);

static char text[100000];

static slice bytes_of(size_t n, char fill) {
    memset(text, fill, n);
    return (slice){text, n};
}

static size_t bytes_for(slice value, int64_t expire_ms) {
    return entry_bytes(db_set_string(ks_db(0), SLICE("key:000000000001"), value, expire_ms));
}

Test(entry, memory_of_typical_entries) {
    cr_assert_eq(bytes_for(SLICE("123456"), NO_EXPIRE), 28);
    cr_assert_eq(bytes_for(SLICE("123456789012345"), NO_EXPIRE), 32); /* 64 bits */
    cr_assert_eq(bytes_for(bytes_of(16, 'v'), NO_EXPIRE), 40);
    cr_assert_eq(bytes_for(bytes_of(100, 'v'), NO_EXPIRE), 124);
    cr_assert_eq(bytes_for(SLICE("123456"), T0 + 1), 36);
    cr_assert_eq(bytes_for(bytes_of(16, 'v'), T0 + 1), 48);
}

Test(entry, names_of_encodings_follow_redis) {
    struct db *db = ks_db(0);
    static const struct {
        const char *value, *name;
    } rows[] = {
        {"0", "int"},
        {"-1", "int"},
        {"2147483647", "int"},
        {"2147483648", "int"},
        {"-2147483648", "int"},
        {"-2147483649", "int"},
        {"9223372036854775807", "int"},
        {"-9223372036854775808", "int"},
        {"9223372036854775808", "embstr"},
        {"-9223372036854775809", "embstr"},
        {"", "embstr"},
        {"-", "embstr"},
        {"-0", "embstr"},
        {"+1", "embstr"},
        {"01", "embstr"},
        {" 1", "embstr"},
        {"1 ", "embstr"},
        {"1.0", "embstr"},
        {"12345678901234567890123456789012345678901234", "embstr"},
        {"123456789012345678901234567890123456789012345", "raw"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct entry *e = db_set_string(db, SLICE("k"), slice_of(rows[i].value), NO_EXPIRE);
        cr_assert_str_eq(entry_encoding_name(e), rows[i].name, "of '%s'", rows[i].value);
        cr_assert(value_is(e, slice_of(rows[i].value)));
        cr_assert_str_eq(entry_type_name(e), "string");
    }
}

Test(entry, forms_asked_for) {
    struct db *db = ks_db(0);
    struct value v = {.type = TYPE_STRING, .encoding = VALUE_NOT_INT, .bytes = SLICE("17")};
    cr_assert_str_eq(entry_encoding_name(db_set(db, SLICE("k"), &v, NO_EXPIRE)), "embstr");
    v.encoding = VALUE_RAW;
    cr_assert_str_eq(entry_encoding_name(db_set(db, SLICE("k"), &v, NO_EXPIRE)), "raw");
    v.encoding = VALUE_AUTO;
    cr_assert_str_eq(entry_encoding_name(db_set(db, SLICE("k"), &v, NO_EXPIRE)), "int");
}

Test(entry, a_given_sds_becomes_the_value_or_is_freed) {
    struct db *db = ks_db(0);
    struct value small = {.type = TYPE_STRING, .ptr = sds_new("17")};
    cr_assert_str_eq(entry_encoding_name(db_set(db, SLICE("k"), &small, NO_EXPIRE)), "int");
    sds s = sds_newlen(text, 50000);
    struct value big = {.type = TYPE_STRING, .ptr = s};
    struct entry *e = db_set(db, SLICE("k"), &big, NO_EXPIRE);
    cr_assert_eq(str_get(e, NULL).p, s);
    struct value unused = {.type = TYPE_STRING, .ptr = sds_new("x")};
    value_free(&unused);
    cr_assert_null(unused.ptr);
}

/* Every pair of key and value length around the places where the layout changes, with and without TTL. */
Test(entry, lengths_survive) {
    static const size_t lengths[] = {0,   1,   2,    15,   16,   44,   45,    100,   126,  127,
                                     128, 129, 1023, 1024, 1025, 2048, 16383, 16384, 70000};
    const size_t n = sizeof lengths / sizeof *lengths;
    struct db *db = ks_db(0);
    char *key = malloc(70000);
    for (size_t i = 0; i < n * n * 2; i++) {
        size_t key_n = lengths[i / 2 / n], value_n = lengths[i / 2 % n];
        memset(key, 'k', key_n);
        int64_t expire_ms = i % 2 ? T0 + (int64_t)i : NO_EXPIRE;
        slice want = bytes_of(value_n, (char)('a' + i % 26));
        struct entry *e = db_set_string(db, (slice){key, key_n}, want, expire_ms);
        cr_assert(slice_eq(entry_key(e), (slice){key, key_n}));
        cr_assert(value_is(e, want));
        cr_assert_eq(entry_expire_ms(e), expire_ms);
        cr_assert_geq(entry_bytes(e), key_n + value_n + 4);
        entry_set_lru(e, 0xabcdef);
        cr_assert_eq(entry_lru(e), 0xabcdef);
        cr_assert(value_is(e, want));
        cr_assert_eq(entry_expire_ms(e), expire_ms);
    }
    free(key);
}

Test(entry, block_is_of_the_class_of_its_content) {
    struct db *db = ks_db(0);
    for (size_t n = 0; n <= STR_EMBED_BYTES_MAX + 10; n++) {
        struct entry *e = db_set_string(db, SLICE("k"), bytes_of(n, 'x'), NO_EXPIRE);
        size_t block = entry_block_bytes(e);
        size_t want = n <= STR_EMBED_BYTES_MAX ? 4 + 2 + (n < 128 ? 1 : 2) + n : 4 + 2 + 8;
        cr_assert_eq(block, want, "value of %zu", n);
    }
}

/* Short times take 48 bits, others 64, and each may follow each. */
Test(entry, any_expire_time_survives) {
    const int64_t edge = (int64_t)1 << 47;
    const int64_t times[] = {0,        1,     -3,        T0,        edge - 1,      edge,      edge + 1,
                             1 - edge, -edge, -edge - 1, INT64_MAX, INT64_MAX - 1, INT64_MIN, INT64_MIN + 1};
    const size_t n = sizeof times / sizeof *times;
    struct db *db = ks_db(0);
    ks_set_applying(true);
    struct entry *e = db_set_string(db, SLICE("key"), SLICE("value"), T0);
    for (size_t i = 0; i < n * n; i++) {
        e = db_set_expire(db, e, times[i / n]);
        cr_assert_eq(entry_expire_ms(e), times[i / n]);
        e = db_set_expire(db, e, times[i % n]);
        cr_assert_eq(entry_expire_ms(e), times[i % n], "time %zu after %zu", i % n, i / n);
        cr_assert(value_is(e, SLICE("value")));
        e = db_set_string(db, SLICE("key"), SLICE("other"), times[i / n]);
        cr_assert_eq(entry_expire_ms(e), times[i / n]);
        e = db_set_string(db, SLICE("key"), SLICE("value"), KEEP_TTL);
        cr_assert_eq(entry_expire_ms(e), times[i / n]);
        cr_assert(slice_eq(entry_key(e), SLICE("key")));
        cr_assert_eq(db_expires(db), 1);
    }
}

Test(entry, pointer_values_know_their_type) {
    counted_register(true);
    struct entry *e = counted_set(ks_db(0), "k", 7, T0 + 5);
    cr_assert_eq(entry_type(e), TYPE_LIST);
    cr_assert_eq(entry_encoding(e), 3);
    cr_assert_str_eq(entry_type_name(e), "list");
    cr_assert_str_eq(entry_encoding_name(e), "counted");
    cr_assert_eq(entry_bytes(e), mem_good_size(4 + 10 + 2 + 8) + 3007);
    entry_set_ptr(e, 9, entry_ptr(e));
    cr_assert_eq(entry_encoding(e), 9);
    cr_assert_eq(entry_expire_ms(e), T0 + 5);
    entry_set_ptr(e, 3, entry_ptr(e));
}

/* DUMP and RESTORE: payloads that redis-server 7.0.15 made, byte for byte where the form leaves no choice. */
#include "base/digest.h"
#include "fixture.h"
#include "keyspace/str.h"
#include <criterion/criterion.h>
#include <endian.h>

#define PAYLOAD(value, bytes)                                                                                \
    { SLICE(value), SLICE(bytes) }
static const struct {
    slice value, payload;
} vectors[] = {
    PAYLOAD("", "\x00\x00\x0a\x00\x5d\x9b\x5c\x40\x0f\x7f\xa2\xda"),
    PAYLOAD("0", "\x00\xc0\x00\x0a\x00\x98\x40\xa7\x78\xf8\x50\x03\x08"),
    PAYLOAD("-129", "\x00\xc1\x7f\xff\x0a\x00\x17\x60\x82\x28\x54\x80\x84\x80"),
    PAYLOAD("2147483647", "\x00\xc2\xff\xff\xff\x7f\x0a\x00\x2c\x74\xe5\x9e\xe0\x2e\xad\xa1"),
    PAYLOAD("2147483648",
            "\x00\x0a\x32\x31\x34\x37\x34\x38\x33\x36\x34\x38\x0a\x00\xe7\xb1\x29\xa3\x4c\x1d\x76\xee"),
    PAYLOAD("hello", "\x00\x05\x68\x65\x6c\x6c\x6f\x0a\x00\x63\x72\xdf\x76\x65\x34\x20\x0a"),
    PAYLOAD("9223372036854775807",
            "\x00\x13\x39\x32\x32\x33\x33\x37\x32\x30\x33\x36\x38\x35\x34\x37\x37\x35\x38\x30\x37"
            "\x0a\x00\x3a\x65\x7e\x94\x81\xe8\x5f\x22"),
    PAYLOAD("aaaaaaaaaaaaaaaaaaaaa",
            "\x00\xc3\x06\x15\x01\x61\x61\xe0\x0a\x00\x0a\x00\xfd\x0c\xb3\x68\x07\x41\x3f\x68"),
};
enum { VECTORS = sizeof vectors / sizeof *vectors };

static sds dump_of(slice value) {
    sds out = sds_new("before");
    struct entry *e = db_set_string(ks_db(0), SLICE("k"), value, NO_EXPIRE);
    rdb_dump_value(&out, e);
    cr_assert(memcmp(out, "before", 6) == 0, "DUMP appends");
    sds payload = sds_newlen(out + 6, sds_len(out) - 6);
    sds_free(out);
    return payload;
}

Test(rdb_dump, payloads_are_those_of_redis) {
    fixture_begin(1);
    for (int i = 0; i < VECTORS; i++) {
        sds payload = dump_of(vectors[i].value);
        if (vectors[i].payload.p[1] != '\xc3') /* LZF leaves a choice */
            cr_assert(slice_eq(sds_slice(payload), vectors[i].payload), "row %d", i);
        sds_free(payload);
    }
}

Test(rdb_dump, payloads_of_redis_restore) {
    sds hold = NULL;
    for (int i = 0; i < VECTORS; i++) {
        struct value v;
        const char *err = rdb_restore_value(vectors[i].payload, &v, &hold);
        cr_assert_null(err, "row %d: %s", i, err);
        cr_assert_eq(v.type, TYPE_STRING);
        cr_assert(slice_eq(v.bytes, vectors[i].value), "row %d", i);
        value_free(&v);
    }
    sds_free(hold);
}

Test(rdb_dump, long_values_make_the_round) {
    static const size_t sizes[] = {20, 21, 63, 64, 4095, 4096, 16383, 16384, 300000, 2000000};
    fixture_begin(1);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        sds value = sds_grow_zero(sds_empty(), sizes[i]), hold = NULL;
        for (size_t k = 0; k < sizes[i]; k += 3) value[k] = (char)(k * 2654435761u >> 13);
        sds payload = dump_of(sds_slice(value));
        struct value v;
        cr_assert_null(rdb_restore_value(sds_slice(payload), &v, &hold));
        cr_assert(slice_eq(v.ptr ? sds_slice(v.ptr) : v.bytes, sds_slice(value)), "%zu bytes", sizes[i]);
        value_free(&v);
        sds_free(value);
        sds_free(payload);
        sds_free(hold);
    }
}

static const char *restore(slice payload) {
    struct value v;
    sds hold = NULL;
    const char *err = rdb_restore_value(payload, &v, &hold);
    value_free(&v);
    sds_free(hold);
    return err;
}

Test(rdb_dump, a_changed_or_cut_payload_is_refused) {
    fixture_begin(1);
    sds payload = dump_of(SLICE("some value of some length"));
    for (size_t i = 0; i < sds_len(payload); i++) {
        cr_assert_str_eq(restore((slice){payload, i}), "ERR DUMP payload version or checksum are wrong");
        payload[i] ^= 0x10;
        cr_assert_str_eq(restore(sds_slice(payload)), "ERR DUMP payload version or checksum are wrong");
        payload[i] ^= 0x10;
    }
    cr_assert_null(restore(sds_slice(payload)));
    sds_free(payload);
}

/* Behind a right checksum nothing is trusted either. */
static const char *restore_signed(slice body, int version) {
    sds s = sds_newlen(body.p, body.n);
    char v[2] = {(char)version, (char)(version >> 8)};
    s = sds_cat(s, v, 2);
    uint64_t crc = htole64(crc64(0, s, sds_len(s)));
    s = sds_cat(s, &crc, 8);
    const char *err = restore(sds_slice(s));
    sds_free(s);
    return err;
}

Test(rdb_dump, signed_nonsense_is_refused) {
    cr_assert_null(restore_signed(SLICE("\x00\x01x"), 1));
    cr_assert_null(restore_signed(SLICE("\x00\x01x"), 11));
    cr_assert_str_eq(restore_signed(SLICE("\x00\x01x"), 12),
                     "ERR DUMP payload version or checksum are wrong");
    cr_assert_str_eq(restore_signed(SLICE("\x00\x01x"), 0), "ERR DUMP payload version or checksum are wrong");
    cr_assert_str_eq(restore_signed(SLICE("\x00\x02x"), 10), "ERR Bad data format");
    cr_assert_str_eq(restore_signed(SLICE("\x00\x01xy"), 10), "ERR Bad data format");
    cr_assert_str_eq(restore_signed(SLICE("\x00"), 10), "ERR Bad data format");
    cr_assert_str_eq(restore_signed(SLICE("\x07\x01x"), 10), "ERR Bad data format");
    cr_assert_str_eq(restore_signed(SLICE("\xfe\x01x"), 10), "ERR Bad data format");
    cr_assert_str_eq(restore_signed(SLICE("\x00\xc3\x01\x3fx"), 10), "ERR Bad data format");
}

/* Bad files: each is refused with the offset and the reason, or loads, and nothing else happens. */
#include "base/alloc.h"
#include "base/digest.h"
#include "fixture.h"
#include <criterion/criterion.h>
#include <endian.h>

static const struct rdb_load_options plain_options;

static sds small_file(void) {
    struct rdb_info info = {.has_repl = true, .repl_stream_db = 0, .repl_offset = 77};
    memset(info.repl_id, 'a', 40);
    db_set_string(ks_db(0), SLICE("number"), SLICE("-70000"), NO_EXPIRE);
    db_set_string(ks_db(0), SLICE("plain"), SLICE("hello"), 0x7fffffffffffLL);
    db_set_string(ks_db(1), SLICE("packed"),
                  SLICE("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), NO_EXPIRE);
    return fixture_save(&info);
}

Test(rdb_load_bad, a_file_cut_anywhere_is_refused_at_its_end) {
    fixture_begin(2);
    sds file = small_file();
    for (size_t n = 0; n < sds_len(file); n++) {
        fixture_empty();
        cr_assert_not(fixture_load((slice){file, n}, &plain_options, NULL), "cut after %zu bytes", n);
        cr_assert_leq(fixture_offset, n);
        cr_assert(fixture_error[0]);
    }
    sds_free(file);
}

/* The checksum finds every change; without it, what is still well-formed loads. */
Test(rdb_load_bad, no_changed_byte_does_harm) {
    fixture_begin(2);
    sds file = small_file();
    size_t settled_bytes = 0;
    for (size_t i = 0; i < sds_len(file) - 8; i++) {
        char was = file[i];
        for (int v = 0; v < 256; v++) {
            if ((char)v == was) continue;
            file[i] = (char)v;
            rdb_config.checksum = true;
            fixture_empty();
            bool checked = fixture_load(sds_slice(file), &plain_options, NULL);
            /* A smaller version has no trailer, so no checksum that could tell. */
            cr_assert(!checked || (i == 8 && v >= '1' && v <= '4'), "byte %zu as %d", i, v);
            rdb_config.checksum = false;
            fixture_empty();
            if (!fixture_load(sds_slice(file), &plain_options, NULL)) cr_assert(fixture_error[0]);
            ks_shutdown();
            if (!settled_bytes) settled_bytes = mem_used_bytes();
            cr_assert_eq(mem_used_bytes(), settled_bytes, "byte %zu as %d leaks", i, v);
            ks_init(2);
        }
        file[i] = was;
    }
    sds_free(file);
}

static void assert_refused(slice file, uint64_t offset, const char *why) {
    fixture_empty();
    cr_assert_not(fixture_load(file, &plain_options, NULL), "loaded instead of saying '%s'", why);
    cr_assert(strstr(fixture_error, why), "'%s' does not say '%s'", fixture_error, why);
    cr_assert_eq(fixture_offset, offset, "'%s' at offset %llu", why, (unsigned long long)fixture_offset);
}

static void assert_body_refused(slice body, uint64_t offset, const char *why) {
    sds f = fixture_file(10, body);
    assert_refused(sds_slice(f), offset, why);
    sds_free(f);
}

Test(rdb_load_bad, headers) {
    fixture_begin(2);
    assert_refused(SLICE(""), 0, "unexpected end");
    assert_refused(SLICE("REDIS00"), 0, "unexpected end");
    assert_refused(SLICE("RADIS0010\xff"), 9, "signature");
    assert_refused(SLICE("REDIS0000\xff"), 9, "format version 0 is not");
    assert_refused(SLICE("REDIS0012\xff"), 9, "format version 12 is not");
    assert_refused(SLICE("REDIS9999\xff"), 9, "format version 9999 is not");
    assert_refused(SLICE("REDIS-001\xff"), 9, "not a number");
    assert_refused(SLICE("REDIS0010"), 9, "unexpected end");
    assert_refused(SLICE("REDIS0010\xff"), 10, "unexpected end");
}

Test(rdb_load_bad, opcodes) {
    fixture_begin(2);
    assert_body_refused(SLICE("\xfe\x02"), 11, "database 2 of 2");
    assert_body_refused(SLICE("\xfe\x81\xff\xff\xff\xff\xff\xff\xff\xff"), 19,
                        "database 18446744073709551615 of 2");
    assert_body_refused(SLICE("\xfe\xc0\x01"), 11, "string form 0 where a length is wanted");
    assert_body_refused(SLICE("\xf6\x01x"), 10, "pre-release function format");
    assert_body_refused(SLICE("\xf7\x05\x09"), 12, "unknown tag 9");
    assert_body_refused(SLICE("\x06\x01k\x01v"), 12, "type 6 (module-pre-release) are not supported");
    assert_body_refused(SLICE("\x07\x01k\x01v"), 12, "type 7 (module-value) are not supported");
    assert_body_refused(SLICE("\x08\x01k\x01v"), 12, "unknown value type or opcode 8");
    assert_body_refused(SLICE("\x16\x01k\x01v"), 12, "unknown value type or opcode 22");
    assert_body_refused(SLICE("\xf4\x01k\x01v"), 12, "unknown value type or opcode 244");
    assert_body_refused(SLICE("\x00\x80\x7f\xff\xff\xff"), 15, "2147483647 bytes");
    assert_body_refused(SLICE("\x00\x01k\x00\x00\x01k\x00"), 13, "duplicated key");
}

Test(rdb_load_bad, a_wrong_checksum) {
    fixture_begin(2);
    sds file = small_file();
    file[sds_len(file) - 1] ^= 1;
    assert_refused(sds_slice(file), sds_len(file), "RDB CRC error");
    memset(file + sds_len(file) - 8, 0, 8); /* none */
    fixture_empty();
    cr_assert(fixture_load(sds_slice(file), &plain_options, NULL));
    sds_free(file);
}

Test(rdb_load_bad, a_claim_of_many_keys_reserves_nothing_for_them) {
    fixture_begin(1);
    sds f = fixture_file(
        10, SLICE("\xfe\x00\xfb\x81\x10\x00\x00\x00\x00\x00\x00\x00\x81\xff\xff\xff\xff\xff\xff\xff\xff"
                  "\x00\x01k\x01v"));
    size_t before = mem_used_bytes();
    cr_assert(fixture_load(sds_slice(f), &plain_options, NULL), "%s", fixture_error);
    cr_assert_lt(mem_used_bytes(), before + 100000);
    sds_free(f);
}

Test(rdb_load_bad, strange_expire_times_do_no_harm) {
    static const char *const times[] = {
        "\xff\xff\xff\xff\xff\xff\xff\xff", "\xfe\xff\xff\xff\xff\xff\xff\xff",
        "\x00\x00\x00\x00\x00\x00\x00\x80", "\xff\xff\xff\xff\xff\xff\xff\x7f"};
    fixture_begin(1);
    for (int i = 0; i < 4; i++) {
        struct rdb_load_options o = {.replica = true};
        sds body = sds_new("\xfc");
        body = sds_cat(body, times[i], 8);
        body = sds_cat(body, "\x00\x01k\x01v", 5);
        sds f = fixture_file(10, sds_slice(body));
        fixture_empty();
        cr_assert(fixture_load(sds_slice(f), &o, NULL));
        cr_assert_eq(db_size(ks_db(0)), 1);
        cr_assert_eq(db_expires(ks_db(0)), i == 0 ? 0 : 1);
        sds_free(f);
        sds_free(body);
    }
}

/* As some old Redis wrote them. A payload is refused. */
Test(rdb_load_bad, keys_without_elements_are_passed_over) {
    struct rdb_load_stats stats;
    struct value v;
    sds hold = NULL;
    fixture_begin(2);
    static const char empty[] =
        "\x01\x01l\x00\x04\x01h\x00\x03\x01z\x00\x12\x01q\x00\x02\x01s\x00"
        "\x10\x01p\x07\x07\x00\x00\x00\x00\x00\xff\x14\x01t\x07\x07\x00\x00\x00\x00\x00\xff"
        "\x00\x01k\x01v";
    sds f = fixture_file(10, (slice){empty, sizeof empty - 1});
    cr_assert(fixture_load(sds_slice(f), &plain_options, &stats), "%s", fixture_error);
    cr_assert(stats.keys_loaded == 1 && stats.empty_keys_skipped == 7);
    cr_assert(slice_eq(fixture_get(0, "k"), SLICE("v")));
    sds_free(f);
    sds payload = sds_newlen("\x01\x00\x0a\x00", 4);
    uint64_t crc = htole64(crc64(0, payload, sds_len(payload)));
    payload = sds_cat(payload, &crc, sizeof crc);
    cr_assert_str_eq(rdb_restore_value(sds_slice(payload), &v, &hold), "ERR Bad data format");
    sds_free(payload);
    sds_free(hold);
}

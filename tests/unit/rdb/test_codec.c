/* Lengths and strings: each form at its limits, against the bytes that redis-server 7.0.15 writes. */
#include "rdb/codec.h"
#include "rdb/rdb.h"
#include <criterion/criterion.h>

static sds put_len(uint64_t n) {
    struct rdb_writer w;
    sds out = sds_empty();
    rdb_writer_memory(&w, &out);
    cr_assert(rdb_put_len(&w, n) && rdb_writer_flush(&w));
    rdb_writer_free(&w);
    return out;
}

Test(rdb_codec, lengths_take_their_shortest_form_and_come_back) {
    static const struct {
        uint64_t n;
        size_t bytes;
        const char *form;
    } rows[] = {
        {0, 1, "\x00"},
        {63, 1, "\x3f"},
        {64, 2, "\x40\x40"},
        {16383, 2, "\x7f\xff"},
        {16384, 5, "\x80\x00\x00\x40\x00"},
        {UINT32_MAX, 5, "\x80\xff\xff\xff\xff"},
        {(uint64_t)UINT32_MAX + 1, 9, "\x81\x00\x00\x00\x01\x00\x00\x00\x00"},
        {UINT64_MAX, 9, "\x81\xff\xff\xff\xff\xff\xff\xff\xff"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sds s = put_len(rows[i].n);
        struct rdb_reader r;
        uint64_t back;
        cr_assert(slice_eq(sds_slice(s), (slice){rows[i].form, rows[i].bytes}), "row %zu", i);
        rdb_reader_memory(&r, sds_slice(s));
        cr_assert(rdb_get_len(&r, &back) && back == rows[i].n);
        sds_free(s);
    }
}

static void assert_put_string(slice s, slice form) {
    struct rdb_writer w;
    struct rdb_reader r;
    sds out = sds_empty(), hold = NULL;
    slice back;
    rdb_writer_memory(&w, &out);
    cr_assert(rdb_put_string(&w, s) && rdb_writer_flush(&w));
    if (form.p) cr_assert(slice_eq(sds_slice(out), form), "the form of '%.*s'", (int)s.n, s.p);
    rdb_reader_memory(&r, sds_slice(out));
    cr_assert(rdb_get_string(&r, &back, &hold), "%s", r.error);
    cr_assert(slice_eq(back, s));
    cr_assert_eq(rdb_reader_rest(&r).n, 0);
    rdb_reader_memory(&r, sds_slice(out));
    cr_assert(rdb_skip_string(&r) && rdb_reader_rest(&r).n == 0);
    rdb_writer_free(&w);
    sds_free(out);
    sds_free(hold);
}

#define FORM(text, bytes) assert_put_string(SLICE(text), SLICE(bytes))

Test(rdb_codec, strings_take_the_forms_that_redis_gives_them) {
    FORM("", "\x00");
    FORM("0", "\xc0\x00");
    FORM("-1", "\xc0\xff");
    FORM("127", "\xc0\x7f");
    FORM("128", "\xc1\x80\x00");
    FORM("-128", "\xc0\x80");
    FORM("-129", "\xc1\x7f\xff");
    FORM("32767", "\xc1\xff\x7f");
    FORM("32768", "\xc2\x00\x80\x00\x00");
    FORM("-32769", "\xc2\xff\x7f\xff\xff");
    FORM("2147483647", "\xc2\xff\xff\xff\x7f");
    FORM("2147483648", "\x0a"
                       "2147483648");
    FORM("-2147483648", "\xc2\x00\x00\x00\x80");
    FORM("-2147483649", "\x0b-2147483649");
    FORM("01", "\x02"
               "01");
    FORM("+1", "\x02+1");
    FORM("-0", "\x02-0");
    FORM("hello", "\x05hello");
    FORM("12345678901", "\x0b"
                        "12345678901");
    FORM("aaaaaaaaaaaaaaaaaaaa", "\x14"
                                 "aaaaaaaaaaaaaaaaaaaa"); /* 20 bytes: not compressed */
    FORM("abcdefghijklmnopqrstu", "\x15"
                                  "abcdefghijklmnopqrstu"); /* compression does not gain */
}

Test(rdb_codec, long_strings_are_compressed_only_when_asked) {
    char run[100];
    memset(run, 'a', sizeof run);
    struct rdb_writer w;
    sds out = sds_empty();
    rdb_writer_memory(&w, &out);
    assert_put_string((slice){run, sizeof run}, (slice){0});
    cr_assert(rdb_put_string(&w, (slice){run, sizeof run}) && rdb_writer_flush(&w));
    cr_assert_eq((uint8_t)out[0], 0xc3);
    cr_assert_lt(sds_len(out), 20);
    sds_set_len(out, 0);
    rdb_config.compression = false;
    cr_assert(rdb_put_string(&w, (slice){run, sizeof run}) && rdb_writer_flush(&w));
    cr_assert_eq(sds_len(out), 102);
    rdb_writer_free(&w);
    sds_free(out);
}

/* Redis's own compressed bytes, from DUMP. */
Test(rdb_codec, strings_that_redis_compressed) {
    static const struct {
        slice form;
        const char *unit;
        int times;
    } rows[] = {
        {{"\xc3\x06\x15\x01\x61\x61\xe0\x0a\x00", 9}, "a", 21},
        {{"\xc3\x09\x40\x64\x01\x61\x61\xe0\x57\x00\x01\x61\x61", 13}, "a", 100},
        {{"\xc3\x0a\x40\x50\x02\x61\x62\x61\xe0\x42\x01\x01\x61\x62", 14}, "ab", 40},
        {{"\xc3\x15\x40\x4e\x0dhello world, h\xe0\x35\x0c\x01, ", 25}, "hello world, ", 6},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sds plain = sds_empty(), hold = NULL;
        struct rdb_reader r;
        slice got;
        for (int k = 0; k < rows[i].times; k++) plain = sds_cat_str(plain, rows[i].unit);
        rdb_reader_memory(&r, rows[i].form);
        cr_assert(rdb_get_string(&r, &got, &hold), "row %zu: %s", i, r.error);
        cr_assert(slice_eq(got, sds_slice(plain)), "row %zu", i);
        sds_free(plain);
        sds_free(hold);
    }
}

static void assert_refused(slice form, const char *why) {
    struct rdb_reader r;
    slice got;
    sds hold = NULL;
    rdb_reader_memory(&r, form);
    cr_assert_not(rdb_get_string(&r, &got, &hold));
    cr_assert(strstr(r.error, why), "'%s' does not say '%s'", r.error, why);
    sds_free(hold);
    rdb_reader_memory(&r, form);
    r.failed = false;
    if (strstr(why, "LZF") == NULL) cr_assert_not(rdb_skip_string(&r));
}

Test(rdb_codec, hostile_strings_are_refused_with_the_reason) {
    assert_refused(SLICE("\x05hell"), "5 bytes, 4 bytes before the end");
    assert_refused(SLICE("\x81\xff\xff\xff\xff\xff\xff\xff\xffx"), "18446744073709551615 bytes");
    assert_refused(SLICE("\x80\xff\xff\xff\xffx"), "4294967295 bytes");
    assert_refused(SLICE("\x82xxxxxxxx"), "unknown length encoding 0x82");
    assert_refused(SLICE("\xc4xxxx"), "unknown string form 4");
    assert_refused(SLICE("\xc2xxx"), "unexpected end");
    assert_refused(SLICE("\xc3\x05\x80\xff\xff\xff\xffhello"),
                   "LZF string of 5 bytes cannot expand to 4294967295");
    assert_refused(SLICE("\xc3\x05\x00hello"), "LZF string of 5 bytes cannot expand to 0");
    assert_refused(SLICE("\xc3\x05\x14\xff\xff\xff\xff\xff"), "invalid LZF");
}

/* A source of unknown size that claims a huge string: memory follows the bytes that came, not the claim. */
static long few_bytes(struct rdb_reader *r, void *p, size_t n) {
    (void)n;
    int *left = r->ctx;
    if (--*left < 0) return 0;
    memset(p, 'x', 1000);
    return 1000;
}

Test(rdb_codec, a_claimed_length_allocates_nothing) {
    struct rdb_reader r;
    slice got;
    sds hold = NULL;
    int deliveries = 300;
    rdb_reader_source(&r, few_bytes, 4096);
    r.ctx = &deliveries;
    memcpy(r.buf, "\x81\x00\x00\x00\x10\x00\x00\x00\x00", 9); /* 64 GB */
    r.filled = 9;
    cr_assert_not(rdb_get_string(&r, &got, &hold));
    cr_assert(r.short_read);
    cr_assert_lt(sds_alloc_bytes(hold), 4 << 20);
    rdb_reader_free(&r);
    sds_free(hold);
}

/* Of a stream that goes on behind the length it was said to have, claims are believed no more. */
Test(rdb_codec, behind_the_end_that_was_said_nothing_is_left) {
    struct rdb_reader r;
    slice got;
    sds hold = NULL;
    int deliveries = 300;
    rdb_reader_source(&r, few_bytes, 4096);
    r.ctx = &deliveries;
    r.total_bytes = 5;
    memcpy(r.buf, "\x81\x00\x00\x00\x10\x00\x00\x00\x00", 9); /* 64 GB */
    r.filled = 9;
    cr_assert_not(rdb_get_string(&r, &got, &hold));
    cr_assert(strstr(r.error, "0 bytes before the end"), "%s", r.error);
    cr_assert_eq(rdb_room_for(&r, 1000, 1), 0);
    rdb_reader_free(&r);
    sds_free(hold);
}

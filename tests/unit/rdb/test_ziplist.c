/* Ziplists: every form of entry becomes the same listpack entry, and whatever is not a ziplist is refused. */
#include "base/listpack.h"
#include "base/sds.h"
#include "rdb/ziplist.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void put_le(uint8_t *p, uint64_t v, int n) {
    for (int i = 0; i < n; i++) p[i] = (uint8_t)(v >> 8 * i);
}

struct builder {
    sds body;
    size_t size_of_last, last_at;
    int count;
};

/* An entry: encoding, then data, behind the size of the one before. */
static void add(struct builder *b, const char *encoding, size_t encoding_n, const char *data, size_t n) {
    uint8_t before[5] = {(uint8_t)b->size_of_last};
    size_t start = sds_len(b->body), before_n = 1;
    if (b->size_of_last >= 254) {
        before[0] = 254;
        put_le(before + 1, b->size_of_last, 4);
        before_n = 5;
    }
    b->body = sds_cat(b->body, before, before_n);
    b->body = sds_cat(b->body, encoding, encoding_n);
    b->body = sds_cat(b->body, data, n);
    b->last_at = start;
    b->size_of_last = sds_len(b->body) - start;
    b->count++;
}

static sds finish(struct builder *b) {
    uint8_t header[10];
    put_le(header, 10 + sds_len(b->body) + 1, 4);
    put_le(header + 4, 10 + b->last_at, 4);
    put_le(header + 8, (uint64_t)b->count, 2);
    sds zl = sds_cat(sds_newlen(header, 10), b->body, sds_len(b->body));
    sds_free(b->body);
    return sds_cat(zl, "\xff", 1);
}

static sds every_form(void) {
    struct builder b = {.body = sds_empty()};
    char big[20000];
    memset(big, 'x', sizeof big);
    add(&b, "\x05", 1, "hello", 5);
    add(&b, "\x00", 1, "", 0);
    add(&b, "\x41\x2c", 2, big, 300);
    add(&b, "\xf1", 1, "", 0);
    add(&b, "\xfd", 1, "", 0);
    add(&b, "\x80\x00\x00\x4e\x20", 5, big, 20000);
    add(&b, "\xfe", 1, "\x80", 1);
    add(&b, "\xc0", 1, "\x00\x80", 2);
    add(&b, "\xf0", 1, "\xff\xff\x7f", 3);
    add(&b, "\xd0", 1, "\x00\x00\x00\x80", 4);
    add(&b, "\xe0", 1, "\xff\xff\xff\xff\xff\xff\xff\x7f", 8);
    return finish(&b);
}

Test(ziplist, every_form_of_entry) {
    sds zl = every_form();
    uint8_t *lp = ziplist_to_listpack(sds_slice(zl));
    cr_assert_not_null(lp);
    cr_assert(lp_validate(lp, lp_bytes(lp), NULL, NULL));
    static const struct {
        size_t text_n; /* 0: an integer */
        int64_t integer;
    } want[] = {{5, 0},    {0, -1},     {300, 0},     {0, 0},         {0, 12},       {20000, 0},
                {0, -128}, {0, -32768}, {0, 8388607}, {0, INT32_MIN}, {0, INT64_MAX}};
    lp_pos at = lp_first(lp);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++, at = lp_next(at)) {
        struct lp_value v = lp_get(at);
        if (i == 1)
            cr_assert(v.text.p && v.text.n == 0);
        else if (want[i].text_n)
            cr_assert_eq(v.text.n, want[i].text_n);
        else
            cr_assert(!v.text.p && v.integer == want[i].integer, "entry %zu: %lld", i, (long long)v.integer);
    }
    cr_assert_null(at);
    lp_free(lp);
    sds_free(zl);
}

Test(ziplist, an_empty_one) {
    slice zl = {"\x0b\0\0\0\x0a\0\0\0\0\0\xff", 11};
    uint8_t *lp = ziplist_to_listpack(zl);
    cr_assert_not_null(lp);
    cr_assert_eq(lp_length(lp), 0);
    lp_free(lp);
}

Test(ziplist, every_cut_is_refused) {
    sds zl = every_form();
    for (size_t n = 0; n < sds_len(zl); n = n < 400 || n + 100 > sds_len(zl) ? n + 1 : n + 97) {
        char *exact = malloc(n + 1); /* so that ASan sees a read behind the end */
        memcpy(exact, zl, n);
        cr_assert_null(ziplist_to_listpack((slice){exact, n}), "%zu bytes", n);
        if (n > 10) { /* the same with a header and an end mark that say so */
            put_le((uint8_t *)exact, n, 4);
            exact[n - 1] = (char)0xff;
            cr_assert_null(ziplist_to_listpack((slice){exact, n}), "%zu bytes, sealed", n);
        }
        free(exact);
    }
    sds_free(zl);
}

Test(ziplist, what_contradicts_itself_is_refused) {
    sds zl = every_form();
    static const size_t places[] = {0, 4, 8, 9, 10, 17, 18};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        zl[places[i]] ^= 1;
        cr_assert_null(ziplist_to_listpack(sds_slice(zl)), "byte %zu changed", places[i]);
        zl[places[i]] ^= 1;
    }
    zl[8] = zl[9] = (char)0xff; /* "not known" is fine */
    uint8_t *lp = ziplist_to_listpack(sds_slice(zl));
    cr_assert_not_null(lp);
    lp_free(lp);
    sds_free(zl);
}

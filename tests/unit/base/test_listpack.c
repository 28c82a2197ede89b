/* Listpacks against a model, an array of texts, and against bytes that redis-server 7.0.15 made. */
#include "base/alloc.h"
#include "base/listpack.h"
#include "base/random.h"
#include "base/sds.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define TEXT(s) ((slice){(s), sizeof(s) - 1})

/* --- the format --- */

static void expect_entry(slice s, const char *hex) {
    uint8_t got[64];
    char text[130] = "";
    size_t n = lp_encode(got, s);
    cr_assert_eq(n, lp_encoded_bytes(s));
    for (size_t i = 0; i < n; i++) snprintf(text + 2 * i, 3, "%02x", got[i]);
    cr_assert_str_eq(text, hex, "%.*s: %s", (int)s.n, s.p, text);
}

Test(listpack, integers_are_encoded_as_the_reference_does) {
    static const struct {
        const char *text, *hex;
    } cases[] = {
        {"0", "0001"},
        {"127", "7f01"},
        {"128", "c08002"},
        {"-1", "dfff02"},
        {"4095", "cfff02"},
        {"4096", "f1001003"},
        {"-4096", "d00002"},
        {"-4097", "f1ffef03"},
        {"32767", "f1ff7f03"},
        {"32768", "f200800004"},
        {"-32768", "f1008003"},
        {"-32769", "f2ff7fff04"},
        {"8388607", "f2ffff7f04"},
        {"8388608", "f30000800005"},
        {"-8388608", "f200008004"},
        {"-8388609", "f3ffff7fff05"},
        {"2147483647", "f3ffffff7f05"},
        {"2147483648", "f4000000800000000009"},
        {"-2147483648", "f30000008005"},
        {"-2147483649", "f4ffffff7fffffffff09"},
        {"9223372036854775807", "f4ffffffffffffff7f09"},
        {"-9223372036854775808", "f4000000000000008009"},
        {"", "8001"},
        {"a", "816102"},
        {"-", "812d02"},
        {"-0", "822d3003"},
        {"01", "82303103"},
        {"+1", "822b3103"},
        {"1 ", "82312003"},
        {"9223372036854775808", "933932323333373230333638353437373538303814"},
        {"-9223372036854775809", "942d3932323333373230333638353437373538303915"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect_entry(slice_of(cases[i].text), cases[i].hex);
}

/* String lengths where the encoding or the backlen gets longer: the first bytes, the last, and the overhead. */
Test(listpack, strings_are_encoded_as_the_reference_does) {
    static const struct {
        size_t n, overhead;
        uint8_t first[5], last[3];
    } cases[] = {
        {63, 2, {0xbf, 'x', 'x', 'x', 'x'}, {'x', 'x', 0x40}},
        {64, 3, {0xe0, 0x40, 'x', 'x', 'x'}, {'x', 'x', 0x42}},
        {125, 3, {0xe0, 0x7d, 'x', 'x', 'x'}, {'x', 'x', 0x7f}},
        {126, 4, {0xe0, 0x7e, 'x', 'x', 'x'}, {'x', 0x01, 0x80}},
        {4095, 4, {0xef, 0xff, 'x', 'x', 'x'}, {'x', 0x20, 0x81}},
        {4096, 7, {0xf0, 0x00, 0x10, 0x00, 0x00}, {'x', 0x20, 0x85}},
        {16377, 7, {0xf0, 0xf9, 0x3f, 0x00, 0x00}, {'x', 0x7f, 0xfe}},
        {16378, 8, {0xf0, 0xfa, 0x3f, 0x00, 0x00}, {0x00, 0xff, 0xff}},
        {16379, 8, {0xf0, 0xfb, 0x3f, 0x00, 0x00}, {0x01, 0x80, 0x80}},
    };
    char *text = mem_alloc(20000);
    uint8_t *got = mem_alloc(20000);
    memset(text, 'x', 20000);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t n = lp_encode(got, (slice){text, cases[i].n});
        cr_assert_eq(n, cases[i].n + cases[i].overhead, "length %zu", cases[i].n);
        cr_assert_arr_eq(got, cases[i].first, 5);
        cr_assert_arr_eq(got + n - 3, cases[i].last, 3);
    }
    mem_free(text, 20000);
    mem_free(got, 20000);
}

Test(listpack, whole_is_the_references_bytes) {
    static const uint8_t bytes[] = "\x1f\0\0\0\4\0\x84name\5\x86tandem\7\x84port\5\xf1\xeb\x18\3\xff";
    static const slice words[] = {{"name", 4}, {"tandem", 6}, {"port", 4}, {"6379", 4}};
    uint8_t *lp = lp_append_many(lp_new(), words, 4);
    cr_assert_eq(lp_bytes(lp), sizeof(bytes) - 1);
    cr_assert_arr_eq(lp, bytes, sizeof(bytes) - 1);
    lp_free(lp);
}

/* --- against a model --- */

#define MODEL_MAX 512

struct model {
    uint8_t *lp;
    sds text[MODEL_MAX];
    size_t n;
};

/* Texts of all encodings; a few of them again and again, so that finding has something to find. */
static sds random_text(size_t max) {
    static const int64_t edges[] = {0, 127, 4095, 32767, 8388607, INT32_MAX, INT64_MAX};
    uint64_t kind = random_below(8);
    if (kind < 2) return sds_cat_printf(sds_empty(), "%s%d", kind ? "-" : "", (int)random_below(300));
    if (kind == 2) {
        int64_t edge = edges[random_below(7)] - (int64_t)random_below(2);
        return sds_cat_printf(sds_empty(), "%lld", (long long)(random_below(2) ? edge : -edge));
    }
    if (kind == 3) return sds_cat_printf(sds_empty(), "f%d", (int)random_below(10));
    size_t n = kind == 4 ? random_below(max) : random_below(70);
    sds s = sds_newlen(NULL, n);
    for (size_t i = 0; i < n; i++) s[i] = (char)(random_below(2) ? random_below(256) : '0');
    return s;
}

static void model_insert(struct model *m, size_t at, sds s) {
    memmove(m->text + at + 1, m->text + at, (m->n - at) * sizeof(sds));
    m->text[at] = s;
    m->n++;
}

static void model_delete(struct model *m, size_t at, size_t n) {
    if (n > m->n - at) n = m->n - at;
    for (size_t i = 0; i < n; i++) sds_free(m->text[at + i]);
    memmove(m->text + at, m->text + at + n, (m->n - at - n) * sizeof(sds));
    m->n -= n;
}

static void expect_at(struct model *m, lp_pos at, size_t i) {
    char buf[LP_INT_BYTES];
    if (i >= m->n) {
        cr_assert_null(at);
        return;
    }
    cr_assert_not_null(at);
    cr_assert(slice_eq(lp_text(at, buf), sds_slice(m->text[i])), "entry %zu", i);
    cr_assert(lp_equals(at, sds_slice(m->text[i])));
    int64_t v;
    cr_assert_eq(num_parse_i64(sds_slice(m->text[i]), &v), lp_get(at).text.p == NULL);
}

static bool count_entry(void *ctx, lp_pos at, size_t index) {
    size_t *seen = ctx;
    cr_assert_not_null(at);
    return index == (*seen)++;
}

static void expect_same(struct model *m) {
    size_t seen = 0, i = 0;
    cr_assert(lp_validate(m->lp, lp_bytes(m->lp), count_entry, &seen));
    cr_assert_eq(seen, m->n);
    cr_assert_eq(lp_length(m->lp), m->n);
    for (lp_pos at = lp_first(m->lp); at; at = lp_next(at)) expect_at(m, at, i++);
    cr_assert_eq(i, m->n);
    for (lp_pos at = lp_last(m->lp); at; at = lp_prev(m->lp, at)) expect_at(m, at, --i);
    cr_assert_eq(i, 0);
}

static size_t model_find(struct model *m, size_t from, slice s, unsigned skip) {
    for (; from < m->n; from += skip + 1)
        if (slice_eq(sds_slice(m->text[from]), s)) return from;
    return m->n;
}

static void expect_found(struct model *m) {
    unsigned skip = (unsigned)random_below(4);
    size_t from = random_below(m->n + 1);
    sds s = m->n && random_below(2) ? sds_dup(m->text[random_below(m->n)]) : random_text(5000);
    size_t want = model_find(m, from, sds_slice(s), skip);
    expect_at(m, lp_find(lp_seek(m->lp, (int64_t)from), sds_slice(s), skip), want);
    sds_free(s);
}

static void grow(struct model *m) {
    if (m->n + 4 > MODEL_MAX) return;
    sds s = random_text(5000);
    size_t at = random_below(m->n + 1);
    lp_pos pos = lp_seek(m->lp, (int64_t)at);
    int64_t v;
    bool is_int = num_parse_i64(sds_slice(s), &v) && random_below(2);
    switch (random_below(3)) {
    case 0:
        m->lp = is_int ? lp_append_int(m->lp, v) : lp_append(m->lp, sds_slice(s));
        model_insert(m, m->n, s);
        return;
    case 1:
        m->lp = lp_insert(m->lp, &pos, sds_slice(s));
        model_insert(m, at, s);
        expect_at(m, pos, at);
        return;
    case 2: {
        sds more[3] = {s, random_text(100), random_text(100)};
        slice slices[3];
        for (int i = 0; i < 3; i++) {
            slices[i] = sds_slice(more[i]);
            model_insert(m, m->n, more[i]);
        }
        m->lp = lp_append_many(m->lp, slices, 3);
        return;
    }
    }
}

static void replace(struct model *m) {
    if (m->n == 0) return;
    size_t at = random_below(m->n);
    lp_pos pos = lp_seek(m->lp, (int64_t)at);
    sds s = random_text(5000);
    m->lp = lp_replace(m->lp, &pos, sds_slice(s));
    sds_free(m->text[at]);
    m->text[at] = s;
    expect_at(m, pos, at);
}

static void shrink(struct model *m) {
    if (m->n == 0) return;
    size_t at = random_below(m->n), n = random_below(4) ? random_below(4) : random_below(m->n * 2);
    lp_pos pos = lp_seek(m->lp, (int64_t)at);
    switch (random_below(3)) {
    case 0:
        m->lp = lp_delete(m->lp, &pos);
        model_delete(m, at, 1);
        expect_at(m, pos, at);
        return;
    case 1:
        m->lp = lp_delete_run(m->lp, &pos, n);
        model_delete(m, at, n);
        expect_at(m, pos, at);
        return;
    case 2:
        m->lp = lp_delete_range(m->lp, random_below(2) ? (int64_t)at : (int64_t)at - (int64_t)m->n, n);
        model_delete(m, at, n);
        return;
    }
}

static void expect_sought(struct model *m) {
    int64_t n = (int64_t)m->n, i = (int64_t)random_below(m->n * 2 + 4) - n - 2;
    lp_pos at = lp_seek(m->lp, i);
    if (i < -n || i >= n)
        cr_assert_null(at);
    else
        expect_at(m, at, (size_t)(i < 0 ? i + n : i));
}

static void merge(struct model *m) {
    uint8_t *other = lp_new();
    for (size_t n = random_below(5); n > 0 && m->n < MODEL_MAX; n--) {
        sds s = random_text(300);
        other = lp_append(other, sds_slice(s));
        model_insert(m, m->n, s);
    }
    m->lp = lp_merge(m->lp, other);
}

static void run_model(uint64_t seed, int steps) {
    random_seed(seed);
    struct model m = {.lp = lp_new()};
    for (int i = 0; i < steps; i++) {
        uint64_t what = random_below(20);
        if (what < 9)
            grow(&m);
        else if (what < 12)
            replace(&m);
        else if (what < 15)
            shrink(&m);
        else if (what == 15)
            merge(&m);
        else if (what < 18)
            expect_sought(&m);
        else
            expect_found(&m);
        if (i % 8 == 0) expect_same(&m);
    }
    expect_same(&m);
    uint8_t *copy = lp_copy(m.lp);
    cr_assert(lp_bytes(copy) == lp_bytes(m.lp) && memcmp(copy, m.lp, lp_bytes(copy)) == 0);
    lp_free(copy);
    model_delete(&m, 0, m.n);
    m.lp = lp_delete_range(m.lp, 0, SIZE_MAX);
    expect_same(&m);
    cr_assert_eq(lp_bytes(m.lp), LP_EMPTY_BYTES);
    lp_free(m.lp);
}

Test(listpack, behaves_as_an_array_of_texts) {
    size_t before = mem_used_bytes();
    for (uint64_t seed = 1; seed <= 20; seed++) run_model(seed, 2000);
    cr_assert_eq(mem_used_bytes(), before, "every block freed, with its size");
}

Test(listpack, counts_more_entries_than_the_header_can_say) {
    uint8_t *lp = lp_new();
    for (int i = 0; i < 70000; i++) lp = lp_append_int(lp, i % 100);
    cr_assert_eq(lp_length(lp), 70000);
    cr_assert_eq(lp_get(lp_seek(lp, -1)).integer, 69999 % 100);
    cr_assert_eq(lp_get(lp_seek(lp, 65540)).integer, 65540 % 100);
    cr_assert(lp_validate(lp, lp_bytes(lp), NULL, NULL));
    lp = lp_delete_range(lp, -10, 20);
    cr_assert_eq(lp_length(lp), 69990);
    lp = lp_delete_range(lp, 1000, 68000);
    cr_assert_eq(lp_length(lp), 1990);
    cr_assert(lp[4] == (1990 & 255) && lp[5] == 1990 >> 8, "noted in the header again");
    cr_assert(lp_validate(lp, lp_bytes(lp), NULL, NULL));
    lp_free(lp);
}

/* Entries that are well-formed but longer than need be are found by value. */
Test(listpack, finds_what_no_redis_would_have_written) {
    static const uint8_t bytes[] = "\x1c\0\0\0\4\0\x82"
                                   "12\3\xf1\7\0\3\xe0\2ab\4\xf0\2\0\0\0cd\7\xff";
    size_t n = sizeof(bytes) - 1;
    cr_assert(lp_validate(bytes, n, NULL, NULL));
    uint8_t *lp = lp_from_bytes(bytes, n);
    static const slice texts[] = {{"12", 2}, {"7", 1}, {"ab", 2}, {"cd", 2}};
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(lp_find(lp_first(lp), texts[i], 0), lp_seek(lp, i), "%s", texts[i].p);
        cr_assert(lp_equals(lp_seek(lp, i), texts[i]));
    }
    cr_assert_null(lp_find(lp_first(lp), TEXT("cc"), 0));
    lp_free(lp);
}

/* The search loads words that begin before short texts. */
Test(listpack, finds_short_texts_at_the_very_front) {
    static const char letters[] = "abcdefghijkl";
    for (size_t n = 0; n < 12; n++) {
        slice s = {letters, n};
        uint8_t *lp = lp_append(lp_append(lp_new(), s), TEXT("bcdefghijklm"));
        cr_assert_eq(lp_find(lp_first(lp), s, 0), lp_first(lp), "%zu bytes", n);
        cr_assert_null(lp_find(lp_first(lp), (slice){"xxxxxxxxxxxx", n + 1}, 0));
        char other[12];
        memcpy(other, letters, n);
        for (size_t i = 0; i < n; i++) { /* one byte differs, wherever it is */
            other[i] ^= 1;
            cr_assert_null(lp_find(lp_first(lp), (slice){other, n}, 0));
            other[i] ^= 1;
        }
        lp_free(lp);
    }
}

/* --- bytes from outside --- */

static bool refuse_third(void *ctx, lp_pos at, size_t index) {
    (void)ctx, (void)at;
    return index < 2;
}

Test(listpack, refuses_malformed_bytes) {
    static const slice bad[] = {
        TEXT(""),
        TEXT("\6\0\0\0\0\0"),
        TEXT("\7\0\0\0\0\0\0"),          /* no end mark */
        TEXT("\10\0\0\0\0\0\xff"),       /* another length than said */
        TEXT("\7\0\0\0\1\0\xff"),        /* an entry too few */
        TEXT("\11\0\0\0\0\0\1\1\xff"),   /* one too many */
        TEXT("\11\0\0\0\1\0\1\2\xff"),   /* a wrong backlen */
        TEXT("\10\0\0\0\1\0\1\xff"),     /* no backlen */
        TEXT("\11\0\0\0\1\0\x82x\xff"),  /* a text beyond the end */
        TEXT("\10\0\0\0\1\0\xf0\xff"),   /* a length beyond the end */
        TEXT("\11\0\0\0\1\0\xf5\1\xff"), /* no such encoding */
        TEXT("\11\0\0\0\1\0\xff\1\xff"), /* an end before the end */
        TEXT("\15\0\0\0\1\0\xf0\xff\xff\xff\xff\4\xff"),
        TEXT("\12\0\0\0\1\0\x80\x80\1\xff"), /* a backlen longer than need be */
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint8_t *copy = mem_alloc(bad[i].n); /* of its exact size, for the sanitizer */
        memcpy(copy, bad[i].p, bad[i].n);
        cr_assert_not(lp_validate(copy, bad[i].n, NULL, NULL), "case %zu", i);
        mem_free(copy, bad[i].n);
    }
    for (size_t cut = 1; cut <= 2; cut++) { /* within the two bytes of a backlen */
        uint8_t *lp = lp_append(lp_new(), (slice){(char[126]){'x'}, 126});
        size_t bytes = lp_bytes(lp), n = bytes - cut;
        uint8_t *copy = memcpy(mem_alloc(n), lp, n);
        lp_set_header(copy, n, 1);
        copy[n - 1] = LP_END;
        cr_assert_not(lp_validate(copy, n, NULL, NULL), "%zu cut off", cut);
        mem_free(copy, n);
        lp_free(lp);
    }
    static const uint8_t three[] = "\15\0\0\0\3\0\1\1\2\1\3\1\xff";
    cr_assert(lp_validate(three, sizeof(three) - 1, NULL, NULL));
    cr_assert_not(lp_validate(three, sizeof(three) - 1, refuse_third, NULL));
}

Test(listpack, knows_its_limit) {
    uint8_t *lp = lp_new();
    cr_assert(lp_may_grow(lp, LP_BYTES_MAX - LP_EMPTY_BYTES));
    cr_assert_not(lp_may_grow(lp, LP_BYTES_MAX - LP_EMPTY_BYTES + 1));
    cr_assert_not(lp_may_grow(lp, SIZE_MAX));
    lp_free(lp);
}

/* --- random picks --- */

#define PICK_N      40
#define PICK_ROUNDS 40000

static uint8_t *numbers(unsigned stride) {
    uint8_t *lp = lp_new();
    for (int i = 0; i < PICK_N; i++) {
        lp = lp_append_int(lp, i);
        for (unsigned j = 1; j < stride; j++) lp = lp_append(lp, TEXT("value"));
    }
    return lp;
}

static void expect_even(const size_t seen[PICK_N], size_t total) {
    double expected = (double)total / PICK_N, chi2 = 0;
    for (int i = 0; i < PICK_N; i++)
        chi2 += ((double)seen[i] - expected) * ((double)seen[i] - expected) / expected;
    cr_assert_lt(chi2, 90, "39 degrees of freedom: 72.05 is exceeded once in a thousand; the seed is fixed");
}

Test(listpack, picks_evenly) {
    random_seed(7);
    for (unsigned stride = 1; stride <= 2; stride++) {
        uint8_t *lp = numbers(stride);
        size_t some[PICK_N] = {0}, distinct[PICK_N] = {0};
        for (int round = 0; round < PICK_ROUNDS; round++) {
            lp_pos out[10];
            lp_random_picks(lp, stride, 1 + round % 10, out);
            some[lp_get(out[round % 10]).integer]++;
            cr_assert_eq(lp_random_distinct(lp, stride, 10, out), 10);
            for (int i = 0; i < 10; i++) {
                distinct[lp_get(out[i]).integer]++;
                if (i > 0) cr_assert_lt(out[i - 1], out[i], "in order, so each once");
            }
        }
        expect_even(some, PICK_ROUNDS);
        expect_even(distinct, PICK_ROUNDS * 10);
        lp_pos all[PICK_N + 5];
        cr_assert_eq(lp_random_distinct(lp, stride, PICK_N + 5, all), PICK_N);
        lp_free(lp);
    }
    uint8_t *empty = lp_new();
    lp_pos none;
    cr_assert_eq(lp_random_distinct(empty, 1, 1, &none), 0);
    lp_free(empty);
}

/* --- names that occur twice --- */

Test(listpack, tells_distinct_names) {
    uint8_t *lp = lp_new();
    cr_assert(lp_distinct(lp, 1));
    for (int i = 0; i < 700; i++) { /* more than fit the table on the stack */
        lp = lp_append_int(lp, i);
        lp = lp_append(lp, TEXT("same value"));
    }
    cr_assert(lp_distinct(lp, 2));
    cr_assert_not(lp_distinct(lp, 1));
    cr_assert(lp_distinct(lp, 1400));
    uint8_t *twice = lp_append_int(lp_copy(lp), 699);
    cr_assert_not(lp_distinct(twice, 2), "the last name again, without a value");
    lp_free(twice);
    lp = lp_append(lp, TEXT("0a"));
    cr_assert(lp_distinct(lp, 2));
    lp_free(lp);
}

/* Any bytes as a listpack: what passes the check can be walked both ways, read, searched, sampled and changed, and
 * stays a listpack with the entries it should have. */
#include "base/alloc.h"
#include "base/assert.h"
#include "base/listpack.h"
#include "base/random.h"
#include "fuzz.h"

#define SEED_ENTRIES 12

struct seen {
    size_t entries;
    lp_pos end; /* where the next entry must start */
};

static bool see(void *ctx, lp_pos at, size_t index) {
    struct seen *s = ctx;
    assert_that(index == s->entries++ && at == s->end);
    s->end = at + lp_entry_bytes(at);
    return true;
}

static void expect_valid(uint8_t *lp, size_t entries) {
    assert_that(lp_validate(lp, lp_bytes(lp), NULL, NULL));
    assert_that(lp_length(lp) == entries);
}

static void read_all(uint8_t *lp, size_t entries) {
    size_t n = 0, sum = 0;
    for (lp_pos at = lp_first(lp); at; at = lp_next(at), n++) {
        char buf[LP_INT_BYTES];
        slice text = lp_text(at, buf);
        for (size_t i = 0; i < text.n; i++) sum += (unsigned char)text.p[i];
        assert_that(lp_equals(at, text) && lp_seek(lp, (int64_t)n) == at);
        lp_pos found = lp_find(lp_first(lp), text, 0);
        assert_that(found && found <= at && lp_find(at, text, (unsigned)n % 3) == at);
    }
    assert_that(n == entries && sum + 1 > 0);
    for (lp_pos at = lp_last(lp); at; at = lp_prev(lp, at)) n--;
    assert_that(n == 0);
    lp_find(lp_first(lp), SLICE("no such text"), 1);
}

/* The same entries, written anew in their shortest form, are equal one by one. */
static void rewrite(uint8_t *lp, size_t entries) {
    uint8_t *fresh = lp_new();
    for (lp_pos at = lp_first(lp); at; at = lp_next(at)) {
        char buf[LP_INT_BYTES];
        fresh = lp_append(fresh, lp_text(at, buf));
    }
    expect_valid(fresh, entries);
    lp_pos a = lp_first(lp), b = lp_first(fresh);
    for (; a; a = lp_next(a), b = lp_next(b)) {
        char buf[LP_INT_BYTES];
        assert_that(lp_equals(b, lp_text(a, buf)));
    }
    uint8_t *twice = lp_merge(lp_copy(fresh), fresh);
    expect_valid(twice, entries * 2);
    lp_free(twice);
}

static uint8_t *change(uint8_t *lp, size_t entries) {
    lp_pos picks[4];
    size_t n = lp_random_distinct(lp, 1, 4, picks);
    size_t offsets[4];
    for (size_t i = 0; i < n; i++) offsets[i] = (size_t)(picks[i] - lp);
    entries -= n;
    while (n-- > 0) { /* the last first: what stands before it stays in its place */
        lp_pos at = lp + offsets[n];
        lp = lp_delete(lp, &at);
    }
    expect_valid(lp, entries);
    if (entries > 0) {
        lp_pos at;
        lp_random_picks(lp, 1, 1, &at);
        lp = lp_replace(lp, &at, SLICE("some text of another length"));
        assert_that(lp_equals(at, SLICE("some text of another length")));
        lp_random_picks(lp, 1, 1, &at);
        lp = lp_insert(lp, &at, SLICE("123456"));
        assert_that(lp_get(at).integer == 123456);
        expect_valid(lp, entries + 1);
        lp = lp_delete(lp, &at);
        lp = lp_delete_range(lp, -1, 1);
        expect_valid(lp, --entries);
    }
    return lp;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct seen seen = {0, data + LP_HEADER_BYTES};
    if (!lp_validate(data, size, see, &seen)) return 0;
    assert_that(seen.end == data + size - 1);
    random_seed(size);
    uint8_t *lp = lp_from_bytes(data, size);
    read_all(lp, seen.entries);
    rewrite(lp, seen.entries);
    lp_free(change(lp, seen.entries));
    return 0;
}

/* The same first entries as texts, with a growing number of them, so that splicing mixes encodings. */
size_t fuzz_seed(int i, uint8_t *buf, size_t cap) {
    static const char *const texts[SEED_ENTRIES] = {"field",  "12",      "-1",         "4095",
                                                    "-30000", "8000000", "2000000000", "-9000000000000000000",
                                                    "",       "1.5",     "long",       "x"};
    if (i > SEED_ENTRIES) return 0;
    uint8_t *lp = lp_new();
    for (int k = 0; k < i; k++) {
        char text[5000];
        slice s = slice_of(texts[k]);
        if (s.n == 4 && memcmp(s.p, "long", 4) == 0) {
            s = (slice){text, i % 2 ? 300 : sizeof(text)};
            memset(text, 'l', sizeof(text));
        }
        lp = lp_append(lp, s);
    }
    size_t n = lp_bytes(lp);
    assert_that(n <= cap);
    memcpy(buf, lp, n);
    lp_free(lp);
    return n;
}

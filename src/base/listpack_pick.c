/* Listpacks: random picks. Entries have no table of places, so a pick is a walk; several picks share one.
 * Every stride-th entry is a candidate; the others are what belongs to it (a field's value). */
#include "base/listpack_internal.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/random.h"

static size_t candidates(uint8_t *lp, unsigned stride) {
    return lp_length(lp) / stride;
}

static lp_pos seek_candidate(uint8_t *lp, unsigned stride, size_t i) {
    return lp_seek(lp, (int64_t)(i * stride));
}

static lp_pos step(lp_pos at, unsigned stride) {
    while (stride-- > 0) at += lp_entry_bytes(at);
    return at;
}

/* A few picks are sought one by one; for more, the places of all candidates are noted in one walk. */
void lp_random_picks(uint8_t *lp, unsigned stride, size_t count, lp_pos *out) {
    size_t n = candidates(lp, stride);
    assert_that(n > 0 || count == 0);
    if (count <= 2) {
        for (size_t i = 0; i < count; i++) out[i] = seek_candidate(lp, stride, random_below(n));
        return;
    }
    lp_pos *places = mem_alloc(n * sizeof(*places)), at = lp_first(lp);
    for (size_t i = 0; i < n; i++, at = step(at, stride)) places[i] = at;
    for (size_t i = 0; i < count; i++) out[i] = places[random_below(n)];
    mem_free(places, n * sizeof(*places));
}

/* Selection sampling (Knuth, 3.4.2 S): a candidate is taken with the chance (still wanted) / (still to come), which
 * makes every choice of `count` equally likely. */
size_t lp_random_distinct(uint8_t *lp, unsigned stride, size_t count, lp_pos *out) {
    size_t n = candidates(lp, stride), taken = 0;
    if (count > n) count = n;
    lp_pos at = lp_first(lp);
    for (size_t seen = 0; taken < count; seen++, at = step(at, stride)) {
        if (random_below(n - seen) < count - taken) out[taken++] = at;
    }
    return taken;
}

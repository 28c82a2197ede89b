/* See timeline.h. Invariant: in each ring times and offsets never fall from one sample to the next. */
#include "repl/timeline.h"

static const struct moment *newest(const struct moment *ring, uint64_t n, unsigned size) {
    return n ? &ring[(n - 1) % size] : 0;
}

static void add(struct moment *ring, uint64_t *n, unsigned size, int64_t step_ms, struct moment m) {
    const struct moment *last = newest(ring, *n, size);
    if (last && (m.ms < last->ms || m.offset < last->offset)) *n = 0;
    if (*n && m.ms - last->ms < step_ms) return;
    ring[*n % size] = m;
    ++*n;
}

void timeline_note(struct timeline *t, int64_t offset, int64_t now_ms) {
    struct moment m = {offset, now_ms};
    add(t->fine, &t->fine_n, TIMELINE_FINE, TIMELINE_FINE_MS, m);
    add(t->coarse, &t->coarse_n, TIMELINE_COARSE, TIMELINE_COARSE_MS, m);
}

void timeline_forget(struct timeline *t) {
    t->fine_n = t->coarse_n = 0;
}

/* The first sample at which the byte was there, by halving; NULL when none has it. *oldest: it is the oldest one held. */
static const struct moment *first_with(const struct moment *ring, uint64_t n, unsigned size, int64_t offset,
                                       bool *oldest) {
    uint64_t lo = n > size ? n - size : 0, begin = lo, hi = n;
    while (lo < hi) {
        uint64_t mid = lo + (hi - lo) / 2;
        if (ring[mid % size].offset >= offset)
            hi = mid;
        else
            lo = mid + 1;
    }
    *oldest = lo == begin;
    return lo == n ? 0 : &ring[lo % size];
}

int64_t timeline_age_ms(const struct timeline *t, int64_t offset, int64_t now_ms) {
    bool oldest;
    const struct moment *m = first_with(t->fine, t->fine_n, TIMELINE_FINE, offset, &oldest);
    if (m && oldest && t->coarse_n) {
        const struct moment *c = first_with(t->coarse, t->coarse_n, TIMELINE_COARSE, offset, &oldest);
        if (c && c->ms < m->ms) m = c;
    }
    return m && now_ms > m->ms ? now_ms - m->ms : 0;
}

static uint64_t rate_between(const struct moment *from, const struct moment *to) {
    int64_t ms = to->ms - from->ms;
    return ms > 0 ? (uint64_t)((double)(to->offset - from->offset) * 1000 / (double)ms) : 0;
}

uint64_t timeline_rate(const struct timeline *t, int64_t window_ms, int64_t now_ms) {
    const struct moment *to = newest(t->coarse, t->coarse_n, TIMELINE_COARSE), *from = to;
    uint64_t first = t->coarse_n > TIMELINE_COARSE ? t->coarse_n - TIMELINE_COARSE : 0;
    for (uint64_t i = t->coarse_n; i > first; i--) {
        from = &t->coarse[(i - 1) % TIMELINE_COARSE];
        if (now_ms - from->ms >= window_ms) break;
    }
    return to ? rate_between(from, to) : 0;
}

/* Two marks move through the samples, at most window_ms apart. What came in a longer gap (the loop was blocked) may have
 * come at any time in it. */
uint64_t timeline_peak_rate(const struct timeline *t, int64_t window_ms) {
    uint64_t peak = 0, from = t->coarse_n > TIMELINE_COARSE ? t->coarse_n - TIMELINE_COARSE : 0;
    const struct moment *last = newest(t->coarse, t->coarse_n, TIMELINE_COARSE);
    if (!last || last->ms - t->coarse[from % TIMELINE_COARSE].ms < window_ms) return 0;
    for (uint64_t to = from; from < t->coarse_n; from++) {
        const struct moment *start = &t->coarse[from % TIMELINE_COARSE];
        if (to < from) to = from;
        while (to + 1 < t->coarse_n && t->coarse[(to + 1) % TIMELINE_COARSE].ms - start->ms <= window_ms)
            to++;
        struct moment end =
            t->coarse[(to > from || from + 1 == t->coarse_n ? to : from + 1) % TIMELINE_COARSE];
        if (end.ms - start->ms < window_ms) end.ms = start->ms + window_ms;
        uint64_t rate = rate_between(start, &end);
        if (rate > peak) peak = rate;
    }
    return peak;
}

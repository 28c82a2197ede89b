/* A histogram of durations: log-linear buckets, so that the relative error is the same everywhere (1/64 at most) and adding
 * is a shift and an increment. The unit is the caller's. Counts only; what is beyond the last bucket counts there. */
#ifndef TANDEM_BASE_HISTOGRAM_H
#define TANDEM_BASE_HISTOGRAM_H

#include <stdint.h>

enum {
    HISTOGRAM_STEPS_BITS = 5, /* steps of each power of two */
    HISTOGRAM_STEPS = 1 << HISTOGRAM_STEPS_BITS,
    HISTOGRAM_VALUE_BITS = 36, /* 20 s of ticks at 3 GHz */
    HISTOGRAM_BUCKETS = (HISTOGRAM_VALUE_BITS - HISTOGRAM_STEPS_BITS + 1) * HISTOGRAM_STEPS
};

struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS];
};

static inline unsigned histogram_bucket(uint64_t value) {
    if (value >> HISTOGRAM_VALUE_BITS) return HISTOGRAM_BUCKETS - 1;
    unsigned log = 63u - (unsigned)__builtin_clzll(value | HISTOGRAM_STEPS);
    unsigned shift = log - HISTOGRAM_STEPS_BITS;
    return (shift << HISTOGRAM_STEPS_BITS) + (unsigned)(value >> shift);
}

static inline void histogram_add(struct histogram *h, uint64_t value) {
    h->counts[histogram_bucket(value)]++;
}

double histogram_middle(unsigned bucket); /* of the values that fall into it */
uint64_t histogram_total(const struct histogram *h);
/* The value that `percent` of what was counted does not exceed; 0 when nothing was. */
double histogram_percentile(const struct histogram *h, double percent);

#endif

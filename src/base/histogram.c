/* Reading a histogram: see histogram.h for its buckets.
 *
 * Values below HISTOGRAM_STEPS have a bucket each; from there on a power of two is cut into HISTOGRAM_STEPS equal parts. */
#include "base/histogram.h"

double histogram_middle(unsigned bucket) {
    if (bucket < 2 * HISTOGRAM_STEPS) return bucket; /* as wide as one value */
    unsigned shift = (bucket >> HISTOGRAM_STEPS_BITS) - 1;
    uint64_t low = ((uint64_t)bucket - ((uint64_t)shift << HISTOGRAM_STEPS_BITS)) << shift;
    return (double)low + (double)(((uint64_t)1 << shift) - 1) / 2;
}

uint64_t histogram_total(const struct histogram *h) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) sum += h->counts[i];
    return sum;
}

double histogram_percentile(const struct histogram *h, double percent) {
    uint64_t total = histogram_total(h), seen = 0;
    if (!total) return 0;
    if (percent > 100) percent = 100;
    uint64_t rank = (uint64_t)(percent / 100 * (double)total + 0.5);
    if (rank == 0) rank = 1;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->counts[i];
        if (seen >= rank) return histogram_middle(i);
    }
    return histogram_middle(HISTOGRAM_BUCKETS - 1);
}

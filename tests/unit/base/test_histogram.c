/* Histograms: buckets cover all values without gaps, their middles are near, percentiles find their place. */
#include "base/histogram.h"

#include <criterion/criterion.h>
#include <math.h>

Test(histogram, buckets_rise_without_gaps) {
    unsigned before = 0;
    for (uint64_t v = 0; v < 100000; v++) {
        unsigned b = histogram_bucket(v);
        cr_assert(b == before || b == before + 1, "%llu", (unsigned long long)v);
        before = b;
    }
    for (int log = 17; log < 64; log++) {
        uint64_t v = (uint64_t)1 << log;
        cr_assert(histogram_bucket(v) >= histogram_bucket(v - 1));
        cr_assert(histogram_bucket(v) < HISTOGRAM_BUCKETS);
    }
    cr_assert_eq(histogram_bucket(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
}

Test(histogram, middles_are_near) {
    for (uint64_t v = 0; v >> HISTOGRAM_VALUE_BITS == 0; v = v * 5 / 4 + 1) {
        double middle = histogram_middle(histogram_bucket(v));
        cr_assert(fabs(middle - (double)v) <= (double)v / 64, "%llu: %f", (unsigned long long)v, middle);
        cr_assert_eq(histogram_bucket((uint64_t)middle), histogram_bucket(v));
    }
}

Test(histogram, percentiles) {
    static struct histogram h;
    cr_assert_eq(histogram_percentile(&h, 50), 0);
    for (uint64_t v = 1; v <= 1000; v++) histogram_add(&h, v);
    cr_assert_eq(histogram_total(&h), 1000);
    cr_assert_eq(histogram_percentile(&h, 0), 1);
    cr_assert_eq(histogram_percentile(&h, 2), 20);
    cr_assert_float_eq(histogram_percentile(&h, 50), 500, 8);
    cr_assert_float_eq(histogram_percentile(&h, 99.9), 999, 16);
    cr_assert_float_eq(histogram_percentile(&h, 100), 1000, 16);
    cr_assert_eq(histogram_percentile(&h, 250), histogram_percentile(&h, 100));
}

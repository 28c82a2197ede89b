/* base/hll.c: counting well, and runs that clients broke. The bytes are compared with the real one's in tests/peer. */
#include "base/hll.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

static uint64_t count(sds s) {
    uint8_t registers[HLL_REGISTERS] = {0};
    cr_assert(hll_merge(registers, sds_slice(s)));
    return hll_count(registers);
}

Test(hll, counts_within_its_error_in_either_form) {
    sds sparse = hll_new(), dense = hll_new();
    cr_assert_eq(count(sparse), 0);
    cr_assert(hll_to_dense(&dense));
    for (int i = 1; i <= 100000; i++) {
        char b[16];
        slice e = {b, (size_t)snprintf(b, sizeof b, "%d", i)};
        int r = hll_add(&sparse, e, 3000);
        cr_assert_eq(hll_add_dense(dense, e), r);
        if (i != 10 && i != 1000 && i != 100000) continue;
        cr_assert_eq(count(sparse), count(dense));
        cr_assert(fabs((double)count(dense) - i) <= i * 0.03 + 1, "%d: %d", i, (int)count(dense));
    }
    cr_assert(hll_is_dense(sds_slice(sparse)));
    sds_free(sparse);
    sds_free(dense);
}

/* Every string of a few bytes behind a header: nothing is read outside, and what can't be whole is refused. */
Test(hll, broken_runs_are_refused) {
    for (unsigned v = 0; v < 1 << 16; v += 7) {
        uint8_t registers[HLL_REGISTERS] = {0};
        unsigned char runs[3] = {(unsigned char)(v >> 8), (unsigned char)v, 0x7f};
        sds s = sds_newlen("HYLL\1\0\0\0\0\0\0\0\0\0\0\0", HLL_HEADER_BYTES);
        s = sds_cat(s, runs, 1 + v % 3);
        bool whole = hll_merge(registers, sds_slice(s));
        sds copy = sds_dup(s);
        cr_assert_eq(hll_to_dense(&copy), whole);
        for (unsigned reg = 0; reg < HLL_REGISTERS; reg += 999) hll_set(&s, reg, 3 + reg % 40, 3000);
        cr_assert(hll_is(sds_slice(s)));
        sds_free(copy);
        sds_free(s);
    }
}

/* Slices: order, blanks, and lengths that an int can't hold. */
#include "base/slice.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>

Test(slice, order_is_that_of_the_bytes) {
    static const slice rising[] = {{"", 0},   {"\0", 1}, {"a", 1},   {"a\0", 2},
                                   {"ab", 2}, {"b", 1},  {"\xff", 1}};
    for (int i = 0; i < 7; i++)
        for (int k = 0; k < 7; k++) {
            int d = slice_cmp(rising[i], rising[k]);
            cr_assert_eq((d > 0) - (d < 0), (i > k) - (i < k), "%d and %d", i, k);
        }
}

Test(slice, trimmed_at_both_ends) {
    cr_assert(slice_eq(slice_trim(SLICE(" \t a b\r "), " \t\r"), SLICE("a b")));
    cr_assert(slice_eq(slice_trim(SLICE("a b"), " "), SLICE("a b")));
    cr_assert_eq(slice_trim(SLICE("   "), " ").n, 0);
    cr_assert_eq(slice_trim(SLICE(""), " ").n, 0);
}

Test(slice, printf_never_gets_a_length_that_wraps) {
    char text[16];
    const slice longs[] = {{"abc", (size_t)1 << 31}, {"abc", (size_t)1 << 32}, {"abc", SIZE_MAX}};
    for (int i = 0; i < 3; i++) { /* printf ends at the NUL: what counts is that the precision is positive */
        snprintf(text, sizeof text, "%.*s", SLICE_ARGS(longs[i]));
        cr_assert_str_eq(text, "abc");
    }
}

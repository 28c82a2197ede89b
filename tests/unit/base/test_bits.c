/* base/bits.c beside the plain way, bit by bit. */
#include "base/bits.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static char bytes[67];
static const slice all = {bytes, sizeof bytes};

static int bit_at(uint64_t i) {
    return (unsigned char)bytes[i / 8] >> (7 - i % 8) & 1;
}

static void fill(unsigned seed, int density) {
    srand(seed);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = 0;
        for (int b = 0; b < 8; b++) bytes[i] = (char)(bytes[i] | (rand() % 100 < density) << b);
    }
}

Test(bits, counts_between_any_two_bits) {
    fill(1, 40);
    for (uint64_t first = 0; first < 150; first++) {
        uint64_t n = 0;
        for (uint64_t last = first; last < 8 * sizeof bytes; last++) {
            n += (uint64_t)bit_at(last);
            cr_assert_eq(bits_count(all, first, last), n, "%d..%d", (int)first, (int)last);
        }
    }
    cr_assert_eq(bits_count_bytes(bytes, 0), 0);
}

static int64_t find(bool set, uint64_t first, uint64_t last) {
    for (uint64_t i = first; i <= last; i++)
        if (bit_at(i) == set) return (int64_t)i;
    return -1;
}

Test(bits, finds_the_first_between_any_two_bits) {
    static const int densities[] = {0, 1, 50, 99, 100};
    for (size_t d = 0; d < sizeof densities / sizeof *densities; d++) {
        fill(2, densities[d]);
        for (uint64_t first = 0; first < 8 * sizeof bytes; first += 3)
            for (uint64_t last = first; last < 8 * sizeof bytes; last += 5)
                for (int set = 0; set < 2; set++)
                    cr_assert_eq(bits_find(all, set, first, last), find(set, first, last));
    }
}

Test(bits, a_number_of_any_width_at_any_offset_changes_only_its_bits) {
    for (int width = 1; width <= 64; width++) {
        for (uint64_t offset = 0; offset < 24; offset++) {
            char before[sizeof bytes];
            uint64_t v = (0x9e3779b97f4a7c15u * (offset + 1)) >> (64 - width);
            fill((unsigned)width, 50);
            memcpy(before, bytes, sizeof bytes);
            uint64_t old = bits_read(all, offset, width);
            for (int i = 0; i < width; i++)
                cr_assert_eq(old >> (width - 1 - i) & 1, (uint64_t)bit_at(offset + (uint64_t)i));
            bits_write(bytes, offset, width, v);
            cr_assert_eq(bits_read(all, offset, width), v);
            bits_write(bytes, offset, width, old);
            cr_assert_arr_eq(bytes, before, sizeof bytes);
        }
    }
}

Test(bits, beyond_the_end_everything_is_zero) {
    fill(3, 100);
    cr_assert_eq(bits_read(all, 8 * sizeof bytes - 4, 8), 0xf0);
    cr_assert_eq(bits_read(all, 8 * sizeof bytes, 64), 0);
    cr_assert_eq(bits_read(all, UINT64_MAX / 2, 63), 0);
}

Test(bits, combines_and_inverts_whole_strings) {
    char a[19], b[19];
    for (size_t i = 0; i < sizeof a; i++) a[i] = (char)(i * 37), b[i] = (char)(i * 91 + 5);
    for (int op = BITS_AND; op <= BITS_XOR; op++) {
        char to[sizeof a];
        memcpy(to, a, sizeof a);
        bits_combine((enum bits_op)op, to, b, sizeof b);
        for (size_t i = 0; i < sizeof a; i++)
            cr_assert_eq(to[i], (char)(op == BITS_AND  ? a[i] & b[i]
                                       : op == BITS_OR ? a[i] | b[i]
                                                       : a[i] ^ b[i]));
    }
    memcpy(b, a, sizeof a);
    bits_invert(b, sizeof b);
    for (size_t i = 0; i < sizeof a; i++) cr_assert_eq(b[i], (char)~a[i]);
}

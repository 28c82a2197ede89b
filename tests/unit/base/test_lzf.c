/* LZF: what goes in comes out, malformed input is refused, ratio and determinism hold. */
#include "base/lzf.h"
#include "base/random.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

static uint8_t plain[70000], packed[80000], back[70000];

static void fill(size_t n, unsigned alphabet) {
    for (size_t i = 0; i < n; i++) plain[i] = (uint8_t)random_below(alphabet);
}

Test(lzf, round_trips) {
    random_seed(21);
    static const unsigned alphabets[] = {1, 2, 4, 26, 256};
    for (int i = 0; i < 30000; i++) {
        size_t n = 5 + random_below(i % 200 == 0 ? sizeof(plain) - 5 : 400);
        fill(n, alphabets[i % 5]);
        if (i % 3 == 0 && n > 40) memcpy(plain + n / 2, plain, n / 3); /* a far match */
        size_t z = lzf_compress(plain, n, packed, sizeof(packed));
        cr_assert_gt(z, 0, "with room enough everything can be written");
        memset(back, 0xee, n);
        cr_assert_eq(lzf_decompress(packed, z, back, n), n);
        cr_assert_eq(memcmp(plain, back, n), 0);
    }
}

Test(lzf, repeats_shrink_and_noise_is_refused) {
    memset(plain, 'x', 1000);
    cr_assert_leq(lzf_compress(plain, 1000, packed, 996), 16);
    random_seed(22);
    fill(1000, 256);
    cr_assert_eq(lzf_compress(plain, 1000, packed, 996), 0);
    cr_assert_eq(lzf_compress(plain, 4, packed, sizeof(packed)), 0);
    cr_assert_eq(lzf_compress(plain, 100, packed, 0), 0);
}

Test(lzf, never_writes_past_the_room) {
    random_seed(23);
    for (int i = 0; i < 3000; i++) {
        size_t n = 5 + random_below(300), cap = random_below(n);
        fill(n, 3);
        memset(packed, 0xa5, sizeof(packed));
        size_t z = lzf_compress(plain, n, packed, cap);
        cr_assert_leq(z, cap);
        cr_assert_eq(packed[cap], 0xa5);
    }
}

Test(lzf, the_result_depends_on_the_input_alone) {
    static uint8_t first[1000];
    random_seed(24);
    fill(800, 4);
    size_t n = lzf_compress(plain, 800, first, sizeof(first));
    static uint8_t kept[800];
    memcpy(kept, plain, 800);
    for (int i = 0; i < 50; i++) {
        fill(600, 4);
        lzf_compress(plain, 600, packed, 596);
        cr_assert_eq(lzf_compress(kept, 800, packed, sizeof(first)), n);
        cr_assert_eq(memcmp(packed, first, n), 0);
    }
}

/* Streams made by hand from the format, and each way to break one. */
Test(lzf, reads_the_format) {
    cr_assert_eq(lzf_decompress("\x02"
                                "abc\x20\x02",
                                6, back, 6),
                 6);
    cr_assert_eq(memcmp(back, "abcabc", 6), 0);
    cr_assert_eq(lzf_decompress("\x00"
                                "a\xe0\x05\x00",
                                5, back, 15),
                 15, "an overlapping run");
    cr_assert_eq(memcmp(back, "aaaaaaaaaaaaaaa", 15), 0);
    cr_assert_eq(lzf_decompress("\x01"
                                "ab\x60\x01",
                                5, back, 7),
                 7);
    cr_assert_eq(memcmp(back, "abababa", 7), 0);
}

Test(lzf, refuses_malformed_streams) {
    cr_assert_eq(lzf_decompress("\x05"
                                "abc",
                                4, back, 6),
                 0, "literals cut off");
    cr_assert_eq(lzf_decompress("\x02"
                                "abc",
                                4, back, 2),
                 0, "more than asked for");
    cr_assert_eq(lzf_decompress("\x02"
                                "abc",
                                4, back, 4),
                 0, "less than asked for");
    cr_assert_eq(lzf_decompress("\x20\x00", 2, back, 3), 0, "a match before the start");
    cr_assert_eq(lzf_decompress("\x00"
                                "a\x20\x01",
                                4, back, 4),
                 0, "a match one before the start");
    cr_assert_eq(lzf_decompress("\x00"
                                "a\x20",
                                3, back, 4),
                 0, "an offset cut off");
    cr_assert_eq(lzf_decompress("\x00"
                                "a\xe0",
                                3, back, 4),
                 0, "a length cut off");
    cr_assert_eq(lzf_decompress("\x00"
                                "a\xe0\x01",
                                4, back, 11),
                 0, "an offset cut off after a length");
    cr_assert_eq(lzf_decompress("\x00"
                                "a\xe0\xff\x00",
                                5, back, 20),
                 0, "a match past the end");
}

Test(lzf, survives_random_streams) {
    random_seed(25);
    for (int i = 0; i < 100000; i++) {
        size_t n = random_below(60), out_n = random_below(300);
        for (size_t k = 0; k < n; k++) packed[k] = (uint8_t)random_u64();
        back[out_n] = 0x5a;
        size_t got = lzf_decompress(packed, n, back, out_n);
        cr_assert(got == 0 || got == out_n);
        cr_assert_eq(back[out_n], 0x5a);
    }
}

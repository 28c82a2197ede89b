/* The hash: deterministic, keyed, every byte and the length count, and its bits are spread. */
#include "base/hash.h"

#include <criterion/criterion.h>
#include <string.h>

Test(hash, same_bytes_same_hash_wherever_they_lie) {
    char buf[128];
    for (size_t n = 0; n <= 64; n++) {
        for (size_t i = 0; i < n; i++) buf[i] = (char)(i * 7 + n);
        uint64_t h = hash_bytes(buf, n);
        memmove(buf + 13, buf, n);
        cr_assert_eq(hash_bytes(buf + 13, n), h, "length %zu", n);
    }
}

Test(hash, every_bit_of_every_byte_counts) {
    unsigned char buf[70];
    for (size_t n = 1; n <= sizeof(buf); n++) {
        memset(buf, 0x55, n);
        uint64_t h = hash_bytes(buf, n);
        for (size_t bit = 0; bit < n * 8; bit++) {
            buf[bit / 8] ^= (unsigned char)(1u << bit % 8);
            cr_assert_neq(hash_bytes(buf, n), h, "length %zu bit %zu", n, bit);
            buf[bit / 8] ^= (unsigned char)(1u << bit % 8);
        }
    }
}

Test(hash, length_counts) {
    static const char zeros[64];
    for (size_t a = 0; a < sizeof(zeros); a++)
        for (size_t b = 0; b < a; b++)
            cr_assert_neq(hash_bytes(zeros, a), hash_bytes(zeros, b), "%zu %zu", a, b);
}

Test(hash, seed_changes_every_value) {
    uint64_t before = hash_bytes("foo", 3), empty = hash_bytes("", 0);
    hash_seed((const uint8_t *)"0123456789abcdef");
    uint64_t after = hash_bytes("foo", 3);
    cr_assert_neq(after, before);
    cr_assert_neq(hash_bytes("", 0), empty);
    hash_seed((const uint8_t *)"0123456789abcdeg");
    cr_assert_neq(hash_bytes("foo", 3), after);
    hash_seed((const uint8_t *)"0123456789abcdef");
    cr_assert_eq(hash_bytes("foo", 3), after);
}

Test(hash, nocase_folds_ascii_letters_only) {
    cr_assert_eq(hash_bytes_nocase("Replica-Of-No-One!", 18), hash_bytes_nocase("rEPLICA-oF-nO-oNE!", 18));
    for (int a = 0; a < 256; a++) {
        for (int b = 0; b < 256; b++) {
            unsigned char x[9] = "abcdefgh", y[9] = "ABCDEFGH";
            x[3] = (unsigned char)a;
            y[3] = (unsigned char)b;
            int fold_a = a >= 'A' && a <= 'Z' ? a + 32 : a, fold_b = b >= 'A' && b <= 'Z' ? b + 32 : b;
            cr_assert_eq(hash_bytes_nocase(x, 8) == hash_bytes_nocase(y, 8), fold_a == fold_b, "%d %d", a, b);
        }
    }
}

/* 65536 consecutive keys into 4096 bins, by the high bits (buckets) and by the low byte (tags). The bounds are
 * ten standard deviations of an ideal hash; the seed is fixed, so the outcome is too. */
Test(hash, consecutive_keys_spread) {
    static unsigned high[4096], low[256];
    for (uint64_t i = 0; i < 65536; i++) {
        uint64_t h = hash_bytes(&i, sizeof(i));
        high[h >> 52]++;
        low[h & 255]++;
    }
    for (int i = 0; i < 4096; i++) cr_assert_lt(high[i], 16 + 40, "bin %d", i);
    for (int i = 0; i < 256; i++)
        cr_assert(low[i] > 256 - 160 && low[i] < 256 + 160, "bin %d: %u", i, low[i]);
}

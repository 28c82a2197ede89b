/* A keyed hash of byte strings: 16 bytes a step, mixed by a 64x64 -> 128 bit multiplication folded in half.
 *
 * The four key words come from the seed, so which inputs collide cannot be known from outside; in particular no
 * input is known to make a factor zero. Every input byte and the length reach the last two multiplications. */
#include "base/hash.h"

#include <stdbool.h>
#include <string.h>

static uint64_t key[4] = {0x243f6a8885a308d3, 0x13198a2e03707344, 0xa4093822299f31d0, 0x082efa98ec4e6c89};

static inline uint64_t fold(uint64_t a, uint64_t b) {
    __uint128_t m = (__uint128_t)a * b;
    return (uint64_t)m ^ (uint64_t)(m >> 64);
}

/* Bits that are zero too often would weaken the products: draw each key word through a mixer. */
void hash_seed(const uint8_t seed[16]) {
    uint64_t s[2];
    memcpy(s, seed, sizeof(s));
    for (int i = 0; i < 4; i++) {
        uint64_t x = s[i & 1] + (uint64_t)(i + 1) * 0x9e3779b97f4a7c15;
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
        x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
        s[(i + 1) & 1] ^= x;
        key[i] = x ^ (x >> 31);
    }
}

/* Eight bytes at once: 'A'..'Z' become 'a'..'z', all else stays. The sums don't carry between bytes because
 * the top bit of each is masked away. */
static inline uint64_t lower8(uint64_t x) {
    const uint64_t ones = 0x0101010101010101;
    uint64_t low = x & (ones * 0x7f);
    uint64_t from_a = low + ones * (0x80 - 'A');
    uint64_t after_z = low + ones * (0x80 - 'Z' - 1);
    uint64_t upper = (from_a & ~after_z & ~x) & (ones * 0x80);
    return x | (upper >> 2);
}

static inline uint64_t load8(const uint8_t *p, bool nocase) {
    uint64_t v;
    memcpy(&v, p, sizeof(v));
    return nocase ? lower8(v) : v;
}

static inline uint64_t load4(const uint8_t *p, bool nocase) {
    uint32_t v;
    memcpy(&v, p, sizeof(v));
    return nocase ? lower8(v) : v;
}

static inline uint64_t hash(const uint8_t *p, size_t n, bool nocase) {
    uint64_t h = key[0] ^ n, a, b;
    size_t left = n;
    for (; left > 16; left -= 16, p += 16) h = fold(load8(p, nocase) ^ key[1], load8(p + 8, nocase) ^ h);
    if (left >= 8) {
        a = load8(p, nocase);
        b = load8(p + left - 8, nocase);
    } else if (left >= 4) {
        a = load4(p, nocase);
        b = load4(p + left - 4, nocase);
    } else if (left > 0) {
        a = (uint64_t)p[0] << 16 | (uint64_t)p[left / 2] << 8 | p[left - 1];
        if (nocase) a = lower8(a);
        b = 0;
    } else {
        a = b = 0;
    }
    h = fold(a ^ key[1], b ^ h);
    return fold(h ^ key[2], n ^ key[3]);
}

uint64_t hash_bytes(const void *p, size_t n) {
    return hash(p, n, false);
}

uint64_t hash_bytes_nocase(const void *p, size_t n) {
    return hash(p, n, true);
}

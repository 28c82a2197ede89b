/* Random numbers. The generator is xoshiro256** (Blackman and Vigna, public domain), seeded through splitmix64 from
 * the system's source on first use, or from random_seed for repeatable tests. It is for sampling only: identities
 * and secrets come from getrandom(2). A forked child inherits the generator's state and repeats its numbers. */
#include "base/random.h"
#include "base/assert.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/random.h>

static uint64_t state[4];
static bool seeded;

void random_seed(uint64_t seed) {
    for (int i = 0; i < 4; i++) {
        seed += 0x9e3779b97f4a7c15u;
        uint64_t z = seed;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        state[i] = z ^ (z >> 31);
    }
    seeded = true;
}

static inline uint64_t rotl(uint64_t x, int k) {
    return (x << k) | (x >> (64 - k));
}

uint64_t random_u64(void) {
    if (unlikely(!seeded)) {
        uint64_t seed;
        random_bytes(&seed, sizeof(seed));
        random_seed(seed);
    }
    uint64_t result = rotl(state[1] * 5, 7) * 9;
    uint64_t t = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= t;
    state[3] = rotl(state[3], 45);
    return result;
}

/* Lemire's method: the high half of a 128-bit product, rejecting the few low halves that would be biased. */
uint64_t random_below(uint64_t n) {
    assert_that(n > 0);
    __uint128_t m = (__uint128_t)random_u64() * n;
    if (unlikely((uint64_t)m < n)) {
        uint64_t biased = -n % n;
        while ((uint64_t)m < biased) m = (__uint128_t)random_u64() * n;
    }
    return (uint64_t)(m >> 64);
}

void random_bytes(void *p, size_t n) {
    char *at = p;
    while (n > 0) {
        ssize_t got = getrandom(at, n, 0);
        if (got < 0) {
            assert_that(errno == EINTR);
            continue;
        }
        at += got;
        n -= (size_t)got;
    }
}

void random_hex(char *out, size_t n_digits) {
    static const char digits[] = "0123456789abcdef";
    uint8_t raw[64];
    for (size_t i = 0; i < n_digits; i++) {
        if (i % sizeof(raw) == 0) random_bytes(raw, sizeof(raw));
        out[i] = digits[raw[i % sizeof(raw)] & 15];
    }
}

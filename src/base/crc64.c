/* CRC-64 with the Jones polynomial, bit-reflected, no inversion at either end, at the speed of memory.
 *
 * In the reflected order bit i of a word stands for x^(63-i), and the first byte of the data holds the highest powers.
 * Two ways, same result:
 *
 * Slicing by eight. table[k][b] is the CRC of byte b followed by k zero bytes; eight bytes at a time are looked up
 * independently and xored.
 *
 * Folding (carry-less multiplication, where the CPU has it). Sixteen bytes are a polynomial lo * x^64 + hi. To carry
 * them D bits ahead they are multiplied by x^D mod P, in halves: lo * x^(D+64) + hi * x^D. The product of two
 * reflected 64-bit words, read as a reflected 128-bit word, comes out multiplied by x once too often, so the constants
 * are x^(D+63) and x^(D-1). Four such registers run 512 bits ahead each; at the end they are folded into one
 * sixteen-byte remainder, whose CRC slicing finishes. The constants are computed, not quoted, at first use. */
#include "base/digest.h"
#include "base/assert.h"

#include <stdbool.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define POLY_REFLECTED 0x95ac9329ac4bc9b5u

static uint64_t table[8][256];
static bool ready, have_clmul;
static uint64_t fold_512[2], fold_128[2];

static inline uint64_t times_x(uint64_t v) {
    return (v >> 1) ^ (v & 1 ? POLY_REFLECTED : 0);
}

static uint64_t x_to_the(int n) {
    uint64_t v = (uint64_t)1 << 63; /* x^0 */
    while (n-- > 0) v = times_x(v);
    return v;
}

static void __attribute__((cold, noinline)) prepare(void) {
    for (int b = 0; b < 256; b++) {
        uint64_t v = (uint64_t)b;
        for (int i = 0; i < 8; i++) v = times_x(v);
        table[0][b] = v;
    }
    for (int k = 1; k < 8; k++) {
        for (int b = 0; b < 256; b++) {
            uint64_t v = table[k - 1][b];
            table[k][b] = table[0][v & 255] ^ (v >> 8);
        }
    }
    fold_512[0] = x_to_the(512 + 63);
    fold_512[1] = x_to_the(512 - 1);
    fold_128[0] = x_to_the(128 + 63);
    fold_128[1] = x_to_the(128 - 1);
#if defined(__x86_64__)
    have_clmul = __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse2");
#endif
    ready = true;
}

static uint64_t crc_sliced(uint64_t crc, const uint8_t *p, size_t n) {
    for (; n >= 8; p += 8, n -= 8) {
        uint64_t v;
        memcpy(&v, p, 8);
        v ^= crc;
        crc = table[7][v & 255] ^ table[6][(v >> 8) & 255] ^ table[5][(v >> 16) & 255] ^
              table[4][(v >> 24) & 255] ^ table[3][(v >> 32) & 255] ^ table[2][(v >> 40) & 255] ^
              table[1][(v >> 48) & 255] ^ table[0][v >> 56];
    }
    for (; n > 0; p++, n--) crc = table[0][(crc ^ *p) & 255] ^ (crc >> 8);
    return crc;
}

#if defined(__x86_64__)
#define CLMUL __attribute__((target("pclmul,sse2")))

static inline CLMUL __m128i load(const uint8_t *p) {
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

static inline CLMUL __m128i fold(__m128i x, __m128i k, __m128i next) {
    __m128i lo = _mm_clmulepi64_si128(x, k, 0x00), hi = _mm_clmulepi64_si128(x, k, 0x11);
    return _mm_xor_si128(_mm_xor_si128(lo, hi), next);
}

/* n >= 64. */
static CLMUL uint64_t crc_folded(uint64_t crc, const uint8_t *p, size_t n) {
    __m128i k = _mm_set_epi64x((long long)fold_512[1], (long long)fold_512[0]);
    __m128i a = _mm_xor_si128(load(p), _mm_cvtsi64_si128((long long)crc));
    __m128i b = load(p + 16), c = load(p + 32), d = load(p + 48);
    for (p += 64, n -= 64; n >= 64; p += 64, n -= 64) {
        a = fold(a, k, load(p));
        b = fold(b, k, load(p + 16));
        c = fold(c, k, load(p + 32));
        d = fold(d, k, load(p + 48));
    }
    k = _mm_set_epi64x((long long)fold_128[1], (long long)fold_128[0]);
    a = fold(fold(fold(a, k, b), k, c), k, d);
    for (; n >= 16; p += 16, n -= 16) a = fold(a, k, load(p));
    uint8_t remainder[16];
    _mm_storeu_si128((__m128i *)(void *)remainder, a);
    return crc_sliced(crc_sliced(0, remainder, 16), p, n);
}
#endif

uint64_t crc64(uint64_t crc, const void *p, size_t n) {
    if (unlikely(!ready)) prepare();
#if defined(__x86_64__)
    if (n >= 64 && have_clmul) return crc_folded(crc, p, n);
#endif
    return crc_sliced(crc, p, n);
}

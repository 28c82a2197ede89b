/* Counting, finding and combining bits, a word at a time. Words are read with memcpy: strings start anywhere. */
#include "base/bits.h"

#include "base/assert.h"

static uint64_t load(const void *p) {
    uint64_t w;
    memcpy(&w, p, sizeof w);
    return w;
}

/* Eight bytes as a number whose highest bit is the first bit of the string. */
static uint64_t load_in_order(const void *p) {
    return __builtin_bswap64(load(p)); /* we run on little-endian machines only */
}

/* --- counting --- */

/* Without an instruction for it: sums of pairs, of fours, of bytes, and then all bytes by one multiplication. */
static uint64_t count_word(uint64_t w) {
    w -= w >> 1 & 0x5555555555555555u;
    w = (w & 0x3333333333333333u) + (w >> 2 & 0x3333333333333333u);
    w = (w + (w >> 4)) & 0x0f0f0f0f0f0f0f0fu;
    return w * 0x0101010101010101u >> 56;
}

static uint64_t count_words(const char *p, size_t words) {
    uint64_t n = 0;
    for (size_t i = 0; i < words; i++) n += count_word(load(p + i * 8));
    return n;
}

#ifdef __x86_64__
/* Four sums, because each addition to one sum would wait for the one before. */
__attribute__((target("popcnt"))) static uint64_t count_words_popcnt(const char *p, size_t words) {
    uint64_t n[4] = {0};
    size_t i = 0;
    for (; i + 4 <= words; i += 4)
        for (size_t k = 0; k < 4; k++) n[k] += (uint64_t)__builtin_popcountll(load(p + (i + k) * 8));
    for (; i < words; i++) n[0] += (uint64_t)__builtin_popcountll(load(p + i * 8));
    return n[0] + n[1] + n[2] + n[3];
}
#endif

uint64_t bits_count_bytes(const void *bytes, size_t n) {
    const char *p = bytes;
    uint64_t words, tail = 0;
#ifdef __x86_64__
    words = __builtin_cpu_supports("popcnt") ? count_words_popcnt(p, n / 8) : count_words(p, n / 8);
#else
    words = count_words(p, n / 8);
#endif
    if (n % 8) memcpy(&tail, p + n / 8 * 8, n % 8);
    return words + count_word(tail);
}

uint64_t bits_count(slice s, uint64_t first, uint64_t last) {
    assert_that(first <= last && last / 8 < s.n);
    unsigned char before = (unsigned char)(0xff & ~(0xff >> (first % 8)));
    unsigned char behind = (unsigned char)(0xff >> (last % 8) >> 1);
    uint64_t n = bits_count_bytes(s.p + first / 8, last / 8 - first / 8 + 1);
    n -= count_word((unsigned char)s.p[first / 8] & before);
    return n - count_word((unsigned char)s.p[last / 8] & behind);
}

/* --- finding --- */

int64_t bits_find(slice s, bool set, uint64_t first, uint64_t last) {
    assert_that(first <= last && last / 8 < s.n);
    uint64_t flip = set ? 0 : ~(uint64_t)0; /* after it we always look for a 1 */
    for (uint64_t at = first; at <= last;) {
        size_t byte = at / 8;
        if (at % 8 == 0 && s.n - byte >= 8) {
            uint64_t w = load_in_order(s.p + byte) ^ flip;
            if (w == 0) {
                at += 64;
                continue;
            }
            at += (uint64_t)__builtin_clzll(w);
            return at <= last ? (int64_t)at : -1;
        }
        unsigned rest = ((unsigned char)s.p[byte] ^ (unsigned char)flip) & (0xffu >> (at % 8));
        if (rest) {
            at = byte * 8 + (uint64_t)__builtin_clz(rest) - 24;
            return at <= last ? (int64_t)at : -1;
        }
        at = (byte + 1) * 8;
    }
    return -1;
}

/* --- numbers anywhere --- */

uint64_t bits_read(slice s, uint64_t offset, int width) {
    assert_that(width >= 1 && width <= 64);
    unsigned char around[9] = {0}; /* the bytes that hold it: at most nine */
    uint64_t byte = offset / 8;
    if (byte < s.n) memcpy(around, s.p + byte, s.n - byte < sizeof around ? s.n - byte : sizeof around);
    unsigned __int128 v = (unsigned __int128)load_in_order(around) << 8 | around[8];
    return (uint64_t)(v >> (72 - (int)(offset % 8) - width)) & (~(uint64_t)0 >> (64 - width));
}

void bits_write(char *p, uint64_t offset, int width, uint64_t v) {
    assert_that(width >= 1 && width <= 64);
    int from = (int)(offset % 8), bytes = (from + width + 7) / 8, below = bytes * 8 - from - width;
    unsigned __int128 mask = (unsigned __int128)(~(uint64_t)0 >> (64 - width)) << below;
    unsigned __int128 bits = (unsigned __int128)v << below & mask;
    for (int i = 0; i < bytes; i++) {
        int shift = (bytes - 1 - i) * 8;
        unsigned char *b = (unsigned char *)p + offset / 8 + i;
        *b = (unsigned char)((*b & ~(unsigned char)(mask >> shift)) | (unsigned char)(bits >> shift));
    }
}

/* --- combining --- */

static uint64_t combine(enum bits_op op, uint64_t a, uint64_t b) {
    return op == BITS_AND ? a & b : op == BITS_OR ? a | b : a ^ b;
}

void bits_combine(enum bits_op op, char *to, const char *from, size_t n) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t w = combine(op, load(to + i), load(from + i));
        memcpy(to + i, &w, 8);
    }
    for (; i < n; i++) to[i] = (char)combine(op, (unsigned char)to[i], (unsigned char)from[i]);
}

void bits_invert(char *p, size_t n) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t w = ~load(p + i);
        memcpy(p + i, &w, 8);
    }
    for (; i < n; i++) p[i] = (char)~p[i];
}

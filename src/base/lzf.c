/* LZF. A stream is a run of items, each opened by a control byte:
 *
 *   000LLLLL                    L+1 literal bytes follow (1..32)
 *   LLLooooo oooooooo           copy L+2 bytes (3..8) from o+1 bytes back (1..8192)
 *   111ooooo LLLLLLLL oooooooo  copy L+9 bytes (9..264) from o+1 bytes back
 *
 * The compressor finds candidates through a table from the hash of three bytes to their last position. Positions are
 * kept relative to an origin that moves past all earlier ones at each call, so that what a previous call left reads
 * as "too old" and the table is never cleared (but once in 4 GB). A short input uses a corner of the table, which
 * stays in the L1 cache. The result depends on the input alone. Not reentrant (one thread). */
#include "base/lzf.h"
#include "base/assert.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define TABLE_BITS   14
#define LITERALS_MAX 32
#define MATCH_MAX    264
#define OFFSET_MAX   8192

/* After 2^5 bytes without a match look at every second position, then every third...: noise costs half as much as with 2^7.
 * What the steps jump over of a match is won back by extending it backwards, so that text and JSON of 100 bytes to 4 KB
 * keep their ratio within 0.5 % (hexadecimal digits lose 2 %). */
#define SKIP_AFTER_LOG 5

static uint32_t last_seen[1 << TABLE_BITS];
static uint32_t origin = 1; /* 0 in the table: never */

struct packer {
    uint8_t *out, *out_end;
    const uint8_t *literals; /* start of the bytes not yet written */
};

static inline uint32_t load32(const uint8_t *p) {
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}

static inline uint64_t load64(const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

/* The first three of the four bytes at p. */
static inline uint32_t hash3(const uint8_t *p, int bits) {
    return ((load32(p) << 8) * 2654435761u) >> (32 - bits);
}

static inline size_t match_length(const uint8_t *a, const uint8_t *b, const uint8_t *b_end) {
    const uint8_t *start = b;
    if (b_end - b > MATCH_MAX) b_end = b + MATCH_MAX;
    while (b_end - b >= 8) {
        uint64_t differ = load64(a) ^ load64(b);
        if (differ) return (size_t)(b - start) + ((size_t)__builtin_ctzll(differ) >> 3);
        a += 8;
        b += 8;
    }
    while (b < b_end && *a == *b) {
        a++;
        b++;
    }
    return (size_t)(b - start);
}

static bool put_literals(struct packer *z, const uint8_t *until) {
    while (z->literals < until) {
        size_t n = (size_t)(until - z->literals);
        if (n > LITERALS_MAX) n = LITERALS_MAX;
        if ((size_t)(z->out_end - z->out) < n + 1) return false;
        *z->out++ = (uint8_t)(n - 1);
        memcpy(z->out, z->literals, n);
        z->out += n;
        z->literals += n;
    }
    return true;
}

static bool put_match(struct packer *z, size_t offset, size_t n) {
    if (z->out_end - z->out < 3) return false;
    offset--;
    if (n < 9) {
        *z->out++ = (uint8_t)((n - 2) << 5 | offset >> 8);
    } else {
        *z->out++ = (uint8_t)(7 << 5 | offset >> 8);
        *z->out++ = (uint8_t)(n - 9);
    }
    *z->out++ = (uint8_t)offset;
    return true;
}

static int table_bits(size_t n) {
    return n <= 256 ? 9 : n <= 4096 ? 12 : TABLE_BITS;
}

/* Moves the origin behind the n positions of the call that begins; returns the base for this call's positions. */
static uint32_t claim_positions(size_t n) {
    if (n > UINT32_MAX - origin) {
        memset(last_seen, 0, sizeof(last_seen));
        origin = 1;
    }
    uint32_t base = origin;
    origin += (uint32_t)n;
    return base;
}

size_t lzf_compress(const void *in, size_t n, void *out, size_t cap) {
    if (n < 5 || n > UINT32_MAX / 2 || cap == 0) return 0;
    const uint8_t *start = in, *at = start, *end = start + n;
    const uint8_t *match_end = end - 4; /* hash3 reads four bytes */
    struct packer z = {out, (uint8_t *)out + cap, start};
    uint32_t base = claim_positions(n);
    int bits = table_bits(n);

    last_seen[hash3(at, bits)] = base;
    at++;
    while (at <= match_end) {
        uint32_t here = base + (uint32_t)(at - start);
        uint32_t *cell = &last_seen[hash3(at, bits)];
        uint32_t seen = *cell;
        *cell = here;
        if (seen < base || here - seen > OFFSET_MAX ||
            ((load32(at) ^ load32(at - (here - seen))) << 8) != 0) {
            size_t missed = (size_t)(at - z.literals);
            if (unlikely(missed >= cap)) return 0;
            at += 1 + (missed >> SKIP_AFTER_LOG);
            continue;
        }
        const uint8_t *match = at - (here - seen);
        while (at > z.literals && match > start && at[-1] == match[-1]) at--, match--;
        size_t length = match_length(match, at, end);
        if (!put_literals(&z, at) || !put_match(&z, here - seen, length)) return 0;
        at += length;
        z.literals = at;
        /* The last positions inside the match: they make the next match likely, at little cost. */
        for (const uint8_t *p = at - 2; p < at && p <= match_end; p++) {
            last_seen[hash3(p, bits)] = base + (uint32_t)(p - start);
        }
    }
    if (!put_literals(&z, end)) return 0;
    return (size_t)(z.out - (uint8_t *)out);
}

/* Copies n bytes from `offset` back; regions overlap when offset < n, which repeats the pattern. */
static inline void copy_back(uint8_t *to, size_t offset, size_t n) {
    const uint8_t *from = to - offset;
    if (offset >= n) {
        memcpy(to, from, n);
    } else if (offset == 1) {
        memset(to, *from, n);
    } else {
        while (n-- > 0) *to++ = *from++;
    }
}

size_t lzf_decompress(const void *in, size_t n, void *out, size_t out_n) {
    const uint8_t *at = in, *end = at + n;
    uint8_t *to = out, *to_end = to + out_n;
    while (at < end) {
        size_t control = *at++;
        if (control < LITERALS_MAX) {
            size_t run = control + 1;
            if ((size_t)(end - at) < run || (size_t)(to_end - to) < run) return 0;
            memcpy(to, at, run);
            at += run;
            to += run;
            continue;
        }
        size_t length = control >> 5;
        if (length == 7) {
            if (at == end) return 0;
            length += *at++;
        }
        length += 2;
        if (at == end) return 0;
        size_t offset = ((control & 31) << 8 | *at++) + 1;
        if (offset > (size_t)(to - (uint8_t *)out) || length > (size_t)(to_end - to)) return 0;
        copy_back(to, offset, length);
        to += length;
    }
    return to == to_end ? out_n : 0;
}

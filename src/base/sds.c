/* Growable byte strings. Before the bytes stand two 32-bit words, length and capacity, or, for strings that don't
 * fit those, the capacity word is LONG_MARK and two 64-bit words stand before them:
 *
 *   small:  [len u32][cap u32] bytes... NUL
 *   long:   [len u64][cap u64][0 u32][LONG_MARK u32] bytes... NUL
 *
 * Invariant: len <= cap, bytes[len] is NUL, and the block is exactly header + cap + 1 bytes, which is a whole size
 * class of the allocator, so that the room an allocation has anyway is used. Quoting lives in words.c. */
#include "base/sds.h"
#include "base/alloc.h"
#include "base/assert.h"

#include <stdint.h>
#include <stdio.h>

#define LONG_MARK        UINT32_MAX
#define GROWTH_BYTES_MAX ((size_t)1 << 20)

struct small_header {
    uint32_t len, cap;
};
struct long_header {
    uint64_t len, cap;
    struct small_header mark;
};

static inline struct small_header *small_of(const char *s) {
    return (struct small_header *)(uintptr_t)(s - sizeof(struct small_header));
}

static inline struct long_header *long_of(const char *s) {
    return (struct long_header *)(uintptr_t)(s - sizeof(struct long_header));
}

static inline bool is_long(const char *s) {
    return unlikely(small_of(s)->cap == LONG_MARK);
}

static inline size_t header_bytes(const char *s) {
    return is_long(s) ? sizeof(struct long_header) : sizeof(struct small_header);
}

static inline size_t capacity(const char *s) {
    return is_long(s) ? long_of(s)->cap : small_of(s)->cap;
}

static inline size_t block_bytes(const char *s) {
    return header_bytes(s) + capacity(s) + 1;
}

/* The block size for a string of n bytes, and the header that goes with it. The margin below LONG_MARK covers the
 * rounding up to a size class. */
static size_t plan_block(size_t n, size_t *header) {
    assert_that(n < SIZE_MAX / 2);
    *header = n < LONG_MARK / 2 ? sizeof(struct small_header) : sizeof(struct long_header);
    return mem_good_size(*header + n + 1);
}

static sds adopt(char *block, size_t bytes, size_t header, size_t len) {
    char *s = block + header;
    size_t cap = bytes - header - 1;
    if (header == sizeof(struct small_header)) {
        *small_of(s) = (struct small_header){(uint32_t)len, (uint32_t)cap};
    } else {
        *long_of(s) = (struct long_header){len, cap, {0, LONG_MARK}};
    }
    s[len] = '\0';
    return s;
}

sds sds_newlen(const void *p, size_t n) {
    size_t header;
    size_t bytes = plan_block(n, &header);
    char *block = mem_alloc(bytes);
    if (p && n > 0) {
        mem_populate(block, bytes);
        memcpy(block + header, p, n);
    }
    return adopt(block, bytes, header, n);
}

sds sds_new(const char *cstr) {
    return sds_newlen(cstr, strlen(cstr));
}

sds sds_empty(void) {
    return sds_newlen("", 0);
}

sds sds_dup(sds s) {
    return sds_newlen(s, sds_len(s));
}

void sds_free(sds s) {
    if (s) mem_free(s - header_bytes(s), block_bytes(s));
}

size_t sds_len(const char *s) {
    return is_long(s) ? long_of(s)->len : small_of(s)->len;
}

size_t sds_room(const char *s) {
    return capacity(s) - sds_len(s);
}

size_t sds_alloc_bytes(const char *s) {
    return block_bytes(s);
}

void sds_set_len(sds s, size_t len) {
    assert_that(len <= capacity(s));
    if (is_long(s)) {
        long_of(s)->len = len;
    } else {
        small_of(s)->len = (uint32_t)len;
    }
    s[len] = '\0';
}

/* Moves s into a block with room for cap bytes; cap >= len. */
static sds move_to(sds s, size_t cap) {
    size_t header, len = sds_len(s), old_header = header_bytes(s);
    size_t bytes = plan_block(cap, &header);
    if (bytes == block_bytes(s) && header == old_header) return s;
    if (header == old_header) {
        char *block = mem_resize(s - old_header, block_bytes(s), bytes);
        return adopt(block, bytes, header, len);
    }
    char *block = mem_alloc(bytes);
    memcpy(block + header, s, len);
    sds_free(s);
    return adopt(block, bytes, header, len);
}

sds sds_reserve(sds s, size_t extra) {
    if (likely(sds_room(s) >= extra)) return s;
    size_t want = sds_len(s) + extra;
    return move_to(s, want + (want < GROWTH_BYTES_MAX ? want : GROWTH_BYTES_MAX));
}

sds sds_trim_room(sds s) {
    return move_to(s, sds_len(s));
}

sds sds_grow_zero(sds s, size_t len) {
    size_t old = sds_len(s);
    if (len <= old) return s;
    s = sds_reserve(s, len - old);
    memset(s + old, 0, len - old);
    sds_set_len(s, len);
    return s;
}

sds sds_cat(sds s, const void *p, size_t n) {
    size_t len = sds_len(s);
    s = sds_reserve(s, n);
    if (n > 0) memcpy(s + len, p, n);
    sds_set_len(s, len + n);
    return s;
}

sds sds_cat_str(sds s, const char *cstr) {
    return sds_cat(s, cstr, strlen(cstr));
}

sds sds_cat_vprintf(sds s, const char *fmt, va_list ap) {
    size_t len = sds_len(s), room = sds_room(s);
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(s + len, room + 1, fmt, ap);
    assert_that(n >= 0);
    if ((size_t)n > room) {
        s = sds_reserve(s, (size_t)n);
        vsnprintf(s + len, (size_t)n + 1, fmt, again);
    }
    va_end(again);
    sds_set_len(s, len + (size_t)n);
    return s;
}

sds sds_cat_printf(sds s, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    s = sds_cat_vprintf(s, fmt, ap);
    va_end(ap);
    return s;
}

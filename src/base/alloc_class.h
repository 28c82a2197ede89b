/* Size classes of the allocator: 16 to 128 bytes in steps of 4, then 16 steps a doubling up to 16 KB; above
 * that, whole pages. Shared by the slab allocator and its malloc stand-in, so that both account alike. */
#ifndef TANDEM_BASE_ALLOC_CLASS_H
#define TANDEM_BASE_ALLOC_CLASS_H

#include <stddef.h>

#define CLASS_MIN_BYTES  16u
#define CLASS_FINE_BYTES 128u   /* up to here, one class every 4 bytes */
#define CLASS_MAX_BYTES  16384u /* larger blocks are pages */
#define CLASS_FINE_COUNT ((CLASS_FINE_BYTES - CLASS_MIN_BYTES) / 4 + 1)
#define CLASS_COUNT      (CLASS_FINE_COUNT + 7 * 16)
#define ALLOC_PAGE_BYTES 4096u

/* n <= CLASS_MAX_BYTES. Above 128 bytes a class is named by the top bit of n - 1 and the four bits after it. */
static inline unsigned class_of(size_t n) {
    if (n <= CLASS_FINE_BYTES) return n <= CLASS_MIN_BYTES ? 0 : (unsigned)(n - CLASS_MIN_BYTES + 3) / 4;
    unsigned v = (unsigned)n - 1;
    unsigned top = 31 - (unsigned)__builtin_clz(v);
    return CLASS_FINE_COUNT + (top - 7) * 16 + ((v >> (top - 4)) & 15);
}

static inline unsigned class_bytes(unsigned c) {
    if (c < CLASS_FINE_COUNT) return CLASS_MIN_BYTES + c * 4;
    unsigned k = c - CLASS_FINE_COUNT;
    return (16 + k % 16 + 1) << (k / 16 + 3);
}

static inline size_t page_round(size_t n) {
    return (n + ALLOC_PAGE_BYTES - 1) & ~(size_t)(ALLOC_PAGE_BYTES - 1);
}

static inline size_t good_size(size_t n) {
    return n <= CLASS_MAX_BYTES ? class_bytes(class_of(n)) : page_round(n);
}

#endif

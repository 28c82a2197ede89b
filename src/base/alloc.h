/* The allocator all data goes through: size classes cut from slabs, no locks (one thread), exact accounting.
 *
 * - Every free and resize names the size that was asked for (or any size of the same class): blocks carry no
 *   header, so `mem_free(p, n)` finds the class from n alone.
 * - Metadata (slab descriptors, free bitmaps) lives apart from the blocks, so that a forked child that only
 *   reads data shares the pages with its parent while the parent frees neighbours.
 * - Alignment: a block is aligned to the largest power of two <= 16 that divides its class size. Any
 *   sizeof(struct) therefore gets at least the struct's own alignment; one with a tail of any length needs
 *   mem_tailed. A size that is a multiple of 64 gives a block that starts a cache line. Byte-packed blocks (key entries) use classes in 4-byte steps up to 128 bytes
 *   and must be read with memcpy.
 * - Classes: 16 to 128 bytes in 4-byte steps, then at most 6.25 % apart to 16 KB, larger blocks by the page.
 * - Out of memory is not an error to callers: a line is logged to stderr and the process aborts.
 *
 * Under ASan (TANDEM_MEM_MALLOC) every call is malloc/free, so that the sanitizer sees each block; accounting stays. */
#ifndef TANDEM_BASE_ALLOC_H
#define TANDEM_BASE_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

void *mem_alloc(size_t n);  /* n bytes, uninitialised; n == 0 gives a valid unique block */
void *mem_zalloc(size_t n); /* the same, zeroed; pages of a large block are not touched until written */
/* p may be NULL when old is 0; stays in place inside a class. */
void *mem_resize(void *p, size_t old, size_t n);
void mem_free(void *p, size_t n); /* p may be NULL */
size_t mem_good_size(size_t n);   /* the size of n's class: what a block of n really holds */

/* The size to ask for, and to free, where a struct has a tail: so that the block is aligned for the struct. */
static inline size_t mem_tailed(size_t n) {
    return (n + 7) & ~(size_t)7;
}

char *mem_strdup(const char *s); /* freed with mem_free(s, strlen(s) + 1) */

/* Give back the whole pages within bytes [from, to) of a block larger than 16 KB, which then read as
 * before or as zeros; the block stays valid and is freed, and accounted, as a whole. For tables that empty gradually. */
void mem_discard(void *p, size_t from, size_t to);

/* Bytes of a large block are about to be written as a whole: has the system bring their pages in by one call instead of
 * a fault for each (a third of the price). Small ones, and systems without the call, are left alone. */
void mem_populate(void *p, size_t n);

struct mem_stats {
    size_t used_bytes;     /* sum of class sizes of live blocks (INFO used_memory) */
    size_t peak_bytes;     /* highest used_bytes so far */
    size_t reserved_bytes; /* slabs and mappings held from the system, used or not */
};
struct mem_stats mem_stats(void);
/* One size class: blocks live and free, and what their slabs take. i from 0 on; false past the last. For reports. */
struct mem_class {
    size_t block_bytes, used, unused, slab_bytes;
};
bool mem_class(unsigned i, struct mem_class *out);
size_t mem_used_bytes(void);     /* used_bytes alone, which is cheap */
size_t mem_resident_bytes(void); /* RSS of the process, from /proc/self/statm */
void mem_trim(void); /* give wholly free slabs back to the system (MEMORY PURGE, after a FLUSHALL) */

/* In a forked child that needs no data: gives its copy of the blocks back, so that the parent's pages aren't copied for its
 * sake (those above 1 MB, which have mappings of their own, stay). No block may be touched afterwards. */
void mem_abandon(void);

#endif

/* Blocks: small ones from slabs of one class each, large ones by whole pages.
 *
 * A slab is a run of units cut into blocks of one size. Which blocks are free is told by a bitmap apart (a set
 * bit is a free block) and a summary word over the bitmap's words; nothing is ever written into a free block. An
 * allocation takes the lowest free block of the first slab of its class's list; slabs without free blocks
 * are on no list. A slab that becomes wholly free returns to the pages unless it is its class's last resource.
 *
 * Blocks over 16 KB are runs of their own, and over 1 MB mappings of their own, which can grow without copying.
 * Sizes tell which is which: no block has a header. A free with a wrong size or a second free is caught by an assert. */
#ifndef TANDEM_MEM_MALLOC
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* mremap */
#endif
#include "base/alloc.h"
#include "base/alloc_class.h"
#include "base/alloc_pages.h"
#include "base/assert.h"

#include <string.h>
#include <sys/mman.h>

#define LONG_SLAB_BYTES  2048u /* larger blocks come from slabs of several units, lest the rest be wasted */
#define LONG_SLAB_UNITS  8u
#define MAPPED_BYTES_MIN (RUN_UNITS_MAX * UNIT_BYTES + 1)

struct size_class {
    uint32_t slabs; /* list of slabs with free blocks */
    uint32_t bytes;
    uint32_t reciprocal; /* 2^32 / bytes rounded up: divides the offset of a block exactly */
    uint16_t blocks;     /* in a slab */
    uint16_t units;
    uint32_t n_slabs; /* in all */
};
static struct size_class classes[CLASS_COUNT];
static struct mem_stats stats;

static void classes_init(void) {
    for (unsigned c = 0; c < CLASS_COUNT; c++) {
        uint32_t bytes = class_bytes(c), units = bytes > LONG_SLAB_BYTES ? LONG_SLAB_UNITS : 1;
        uint16_t blocks = (uint16_t)((units << UNIT_SHIFT) / bytes);
        uint32_t reciprocal = (uint32_t)((((uint64_t)1 << 32) + bytes - 1) / bytes);
        classes[c] = (struct size_class){0, bytes, reciprocal, blocks, (uint16_t)units, 0};
    }
}

static inline void account_plus(size_t bytes) {
    stats.used_bytes += bytes;
    if (stats.used_bytes > stats.peak_bytes) stats.peak_bytes = stats.used_bytes;
}

/* --- slabs --- */

static void slab_link(struct size_class *k, uint32_t u) {
    struct unit *slab = &pages_units[u];
    slab->prev = 0;
    slab->next = k->slabs;
    if (k->slabs) pages_units[k->slabs].prev = u;
    k->slabs = u;
}

static void slab_unlink(struct size_class *k, uint32_t u) {
    struct unit *slab = &pages_units[u];
    if (slab->prev)
        pages_units[slab->prev].next = slab->next;
    else
        k->slabs = slab->next;
    if (slab->next) pages_units[slab->next].prev = slab->prev;
}

static __attribute__((noinline)) void slab_new(unsigned c) {
    if (!classes[0].bytes) classes_init();
    struct size_class *k = &classes[c];
    bool dirty;
    uint32_t u = pages_take(k->units, &dirty);
    for (uint32_t i = 0; i < k->units; i++) {
        pages_units[u + i].state = UNIT_SLAB;
        pages_units[u + i].head = u;
    }
    struct unit *slab = &pages_units[u];
    slab->cls = (uint8_t)c;
    slab->blocks_free = k->blocks;
    unsigned words = (k->blocks + 63u) / 64;
    memset(pages_maps[u], 0xff, words * 8);
    if (k->blocks % 64) pages_maps[u][words - 1] = ((uint64_t)1 << k->blocks % 64) - 1;
    slab->words_free = words == 64 ? ~(uint64_t)0 : ((uint64_t)1 << words) - 1;
    slab_link(k, u);
    k->n_slabs++;
    stats.reserved_bytes += (size_t)k->units << UNIT_SHIFT;
}

static __attribute__((noinline)) void slab_release(struct size_class *k, uint32_t u) {
    slab_unlink(k, u);
    k->n_slabs--;
    stats.reserved_bytes -= (size_t)k->units << UNIT_SHIFT;
    pages_give(u);
}

static inline void *block_take(unsigned c) {
    struct size_class *k = &classes[c];
    if (unlikely(!k->slabs)) slab_new(c);
    uint32_t u = k->slabs;
    struct unit *slab = &pages_units[u];
    unsigned w = (unsigned)__builtin_ctzll(slab->words_free);
    uint64_t bits = pages_maps[u][w];
    unsigned i = w * 64 + (unsigned)__builtin_ctzll(bits);
    pages_maps[u][w] = bits &= bits - 1;
    slab->blocks_free--;
    if (unlikely(!bits)) {
        slab->words_free &= slab->words_free - 1;
        if (!slab->words_free) slab_unlink(k, u);
    }
    account_plus(k->bytes);
    return unit_address(u) + (size_t)i * k->bytes;
}

static inline void block_give(void *p, unsigned c) {
    struct size_class *k = &classes[c];
    uint32_t u = unit_of(p);
    if (k->units > 1) u = pages_units[u].head;
    struct unit *slab = &pages_units[u];
    size_t offset = (size_t)((char *)p - unit_address(u));
    unsigned i = (unsigned)(offset * k->reciprocal >> 32);
    uint64_t bits = pages_maps[u][i / 64], bit = (uint64_t)1 << i % 64;
    assert_that(slab->state == UNIT_SLAB && slab->cls == c && !(bits & bit));
    pages_maps[u][i / 64] = bits | bit;
    stats.used_bytes -= k->bytes;
    slab->blocks_free++;
    if (unlikely(!slab->words_free)) slab_link(k, u);
    slab->words_free |= (uint64_t)1 << i / 64;
    if (unlikely(slab->blocks_free == k->blocks) && (slab->next || slab->prev)) slab_release(k, u);
}

/* --- large blocks --- */

static void *map_pages(size_t bytes) {
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) alloc_out_of_memory(bytes);
    madvise(p, bytes, MADV_NOHUGEPAGE);
    return p;
}

static uint32_t run_units(size_t bytes) {
    return (uint32_t)((bytes + UNIT_BYTES - 1) >> UNIT_SHIFT);
}

static void *large_take(size_t bytes, bool *dirty) {
    account_plus(bytes);
    stats.reserved_bytes += bytes;
    if (bytes >= MAPPED_BYTES_MIN) {
        *dirty = false;
        return map_pages(bytes);
    }
    uint32_t u = pages_take(run_units(bytes), dirty);
    pages_units[u].state = UNIT_LARGE;
    return unit_address(u);
}

static void large_give(void *p, size_t bytes) {
    stats.used_bytes -= bytes;
    stats.reserved_bytes -= bytes;
    if (bytes >= MAPPED_BYTES_MIN) {
        /* A process may run out of mappings when one is split: then at least the memory goes back. */
        if (munmap(p, bytes) != 0) madvise(p, bytes, MADV_DONTNEED);
        return;
    }
    uint32_t u = unit_of(p);
    struct unit *run = &pages_units[u];
    assert_that(run->state == UNIT_LARGE && run->run == run_units(bytes) && p == unit_address(u));
    pages_give(u);
}

/* Resizes without copying where the address space allows it: NULL when the block must move. */
static void *large_resize(void *p, size_t old, size_t bytes) {
    if (old >= MAPPED_BYTES_MIN && bytes >= MAPPED_BYTES_MIN) {
        p = mremap(p, old, bytes, MREMAP_MAYMOVE);
        if (p == MAP_FAILED) alloc_out_of_memory(bytes);
    } else if (bytes >= MAPPED_BYTES_MIN || old >= MAPPED_BYTES_MIN || run_units(old) != run_units(bytes)) {
        return NULL;
    } else if (bytes < old) {
        madvise((char *)p + bytes, old - bytes, MADV_DONTNEED);
    }
    stats.used_bytes -= old;
    stats.reserved_bytes += bytes - old;
    account_plus(bytes);
    return p;
}

/* --- the interface --- */

void *mem_alloc(size_t n) {
    if (likely(n <= CLASS_MAX_BYTES)) return block_take(class_of(n));
    bool dirty;
    return large_take(page_round(n), &dirty);
}

void *mem_zalloc(size_t n) {
    if (likely(n <= CLASS_MAX_BYTES)) return memset(block_take(class_of(n)), 0, n);
    bool dirty;
    void *p = large_take(page_round(n), &dirty);
    return dirty ? memset(p, 0, n) : p;
}

void mem_free(void *p, size_t n) {
    if (!p) return;
    if (likely(n <= CLASS_MAX_BYTES))
        block_give(p, class_of(n));
    else
        large_give(p, page_round(n));
}

void *mem_resize(void *p, size_t old, size_t n) {
    if (!p) return mem_alloc(n);
    size_t old_bytes = good_size(old), bytes = good_size(n);
    if (bytes == old_bytes) return p;
    if (old > CLASS_MAX_BYTES && n > CLASS_MAX_BYTES) {
        void *same = large_resize(p, old_bytes, bytes);
        if (same) return same;
    }
    void *q = mem_alloc(n);
    memcpy(q, p, old < n ? old : n);
    mem_free(p, old);
    return q;
}

void mem_discard(void *p, size_t from, size_t to) {
    from = page_round(from);
    to &= ~(size_t)(ALLOC_PAGE_BYTES - 1);
    if (from < to) madvise((char *)p + from, to - from, MADV_DONTNEED);
}

struct mem_stats mem_stats(void) {
    struct mem_stats s = stats;
    s.reserved_bytes += pages_free_bytes_dirty();
    return s;
}

bool mem_class(unsigned i, struct mem_class *out) {
    if (i >= CLASS_COUNT) return false;
    const struct size_class *k = &classes[i];
    size_t unused = 0;
    for (uint32_t u = k->slabs; u; u = pages_units[u].next) unused += pages_units[u].blocks_free;
    *out = (struct mem_class){class_bytes(i), (size_t)k->n_slabs * k->blocks - unused, unused,
                              ((size_t)k->n_slabs * k->units) << UNIT_SHIFT};
    return true;
}

size_t mem_used_bytes(void) {
    return stats.used_bytes;
}

void mem_trim(void) {
    for (unsigned c = 0; c < CLASS_COUNT; c++) {
        struct size_class *k = &classes[c];
        for (uint32_t u = k->slabs, next; u; u = next) {
            next = pages_units[u].next;
            if (pages_units[u].blocks_free == k->blocks) slab_release(k, u);
        }
    }
    pages_trim();
}
#endif

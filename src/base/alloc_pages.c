/* Runs of 64 KB units out of one reserved range of addresses.
 *
 * Free runs are kept in lists by length and merge with their neighbours at once. Units above `front` have never
 * been used. Freed memory stays for the next user up to DIRTY_UNITS_MAX; beyond that a run is given back to the
 * system as it is freed, by madvise, which leaves the mapping whole: the number of mappings doesn't grow.
 *
 * Address range: as much as the system will reserve, up to 1 TB. It becomes accessible from below, in steps, so
 * that a system which counts accessible memory (overcommit_memory 2) counts little more than what is used. */
#ifndef TANDEM_MEM_MALLOC
#include "base/alloc_pages.h"
#include "base/alloc.h"
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define RESERVE_BYTES_MAX ((size_t)1 << 40)
#define RESERVE_BYTES_MIN ((size_t)1 << 28)
#define COMMIT_UNITS      ((uint32_t)256)
#define DIRTY_UNITS_MAX   ((uint32_t)128)

char *pages_base;
struct unit *pages_units;
uint64_t (*pages_maps)[UNIT_MAP_WORDS];

static uint32_t front = 1; /* the first unit never used */
static uint32_t committed; /* units below are accessible */
static uint32_t reserved;
static uint32_t lists[RUN_UNITS_MAX + 1]; /* free runs by length; [0]: the longer ones */
static uint32_t dirty_units;

void alloc_out_of_memory(size_t n) {
    fprintf(stderr, "Out of memory allocating %zu bytes\n", n);
    abort();
}

static void *reserve(size_t bytes, int prot) {
    void *p = mmap(NULL, bytes, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

/* Descriptors and bitmaps are reserved inaccessible too, and committed along with their units. */
static void pages_init(void) {
    size_t bytes = RESERVE_BYTES_MAX;
    char *range;
    while (!(range = reserve(bytes + UNIT_BYTES, PROT_NONE))) {
        bytes /= 2;
        if (bytes < RESERVE_BYTES_MIN) alloc_out_of_memory(bytes);
    }
    reserved = (uint32_t)(bytes >> UNIT_SHIFT);
    pages_units = reserve(reserved * sizeof(*pages_units), PROT_NONE);
    pages_maps = reserve(reserved * sizeof(*pages_maps), PROT_NONE);
    if (!pages_units || !pages_maps) alloc_out_of_memory(reserved);
    pages_base = (char *)(((uintptr_t)range + UNIT_BYTES - 1) & ~(uintptr_t)(UNIT_BYTES - 1));
    /* Huge pages would make sparse units resident and every write after a fork copy 2 MB. */
    madvise(range, bytes + UNIT_BYTES, MADV_NOHUGEPAGE);
}

static void make_accessible(void *array, size_t from, size_t to) {
    uintptr_t start = ((uintptr_t)array + from) & ~(uintptr_t)4095;
    uintptr_t end = ((uintptr_t)array + to + 4095) & ~(uintptr_t)4095;
    if (mprotect((void *)start, end - start, PROT_READ | PROT_WRITE) != 0) alloc_out_of_memory(to - from);
}

static void commit_more(void) {
    if (!pages_base) pages_init();
    uint32_t to = committed + COMMIT_UNITS;
    if (to > reserved) alloc_out_of_memory((size_t)COMMIT_UNITS << UNIT_SHIFT);
    make_accessible(pages_base, (size_t)committed << UNIT_SHIFT, (size_t)to << UNIT_SHIFT);
    make_accessible(pages_units, committed * sizeof(*pages_units), (to + 1) * sizeof(*pages_units));
    make_accessible(pages_maps, committed * sizeof(*pages_maps), to * sizeof(*pages_maps));
    committed = to;
}

static uint32_t *list_for(uint32_t n) {
    return &lists[n <= RUN_UNITS_MAX ? n : 0];
}

static void run_link(uint32_t u, uint32_t n, bool dirty) {
    uint32_t *list = list_for(n);
    struct unit *first = &pages_units[u];
    first->state = pages_units[u + n - 1].state = UNIT_FREE;
    first->run = pages_units[u + n - 1].run = n;
    first->dirty = dirty;
    first->prev = 0;
    first->next = *list;
    if (*list) pages_units[*list].prev = u;
    *list = u;
    if (dirty) dirty_units += n;
}

static void run_unlink(uint32_t u) {
    struct unit *first = &pages_units[u];
    if (first->prev)
        pages_units[first->prev].next = first->next;
    else
        *list_for(first->run) = first->next;
    if (first->next) pages_units[first->next].prev = first->prev;
    if (first->dirty) dirty_units -= first->run;
    first->state = pages_units[u + first->run - 1].state = UNIT_UNUSED;
}

/* The shortest free run that will do, or 0. */
static uint32_t run_find(uint32_t n) {
    for (uint32_t k = n; k <= RUN_UNITS_MAX; k++)
        if (lists[k]) return lists[k];
    return lists[0];
}

uint32_t pages_take(uint32_t n, bool *dirty) {
    assert_that(n >= 1 && n <= RUN_UNITS_MAX);
    uint32_t u = run_find(n);
    if (u) {
        uint32_t run = pages_units[u].run;
        *dirty = pages_units[u].dirty;
        run_unlink(u);
        if (run > n) run_link(u + n, run - n, *dirty);
    } else {
        while (front + n > committed) commit_more();
        u = front;
        front += n;
        *dirty = false;
    }
    pages_units[u].run = n;
    return u;
}

static void run_release(uint32_t u, uint32_t n) {
    madvise(unit_address(u), (size_t)n << UNIT_SHIFT, MADV_DONTNEED);
}

/* A merged run is dirty when any part is. With too much dirt about, all of it is given back: the count of dirty
 * units may exceed the truth, and this brings it down again. */
void pages_give(uint32_t u) {
    uint32_t n = pages_units[u].run;
    bool dirty = true;
    uint32_t after = u + n;
    if (after < front && pages_units[after].state == UNIT_FREE) {
        n += pages_units[after].run;
        run_unlink(after);
    }
    if (pages_units[u - 1].state == UNIT_FREE) {
        u -= pages_units[u - 1].run;
        n += pages_units[u].run;
        run_unlink(u);
    }
    if (dirty_units + n > DIRTY_UNITS_MAX) {
        run_release(u, n);
        dirty = false;
    }
    run_link(u, n, dirty);
}

void pages_trim(void) {
    for (uint32_t k = 0; k <= RUN_UNITS_MAX; k++) {
        for (uint32_t u = lists[k]; u; u = pages_units[u].next) {
            if (!pages_units[u].dirty) continue;
            run_release(u, pages_units[u].run);
            pages_units[u].dirty = false;
        }
    }
    dirty_units = 0;
}

size_t pages_free_bytes_dirty(void) {
    return (size_t)dirty_units << UNIT_SHIFT;
}

void mem_abandon(void) {
    if (!pages_base) return;
    madvise(pages_base, (size_t)committed << UNIT_SHIFT, MADV_DONTNEED);
    madvise(pages_maps, committed * sizeof(*pages_maps), MADV_DONTNEED);
}
#endif

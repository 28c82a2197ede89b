/* The ground under the allocator: one big range of addresses, handed out in runs of 64 KB units.
 *
 * The range is reserved at the first use and costs nothing until touched. Every unit has a descriptor in an
 * array apart, so the descriptor of any address is found by a subtraction and a shift. Only alloc*.c include this. */
#ifndef TANDEM_BASE_ALLOC_PAGES_H
#define TANDEM_BASE_ALLOC_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UNIT_SHIFT     16
#define UNIT_BYTES     ((size_t)1 << UNIT_SHIFT)
#define RUN_UNITS_MAX  16 /* the longest run handed out: 1 MB */
#define UNIT_MAP_WORDS (UNIT_BYTES / 16 / 64)

enum unit_state { UNIT_UNUSED, UNIT_FREE, UNIT_SLAB, UNIT_LARGE };

/* What is kept about a unit. Of a run, the first unit's descriptor counts; all units of a slab name their head,
 * and the last unit of a free run knows the run's length too, so that neighbours can merge. Unit 0 is never used:
 * it stands for "none" in links. */
struct unit {
    uint64_t words_free; /* slab: bit w is set when word w of the bitmap has a free block */
    uint32_t next, prev; /* slab: list of slabs with free blocks; free run: list of its length */
    uint32_t run;        /* length in units */
    uint32_t head;
    uint16_t blocks_free;
    uint8_t cls;
    uint8_t state;
    uint8_t dirty; /* free run: may hold old bytes, and memory with them */
};

extern char *pages_base;
extern struct unit *pages_units;
extern uint64_t (*pages_maps)[UNIT_MAP_WORDS]; /* a bitmap of free blocks for each unit, used by slab heads */

/* A run of n units, 1 <= n <= RUN_UNITS_MAX; *dirty says that it may hold old bytes. Aborts when memory is out. */
uint32_t pages_take(uint32_t n, bool *dirty);
void pages_give(uint32_t u);         /* the run that starts at u */
void pages_trim(void);               /* gives the memory of all free runs back to the system */
size_t pages_free_bytes_dirty(void); /* free, but possibly still resident */

void alloc_out_of_memory(size_t n) __attribute__((noreturn, cold));

static inline char *unit_address(uint32_t u) {
    return pages_base + ((size_t)u << UNIT_SHIFT);
}
static inline uint32_t unit_of(const void *p) {
    return (uint32_t)((size_t)((const char *)p - pages_base) >> UNIT_SHIFT);
}

#endif

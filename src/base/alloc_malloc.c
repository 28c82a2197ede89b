/* The allocator's stand-in over malloc, for sanitizer builds: same sizes in the accounts, every block its own.
 *
 * It keeps the promise on alignment that matters to users: blocks of a multiple of 64 bytes start a cache line. */
#ifdef TANDEM_MEM_MALLOC
#include "base/alloc.h"
#include "base/alloc_class.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct mem_stats stats;

static void *checked(void *p, size_t n) {
    if (p) return p;
    fprintf(stderr, "Out of memory allocating %zu bytes\n", n);
    abort();
}

static void account(size_t plus, size_t minus) {
    stats.used_bytes += plus - minus;
    if (stats.used_bytes > stats.peak_bytes) stats.peak_bytes = stats.used_bytes;
    stats.reserved_bytes = stats.used_bytes;
}

void *mem_alloc(size_t n) {
    account(good_size(n), 0);
    if (n > 0 && n % 64 == 0) return checked(aligned_alloc(64, n), n);
    return checked(malloc(n ? n : 1), n);
}

void *mem_zalloc(size_t n) {
    return memset(mem_alloc(n), 0, n);
}

void *mem_resize(void *p, size_t old, size_t n) {
    if (!p) return mem_alloc(n);
    void *q = mem_alloc(n);
    memcpy(q, p, old < n ? old : n);
    mem_free(p, old);
    return q;
}

void mem_free(void *p, size_t n) {
    if (!p) return;
    account(0, good_size(n));
    free(p);
}

void mem_discard(void *p, size_t from, size_t to) {
    (void)p, (void)from, (void)to;
}

struct mem_stats mem_stats(void) {
    return stats;
}

bool mem_class(unsigned i, struct mem_class *out) {
    (void)i, (void)out;
    return false; /* malloc has its own */
}

size_t mem_used_bytes(void) {
    return stats.used_bytes;
}

void mem_trim(void) {}

void mem_abandon(void) {
    /* malloc's blocks stay: sanitizers look into them */
}
#endif

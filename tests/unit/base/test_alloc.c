/* The allocator: blocks never overlap, keep their bytes, are aligned and accounted, and memory comes back. */
#include "base/alloc.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>

static uint64_t rng_state = 0x2545f4914f6cdd1d;
static uint64_t rng(void) {
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    return rng_state ^= rng_state << 17;
}

/* Sizes as they occur: mostly small, some large, a few huge. */
static size_t random_size(void) {
    uint64_t r = rng() % 1000;
    if (r < 700) return rng() % 200;
    if (r < 950) return rng() % 5000;
    if (r < 990) return rng() % 70000;
    return rng() % 3000000;
}

/* A live block: filled at both ends (wholly when short) with bytes that only it has. */
struct live {
    unsigned char *p;
    size_t n;
    uint64_t stamp;
};

#define EDGE 256
static void stamp(struct live *b) {
    b->stamp = rng();
    size_t edge = b->n < EDGE ? b->n : EDGE;
    for (size_t i = 0; i < edge; i++) b->p[i] = (unsigned char)(b->stamp >> 8 * (i % 8));
    for (size_t i = b->n - edge; i < b->n; i++) b->p[i] = (unsigned char)(b->stamp >> 8 * (i % 8));
}

static void check_bytes(const struct live *b, size_t n) {
    size_t edge = b->n < EDGE ? b->n : EDGE;
    for (size_t i = 0; i < edge && i < n; i++)
        cr_assert_eq(b->p[i], (unsigned char)(b->stamp >> 8 * (i % 8)), "byte %zu of %zu", i, b->n);
    for (size_t i = b->n - edge; i < b->n && i < n; i++)
        cr_assert_eq(b->p[i], (unsigned char)(b->stamp >> 8 * (i % 8)), "byte %zu of %zu", i, b->n);
}

static size_t alignment_of(size_t n) {
    size_t good = mem_good_size(n), a = 16;
    while (good % a) a /= 2;
    return n > 0 && n % 64 == 0 ? 64 : a;
}

static void live_init(struct live *b) {
    b->n = random_size();
    b->p = mem_alloc(b->n);
    cr_assert_eq((uintptr_t)b->p % alignment_of(b->n), 0, "%zu bytes at %p", b->n, (void *)b->p);
    stamp(b);
}

static void live_resize(struct live *b) {
    size_t n = rng() % 4 ? random_size() : b->n + rng() % 64;
    b->p = mem_resize(b->p, b->n, n);
    check_bytes(b, n < b->n ? n : b->n);
    b->n = n;
    stamp(b);
}

#define LIVE 3000
static struct live live[LIVE];

Test(alloc, blocks_keep_their_bytes_and_accounts_are_exact) {
    size_t used = mem_used_bytes();
    for (int op = 0; op < 200000; op++) {
        struct live *b = &live[rng() % LIVE];
        if (!b->p) {
            live_init(b);
            used += mem_good_size(b->n);
        } else if (rng() % 4 == 0) {
            used -= mem_good_size(b->n);
            live_resize(b);
            used += mem_good_size(b->n);
        } else {
            check_bytes(b, b->n);
            mem_free(b->p, b->n);
            used -= mem_good_size(b->n);
            b->p = NULL;
        }
        cr_assert_eq(mem_used_bytes(), used);
        if (op % 20000 == 0) mem_trim();
    }
    cr_assert_geq(mem_stats().peak_bytes, used);
    cr_assert_geq(mem_stats().reserved_bytes, used);
    for (int i = 0; i < LIVE; i++) {
        if (!live[i].p) continue;
        check_bytes(&live[i], live[i].n);
        mem_free(live[i].p, live[i].n);
    }
}

static size_t live_of(size_t block_bytes) {
    struct mem_class k;
    for (unsigned i = 0; mem_class(i, &k); i++)
        if (k.block_bytes == block_bytes) return k.used;
    return 0;
}

Test(alloc, classes_tell_their_live_blocks) {
    struct mem_class k;
    enum { N = 3000 };
    void *p[N];
    if (!mem_class(0, &k)) return; /* a sanitizer's malloc has none */
    size_t before = live_of(100);
    for (int i = 0; i < N; i++) p[i] = mem_alloc(100);
    cr_assert_eq(live_of(100), before + N);
    for (int i = 0; i < N; i += 2) mem_free(p[i], 100);
    cr_assert_eq(live_of(100), before + N / 2);
    for (int i = 1; i < N; i += 2) mem_free(p[i], 100);
    cr_assert_eq(live_of(100), before);
}

Test(alloc, good_sizes) {
    for (size_t n = 0; n < 300000; n++) {
        size_t good = mem_good_size(n);
        cr_assert_geq(good, n);
        cr_assert_eq(mem_good_size(good), good);
        if (n >= 1) cr_assert_geq(good, mem_good_size(n - 1));
        if (n >= 16 && n <= 128) cr_assert_lt(good - n, 4);
        if (n > 128 && n <= 16384) cr_assert_leq((double)(good - n), (double)good * 0.0625);
        if (n > 16384) cr_assert_eq(good, (n + 4095) / 4096 * 4096);
    }
}

Test(alloc, zeroed_blocks_are_zero_even_when_reused) {
    static const size_t sizes[] = {1,     40,    128,    1000,    4096,    16384,  16385,
                                   60000, 65536, 200000, 1048576, 1048577, 5000000};
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            unsigned char *p = mem_zalloc(sizes[i]);
            for (size_t k = 0; k < sizes[i]; k++) cr_assert_eq(p[k], 0, "byte %zu of %zu", k, sizes[i]);
            memset(p, 0xee, sizes[i]);
            mem_free(p, sizes[i]);
        }
    }
}

Test(alloc, edge_cases) {
    void *a = mem_alloc(0), *b = mem_alloc(0);
    cr_assert(a && b && a != b);
    mem_free(a, 0);
    mem_free(b, 0);
    mem_free(NULL, 100);
    void *c = mem_resize(NULL, 0, 100);
    cr_assert_not_null(c);
    mem_free(c, 100);
    char *s = mem_strdup("tandem");
    cr_assert_str_eq(s, "tandem");
    mem_free(s, 7);
    void *d = mem_alloc(mem_good_size(90)); /* any size of the class will do to free it */
    mem_free(d, 89);
}

Test(alloc, resize_keeps_content_across_all_kinds_of_blocks) {
    static const size_t sizes[] = {10,     100,     3000,    20000,   30000, 50000, 100000,
                                   900000, 1048576, 1500000, 4000000, 70000, 17000, 200};
    unsigned char *p = mem_alloc(sizes[0]);
    memset(p, 7, sizes[0]);
    size_t n = sizes[0], kept = sizes[0];
    for (size_t i = 1; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        p = mem_resize(p, n, sizes[i]);
        n = sizes[i];
        if (n < kept) kept = n;
        for (size_t k = 0; k < kept; k++) cr_assert_eq(p[k], 7, "byte %zu after growing to %zu", k, n);
        memset(p, 7, n);
        kept = n;
    }
    mem_free(p, n);
}

Test(alloc, discard_keeps_what_lies_outside) {
    static const size_t sizes[] = {40000, 3000000};
    for (int i = 0; i < 2; i++) {
        size_t n = sizes[i];
        unsigned char *p = mem_alloc(n);
        memset(p, 9, n);
        mem_discard(p, 5000, 30000);
        for (size_t k = 0; k < n; k++) {
            if (k < 5000 || k >= 30000)
                cr_assert_eq(p[k], 9, "byte %zu", k);
            else
                cr_assert(p[k] == 9 || p[k] == 0);
        }
        memset(p, 8, n);
        cr_assert_eq(p[10000], 8);
        mem_free(p, n);
    }
}

#ifndef TANDEM_MEM_MALLOC

#define MANY 400000
static void *many[MANY];

Test(alloc, small_blocks_cost_hardly_more_than_their_size) {
    size_t before = mem_resident_bytes();
    memset(many, 1, sizeof(many));
    size_t table = mem_resident_bytes() - before;
    for (int i = 0; i < MANY; i++) memset(many[i] = mem_alloc(38), i, 38);
    double per_block = (double)(mem_resident_bytes() - before - table) / MANY;
    cr_assert(per_block < 41.5, "%.2f bytes a block of 38", per_block);
}

Test(alloc, freed_memory_returns_to_the_system) {
    memset(many, 1, sizeof(many));
    size_t before = mem_resident_bytes();
    for (int i = 0; i < MANY; i++) memset(many[i] = mem_alloc(100), i, 100);
    cr_assert_gt(mem_resident_bytes() - before, (size_t)MANY * 100);
    for (int i = 0; i < MANY; i++) mem_free(many[i], 100);
    cr_assert_lt(mem_resident_bytes() - before, (size_t)12 << 20); /* some is kept for the next user */
    mem_trim();
    cr_assert_lt(mem_resident_bytes() - before, (size_t)2 << 20);
    cr_assert_lt(mem_stats().reserved_bytes, (size_t)2 << 20);
}

Test(alloc, a_large_zeroed_block_is_not_touched) {
    size_t before = mem_resident_bytes(), n = (size_t)256 << 20;
    char *p = mem_zalloc(n);
    p[n / 2] = 1;
    cr_assert_lt(mem_resident_bytes() - before, (size_t)1 << 20);
    memset(p, 1, (size_t)32 << 20);
    cr_assert_gt(mem_resident_bytes() - before, (size_t)32 << 20);
    mem_discard(p, 0, (size_t)32 << 20);
    cr_assert_lt(mem_resident_bytes() - before, (size_t)2 << 20);
    mem_free(p, n);
}

Test(alloc, populating_changes_no_byte) {
    enum { BYTES = 3 << 20, AT = 12345 };
    char *p = mem_alloc(BYTES);
    memset(p, 'a', BYTES / 2);
    mem_populate(p + AT, BYTES - AT);
    mem_populate(p, 100);
    for (int i = 0; i < BYTES / 2; i++) cr_assert_eq(p[i], 'a');
    memset(p, 'b', BYTES);
    mem_free(p, BYTES);
}

/* Random deletes among many mid-sized blocks must not run into the limit on mappings. */
Test(alloc, many_holes_between_blocks_of_some_pages) {
    size_t used = mem_used_bytes();
    for (int i = 0; i < MANY / 3; i++) *(char *)(many[i] = mem_alloc(17000)) = 1;
    for (int i = 0; i < MANY / 3; i += 2) mem_free(many[i], 17000);
    mem_trim();
    for (int i = 0; i < MANY / 3; i += 2) *(char *)(many[i] = mem_alloc(17000)) = 2;
    for (int i = 0; i < MANY / 3; i++) cr_assert_eq(*(char *)many[i], i % 2 ? 1 : i % 2 + 2);
    for (int i = 0; i < MANY / 3; i++) mem_free(many[i], 17000);
    cr_assert_eq(mem_used_bytes(), used);
}

/* What the parent frees after a fork must not copy the pages that the child reads: free blocks are not written. */
Test(alloc, freeing_leaves_the_bytes_of_free_blocks_alone) {
    for (int i = 0; i < 1000; i++) memset(many[i] = mem_alloc(64), 0xab, 64);
    for (int i = 1; i < 1000; i += 2) mem_free(many[i], 64);
    for (int i = 1; i < 1000; i += 2)
        for (int k = 0; k < 64; k++) cr_assert_eq(((unsigned char *)many[i])[k], 0xab);
}

Test(alloc, a_second_free_is_caught, .signal = SIGABRT) {
    void *a = mem_alloc(50), *b = mem_alloc(50);
    mem_free(a, 50);
    mem_free(a, 50);
    mem_free(b, 50);
}

Test(alloc, a_free_of_another_size_is_caught, .signal = SIGABRT) {
    mem_free(mem_alloc(50), 60);
}

Test(alloc, a_free_of_another_large_size_is_caught, .signal = SIGABRT) {
    mem_free(mem_alloc(100000), 300000);
}

#endif

/* What dict.c and dict_walk.c share: the form of a bucket and where a hash lives.
 *
 * A bucket is a node of 7 slots; when it overflows, its last slot points to a spill node of 3 slots, and so on.
 * A node's meta word holds one tag byte a slot (0: free) and the CHAINED bit in its top byte.
 * Invariants: items fill a node's slots from 0 without holes; only the last node of a chain may have free
 * slots; a spill node holds at least two items. So a chain is as short as its items allow. */
#ifndef TANDEM_BASE_DICT_INTERNAL_H
#define TANDEM_BASE_DICT_INTERNAL_H

#include "base/dict.h"

#define BUCKET_BYTES 64u
#define BUCKET_SLOTS 7u
#define SPILL_SLOTS  3u
#define SPILL_BYTES  (8 + 8 * SPILL_SLOTS)
#define CHAINED      (1ull << 56)
#define TAGS         (CHAINED - 1)

/* A slot is an item's address, with 16 bits of its hash in the bits that addresses don't use: see dict.c on how
 * rehash lives on them. Not under sanitizers, whose leak check must recognise the pointers. */
#ifdef TANDEM_MEM_MALLOC
#define SLOT_HINTS 0
#else
#define SLOT_HINTS 1
#endif
#define HINT_BITS    16
#define ADDRESS_BITS 48
#define ADDRESS_MASK (((uint64_t)1 << ADDRESS_BITS) - 1)

struct node {
    uint64_t meta;
    uint64_t slot[]; /* BUCKET_SLOTS or SPILL_SLOTS; when CHAINED the last is the next node's address */
};

static inline void *slot_item(uint64_t slot) {
    return (void *)(uintptr_t)(slot & ADDRESS_MASK);
}

struct table {
    char *base; /* n buckets */
    size_t n;
};

/* t[0] is the table; while rehashing t[1] is its successor, and every hash position below split has moved there. */
struct dict {
    const struct dict_type *type;
    size_t size;
    struct table t[2];
    size_t next; /* the first bucket of t[0] not yet moved (or not yet drained) */
    uint64_t split;
    uint64_t ratio;   /* buckets of t[1] for one of t[0], in units of 2^-60; 0: rehash looks at every key */
    uint16_t blur[2]; /* the hints in t[i] are at most this much below the truth, exclusive */
    uint32_t spills;
};

/* Positions are 63 bits wide, so that a position is also a SCAN cursor that fits a signed integer. */
#define POSITION_BITS 63
static inline uint64_t position_of(uint64_t h) {
    return h >> 1;
}

static inline uint8_t tag_of(uint64_t h) {
    uint8_t tag = (uint8_t)h;
    return tag ? tag : 1;
}

static inline size_t bucket_index(size_t n, uint64_t position) {
    return (size_t)((unsigned __int128)position * n >> POSITION_BITS);
}

/* The lowest position of bucket i among n. i == n gives the end of hash space. */
static inline uint64_t bucket_start(size_t n, size_t i) {
    return (uint64_t)((((unsigned __int128)i << POSITION_BITS) + n - 1) / n);
}

static inline struct node *bucket_at(const struct table *t, size_t i) {
    return (struct node *)(t->base + i * BUCKET_BYTES);
}

static inline struct node *bucket_of(const struct dict *d, uint64_t h) {
    uint64_t position = position_of(h);
    const struct table *t = &d->t[position < d->split];
    return bucket_at(t, bucket_index(t->n, position));
}

/* Buckets in use over both tables, and the k-th of them in hash order. */
static inline size_t buckets_moved(const struct dict *d) {
    return d->split ? bucket_index(d->t[1].n, d->split - 1) + 1 : 0;
}
static inline size_t buckets_live(const struct dict *d) {
    return buckets_moved(d) + d->t[0].n - (d->t[1].n ? d->next : 0);
}
static inline struct node *bucket_live(const struct dict *d, size_t k) {
    size_t moved = buckets_moved(d);
    if (k < moved) return bucket_at(&d->t[1], k);
    return bucket_at(&d->t[0], k - moved + (d->t[1].n ? d->next : 0));
}

static inline unsigned node_count(const struct node *node) {
    uint64_t tags = node->meta & TAGS;
    return tags ? (unsigned)(71 - __builtin_clzll(tags)) / 8 : 0;
}

static inline struct node *node_next(const struct node *node, unsigned slots) {
    return node->meta & CHAINED ? slot_item(node->slot[slots - 1]) : NULL;
}

/* The bucket t[0].next is empty now: passes on to the next one, ending the rehash (and then returning true)
 * after the last. */
bool dict_bucket_done(struct dict *d);
void dict_drain_start(struct dict *d);
void dict_drop_tables(struct dict *d); /* of an empty dict */

/* Brings the items of a node that will soon be visited into cache, and the next node of its chain. */
static inline void node_prefetch_items(const struct node *node, unsigned slots) {
    for (unsigned i = 0, n = node_count(node); i < n; i++) __builtin_prefetch(slot_item(node->slot[i]));
    if (node->meta & CHAINED) __builtin_prefetch(slot_item(node->slot[slots - 1]));
}

#endif

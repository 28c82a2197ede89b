/* A hash table of items that carry their own key (a key's entry is one allocation, and dict stores its pointer).
 *
 * Form: an array of 64-byte buckets (one cache line): seven slots with one-byte hash tags; what overflows goes to chained
 * nodes of three slots. The bucket of a hash h among n is (h * n) >> 64, so buckets are in hash order whatever n is:
 *   - growth can be by any factor (we grow by a quarter, so that the load stays between 5.3 and 6.6 items a bucket);
 *   - while rehashing, old buckets move in hash order, so one comparison tells which table holds a hash and a
 *     lookup touches one bucket only; pages of the old table are given back as they empty;
 *   - a SCAN cursor is a position in hash space: stateless, right across any resize.
 * Rehash is incremental: every insert and take moves a bucket or two, dict_rehash_us moves more in idle time. It rarely reads
 * keys: 16 bits of an item's hash lie in the unused bits of its pointer (dict.c), so items must lie below 2^48.
 *
 * Ownership: dict owns its table, and the items only when dict_free/dict_clear call type->free_item.
 * Pointers returned are valid until the next insert, take or rehash step of the same dict; the item pointers
 * themselves are the caller's. Not safe to change while dict_each runs. */
#ifndef TANDEM_BASE_DICT_H
#define TANDEM_BASE_DICT_H

#include "base/slice.h"
#include <stdint.h>

struct dict;

struct dict_type {
    slice (*key)(const void *item);            /* the item's key bytes */
    uint64_t (*hash)(const void *p, size_t n); /* NULL: hash_bytes */
    void (*free_item)(void *item);             /* NULL: items are not owned */
    bool nocase;                               /* compare keys without ASCII case */
};

struct dict *dict_new(const struct dict_type *type);
void dict_free(struct dict *d);
void dict_clear(struct dict *d);

size_t dict_size(const struct dict *d);
size_t dict_table_bytes(const struct dict *d); /* memory of buckets, without the items */
/* How full a table's buckets are: table 0, and 1, its successor, while rehashing; false when there is none. For reports. */
#define DICT_CHAIN_MAX 50
struct dict_stats {
    size_t buckets, items;          /* buckets that rehashing has emptied, or not filled yet, included */
    size_t fullest;                 /* items in the fullest bucket */
    size_t holding[DICT_CHAIN_MAX]; /* buckets with so many items; the last: or more */
};
bool dict_stats(const struct dict *d, int table, struct dict_stats *out);
void dict_reserve(struct dict *d, size_t n); /* pre-size an empty or small table for n items */

uint64_t dict_hash(const struct dict *d, slice key);

void *dict_find(struct dict *d, slice key);                    /* the item, or NULL */
void *dict_find_hashed(struct dict *d, slice key, uint64_t h); /* h must be dict_hash(d, key) */
void dict_insert(struct dict *d, void *item);                  /* its key must not be there */
void dict_insert_hashed(struct dict *d, void *item, uint64_t h);
void *dict_take(struct dict *d, slice key); /* removes and returns the item, NULL if none */
void *dict_take_hashed(struct dict *d, slice key, uint64_t h);
/* The item moved (realloc) or was exchanged for one with the same key: put the new pointer where old was. */
void dict_replace(struct dict *d, const void *old, void *item, uint64_t h);

/* Two-stage prefetch: first the buckets of a batch of hashes, then, once those are in cache, the entries whose
 * tag matches. Hints only. */
void dict_prefetch_bucket(const struct dict *d, uint64_t h);
void dict_prefetch_item(const struct dict *d, uint64_t h);

/* Calls fn for every item; the dict must not change meanwhile. */
void dict_each(struct dict *d, void (*fn)(void *ctx, void *item), void *ctx);

/* SCAN: calls fn for the items of a small region of hash space and returns the next cursor, 0 at the end.
 * Start with 0. Every item present from the first call to the last is reported at least once, whatever is
 * inserted, removed or resized between calls. fn must not change the dict. */
uint64_t dict_scan(struct dict *d, uint64_t cursor, void (*fn)(void *ctx, void *item), void *ctx);

void *dict_random(struct dict *d); /* a uniformly chosen item, NULL when empty */
/* Calls fn for n different items chosen at random, for all when there are no more; fn must not change the dict. */
void dict_pick(struct dict *d, size_t n, void (*fn)(void *ctx, void *item), void *ctx);
/* Sampling by many single looks: calls fn for the items of h's bucket (h any number: half a dozen items, often, or none).
 * Prefetch before, again in two stages: dict_prefetch_bucket, then dict_prefetch_near. fn must not change the dict. */
void dict_near(struct dict *d, uint64_t h, void (*fn)(void *ctx, void *item), void *ctx);
void dict_prefetch_near(const struct dict *d, uint64_t h);
/* Whether this very item is there; it may have been freed since, because it is not looked at. */
bool dict_holds(const struct dict *d, const void *item, uint64_t h);
/* While rehashing: memory of the smaller table, which is there for the time of the move only; else 0. */
size_t dict_spare_bytes(const struct dict *d);
bool dict_rehashing(const struct dict *d);
bool dict_rehash_us(struct dict *d, uint64_t budget_us); /* true while there is more to do */
/* Free items in slices: removes and frees up to n items from the front, true while some remain. For lazy freeing. */
bool dict_free_some(struct dict *d, size_t n);

#endif

/* An ordered index: a B+ tree whose inner nodes count what is below them, so that the n-th entry, the rank of an
 * entry and the number of entries between two bounds cost one walk from the root. Sorted sets (score, then member),
 * streams (the nodes by their first id) and pending lists (by id) stand in it.
 *
 * An entry is 16 bytes: a 64-bit key and a pointer to the caller's item. Entries stand in ascending order of their
 * keys, and those of equal keys in the order that the caller's function gives their items. Why this form:
 *   - the key is in the node, so a search compares integers that lie side by side and follows no pointer; the
 *     items, each a cache miss, are only looked at among equal keys, where nothing shorter decides;
 *   - one compiled tree serves every use, because a key need not be the whole order, only never contradict it:
 *     btree_key_of_double maps a score exactly, btree_key_of_id maps the 128 bits of a stream id to 64 that tell
 *     ids apart unless more than 65535 fall into one millisecond. A comparison callback for every step would cost
 *     an indirect call and a miss each; a template per type would triple the code to save a rare call;
 *   - 16 bytes and no more: a full leaf costs 16.5 bytes an entry, inner nodes less than one.
 *
 * Memory: a leaf that fills up gives entries to a neighbour before it splits, and entries that come in order, at
 * either end, leave full leaves behind. A tree of few entries is one leaf that grows and shrinks with them.
 *
 * Ownership: the tree owns its nodes, never the items; an item must live, and keep its place in the order, while it
 * is in the tree. The order function reads nothing of a probe but what it compares, so a probe may be a part-filled
 * item on the stack. Positions are valid until the next change of the tree. */
#ifndef TANDEM_BASE_BTREE_H
#define TANDEM_BASE_BTREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct btree;

/* <0, 0, >0 as a stands before, at or behind b, whose keys are equal. */
typedef int btree_order(const void *a, const void *b);

struct btree *btree_new(btree_order *order);
void btree_free(struct btree *t);
/* Gives back nodes of about n entries, at least one; true while some remain. For freeing in slices: the tree is
 * whole between calls. */
bool btree_free_some(struct btree *t, size_t n);

size_t btree_count(const struct btree *t);
size_t btree_bytes(const struct btree *t); /* memory of the tree, without the items */

/* --- changing --- */

void btree_insert(struct btree *t, uint64_t key, void *item); /* none equal may be there */
/* The item, or NULL if there is none equal. */
void *btree_remove(struct btree *t, uint64_t key, const void *probe);
/* The item is there; at `to` none equal. */
void btree_rekey(struct btree *t, uint64_t key, void *item, uint64_t to);
/* Removes the entries of ranks [from, from + n), calls removed (may be NULL) for their items, in order, when they
 * are no longer in the tree, and returns how many they were. removed may free the item, not touch the tree. */
size_t btree_remove_range(struct btree *t, size_t from, size_t n, void (*removed)(void *ctx, void *item),
                          void *ctx);

/* --- positions --- */

struct btree_leaf {
    uint16_t count, room; /* entries, and how many fit */
    struct btree_leaf *prev, *next;
    uint64_t keys[]; /* `room` keys, then as many items */
};

struct btree_pos {
    struct btree_leaf *leaf; /* NULL: at no entry (behind the last) */
    uint32_t slot;
};

static inline void **btree_leaf_items(struct btree_leaf *l) {
    return (void **)(void *)(l->keys + l->room);
}
static inline bool btree_ok(struct btree_pos p) {
    return p.leaf != NULL;
}
static inline uint64_t btree_key(struct btree_pos p) {
    return p.leaf->keys[p.slot];
}
static inline void *btree_item(struct btree_pos p) {
    return btree_leaf_items(p.leaf)[p.slot];
}
static inline struct btree_pos btree_next(struct btree_pos p) {
    if (p.slot + 1 < p.leaf->count) return (struct btree_pos){p.leaf, p.slot + 1};
    return (struct btree_pos){p.leaf->next, 0};
}
struct btree_pos btree_prev(const struct btree *t, struct btree_pos p); /* of the end: the last */
struct btree_pos btree_first(const struct btree *t);
struct btree_pos btree_last(const struct btree *t);
struct btree_pos btree_at(const struct btree *t, size_t rank); /* at no entry when rank >= count */
struct btree_pos btree_find(const struct btree *t, uint64_t key, const void *probe);
/* How many entries stand before the one equal to the probe; SIZE_MAX when there is none. */
size_t btree_rank(const struct btree *t, uint64_t key, const void *probe);

/* The first entry that stands at or behind (lower), or behind (upper), the place of key and probe; with probe NULL
 * the key alone decides. *rank (may be NULL) is the number of entries before it. */
struct btree_pos btree_lower(const struct btree *t, uint64_t key, const void *probe, size_t *rank);
struct btree_pos btree_upper(const struct btree *t, uint64_t key, const void *probe, size_t *rank);
/* The first entry for which before() is false. before() must be true for a leading run of entries only. */
struct btree_pos btree_where(const struct btree *t,
                             bool (*before)(const void *ctx, uint64_t key, const void *item), const void *ctx,
                             size_t *rank);

/* --- keys --- */

/* Ascending as the doubles, -0 as 0; not for nan. */
static inline uint64_t btree_key_of_double(double d) {
    uint64_t bits;
    d += 0.0; /* -0 becomes 0 */
    memcpy(&bits, &d, sizeof(bits));
    return bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}
/* Never descends where (high, low) ascends; ids of different times have different keys until the year 10889. */
static inline uint64_t btree_key_of_id(uint64_t high, uint64_t low) {
    if (high >> 48) return UINT64_MAX;
    return high << 16 | (low < 65535 ? low : 65535);
}

#endif

/* Shared by the files of the tree, and by the test that checks its structure: inner nodes, and searching one node. */
#ifndef TANDEM_BASE_BTREE_INTERNAL_H
#define TANDEM_BASE_BTREE_INTERNAL_H

#include "base/assert.h"
#include "base/btree.h"

#define LEAF_MAX  62 /* entries: 1016 bytes with the header */
#define INNER_MAX 31 /* children: 1000 bytes */
#define DEPTH_MAX 16

/* Where a node's keys are, roughly: asked for at once, before a search takes its steps through them. */
#define NODE_KEY_BYTES 512

/* A child with the least entry below it and the number of entries below it. */
struct child {
    uint64_t key;
    void *item;
    void *node;
    uint64_t count;
};

struct inner {
    uint32_t count;
    uint64_t keys[INNER_MAX];
    void *items[INNER_MAX];
    void *nodes[INNER_MAX];
    uint64_t counts[INNER_MAX];
};

struct btree {
    btree_order *order;
    void *root; /* NULL when empty; a leaf at height 0, else an inner node */
    int height; /* levels of inner nodes */
    size_t count, bytes;
};

/* A place between two entries: behind all that stand before it. Told by key and probe (behind_equal: the entry
 * equal to them, if any, is before it too), or by a function. */
struct place {
    uint64_t key;
    const void *probe;
    bool behind_equal;
    bool (*before)(const void *ctx, uint64_t key, const void *item);
    const void *ctx;
};

/* The way to a place: at level i (0 is the root) the child slot[i] of node[i] was taken. */
struct path {
    struct inner *node[DEPTH_MAX];
    uint32_t slot[DEPTH_MAX];
    struct btree_leaf *leaf;
    uint32_t at; /* in the leaf; may be its count */
};

/* How many of n ascending keys are less than key; n > 0. The ends first, because keys that come in order, and equal
 * keys, end there at every level; then by halves, with no branch that depends on the data. */
static inline uint32_t keys_below(const uint64_t *keys, uint32_t n, uint64_t key) {
    const uint64_t *from = keys;
    if (key <= keys[0]) return 0;
    if (key > keys[n - 1]) return n;
    while (n > 1) {
        uint32_t half = n / 2;
        from += half & (0u - (from[half - 1] < key)); /* a mask: compilers make `?:` a branch here */
        n -= half;
    }
    return (uint32_t)(from - keys) + (*from < key);
}

/* Among n entries of the place's key, how many stand before the place. Every item looked at is likely a cache miss:
 * while one is waited for, the two that may be next are asked for. */
static inline uint32_t items_before(btree_order *order, void *const *items, uint32_t n,
                                    const struct place *at) {
    uint32_t from = 0;
    while (n > 0) {
        uint32_t half = n / 2;
        const void *item = items[from + half];
        __builtin_prefetch(items[from + half / 2]);
        if (n > 2) __builtin_prefetch(items[from + half + 1 + (n - half - 1) / 2]);
        int c = item == at->probe ? 0 : order(item, at->probe);
        if (c < 0 || (c == 0 && at->behind_equal)) {
            from += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    return from;
}

/* How many of a node's n entries (or least entries of children) stand before the place. */
static inline uint32_t entries_before(const struct btree *t, const uint64_t *keys, void *const *items,
                                      uint32_t n, const struct place *at) {
    if (unlikely(at->before != NULL)) {
        uint32_t from = 0;
        while (n > 0) {
            uint32_t half = n / 2;
            bool right = at->before(at->ctx, keys[from + half], items[from + half]);
            from += right ? half + 1 : 0;
            n = right ? n - half - 1 : half;
        }
        return from;
    }
    uint32_t from = n ? keys_below(keys, n, at->key) : 0;
    if (from == n || keys[from] != at->key) return from;
    if (!at->probe && !at->behind_equal) return from;
    uint32_t equal = 1;
    if (from + 1 < n && keys[from + 1] == at->key)
        equal = at->key == UINT64_MAX ? n - from : keys_below(keys + from, n - from, at->key + 1);
    return from + (at->probe ? items_before(t->order, items + from, equal, at) : equal);
}

/* Goes to a place in a tree that is not empty. *rank, when wanted, is the number of entries before it. */
static inline void btree_descend(const struct btree *t, const struct place *to, struct path *p,
                                 size_t *rank) {
    void *node = t->root;
    size_t before = 0;
    for (int level = 0; level < t->height; level++) {
        struct inner *n = node;
        uint32_t slot = entries_before(t, n->keys, n->items, n->count, to);
        slot -= slot > 0;
        p->node[level] = n;
        p->slot[level] = slot;
        node = n->nodes[slot];
        for (size_t line = 0; line < NODE_KEY_BYTES; line += 64) __builtin_prefetch((char *)node + line);
        if (rank)
            for (uint32_t i = 0; i < slot; i++) before += n->counts[i];
    }
    p->leaf = node;
    p->at = entries_before(t, p->leaf->keys, btree_leaf_items(p->leaf), p->leaf->count, to);
    if (rank) *rank = before + p->at;
}

/* The entry equal to key and probe: false when there is none. p->at is its slot. */
static inline bool btree_descend_to(const struct btree *t, uint64_t key, const void *probe, struct path *p,
                                    size_t *rank) {
    if (!t->root) return false;
    struct place to = {.key = key, .probe = probe, .behind_equal = true};
    btree_descend(t, &to, p, rank);
    if (p->at == 0 || p->leaf->keys[p->at - 1] != key) return false;
    const void *item = btree_leaf_items(p->leaf)[--p->at];
    if (rank) --*rank;
    return item == probe || t->order(item, probe) == 0;
}

/* Goes to the entry of a rank below the count. */
static inline void btree_descend_to_rank(const struct btree *t, size_t rank, struct path *p) {
    void *node = t->root;
    for (int level = 0; level < t->height; level++) {
        struct inner *n = node;
        uint32_t slot = 0;
        while (rank >= n->counts[slot]) rank -= n->counts[slot++];
        p->node[level] = n;
        p->slot[level] = slot;
        node = n->nodes[slot];
    }
    p->leaf = node;
    p->at = (uint32_t)rank;
}

#endif

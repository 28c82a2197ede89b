/* The tree: finding, ranks, bounds, and walking. Nothing here changes it.
 *
 * A bound is a place between two entries. The walk to it ends in the last leaf whose least entry stands before the
 * place, so the place may be behind that leaf's last entry: then the bound is the next leaf's first. */
#include "base/btree_internal.h"

size_t btree_count(const struct btree *t) {
    return t->count;
}

size_t btree_bytes(const struct btree *t) {
    return t->bytes;
}

struct btree_pos btree_first(const struct btree *t) {
    void *node = t->root;
    for (int level = 0; level < t->height; level++) node = ((struct inner *)node)->nodes[0];
    return (struct btree_pos){node, 0};
}

struct btree_pos btree_last(const struct btree *t) {
    void *node = t->root;
    for (int level = 0; level < t->height; level++) {
        struct inner *n = node;
        node = n->nodes[n->count - 1];
    }
    struct btree_leaf *leaf = node;
    return (struct btree_pos){leaf, leaf ? leaf->count - 1u : 0};
}

struct btree_pos btree_prev(const struct btree *t, struct btree_pos p) {
    if (!p.leaf) return btree_last(t);
    if (p.slot > 0) return (struct btree_pos){p.leaf, p.slot - 1};
    struct btree_leaf *prev = p.leaf->prev;
    return (struct btree_pos){prev, prev ? prev->count - 1u : 0};
}

struct btree_pos btree_at(const struct btree *t, size_t rank) {
    if (rank >= t->count) return (struct btree_pos){NULL, 0};
    struct path p;
    btree_descend_to_rank(t, rank, &p);
    return (struct btree_pos){p.leaf, p.at};
}

struct btree_pos btree_find(const struct btree *t, uint64_t key, const void *probe) {
    struct path p;
    if (!btree_descend_to(t, key, probe, &p, NULL)) return (struct btree_pos){NULL, 0};
    return (struct btree_pos){p.leaf, p.at};
}

size_t btree_rank(const struct btree *t, uint64_t key, const void *probe) {
    struct path p;
    size_t rank;
    return btree_descend_to(t, key, probe, &p, &rank) ? rank : SIZE_MAX;
}

static struct btree_pos bound(const struct btree *t, const struct place *at, size_t *rank) {
    if (rank) *rank = 0;
    if (!t->root) return (struct btree_pos){NULL, 0};
    struct path p;
    btree_descend(t, at, &p, rank);
    if (p.at < p.leaf->count) return (struct btree_pos){p.leaf, p.at};
    return (struct btree_pos){p.leaf->next, 0};
}

struct btree_pos btree_lower(const struct btree *t, uint64_t key, const void *probe, size_t *rank) {
    struct place at = {.key = key, .probe = probe};
    return bound(t, &at, rank);
}

struct btree_pos btree_upper(const struct btree *t, uint64_t key, const void *probe, size_t *rank) {
    struct place at = {.key = key, .probe = probe, .behind_equal = true};
    return bound(t, &at, rank);
}

struct btree_pos btree_where(const struct btree *t,
                             bool (*before)(const void *ctx, uint64_t key, const void *item), const void *ctx,
                             size_t *rank) {
    struct place at = {.before = before, .ctx = ctx};
    return bound(t, &at, rank);
}

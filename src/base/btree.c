/* The tree: inserting, removing, and what that does to nodes. Searching a node is in btree_internal.h, reading in
 * btree_read.c.
 *
 * Invariants: all leaves are at the same depth and linked in order; no node is empty; an inner node knows of each
 * child the exact count and the least entry below it (a copy: so it never names an item that was removed).
 *
 * Inserting into a full leaf first makes room, then starts over from the root: making room only moves entries
 * between nodes, and is needed once in dozens of inserts. What it does, first that applies:
 *   1. the only leaf is made larger;
 *   2. an entry that goes behind the leaf's last goes to the front of its right neighbour instead if there is
 *      room, else into a new leaf of its own, which following entries then fill: ascending inserts leave full leaves;
 *   3. likewise before the very first entry;
 *   4. entries move to the emptier neighbour under the same parent;
 *   5. the leaf is split in halves.
 * Removing joins a node that is half empty or less with a neighbour when both fit into seven eighths of one, so
 * that a node is not split and joined by turns. */
#include "base/btree_internal.h"

#include "base/alloc.h"

#define ROOM_FIRST 4               /* of a tree's first leaf */
#define SHIFT_MIN  (LEAF_MAX / 16) /* free entries a neighbour must have to be given some */
#define LEAF_JOIN  (LEAF_MAX * 7 / 8)
#define INNER_JOIN (INNER_MAX * 7 / 8)

/* --- nodes --- */

static size_t leaf_bytes(uint32_t room) {
    return sizeof(struct btree_leaf) + room * (sizeof(uint64_t) + sizeof(void *));
}

static void *node_alloc(struct btree *t, size_t bytes) {
    t->bytes += mem_good_size(bytes);
    return mem_alloc(bytes);
}

static void node_free(struct btree *t, void *node, size_t bytes) {
    t->bytes -= mem_good_size(bytes);
    mem_free(node, bytes);
}

static struct btree_leaf *leaf_new(struct btree *t, uint32_t room) {
    struct btree_leaf *l = node_alloc(t, leaf_bytes(room));
    *l = (struct btree_leaf){.room = (uint16_t)room};
    return l;
}

static void leaf_free(struct btree *t, struct btree_leaf *l) {
    node_free(t, l, leaf_bytes(l->room));
}

static struct inner *inner_new(struct btree *t) {
    struct inner *n = node_alloc(t, sizeof(struct inner));
    n->count = 0;
    return n;
}

/* Opens a gap of n entries at slot `at`. */
static void leaf_open(struct btree_leaf *l, uint32_t at, uint32_t n) {
    void **items = btree_leaf_items(l);
    memmove(l->keys + at + n, l->keys + at, (l->count - at) * sizeof(uint64_t));
    memmove(items + at + n, items + at, (l->count - at) * sizeof(void *));
    l->count = (uint16_t)(l->count + n);
}

static void leaf_close(struct btree_leaf *l, uint32_t at, uint32_t n) {
    void **items = btree_leaf_items(l);
    memmove(l->keys + at, l->keys + at + n, (l->count - at - n) * sizeof(uint64_t));
    memmove(items + at, items + at + n, (l->count - at - n) * sizeof(void *));
    l->count = (uint16_t)(l->count - n);
}

static void leaf_copy(struct btree_leaf *to, uint32_t at, struct btree_leaf *from, uint32_t from_at,
                      uint32_t n) {
    memcpy(to->keys + at, from->keys + from_at, n * sizeof(uint64_t));
    memcpy(btree_leaf_items(to) + at, btree_leaf_items(from) + from_at, n * sizeof(void *));
}

static void leaf_put(struct btree_leaf *l, uint32_t at, uint64_t key, void *item) {
    leaf_open(l, at, 1);
    l->keys[at] = key;
    btree_leaf_items(l)[at] = item;
}

static void leaf_link(struct btree_leaf *l, struct btree_leaf *prev, struct btree_leaf *next) {
    l->prev = prev;
    l->next = next;
    if (prev) prev->next = l;
    if (next) next->prev = l;
}

static void leaf_unlink(struct btree *t, struct btree_leaf *l) {
    if (l->prev) l->prev->next = l->next;
    if (l->next) l->next->prev = l->prev;
    leaf_free(t, l);
}

static struct child leaf_child(struct btree_leaf *l) {
    return (struct child){l->keys[0], btree_leaf_items(l)[0], l, l->count};
}

static struct child inner_child(struct inner *n) {
    uint64_t count = 0;
    for (uint32_t i = 0; i < n->count; i++) count += n->counts[i];
    return (struct child){n->keys[0], n->items[0], n, count};
}

static void inner_move(struct inner *to, uint32_t at, struct inner *from, uint32_t from_at, uint32_t n) {
    memmove(to->keys + at, from->keys + from_at, n * sizeof(to->keys[0]));
    memmove(to->items + at, from->items + from_at, n * sizeof(to->items[0]));
    memmove(to->nodes + at, from->nodes + from_at, n * sizeof(to->nodes[0]));
    memmove(to->counts + at, from->counts + from_at, n * sizeof(to->counts[0]));
}

static void inner_put(struct inner *n, uint32_t at, struct child c) {
    inner_move(n, at + 1, n, at, n->count - at);
    n->keys[at] = c.key;
    n->items[at] = c.item;
    n->nodes[at] = c.node;
    n->counts[at] = c.count;
    n->count++;
}

/* --- the way back up --- */

/* The least entry below the child taken at `level` is another: known to its parent, and above while it is the first. */
static void set_least(struct path *p, int level, uint64_t key, void *item) {
    for (; level >= 0; level--) {
        p->node[level]->keys[p->slot[level]] = key;
        p->node[level]->items[p->slot[level]] = item;
        if (p->slot[level] > 0) return;
    }
}

static void add_counts(struct btree *t, struct path *p, int levels, int64_t n) {
    t->count += (size_t)n;
    for (int level = 0; level < levels; level++) p->node[level]->counts[p->slot[level]] += (uint64_t)n;
}

/* A new node c beside the one taken at `level` becomes the child `at` there. Counts above include it already. */
static void insert_child(struct btree *t, struct path *p, int level, uint32_t at, struct child c) {
    if (level < 0) {
        assert_that(t->height < DEPTH_MAX);
        struct inner *root = inner_new(t);
        struct child old = t->height ? inner_child(t->root) : leaf_child(t->root);
        old.count = t->count - c.count;
        inner_put(root, 0, old);
        inner_put(root, at, c);
        t->root = root;
        t->height++;
        return;
    }
    struct inner *n = p->node[level];
    if (n->count < INNER_MAX) {
        inner_put(n, at, c);
        return;
    }
    struct inner *right = inner_new(t);
    uint32_t keep = at == INNER_MAX ? INNER_MAX : INNER_MAX / 2; /* in order: the left one stays full */
    inner_move(right, 0, n, keep, INNER_MAX - keep);
    right->count = INNER_MAX - keep;
    n->count = keep;
    if (at > keep || keep == INNER_MAX)
        inner_put(right, at - keep, c);
    else
        inner_put(n, at, c);
    struct child half = inner_child(right);
    uint32_t slot = level > 0 ? p->slot[level - 1] : 0;
    if (level > 0) p->node[level - 1]->counts[slot] -= half.count;
    insert_child(t, p, level - 1, slot + 1, half);
}

/* --- inserting --- */

static void resize_root(struct btree *t, uint32_t room) {
    struct btree_leaf *old = t->root, *l = leaf_new(t, room);
    leaf_copy(l, 0, old, 0, old->count);
    l->count = old->count;
    leaf_free(t, old);
    t->root = l;
}

/* The entry becomes the only one of a new leaf behind (or, at the very front, before) the one it belongs to. */
static void insert_leaf(struct btree *t, struct path *p, bool behind, uint64_t key, void *item) {
    struct btree_leaf *l = leaf_new(t, LEAF_MAX);
    leaf_put(l, 0, key, item);
    if (behind)
        leaf_link(l, p->leaf, p->leaf->next);
    else
        leaf_link(l, NULL, p->leaf);
    int parent = t->height - 1;
    add_counts(t, p, parent, 1);
    if (!behind) set_least(p, parent - 1, key, item);
    insert_child(t, p, parent, (parent >= 0 ? p->slot[parent] : 0) + behind, leaf_child(l));
}

/* What the child at slot + by (-1 or 1) of the leaf's parent could take; 0 when there is none. */
static uint32_t neighbour_room(const struct path *p, int parent, int by) {
    const struct inner *n = p->node[parent];
    uint32_t slot = p->slot[parent] + (uint32_t)by; /* before the first: wraps to beyond the last */
    return slot < n->count ? LEAF_MAX - (uint32_t)n->counts[slot] : 0;
}

/* Moves the last n entries of the left leaf to the right one, the children slot and slot + 1. */
static void shift_right(struct inner *parent, uint32_t slot, uint32_t n) {
    struct btree_leaf *left = parent->nodes[slot], *right = parent->nodes[slot + 1];
    leaf_open(right, 0, n);
    leaf_copy(right, 0, left, left->count - n, n);
    left->count = (uint16_t)(left->count - n);
    parent->counts[slot] -= n;
    parent->counts[slot + 1] += n;
    parent->keys[slot + 1] = right->keys[0];
    parent->items[slot + 1] = btree_leaf_items(right)[0];
}

static void shift_left(struct inner *parent, uint32_t slot, uint32_t n) {
    struct btree_leaf *left = parent->nodes[slot], *right = parent->nodes[slot + 1];
    leaf_copy(left, left->count, right, 0, n);
    left->count = (uint16_t)(left->count + n);
    leaf_close(right, 0, n);
    parent->counts[slot] += n;
    parent->counts[slot + 1] -= n;
    parent->keys[slot + 1] = right->keys[0];
    parent->items[slot + 1] = btree_leaf_items(right)[0];
}

static void split(struct btree *t, struct path *p) {
    struct btree_leaf *l = p->leaf, *right = leaf_new(t, LEAF_MAX);
    uint32_t keep = l->count / 2;
    leaf_copy(right, 0, l, keep, l->count - keep);
    right->count = (uint16_t)(l->count - keep);
    l->count = (uint16_t)keep;
    leaf_link(right, l, l->next);
    int parent = t->height - 1;
    uint32_t slot = parent >= 0 ? p->slot[parent] : 0;
    if (parent >= 0) p->node[parent]->counts[slot] -= right->count;
    insert_child(t, p, parent, slot + 1, leaf_child(right));
}

/* Makes room in (or beside) the full leaf p ends at; true when that placed the entry itself. See the top. */
static bool make_room(struct btree *t, struct path *p, uint64_t key, void *item) {
    struct btree_leaf *l = p->leaf;
    int parent = t->height - 1;
    if (l->room < LEAF_MAX) {
        resize_root(t, l->room * 2u < LEAF_MAX ? l->room * 2u : LEAF_MAX);
        return false;
    }
    uint32_t left = parent >= 0 ? neighbour_room(p, parent, -1) : 0;
    uint32_t right = parent >= 0 ? neighbour_room(p, parent, 1) : 0;
    if (p->at == l->count) {
        if (right == 0) {
            insert_leaf(t, p, true, key, item);
            return true;
        }
        p->slot[parent]++;
        leaf_put(l->next, 0, key, item);
        add_counts(t, p, t->height, 1);
        set_least(p, parent, key, item);
        return true;
    }
    if (p->at == 0 && !l->prev) {
        insert_leaf(t, p, false, key, item);
        return true;
    }
    if (right >= SHIFT_MIN && right >= left)
        shift_right(p->node[parent], p->slot[parent], (right + 1) / 2);
    else if (left >= SHIFT_MIN)
        shift_left(p->node[parent], p->slot[parent] - 1, (left + 1) / 2);
    else
        split(t, p);
    return false;
}

void btree_insert(struct btree *t, uint64_t key, void *item) {
    if (!t->root) t->root = leaf_new(t, ROOM_FIRST);
    struct place to = {.key = key, .probe = item};
    struct path p;
    for (;;) {
        btree_descend(t, &to, &p, NULL);
        if (likely(p.leaf->count < p.leaf->room)) break;
        if (make_room(t, &p, key, item)) return;
    }
    leaf_put(p.leaf, p.at, key, item);
    add_counts(t, &p, t->height, 1);
    if (p.at == 0) set_least(&p, t->height - 1, key, item);
}

/* --- removing --- */

static void remove_child(struct btree *t, struct path *p, int level, uint32_t at);

/* Everything of the node right of slot `left` moves into that at `left`, if it fits. */
static bool join_inner(struct btree *t, struct path *p, int level, uint32_t left) {
    struct inner *parent = p->node[level];
    if (left + 1 >= parent->count) return false;
    struct inner *a = parent->nodes[left], *b = parent->nodes[left + 1];
    if (a->count + b->count > INNER_JOIN) return false;
    inner_move(a, a->count, b, 0, b->count);
    a->count += b->count;
    parent->counts[left] += parent->counts[left + 1];
    node_free(t, b, sizeof(*b));
    remove_child(t, p, level, left + 1);
    return true;
}

static bool join_leaf(struct btree *t, struct path *p, int level, uint32_t left) {
    struct inner *parent = p->node[level];
    if (left + 1 >= parent->count) return false;
    struct btree_leaf *a = parent->nodes[left], *b = parent->nodes[left + 1];
    if (a->count + b->count > LEAF_JOIN) return false;
    leaf_copy(a, a->count, b, 0, b->count);
    a->count = (uint16_t)(a->count + b->count);
    parent->counts[left] += parent->counts[left + 1];
    leaf_unlink(t, b);
    remove_child(t, p, level, left + 1);
    return true;
}

/* A child alone takes the root's place. */
static void lower_root(struct btree *t) {
    while (t->height > 0) {
        struct inner *n = t->root;
        if (n->count > 1) return;
        t->root = n->count ? n->nodes[0] : NULL;
        t->height = n->count ? t->height - 1 : 0;
        node_free(t, n, sizeof(*n));
    }
}

/* The node at `level` of the path has no child `at` any more; whoever calls has freed it and moved its count. */
static void remove_child(struct btree *t, struct path *p, int level, uint32_t at) {
    struct inner *n = p->node[level];
    inner_move(n, at, n, at + 1, n->count - at - 1);
    n->count--;
    uint32_t slot = level > 0 ? p->slot[level - 1] : 0;
    if (level == 0) {
        lower_root(t);
        return;
    }
    if (n->count == 0) {
        node_free(t, n, sizeof(*n));
        remove_child(t, p, level - 1, slot);
        return;
    }
    if (at == 0) set_least(p, level - 1, n->keys[0], n->items[0]);
    if (n->count > INNER_MAX / 2) return;
    if (slot == 0 || !join_inner(t, p, level - 1, slot - 1)) join_inner(t, p, level - 1, slot);
}

/* Removes n entries from p->at on, all in the leaf. */
static void remove_run(struct btree *t, struct path *p, uint32_t n) {
    struct btree_leaf *l = p->leaf;
    int parent = t->height - 1;
    leaf_close(l, p->at, n);
    add_counts(t, p, t->height, -(int64_t)n);
    if (l->count == 0) {
        leaf_unlink(t, l);
        if (parent >= 0)
            remove_child(t, p, parent, p->slot[parent]);
        else
            t->root = NULL;
        return;
    }
    if (parent < 0) {
        if (l->room > ROOM_FIRST && l->count <= l->room / 4) resize_root(t, l->room / 2);
        return;
    }
    if (p->at == 0) set_least(p, parent, l->keys[0], btree_leaf_items(l)[0]);
    if (l->count > LEAF_MAX / 2) return;
    uint32_t slot = p->slot[parent];
    if (slot == 0 || !join_leaf(t, p, parent, slot - 1)) join_leaf(t, p, parent, slot);
}

void *btree_remove(struct btree *t, uint64_t key, const void *probe) {
    struct path p;
    if (!btree_descend_to(t, key, probe, &p, NULL)) return NULL;
    void *item = btree_leaf_items(p.leaf)[p.at];
    remove_run(t, &p, 1);
    return item;
}

size_t btree_remove_range(struct btree *t, size_t from, size_t n, void (*removed)(void *ctx, void *item),
                          void *ctx) {
    if (from >= t->count) return 0;
    if (n > t->count - from) n = t->count - from;
    for (size_t left = n; left > 0;) {
        struct path p;
        void *items[LEAF_MAX];
        btree_descend_to_rank(t, from, &p);
        uint32_t run = p.leaf->count - p.at;
        if (run > left) run = (uint32_t)left;
        memcpy(items, btree_leaf_items(p.leaf) + p.at, run * sizeof(void *));
        remove_run(t, &p, run);
        for (uint32_t i = 0; removed && i < run; i++) removed(ctx, items[i]);
        left -= run;
    }
    return n;
}

/* --- changing an entry in its place --- */

/* A small change of a key mostly stays in the leaf: then the entry moves within it, and no count changes. */
void btree_rekey(struct btree *t, uint64_t key, void *item, uint64_t to_key) {
    struct path p;
    bool found = btree_descend_to(t, key, item, &p, NULL);
    assert_that(found);
    struct btree_leaf *l = p.leaf;
    void **items = btree_leaf_items(l);
    struct place to = {.key = to_key, .probe = item};
    uint32_t at = p.at, target = entries_before(t, l->keys, items, l->count, &to);
    if ((target == 0 && l->prev) || (target == l->count && l->next)) {
        remove_run(t, &p, 1);
        btree_insert(t, to_key, item);
        return;
    }
    if (target > at) {
        target--; /* the entry itself stood before */
        memmove(l->keys + at, l->keys + at + 1, (target - at) * sizeof(uint64_t));
        memmove(items + at, items + at + 1, (target - at) * sizeof(void *));
    } else {
        memmove(l->keys + target + 1, l->keys + target, (at - target) * sizeof(uint64_t));
        memmove(items + target + 1, items + target, (at - target) * sizeof(void *));
    }
    l->keys[target] = to_key;
    items[target] = item;
    if (at == 0 || target == 0) set_least(&p, t->height - 1, l->keys[0], items[0]);
}

/* --- beginning and end --- */

struct btree *btree_new(btree_order *order) {
    struct btree *t = mem_alloc(sizeof(*t));
    *t = (struct btree){.order = order, .bytes = mem_good_size(sizeof(*t))};
    return t;
}

static void free_nodes(struct btree *t, void *node, int height) {
    if (height == 0) {
        leaf_free(t, node);
        return;
    }
    struct inner *n = node;
    for (uint32_t i = 0; i < n->count; i++) free_nodes(t, n->nodes[i], height - 1);
    node_free(t, n, sizeof(*n));
}

void btree_free(struct btree *t) {
    if (t->root) free_nodes(t, t->root, t->height);
    mem_free(t, sizeof(*t));
}

bool btree_free_some(struct btree *t, size_t n) {
    btree_remove_range(t, 0, n ? n : 1, NULL, NULL);
    return t->count > 0;
}

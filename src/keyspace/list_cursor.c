/* Lists: finding, reading and changing elements anywhere.
 *
 * Invariant: the node a cursor stands on is expanded, whatever its place; leaving it, the cursor brings it back into
 * the form its place asks for. An insertion that finds no room divides the node at that point and puts the element
 * on whichever side takes it. Nodes that lost elements or were divided are joined with neighbours where both fit in
 * one: that looks at a few nodes around the change, never at the whole list. */
#include "keyspace/list_node.h"

static lp_pos edge(const struct list_node *n, enum list_end toward) {
    if (n->plain) return NULL;
    return toward == LIST_TAIL ? lp_first(node_lp(n)) : lp_last(node_lp(n));
}

bool list_cursor_start(struct list_cursor *cur, struct list *l, int64_t index, enum list_end toward) {
    *cur = (struct list_cursor){.list = l, .toward = toward};
    if (index < 0) index += (int64_t)l->length;
    if (index < 0 || (size_t)index >= l->length) return false;
    size_t before = (size_t)index, behind = l->length - 1 - before;
    if (before <= behind) {
        for (cur->node = l->head; before >= cur->node->count; cur->node = cur->node->next)
            before -= cur->node->count;
    } else {
        for (cur->node = l->tail; behind >= cur->node->count; cur->node = cur->node->prev)
            behind -= cur->node->count;
        before = cur->node->count - 1 - behind;
    }
    node_expand(cur->node);
    if (!cur->node->plain) cur->at = lp_seek(node_lp(cur->node), (int64_t)before);
    return true;
}

struct lp_value list_cursor_value(const struct list_cursor *cur) {
    if (!cur->at) return (struct lp_value){{(const char *)cur->node->block, cur->node->bytes}, 0};
    return lp_get(cur->at);
}

/* --- joining --- */

static bool may_join(const struct list *l, const struct list_node *a, const struct list_node *b) {
    return !a->plain && !b->plain && a->bytes + b->bytes - LP_EMPTY_BYTES <= l->node_bytes_max &&
           a->count + b->count <= l->node_count_max;
}

/* Moves what b holds to a when a can take it all. Both may be NULL. */
static void join(struct list *l, struct list_node *a, struct list_node *b) {
    if (!a || !b || !may_join(l, a, b)) return;
    node_expand(a);
    node_expand(b);
    uint8_t *left = node_exact(a), *right = node_exact(b);
    uint32_t moved = b->count;
    b->block = NULL;
    b->cap = 0;
    list_unlink(l, b);
    node_adopt(a, lp_merge(left, right));
    l->length += moved;
    list_close_node(l, a);
}

/* With both neighbours; n may go. */
static void join_around(struct list *l, struct list_node *n) {
    join(l, n, n->next);
    join(l, n->prev, n);
    list_settle(l);
}

/* --- moving --- */

static struct list_node *neighbour(const struct list_cursor *cur) {
    return cur->toward == LIST_TAIL ? cur->node->next : cur->node->prev;
}

/* A node that lost elements may fit into the one that was passed before. */
static void leave(struct list_cursor *cur) {
    struct list_node *n = cur->node;
    struct list *l = cur->list;
    cur->node = NULL;
    list_close_node(l, n);
    if (!cur->changed) return;
    cur->changed = false;
    if (cur->toward == LIST_TAIL)
        join(l, n->prev, n);
    else
        join(l, n, n->next);
    list_settle(l);
}

void list_cursor_done(struct list_cursor *cur) {
    struct list_node *n = cur->node;
    if (!n) return;
    cur->node = NULL;
    list_close_node(cur->list, n);
    if (cur->changed) join_around(cur->list, n);
    cur->changed = false;
}

/* Enters `next`, which may be NULL: then the cursor is done. */
static bool enter(struct list_cursor *cur, struct list_node *next) {
    cur->node = next;
    if (!next) return false;
    node_expand(next);
    cur->at = edge(next, cur->toward);
    return true;
}

static bool move_on(struct list_cursor *cur) {
    struct list_node *next = neighbour(cur);
    leave(cur);
    return enter(cur, next);
}

bool list_cursor_step(struct list_cursor *cur) {
    lp_pos at = cur->at;
    if (likely(at)) at = cur->toward == LIST_TAIL ? lp_next(at) : lp_prev(node_lp(cur->node), at);
    if (unlikely(!at)) return move_on(cur);
    cur->at = at;
    return true;
}

/* --- changing --- */

bool list_cursor_remove(struct list_cursor *cur) {
    struct list *l = cur->list;
    struct list_node *n = cur->node;
    cur->changed = true;
    if (n->count == 1) {
        struct list_node *next = neighbour(cur);
        list_unlink(l, n);
        list_settle(l);
        return enter(cur, next);
    }
    size_t offset = (size_t)(cur->at - node_lp(n)), before = 0;
    uint8_t *lp = node_exact(n);
    lp_pos at = lp + offset, prev = lp_prev(lp, at);
    if (prev) before = (size_t)(prev - lp);
    node_adopt(n, lp_delete(lp, &at));
    l->length--;
    if (cur->toward == LIST_HEAD) at = before ? n->block + before : NULL;
    cur->at = at;
    return at ? true : move_on(cur);
}

/* Two neighbours between which an element goes; NULL where the list ends. */
struct gap {
    struct list_node *left, *right;
};

static struct gap open_gap(struct list_cursor *cur, bool after) {
    struct list_node *n = cur->node;
    lp_pos at = cur->at;
    if (at && after) at = lp_next(at);
    if (after && !at) return (struct gap){n, n->next};
    if (!at || at == lp_first(node_lp(n))) return (struct gap){n->prev, n};
    struct list_node *right = node_split(n, at);
    cur->list->length -= right->count; /* counted anew when linked */
    list_link(cur->list, right, n);
    return (struct gap){n, right};
}

/* Returns the node that took it. */
static struct list_node *fill_gap(struct list *l, struct gap gap, slice s) {
    bool big = s.n >= list_packed_threshold;
    size_t entry_bytes = big ? 0 : lp_encoded_bytes(s);
    bool to_left = !big && gap.left && node_has_room(l, gap.left, entry_bytes);
    bool to_right = !to_left && !big && gap.right && node_has_room(l, gap.right, entry_bytes);
    struct list_node *n = to_left ? gap.left : gap.right;
    if (to_left || to_right) {
        node_expand(n);
        node_push(n, to_left ? LIST_TAIL : LIST_HEAD, s, entry_bytes, l->node_bytes_max);
        l->length++;
    } else {
        n = big ? node_new_plain(s) : node_new_packed(s);
        list_link(l, n, gap.left);
    }
    return n;
}

/* After fill_gap: the node that took the element and both halves of what was divided find company. */
static void tidy(struct list *l, struct list_node *n) {
    if (n->next) {
        list_close_node(l, n->next);
        join(l, n->next, n->next->next);
    }
    if (n->prev) {
        list_close_node(l, n->prev);
        join(l, n->prev->prev, n->prev);
    }
    list_close_node(l, n);
    join_around(l, n);
}

void list_cursor_insert(struct list_cursor *cur, bool after, slice s) {
    struct list_node *n = cur->node;
    if (!cur->at || s.n >= list_packed_threshold || !node_has_room(cur->list, n, lp_encoded_bytes(s))) {
        struct gap gap = open_gap(cur, after);
        cur->node = NULL;
        tidy(cur->list, fill_gap(cur->list, gap, s));
        return;
    }
    lp_pos at = after ? lp_next(cur->at) : cur->at;
    size_t offset = at ? (size_t)(at - node_lp(n)) : 0;
    uint8_t *lp = node_exact(n);
    at = offset ? lp + offset : NULL;
    node_adopt(n, lp_insert(lp, &at, s));
    cur->list->length++;
    list_cursor_done(cur);
}

/* In place when the node stays within its size, or holds nothing else. */
static bool replace_in_node(struct list_cursor *cur, slice s) {
    struct list_node *n = cur->node;
    if (!cur->at || s.n >= list_packed_threshold) return false;
    size_t bytes = n->bytes - lp_entry_bytes(cur->at) + lp_encoded_bytes(s);
    if (bytes > cur->list->node_bytes_max && n->count > 1) return false;
    size_t offset = (size_t)(cur->at - node_lp(n));
    uint8_t *lp = node_exact(n);
    lp_pos at = lp + offset;
    node_adopt(n, lp_replace(lp, &at, s));
    return true;
}

void list_cursor_replace(struct list_cursor *cur, slice s) {
    struct list *l = cur->list;
    if (replace_in_node(cur, s)) {
        list_cursor_done(cur);
        return;
    }
    struct gap gap = open_gap(cur, false);
    cur->node = NULL;
    if (gap.right->count == 1) {
        gap.right = list_unlink(l, gap.right);
    } else {
        node_drop(gap.right, LIST_HEAD, 1);
        l->length--;
    }
    tidy(l, fill_gap(l, gap, s));
}

struct list_needle list_needle(slice s) {
    struct list_needle n = {.text = s};
    n.is_integer = num_parse_i64(s, &n.integer);
    return n;
}

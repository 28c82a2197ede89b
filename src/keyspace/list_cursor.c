/* Lists: finding, reading and changing elements anywhere.
 *
 * Invariant: the node a cursor stands on is expanded, whatever its place; leaving it, the cursor brings it back into
 * the form its place asks for. An insertion that finds no room divides the node at that point and puts the element
 * on whichever side takes it; cursors that changed something join small neighbours again when they are done. */
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

/* Enters `next`, which may be NULL: then the cursor is done. */
static bool enter(struct list_cursor *cur, struct list_node *next) {
    cur->node = next;
    if (!next) {
        list_cursor_done(cur);
        return false;
    }
    node_expand(next);
    cur->at = edge(next, cur->toward);
    return true;
}

static struct list_node *neighbour(const struct list_cursor *cur) {
    return cur->toward == LIST_TAIL ? cur->node->next : cur->node->prev;
}

static bool leave(struct list_cursor *cur) {
    struct list_node *was = cur->node, *next = neighbour(cur);
    list_close_node(cur->list, was);
    return enter(cur, next);
}

bool list_cursor_step(struct list_cursor *cur) {
    lp_pos at = cur->at;
    if (likely(at)) at = cur->toward == LIST_TAIL ? lp_next(at) : lp_prev(node_lp(cur->node), at);
    if (unlikely(!at)) return leave(cur);
    cur->at = at;
    return true;
}

/* --- joining --- */

static bool may_join(const struct list *l, const struct list_node *a, const struct list_node *b) {
    return !a->plain && !b->plain && a->bytes + b->bytes - LP_EMPTY_BYTES <= l->node_bytes_max &&
           a->count + b->count <= l->node_count_max;
}

static void join(struct list *l, struct list_node *a, struct list_node *b) {
    node_expand(a);
    node_expand(b);
    uint8_t *left = node_exact(a), *right = node_exact(b);
    uint32_t moved = b->count;
    b->block = NULL;
    b->cap = 0;
    list_unlink(l, b);
    node_adopt(a, lp_merge(left, right));
    l->length += moved;
}

static void join_small_nodes(struct list *l) {
    for (struct list_node *n = l->head; n && n->next;) {
        if (may_join(l, n, n->next)) {
            join(l, n, n->next);
        } else {
            list_close_node(l, n);
            n = n->next;
        }
    }
    list_settle(l);
}

void list_cursor_done(struct list_cursor *cur) {
    struct list_node *n = cur->node;
    cur->node = NULL;
    if (n) list_close_node(cur->list, n);
    if (cur->changed) join_small_nodes(cur->list);
    cur->changed = false;
}

/* --- changing --- */

bool list_cursor_remove(struct list_cursor *cur) {
    struct list *l = cur->list;
    struct list_node *n = cur->node;
    cur->changed = true;
    if (n->count == 1) {
        struct list_node *next = neighbour(cur);
        list_unlink(l, n);
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
    return at ? true : leave(cur);
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

static void push_into(struct list *l, struct list_node *n, enum list_end end, slice s, size_t entry_bytes) {
    node_expand(n);
    node_push(n, end, s, entry_bytes, l->node_bytes_max);
    l->length++;
    list_close_node(l, n);
}

static void fill_gap(struct list *l, struct gap gap, slice s) {
    bool big = s.n >= list_packed_threshold;
    size_t entry_bytes = big ? 0 : lp_encoded_bytes(s);
    if (!big && gap.left && node_has_room(l, gap.left, entry_bytes))
        push_into(l, gap.left, LIST_TAIL, s, entry_bytes);
    else if (!big && gap.right && node_has_room(l, gap.right, entry_bytes))
        push_into(l, gap.right, LIST_HEAD, s, entry_bytes);
    else
        list_link(l, big ? node_new_plain(s) : node_new_packed(s), gap.left);
}

void list_cursor_insert(struct list_cursor *cur, bool after, slice s) {
    struct list_node *n = cur->node;
    cur->changed = true;
    if (cur->at && s.n < list_packed_threshold && node_has_room(cur->list, n, lp_encoded_bytes(s))) {
        lp_pos at = after ? lp_next(cur->at) : cur->at;
        size_t offset = at ? (size_t)(at - node_lp(n)) : 0;
        uint8_t *lp = node_exact(n);
        at = offset ? lp + offset : NULL;
        node_adopt(n, lp_insert(lp, &at, s));
        cur->list->length++;
        cur->changed = false; /* no node came */
    } else {
        fill_gap(cur->list, open_gap(cur, after), s);
    }
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
    if (!replace_in_node(cur, s)) {
        struct list *l = cur->list;
        struct gap gap = open_gap(cur, false);
        cur->changed = true;
        cur->node = NULL;
        if (gap.right->count == 1) {
            gap.right = list_unlink(l, gap.right);
        } else {
            node_drop(gap.right, LIST_HEAD, 1);
            l->length--;
        }
        fill_gap(l, gap, s);
    }
    list_cursor_done(cur);
}

struct list_needle list_needle(slice s) {
    struct list_needle n = {.text = s};
    n.is_integer = num_parse_i64(s, &n.integer);
    return n;
}

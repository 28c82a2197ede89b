/* Lists: the chain of nodes, its ends, and what the key space asks of a value.
 *
 * Invariants: no node is empty; `length` is the sum of the nodes' counts; the first and the last `depth` nodes are
 * expanded. The nodes between them are compressed where that gains, except while a cursor stands on one. */
#include "keyspace/list_node.h"

#include "keyspace/digest.h"

struct list_config list_config = {.max_listpack_size = -2};
size_t list_packed_threshold = LIST_PACKED_THRESHOLD_BYTES;

/* What a node may grow to where its size is given in elements. */
enum { COUNTED_NODE_BYTES_MAX = 8192 };

enum { NODE_COUNT_MAX = UINT16_MAX - 1 }; /* what a listpack's header counts */

struct list *list_new(void) {
    struct list *l = mem_zalloc(sizeof *l);
    int size = list_config.max_listpack_size;
    if (size < 0) {
        l->node_bytes_max = UINT32_C(2048) << (size < -5 ? 5 : -size);
        l->node_count_max = NODE_COUNT_MAX;
    } else {
        l->node_bytes_max = COUNTED_NODE_BYTES_MAX;
        l->node_count_max = size == 0 ? 1 : size < NODE_COUNT_MAX ? (uint32_t)size : NODE_COUNT_MAX - 1;
    }
    l->depth = (uint32_t)list_config.compress_depth;
    return l;
}

static bool free_some_nodes(struct list *l, size_t n) {
    while (l->head && n-- > 0) list_unlink(l, l->head);
    return l->head != NULL;
}

void list_free(struct list *l) {
    free_some_nodes(l, SIZE_MAX);
    mem_free(l, sizeof *l);
}

size_t list_length(const struct list *l) {
    return l->length;
}

struct list_facts list_facts(const struct list *l) {
    struct list_facts f = {.nodes = l->nodes, .compresses = l->depth > 0};
    f.max_listpack_size = (int)l->node_count_max;
    if (l->node_count_max == NODE_COUNT_MAX) f.max_listpack_size = 11 - __builtin_ctz(l->node_bytes_max);
    for (const struct list_node *n = l->head; n; n = n->next) f.uncompressed_bytes += n->bytes;
    return f;
}

/* --- the chain --- */

void list_link(struct list *l, struct list_node *n, struct list_node *after) {
    n->prev = after;
    n->next = after ? after->next : l->head;
    if (n->prev)
        n->prev->next = n;
    else
        l->head = n;
    if (n->next)
        n->next->prev = n;
    else
        l->tail = n;
    l->nodes++;
    l->length += n->count;
}

struct list_node *list_unlink(struct list *l, struct list_node *n) {
    struct list_node *next = n->next;
    if (n->prev)
        n->prev->next = next;
    else
        l->head = next;
    if (next)
        next->prev = n->prev;
    else
        l->tail = n->prev;
    l->nodes--;
    l->length -= n->count;
    node_free(n);
    return next;
}

void list_settle(struct list *l) {
    struct list_node *first = l->head, *last = l->tail;
    if (l->depth == 0) return;
    for (uint32_t i = 0; i < l->depth && first; i++) {
        node_expand(first);
        node_expand(last);
        first = first->next;
        last = last->prev;
    }
    if (l->nodes <= 2 * l->depth) return;
    node_compress(first);
    node_compress(last);
}

void list_close_node(struct list *l, struct list_node *n) {
    const struct list_node *before = n, *behind = n;
    if (l->depth == 0) return;
    for (uint32_t i = 0; i < l->depth; i++) {
        before = before->prev;
        behind = behind->next;
        if (!before || !behind) return;
    }
    node_compress(n);
}

/* --- the ends --- */

static void push_node(struct list *l, enum list_end end, struct list_node *n) {
    struct list_node *was = end == LIST_HEAD ? l->head : l->tail;
    if (was && !was->plain) node_exact(was); /* it grows no more */
    list_link(l, n, end == LIST_HEAD ? NULL : l->tail);
    list_settle(l);
}

void list_push(struct list *l, enum list_end end, slice s) {
    struct list_node *n = end == LIST_HEAD ? l->head : l->tail;
    if (unlikely(s.n >= list_packed_threshold)) {
        push_node(l, end, node_new_plain(s));
        return;
    }
    size_t entry_bytes = lp_encoded_bytes(s);
    if (unlikely(!n || !node_has_room(l, n, entry_bytes))) {
        push_node(l, end, node_new_packed(s));
        return;
    }
    node_push(n, end, s, entry_bytes, l->node_bytes_max);
    l->length++;
}

struct lp_value list_peek(const struct list *l, enum list_end end) {
    const struct list_node *n = end == LIST_HEAD ? l->head : l->tail;
    if (n->plain) return (struct lp_value){{(const char *)n->block, n->bytes}, 0};
    return lp_get(end == LIST_HEAD ? lp_first(node_lp(n)) : lp_last(node_lp(n)));
}

void list_drop(struct list *l, enum list_end end, size_t n) {
    while (n > 0 && l->head) {
        struct list_node *at = end == LIST_HEAD ? l->head : l->tail;
        if (at->count > n) {
            node_drop(at, end, n);
            l->length -= n;
            return;
        }
        n -= at->count;
        list_unlink(l, at);
        list_settle(l);
    }
}

/* --- snapshots --- */

bool list_each_chunk(const struct list *l, bool (*fn)(void *ctx, const struct list_chunk *chunk), void *ctx) {
    for (const struct list_node *n = l->head; n; n = n->next) {
        struct list_chunk chunk = {.packed = !n->plain,
                                   .bytes = {(const char *)n->block + n->front, n->bytes}};
        if (n->compressed) {
            chunk.bytes.n = n->cap;
            chunk.plain_bytes = n->bytes;
        }
        if (!fn(ctx, &chunk)) return false;
    }
    return true;
}

void list_append_listpack(struct list *l, uint8_t *lp) {
    list_link(l, node_of_listpack(lp), l->tail);
    list_settle(l);
}

void list_append_plain(struct list *l, slice s) {
    push_node(l, LIST_TAIL, node_new_plain(s));
}

/* --- as a value of the key space --- */

static const char *encoding_name(unsigned encoding) {
    (void)encoding;
    return "quicklist";
}

static void free_value(unsigned encoding, void *ptr) {
    (void)encoding;
    list_free(ptr);
}

static size_t free_effort(unsigned encoding, const void *ptr) {
    (void)encoding;
    return ((const struct list *)ptr)->nodes;
}

static bool free_some(unsigned encoding, void *ptr, size_t n) {
    (void)encoding;
    return free_some_nodes(ptr, n);
}

static void *copy(unsigned encoding, const void *ptr) {
    const struct list *from = ptr;
    struct list *to = mem_alloc(sizeof *to);
    (void)encoding;
    *to = *from;
    to->head = to->tail = NULL;
    to->length = to->nodes = 0;
    for (const struct list_node *n = from->head; n; n = n->next) list_link(to, node_copy(n), to->tail);
    return to;
}

static size_t memory(unsigned encoding, const void *ptr) {
    const struct list *l = ptr;
    size_t bytes = mem_good_size(sizeof *l);
    (void)encoding;
    for (const struct list_node *n = l->head; n; n = n->next) bytes += node_memory(n);
    return bytes;
}

static void digest(unsigned encoding, const void *ptr, uint8_t out[SHA1_BYTES]) {
    struct list_cursor cur;
    char buf[LP_INT_BYTES];
    (void)encoding;
    /* The cursor expands a compressed node while it stands there: the list stays the same to everybody else. */
    bool more = list_cursor_start(&cur, (struct list *)ptr, 0, LIST_TAIL);
    for (; more; more = list_cursor_step(&cur)) {
        slice s = lp_value_text(list_cursor_value(&cur), buf);
        digest_mix(out, s.p, s.n);
    }
}

const struct value_type_ops list_value_ops = {.encoding_name = encoding_name,
                                              .free = free_value,
                                              .free_effort = free_effort,
                                              .free_some = free_some,
                                              .copy = copy,
                                              .bytes = memory,
                                              .digest = digest};

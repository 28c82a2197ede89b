/* The nodes of a list. Only list.c, list_cursor.c and list_node.c include this header.
 *
 * A packed node's block holds one listpack with free room before and behind it:
 *
 *   block                front              front + bytes      cap
 *   | free               | header  entries  END | free         |
 *
 * Pushing at the front writes the entry over the old header and a new header before it; taking from the front writes
 * a header over what was taken. So both ends move only when the room is used up, by then a quarter of the bytes. */
#ifndef TANDEM_KEYSPACE_LIST_NODE_H
#define TANDEM_KEYSPACE_LIST_NODE_H

#include "base/alloc.h"
#include "base/assert.h"
#include "keyspace/list.h"

struct list_node {
    struct list_node *prev, *next;
    uint8_t *block;
    size_t cap;
    size_t bytes; /* of the listpack, or of a plain node's element; when compressed: of what it expands to */
    uint32_t front; /* 0 unless packed and not compressed */
    uint32_t count; /* elements */
    bool plain;     /* the block is one element */
    bool compressed;
    bool incompressible; /* tried and not worth it; until it changes */
};

struct list {
    struct list_node *head, *tail;
    size_t length;
    uint32_t nodes;
    uint32_t node_bytes_max, node_count_max;
    uint32_t depth; /* nodes kept expanded at each end; 0: all are */
};

static inline uint8_t *node_lp(const struct list_node *n) {
    return n->block + n->front;
}
/* Whether the node can take more: a single element of any size always has a place. */
static inline bool node_has_room(const struct list *l, const struct list_node *n, size_t entry_bytes) {
    return !n->plain && n->bytes + entry_bytes <= l->node_bytes_max && n->count < l->node_count_max;
}

struct list_node *node_new_packed(slice only); /* of one element */
struct list_node *node_new_plain(slice element);
struct list_node *node_of_listpack(uint8_t *lp); /* takes it over */
struct list_node *node_copy(const struct list_node *n);
void node_free(struct list_node *n);
size_t node_memory(const struct list_node *n);

/* On packed nodes that are not compressed: */
void node_push(struct list_node *n, enum list_end end, slice s, size_t entry_bytes, size_t bytes_max);
void node_drop(struct list_node *n, enum list_end end, size_t count); /* fewer than it has */
uint8_t *node_exact(struct list_node *n);          /* gives free room back; now the block is the listpack */
void node_adopt(struct list_node *n, uint8_t *lp); /* the block's new form after lp_* changed the exact one */
/* What begins at `at`, not first, moves to a new node. */
struct list_node *node_split(struct list_node *n, lp_pos at);

void node_expand(struct list_node *n);   /* nothing when it is not compressed */
void node_compress(struct list_node *n); /* nothing when that gains nothing */

/* list.c */
void list_link(struct list *l, struct list_node *n, struct list_node *after); /* NULL: at the head */
struct list_node *list_unlink(struct list *l, struct list_node *n); /* frees it; returns the one behind */
/* Brings nodes near the ends into the form that their place asks for, after nodes came or went. */
void list_settle(struct list *l);
void list_close_node(struct list *l, struct list_node *n); /* compresses it when its place asks for it */

#endif

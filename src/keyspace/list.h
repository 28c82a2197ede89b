/* Lists: a deque of listpacks. Redis calls it a quicklist, and so does OBJECT ENCODING.
 *
 * Short runs of elements are packed in nodes of bounded size, so an element costs two bytes beside its text; both
 * ends grow and shrink without moving what is there. Elements that alone reach list_packed_threshold have a node of
 * their own, unpacked. Nodes further than list-compress-depth from either end are kept compressed.
 *
 * Nothing here knows clients or keys. A list given to the key space is never empty: whoever takes the last element
 * deletes the key. Slices given are copied; values read are valid until the next change of the list or the next step
 * of a cursor. */
#ifndef TANDEM_KEYSPACE_LIST_H
#define TANDEM_KEYSPACE_LIST_H

#include "base/listpack.h"
#include "keyspace/value.h"

struct list;

enum list_end { LIST_HEAD, LIST_TAIL };

/* Read when a list is made: a list keeps the form it was made with. */
struct list_config {
    int max_listpack_size; /* list-max-listpack-size: elements a node, or -1..-5: 4, 8, 16, 32, 64 KB a node */
    int compress_depth;    /* list-compress-depth: nodes kept plain at each end; 0: no compression */
};
extern struct list_config list_config;
extern size_t list_packed_threshold; /* DEBUG QUICKLIST-PACKED-THRESHOLD */
#define LIST_PACKED_THRESHOLD_BYTES LP_BYTES_MAX
#define LIST_ELEMENT_BYTES_MAX      (((uint64_t)1 << 32) - 1024) /* "Element too large" beyond */

extern const struct value_type_ops list_value_ops;

struct list *list_new(void);
void list_free(struct list *l);
size_t list_length(const struct list *l);

struct list_facts { /* DEBUG OBJECT */
    size_t nodes, uncompressed_bytes;
    int max_listpack_size; /* as it was when the list was made */
    bool compresses;
};
struct list_facts list_facts(const struct list *l);

/* --- the ends --- */
void list_push(struct list *l, enum list_end end, slice s);
struct lp_value list_peek(const struct list *l, enum list_end end); /* not empty */
void list_drop(struct list *l, enum list_end end, size_t n);        /* n at most */

/* --- anywhere: a cursor stands on one element ---
 * Until it has passed the last element (`node` NULL) or list_cursor_done, only the cursor may change the list. */
struct list_cursor {
    struct list *list;
    struct list_node *node;
    lp_pos at; /* in a packed node */
    enum list_end toward;
    bool changed;
};
/* At the index (negative from the tail), to step toward that end. False when there is no such element. */
bool list_cursor_start(struct list_cursor *cur, struct list *l, int64_t index, enum list_end toward);
struct lp_value list_cursor_value(const struct list_cursor *cur);
bool list_cursor_step(struct list_cursor *cur); /* false: that was the last one; the cursor is done */
/* The element; then stands on the next one, false as above. */
bool list_cursor_remove(struct list_cursor *cur);
void list_cursor_insert(struct list_cursor *cur, bool after, slice s); /* the cursor is done */
void list_cursor_replace(struct list_cursor *cur, slice s);            /* the cursor is done */
void list_cursor_done(struct list_cursor *cur);                        /* may be called twice */

/* Comparing many elements with one text: the text is looked at once. */
struct list_needle {
    slice text;
    int64_t integer;
    bool is_integer;
};
struct list_needle list_needle(slice s);
static inline bool list_matches(const struct list_needle *n, struct lp_value v) {
    if (!v.text.p) return n->is_integer && v.integer == n->integer;
    return v.text.n == n->text.n && memcmp(v.text.p, n->text.p, n->text.n) == 0;
}

/* --- for snapshots: nodes as they lie --- */
struct list_chunk {
    bool packed;        /* a listpack; else one element's bytes */
    slice bytes;        /* compressed when plain_bytes is not 0 */
    size_t plain_bytes; /* what they expand to */
};
/* Stops and returns false when fn does. */
bool list_each_chunk(const struct list *l, bool (*fn)(void *ctx, const struct list_chunk *chunk), void *ctx);
void list_append_listpack(struct list *l, uint8_t *lp); /* valid and not empty; taken over */
void list_append_plain(struct list *l, slice s);        /* one element as a node of its own */

#endif

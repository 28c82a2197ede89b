/* Streams: entries of fields and values under ascending ids, and the groups that read them (stream_group.h).
 *
 * Entries lie packed in nodes (stream_node.h tells the format, which is Redis's), nodes in an ordered index by their
 * first id. An entry that is deleted inside a node is only marked; a node goes when its last entry does.
 *
 * Nothing here knows clients or keys. Unlike other aggregates a stream may be empty and stay. Slices given are copied;
 * what a cursor shows is valid until the next change of the stream. */
#ifndef TANDEM_KEYSPACE_STREAM_H
#define TANDEM_KEYSPACE_STREAM_H

#include "base/btree.h"
#include "base/listpack.h"
#include "keyspace/value.h"

struct stream_id {
    uint64_t ms, seq;
};
#define STREAM_ID_MAX ((struct stream_id){UINT64_MAX, UINT64_MAX})

static inline int stream_id_cmp(struct stream_id a, struct stream_id b) {
    if (a.ms != b.ms) return a.ms < b.ms ? -1 : 1;
    return (a.seq > b.seq) - (a.seq < b.seq);
}
static inline bool stream_id_is_zero(struct stream_id id) {
    return id.ms == 0 && id.seq == 0;
}
bool stream_id_next(struct stream_id *id); /* false: there is none, and it became 0-0 */
bool stream_id_prev(struct stream_id *id); /* false: there is none, and it became the greatest */
#define STREAM_ID_TEXT_BYTES (2 * NUM_INT_BYTES)
size_t stream_id_format(char *buf, struct stream_id id); /* "ms-seq", returns the length */

/* Read when an entry is appended. 0: no limit of that kind. */
struct stream_config {
    uint64_t node_max_bytes; /* stream-node-max-bytes */
    size_t node_max_entries; /* stream-node-max-entries: deleted ones count too */
};
extern struct stream_config stream_config;
#define STREAM_ENTRY_BYTES_MAX ((size_t)1 << 30) /* of all texts together */

struct stream_group;

struct stream {
    struct btree *nodes; /* struct stream_node by id */
    uint64_t length;     /* entries that are not deleted */
    uint64_t added;      /* entries ever added: XSETID may say otherwise */
    /* The last id given, the first entry's, the greatest deleted by XDEL. */
    struct stream_id last, first, max_deleted;
    struct stream_group **groups; /* n_groups, ascending by name */
    size_t n_groups;
};

extern const struct value_type_ops stream_value_ops;

struct stream *stream_new(void);
void stream_free(struct stream *s);

/* id is greater than `last`; argv holds n_fields times field, value, of STREAM_ENTRY_BYTES_MAX at most. */
void stream_append(struct stream *s, struct stream_id id, const slice *argv, size_t n_fields);
bool stream_delete(struct stream *s, struct stream_id id); /* XDEL of one; keeps first and max_deleted */
bool stream_exists(const struct stream *s, struct stream_id id);

struct stream_trim {
    enum { TRIM_NOT, TRIM_MAXLEN, TRIM_MINID } by;
    uint64_t max_length;
    struct stream_id min_id;
    bool whole_nodes; /* "~": only what frees memory at once */
    int64_t limit;    /* entries at most; 0: all */
};
uint64_t stream_trim(struct stream *s, const struct stream_trim *t); /* how many entries went */

/* The first (or last) entry's id; with `deleted` a marked one counts. None: the greatest id (the least). */
struct stream_id stream_edge(const struct stream *s, bool first, bool deleted);

/* --- reading --- */
struct stream_cursor {
    /* The entry it stands on. */
    struct stream_id id;
    uint64_t n_fields;
    /* The rest is the cursor's own. */
    const struct stream *stream;
    struct stream_id from, to;
    struct btree_pos pos;
    const uint8_t *lp;       /* of the node; NULL between nodes */
    lp_pos entry, read;      /* where the entry starts; what is to be read next */
    lp_pos master, field;    /* the node's first field; the next one, when the entry has the same fields */
    uint64_t n_master, left; /* left: pairs of the entry not read yet */
    bool backwards, with_deleted, same_fields;
};
/* Over the entries from..to, both included, ascending or backwards. */
void stream_cursor_start(struct stream_cursor *cur, const struct stream *s, struct stream_id from,
                         struct stream_id to, bool backwards);
bool stream_cursor_next(struct stream_cursor *cur); /* also to the first one; false at the end */
/* The next of the entry's n_fields. */
void stream_cursor_pair(struct stream_cursor *cur, struct lp_value *field, struct lp_value *value);

/* --- for snapshots: nodes as they lie --- */
/* The bytes of the node at a position of s->nodes. */
slice stream_node_bytes(struct btree_pos pos, struct stream_id *id);
/* Adds a node from outside after checking all of it; its live entries count for length. False: malformed, or a node
 * of that id is there. */
bool stream_add_node(struct stream *s, struct stream_id id, slice lp);

#endif

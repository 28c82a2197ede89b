/* The nodes of a stream: one listpack each, byte for byte Redis's, because RDB files carry it.
 *
 *   the master entry     live entries, deleted entries, number of fields, field ..., 0
 *   each entry           flags, ms - id.ms, seq - id.seq, then
 *     with the master's fields (NODE_SAME_FIELDS)   value ...
 *     else                                          number of fields, field, value, ...
 *     and last                                      number of the entry's elements before this one
 *
 * The last element lets readers walk backwards; the master's 0 in its place stops them. `id` is that of the first
 * entry. Only keyspace/stream*.c include this header. */
#ifndef TANDEM_KEYSPACE_STREAM_NODE_H
#define TANDEM_KEYSPACE_STREAM_NODE_H

#include "keyspace/stream.h"

enum { NODE_DELETED = 1, NODE_SAME_FIELDS = 2 };

struct stream_node {
    struct stream_id id; /* first: the order of the index compares items as ids */
    uint8_t *lp;
    /* Bytes of the block, of which lp_bytes are the listpack's: the last node has room to grow. */
    uint32_t cap;
};

/* The master entry, taken apart. */
struct snode_head {
    int64_t live, deleted, n_fields;
    lp_pos fields, end; /* end: the closing 0 */
};

static inline int64_t snode_int(lp_pos at) {
    return lp_get(at).integer;
}
static inline lp_pos snode_skip(lp_pos at, uint64_t n) { /* may reach the end mark */
    while (n-- > 0) at += lp_entry_bytes(at);
    return at;
}
static inline struct snode_head snode_head(const uint8_t *lp) {
    struct snode_head h;
    lp_pos at = lp + LP_HEADER_BYTES;
    h.live = snode_int(at);
    at = snode_skip(at, 1);
    h.deleted = snode_int(at);
    at = snode_skip(at, 1);
    h.n_fields = snode_int(at);
    h.fields = snode_skip(at, 1);
    h.end = snode_skip(h.fields, (uint64_t)h.n_fields);
    return h;
}

int stream_order(const void *a, const void *b); /* of items that begin with their id */
uint64_t stream_key(struct stream_id id);

struct stream_node *snode_new(struct stream_id id, const slice *argv, size_t n_fields); /* with one entry */
struct stream_node *snode_from_bytes(struct stream_id id, slice lp); /* a copy; they were checked */
void snode_free(struct stream_node *n);
struct stream_node *snode_copy(const struct stream_node *n);
size_t snode_memory(const struct stream_node *n);
bool snode_is_full(const struct stream_node *n, size_t text_bytes);
void snode_append(struct stream_node *n, struct stream_id id, const slice *argv, size_t n_fields);
void snode_close(struct stream_node *n); /* no more is appended: gives spare room back */
/* Marks the entry whose flags are at `at` as deleted; the counts are the caller's. */
void snode_mark(struct stream_node *n, lp_pos at);
/* So many live entries became deleted ones. */
void snode_count_deleted(struct stream_node *n, int64_t deleted);
bool snode_valid(slice lp, uint64_t *live);

#endif

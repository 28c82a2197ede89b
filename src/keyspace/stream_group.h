/* Consumer groups: who has been given which entries of a stream and has not acknowledged them yet.
 *
 * A group remembers the last entry it was given, a consumer the entries it holds. What is pending stands in two ordered
 * indexes at once, the group's and its consumer's, by the entry's id. Nothing here looks at entries: they may be gone.
 *
 * Ownership: a stream owns its groups, a group its consumers and pending entries. Names are copied. */
#ifndef TANDEM_KEYSPACE_STREAM_GROUP_H
#define TANDEM_KEYSPACE_STREAM_GROUP_H

#include "base/sds.h"
#include "keyspace/stream.h"

#define STREAM_READ_UNKNOWN ((int64_t)-1)

struct stream_consumer {
    sds name;              /* first: consumers and groups are found by their first member */
    int64_t seen_ms;       /* when it last asked for anything */
    struct btree *pending; /* struct stream_pending by id */
};

struct stream_group {
    sds name;
    struct stream_id last; /* the last entry given */
    /* How many were added up to that one, STREAM_READ_UNKNOWN when that can't be told. */
    int64_t entries_read;
    struct btree *pending;
    struct stream_consumer **consumers; /* n_consumers, ascending by name */
    size_t n_consumers;
};

struct stream_pending {
    struct stream_id id; /* first, as stream_order wants it */
    int64_t delivered_ms;
    uint64_t deliveries;
    struct stream_consumer *consumer; /* NULL only until stream_pending_give */
};

struct stream_group *stream_group_find(const struct stream *s, slice name);
/* NULL: there is one of that name. */
struct stream_group *stream_group_add(struct stream *s, slice name, struct stream_id last,
                                      int64_t entries_read);
void stream_group_remove(struct stream *s, struct stream_group *g);

struct stream_consumer *stream_consumer_find(const struct stream_group *g, slice name);
/* NULL: there is one of that name. */
struct stream_consumer *stream_consumer_add(struct stream_group *g, slice name, int64_t seen_ms);
void stream_consumer_remove(struct stream_group *g, struct stream_consumer *c); /* and what it holds */

struct stream_pending *stream_pending_find(const struct stream_group *g, struct stream_id id);
/* Nobody's yet; deliveries is 1. None of that id may be there. */
struct stream_pending *stream_pending_add(struct stream_group *g, struct stream_id id, int64_t delivered_ms);
void stream_pending_give(struct stream_pending *p, struct stream_consumer *c);
void stream_pending_remove(struct stream_group *g, struct stream_pending *p);
/* The first pending entry (of a group or a consumer) at or behind id. */
struct btree_pos stream_pending_from(const struct btree *pending, struct stream_id id);

/* --- how far a group has come --- */
/* Whether an entry at or behind `from` was deleted by XDEL, as far as the stream can tell. */
bool stream_has_tombstones(const struct stream *s, struct stream_id from);
/* How many entries were added up to id; STREAM_READ_UNKNOWN when that can't be told. */
int64_t stream_entries_up_to(const struct stream *s, struct stream_id id);
/* False: unknown. */
bool stream_group_lag(const struct stream *s, const struct stream_group *g, int64_t *lag);
/* The entry with this id was given. */
void stream_group_advance(const struct stream *s, struct stream_group *g, struct stream_id id);

/* --- for stream.c --- */
void stream_groups_free(struct stream *s);
void stream_groups_copy(const struct stream *from, struct stream *to);
size_t stream_groups_bytes(const struct stream *s);
size_t stream_groups_effort(const struct stream *s); /* allocations, roughly */
bool stream_groups_free_some(struct stream *s, size_t n);

#endif

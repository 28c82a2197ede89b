/* What the files of the stream family share: finding streams and groups, ids as arguments and in replies, ranges, and
 * what leaves for replicas in place of what groups do. */
#ifndef TANDEM_COMMAND_STREAM_CMD_H
#define TANDEM_COMMAND_STREAM_CMD_H

#include "command/command.h"
#include "keyspace/stream_group.h"

/* False: the key holds something else, and that was replied. *s is NULL when there is no such key. */
bool stream_to_change(struct client *c, slice key, struct stream **s);
bool stream_to_read(struct client *c, slice key, struct stream **s);
struct stream *stream_create(struct client *c, slice key); /* the key is not there */

/* --- ids as arguments: false when wrong, which was replied (c NULL: not replied) --- */
/* "ms-seq", or "ms" with missing_seq. "ms-*" only when seq_given is not NULL. */
bool stream_id_arg(struct client *c, slice s, uint64_t missing_seq, struct stream_id *id, bool *seq_given);
bool stream_id_or_edge_arg(struct client *c, slice s, uint64_t missing_seq,
                           struct stream_id *id); /* "-" and "+" too */
/* One end of an interval: those, and "(" in front of what is not to be included. */
bool stream_start_arg(struct client *c, slice s, struct stream_id *id);
bool stream_end_arg(struct client *c, slice s, struct stream_id *id);

/* --- replies --- */
void stream_reply_id(struct client *c, struct stream_id id);
void stream_reply_entry(struct client *c, struct stream_cursor *cur); /* [id, [field, value, ...]] */
/* The entries from..to as an array, count at most when it isn't 0; returns how many. */
size_t stream_reply_range(struct client *c, const struct stream *s, struct stream_id from,
                          struct stream_id to, uint64_t count, bool backwards);
/* One entry without an array around it; false: there is none, and nothing was replied. */
bool stream_reply_one(struct client *c, const struct stream *s, struct stream_id id);
void stream_reply_no_group(struct client *c, slice key, slice group, const char *where);

/* --- groups --- */
/* The consumer of that name, as one that was just seen: created, notified and counted if need be. */
struct stream_consumer *stream_consumer_get(struct client *c, slice key, struct stream_group *g, slice name,
                                            bool *created);
void stream_propagate_claim(struct client *c, slice key, const struct stream_group *g,
                            const struct stream_pending *p);
void stream_propagate_group(struct client *c, slice key, const struct stream_group *g); /* XGROUP SETID */
void stream_propagate_consumer(struct client *c, slice key, const struct stream_group *g,
                               const struct stream_consumer *consumer);

#endif

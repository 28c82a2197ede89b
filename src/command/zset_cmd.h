/* What the files of the sorted sets' commands share. Functions that return false have replied. */
#ifndef TANDEM_COMMAND_ZSET_CMD_H
#define TANDEM_COMMAND_ZSET_CMD_H

#include "command/command.h"
#include "keyspace/zset.h"

/* "1.5", "(1.5", "-inf"; "[member", "(member", "-", "+". The slices in r lie in the arguments. */
bool zset_score_range_arg(struct client *c, slice min, slice max, struct zset_score_range *r);
bool zset_lex_range_arg(struct client *c, slice min, slice max, struct zset_lex_range *r);

/* The key's sorted set after a change through z, e's view: puts it back, or deletes the key when it is empty; signals
 * and notifies (the event, and del). e is not valid behind it. */
void zset_changed(struct client *c, slice key, struct entry *e, const struct zset *z, const char *event);

/* Puts z, which it takes over, at key in place of whatever is there, or deletes the key when z is empty; replies how
 * many members, signals and notifies. */
void zset_store_result(struct client *c, slice key, struct zset *z, const char *event);

/* Arrays of members, with or without scores: one flat array in RESP2, an array of pairs in RESP3. */
void zset_reply_header(struct client *c, size_t members, bool with_scores);
void zset_reply_member(struct client *c, slice member, double score, bool with_scores);
void zset_reply_span(struct client *c, const struct zset *z, struct zset_span span, bool reverse,
                     bool with_scores);

#endif

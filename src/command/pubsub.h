/* Who listens to what, and delivery of messages.
 *
 * A topic is a channel, a pattern or a shard channel that somebody listens to. A message is encoded once for each protocol
 * version and shared between its receivers (resp/reply.h). A message to the client whose request is being
 * executed waits until that has been answered, so that it never stands inside of a reply (push_settle).
 *
 * A client without subscriptions has nothing here (client.pubsub is NULL). */
#ifndef TANDEM_COMMAND_PUBSUB_H
#define TANDEM_COMMAND_PUBSUB_H

#include "client/client.h"

enum pubsub_kind { PUBSUB_CHANNEL, PUBSUB_PATTERN, PUBSUB_SHARD, PUBSUB_KINDS };

/* False: it is so already. */
bool pubsub_subscribe(struct client *c, enum pubsub_kind kind, slice name);
bool pubsub_unsubscribe(struct client *c, enum pubsub_kind kind, slice name);
void pubsub_forget(struct client *c); /* ends all subscriptions without a word */
size_t pubsub_count(const struct client *c, enum pubsub_kind kind);
size_t pubsub_memory(const struct client *c); /* of its subscriptions; topics belong to all */
/* The topics of one client. fn may end that very subscription. */
void pubsub_each_of(struct client *c, enum pubsub_kind kind, void (*fn)(void *ctx, slice name), void *ctx);

/* All topics; fn must not change subscriptions. */
void pubsub_each(enum pubsub_kind kind, void (*fn)(void *ctx, slice name, size_t listeners), void *ctx);
size_t pubsub_listeners(enum pubsub_kind kind, slice name);

bool pubsub_is_heard(void); /* somebody listens to channels or patterns: a message may be worth making */
/* Delivers to a channel's listeners and those of patterns that match it, or to a shard channel's; returns how many. */
int64_t pubsub_publish(slice channel, slice message, bool shard);

/* --- messages to a client --- */

void push_piece(struct client *c, const struct reply_piece *piece);

extern bool push_waits; /* for the end of a request: then dispatch calls */
void push_settle(struct client *c);

#endif

/* Inside command/: a client that waits, whatever for. blocked.c keeps the lists; blocking.c knows what waiting for keys is. */
#ifndef TANDEM_COMMAND_BLOCKED_H
#define TANDEM_COMMAND_BLOCKED_H

#include "command/dispatch.h"
#include "event/loop.h"

struct key_wait;
struct blocking_way;

enum block_reason { WAITS_FOR_REPLICAS, WAITS_FOR_KEYS, IS_POSTPONED, WAITS_FOR_SHUTDOWN, BLOCK_REASONS };

struct client_block {
    enum block_reason why;
    struct client *c;
    struct client_block *prev, *next; /* of those with the same reason */
    struct ev_timer timeout;          /* armed when it has one: */
    bool timed;
    /* replicas */
    int64_t offset, replicas;
    /* keys */
    const struct blocking_way *way;
    void *state;
    struct key_wait *waits;
    size_t n_waits;
    /* postponed */
    slice *argv; /* argc slices, and behind them their bytes and those of raw */
    int argc;
    slice raw; /* of our master's request: what enters the log when it has been executed */
    size_t bytes;
    uint64_t generation; /* number of the pause */
};

struct client_block *block_start(struct client *c, enum block_reason why,
                                 int64_t timeout_ms); /* 0: for ever */
void block_wake(struct client_block *b);              /* the wait is over and was answered */

void blocking_forget(struct client_block *b); /* lets go of the keys */

#endif

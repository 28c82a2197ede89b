/* Inside command/: from a request to its handler. Families don't need this. */
#ifndef TANDEM_COMMAND_DISPATCH_H
#define TANDEM_COMMAND_DISPATCH_H

#include "command/command.h"

/* Runs the handler, counts it, and hands its writes to propagation. verbatim: see propagate_call_end. */
void call_command(struct client *c, struct command *cmd, const slice *argv, int argc, slice verbatim);

/* Who looks at every command that has run: one test while nobody does. */
enum { OBSERVE_MONITOR = 1, OBSERVE_TRACKING = 2 };
extern unsigned command_observers;

/* monitor.c */
void monitor_feed(const struct client *c, const struct command *cmd, const slice *argv, int argc);
void monitor_forget(struct client *c);

/* gate.c: may it run now? false: replied (or the client was closed). cmd NULL: there is no such command. */
bool gate_pass(struct client *c, struct command *cmd, const slice *argv, int argc);

/* multi.c: the queue of MULTI hangs at client.txn together with the watched keys. */
struct watch;
struct txn {
    struct queued *queue; /* one for each command */
    int n, cap;
    uint32_t flags;   /* of all queued commands together */
    uint32_t lacking; /* the flags (CMD_LOADING, CMD_STALE...) that some queued command does not have */
    char *bytes;      /* sds: the requests as RESP, one after the other; NULL while empty */
    struct watch *watches;
};
struct txn *txn_of(struct client *c); /* creates it */
void txn_release(struct client *c);   /* frees it when there is neither queue nor watch */
void txn_queue(struct client *c, struct command *cmd, const slice *argv, int argc);
void txn_discard(struct client *c); /* end of MULTI: queue, flags and watches go */
static inline const struct txn *txn_peek(const struct client *c) {
    return c->txn;
}
int txn_queued(const struct client *c, size_t *bytes); /* commands in MULTI, -1 outside */
void exec_abort(struct client *c,
                const char *error); /* EXEC was refused: -EXECABORT, and the transaction is over */

/* watch.c */
void watch_forget(struct client *c); /* unwatch all */
bool watch_has_expired(const struct client *c);

/* blocked.c: clients that wait (client.block), and CLIENT PAUSE */
void block_init(void);
void block_forget(struct client *c);
void block_for_replicas(struct client *c, int64_t offset, int64_t replicas,
                        int64_t timeout_ms); /* WAIT; 0: forever */
void block_for_shutdown(struct client *c);
bool block_cancel(struct client *c, bool as_error); /* CLIENT UNBLOCK; false when it doesn't block */
enum pause { PAUSE_NONE, PAUSE_WRITE, PAUSE_ALL };
enum pause_cause { PAUSE_BY_CLIENT, PAUSE_BY_FAILOVER, PAUSE_BY_PRESSURE, PAUSE_CAUSES };
#define PAUSE_FOR_EVER INT64_MAX
/* Extends what is running for the same cause, never shortens it; the strictest cause counts. */
void pause_start(enum pause_cause cause, enum pause what, int64_t ms);
void pause_end(enum pause_cause cause);
bool pause_holds(const struct client *c, const struct command *cmd); /* then: */
void pause_postpone(struct client *c, const struct request *r);      /* executes a copy when it is over */

/* client_cmd.c */
bool client_name_ok(struct client *c, slice name); /* replies when not */
void client_set_name(struct client *c, slice name);

/* stats.c */
void stats_init(void);
uint64_t stats_errors(void);        /* error replies so far */
extern struct client *stats_client; /* whose command runs; NULL outside */

#endif

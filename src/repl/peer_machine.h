/* The life of one replica as its primary sees it, as a state machine without sockets (see peer_machine.c for
 * the diagram). */
#ifndef TANDEM_REPL_PEER_MACHINE_H
#define TANDEM_REPL_PEER_MACHINE_H

#include <stdbool.h>

enum peer_state {
    PEER_HANDSHAKE,  /* an ordinary client that said REPLCONF */
    PEER_WAIT_START, /* wants the data; the next snapshot that starts is its own */
    PEER_WAIT_END,   /* a snapshot to disk that it will get is being made */
    PEER_SEND_FILE,  /* the snapshot file goes into its socket */
    PEER_SEND_PIPE,  /* what the snapshot child writes goes into its socket */
    PEER_WAIT_ACK, /* all of a diskless snapshot was sent; its first ACK says that it was read to the mark */
    PEER_ONLINE,   /* gets the log as it grows */
    PEER_RDB_SENT, /* wanted the data only; it is told that nothing more comes, and we wait for it to hang up */
    PEER_GONE,
    PEER_STATES
};

enum peer_event {
    PEER_EV_PARTIAL,         /* PSYNC: we hold what it lacks */
    PEER_EV_FULL,            /* PSYNC or SYNC: it needs everything */
    PEER_EV_SNAPSHOT_DISK,   /* a snapshot to disk began, or it may share the one under way */
    PEER_EV_SNAPSHOT_PIPE,   /* a diskless snapshot began */
    PEER_EV_SNAPSHOT_READY,  /* the snapshot child ended well */
    PEER_EV_SNAPSHOT_FAILED, /* the snapshot could not start, or ended badly */
    PEER_EV_SENT,            /* the last byte of the snapshot file is in the socket */
    PEER_EV_ACK,             /* REPLCONF ACK */
    PEER_EV_CLOSED,          /* its connection ended */
    PEER_EVENTS
};

struct peer_ops {
    void (*entered)(void *ctx, enum peer_state from); /* the effects of the state just entered */
    bool (*holds)(void *ctx, enum peer_state state);  /* are the state's guarantees so? */
};

struct peer_machine {
    enum peer_state state;
    bool rdb_only; /* REPLCONF rdb-only: after the snapshot comes PEER_RDB_SENT */
    const struct peer_ops *ops;
    void *ctx;
};

void peer_machine_init(struct peer_machine *m, const struct peer_ops *ops, void *ctx);
bool peer_step(struct peer_machine *m, enum peer_event ev); /* false: the state does not take this event */
bool peer_may_move(enum peer_state from, enum peer_state to);
const char *peer_state_name(enum peer_state s);

#endif

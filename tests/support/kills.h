/* kill -9 of a replica, its primary or the primary's snapshot child, in a state of their synchronisation that is held still.
 *
 * A scene brings a pair into a state and keeps it there, so that nothing depends on the moment: by a proxy that lets only so
 * many of the primary's lines and bytes through, or by directives that make a step take minutes. That it is there is seen from
 * outside: of ours in the log's last move of each machine, and in ROLE and INFO. Then one is killed and started again, while
 * writes go on. In the end:
 *   - both have the same data, and nothing that the primary acknowledged is missing where it keeps an append-only file;
 *   - there were exactly as many full synchronisations as history made unavoidable: the last number of each `run`;
 *   - of ours no temporary file is left, and no child of the one that was killed lives on. */
#ifndef TANDEM_TESTS_KILLS_H
#define TANDEM_TESTS_KILLS_H

#include "repl/failover.h"
#include "repl/link_machine.h"
#include "repl/peer_machine.h"
#include "support/proxy.h"
#include "support/server.h"

enum victim { NOBODY, REPLICA, PRIMARY, CHILD };
enum keeps { NOTHING, RDB, AOF }; /* RDB: saved when both were in step, and not again */

/* How far the replica is when it comes to the scene's state. */
enum before {
    IN_STEP, /* what it lacks is in the primary's log */
    BEHIND,  /* it lacks more than that */
    NEW      /* it has nothing */
};

struct setting {
    const char *name, *held, *free; /* the values in the state, and when it may be left */
};

struct stage;

struct scene {
    const char *name;
    enum srv_kind p_kind, r_kind;
    enum link_state link; /* of ours */
    enum peer_state peer; /* of ours; PEER_STATES: the primary has not heard of it */
    const char *role;     /* ROLE's word for the link */
    const char *shown;    /* in INFO's line about the replica, on the primary */
    enum before before;
    int lines;     /* of the primary's that pass, -1: all; ... */
    int64_t bytes; /* ... and bytes behind them */
    const char *p_args, *r_args;
    struct setting on_p, on_r;
    void (*enter)(struct stage *t), (*leave)(struct stage *t);
    enum failover_state failover; /* of the primary */
    struct run {
        enum victim victim;
        enum keeps keeps;
        int full; /* so many full synchronisations after the kill */
    } runs[8];
};

/* The handshake's lines: +PONG, +OK (AUTH), +OK (port), +OK (ip), +OK (capa), PSYNC's answer, $... */
enum { ALL = -1, PONG = 1, AUTHED, PORT_TAKEN, IP_TAKEN, CAPA_TAKEN, ANSWERED, ANNOUNCED };

struct stage {
    const struct scene *scene;
    const struct run *run;
    struct srv *p, *r, *end; /* end: follows r, or NULL */
    struct proxy *x, *back;  /* to the primary; to the replica, for a failover */
    int fd, fd_more[4];      /* a scene's own connections; 0: none */
    int64_t counted;         /* INCRs of `counter` that were acknowledged and must be there ... */
    int64_t perhaps;         /* ... and sent, but not answered, before the kill */
    int64_t saved;           /* those that a restart from the RDB file has */
    int64_t full_before;
    pid_t children[8];
    size_t children_n;
};

void kill_play(const struct scene *s); /* each of its runs */
void kill_play_chain(
    const struct scene *s); /* the replica's with an append-only file, with a replica of its own behind it */

/* For the scenes' own functions. */
void kill_count(struct stage *t, int n); /* so many INCRs on the primary */
/* The state that one of our machines ("Master link", "Replica link") last moved to, by the log; `none_yet` before its first
 * move. */
const char *kill_moved_to(const struct srv *s, const char *machine, const char *none_yet);

#endif

/* The replica's link to its master as a state machine: events in, effects out, no socket (diagram in
 * link_machine.c).
 *
 * The owner (link.c) turns readiness, lines, timers and commands into events, and gives the effects as
 * link_ops. Unit tests give other ops and drive every transition. */
#ifndef TANDEM_REPL_LINK_MACHINE_H
#define TANDEM_REPL_LINK_MACHINE_H

#include "base/slice.h"
#include <stdint.h>

enum link_state {
    LINK_NONE,       /* a master ourselves */
    LINK_CONNECT,    /* have a master, no connection; a tick tries, when it is time */
    LINK_HELD,       /* the same, and something must change before it can succeed: the owner knows what */
    LINK_CONNECTING, /* TCP connection under way */
    LINK_PING,       /* awaiting the reply to PING */
    LINK_AUTH,       /* ... to AUTH */
    LINK_PORT,       /* ... to REPLCONF listening-port */
    LINK_IP,         /* ... to REPLCONF ip-address */
    LINK_CAPA,       /* ... to REPLCONF capa */
    LINK_PSYNC,      /* ... to PSYNC */
    LINK_PREAMBLE,   /* awaiting `$length` or `$EOF:mark` */
    LINK_TRANSFER,   /* the snapshot goes to a temporary file */
    LINK_LOADING,    /* the snapshot is being loaded */
    LINK_CONNECTED,  /* the master is an ordinary client that streams */
    LINK_STATES
};

enum link_event_type {
    LINK_EV_REPLICAOF, /* a (new) master was chosen */
    LINK_EV_NO_ONE,    /* be a master */
    LINK_EV_TICK,      /* a second has passed */
    LINK_EV_OPENED,    /* the TCP connection is there */
    LINK_EV_LINE,      /* `line`: a reply of the master without CRLF, never empty */
    LINK_EV_RECEIVED,  /* the snapshot file is complete */
    LINK_EV_FAILED,    /* the connection or the transfer broke; the owner has logged why */
    LINK_EV_TIMEOUT,   /* nothing was heard for repl-timeout; the owner has logged it */
    LINK_EV_LOST,      /* the streaming connection ended */
    LINK_EVENTS
};

struct link_event {
    enum link_event_type type;
    slice line; /* LINK_EV_LINE */
    bool now;   /* LINK_EV_REPLICAOF: connect at once, not with the next tick */
};

enum link_transfer { TRANSFER_TO_FILE, TRANSFER_TO_PARSER, TRANSFER_REFUSED };

enum link_load { LOAD_DONE, LOAD_FAILED, LOAD_HELD }; /* HELD: what we have was kept on purpose */

enum link_occasion { CONNECT_FIRST, CONNECT_AGAIN, CONNECT_AFTER_FAILURE }; /* for the log */

struct link_ops {
    bool (*connect)(void *ctx, enum link_occasion occasion); /* starts; false: logged */
    bool (*send_ping)(void *ctx);
    bool (*send_auth)(void *ctx);
    bool (*send_replconf)(void *ctx); /* all REPLCONFs at once; the replies come in order */
    bool (*send_psync)(void *ctx);
    bool (*send_sync)(void *ctx);
    /* After the move that PSYNC's answer led to. */
    void (*psync_accepted)(void *ctx);
    /* Turned down, or (sent false) not even sent. True: the owner has ended the link, and the machine is in NONE. */
    bool (*psync_refused)(void *ctx, bool sent);
    bool (*wants_auth)(void *ctx);   /* masterauth is set */
    bool (*announces_ip)(void *ctx); /* replica-announce-ip is set: one more reply */
    /* PSYNC's answers. begin_full: id NULL after SYNC (history unknown). resume: id NULL when it named none;
     * past is what one of our own kind told behind it (past.h), else empty. */
    void (*begin_full)(void *ctx, const char *id, int64_t offset);
    bool (*resume)(void *ctx, const char *id, slice past);
    /* `$length` (mark empty) or `$EOF:mark`. */
    enum link_transfer (*begin_transfer)(void *ctx, int64_t length, slice mark);
    enum link_load (*load)(
        void *ctx);           /* file or stream into the key space, then the master becomes a client */
    void (*close)(void *ctx); /* socket, temporary file, client: whatever there is. Keeps the history. */
    /* What a master of our own kind tells behind its +OK of those it follows itself. False: we are among them. */
    bool (*may_follow)(void *ctx, slice told);
    void (*gave_up)(void *ctx, enum link_state in);       /* an attempt failed in this state, before close */
    bool (*may_retry)(void *ctx);                         /* at a tick: is it time for another one? */
    bool (*may_hurry)(void *ctx, enum link_occasion why); /* reconnect now, not with a tick */
    bool (*holds)(void *ctx, enum link_state s);          /* are the state's guarantees so? */
};

struct link_machine {
    enum link_state state;
    const struct link_ops *ops;
    void *ctx;
};

void link_machine_init(struct link_machine *m, const struct link_ops *ops, void *ctx);
bool link_step(struct link_machine *m, const struct link_event *ev); /* false: not taken in this state */
bool link_takes(enum link_state s, enum link_event_type ev);
bool link_may_move(enum link_state from, enum link_state to);
const char *link_state_name(enum link_state s);

#endif

/* Client side caching: who has to be told when a key changes.
 *
 * In the default mode the server remembers which keys a client has read, and tells it once when such a key changes, expires,
 * is evicted or goes with a flush; the client must read again to be told again. In broadcasting mode nothing is remembered: the
 * client names prefixes, and is told of every change to such keys at the end of the turn.
 * Keys are names: the same name in two databases counts as one.
 *
 * What a client is told goes to its own connection (RESP3 push) or to another one that it has named (REDIRECT). */
#ifndef TANDEM_COMMAND_TRACKING_H
#define TANDEM_COMMAND_TRACKING_H

#include "command/command.h"

enum { TRACK_BCAST = 1, TRACK_OPTIN = 2, TRACK_OPTOUT = 4, TRACK_NOLOOP = 8 };

struct tracker { /* client.tracking; NULL: off */
    struct client *c;
    unsigned options;
    bool caching;          /* CLIENT CACHING was said for the next command or transaction */
    bool broken;           /* the connection to tell has gone */
    uint64_t redirect;     /* its client ID; 0: c itself */
    struct client *target; /* it, while it lives */
    struct prefix **prefixes;
    int n_prefixes;
};

/* On, or on with other options. Prefixes are added to those there are; none with TRACK_BCAST: every key. */
void tracking_on(struct client *c, unsigned options, struct client *target, const slice *prefixes, int n);
void tracking_off(struct client *c);
void tracking_forget(struct client *c); /* the connection ends */
slice tracking_prefix(const struct tracker *t, int i);

/* --- for dispatch --- */
void tracking_observe(struct client *c, const struct command *cmd, const slice *argv, int argc);

/* --- for main.c --- */
void tracking_init(void); /* before client_room_init: what is told at the end of a turn leaves with it */
void tracking_key_modified(struct db *db, slice key);
void tracking_flushed(void); /* whole databases have changed */

/* How many keys are remembered at most is server_config.tracking_table_max_keys. */

#endif

/* Waiting for keys: what BLPOP, BZPOPMIN, XREAD BLOCK and their kind have in common.
 *
 * A command that finds nothing to take calls block_for_keys; the client then executes nothing more. When a command or a
 * transaction has ended that changed one of the keys (created it, pushed to it, moved, copied, restored or swapped it
 * in), the family's `serve` is asked for each client that waits for that key, in the order in which they began to
 * wait, until the key has nothing left. A served client's changes may serve others in turn.
 *
 * The wait ends otherwise by its timeout or CLIENT UNBLOCK (both reply a null array, as the reference does for every
 * such command), by CLIENT UNBLOCK ERROR, by this server becoming a replica, or with the connection. */
#ifndef TANDEM_COMMAND_BLOCKING_H
#define TANDEM_COMMAND_BLOCKING_H

#include "command/command.h"

/* How a family waits. Lives on for ever. */
struct blocking_way {
    enum value_type type; /* serve is called when the key holds this type */
    /* And with e NULL when it holds nothing or another type (XREADGROUP: the group is gone). */
    bool also_when_gone;
    /* The key that c waits for has changed. True: c was replied and waits no more; false: it goes on waiting. The key
     * is in c's database. Runs in a unit of its own: changes are signalled and counted as in a command, and their
     * effect goes to replicas by propagate_also(c->db, ...). */
    bool (*serve)(struct client *c, slice key, struct entry *e, void *state);
    void (*free_state)(void *state);
};

/* Where nobody may wait (inside a transaction, our master's link) a command replies as if its time were over. */
bool blocking_allowed(const struct client *c);
/* A timeout argument, in ms with 0 for ever: seconds with a fraction, or milliseconds (XREAD's BLOCK, WAIT, CLIENT PAUSE).
 * Replies when wrong. */
bool blocking_timeout(struct client *c, slice s, int64_t *ms);
bool blocking_timeout_in_ms(struct client *c, slice s, int64_t *ms);
/* Copies the keys, of which any may occur twice; owns the state from here on. */
void block_for_keys(struct client *c, const struct blocking_way *way, const slice *keys, int n,
                    int64_t timeout_ms, void *state);

/* --- for main.c: hooks of the key space --- */
void blocking_key_modified(struct db *db, slice key);
void blocking_before_flush(int dbid); /* -1: all databases */
void blocking_before_swap(int a, int b);
void blocking_all_replaced(void); /* every database may hold something else now: serves who waited for it */

/* --- for dispatch: after each top-level request --- */
extern bool blocking_has_ready;
void blocking_serve(void);

#endif

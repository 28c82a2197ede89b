/* What a write becomes in the log.
 *
 * By default a command that changed something is appended verbatim (the client's own bytes). Commands whose effect depends on
 * time, chance or state replace that by their effect. Everything of one unit - a top-level command, or a whole MULTI/EXEC -
 * is wrapped in MULTI ... EXEC when it is more than one command. Keys that expire on access are propagated before the
 * command that met them. */
#ifndef TANDEM_COMMAND_PROPAGATE_H
#define TANDEM_COMMAND_PROPAGATE_H

#include "client/client.h"
#include "keyspace/db.h"

/* --- for handlers --- */
void propagate_instead(int argc, const slice *argv); /* replaces the running command; bytes are copied */
void propagate_also(int dbid, int argc, const slice *argv); /* after the running command; copied */
void propagate_none(void);                                  /* the running command is not propagated */
void propagate_force(void); /* verbatim although ks_dirty did not move (FLUSHALL of nothing) */
void propagate_expired(struct db *db, slice key); /* ks_hooks.expired: DEL or UNLINK */
void propagate_evicted(struct db *db, slice key); /* ks_hooks.evicted: the same */

/* --- for dispatch --- */
void propagate_unit_begin(void); /* units nest (EXEC, a loop turn inside a load): the outermost counts */
void propagate_unit_end(void);   /* here the outermost unit's commands enter the log */
void propagate_flush(void);   /* the unit so far enters the log now: EXEC, before it frees what it executed */
bool propagate_pending(void); /* the data shows effects of the running unit that are not in the log yet */
/* From here on units are a replica's own: to the AOF, not to the log. What it was before; units inside others restore it. */
bool propagate_aside(bool on);
struct propagate_call { /* what the running command said; kept while another runs inside it */
    bool in_call, replaced, forced;
    int first_also;
};
void propagate_call_begin(struct propagate_call *outer);
/* The command ended. `verbatim` is the request as a RESP array, valid until the unit ends; n 0: argv is encoded.
 * changed: ks_dirty moved. */
void propagate_call_end(const struct propagate_call *outer, int dbid, int argc, const slice *argv,
                        slice verbatim, bool changed);

#endif

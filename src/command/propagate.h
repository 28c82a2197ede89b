/* What a write becomes in the log.
 *
 * By default a command that changed something is appended verbatim (the client's own bytes). Commands whose effect depends on
 * time, chance or state replace that by their effect. Everything of one top-level command or MULTI/EXEC is wrapped in
 * MULTI ... EXEC when it is more than one command. Keys that expire on access are propagated before the command. */
#ifndef TANDEM_COMMAND_PROPAGATE_H
#define TANDEM_COMMAND_PROPAGATE_H

#include "client/client.h"
#include "keyspace/db.h"

void propagate_instead(int argc, const slice *argv); /* replaces the running command; bytes are copied */
void propagate_also(int dbid, int argc, const slice *argv); /* after the running command */
void propagate_none(void);                                  /* the running command is not propagated */
void propagate_expired(struct db *db, slice key);           /* ks_hooks.expired: DEL or UNLINK */

/* dispatch's side */
void propagate_begin(struct client *c, const struct request *r);
void propagate_end(struct client *c, const struct request *r, bool changed);
void propagate_transaction_begin(int dbid);
void propagate_transaction_end(int dbid);

#endif

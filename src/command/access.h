/* Inside command/, and for main.c: the user a connection speaks for, and what it may do (server/acl.h knows the rules).
 *
 * client.user is NULL for those who may do everything: our master's link, commands out of files. client.limited is what
 * the gate looks at: false, and nothing here is asked for the request. It is kept true to client.authenticated and to the user's
 * permissions, which may change at any time. */
#ifndef TANDEM_COMMAND_ACCESS_H
#define TANDEM_COMMAND_ACCESS_H

#include "command/command.h"
#include "server/acl.h"

/* After command_init and before the configuration is read, which may declare users. */
void access_init(void);
/* A connection begins, or is reset: the default user, signed in already when that needs no password. */
void access_begin(struct client *c);
/* False: wrong, and that is in the log. how: the command that tried, as it was given. */
bool access_sign_in(struct client *c, slice how, slice name, slice password);

/* NULL, or the error, which is in the log: limited clients only. Static text, or valid until the next call. */
const char *access_refusal(const struct client *c, const struct command *cmd, const slice *argv, int argc);
bool access_needs_sign_in(const struct client *c, const struct command *cmd);
/* A command that was queued and is to be executed: false when it may not any longer, which was replied. */
bool access_allows_queued(struct client *c, const struct command *cmd, const slice *argv, int argc);
/* May the running command read every key there is? SORT's BY and GET do. */
bool access_to_all_keys(const struct client *c, const slice *argv, int argc);
/* What the user would be told (ACL DRYRUN). */
enum acl_verdict access_check(const struct acl_user *u, const struct command *cmd, const slice *argv,
                              int argc, int *pos);

/* The connection comes from this machine: what settings allow "local" ones only. */
bool access_is_local(const struct client *c);

bool access_has_rule(const struct command *cmd); /* rules name it; not so commands of our own */

#endif

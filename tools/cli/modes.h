/* What tandem-cli does instead of running commands. Each takes an open session, writes to standard output, tells of
 * trouble on standard error, and returns the program's exit code. */
#ifndef TANDEM_TOOLS_MODES_H
#define TANDEM_TOOLS_MODES_H

#include "cli/session.h"

int stat_run(struct session *s);    /* until stopped */
int latency_run(struct session *s); /* until stopped; or once, when not on a terminal */
int scan_run(struct session *s);
int pipe_run(struct session *s);
int replica_run(struct session *s); /* until stopped, or the server goes away */
int rdb_run(struct session *s);

#endif

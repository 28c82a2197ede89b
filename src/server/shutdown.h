/* Inside server/: the wait for lagging replicas. */
#ifndef TANDEM_SERVER_SHUTDOWN_H
#define TANDEM_SERVER_SHUTDOWN_H

void shutdown_check(void); /* each tick: has the wait come to its end? */

#endif

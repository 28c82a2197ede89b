/* The server as a process: start, identity, periodic work, stopping. */
#ifndef TANDEM_SERVER_SERVER_H
#define TANDEM_SERVER_SERVER_H

#include "base/slice.h"
#include <stdbool.h>
#include <stdint.h>

#define TANDEM_VERSION "0.1.0"
#define REDIS_VERSION  "7.0.15" /* the reference whose contract we keep */

struct server_stats {
    int64_t start_ms;
    uint64_t commands, peak_memory_bytes;
    uint64_t unexpected_errors, total_error_replies, total_eviction_ms;
};
extern struct server_stats server_stats;
void server_stats_reset(void); /* CONFIG RESETSTAT: every room's counters */

void server_process_init(void);  /* run id, limits, daemonize, pid file, signals, log header lines */
const char *server_run_id(void); /* 40 hex digits */
void server_cron_start(void); /* the hz timer: expiry, rehash, save points, limits, instantaneous metrics */
uint64_t server_instantaneous_ops(void);

/* SHUTDOWN and SIGTERM: flags as the command's options. Returns only when it may not stop now (a save failed and no
 * FORCE): false, and the log says why. With lagging replicas it waits up to shutdown-timeout unless NOW: then it
 * returns true and `done` follows later. */
enum { SHUTDOWN_NOSAVE = 1, SHUTDOWN_SAVE = 2, SHUTDOWN_NOW = 4, SHUTDOWN_FORCE = 8 };
bool server_shutdown(int flags);
bool server_shutdown_abort(void); /* false when none is in progress */
bool server_shutting_down(void);

#endif

/* The server as a process: start, identity, listening, periodic work, stopping. main.c calls these in the order in
 * which they stand here. */
#ifndef TANDEM_SERVER_SERVER_H
#define TANDEM_SERVER_SERVER_H

#include "base/slice.h"
#include <stdbool.h>
#include <stdint.h>

#define TANDEM_VERSION "0.1.0"
#define REDIS_VERSION  "7.0.15" /* the reference whose contract we keep */

struct client;

struct server_stats {
    int64_t start_ms;
    uint64_t commands, peak_memory_bytes, startup_memory_bytes;
    uint64_t unexpected_errors, total_error_replies;
    uint64_t expire_us;       /* spent in active expiry */
    uint64_t expire_time_cap; /* slices that ended before the work did */
    int migrate_links;        /* connections that MIGRATE keeps now */
};
extern struct server_stats server_stats;

/* Sizes for INFO that rooms above this one keep true. */
struct server_gauges {
    size_t pubsub_channels, pubsub_patterns, pubsub_shard_channels;
    size_t tracking_clients, tracking_keys, tracking_items, tracking_prefixes;
    size_t timed_waits; /* blocked clients that a timeout will end */
};
extern struct server_gauges server_gauges;
void server_stats_reset(void); /* CONFIG RESETSTAT: the counters of every room up to this one */

/* --- start (process.c) --- */
void server_process_init(int argc, char **argv); /* before all else: title, seeds, run id, clock */
void server_process_start(void);  /* settings are known: log, supervision, daemonize, header lines */
void server_process_limits(void); /* file descriptors for maxclients, which shrinks when they can't be had */
void server_process_ready(void);  /* listening: pid file, title, warnings of the system's settings */
const char *server_run_id(void);  /* 40 hex digits */
const char *server_executable(void);
const char *server_supervised(void);         /* "no", "systemd", "upstart" */
void server_role_changed(void);              /* master or replica: what the process shows of it */
void server_notify_supervisor(const char *); /* lines of sd_notify(3); nothing when not under systemd */

/* --- listening (listen.c) --- */
bool server_listen(void);                 /* all of bind, port and unixsocket; false: logged */
bool server_may_accept(struct client *c); /* client_hooks.may_accept: protected mode */
void server_remove_socket_file(void);     /* at the end */

/* --- data at start (start.c) --- */
void server_load_data(void); /* dump.rdb, when there is one; a damaged one ends the process */

/* --- periodic work (cron.c, expire_cycle.c, metrics.c) --- */
/* The hz timer: rehash, save points, limits, metrics; and the timers of expiry and lazy freeing. */
void server_cron_start(void);
int server_current_hz(void);
extern bool server_cron_paused; /* DEBUG PAUSE-CRON: no periodic work is done */
enum server_metric { METRIC_COMMANDS, METRIC_IN, METRIC_OUT, METRIC_REPL_IN, METRIC_REPL_OUT, METRICS };
double server_per_second(enum server_metric m); /* over the last 1.6 s */

/* --- stopping (shutdown.c): SHUTDOWN and SIGTERM; flags as the command's options --- */
enum { SHUTDOWN_NOSAVE = 1, SHUTDOWN_SAVE = 2, SHUTDOWN_NOW = 4, SHUTDOWN_FORCE = 8 };
/* Ends the process. Returns only when it may not stop now (a save failed and no FORCE): false, and the log says why;
 * or when lagging replicas are given up to shutdown-timeout (unless NOW): true, and the end follows later, or the hook
 * is called when it does not. While server_shutting_down(), writes of clients must wait. */
bool server_shutdown(int flags);
bool server_shutdown_abort(void); /* false when none is in progress; calls the hook */
bool server_shutting_down(void);
/* DEBUG RESTART and CRASH-AND-RECOVER: the same program with the same arguments in this process, after a pause; when it
 * goes gently, settings and data are saved as at a shutdown before. Returns only when that failed: logged. */
void server_restart(bool gently, int delay_ms);
int64_t server_shutdown_left_ms(void);                 /* of the waiting */
void server_set_shutdown_hook(void (*given_up)(void)); /* a waiting shutdown failed or was aborted */
void server_stop_signal(int signo);                    /* signals_init's on_stop */

#endif

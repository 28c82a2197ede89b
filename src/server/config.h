/* The configuration table: every directive with its type, bounds, default, mutability and effect, in one place.
 *
 * Values live where they are used: each room has a config struct of its own, and a row points at its field. A directive that
 * is not in the table does not exist: "Bad directive or wrong number of arguments" in a file,
 * and no match in CONFIG GET. Strings are owned by the table (sds in char* fields). */
#ifndef TANDEM_SERVER_CONFIG_H
#define TANDEM_SERVER_CONFIG_H

#include "base/sds.h"
#include "base/slice.h"
#include <stdint.h>

void config_init(void); /* defaults into every field; checks the table */
/* argv as main got it: [file] [--directive value ...] [-]. On a bad directive prints Redis's FATAL CONFIG FILE ERROR
 * report with line number and text to stderr and exits 1. */
void config_load_args(int argc, char **argv);
const char *config_file(void); /* absolute path, NULL when started without */

/* CONFIG GET: calls fn for each directive (and alias) that matches one of the patterns, in a fixed order, each once. */
void config_get(const slice *patterns, int n, void (*fn)(void *ctx, const char *name, slice value),
                void *ctx);
/* CONFIG SET of several: all or nothing. NULL, or the error text (valid until the next call) without "-ERR ". */
const char *config_set(const slice *pairs, int n_pairs);
const char *config_rewrite(void); /* NULL or error text: comments and order of the file are kept */
/* One directive from code (REPLICAOF at run time is written by CONFIG REWRITE from repl's state). */

/* Settings that belong to no lower room. */
struct server_config {
    int port, tcp_backlog, hz, databases, dynamic_hz;
    bool daemonize, protected_mode, syslog_enabled, always_show_logo, crash_log, set_proc_title,
        lazyfree_user_flush, lazyfree_user_del;
    char *pidfile, *logfile, *dir, *unixsocket, *syslog_ident, *requirepass;
    unsigned unixsocketperm;
    int loglevel, syslog_facility, supervised, enable_debug_command, enable_protected_configs,
        shutdown_timeout_s;
    int shutdown_on_sigint, shutdown_on_sigterm;
    char **bind; /* bind_count addresses */
    int bind_count;
    struct save_point {
        int64_t seconds;
        uint64_t changes;
    } * save_points;
    int save_point_count;
};
extern struct server_config server_config;

#endif

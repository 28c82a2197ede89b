/* The configuration table: every directive with its type, bounds, default, mutability and effect, in one place.
 *
 * Values live where they are used: each room has a config struct of its own, and a row points at its field. A directive
 * that is not in the table does not exist: "Bad directive or wrong number of arguments" in a file, and no match in
 * CONFIG GET. One that Redis knows and we do not is refused by name. Strings are owned by the table (sds in char*
 * fields) and never NULL: "" is none. */
#ifndef TANDEM_SERVER_CONFIG_H
#define TANDEM_SERVER_CONFIG_H

#include "base/sds.h"
#include "base/slice.h"
#include <stdint.h>

void config_init(void); /* defaults into every field; checks the table */
/* argv as main got it: [file] [--directive value ...] [-]. On a bad directive prints Redis's FATAL CONFIG FILE ERROR
 * report with line number and text to stderr and exits 1. --version, --help and --test-memory are answered here and
 * end the process too. */
void config_load_args(int argc, char **argv);
const char *config_file(void); /* absolute path, NULL when started without */

/* CONFIG GET: calls fn for each directive (and alias) that matches one of the patterns, in a fixed order, each once. */
void config_get(const slice *patterns, int n, void (*fn)(void *ctx, const char *name, slice value),
                void *ctx);
sds config_value(slice name, sds out); /* appends the value of a directive that exists */
/* CONFIG SET of several: all or nothing. NULL, or the error text (valid until the next call) without "-ERR ". */
const char *config_set(const slice *pairs, int n_pairs);
/* Data is being loaded, and one of them would begin files with the half that is here, or leave the directory that it comes
 * from. */
bool config_set_must_wait(const slice *pairs, int n_pairs);
bool config_is_secret(slice name);  /* its value is not for logs: a password */
extern bool config_caller_is_local; /* the connection that asks: for enable-protected-configs local */
/* NULL or error text: comments and order of the file are kept. all: also what equals its default (DEBUG). */
const char *config_rewrite(bool all);

/* The process's part of a changed setting, set by server/process and main. NULL or the error text. */
struct config_hooks {
    const char *(*listen_again)(void); /* port or bind changed */
    const char *(*max_clients)(void);  /* maxclients rose: file descriptor limit */
    void (*title)(void);               /* something that the process title shows */
    void (*crash_log)(bool on);
};
void config_set_hooks(const struct config_hooks *hooks);

/* rename-command, while settings are being read: NULL or the error text. Set by main before. */
extern const char *(*config_rename_command)(slice from, slice to);

enum { SUPERVISED_NO, SUPERVISED_AUTO, SUPERVISED_SYSTEMD, SUPERVISED_UPSTART };
enum { PROTECTED_NO, PROTECTED_YES, PROTECTED_LOCAL }; /* enable-debug-command, enable-protected-configs */

/* Settings that belong to no lower room. */
struct server_config {
    int port, tcp_backlog, hz, databases;
    bool dynamic_hz, daemonize, protected_mode, syslog_enabled, crash_log, set_proc_title, disable_thp;
    uint64_t hll_sparse_max_bytes; /* a longer sparse HyperLogLog becomes dense */
    bool lazyfree_user_flush, lazyfree_user_del, active_rehashing;
    char *pidfile, *logfile, *unixsocket, *syslog_ident, *proc_title_template;
    unsigned unixsocketperm;
    int loglevel, syslog_facility, supervised, enable_debug_command, enable_protected_configs;
    int shutdown_timeout_s;
    size_t tracking_table_max_keys; /* of client side caching; 0: no limit */
    bool latency_tracking;
    bool always_show_logo;
    int active_expire_effort;                                                  /* 1 to 10 */
    int oom_score_adj, oom_score_adj_values[3];                                /* oom_score.h */
    char *server_cpulist, *bio_cpulist, *aof_rewrite_cpulist, *bgsave_cpulist; /* affinity.h */
    int watchdog_period_ms;
    bool crash_memcheck;
    char *ignore_warnings;
    double *percentiles; /* latency-tracking-info-percentiles: what INFO latencystats shows */
    int percentile_count;
    int shutdown_on_sigint, shutdown_on_sigterm; /* SHUTDOWN_* bits of server.h */
    char **bind;                                 /* bind_count addresses (sds), "-" in front: optional */
    int bind_count;
    struct save_point {
        int64_t seconds;
        uint64_t changes;
    } * save_points;
    int save_point_count;
    char *replicaof_host; /* from file or arguments, for start-up; "" none. Later repl knows better. */
    int replicaof_port;
};
extern struct server_config server_config;

#endif

/* The rows: every directive Tandem has, with its field, bounds and default; and the few lookups over them.
 *
 * Invariant: each row's default passes its own setter (config_init proves it at every start). A directive is here when
 * it has an effect, or when its only accepted value says what we do (FIXED). What it does is elsewhere:
 * config_value.c (types), config_special.c (several words), config_apply.c (effects). */
#include "server/config_internal.h"

#include <limits.h>
#include <syslog.h>

#include "aof/aof.h"
#include "base/assert.h"
#include "base/latency.h"
#include "base/log.h"
#include "client/client.h"
#include "event/net.h"
#include "keyspace/evict.h"
#include "keyspace/hash.h"
#include "keyspace/list.h"
#include "keyspace/set.h"
#include "keyspace/stream.h"
#include "keyspace/zset.h"
#include "rdb/rdb.h"
#include "repl/repl.h"
#include "server/acl.h"
#include "server/oom_score.h"
#include "server/memory_limit.h"
#include "server/server.h"
#include "server/slowlog.h"

struct server_config server_config;

static const struct config_word loglevel_words[] = {{"debug", LOG_LEVEL_DEBUG},
                                                    {"verbose", LOG_LEVEL_VERBOSE},
                                                    {"notice", LOG_LEVEL_NOTICE},
                                                    {"warning", LOG_LEVEL_WARNING},
                                                    {NULL, 0}};
static const struct config_word facility_words[] = {{"user", LOG_USER},     {"local0", LOG_LOCAL0},
                                                    {"local1", LOG_LOCAL1}, {"local2", LOG_LOCAL2},
                                                    {"local3", LOG_LOCAL3}, {"local4", LOG_LOCAL4},
                                                    {"local5", LOG_LOCAL5}, {"local6", LOG_LOCAL6},
                                                    {"local7", LOG_LOCAL7}, {NULL, 0}};
static const struct config_word supervised_words[] = {{"upstart", SUPERVISED_UPSTART},
                                                      {"systemd", SUPERVISED_SYSTEMD},
                                                      {"auto", SUPERVISED_AUTO},
                                                      {"no", SUPERVISED_NO},
                                                      {NULL, 0}};
static const struct config_word protected_words[] = {
    {"no", PROTECTED_NO}, {"yes", PROTECTED_YES}, {"local", PROTECTED_LOCAL}, {NULL, 0}};
static const struct config_word diskless_load_words[] = {
    {"disabled", 0}, {"on-empty-db", 1}, {"swapdb", 2}, {NULL, 0}};
static const struct config_word propagation_words[] = {
    {"ignore", PROPAGATION_ERRORS_IGNORE},
    {"panic", PROPAGATION_ERRORS_PANIC},
    {"panic-on-replicas", PROPAGATION_ERRORS_PANIC_ON_REPLICAS},
    {NULL, 0}};
static const struct config_word sanitize_words[] = {{"no", 0}, {"yes", 1}, {"clients", 2}, {NULL, 0}};
static const struct config_word shutdown_words[] = {
    {"default", 0},        {"save", SHUTDOWN_SAVE},   {"nosave", SHUTDOWN_NOSAVE},
    {"now", SHUTDOWN_NOW}, {"force", SHUTDOWN_FORCE}, {NULL, 0}};
static const struct config_word channels_words[] = {{"allchannels", 1}, {"resetchannels", 0}, {NULL, 0}};
static const struct config_word fsync_words[] = {
    {"everysec", AOF_FSYNC_EVERYSEC}, {"always", AOF_FSYNC_ALWAYS}, {"no", AOF_FSYNC_NO}, {NULL, 0}};
static const struct config_word oom_words[] = {{"no", OOM_ADJ_NO},
                                               {"yes", OOM_ADJ_RELATIVE},
                                               {"relative", OOM_ADJ_RELATIVE},
                                               {"absolute", OOM_ADJ_ABSOLUTE},
                                               {NULL, 0}};
#define OOM_FAILURE "Failed to apply new oom_score_adj configuration, check server logs."
static const struct config_word policy_words[] = {{"volatile-lru", POLICY_VOLATILE_LRU},
                                                  {"volatile-lfu", POLICY_VOLATILE_LFU},
                                                  {"volatile-random", POLICY_VOLATILE_RANDOM},
                                                  {"volatile-ttl", POLICY_VOLATILE_TTL},
                                                  {"allkeys-lru", POLICY_ALLKEYS_LRU},
                                                  {"allkeys-lfu", POLICY_ALLKEYS_LFU},
                                                  {"allkeys-random", POLICY_ALLKEYS_RANDOM},
                                                  {"noeviction", POLICY_NOEVICTION},
                                                  {NULL, 0}};

/* A row's field has the type its kind reads and writes: a wrong one does not compile. */
#define IS(type, p) (1 ? (p) : (type *)0)
#define NO_LIMIT    (-1) /* of BYTES: 64 bits */
#define FIXED       DIRECTIVE_IMMUTABLE
#define SECRET      DIRECTIVE_SECRET

#define BOOL(n, a, fl, f, def, ...)                                                                          \
    {                                                                                                        \
        .name = n, .alias = a, .kind = KIND_BOOL, .flags = fl, .field = IS(bool, f), .standard = def,        \
        __VA_ARGS__                                                                                          \
    }
#define INT(n, a, fl, f, lo, hi, def, ...)                                                                   \
    {                                                                                                        \
        .name = n, .alias = a, .kind = KIND_INT, .flags = fl, .field = IS(int, f), .min = lo, .max = hi,     \
        .standard = def, __VA_ARGS__                                                                         \
    }
#define UINT(n, a, fl, f, lo, hi, def, ...)                                                                  \
    {                                                                                                        \
        .name = n, .alias = a, .kind = KIND_UINT, .flags = fl, .field = IS(unsigned, f), .min = lo,          \
        .max = hi, .standard = def, __VA_ARGS__                                                              \
    }
#define COUNT(n, a, fl, f, lo, hi, def, ...)                                                                 \
    {                                                                                                        \
        .name = n, .alias = a, .kind = KIND_COUNT, .flags = fl, .field = IS(size_t, f), .min = lo,           \
        .max = hi, .standard = def, __VA_ARGS__                                                              \
    }
#define LONG(n, a, fl, f, lo, hi, def, ...)                                                                  \
    {                                                                                                        \
        .name = n, .alias = a, .kind = KIND_LONG, .flags = fl, .field = IS(int64_t, f), .min = lo,           \
        .max = hi, .standard = def, __VA_ARGS__                                                              \
    }
#define BYTES(n, a, fl, f, lo, hi, def, ...)                                                                 \
    {                                                                                                        \
        .name = n, .alias = a, .kind = KIND_BYTES, .flags = fl, .field = IS(uint64_t, f), .min = lo,         \
        .max = hi, .standard = def, __VA_ARGS__                                                              \
    }
#define STRING(n, a, fl, f, def, ...)                                                                        \
    {                                                                                                        \
        .name = n, .alias = a, .kind = KIND_STRING, .flags = fl, .field = IS(char *, f), .standard = def,    \
        __VA_ARGS__                                                                                          \
    }
#define ENUM(n, a, fl, f, w, def, ...)                                                                       \
    {                                                                                                        \
        .name = n, .alias = a, .kind = KIND_ENUM, .flags = fl, .field = IS(int, f), .words = w,              \
        .standard = def, __VA_ARGS__                                                                         \
    }
#define FLAGS(n, fl, f, w, def, ...)                                                                         \
    {                                                                                                        \
        .name = n, .kind = KIND_FLAGS, .flags = (fl) | DIRECTIVE_MULTI_ARG, .field = IS(int, f), .words = w, \
        .standard = def, __VA_ARGS__                                                                         \
    }
#define SPECIAL(n, a, fl, set_fn, get_fn, def, ...)                                                          \
    {                                                                                                        \
        .name = n, .alias = a, .kind = KIND_SPECIAL, .flags = fl, .set = set_fn, .get = get_fn,              \
        .standard = def, __VA_ARGS__                                                                         \
    }

static const char *check_shutdown_flags(slice unused) {
    (void)unused;
    int both = SHUTDOWN_SAVE | SHUTDOWN_NOSAVE;
    if ((server_config.shutdown_on_sigint & both) == both ||
        (server_config.shutdown_on_sigterm & both) == both) {
        return "shutdown options SAVE and NOSAVE can't be used simultaneously";
    }
    return NULL;
}

#define S     (&server_config)
#define CL    (&client_config)
#define R     (&repl_config)
#define RDB   (&rdb_config)
#define KS    (&ks_config)
#define ZS    (&zset_config)
#define A     (&aof_config)
#define M     (&memory_limit_config)
#define MULTI DIRECTIVE_MULTI_ARG

static const struct directive directives[] = {
    /* process */
    BOOL("daemonize", NULL, FIXED, &S->daemonize, "no"),
    STRING("pidfile", NULL, FIXED, &S->pidfile, ""),
    STRING("logfile", NULL, FIXED, &S->logfile, ""),
    ENUM("loglevel", NULL, 0, &S->loglevel, loglevel_words, "notice", .apply = apply_log_level),
    BOOL("syslog-enabled", NULL, FIXED, &S->syslog_enabled, "no"),
    STRING("syslog-ident", NULL, FIXED, &S->syslog_ident, "redis"),
    ENUM("syslog-facility", NULL, FIXED, &S->syslog_facility, facility_words, "local0"),
    SPECIAL("dir", NULL, DIRECTIVE_PROTECTED | DIRECTIVE_WHOLE_DATA, dir_set, dir_get, ""),
    ENUM("supervised", NULL, FIXED, &S->supervised, supervised_words, "no"),
    BOOL("set-proc-title", NULL, FIXED, &S->set_proc_title, "yes"),
    STRING("proc-title-template", NULL, 0, &S->proc_title_template, "{title} {listen-addr} {server-mode}",
           .check = check_title, .apply = apply_title),
    BOOL("crash-log-enabled", NULL, 0, &S->crash_log, "yes", .apply = apply_crash_log),
    BOOL("disable-thp", NULL, FIXED, &S->disable_thp, "yes"),
    BOOL("always-show-logo", NULL, FIXED, &S->always_show_logo, "no"),
    BOOL("crash-memcheck-enabled", NULL, 0, &S->crash_memcheck, "yes", .apply = apply_crash_log),
    STRING("ignore-warnings", NULL, 0, &S->ignore_warnings, ""),
    ENUM("oom-score-adj", NULL, 0, &S->oom_score_adj, oom_words, "no", .apply = apply_oom_score,
         .failure = OOM_FAILURE),
    SPECIAL("oom-score-adj-values", NULL, MULTI, oom_values_set, oom_values_get, "0 200 800",
            .apply = apply_oom_score, .failure = OOM_FAILURE),
    STRING("server_cpulist", NULL, FIXED, &S->server_cpulist, "", .check = check_cpulist),
    STRING("bio_cpulist", NULL, FIXED, &S->bio_cpulist, "", .check = check_cpulist),
    STRING("aof_rewrite_cpulist", NULL, FIXED, &S->aof_rewrite_cpulist, "", .check = check_cpulist),
    STRING("bgsave_cpulist", NULL, FIXED, &S->bgsave_cpulist, "", .check = check_cpulist),
    INT("watchdog-period", NULL, DIRECTIVE_HIDDEN, &S->watchdog_period_ms, 0, INT_MAX, "0",
        .apply = apply_watchdog),
    INT("active-expire-effort", NULL, 0, &S->active_expire_effort, 1, 10, "1"),
    INT("hz", NULL, 0, &S->hz, 0, INT_MAX, "10", .apply = apply_hz),
    BOOL("dynamic-hz", NULL, 0, &S->dynamic_hz, "yes", .apply = apply_hz),
    INT("databases", NULL, FIXED, &S->databases, 1, INT_MAX, "16"),
    INT("shutdown-timeout", NULL, 0, &S->shutdown_timeout_s, 0, INT_MAX, "10"),
    FLAGS("shutdown-on-sigint", 0, &S->shutdown_on_sigint, shutdown_words, "default",
          .check = check_shutdown_flags),
    FLAGS("shutdown-on-sigterm", 0, &S->shutdown_on_sigterm, shutdown_words, "default",
          .check = check_shutdown_flags),
    ENUM("enable-debug-command", NULL, FIXED, &S->enable_debug_command, protected_words, "no"),
    ENUM("enable-protected-configs", NULL, FIXED, &S->enable_protected_configs, protected_words, "no"),
    BOOL("activerehashing", NULL, 0, &S->active_rehashing, "yes"),

    LONG("slowlog-log-slower-than", NULL, 0, &slowlog_config.slower_than_us, -1, INT64_MAX, "10000",
         .apply = apply_slow_command),
    COUNT("slowlog-max-len", NULL, 0, &slowlog_config.max_entries, 0, LONG_MAX, "128",
          .apply = apply_slow_command),
    LONG("latency-monitor-threshold", NULL, 0, &latency_threshold_ms, 0, INT64_MAX, "0",
         .apply = apply_slow_command),
    BOOL("latency-tracking", NULL, 0, &S->latency_tracking, "yes"),
    SPECIAL("latency-tracking-info-percentiles", NULL, MULTI, percentiles_set, percentiles_get, "50 99 99.9"),

    /* network and clients */
    INT("port", NULL, 0, &S->port, 0, 65535, "6379", .apply = apply_listen),
    SPECIAL("bind", NULL, MULTI, bind_set, bind_get, "* -::*", .apply = apply_listen,
            .failure = "Failed to bind to specified addresses."),
    STRING("bind-source-addr", NULL, 0, &R->bind_source, ""),
    STRING("unixsocket", NULL, FIXED, &S->unixsocket, ""),
    {.name = "unixsocketperm",
     .kind = KIND_OCTAL,
     .flags = FIXED,
     .field = IS(unsigned, &S->unixsocketperm),
     .max = 0777,
     .standard = "0"},
    UINT("socket-mark-id", NULL, FIXED, &net_listen_mark, 0, UINT_MAX, "0"),
    INT("tcp-backlog", NULL, FIXED, &S->tcp_backlog, 0, INT_MAX, "511"),
    INT("tcp-keepalive", NULL, 0, &CL->tcp_keepalive_s, 0, INT_MAX, "300"),
    INT("timeout", NULL, 0, &CL->timeout_s, 0, INT_MAX, "0"),
    UINT("maxclients", NULL, 0, &CL->max_clients, 1, UINT_MAX, "10000", .apply = apply_max_clients),
    BOOL("protected-mode", NULL, 0, &S->protected_mode, "yes"),
    STRING("requirepass", NULL, SECRET, &acl_config.requirepass, "", .apply = apply_requirepass),
    STRING("aclfile", NULL, FIXED, &acl_config.file, ""),
    ENUM("acl-pubsub-default", NULL, 0, &acl_config.pubsub_default, channels_words, "resetchannels"),
    COUNT("acllog-max-len", NULL, 0, &acl_config.log_max, 0, INT64_MAX, "128"),
    SPECIAL("client-output-buffer-limit", NULL, MULTI, output_limit_set, output_limit_get,
            "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
            .rewrite = output_limit_rewrite),
    BYTES("client-query-buffer-limit", NULL, 0, &CL->query_buffer_bytes, 1 << 20, INT64_MAX, "1gb"),
    BYTES("proto-max-bulk-len", NULL, 0, &CL->max_bulk_bytes, 1 << 20, INT64_MAX, "512mb"),

    /* snapshots */
    SPECIAL("save", NULL, MULTI, save_set, save_get, "3600 1 300 100 60 10000", .rewrite = save_rewrite),
    STRING("dbfilename", NULL, DIRECTIVE_PROTECTED, &RDB->filename, "dump.rdb", .check = check_file_name),
    BOOL("rdbcompression", NULL, 0, &RDB->compression, "yes"),
    BOOL("rdbchecksum", NULL, FIXED, &RDB->checksum, "yes"),
    BOOL("rdb-save-incremental-fsync", NULL, 0, &RDB->save_incremental_fsync, "yes"),
    BOOL("rdb-del-sync-files", NULL, 0, &RDB->del_sync_files, "no"),
    BOOL("stop-writes-on-bgsave-error", NULL, 0, &RDB->stop_writes_on_error, "yes"),
    ENUM("sanitize-dump-payload", NULL, 0, &RDB->sanitize_dump_payload, sanitize_words, "no"),
    INT("rdb-key-save-delay", NULL, DIRECTIVE_HIDDEN, &RDB->key_save_delay_us, INT_MIN, INT_MAX, "0"),
    INT("key-load-delay", NULL, DIRECTIVE_HIDDEN, &RDB->key_load_delay_us, INT_MIN, INT_MAX, "0"),
    INT("loading-process-events-interval-bytes", NULL, DIRECTIVE_HIDDEN, &RDB->loading_events_interval_bytes,
        1024, INT_MAX, "2097152"),

    /* replication */
    SPECIAL("replicaof", "slaveof", FIXED | MULTI, replicaof_set, replicaof_get, "",
            .rewrite = replicaof_rewrite),
    STRING("masterauth", NULL, SECRET, &R->master_auth, "", .apply = apply_link),
    STRING("masteruser", NULL, SECRET, &R->master_user, "", .apply = apply_link),
    BYTES("repl-backlog-size", NULL, 0, &R->backlog_size_bytes, 1, INT64_MAX, "1mb",
          .apply = apply_backlog_size),
    INT("repl-backlog-ttl", NULL, 0, &R->backlog_ttl_s, 0, INT_MAX, "3600"),
    INT("repl-timeout", NULL, 0, &R->timeout_s, 1, INT_MAX, "60"),
    INT("repl-ping-replica-period", "repl-ping-slave-period", 0, &R->ping_period_s, 1, INT_MAX, "10"),
    BOOL("repl-disable-tcp-nodelay", NULL, 0, &R->disable_tcp_nodelay, "no"),
    BOOL("repl-diskless-sync", NULL, 0, &R->diskless_sync, "yes"),
    INT("repl-diskless-sync-delay", NULL, 0, &R->diskless_sync_delay_s, 0, INT_MAX, "5"),
    INT("repl-diskless-sync-max-replicas", NULL, 0, &R->diskless_sync_max_replicas, 0, INT_MAX, "0"),
    ENUM("repl-diskless-load", NULL, 0, &R->diskless_load, diskless_load_words, "disabled"),
    BOOL("replica-read-only", "slave-read-only", 0, &R->replica_read_only, "yes"),
    BOOL("replica-serve-stale-data", "slave-serve-stale-data", 0, &R->replica_serve_stale_data, "yes"),
    BOOL("replica-lazy-flush", "slave-lazy-flush", 0, &R->replica_lazy_flush, "no"),
    BOOL("replica-ignore-disk-write-errors", NULL, 0, &R->ignore_disk_write_errors, "no"),
    ENUM("propagation-error-behavior", NULL, 0, &R->propagation_errors, propagation_words, "ignore"),
    BOOL("replica-announced", NULL, 0, &R->replica_announced, "yes"),
    INT("replica-priority", "slave-priority", 0, &R->replica_priority, 0, INT_MAX, "100"),
    STRING("replica-announce-ip", "slave-announce-ip", 0, &R->announce_ip, ""),
    INT("replica-announce-port", "slave-announce-port", 0, &R->announce_port, 0, 65535, "0"),
    INT("min-replicas-to-write", "min-slaves-to-write", 0, &R->min_replicas_to_write, 0, INT_MAX, "0"),
    INT("min-replicas-max-lag", "min-slaves-max-lag", 0, &R->min_replicas_max_lag_s, 0, INT_MAX, "10"),

    /* replication, of our own */
    BOOL("replica-guard-empty-master", NULL, 0, &R->guard_empty_master, "yes", .apply = apply_link),
    BYTES("repl-load-memory-limit", NULL, 0, &R->load_memory_limit, 0, INT64_MAX, "0", .apply = apply_link),
    INT("repl-reconnect-max-delay", NULL, 0, &R->reconnect_delay_s_max, 0, 3600, "10", .apply = apply_link),
    INT("repl-max-full-syncs", NULL, 0, &R->max_full_syncs, 0, INT_MAX, "16"),
    BYTES("repl-full-sync-rate", NULL, 0, &R->full_sync_rate, 0, INT64_MAX, "0"),
    INT("repl-backpressure", NULL, 0, &R->backpressure_percent, 0, 99, "0"),
    INT("snapshot-timeout", NULL, 0, &R->snapshot_timeout_s, 0, INT_MAX, "300"),

    /* append-only files */
    BOOL("appendonly", NULL, DIRECTIVE_WHOLE_DATA, &A->enabled, "no", .apply = apply_aof,
         .failure = "Unable to turn on AOF. Check server logs."),
    STRING("appendfilename", NULL, FIXED, &A->filename, "appendonly.aof", .check = check_aof_file_name),
    STRING("appenddirname", NULL, FIXED, &A->dirname, "appendonlydir", .check = check_aof_dir_name),
    ENUM("appendfsync", NULL, 0, &A->fsync, fsync_words, "everysec", .apply = apply_fsync),
    BOOL("no-appendfsync-on-rewrite", NULL, 0, &A->no_fsync_on_rewrite, "no"),
    INT("auto-aof-rewrite-percentage", NULL, 0, &A->rewrite_percentage, 0, INT_MAX, "100"),
    BYTES("auto-aof-rewrite-min-size", NULL, 0, &A->rewrite_min_bytes, 0, INT64_MAX, "64mb"),
    BOOL("aof-load-truncated", NULL, 0, &A->load_truncated, "yes"),
    BOOL("aof-use-rdb-preamble", NULL, 0, &A->use_rdb_preamble, "yes"),
    BOOL("aof-timestamp-enabled", NULL, 0, &A->timestamps, "no"),
    BOOL("aof-rewrite-incremental-fsync", NULL, 0, &A->rewrite_incremental_fsync, "yes"),

    /* memory */
    BOOL("lazyfree-lazy-user-del", NULL, 0, &S->lazyfree_user_del, "no"),
    BOOL("lazyfree-lazy-user-flush", NULL, 0, &S->lazyfree_user_flush, "no"),
    BOOL("lazyfree-lazy-server-del", NULL, 0, &KS->lazyfree_server_del, "no"),
    BOOL("lazyfree-lazy-expire", NULL, 0, &KS->lazyfree_expire, "no"),
    BOOL("lazyfree-lazy-eviction", NULL, 0, &M->lazily, "no"),
    BYTES("maxmemory", NULL, 0, &M->max_bytes, 0, NO_LIMIT, "0", .apply = apply_max_memory),
    ENUM("maxmemory-policy", NULL, 0, &evict_config.policy, policy_words, "noeviction",
         .apply = apply_policy),
    SPECIAL("maxmemory-clients", NULL, 0, clients_limit_set, clients_limit_get, "0",
            .apply = apply_clients_limit),
    INT("maxmemory-samples", NULL, 0, &evict_config.samples, 1, INT_MAX, "5"),
    INT("maxmemory-eviction-tenacity", NULL, 0, &M->tenacity, 0, 100, "10"),
    BOOL("replica-ignore-maxmemory", "slave-ignore-maxmemory", 0, &M->replica_ignores, "yes"),
    INT("list-max-listpack-size", "list-max-ziplist-size", 0, &list_config.max_listpack_size, INT_MIN,
        INT_MAX, "-2"),
    INT("list-compress-depth", NULL, 0, &list_config.compress_depth, 0, INT_MAX, "0"),
    BYTES("stream-node-max-bytes", NULL, 0, &stream_config.node_max_bytes, 0, INT64_MAX, "4kb"),
    COUNT("stream-node-max-entries", NULL, 0, &stream_config.node_max_entries, 0, INT64_MAX, "100"),
    INT("lfu-log-factor", NULL, 0, &KS->lfu_log_factor, 0, INT_MAX, "10"),
    INT("lfu-decay-time", NULL, 0, &KS->lfu_decay_minutes, 0, INT_MAX, "1"),

    COUNT("tracking-table-max-keys", NULL, 0, &S->tracking_table_max_keys, 0, INT64_MAX, "1000000"),
    SPECIAL("notify-keyspace-events", NULL, 0, events_set, events_get, ""),

    /* compact encodings */
    COUNT("hash-max-listpack-entries", "hash-max-ziplist-entries", 0, &hash_config.listpack_entries_max, 0,
          INT64_MAX, "512"),
    BYTES("hash-max-listpack-value", "hash-max-ziplist-value", 0, &hash_config.listpack_value_max, 0,
          INT64_MAX, "64"),
    COUNT("set-max-intset-entries", NULL, 0, &set_config.intset_entries_max, 0, INT64_MAX, "512"),
    BYTES("hll-sparse-max-bytes", NULL, 0, &server_config.hll_sparse_max_bytes, 0, INT64_MAX, "3000"),
    COUNT("zset-max-listpack-entries", "zset-max-ziplist-entries", 0, &ZS->listpack_entries, 0, LONG_MAX,
          "128"),
    BYTES("zset-max-listpack-value", "zset-max-ziplist-value", 0, &ZS->listpack_value, 0, LONG_MAX, "64"),
};
enum { DIRECTIVES = sizeof directives / sizeof *directives };

const struct directive *directive_at(int i) {
    if (i < DIRECTIVES) return &directives[i];
    return i < DIRECTIVES + fixed_directive_count ? &fixed_directives[i - DIRECTIVES] : NULL;
}

const struct directive *directive_find(slice name) {
    const struct directive *d;
    for (int i = 0; (d = directive_at(i)); i++) {
        if (slice_is(name, d->name) || (d->alias && slice_is(name, d->alias))) return d;
    }
    return NULL;
}

bool config_is_secret(slice name) {
    const struct directive *d = directive_find(name);
    return d && (d->flags & DIRECTIVE_SECRET);
}

static void check_row(const struct directive *d) {
    assert_that(directive_find(slice_of(d->name)) == d); /* no name twice */
    assert_that(!d->alias || directive_find(slice_of(d->alias)) == d);
    assert_that(!directive_unsupported(slice_of(d->name)));
    assert_that(d->kind == KIND_FIXED || (d->flags & DIRECTIVE_ONLY_STANDARD) ||
                (d->kind == KIND_SPECIAL ? d->set && d->get : d->field != NULL));
    assert_that((d->kind != KIND_ENUM && d->kind != KIND_FLAGS) || d->words);
}

void config_init(void) {
    const struct directive *d;
    for (int i = 0; (d = directive_at(i)); i++) {
        check_row(d);
        if (d->set == dir_set) continue; /* the directory we were started in */
        slice standard = slice_of(d->standard);
        const char *err = directive_set(d, &standard, 1);
        assert_that(err == NULL);
    }
}

/* Directives that Redis 7.0 has and Tandem has not: refused by name, so that nobody believes a setting works. */
#include "server/config_internal.h"

static const char *const unsupported[] = {
    "acl-pubsub-default", "acllog-max-len", "active-defrag-cycle-max", "active-defrag-cycle-min",
    "active-defrag-ignore-bytes", "active-defrag-max-scan-fields", "active-defrag-threshold-lower",
    "active-defrag-threshold-upper", "active-expire-effort", "aof-disable-auto-gc", "aof-load-truncated",
    "aof-rewrite-incremental-fsync", "aof-timestamp-enabled", "aof-use-rdb-preamble", "aof_rewrite_cpulist",
    "appenddirname", "appendfilename", "appendfsync", "auto-aof-rewrite-min-size",
    "auto-aof-rewrite-percentage", "bgsave_cpulist", "bio_cpulist", "busy-reply-threshold",
    "cluster-allow-pubsubshard-when-down", "cluster-allow-reads-when-down",
    "cluster-allow-replica-migration", "cluster-announce-bus-port", "cluster-announce-hostname",
    "cluster-announce-ip", "cluster-announce-port", "cluster-announce-tls-port", "cluster-config-file",
    "cluster-link-sendbuf-limit", "cluster-migration-barrier", "cluster-node-timeout", "cluster-port",
    "cluster-preferred-endpoint-type", "cluster-replica-no-failover", "cluster-replica-validity-factor",
    "cluster-require-full-coverage", "cluster-slave-no-failover", "cluster-slave-validity-factor",
    "crash-memcheck-enabled", "enable-module-command", "hash-max-listpack-entries",
    "hash-max-listpack-value", "hash-max-ziplist-entries", "hash-max-ziplist-value", "hll-sparse-max-bytes",
    "ignore-warnings", "jemalloc-bg-thread", "key-load-delay", "latency-monitor-threshold",
    "latency-tracking", "latency-tracking-info-percentiles", "lazyfree-lazy-eviction",
       
    "list-compress-depth", "list-max-listpack-size", "list-max-ziplist-size", "loadmodule",
    "lua-enable-deprecated-api", "lua-time-limit", "maxmemory-clients", "maxmemory-eviction-tenacity",
    "maxmemory-samples", "no-appendfsync-on-rewrite", "oom-score-adj-values", "propagation-error-behavior",
    "rename-command", "replica-ignore-disk-write-errors", "replica-ignore-maxmemory", 
    "sentinel", "server_cpulist", "set-max-intset-entries", "slave-ignore-maxmemory", 
    "slowlog-log-slower-than", "slowlog-max-len", "socket-mark-id", "stream-node-max-bytes",
    "stream-node-max-entries", "tls-auth-clients", "tls-ca-cert-dir", "tls-ca-cert-file", "tls-cert-file",
    "tls-ciphers", "tls-ciphersuites", "tls-client-cert-file", "tls-client-key-file",
    "tls-client-key-file-pass", "tls-cluster", "tls-dh-params-file", "tls-key-file", "tls-key-file-pass",
    "tls-prefer-server-ciphers", "tls-protocols", "tls-session-cache-size", "tls-session-cache-timeout",
    "tls-session-caching", "tracking-table-max-keys", "use-exit-on-panic", "user", "watchdog-period",
    "zset-max-listpack-entries", "zset-max-listpack-value", "zset-max-ziplist-entries",
    "zset-max-ziplist-value",
};

bool directive_unsupported(slice name) {
    for (size_t i = 0; i < sizeof unsupported / sizeof *unsupported; i++) {
        if (slice_is(name, unsupported[i])) return true;
    }
    return false;
}

const char *directive_refusal(slice name) {
    return config_errorf("'%.*s' is not supported by Tandem yet", (int)(name.n < 100 ? name.n : 100), name.p);
}

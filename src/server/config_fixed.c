/* Directives of Redis 7.0 whose default is all that Tandem does: what they tune is not here. Clients find them in CONFIG GET, stock
 * files pass, and any other value is refused by name, so that nobody believes that a setting works.
 *
 * A row says type and bounds, so that nonsense gets Redis's own error. It has no field: its value is its default. */
#include "server/config_internal.h"

#include <limits.h>
#include <stddef.h>

static const struct config_word endpoint_words[] = {
    {"ip", 0}, {"hostname", 1}, {"unknown-endpoint", 2}, {NULL, 0}};
static const struct config_word tls_auth_words[] = {{"no", 0}, {"yes", 1}, {"optional", 2}, {NULL, 0}};
static const struct config_word protected_words[] = {
    {"no", PROTECTED_NO}, {"yes", PROTECTED_YES}, {"local", PROTECTED_LOCAL}, {NULL, 0}};

#define ONLY   DIRECTIVE_ONLY_STANDARD
#define START  (ONLY | DIRECTIVE_IMMUTABLE)
#define HIDDEN (START | DIRECTIVE_HIDDEN)
#define SECRET (ONLY | DIRECTIVE_SECRET)

#define FIXED(n, a, k, fl, def, ...)                                                                         \
    { .name = n, .alias = a, .kind = KIND_##k, .flags = fl, .standard = def, __VA_ARGS__ }

const struct directive fixed_directives[] = {
    /* threads, scripts, modules */
    FIXED("io-threads", NULL, INT, START, "1", .min = 1, .max = 128),
    FIXED("io-threads-do-reads", NULL, BOOL, START, "no"),
    FIXED("busy-reply-threshold", "lua-time-limit", LONG, ONLY, "5000", .min = 0, .max = LONG_MAX),
    FIXED("lua-enable-deprecated-api", NULL, BOOL, HIDDEN, "no"),
    FIXED("enable-module-command", NULL, ENUM, START, "no", .words = protected_words),
    FIXED("jemalloc-bg-thread", NULL, BOOL, ONLY, "yes"), /* free memory goes back by itself */
    FIXED("use-exit-on-panic", NULL, BOOL, ONLY | DIRECTIVE_HIDDEN, "no"),

    /* defragmentation: an allocator of slabs has little to gain */
    FIXED("activedefrag", NULL, BOOL, ONLY, "no"),
    FIXED("active-defrag-cycle-min", NULL, INT, ONLY, "1", .min = 1, .max = 99),
    FIXED("active-defrag-cycle-max", NULL, INT, ONLY, "25", .min = 1, .max = 99),
    FIXED("active-defrag-threshold-lower", NULL, INT, ONLY, "10", .min = 0, .max = 1000),
    FIXED("active-defrag-threshold-upper", NULL, INT, ONLY, "100", .min = 0, .max = 1000),
    FIXED("active-defrag-ignore-bytes", NULL, BYTES, ONLY, "100mb", .min = 1, .max = INT64_MAX),
    FIXED("active-defrag-max-scan-fields", NULL, COUNT, ONLY, "1000", .min = 1, .max = LONG_MAX),
    /* cluster */
    FIXED("cluster-enabled", NULL, BOOL, START, "no"),
    FIXED("cluster-config-file", NULL, STRING, START, "nodes.conf"),
    FIXED("cluster-port", NULL, INT, START, "0", .min = 0, .max = 65535),
    FIXED("cluster-node-timeout", NULL, LONG, ONLY, "15000", .min = 0, .max = INT64_MAX),
    FIXED("cluster-replica-validity-factor", "cluster-slave-validity-factor", INT, ONLY, "10", .min = 0,
          .max = INT_MAX),
    FIXED("cluster-replica-no-failover", "cluster-slave-no-failover", BOOL, ONLY, "no"),
    FIXED("cluster-migration-barrier", NULL, INT, ONLY, "1", .min = 0, .max = INT_MAX),
    FIXED("cluster-allow-replica-migration", NULL, BOOL, ONLY, "yes"),
    FIXED("cluster-require-full-coverage", NULL, BOOL, ONLY, "yes"),
    FIXED("cluster-allow-reads-when-down", NULL, BOOL, ONLY, "no"),
    FIXED("cluster-allow-pubsubshard-when-down", NULL, BOOL, ONLY, "yes"),
    FIXED("cluster-link-sendbuf-limit", NULL, BYTES, ONLY, "0", .min = 0, .max = INT64_MAX),
    FIXED("cluster-announce-ip", NULL, STRING, ONLY, ""),
    FIXED("cluster-announce-hostname", NULL, STRING, ONLY, ""),
    FIXED("cluster-announce-port", NULL, INT, ONLY, "0", .min = 0, .max = 65535),
    FIXED("cluster-announce-bus-port", NULL, INT, ONLY, "0", .min = 0, .max = 65535),
    FIXED("cluster-announce-tls-port", NULL, INT, ONLY, "0", .min = 0, .max = 65535),
    FIXED("cluster-preferred-endpoint-type", NULL, ENUM, ONLY, "ip", .words = endpoint_words),
    /* TLS */
    FIXED("tls-port", NULL, INT, ONLY, "0", .min = 0, .max = 65535),
    FIXED("tls-cluster", NULL, BOOL, ONLY, "no"),
    FIXED("tls-replication", NULL, BOOL, ONLY, "no"),
    FIXED("tls-auth-clients", NULL, ENUM, ONLY, "yes", .words = tls_auth_words),
    FIXED("tls-cert-file", NULL, STRING, ONLY, ""),
    FIXED("tls-key-file", NULL, STRING, ONLY, ""),
    FIXED("tls-key-file-pass", NULL, STRING, SECRET, ""),
    FIXED("tls-client-cert-file", NULL, STRING, ONLY, ""),
    FIXED("tls-client-key-file", NULL, STRING, ONLY, ""),
    FIXED("tls-client-key-file-pass", NULL, STRING, SECRET, ""),
    FIXED("tls-dh-params-file", NULL, STRING, ONLY, ""),
    FIXED("tls-ca-cert-file", NULL, STRING, ONLY, ""),
    FIXED("tls-ca-cert-dir", NULL, STRING, ONLY, ""),
    FIXED("tls-protocols", NULL, STRING, ONLY, ""),
    FIXED("tls-ciphers", NULL, STRING, ONLY, ""),
    FIXED("tls-ciphersuites", NULL, STRING, ONLY, ""),
    FIXED("tls-prefer-server-ciphers", NULL, BOOL, ONLY, "no"),
    FIXED("tls-session-caching", NULL, BOOL, ONLY, "yes"),
    FIXED("tls-session-cache-size", NULL, INT, ONLY, "20480", .min = 0, .max = INT_MAX),
    FIXED("tls-session-cache-timeout", NULL, INT, ONLY, "300", .min = 0, .max = INT_MAX),
};
const int fixed_directive_count = sizeof fixed_directives / sizeof *fixed_directives;

/* What a changed setting does beyond being stored: checks before, effects after CONFIG SET.
 *
 * Effects that belong to the process (sockets, limits, its title) go out through config_hooks. */
#include "server/config_internal.h"

#include "aof/aof.h"
#include "base/log.h"
#include "event/watchdog.h"
#include "repl/repl.h"
#include "server/acl.h"
#include "server/affinity.h"
#include "server/oom_score.h"
#include "keyspace/evict.h"
#include "server/memory_limit.h"
#include "server/process_title.h"
#include "server/slowlog.h"

static struct config_hooks hooks;

void config_set_hooks(const struct config_hooks *h) {
    hooks = *h;
}

const char *check_file_name(slice value) {
    if (memchr(value.p, '/', value.n)) return "dbfilename can't be a path, just a filename";
    return NULL;
}

const char *check_aof_file_name(slice value) {
    if (!value.n) return "appendfilename can't be empty";
    return memchr(value.p, '/', value.n) ? "appendfilename can't be a path, just a filename" : NULL;
}

const char *check_aof_dir_name(slice value) {
    if (!value.n) return "appenddirname can't be empty";
    return memchr(value.p, '/', value.n) ? "appenddirname can't be a path, just a dirname" : NULL;
}

const char *check_title(slice value) {
    if (!value.n) return "template format is invalid or contains unknown variables";
    return process_title_valid(value) ? NULL : "template format is invalid or contains unknown variables";
}

const char *apply_policy(void) {
    evict_policy_changed();
    return NULL;
}

const char *apply_max_memory(void) {
    memory_limit_changed();
    return NULL;
}

const char *apply_slow_command(void) {
    slowlog_settings_changed();
    return NULL;
}

const char *check_cpulist(slice value) {
    return affinity_valid(value)
               ? NULL
               : "invalid CPU list: numbers, ranges (0-3) and steps (0-7:2), with commas between";
}

const char *apply_oom_score(void) {
    return oom_score_apply(false) ? NULL : "";
}

/* Shorter than the ticks that feed it, it would always bark. */
void limit_watchdog(void) {
    int least_ms = 2 * 1000 / server_config.hz;
    if (server_config.watchdog_period_ms && server_config.watchdog_period_ms < least_ms)
        server_config.watchdog_period_ms = least_ms;
}

const char *apply_watchdog(void) {
    limit_watchdog();
    watchdog_set_period(server_config.watchdog_period_ms);
    return NULL;
}

const char *apply_clients_limit(void) {
    memory_clients_limit_changed();
    return NULL;
}

const char *apply_listen(void) {
    return hooks.listen_again ? hooks.listen_again() : NULL;
}

const char *apply_max_clients(void) {
    return hooks.max_clients ? hooks.max_clients() : NULL;
}

const char *apply_title(void) {
    if (hooks.title) hooks.title();
    return NULL;
}

const char *apply_crash_log(void) {
    if (hooks.crash_log) hooks.crash_log(server_config.crash_log);
    return NULL;
}

/* Out of range is corrected, not refused, as in Redis. */
const char *apply_hz(void) {
    if (server_config.hz < 1) server_config.hz = 1;
    if (server_config.hz > 500) server_config.hz = 500;
    return NULL;
}

const char *apply_log_level(void) {
    log_set_level((enum log_level)server_config.loglevel);
    return NULL;
}

const char *apply_aof(void) {
    return aof_apply_enabled();
}

const char *apply_fsync(void) {
    return aof_apply_fsync();
}

const char *apply_link(void) {
    repl_retry_soon();
    return NULL;
}

const char *apply_backlog_size(void) {
    repl_resize_backlog();
    return NULL;
}

const char *apply_requirepass(void) {
    acl_set_default_password(sds_slice(acl_config.requirepass));
    return NULL;
}

/* The room's door: settings, hooks, and the order in which its parts do their periodic work.
 *
 * At the end of each turn: a failover whose target has caught up goes on, what WAIT asks for goes into the log, then the log goes
 * to the replicas (primary.c may let a few small turns share one send), then what all have read and the history need not keep is
 * let go. */
#include "base/clock.h"
#include "repl/peer.h"

struct repl_config repl_config = {.backlog_size_bytes = 1024 * 1024,
                                  .backlog_ttl_s = 3600,
                                  .timeout_s = 60,
                                  .ping_period_s = 10,
                                  .diskless_sync = true,
                                  .diskless_sync_delay_s = 5,
                                  .replica_read_only = true,
                                  .replica_serve_stale_data = true,
                                  .replica_announced = true,
                                  .replica_priority = 100,
                                  .min_replicas_max_lag_s = 10};
struct repl_stats repl_stats;
struct repl_hooks repl_hooks;

void repl_set_hooks(const struct repl_hooks *hooks) {
    repl_hooks = *hooks;
}

int64_t repl_now_s(void) {
    return clock_steady_ms() / 1000;
}

const char *repl_rdb_path(void) {
    return rdb_config.filename ? rdb_config.filename : "dump.rdb";
}

static void before_wait(void) {
    bool urgent = failover_check();
    if (acks_before_wait()) urgent = true;
    primary_before_wait(urgent);
    restraint_before_wait();
    link_before_wait();
    backlog_trim();
}

void repl_init(void) {
    backlog_init(repl_config.backlog_size_bytes);
    identity_init();
    replog_force_select();
    primary_init();
    link_init();
    failover_init();
    ev_hook_add(EV_BEFORE_WAIT, before_wait);
}

void repl_shutdown(void) {
    repl_drop_peers();
    link_shutdown();
    replog_forget_held();
    backlog_shutdown();
}

void repl_resize_backlog(void) {
    enum { BACKLOG_BYTES_MIN = 16 * 1024 }; /* Redis's: below that no cut is short enough */
    if (repl_config.backlog_size_bytes < BACKLOG_BYTES_MIN)
        repl_config.backlog_size_bytes = BACKLOG_BYTES_MIN;
    backlog_set_size(repl_config.backlog_size_bytes);
}

void repl_cron(void) {
    link_cron();
    primary_cron();
}

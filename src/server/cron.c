/* Periodic work, `hz` times a second: what no event of its own brings about.
 *
 * While a file is being loaded, turns of the loop run inside the load: then only metrics and clients' timeouts are
 * looked after, because the key space is not whole. */
#include "server/server.h"

#include "aof/aof.h"
#include "base/clock.h"
#include "base/log.h"
#include "client/client.h"
#include "event/child.h"
#include "event/loop.h"
#include "event/watchdog.h"
#include "rdb/rdb.h"
#include "repl/repl.h"
#include "server/affinity.h"
#include "server/config.h"
#include "server/expire_cycle.h"
#include "server/memory_limit.h"
#include "server/metrics.h"
#include "server/oom_score.h"
#include "server/process_title.h"
#include "server/shutdown.h"

enum {
    REHASH_SLICE_US = 1000,
    SAVE_RETRY_S = 5, /* after a failed save the next try waits so long */
    METRICS_EVERY_MS = 100,
    HZ_MAX = 500,
    CLIENTS_PER_TICK = 200 /* more clients than this per tick raise a dynamic hz */
};

bool server_cron_paused;

static struct ev_timer timer;
static uint64_t next_second_ms, next_sample_ms, next_report_ms;

int server_current_hz(void) {
    int hz = server_config.hz;
    if (!server_config.dynamic_hz) return hz;
    while (client_count() / (size_t)hz > CLIENTS_PER_TICK && hz < HZ_MAX) hz *= 2;
    return hz < HZ_MAX ? hz : HZ_MAX;
}

static bool due(uint64_t *next_ms, uint64_t every_ms) {
    uint64_t now_ms = clock_mono_ms();
    if (now_ms < *next_ms) return false;
    *next_ms = now_ms + every_ms;
    return true;
}

/* --- snapshots --- */

static bool may_try_save(int64_t now_s) {
    return snapshot_state.last_ok || now_s - snapshot_state.last_try_s > SAVE_RETRY_S;
}

static void start_save(void) {
    struct rdb_info info;
    repl_fill_rdb_info(&info);
    snapshot_start_disk(&info);
}

static void save_when_due(void) {
    if (child_active() != CHILD_NONE || server_shutting_down() || repl_data_incomplete()) return;
    int64_t now_s = clock_ms() / 1000;
    if (!may_try_save(now_s)) return;
    uint64_t changes = snapshot_changes();
    for (int i = 0; i < server_config.save_point_count; i++) {
        const struct save_point *p = &server_config.save_points[i];
        if (changes < p->changes || now_s - snapshot_state.last_save_s <= p->seconds) continue;
        log_notice("%llu changes in %lld seconds. Saving...", (unsigned long long)p->changes,
                   (long long)p->seconds);
        start_save();
        return;
    }
    if (!snapshot_state.scheduled) return;
    snapshot_state.scheduled = false;
    start_save();
}

/* --- reports at debug and verbose level --- */

static void report(void) {
    for (int i = 0; i < ks_count(); i++) {
        struct db *db = ks_db(i);
        if (!db_size(db)) continue;
        log_verbose("DB %d: %zu keys (%zu volatile)", i, db_size(db), db_expires(db));
    }
    log_debug("%zu clients connected (%zu replicas)", client_count(), repl_peer_count());
}

static void each_second(void) {
    child_reap();
    /* The file of the start is loaded before the master is asked; a full sync's load is the link's own business. */
    struct repl_link_info link = {0};
    if (rdb_loading.active) repl_link_info(&link);
    if (!rdb_loading.active || link.sync_in_progress) repl_cron();
    if (!rdb_loading.active) save_when_due();
}

static int64_t tick(void *ctx) {
    (void)ctx;
    watchdog_feed();
    if (server_cron_paused) return 1000 / server_current_hz();
    if (due(&next_sample_ms, METRICS_EVERY_MS)) metrics_sample();
    client_cron();
    if (due(&next_second_ms, 1000)) each_second();
    if (!rdb_loading.active) {
        /* A child reads the tables: moving buckets under it would copy their pages. */
        if (server_config.active_rehashing && child_active() == CHILD_NONE) ks_rehash_us(REHASH_SLICE_US);
        if (due(&next_report_ms, 5000)) report();
        expire_cycle_check();
    }
    aof_cron();
    shutdown_check();
    return 1000 / server_current_hz();
}

/* Before each wait: a child that was started, or has ended, in this turn. */
static void tell_of_child(void) {
    ks_set_child_active(child_active() != CHILD_NONE);
}

static void settle_child(void) {
    process_title_update(child_title());
    affinity_of_child();
    if (child_self() != CHILD_HELPER) oom_score_apply(true);
}

void server_cron_start(void) {
    ev_hook_add(EV_BEFORE_WAIT, tell_of_child);
    child_set_hook(settle_child);
    expire_cycle_start();
    memory_limit_start();
    ev_timer_init(&timer, tick, NULL);
    ev_timer_start(&timer, 1);
}

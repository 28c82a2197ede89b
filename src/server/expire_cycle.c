/* Work that the key space leaves for later: deleting what has expired, freeing what was unlinked.
 *
 * Expiry is driven by time, not by sampling: one timer stands at the next expiry of all. Each slice has a budget; when it
 * ends before the work does, the next follows after a pause three times its length (a quarter of the CPU, up to 43 % with
 * active-expire-effort 10), and both grow with the delay that keys suffer, up to 10 ms slices and half of the CPU. A replica
 * deletes nothing by itself. */
#include "server/expire_cycle.h"

#include "base/clock.h"
#include "base/latency.h"
#include "event/loop.h"
#include "keyspace/db.h"
#include "rdb/rdb.h"
#include "repl/repl.h"
#include "server/config.h"
#include "server/server.h"

enum {
    EXPIRE_SLICE_US = 1000,
    EXPIRE_SLICE_MAX_US = 10000,
    EXPIRE_LATE_MS = 50,       /* each such delay of the oldest key lengthens a slice by its first length */
    EXPIRE_VERY_LATE_MS = 500, /* from here on half of the CPU */
    FREE_SLICE_US = 1000
};

static struct ev_timer expire_timer, free_timer;
static int64_t armed_for_ms = NO_EXPIRE; /* wall clock */
static bool pausing;                     /* between two slices of work that is due */

static bool may_expire(void) {
    return ks_active_expire_on && !repl_is_replica() && !rdb_loading.active && !ks_expiry_held();
}

static void arm(int64_t at_ms) {
    int64_t delay_ms = at_ms - clock_ms();
    ev_timer_start(&expire_timer, delay_ms > 0 ? delay_ms : 0);
    armed_for_ms = at_ms;
}

/* What is left to others: three quarters of the time, less with active-expire-effort, half when keys are very late. */
static int64_t pause_after_ms(int64_t slice_us, int64_t late_ms) {
    int percent = 25 + 2 * (server_config.active_expire_effort - 1);
    if (late_ms >= EXPIRE_VERY_LATE_MS) percent = 50;
    int64_t pause_ms = slice_us * (100 - percent) / percent / 1000;
    return pause_ms > 0 ? pause_ms : 1;
}

static int64_t expire_slice(void *ctx) {
    (void)ctx;
    armed_for_ms = NO_EXPIRE;
    pausing = false;
    int64_t next_ms = may_expire() ? ks_next_expire_ms() : NO_EXPIRE;
    if (next_ms == NO_EXPIRE || next_ms > clock_ms())
        return EV_STOP; /* arm_timers looks again before the wait */
    int64_t late_ms = clock_ms() - next_ms;
    uint64_t budget_us = EXPIRE_SLICE_US * (1 + (uint64_t)late_ms / EXPIRE_LATE_MS);
    if (budget_us > EXPIRE_SLICE_MAX_US) budget_us = EXPIRE_SLICE_MAX_US;
    uint64_t start_us = clock_mono_us();
    bool more = ks_expire_due(budget_us);
    server_stats.expire_us += clock_mono_us() - start_us;
    latency_end("expire-cycle", start_us);
    if (!more) return EV_STOP;
    server_stats.expire_time_cap++;
    pausing = true;
    return pause_after_ms((int64_t)budget_us, late_ms);
}

static int64_t free_slice(void *ctx) {
    (void)ctx;
    return ks_lazy_free_us(FREE_SLICE_US) ? 1 : EV_STOP;
}

/* Before each wait: a command may have set an earlier expiry than the one that the timer stands at. */
static void arm_timers(void) {
    if (free_timer.heap_index < 0 && ks_lazy_pending()) ev_timer_start(&free_timer, 0);
    if (pausing || !may_expire()) return;
    int64_t next_ms = ks_next_expire_ms();
    if (next_ms == NO_EXPIRE) return;
    if (armed_for_ms == NO_EXPIRE || next_ms < armed_for_ms) arm(next_ms);
}

void expire_cycle_check(void) {
    if (!rdb_loading.active && !ks_expiry_held()) ks_expire_local();
    if (!pausing && armed_for_ms != NO_EXPIRE && armed_for_ms <= clock_ms()) arm(armed_for_ms);
}

void expire_cycle_start(void) {
    ev_timer_init(&expire_timer, expire_slice, NULL);
    ev_timer_init(&free_timer, free_slice, NULL);
    ev_hook_add(EV_BEFORE_WAIT, arm_timers);
}

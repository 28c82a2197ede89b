/* What is held back for the sake of others: the bandwidth of full synchronisations (repl-full-sync-rate), writers while a
 * replica is about to run into its output limit (repl-backpressure), and a snapshot child that makes no progress
 * (snapshot-timeout). The rules are pure (throttle.h, pressure.h, standstill.h); here they meet sockets, clocks and children.
 *
 * All of it is off, or does nothing, as long as the setting is 0. */
#include "base/clock.h"
#include "base/log.h"
#include "event/child.h"
#include "repl/peer.h"
#include "repl/pressure.h"
#include "repl/report.h"
#include "repl/say.h"
#include "repl/throttle.h"
#include "repl/standstill.h"
#include <signal.h>

/* --- bandwidth --- */

static struct throttle bucket;
static struct ev_timer timer;

uint64_t restraint_allows(size_t readers) {
    if (!repl_config.full_sync_rate) return UINT64_MAX;
    uint64_t n = throttle_allows(&bucket, repl_config.full_sync_rate, clock_mono_us()) / readers;
    if (n == 0 && !ev_timer_armed(&timer))
        ev_timer_start(&timer, throttle_wait_ms(&bucket, repl_config.full_sync_rate));
    return n;
}

void restraint_took(uint64_t n) {
    if (repl_config.full_sync_rate) throttle_take(&bucket, n);
}

static int64_t go_on(void *ctx) {
    (void)ctx;
    for (struct peer *p = peer_first(), *next; p; p = next) {
        next = p->next;
        if (p->m.state == PEER_SEND_FILE) peer_kick(p);
    }
    fullsync_relay_taken();
    return EV_STOP;
}

/* --- back-pressure --- */

static struct {
    struct pressure rule;
    int64_t offset;
    uint64_t at_us;
    uint64_t paused_ms; /* in all */
    bool on;
} pressure;

uint64_t repl_backpressure_ms(void) {
    return pressure.paused_ms;
}

static uint64_t most_lag(void) {
    uint64_t most = 0;
    for (const struct peer *p = peer_first(); p; p = p->next) {
        uint64_t lag = backlog_lag(&p->cursor);
        if (lag > most) most = lag;
    }
    return most;
}

static uint64_t output_limit(void) {
    const struct client_limit *limit = &client_config.limits[CLASS_REPLICA];
    uint64_t bytes = limit->hard_bytes;
    if (limit->soft_bytes && (!bytes || limit->soft_bytes < bytes)) bytes = limit->soft_bytes;
    /* What the backlog keeps anyway is not counted against a replica. */
    return bytes && bytes < backlog_size() ? backlog_size() : bytes;
}

static void tell_pressure(bool on, uint64_t lag) {
    if (on == pressure.on) return;
    pressure.on = on;
    if (on)
        log_warning("A replica is %s behind, near client-output-buffer-limit replica: writers are slowed "
                    "(repl-backpressure).",
                    say_bytes(lag).s);
    else
        log_notice("Replicas have caught up: writers are not slowed any more.");
}

void restraint_before_wait(void) {
    if (likely(!repl_config.backpressure_percent) || repl_is_replica() || !repl_hooks.slow_writes) {
        pressure.at_us = 0; /* what is written now will not be held against anybody */
        return;
    }
    if (!pressure.at_us) pressure.offset = repl_offset();
    uint64_t now_us = clock_mono_us(), lag = most_lag(), limit = output_limit();
    int64_t end = repl_offset();
    uint64_t written = end > pressure.offset ? (uint64_t)(end - pressure.offset) : 0;
    int64_t ms = pressure_pause_ms(&pressure.rule, lag, limit, repl_config.backpressure_percent, written,
                                   now_us - pressure.at_us);
    pressure.offset = end;
    pressure.at_us = now_us;
    if (ms > 0) {
        tell_pressure(true, lag);
        pressure.paused_ms += (uint64_t)ms;
        repl_hooks.slow_writes(ms);
    } else if (pressure.on && lag < limit / 200 * (uint64_t)repl_config.backpressure_percent) {
        tell_pressure(false, lag); /* half of the threshold: not each time it is crossed */
    }
}

/* --- the snapshot child --- */

static struct standstill child_progress;

static void end_child(void) {
    static const char why[] = "the snapshot made no progress (snapshot-timeout)";
    log_warning(
        "The snapshot child %ld has made no progress for %d seconds (snapshot-timeout): it is killed.",
        (long)child_pid(), repl_config.snapshot_timeout_s);
    for (struct peer *p = peer_first(); p; p = p->next)
        if (p->m.state == PEER_WAIT_END || p->m.state == PEER_SEND_PIPE) p->failure = why;
    child_kill(SIGKILL); /* it may not be able to hear another signal */
}

void restraint_cron(void) {
    struct standstill_sample s = {.pid = -1};
    if (snapshot_running() && child_active() == CHILD_SNAPSHOT) {
        s.pid = child_pid();
        s.keys = child_stats().current_keys_done;
        s.bytes = snapshot_target() == SNAPSHOT_DISK ? fullsync_file_bytes() : fullsync_relayed_bytes();
        s.waits_for_us = fullsync_relay_waits();
    }
    if (standstill_seen(&child_progress, &s, (int64_t)clock_mono_ms(),
                        repl_config.snapshot_timeout_s * 1000ll))
        end_child();
}

void restraint_init(void) {
    ev_timer_init(&timer, go_on, NULL);
}

/* Rates: commands and bytes a second, over a ring of samples taken every 100 ms; and the counters' reset.
 *
 * A rate is the sum of the differences over the sum of the times between samples, so that a late timer does not read as
 * a burst. */
#include "server/memory_limit.h"
#include "server/metrics.h"

#include <string.h>

#include "aof/aof.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "client/client.h"
#include "event/child.h"
#include "keyspace/db.h"
#include "rdb/rdb.h"
#include "repl/repl.h"
#include "server/acl.h"

enum { SAMPLES = 16 };

struct server_stats server_stats;
struct server_gauges server_gauges;

static struct {
    uint64_t last[METRICS];             /* counters at the last sample */
    uint64_t delta[METRICS][SAMPLES];   /* growth per interval */
    uint64_t time_us[SAMPLES], last_us; /* lengths of the intervals */
    int next;
} ring;

static void read_counters(uint64_t out[METRICS]) {
    out[METRIC_COMMANDS] = server_stats.commands;
    out[METRIC_IN] = client_stats.in_bytes + repl_stats.in_bytes;
    out[METRIC_OUT] = client_stats.out_bytes + repl_stats.out_bytes;
    out[METRIC_REPL_IN] = repl_stats.in_bytes;
    out[METRIC_REPL_OUT] = repl_stats.out_bytes;
}

void metrics_sample(void) {
    uint64_t now[METRICS], now_us = clock_mono_us();
    read_counters(now);
    if (ring.last_us) {
        for (int m = 0; m < METRICS; m++) {
            ring.delta[m][ring.next] = now[m] >= ring.last[m] ? now[m] - ring.last[m] : 0;
        }
        ring.time_us[ring.next] = now_us - ring.last_us;
        ring.next = (ring.next + 1) % SAMPLES;
    }
    memcpy(ring.last, now, sizeof now);
    ring.last_us = now_us;
    uint64_t used = mem_used_bytes();
    if (used > server_stats.peak_memory_bytes) server_stats.peak_memory_bytes = used;
}

double server_per_second(enum server_metric m) {
    uint64_t sum = 0, time_us = 0;
    for (int i = 0; i < SAMPLES; i++) {
        sum += ring.delta[m][i];
        time_us += ring.time_us[i];
    }
    return time_us ? (double)sum * 1e6 / (double)time_us : 0;
}

void server_stats_reset(void) {
    server_stats.commands = server_stats.unexpected_errors = server_stats.total_error_replies = 0;
    server_stats.expire_us = server_stats.expire_time_cap = 0;
    memset(&client_stats, 0, sizeof client_stats);
    memset(&repl_stats, 0, sizeof repl_stats);
    memset(&ks_stats, 0, sizeof ks_stats);
    child_stats_reset();
    snapshot_state.saves = 0;
    rdb_payloads_checked = 0;
    aof_stats_reset();
    memory_limit_stats_reset();
    memset(&acl_stats, 0, sizeof acl_stats);
    memset(&ring, 0, sizeof ring);
}

/* The limit on memory, and the slices of eviction. See memory_limit.h.
 *
 * Invariant: `exceeded_since_us` is set exactly while the last look found memory above the limit.
 * Not here: what a refused command gets to hear (command/gate.c). */
#include "server/memory_limit.h"

#include <math.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/latency.h"
#include "base/log.h"
#include "client/client.h"
#include "event/loop.h"
#include "keyspace/db.h"
#include "keyspace/evict.h"
#include "rdb/rdb.h"
#include "repl/repl.h"
#include "server/config.h"

enum {
    SANE_MIN_BYTES = 1024 * 1024,
    CLIENTS_MIN_BYTES = 128 * 1024, /* with less nobody could talk to us, not even to correct it */
    SLICE_US_PER_TENACITY = 50,     /* up to TENACITY_LINEAR */
    TENACITY_LINEAR = 10,
    TENACITY_FOREVER = 100, /* well, an hour */
    KEYS_PER_CLOCK_LOOK = 8,
    FREE_SLICE_US = 100
};
#define TENACITY_GROWTH 1.15 /* a step beyond TENACITY_LINEAR multiplies the slice */

struct memory_limit_config memory_limit_config;
bool memory_limited;

static struct ev_timer timer;
static uint64_t exceeded_since_us; /* 0: it is not */
static uint64_t exceeded_us;       /* in periods that are over */

/* --- how much is too much --- */

uint64_t memory_not_counted_bytes(void) {
    uint64_t log = backlog_memory_bytes(), kept = backlog_size();
    return (log > kept ? log - kept : 0) + evict_spare_bytes();
}

/* What may be in use at this moment. Needed only when that is above the plain limit. */
static uint64_t allowed_bytes(void) {
    return memory_limit_config.max_bytes + memory_not_counted_bytes();
}

static bool over_limit(void) {
    uint64_t used = mem_used_bytes();
    return used > memory_limit_config.max_bytes && used > allowed_bytes();
}

static bool may_evict(void) {
    return !rdb_loading.active && !ks_expiry_held() &&
           !(repl_is_replica() && memory_limit_config.replica_ignores);
}

static uint64_t slice_us(void) {
    int t = memory_limit_config.tenacity;
    if (t >= TENACITY_FOREVER) return UINT32_MAX;
    if (t <= TENACITY_LINEAR) return (uint64_t)t * SLICE_US_PER_TENACITY;
    return (uint64_t)(SLICE_US_PER_TENACITY * TENACITY_LINEAR * pow(TENACITY_GROWTH, t - TENACITY_LINEAR));
}

/* --- making room --- */

/* The clock is read only when a few keys have not been enough, so that the common case, one key goes for one that comes,
 * does without. */
static enum memory_room evict_slice(void) {
    uint64_t end_us = 0, allowed = allowed_bytes();
    for (unsigned keys = 1; mem_used_bytes() > allowed; keys++) {
        if (ks_lazy_pending())
            ks_lazy_free_us(FREE_SLICE_US);
        else if (!evict_one())
            return MEMORY_FULL;
        if (keys % KEYS_PER_CLOCK_LOOK && !ks_lazy_pending()) continue;
        uint64_t now_us = clock_mono_us();
        if (!end_us) end_us = now_us + slice_us();
        if (now_us >= end_us && over_limit()) return MEMORY_BUSY;
        allowed = allowed_bytes(); /* the log grows by what is evicted, and tables shrink */
    }
    return MEMORY_OK;
}

static void note(bool exceeded) {
    if (exceeded == (exceeded_since_us != 0)) return;
    if (exceeded) {
        exceeded_since_us = clock_mono_us();
    } else {
        exceeded_us += clock_mono_us() - exceeded_since_us;
        exceeded_since_us = 0;
    }
}

/* Without keeping time and timer: what the timer itself does, too. */
static enum memory_room make_room(void) {
    if (likely(!over_limit())) {
        note(false);
        return MEMORY_OK;
    }
    if (!may_evict()) return MEMORY_OK;
    uint64_t start_us = latency_start();
    enum memory_room room = evict_slice();
    latency_end("eviction-cycle", start_us);
    note(room != MEMORY_OK);
    return room;
}

enum memory_room memory_make_room(void) {
    enum memory_room room = make_room();
    if (unlikely(room == MEMORY_BUSY) && !ev_timer_armed(&timer)) ev_timer_start(&timer, 0);
    return room;
}

static int64_t go_on(void *ctx) {
    (void)ctx;
    return memory_limited && make_room() == MEMORY_BUSY ? 0 : EV_STOP;
}

void memory_clients_limit_changed(void) {
    const struct memory_limit_config *l = &memory_limit_config;
    uint64_t bytes = l->clients_bytes;
    if (l->clients_percent)
        bytes = (uint64_t)((__uint128_t)l->max_bytes * (unsigned)l->clients_percent / 100);
    if (bytes && bytes < CLIENTS_MIN_BYTES) bytes = CLIENTS_MIN_BYTES;
    client_limit_memory(bytes);
}

void memory_limit_start(void) {
    memory_limited = memory_limit_config.max_bytes != 0;
    memory_clients_limit_changed();
    ev_timer_init(&timer, go_on, NULL);
    if (memory_limited && memory_limit_config.max_bytes < SANE_MIN_BYTES)
        log_warning(
            "WARNING: You specified a maxmemory value that is less than 1MB (current value is %llu bytes). "
            "Are you sure this is what you really want?",
            (unsigned long long)memory_limit_config.max_bytes);
}

void memory_limit_changed(void) {
    uint64_t used = mem_used_bytes(), most = memory_limit_config.max_bytes;
    memory_limited = most != 0;
    memory_clients_limit_changed();
    if (!memory_limited) {
        note(false);
        return;
    }
    if (used - memory_not_counted_bytes() <= most) return;
    log_warning(
        "WARNING: the new maxmemory value set via CONFIG SET (%llu) is smaller than the current memory "
        "usage (%llu). This will result in key eviction and/or the inability to accept new write "
        "commands depending on the maxmemory-policy.",
        (unsigned long long)most, (unsigned long long)used);
    if (!ev_timer_armed(&timer)) ev_timer_start(&timer, 0);
}

/* --- what INFO tells --- */

uint64_t memory_exceeded_now_us(void) {
    return exceeded_since_us ? clock_mono_us() - exceeded_since_us : 0;
}

uint64_t memory_exceeded_us(void) {
    return exceeded_us + memory_exceeded_now_us();
}

void memory_limit_stats_reset(void) {
    exceeded_us = 0;
    exceeded_since_us = 0;
}

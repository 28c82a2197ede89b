/* How far a load has come: for INFO's loading_* and async_loading fields, the log, and -LOADING.
 *
 * Invariant: active from rdb_loading_start to rdb_loading_stop, not nested. While a load runs the loop turns only here and
 * in a socket's source, so that PING and INFO are answered. It doesn't know what is loaded. */
#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "event/loop.h"
#include "rdb/rdb.h"

struct rdb_loading rdb_loading;

void rdb_loading_start(uint64_t total_bytes, bool async) {
    assert_that(!rdb_loading.active);
    rdb_loading = (struct rdb_loading){
        .active = true, .async = async, .start_ms = clock_wall_us() / 1000, .total_bytes = total_bytes};
}

static void log_tenths(void) {
    if (rdb_loading.total_bytes == 0) return;
    int tenths = (int)(rdb_loading.loaded_bytes * 10 / rdb_loading.total_bytes);
    if (tenths <= rdb_loading.logged_tenths || tenths > 9) return;
    rdb_loading.logged_tenths = tenths;
    log_notice("Loading: %d%% of %llu bytes, %llu keys so far", tenths * 10,
               (unsigned long long)rdb_loading.total_bytes,
               (unsigned long long)(rdb_loading.beside ? ks_beside_keys() : ks_keys()));
}

void rdb_loading_progress(uint64_t loaded_bytes) {
    if (!rdb_loading.active) return;
    rdb_loading.loaded_bytes = loaded_bytes;
    log_tenths();
    ev_turn(0);
}

void rdb_loading_stop(bool ok) {
    assert_that(rdb_loading.active);
    if (ok && rdb_loading.total_bytes) rdb_loading.loaded_bytes = rdb_loading.total_bytes;
    rdb_loading.active = rdb_loading.async = false;
}

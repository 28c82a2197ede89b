/* See save_progress.h. Invariant: logged_tenths never falls, so that a save has at most nine lines, a second or more apart. */
#include "rdb/save_progress.h"

#include "base/clock.h"
#include "base/log.h"
#include "event/child.h"
#include "keyspace/db.h"

enum { LOG_EVERY_US = 1000000 };

int64_t save_left_ms(uint64_t done, uint64_t total, int64_t took_ms) {
    if (!done) return -1;
    if (done >= total) return 0;
    double left_ms = (double)took_ms * (double)(total - done) / (double)done;
    return left_ms < 1e15 ? (int64_t)left_ms : (int64_t)1e15;
}

static void log_tenths(struct save_progress *p, uint64_t bytes) {
    uint64_t now_us = clock_mono_us();
    int tenths = p->keys_total ? (int)(p->keys * 10 / p->keys_total) : 0;
    if (tenths <= p->logged_tenths || tenths > 9 || now_us - p->logged_us < LOG_EVERY_US) return;
    p->logged_tenths = tenths;
    p->logged_us = now_us;
    int64_t left_ms = save_left_ms(p->keys, p->keys_total, (int64_t)((now_us - p->start_us) / 1000));
    log_notice("Saving: %d%% of %llu keys, %llu bytes so far, about %lld seconds left", tenths * 10,
               (unsigned long long)p->keys_total, (unsigned long long)bytes,
               (long long)(left_ms + 999) / 1000);
}

void save_progress_tell(struct rdb_writer *w) {
    struct save_progress *p = w->progress_ctx;
    log_tenths(p, rdb_writer_offset(w));
    child_report(p->keys, rdb_writer_offset(w));
}

void save_progress_begin(struct save_progress *p, struct rdb_writer *w) {
    *p = (struct save_progress){.start_us = clock_mono_us(), .keys_total = ks_keys()};
    p->logged_us = p->start_us;
    w->progress = save_progress_tell;
    w->progress_ctx = p;
}

void save_progress_end(struct rdb_writer *w) {
    const struct save_progress *p = w->progress_ctx;
    child_report(p->keys, rdb_writer_offset(w));
    w->progress = NULL;
}

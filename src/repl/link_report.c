/* What is told about our own synchronisation with our master: its record in the list (resync.h) and its phases
 * (progress.h). It only looks on. */
#include "base/clock.h"
#include "base/log.h"
#include "repl/link.h"
#include "repl/report.h"
#include "repl/say.h"
#include <stdarg.h>
#include <stdio.h>

enum { LOG_EVERY_S = 10 };

static struct {
    uint64_t resync; /* 0: none under way */
    struct progress progress;
    char failure[RESYNC_FAILURE_BYTES];
} told;

/* id: the history the master told; "": none. end: where it stands. */
static void begin(const struct link *l, bool full, const char *id, int64_t end) {
    char who[RESYNC_WHO_BYTES];
    struct resync_case q = {.asked = repl_offset() + 1, .has_log = true, .end = end};
    if (l->history) memcpy(q.asked_id, repl_id(), sizeof q.asked_id);
    snprintf(q.id, sizeof q.id, "%s", id);
    snprintf(who, sizeof who, "%.80s:%d", l->host, l->port);
    told.resync = resync_begin(false, full, who, &q, clock_ms());
    told.failure[0] = '\0';
}

void link_report_full(const struct link *l, const char *id, int64_t offset) {
    begin(l, true, id ? id : "", offset);
    progress_begin(&told.progress, clock_ms());
    log_notice("Full resynchronization with our master: %s", resync_find(told.resync)->why);
}

void link_report_partial(const struct link *l) {
    begin(l, false, repl_id(), repl_offset());
    resync_end(told.resync, NULL, clock_ms());
    told.resync = 0;
}

void link_report_phase(enum sync_phase phase, int64_t total_bytes) {
    if (told.resync)
        progress_enter(&told.progress, phase, total_bytes > 0 ? (uint64_t)total_bytes : 0, clock_ms());
}

void link_report_received(int64_t bytes, int64_t total_bytes) {
    if (told.resync)
        progress_at(&told.progress, (uint64_t)bytes, total_bytes > 0 ? (uint64_t)total_bytes : 0, clock_ms());
}

void link_report_failure(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(told.failure, sizeof told.failure, fmt, ap);
    va_end(ap);
}

static void note_bytes(const struct link *l) {
    struct resync *r = resync_find(told.resync);
    if (r) r->bytes = (uint64_t)l->sync.read_bytes;
}

void link_report_done(const struct link *l) {
    char phases[200];
    note_bytes(l);
    progress_enter(&told.progress, SYNC_DONE, 0, clock_ms());
    progress_summary(phases, sizeof phases, &told.progress);
    resync_end(told.resync, NULL, clock_ms());
    const struct resync *r = resync_find(told.resync);
    if (r)
        log_notice("Full resynchronization with our master took %s (%s), %s received",
                   say_duration(r->ended_ms - r->started_ms).s, phases, say_bytes(r->bytes).s);
    told.resync = 0;
}

void link_report_closed(const struct link *l) {
    if (!told.resync) return;
    const char *why = told.failure[0] ? told.failure : "the connection to the master ended";
    note_bytes(l);
    resync_end(told.resync, why, clock_ms());
    told.resync = 0;
    log_notice("Full resynchronization with our master ended: %s", why);
}

struct progress_view repl_link_progress(void) {
    static const struct progress none;
    if (told.resync && told.progress.phase == SYNC_LOADING && rdb_loading.active)
        progress_at(&told.progress, rdb_loading.loaded_bytes, rdb_loading.total_bytes, clock_ms());
    return progress_view(told.resync ? &told.progress : &none, clock_ms());
}

void link_report_cron(void) {
    char text[200];
    static unsigned seconds;
    if (++seconds % LOG_EVERY_S || !told.resync) return;
    repl_link_progress(); /* a load's bytes */
    progress_sentence(text, sizeof text, &told.progress, clock_ms());
    log_notice("Full resynchronization with our master: %s", text);
}

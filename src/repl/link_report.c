/* What is told about the link to our master: to INFO and ROLE, how it is; and of each synchronisation its record in the list
 * (resync.h) and its phases (progress.h). It only looks on. */
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

/* --- INFO, ROLE --- */

static const char *role_word(enum link_state s) {
    switch (s) {
    case LINK_NONE: return "none";
    case LINK_HELD:
    case LINK_CONNECT: return "connect";
    case LINK_CONNECTING: return "connecting";
    case LINK_PREAMBLE:
    case LINK_TRANSFER:
    case LINK_LOADING: return "sync";
    case LINK_CONNECTED: return repl_link_up() ? "connected" : "connect";
    default: return "handshake";
    }
}

void repl_link_info(struct repl_link_info *out) {
    const struct link *l = &the_link;
    int64_t now_s = repl_now_s();
    bool syncing = l->m.state >= LINK_PREAMBLE && l->m.state <= LINK_LOADING;
    *out = (struct repl_link_info){
        .up = repl_link_up(),
        .hold = l->hold,
        .hold_why = l->hold_why,
        .sync_in_progress = syncing,
        .state = role_word(l->m.state),
        .up_for_s = l->client ? now_s - l->up_since_s : -1,
        .last_io_s = l->client ? now_s - l->client->last_active_ms / 1000 : -1,
        .down_since_s = l->down_since_s ? now_s - l->down_since_s : -1,
        .applied_offset = l->history ? repl_offset() : 1,
        .sync_total_bytes = l->sync.total_bytes,
        .sync_read_bytes = l->sync.read_bytes,
        .sync_last_io_s = now_s - l->last_io_s,
    };
    out->read_offset = out->applied_offset;
    if (l->client) out->read_offset += (int64_t)(replog_held_bytes() + l->client->in_len - l->client->in_pos);
}

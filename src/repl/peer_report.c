/* What is told about our replicas: each resynchronisation from PSYNC to its end (resync.h), the phases of a full one
 * (progress.h), lags, and the advice that follows from all of it.
 *
 * It only looks on: nothing here changes what a replica gets. A partial resynchronisation has ended when what was missing
 * is in the socket, a full one when the replica's first ACK says that it has the data (or, where no ACK is to be
 * expected, when they were sent). */
#include "base/clock.h"
#include "base/log.h"
#include "event/child.h"
#include "repl/peer.h"
#include "repl/report.h"
#include "repl/say.h"
#include <stdio.h>

enum { LOG_EVERY_S = 10, MINUTE_MS = 60 * 1000 };

static struct timeline written;
static struct {
    int count;
    uint64_t most_bytes;
} over_limit; /* replicas that were dropped at client-output-buffer-limit */

/* --- the log's growth --- */

void peer_report_turn(void) {
    timeline_note(&written, repl_offset(), clock_ms());
}

void peer_report_forget_log(void) {
    timeline_forget(&written);
}

/* --- a resynchronisation begins --- */

void peer_report_case(struct resync_case *q, slice replid, int64_t offset) {
    *q = (struct resync_case){.asked = offset,
                              .id2_limit = repl_second_offset(),
                              .has_log = backlog_active(),
                              .oldest = backlog_first(),
                              .end = repl_offset()};
    if (past_is_id(replid))
        memcpy(q->asked_id, replid.p, REPLID_CHARS);
    else if (replid.n > 0 && !slice_eq(replid, SLICE("?")))
        snprintf(q->asked_id, sizeof q->asked_id, "(no name)");
    memcpy(q->id, repl_id(), sizeof q->id);
    const struct repl_past *past = identity_find_past(replid);
    memcpy(q->id2, past ? past->id : repl_id2(), sizeof q->id2);
    if (past) q->id2_limit = past->end;
}

void peer_report_begin(struct peer *p, bool full, const struct resync_case *q) {
    p->resync = resync_begin(true, full, peer_name(p), q, clock_ms());
    p->resync_full = full;
    p->resync_target = q->end;
    if (full)
        log_notice("Full resynchronization of replica %s: %s", peer_name(p), resync_find(p->resync)->why);
}

/* --- and goes on --- */

static void note_peak(struct peer *p) {
    struct resync *r = resync_find(p->resync);
    uint64_t lag = backlog_lag(&p->cursor);
    if (!r) return;
    if (lag > r->peak_bytes) r->peak_bytes = lag;
    r->bytes = p->resync_bytes;
}

static void ended(struct peer *p, const char *failure) {
    char phases[200];
    note_peak(p);
    resync_end(p->resync, failure, clock_ms());
    const struct resync *r = resync_find(p->resync);
    p->resync = 0;
    if (!p->resync_full) return;
    if (!failure) progress_enter(&p->progress, SYNC_DONE, 0, clock_ms());
    progress_summary(phases, sizeof phases, &p->progress);
    if (!failure && r)
        log_notice("Full resynchronization of replica %s took %s (%s), %s sent, %s of the log kept meanwhile",
                   peer_name(p), say_duration(r->ended_ms - r->started_ms).s, phases, say_bytes(r->bytes).s,
                   say_bytes(r->peak_bytes).s);
    else if (failure)
        log_notice("Full resynchronization of replica %s ended: %s", peer_name(p), failure);
}

void peer_report_entered(struct peer *p, enum peer_state from) {
    int64_t now_ms = clock_ms();
    switch (p->m.state) {
    case PEER_WAIT_START: progress_begin(&p->progress, now_ms); break;
    case PEER_WAIT_END: progress_enter(&p->progress, SYNC_SNAPSHOT, 0, now_ms); break;
    case PEER_SEND_FILE: progress_enter(&p->progress, SYNC_TRANSFER, (uint64_t)p->file_bytes, now_ms); break;
    case PEER_SEND_PIPE: progress_enter(&p->progress, SYNC_TRANSFER, 0, now_ms); break;
    case PEER_WAIT_ACK: progress_enter(&p->progress, SYNC_LOADING, 0, now_ms); break;
    case PEER_ONLINE:
        if (from != PEER_SEND_FILE) break;
        progress_enter(&p->progress, SYNC_LOADING, 0, now_ms);
        if (p->pre_psync) ended(p, NULL); /* acknowledges nothing */
        break;
    case PEER_RDB_SENT: ended(p, NULL); break;
    default: break;
    }
}

void peer_report_sent(struct peer *p, size_t n) {
    if (!p->resync) return;
    bool snapshot = p->m.state == PEER_SEND_FILE || p->m.state == PEER_SEND_PIPE;
    if (snapshot) progress_at(&p->progress, p->progress.done + n, p->progress.total, clock_ms());
    if (snapshot || !p->resync_full) p->resync_bytes += n;
}

void peer_report_fed(struct peer *p) {
    if (!p->resync_full && p->cursor.offset > p->resync_target) ended(p, NULL);
}

void peer_report_ack(struct peer *p) {
    if (p->resync && p->resync_full && p->ack_offset >= p->snapshot_offset && p->m.state == PEER_ONLINE)
        ended(p, NULL);
}

static bool is_over_limit(const struct peer *p, uint64_t lag) {
    const struct client_limit *limit = &client_config.limits[CLASS_REPLICA];
    if (lag <= backlog_size()) return false; /* see peer_extra_output */
    return (limit->hard_bytes && lag >= limit->hard_bytes) ||
           (limit->soft_bytes && p->c->soft_limit_since_ms && lag >= limit->soft_bytes);
}

void peer_report_gone(struct peer *p) {
    char text[RESYNC_FAILURE_BYTES];
    const char *why = p->failure ? p->failure : "its connection ended";
    uint64_t lag = backlog_lag(&p->cursor);
    if (!p->failure && is_over_limit(p, lag)) {
        over_limit.count++;
        if (lag > over_limit.most_bytes) over_limit.most_bytes = lag;
        snprintf(text, sizeof text, "%s behind: over client-output-buffer-limit replica", say_bytes(lag).s);
        why = text;
    }
    if (p->resync) ended(p, why);
}

/* --- each second --- */

/* A diskless transfer's length is not known before its end, but the child says how many keys it has written. */
static uint64_t guess_total(uint64_t bytes) {
    uint64_t keys = child_stats().current_keys_done, all = snapshot_state.current_keys_total;
    return snapshot_running() && keys && all > keys ? (uint64_t)((double)bytes * (double)all / (double)keys)
                                                    : 0;
}

void peer_report_cron(void) {
    char text[200];
    static unsigned seconds;
    bool tells = ++seconds % LOG_EVERY_S == 0;
    if (backlog_active()) peer_report_turn();
    for (struct peer *p = peer_first(); p; p = p->next) {
        if (!p->resync || !p->resync_full) continue;
        note_peak(p);
        if (p->m.state == PEER_WAIT_END) {
            uint64_t bytes = fullsync_file_bytes();
            progress_at(&p->progress, bytes, guess_total(bytes), clock_ms());
        } else if (p->m.state == PEER_SEND_PIPE) {
            progress_at(&p->progress, p->progress.done, guess_total(p->progress.done), clock_ms());
        }
        if (!tells) continue;
        progress_sentence(text, sizeof text, &p->progress, clock_ms());
        log_notice("Full resynchronization of replica %s: %s", peer_name(p), text);
    }
}

/* --- what is told --- */

bool repl_peer_report(size_t index, struct repl_lag *lag, struct progress_view *sync) {
    const struct peer *p = peer_first();
    while (p && index--) p = p->next;
    if (!p) return false;
    *lag = (struct repl_lag){.unsent = backlog_lag(&p->cursor)};
    if (p->m.state == PEER_ONLINE && !p->pre_psync && repl_offset() > p->ack_offset) {
        lag->bytes = (uint64_t)(repl_offset() - p->ack_offset);
        lag->ms = timeline_age_ms(&written, p->ack_offset + 1, clock_ms());
    }
    if (lag->unsent > lag->bytes) lag->bytes = lag->unsent; /* its data is still on the way */
    static const struct progress none;
    *sync = progress_view(p->resync && p->resync_full ? &p->progress : &none, clock_ms());
    return true;
}

size_t repl_full_syncs(size_t *queued) {
    *queued = peer_count_in(PEER_WAIT_START);
    return fullsync_in_progress();
}

int repl_advice(char out[ADVICE_MAX][ADVICE_BYTES]) {
    const struct client_limit *limit = &client_config.limits[CLASS_REPLICA];
    struct advice_facts f = {.rate = timeline_rate(&written, MINUTE_MS, clock_ms()),
                             .peak_rate = timeline_peak_rate(&written, MINUTE_MS),
                             .backlog_active = backlog_active(),
                             .backlog_bytes = backlog_size(),
                             .hard_limit = limit->hard_bytes,
                             .soft_limit = limit->soft_bytes,
                             .soft_seconds = (uint64_t)limit->soft_s,
                             .over_limit = over_limit.count,
                             .over_limit_bytes = over_limit.most_bytes};
    for (int i = 0; i < resync_count(); i++) {
        const struct resync *r = resync_nth(i);
        if (!r->as_master || !r->full) continue;
        if (r->cause == RESYNC_TOO_OLD) {
            f.too_old++;
            if (r->missing_bytes > f.too_old_bytes) f.too_old_bytes = r->missing_bytes;
        }
        if (r->ended_ms - r->started_ms > f.full_sync_ms) f.full_sync_ms = r->ended_ms - r->started_ms;
        if (r->peak_bytes > f.full_sync_peak_bytes) f.full_sync_peak_bytes = r->peak_bytes;
    }
    return advise(&f, out);
}

/* INFO, fields of our own: lags and phases of synchronisations behind Redis's replication fields, advice in words, and a
 * section with the last resynchronisations. What stands here is told by TANDEM RESYNCS and TANDEM ADVICE too. */
#include "server/info_sections.h"

#include "base/clock.h"
#include "repl/repl.h"
#include "repl/report.h"

typedef long long ll;
typedef unsigned long long ull;

/* Fields as lines of INFO, or as a list within one. */
struct form {
    const char *prefix, *equals, *end;
};

static sds phase_fields(sds out, const struct progress_view *v, const struct form *f) {
    const struct {
        const char *name;
        ll value;
    } numbers[] = {{"bytes", (ll)v->done},
                   {"total_bytes", v->total ? (ll)v->total : -1},
                   {"bytes_per_second", (ll)v->rate},
                   {"left_ms", (ll)v->left_ms},
                   {"elapsed_ms", (ll)v->elapsed_ms}};
    out = sds_cat_printf(out, "%sname%s%s%s", f->prefix, f->equals, v->phase, f->end);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        out = sds_cat_printf(out, "%s%s%s%lld%s", f->prefix, numbers[i].name, f->equals, numbers[i].value,
                             f->end);
    return sds_cat_printf(out, "%spercent%s%.2f\r\n", f->prefix, f->equals, v->percent);
}

static sds peer_lines(sds out) {
    static const struct form list = {"phase_", "=", ","};
    struct repl_lag lag;
    struct progress_view sync;
    for (size_t i = 0; repl_peer_report(i, &lag, &sync); i++) {
        out = sds_cat_printf(out, "replica%zu_lag:bytes=%llu,unsent_bytes=%llu,ms=%lld\r\n", i,
                             (ull)lag.bytes, (ull)lag.unsent, (ll)lag.ms);
        if (strcmp(sync.phase, "none") == 0) continue;
        out = sds_cat_printf(out, "replica%zu_sync:", i);
        out = phase_fields(out, &sync, &list);
    }
    return out;
}

sds info_resync_fields(sds out) {
    static const char *const holds[] = {[REPL_HOLD_NONE] = "no",
                                        [REPL_HOLD_EMPTY_MASTER] = "empty-master",
                                        [REPL_HOLD_MEMORY] = "memory",
                                        [REPL_HOLD_SELF] = "self",
                                        [REPL_HOLD_CYCLE] = "cycle"};
    static const struct form lines = {"master_sync_phase_", ":", "\r\n"};
    char advice[ADVICE_MAX][ADVICE_BYTES];
    struct progress_view sync = repl_link_progress();
    if (strcmp(sync.phase, "none") != 0) out = phase_fields(out, &sync, &lines);
    struct repl_link_info link;
    repl_link_info(&link);
    if (link.hold != REPL_HOLD_NONE)
        out = sds_cat_printf(out, "master_link_held:%s\r\nmaster_link_held_because:%s\r\n", holds[link.hold],
                             link.hold_why);
    size_t queued, running = repl_full_syncs(&queued);
    out = sds_cat_printf(out,
                         "full_syncs_in_progress:%zu\r\nfull_syncs_queued:%zu\r\nbackpressure_ms:%llu\r\n",
                         running, queued, (ull)repl_backpressure_ms());
    out = peer_lines(out);
    const struct resync *last = resync_nth(0);
    if (last)
        out = sds_cat_printf(out, "last_resync:%s with %s %s: %s\r\n", last->full ? "full" : "partial",
                             last->as_master ? "replica" : "master", last->who, last->why);
    int n = repl_advice(advice);
    for (int i = 0; i < n; i++) out = sds_cat_printf(out, "replication_advice%d:%s\r\n", i, advice[i]);
    return out;
}

sds info_resyncs(sds out) {
    for (int i = 0; i < resync_count(); i++) {
        const struct resync *r = resync_nth(i);
        int64_t until_ms = r->ended_ms ? r->ended_ms : clock_ms();
        out = sds_cat_printf(
            out,
            "resync%llu:time_ms=%lld,with=%s,peer=%s,kind=%s,state=%s,cause=%s,missing_bytes=%llu,"
            "duration_ms=%lld,bytes=%llu,peak_log_bytes=%llu,why=%s%s%s\r\n",
            (ull)r->id, (ll)r->started_ms, r->as_master ? "replica" : "master", r->who,
            r->full ? "full" : "partial",
            !r->ended_ms ? "running"
            : r->ok      ? "ok"
                         : "failed",
            resync_cause_word(r->cause), (ull)r->missing_bytes, (ll)(until_ms - r->started_ms), (ull)r->bytes,
            (ull)r->peak_bytes, r->why, *r->failure ? "; failed: " : "", r->failure);
    }
    return out;
}

/* See advice.h. Each adviser looks at one thing and says nothing when there is nothing to say. */
#include "repl/advice.h"

#include "repl/say.h"
#include <stdio.h>

enum { HEADROOM = 2 }; /* what is measured is what was; a setting should bear twice of it */

static uint64_t most(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

static bool on_output_limit(const struct advice_facts *f, char *out) {
    if (f->over_limit == 0) return false;
    uint64_t want = HEADROOM * most(f->over_limit_bytes, f->full_sync_peak_bytes);
    snprintf(
        out, ADVICE_BYTES,
        "%d replica%s dropped at the output limit, up to %s behind: client-output-buffer-limit replica %s "
        "0 0 would have kept %s, repl-backpressure slows writers instead",
        f->over_limit, f->over_limit == 1 ? " was" : "s were", say_bytes(f->over_limit_bytes).s,
        say_setting(want).s, f->over_limit == 1 ? "it" : "them");
    return true;
}

static bool on_too_old(const struct advice_facts *f, char *out) {
    if (f->too_old == 0) return false;
    snprintf(out, ADVICE_BYTES,
             "%d full resynchronisation%s because the backlog of %s was too short, by up to %s: "
             "repl-backlog-size %s would have made %s partial",
             f->too_old, f->too_old == 1 ? " was" : "s were", say_bytes(f->backlog_bytes).s,
             say_bytes(f->too_old_bytes).s, say_setting(f->backlog_bytes + f->too_old_bytes).s,
             f->too_old == 1 ? "it" : "them");
    return true;
}

static bool on_coverage(const struct advice_facts *f, char *out) {
    uint64_t rate = most(f->rate, f->peak_rate);
    if (!f->backlog_active || rate == 0) return false;
    int64_t covers_ms = (int64_t)((double)f->backlog_bytes * 1000 / (double)rate);
    int n = snprintf(
        out, ADVICE_BYTES, "the backlog covers %s of writes at %s (%s/s)", say_duration(covers_ms).s,
        f->peak_rate > f->rate ? "the busiest minute's rate" : "today's rate", say_bytes(rate).s);
    if (covers_ms < ADVICE_COVER_S * 1000)
        snprintf(out + n, ADVICE_BYTES - (size_t)n, "; %s would cover %s",
                 say_setting(rate * ADVICE_COVER_S).s, say_duration(ADVICE_COVER_S * 1000).s);
    return true;
}

/* While a full sync runs the log is kept for the replica, and the limit decides whether it gets to the end. */
static bool on_full_sync(const struct advice_facts *f, char *out) {
    uint64_t rate = most(f->rate, f->peak_rate);
    if (f->full_sync_ms == 0 || rate == 0) return false;
    uint64_t grows = (uint64_t)((double)rate * (double)f->full_sync_ms / 1000), limit = 0;
    if (f->hard_limit) limit = f->hard_limit;
    if (f->soft_limit && (!limit || f->soft_limit < limit) &&
        f->full_sync_ms / 1000 > (int64_t)f->soft_seconds)
        limit = f->soft_limit;
    if (limit == 0 || grows < limit / HEADROOM) return false;
    snprintf(
        out, ADVICE_BYTES,
        "a full synchronisation takes %s, in which %s are written: client-output-buffer-limit replica (%s) "
        "%s; %s 0 0 would be safe",
        say_duration(f->full_sync_ms).s, say_bytes(grows).s, say_bytes(limit).s,
        grows > limit ? "would end it, again and again" : "is close to ending it",
        say_setting(HEADROOM * grows).s);
    return true;
}

int advise(const struct advice_facts *f, char out[ADVICE_MAX][ADVICE_BYTES]) {
    static bool (*const advisers[])(const struct advice_facts *f, char *out) = {on_output_limit, on_too_old,
                                                                                on_full_sync, on_coverage};
    int n = 0;
    for (unsigned i = 0; i < sizeof advisers / sizeof *advisers; i++) n += advisers[i](f, out[n]);
    return n;
}

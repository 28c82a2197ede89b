/* See progress.h. The rate is a moving average over marks that lie at least RATE_STEP_MS apart: each new stretch weighs
 * RATE_WEIGHT, so that after a few seconds what was before counts for little. */
#include "repl/progress.h"

#include "repl/say.h"
#include <stdarg.h>
#include <stdio.h>

enum { RATE_STEP_MS = 250, STALL_MS = 5000 };
#define RATE_WEIGHT 0.25

static const char *const words[SYNC_PHASES] = {"none", "waiting", "snapshot", "transfer", "loading", "done"};

void progress_begin(struct progress *p, int64_t now_ms) {
    *p = (struct progress){.phase = SYNC_WAITING, .phase_ms = now_ms, .mark_ms = now_ms};
}

void progress_enter(struct progress *p, enum sync_phase phase, uint64_t total, int64_t now_ms) {
    if (now_ms > p->phase_ms) p->spent_ms[p->phase] += now_ms - p->phase_ms;
    p->phase = phase;
    p->phase_ms = p->mark_ms = now_ms;
    p->done = p->mark_done = 0;
    p->total = total;
    p->rate = 0;
}

void progress_at(struct progress *p, uint64_t done, uint64_t total, int64_t now_ms) {
    p->done = done;
    p->total = total;
    int64_t ms = now_ms - p->mark_ms;
    if (ms >= 0 && ms < RATE_STEP_MS) return;
    if (ms < 0) { /* the clock was set back */
        p->mark_ms = now_ms;
        p->mark_done = done;
        return;
    }
    double rate = done > p->mark_done ? (double)(done - p->mark_done) * 1000 / (double)ms : 0;
    p->rate = p->rate > 0 ? p->rate + RATE_WEIGHT * (rate - p->rate) : rate;
    p->mark_ms = now_ms;
    p->mark_done = done;
}

struct progress_view progress_view(const struct progress *p, int64_t now_ms) {
    struct progress_view v = {
        .phase = words[p->phase], .done = p->done, .total = p->total, .percent = -1, .left_ms = -1};
    if (p->phase == SYNC_NONE) return v;
    v.phase_ms = now_ms > p->phase_ms ? now_ms - p->phase_ms : 0;
    for (int i = 0; i < SYNC_PHASES; i++) v.elapsed_ms += p->spent_ms[i];
    if (p->phase != SYNC_DONE) v.elapsed_ms += v.phase_ms;
    double rate = p->rate;
    if (rate <= 0 && v.phase_ms > 0) rate = (double)p->done * 1000 / (double)v.phase_ms; /* no mark yet */
    if (now_ms - p->mark_ms > STALL_MS) rate = 0; /* nothing has been heard for long */
    v.rate = (uint64_t)rate;
    if (p->total == 0) return v;
    uint64_t done = p->done < p->total ? p->done : p->total;
    v.percent = 100.0 * (double)done / (double)p->total;
    if (done == p->total)
        v.left_ms = 0;
    else if (rate >= 1)
        v.left_ms = (int64_t)((double)(p->total - done) * 1000 / rate);
    return v;
}

/* Appends at *n; what does not fit is cut off. */
__attribute__((format(printf, 4, 5))) static void put(char *out, size_t cap, size_t *n, const char *fmt,
                                                      ...) {
    va_list ap;
    va_start(ap, fmt);
    int more = vsnprintf(out + *n, cap - *n, fmt, ap);
    va_end(ap);
    *n += more > 0 ? (size_t)more : 0;
    if (*n >= cap) *n = cap - 1;
}

void progress_sentence(char *out, size_t cap, const struct progress *p, int64_t now_ms) {
    struct progress_view v = progress_view(p, now_ms);
    size_t n = 0;
    put(out, cap, &n, "%s for %s", v.phase, say_duration(v.phase_ms).s);
    if (p->done == 0 && p->total == 0) return;
    put(out, cap, &n, ", %s", say_bytes(v.done).s);
    if (v.percent >= 0) put(out, cap, &n, " of %s (%.0f%%)", say_bytes(v.total).s, v.percent);
    put(out, cap, &n, ", %s/s", say_bytes(v.rate).s);
    if (v.left_ms >= 0)
        put(out, cap, &n, ", %s left", say_duration(v.left_ms).s);
    else if (v.rate == 0)
        put(out, cap, &n, ", stalled");
}

void progress_summary(char *out, size_t cap, const struct progress *p) {
    size_t n = 0;
    for (int i = SYNC_WAITING; i < SYNC_DONE; i++)
        if (p->spent_ms[i] > 0)
            put(out, cap, &n, "%s%s %s", n ? ", " : "", words[i], say_duration(p->spent_ms[i]).s);
    if (n == 0) put(out, cap, &n, "less than a millisecond");
}

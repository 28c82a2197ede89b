/* The latency monitor: spikes of named events, each with its worst and its last LATENCY_SAMPLES seconds.
 *
 * An event is something that keeps the loop from serving: a slow command, a fork, a write to the append-only file. It
 * counts from latency-monitor-threshold on; with 0, the default, nothing is measured. Who measures asks latency_watched
 * first, so that an unwatched event costs one test. LATENCY shows what is here (command/latency_cmd.c). */
#ifndef TANDEM_BASE_LATENCY_H
#define TANDEM_BASE_LATENCY_H

#include "base/clock.h"
#include "base/slice.h"
#include <stdbool.h>
#include <stddef.h>

extern int64_t latency_threshold_ms; /* latency-monitor-threshold; 0: off */

static inline bool latency_watched(void) {
    return latency_threshold_ms != 0;
}
void latency_note(const char *event, int64_t ms); /* counts if it is long enough; event: a literal */

/* To measure: start, and the same value to the end. */
static inline uint64_t latency_start(void) {
    return latency_watched() ? clock_mono_us() : 0;
}
static inline void latency_end(const char *event, uint64_t start_us) {
    if (start_us && latency_watched()) latency_note(event, (int64_t)(clock_mono_us() - start_us) / 1000);
}

enum { LATENCY_SAMPLES = 160 };

struct latency_sample {
    int64_t time_s; /* 0: none */
    uint32_t ms;    /* the worst of that second */
};

struct latency_event {
    const char *name;
    int next; /* where in the ring the next sample goes: the oldest is there, or nothing */
    uint32_t worst_ms;
    struct latency_sample ring[LATENCY_SAMPLES];
};

const struct latency_event *latency_find(slice name); /* NULL; the name is case sensitive, as in Redis */
const struct latency_event *latency_at(int i);        /* NULL behind the last */
const struct latency_sample *latency_last(const struct latency_event *e);
/* i-th oldest sample, NULL behind the last. */
const struct latency_sample *latency_sample_at(const struct latency_event *e, int i);
bool latency_forget(slice name); /* false: there is no such event */
int latency_forget_all(void);    /* how many there were */

struct latency_summary {
    uint32_t all_time_ms, max_ms, min_ms, average_ms, deviation_ms;
    int samples;
    double period_s; /* between two spikes, on the average */
};
struct latency_summary latency_summarize(const struct latency_event *e, int64_t now_s);

#endif

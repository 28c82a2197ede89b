/* Events and their samples: see latency.h.
 *
 * There are few events and all have names of ours, so a list in the order of first occurrence is all the structure that is
 * needed. A second has one sample, its worst. */
#include "base/latency.h"

#include <string.h>
#include "base/alloc.h"

enum { EVENTS_MAX = 32 };

int64_t latency_threshold_ms;

static struct latency_event *events[EVENTS_MAX];
static int event_count;

static int index_of(slice name) {
    int i = 0;
    while (i < event_count && !slice_eq(name, slice_of(events[i]->name))) i++;
    return i;
}

static struct latency_event *event_of(const char *name) {
    int i = index_of(slice_of(name));
    if (i < event_count) return events[i];
    if (i == EVENTS_MAX) return NULL;
    events[i] = mem_zalloc(sizeof **events);
    events[i]->name = name;
    event_count++;
    return events[i];
}

static struct latency_sample *last_of(struct latency_event *e) {
    return &e->ring[(e->next + LATENCY_SAMPLES - 1) % LATENCY_SAMPLES];
}

void latency_note(const char *name, int64_t ms) {
    if (!latency_watched() || ms < latency_threshold_ms) return;
    struct latency_event *e = event_of(name);
    if (!e) return;
    int64_t now_s = clock_wall_us() / 1000000;
    uint32_t value = ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
    struct latency_sample *last = last_of(e);
    if (value > e->worst_ms) e->worst_ms = value;
    if (last->time_s == now_s) {
        if (value > last->ms) last->ms = value;
        return;
    }
    e->ring[e->next] = (struct latency_sample){now_s, value};
    e->next = (e->next + 1) % LATENCY_SAMPLES;
}

const struct latency_event *latency_find(slice name) {
    return latency_at(index_of(name));
}

const struct latency_event *latency_at(int i) {
    return i < event_count ? events[i] : NULL;
}

const struct latency_sample *latency_last(const struct latency_event *e) {
    return last_of((struct latency_event *)e);
}

const struct latency_sample *latency_sample_at(const struct latency_event *e, int i) {
    bool full = e->ring[e->next].time_s != 0;
    if (i >= (full ? LATENCY_SAMPLES : e->next)) return NULL;
    return &e->ring[full ? (e->next + i) % LATENCY_SAMPLES : i];
}

static void forget_at(int i) {
    mem_free(events[i], sizeof **events);
    event_count--;
    memmove(&events[i], &events[i + 1], (size_t)(event_count - i) * sizeof *events);
}

bool latency_forget(slice name) {
    int i = index_of(name);
    if (i == event_count) return false;
    forget_at(i);
    return true;
}

int latency_forget_all(void) {
    int n = event_count;
    while (event_count) forget_at(event_count - 1);
    return n;
}

struct latency_summary latency_summarize(const struct latency_event *e, int64_t now_s) {
    struct latency_summary s = {.all_time_ms = e->worst_ms};
    const struct latency_sample *p;
    uint64_t sum = 0, deviations = 0;
    for (int i = 0; (p = latency_sample_at(e, i)); i++) {
        if (i == 0 || p->ms < s.min_ms) s.min_ms = p->ms;
        if (p->ms > s.max_ms) s.max_ms = p->ms;
        sum += p->ms;
        s.samples++;
    }
    if (!s.samples) return s;
    s.average_ms = (uint32_t)(sum / (uint64_t)s.samples);
    for (int i = 0; (p = latency_sample_at(e, i)); i++)
        deviations += p->ms > s.average_ms ? p->ms - s.average_ms : s.average_ms - p->ms;
    s.deviation_ms = (uint32_t)(deviations / (uint64_t)s.samples);
    int64_t span_s = now_s - latency_sample_at(e, 0)->time_s;
    s.period_s = (double)(span_s > 0 ? span_s : 1) / s.samples;
    return s;
}

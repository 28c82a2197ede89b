/* When which offset of the log was written: for lags in time, and for the rate of writes over minutes.
 *
 * Pure; times are wall-clock milliseconds of the caller's. Two rings of samples (offset of the log's end, time): fine ones
 * of the last seconds, coarse ones of the last hour. All zero is empty. An instance is 70 KB: static, not on a stack. */
#ifndef TANDEM_REPL_TIMELINE_H
#define TANDEM_REPL_TIMELINE_H

#include <stdbool.h>
#include <stdint.h>

enum { TIMELINE_FINE = 256, TIMELINE_COARSE = 4096, TIMELINE_FINE_MS = 20, TIMELINE_COARSE_MS = 1000 };

struct moment {
    int64_t offset, ms;
};

struct timeline {
    struct moment fine[TIMELINE_FINE], coarse[TIMELINE_COARSE];
    uint64_t fine_n, coarse_n; /* samples ever; the newest is at (n - 1) % size */
};

/* The log ends at offset now. Offsets and times that go back (a clock that was set) begin anew. */
void timeline_note(struct timeline *t, int64_t offset, int64_t now_ms);
/* Another log follows: a step of its offset is not what was written. */
void timeline_forget(struct timeline *t);
/* Milliseconds since the byte at offset was written; at least so many when it is older than the samples; 0 when it has
 * not been written yet. */
int64_t timeline_age_ms(const struct timeline *t, int64_t offset, int64_t now_ms);
/* Bytes a second over the last window_ms (or since the first sample, when that is later); 0: not known. */
uint64_t timeline_rate(const struct timeline *t, int64_t window_ms, int64_t now_ms);
/* The most bytes of any window_ms among the coarse samples, as bytes a second; 0 before so much time has passed. */
uint64_t timeline_peak_rate(const struct timeline *t, int64_t window_ms);

#endif

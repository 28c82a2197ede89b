/* See backoff.h. */
#include "repl/backoff.h"

enum { CHEAP_FREE = 5, COSTLY_FREE = 1, FIRST_MS = 1000, JITTER_PERCENT = 25, DOUBLINGS_MAX = 20 };

void backoff_reset(struct backoff *b) {
    *b = (struct backoff){0};
}

/* 1 s, 2 s, 4 s ... up to max, each up to a quarter shorter or longer, but not longer than max. */
static uint64_t delay_ms(int beyond_free, int64_t max_ms, uint64_t chance) {
    if (beyond_free <= 0 || max_ms <= 0) return 0;
    int doublings = beyond_free - 1 < DOUBLINGS_MAX ? beyond_free - 1 : DOUBLINGS_MAX;
    uint64_t most = (uint64_t)max_ms, ms = (uint64_t)FIRST_MS << doublings;
    if (ms > most) ms = most;
    ms = ms * (100 - JITTER_PERCENT + chance % (2 * JITTER_PERCENT + 1)) / 100;
    return ms < most ? ms : most;
}

void backoff_failed(struct backoff *b, bool costly, int64_t max_ms, uint64_t chance, uint64_t now_ms) {
    int *n = costly ? &b->costly : &b->cheap, beyond = ++*n - (costly ? COSTLY_FREE : CHEAP_FREE);
    uint64_t ms = delay_ms(beyond, max_ms, chance);
    b->due_ms = ms ? now_ms + ms : 0;
}

/* See throttle.h. The bucket holds what comes in BURST_MS: short enough that the rate is even, long enough that a send is
 * worth its system call. */
#include "repl/throttle.h"

enum { BURST_MS = 20, BURST_BYTES_MIN = 1024 };

static double burst(uint64_t rate) {
    double bytes = (double)rate * BURST_MS / 1000;
    return bytes < BURST_BYTES_MIN ? BURST_BYTES_MIN : bytes;
}

uint64_t throttle_allows(struct throttle *t, uint64_t rate, uint64_t now_us) {
    double most = burst(rate);
    if (t->at_us == 0)
        t->tokens = most;
    else if (now_us > t->at_us)
        t->tokens += (double)rate * (double)(now_us - t->at_us) / 1e6;
    t->at_us = now_us;
    if (t->tokens > most) t->tokens = most;
    return t->tokens >= 1 ? (uint64_t)t->tokens : 0;
}

void throttle_take(struct throttle *t, uint64_t n) {
    t->tokens -= (double)n;
}

int64_t throttle_wait_ms(const struct throttle *t, uint64_t rate) {
    double lacking = burst(rate) - t->tokens;
    return rate == 0 || lacking <= 0 ? 1 : (int64_t)(lacking * 1000 / (double)rate) + 1;
}

/* A token bucket: so many bytes a second, in small bursts. Pure: the time (monotonic microseconds) is the caller's. */
#ifndef TANDEM_REPL_THROTTLE_H
#define TANDEM_REPL_THROTTLE_H

#include <stdint.h>

struct throttle {
    uint64_t at_us; /* tokens are right as of then; 0: not used yet */
    double tokens;  /* bytes; below zero when more was taken than there was */
};

/* How many bytes may go now at `rate` bytes a second. */
uint64_t throttle_allows(struct throttle *t, uint64_t rate, uint64_t now_us);
void throttle_take(struct throttle *t, uint64_t n);
/* Milliseconds until a burst may go; at least 1. */
int64_t throttle_wait_ms(const struct throttle *t, uint64_t rate);

#endif

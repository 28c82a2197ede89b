/* The clocks. The cached ones are variables that only clock_update moves; the others are vDSO calls.
 * A first reading before any update is exact, so that start-up code need not know about the cache. */
#include "base/clock.h"

#include <time.h>

static int64_t cached_ms, steady_ms;

int64_t clock_wall_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

uint64_t clock_mono_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

void clock_update(void) {
    struct timespec t;
    cached_ms = clock_wall_us() / 1000;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &t); /* some ms old, and a few ns fast */
    steady_ms = (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_ms(void) {
    if (cached_ms == 0) clock_update();
    return cached_ms;
}

int64_t clock_steady_ms(void) {
    if (steady_ms == 0) clock_update();
    return steady_ms;
}

void clock_set_for_test(int64_t ms) {
    cached_ms = steady_ms = ms;
}

/* The rate of the processor's counter, as observed since the process started. */
#include "base/ticks.h"

static uint64_t first_tick, first_us;

void ticks_init(void) {
    first_tick = ticks_now();
    first_us = clock_mono_us();
}

double ticks_per_us(void) {
    uint64_t us = clock_mono_us() - first_us;
    return us ? (double)(ticks_now() - first_tick) / (double)us : 1;
}

uint64_t ticks_to_us(uint64_t ticks) {
    return (uint64_t)((double)ticks / ticks_per_us());
}

/* Time spent in commands, measured cheaply.
 *
 * A clock read costs about as much as a GET. The processor's cycle counter costs a fraction of that, so dispatch adds up
 * ticks and only INFO turns them into microseconds, with the rate observed since start (ticks_to_us). Where there is no such counter
 * a tick is a microsecond of the monotonic clock. */
#ifndef TANDEM_COMMAND_TICKS_H
#define TANDEM_COMMAND_TICKS_H

#include "base/clock.h"

#if defined(__x86_64__) || defined(__i386__)
#define TICKS_PER_100_US_MIN 100000 /* of any processor that runs this: 1 GHz */
static inline uint64_t ticks_now(void) {
    return __builtin_ia32_rdtsc();
}
#else
#define TICKS_PER_100_US_MIN 100
static inline uint64_t ticks_now(void) {
    return clock_mono_us();
}
#endif

void ticks_init(void);
uint64_t ticks_to_us(uint64_t ticks);

#endif

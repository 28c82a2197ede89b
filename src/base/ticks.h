/* Time spent in commands, measured cheaply.
 *
 * A clock read costs about as much as a GET. The processor's cycle counter costs a fraction of that, so dispatch adds up
 * ticks and only who reports turns them into time, with the rate observed since start (ticks_to_us). Where there is no such
 * counter a tick is a microsecond of the monotonic clock. */
#ifndef TANDEM_BASE_TICKS_H
#define TANDEM_BASE_TICKS_H

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
double ticks_per_us(void);
/* No span of so many microseconds has fewer ticks: to sort out cheaply what can't be long enough. */
static inline uint64_t ticks_at_least(uint64_t us) {
    return us > UINT64_MAX / TICKS_PER_100_US_MIN ? UINT64_MAX : us * TICKS_PER_100_US_MIN / 100;
}

#endif

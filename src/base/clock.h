/* Time. Wall-clock milliseconds/microseconds since the epoch (expiry, LRU) and a monotonic clock (timeouts, budgets).
 *
 * clock_ms() is cached: it moves only in clock_update(), which the loop calls once a turn and dispatch before
 * each top-level command, so that a command and all its effects see one time. */
#ifndef TANDEM_BASE_CLOCK_H
#define TANDEM_BASE_CLOCK_H

#include <stdint.h>

int64_t clock_ms(void); /* cached wall clock */
/* Cached too, since some start: for timeouts, which no step of the wall clock may end. */
int64_t clock_steady_ms(void);
void clock_update(void); /* refresh the cache */
/* clock_ms() and clock_steady_ms() say this until the next clock_update. */
void clock_set_for_test(int64_t ms);
int64_t clock_wall_us(void); /* exact, a vDSO call */
uint64_t clock_mono_us(void);
static inline uint64_t clock_mono_ms(void) {
    return clock_mono_us() / 1000;
}

#endif

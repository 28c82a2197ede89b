/* See pressure.h. What is written makes a debt, which time pays off at the rate that is allowed. */
#include "repl/pressure.h"

enum {
    RATE_MIN = 1024, /* bytes a second: what always gets through */
    DEBT_S_MAX = 2
}; /* an old burst is not held against writers for ever */

int64_t pressure_pause_ms(struct pressure *p, uint64_t lag, uint64_t limit, int threshold_percent,
                          uint64_t written, uint64_t elapsed_us) {
    uint64_t threshold = limit / 100 * (uint64_t)threshold_percent;
    if (limit == 0 || threshold_percent <= 0 || lag < threshold) {
        p->debt = 0;
        return 0;
    }
    double rate = lag < limit ? (double)(limit - lag) / PRESSURE_ROOM_S : 0;
    if (rate < RATE_MIN) rate = RATE_MIN;
    p->debt -= rate * (double)elapsed_us / 1e6;
    if (p->debt < 0) p->debt = 0;
    p->debt += (double)written;
    if (p->debt > rate * DEBT_S_MAX) p->debt = rate * DEBT_S_MAX;
    double due_ms = p->debt * 1000 / rate;
    if (due_ms < 1) return 0;
    return due_ms > PRESSURE_PAUSE_MS_MAX ? PRESSURE_PAUSE_MS_MAX : (int64_t)due_ms;
}

/* Back-pressure: how much writers are slowed so that a replica that lags does not run into its output limit. Pure.
 *
 * Above the threshold the log may grow by what is left to the limit in PRESSURE_ROOM_S seconds: so the nearer the limit, the
 * slower; below it nobody is slowed. */
#ifndef TANDEM_REPL_PRESSURE_H
#define TANDEM_REPL_PRESSURE_H

#include <stdint.h>

enum { PRESSURE_ROOM_S = 30, PRESSURE_PAUSE_MS_MAX = 100 };

struct pressure {
    double debt; /* bytes that were written before their time */
};

/* written bytes went to the log in the last elapsed_us: how long writers are to wait for it, in ms. */
int64_t pressure_pause_ms(struct pressure *p, uint64_t lag, uint64_t limit, int threshold_percent,
                          uint64_t written, uint64_t elapsed_us);

#endif

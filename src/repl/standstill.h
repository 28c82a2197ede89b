/* The standstill of a snapshot child: whether it still gets on. Pure: samples and times are the caller's.
 *
 * Progress is any of: keys it reports, bytes it writes. While it only waits for us to take what it has written it is not to
 * blame. */
#ifndef TANDEM_REPL_STANDSTILL_H
#define TANDEM_REPL_STANDSTILL_H

#include <stdbool.h>
#include <stdint.h>

struct standstill_sample {
    int64_t pid; /* -1: no child */
    uint64_t keys, bytes;
    bool waits_for_us;
};

struct standstill {
    struct standstill_sample last;
    int64_t moved_ms; /* when it last got on */
};

/* limit_ms 0: never. True: it has stood still for so long, and is to be ended. */
bool standstill_seen(struct standstill *w, const struct standstill_sample *s, int64_t now_ms,
                     int64_t limit_ms);

#endif

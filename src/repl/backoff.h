/* When to try again: at once after the first failure, then later and later, with jitter so that many replicas of one master
 * do not come in step. Pure: time (monotonic milliseconds) and chance are the caller's. */
#ifndef TANDEM_REPL_BACKOFF_H
#define TANDEM_REPL_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

struct backoff {
    int cheap, costly; /* failures since the last success */
    uint64_t due_ms;   /* not before; 0: at once */
};

void backoff_reset(struct backoff *b);
/* costly: the attempt cost the other side something (a snapshot); those wait from the second one on, the others, which only
 * knocked at the door, after a few. max_ms 0: never wait. chance: any random number. */
void backoff_failed(struct backoff *b, bool costly, int64_t max_ms, uint64_t chance, uint64_t now_ms);
static inline bool backoff_due(const struct backoff *b, uint64_t now_ms) {
    return now_ms >= b->due_ms;
}

#endif

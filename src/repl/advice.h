/* Advice in words about settings of replication, from what was measured and from the last resynchronisations.
 *
 * Pure: facts in, sentences out. A sentence says what is, in numbers, and what setting would change it. */
#ifndef TANDEM_REPL_ADVICE_H
#define TANDEM_REPL_ADVICE_H

#include <stdbool.h>
#include <stdint.h>

enum { ADVICE_MAX = 6, ADVICE_BYTES = 320, ADVICE_COVER_S = 300 };

struct advice_facts {
    uint64_t rate;      /* bytes written to the log a second, lately */
    uint64_t peak_rate; /* in the busiest minute of the last hour; 0: not known */
    bool backlog_active;
    uint64_t backlog_bytes;                        /* repl-backlog-size */
    uint64_t hard_limit, soft_limit, soft_seconds; /* client-output-buffer-limit replica; 0: none */
    int too_old;                   /* full resyncs among the last because history was too short, */
    uint64_t too_old_bytes;        /* and by how much at most */
    int over_limit;                /* resyncs that failed at the output limit, */
    uint64_t over_limit_bytes;     /* and how far behind the replica was at most */
    int64_t full_sync_ms;          /* the longest of the last full syncs; 0: none */
    uint64_t full_sync_peak_bytes; /* most log kept for one of them */
};

/* Returns how many sentences, most urgent first. */
int advise(const struct advice_facts *f, char out[ADVICE_MAX][ADVICE_BYTES]);

#endif

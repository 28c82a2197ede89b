/* What this server tells of its synchronisations beyond Redis's fields: phases, lags, the list of the last ones, advice.
 * For INFO and commands; the facts are gathered by peer_report.c (replicas of ours) and link_report.c (our master). */
#ifndef TANDEM_REPL_REPORT_H
#define TANDEM_REPL_REPORT_H

#include "repl/advice.h"
#include "repl/progress.h"
#include "repl/resync.h"

struct repl_lag {
    uint64_t bytes;  /* written here and not yet acknowledged */
    uint64_t unsent; /* of those, not yet given to its socket */
    int64_t ms;      /* since the first byte that is not acknowledged was written */
};
/* Of the replica at the index of repl_peer_info; phase "none" when it is in step or never needed more. */
bool repl_peer_report(size_t index, struct repl_lag *lag, struct progress_view *sync);
struct progress_view repl_link_progress(void); /* our full sync from our master; phase "none" without one */
size_t repl_full_syncs(size_t *queued); /* in progress; and waiting for one to end, or for others to join */
uint64_t repl_backpressure_ms(void);    /* for so long writers were made to wait, in all */
int repl_advice(char out[ADVICE_MAX][ADVICE_BYTES]);

#endif

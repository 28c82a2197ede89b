/* oom-score-adj: which of our processes the kernel ends first when memory runs out. */
#ifndef TANDEM_SERVER_OOM_SCORE_H
#define TANDEM_SERVER_OOM_SCORE_H

#include <stdbool.h>

enum { OOM_ADJ_NO, OOM_ADJ_RELATIVE, OOM_ADJ_ABSOLUTE };    /* oom-score-adj */
enum { OOM_MASTER, OOM_REPLICA, OOM_CHILD, OOM_PROCESSES }; /* the order of oom-score-adj-values */

/* Sets the calling process's score as the settings want it for its role. Turned off again, the score of the start comes
 * back. False: the kernel refused, which is logged (lowering a score takes privileges). */
bool oom_score_apply(bool is_child);

#endif

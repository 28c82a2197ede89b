/* FAILOVER: a master hands its role over to one of its replicas (the states and what holds in them: failover.c). */
#ifndef TANDEM_REPL_FAILOVER_H
#define TANDEM_REPL_FAILOVER_H

#include <stdbool.h>
#include <stdint.h>

enum failover_state { FAILOVER_NONE, FAILOVER_WAIT_FOR_SYNC, FAILOVER_IN_PROGRESS, FAILOVER_STATES };

struct repl_failover {
    const char *host; /* NULL: the first replica that has everything */
    int port;
    int64_t timeout_ms; /* 0: none */
    bool force;         /* when the time is up, go on even so */
};

const char *repl_failover_start(const struct repl_failover *f); /* NULL, or the error */
bool repl_failover_abort(void);                                 /* false: none is in progress */
bool repl_failing_over(void);
const char *failover_state_name(enum failover_state s); /* as INFO's master_failover_state */
const char *repl_failover_state(void);                  /* the name of our state */

#endif

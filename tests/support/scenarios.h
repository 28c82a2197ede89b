/* Replication scenarios that hold for any mix of ours and the real redis-server: integration/ runs them with ours
 * on every place, peer/ with the real one as primary, replica or in the middle. Each fails its test when something is not so. */
#ifndef TANDEM_TESTS_SCENARIOS_H
#define TANDEM_TESTS_SCENARIOS_H

#include "support/server.h"

/* n random writes in one pipeline: strings, counters, floats, hashes, sets, expiries near and far, renames,
 * transactions, several databases. */
void write_load(struct srv *primary, int n);
void wait_same(struct srv *replica,
               struct srv *primary); /* caught up and equal digests; fails the test if not */

void scenario_full_sync(enum srv_kind primary, enum srv_kind replica, bool diskless);
void scenario_partial_after_cut(enum srv_kind primary, enum srv_kind replica);
void scenario_full_past_backlog(enum srv_kind primary, enum srv_kind replica);
void scenario_random_cuts(enum srv_kind primary, enum srv_kind replica, int cuts);
void scenario_chain(enum srv_kind primary, enum srv_kind middle, enum srv_kind end);
void scenario_promotion(enum srv_kind primary, enum srv_kind promoted, enum srv_kind other);
void scenario_failover(enum srv_kind primary, enum srv_kind target, enum srv_kind other);
void scenario_expiry(enum srv_kind primary, enum srv_kind replica);

#endif

/* Inside server/: timers of expiry and lazy freeing. */
#ifndef TANDEM_SERVER_EXPIRE_CYCLE_H
#define TANDEM_SERVER_EXPIRE_CYCLE_H

void expire_cycle_start(void);
/* Each tick: a writable replica's own keys; and the wall clock may have been set forward under a timer that counts monotonic
 * time. */
void expire_cycle_check(void);

#endif

/* The watchdog: when the loop has not come round for so long, the log gets a stack trace of what keeps it. For finding
 * out; the server goes on. */
#ifndef TANDEM_EVENT_WATCHDOG_H
#define TANDEM_EVENT_WATCHDOG_H

void watchdog_set_period(int ms); /* 0: off */
void watchdog_feed(void);         /* from time to time, well within the period */

#endif

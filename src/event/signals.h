/* Signals. SIGTERM and SIGINT call on_stop from the loop, where all is consistent (a second SIGINT exits at once,
 * even when the loop is stuck); SIGCHLD calls child_reap from the loop; SIGPIPE and SIGHUP are ignored.
 * Crash signals (SEGV, BUS, FPE, ILL, ABRT) print a report and a stack trace to the log, then take their default
 * action. */
#ifndef TANDEM_EVENT_SIGNALS_H
#define TANDEM_EVENT_SIGNALS_H

void signals_init(void (*on_stop)(int signo));
void signals_stop_refused(void);            /* we go on running after all: the next SIGINT asks again */
void signals_set_program(const char *name); /* "Tandem 1.2.3", for the crash report; not copied */
void signals_install_crash_handler(
    void (*report)(int fd));             /* report: extra lines, async-signal-safe; may be NULL */
void signals_remove_crash_handler(void); /* default actions: a core, no report */
void signals_reset_in_child(void); /* default actions, own wake-up descriptor closed; child_start does it */

#endif

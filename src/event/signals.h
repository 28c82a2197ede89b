/* Signals: turned into loop events through a self-pipe-free signalfd, so that no handler touches server state.
 * SIGTERM and SIGINT call on_stop from the loop (the second SIGINT exits at once); SIGCHLD calls child_reap;
 * SIGPIPE and SIGHUP are ignored. Crash signals (SEGV, BUS, FPE, ILL, ABRT) print a report and a stack trace to the log. */
#ifndef TANDEM_EVENT_SIGNALS_H
#define TANDEM_EVENT_SIGNALS_H

void signals_init(void (*on_stop)(int signo));
void signals_install_crash_handler(
    void (*report)(int fd)); /* report: extra lines, async-signal-safe; may be NULL */
void signals_reset_in_child(void);

#endif

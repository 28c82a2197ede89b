/* A one-shot timer whose signal interrupts whatever runs; each feeding winds it up again. The handler writes only what is
 * safe in a signal. A forked child inherits no timer. */
#include "event/watchdog.h"
#include "event/raw_write.h"

#include "base/log.h"

#include <errno.h>
#include <execinfo.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

enum { FRAMES_MAX = 100 };

static int period_ms;

static void on_alarm(int signo) {
    (void)signo;
    int saved = errno, fd = log_fd_open();
    void *frames[FRAMES_MAX];
    raw_write(fd, "\n--- WATCHDOG TIMER EXPIRED ---\n");
    backtrace_symbols_fd(frames, backtrace(frames, FRAMES_MAX), fd);
    raw_write(fd, "--------\n");
    if (fd > 2) close(fd);
    errno = saved;
}

static void wind(int ms) {
    struct itimerval t = {.it_value = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000}};
    setitimer(ITIMER_REAL, &t, NULL);
}

void watchdog_feed(void) {
    if (period_ms) wind(period_ms);
}

void watchdog_set_period(int ms) {
    struct sigaction act = {.sa_handler = ms ? on_alarm : SIG_IGN, .sa_flags = SA_RESTART};
    void *warm_up[1];
    backtrace(warm_up, 1); /* loads the library that it needs, outside of the handler */
    sigemptyset(&act.sa_mask);
    sigaction(SIGALRM, &act, NULL);
    period_ms = ms;
    wind(ms);
}

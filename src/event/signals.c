/* Stop signals and SIGCHLD, as events of the loop.
 *
 * The handlers only note the signal and wake the loop through an eventfd; everything else happens there. Handlers
 * rather than a signalfd, because a second SIGINT must end a process whose loop is stuck in a long command, and
 * because a mask would be inherited by everything we start.
 *
 * The crash report is crash.c's. */
#include "event/signals.h"

#include "base/assert.h"
#include "base/log.h"
#include "event/child.h"
#include "event/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

static struct {
    void (*on_stop)(int signo);
    struct ev_io wake;
    volatile sig_atomic_t stop, interrupted, child_ended;
} signals = {.wake = {.fd = -1}};

static const int handled[] = {SIGTERM, SIGINT, SIGCHLD, SIGPIPE, SIGHUP};
enum { HANDLED = sizeof handled / sizeof *handled };

static void note_signal(int signo) {
    int saved = errno;
    if (signo == SIGCHLD) {
        signals.child_ended = 1;
    } else {
        if (signo == SIGINT && signals.interrupted) {
            log_raw_signal_safe("You insist... exiting now.\n");
            _exit(1);
        }
        signals.interrupted = 1;
        signals.stop = signo;
    }
    uint64_t one = 1;
    if (write(signals.wake.fd, &one, sizeof one) < 0) { /* full: the loop is awake anyway */
    }
    errno = saved;
}

static void on_wake(struct ev_io *io, int ready) {
    (void)ready;
    uint64_t count;
    if (read(io->fd, &count, sizeof count) < 0) return;
    if (signals.child_ended) {
        signals.child_ended = 0;
        child_reap();
    }
    int signo = signals.stop;
    if (!signo) return;
    signals.stop = 0;
    log_warning("Received %s scheduling shutdown...", signo == SIGINT ? "SIGINT" : "SIGTERM");
    signals.on_stop(signo);
}

void signals_init(void (*on_stop)(int signo)) {
    signals.on_stop = on_stop;
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert_that(fd >= 0);
    ev_io_init(&signals.wake, fd, on_wake, NULL);
    ev_io_set(&signals.wake, EV_READ);
    struct sigaction note = {.sa_handler = note_signal, .sa_flags = SA_RESTART};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&note.sa_mask);
    for (int i = 0; i < HANDLED; i++) {
        bool ignored = handled[i] == SIGPIPE || handled[i] == SIGHUP;
        sigaction(handled[i], ignored ? &ignore : &note, NULL);
    }
}

void signals_stop_refused(void) {
    signals.interrupted = 0;
}

/* SIGPIPE and SIGHUP stay ignored: a child writing to a pipe learns of its end from write(2), and a terminal that
 * closes must not end a snapshot. */
void signals_reset_in_child(void) {
    struct sigaction dfl = {.sa_handler = SIG_DFL};
    for (int i = 0; i < HANDLED; i++)
        if (handled[i] != SIGPIPE && handled[i] != SIGHUP) sigaction(handled[i], &dfl, NULL);
    if (signals.wake.fd >= 0) close(signals.wake.fd);
    signals.wake.fd = -1;
}

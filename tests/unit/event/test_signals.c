/* Signals, in processes of their own: stop requests, the insistent second SIGINT, and the crash report. */
#include "base/log.h"
#include "event/loop.h"
#include "event/signals.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static int stops, last_stop;
static void on_stop(int signo) {
    stops++;
    last_stop = signo;
}

Test(signals, term_and_int_arrive_in_the_loop) {
    log_set_level(LOG_LEVEL_NOTHING);
    ev_init();
    signals_init(on_stop);
    raise(SIGHUP);
    raise(SIGPIPE);
    raise(SIGTERM);
    cr_assert_eq(stops, 0, "not in the handler");
    ev_turn(1000);
    cr_assert_eq(stops, 1);
    cr_assert_eq(last_stop, SIGTERM);
    signals_stop_refused();
    raise(SIGINT);
    ev_turn(1000);
    cr_assert_eq(stops, 2);
    cr_assert_eq(last_stop, SIGINT);
}

/* Runs fn in a child with its log in a file; returns the wait status and the log's text. */
static int run_apart(void (*fn)(void), char *text, size_t cap) {
    char path[] = "/tmp/tandem-unit-XXXXXX";
    int fd = mkstemp(path), status;
    cr_assert_geq(fd, 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit none = {0};
        setrlimit(RLIMIT_CORE, &none);
        log_set_file(path);
        fn();
        _exit(99);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    ssize_t n = read(fd, text, cap - 1);
    text[n > 0 ? n : 0] = '\0';
    close(fd);
    unlink(path);
    return status;
}

static void insist(void) {
    ev_init();
    signals_init(on_stop);
    raise(SIGINT); /* the loop is stuck and does not see it */
    raise(SIGINT);
}

Test(signals, second_int_exits_at_once) {
    char text[4096];
    int status = run_apart(insist, text, sizeof text);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    cr_assert_not_null(strstr(text, "You insist... exiting now."));
}

static void abort_it(void) {
    signals_install_crash_handler(NULL);
    abort();
}

/* The sanitizer has a report of its own for these. */
#if !defined(__SANITIZE_ADDRESS__)
static void report_more(int fd) {
    (void)!write(fd, "more to tell\n", 13);
}

static void crash(void) {
    signals_set_program("Tandem 9.8.7");
    signals_install_crash_handler(report_more);
    static volatile int *volatile nowhere = (volatile int *)(uintptr_t)8;
    *nowhere = 1;
}

static volatile char sink;
static int overflow(int n) { /* the stack is what breaks */
    volatile char big[65536];
    big[n % 65536] = (char)n;
    sink = big[(n * 7) % 65536];
    return n < 0 ? 0 : overflow(n + 1) + big[n % 65536];
}
static void overflow_stack(void) {
    struct rlimit small = {.rlim_cur = 1 << 20, .rlim_max = 1 << 20};
    setrlimit(RLIMIT_STACK, &small);
    signals_install_crash_handler(NULL);
    overflow(1);
}

Test(signals, crash_report) {
    char text[65536];
    int status = run_apart(crash, text, sizeof text);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "the default action follows");
    cr_assert_not_null(strstr(text, "=== REDIS BUG REPORT START"));
    cr_assert_not_null(strstr(text, "Tandem 9.8.7 crashed by signal: 11, si_code: 1"));
    cr_assert_not_null(strstr(text, "Accessing address: 0x8"));
    cr_assert_not_null(strstr(text, "------ STACK TRACE ------"));
    cr_assert_not_null(strstr(text, "more to tell\n"));
    cr_assert_not_null(strstr(text, "=== REDIS BUG REPORT END"));
}

Test(signals, stack_overflow_is_reported) {
    char text[65536];
    int status = run_apart(overflow_stack, text, sizeof text);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    cr_assert_not_null(strstr(text, "crashed by signal: 11"));
}
#endif

Test(signals, abort_is_reported) {
    char text[65536];
    int status = run_apart(abort_it, text, sizeof text);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    cr_assert_not_null(strstr(text, "crashed by signal: 6"));
}

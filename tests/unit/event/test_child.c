/* Children: their end comes back through the loop, their reports too, and they hold on to no descriptor of ours. */
#include "event/child.h"
#include "base/log.h"
#include "event/loop.h"
#include "event/signals.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void on_stop(int signo) {
    (void)signo;
}

static void setup(void) {
    log_set_level(LOG_LEVEL_NOTHING);
    ev_init();
    signals_init(on_stop);
}

TestSuite(child, .init = setup, .fini = ev_shutdown);

struct ending {
    int count, code, signal;
};

static void on_end(void *ctx, int exit_code, int signal) {
    struct ending *e = ctx;
    e->count++;
    e->code = exit_code;
    e->signal = signal;
}

static void wait_for_end(const struct ending *e, int count) {
    for (int i = 0; i < 1000 && e->count < count; i++) ev_turn(10);
    cr_assert_eq(e->count, count);
}

static int run_exit_7(void *ctx) {
    (void)ctx;
    return 7;
}

static int run_sleep(void *ctx) {
    (void)ctx;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves nothing behind */
    for (;;) pause();
    return 0;
}

Test(child, exit_code) {
    struct ending e = {0};
    struct child_spec spec = {.kind = CHILD_SNAPSHOT, .run = run_exit_7, .on_end = on_end, .ctx = &e};
    pid_t pid = child_start(&spec);
    cr_assert(pid > 0);
    cr_assert_eq(child_active(), CHILD_SNAPSHOT);
    cr_assert_eq(child_pid(), pid);
    cr_assert(child_stats().started_us > 0);
    wait_for_end(&e, 1);
    cr_assert_eq(e.code, 7);
    cr_assert_eq(e.signal, 0);
    cr_assert_eq(child_active(), CHILD_NONE);
    cr_assert_eq(child_pid(), -1);
    cr_assert_eq(child_stats().total_forks, 1);
    cr_assert_eq(child_stats().started_us, 0);
    child_reap();
    cr_assert_eq(e.count, 1, "on_end is called once");
}

static int run_pause(void *ctx) {
    (void)ctx;
    for (;;) pause();
    return 0;
}

/* The pipe's writing end is open as long as the child lives. */
Test(child, ends_with_a_parent_that_is_killed) {
    int life[2], status;
    cr_assert_eq(pipe(life), 0);
    pid_t parent = fork();
    if (parent == 0) {
        struct child_spec spec = {
            .kind = CHILD_SNAPSHOT, .run = run_pause, .keep = {life[1]}, .keep_count = 1};
        if (child_start(&spec) > 0) raise(SIGKILL);
        _exit(1);
    }
    close(life[1]);
    cr_assert_eq(waitpid(parent, &status, 0), parent);
    cr_assert(WIFSIGNALED(status), "no child was started");
    struct pollfd end = {.fd = life[0], .events = POLLIN};
    cr_assert_eq(poll(&end, 1, 60000), 1, "the child lives on");
    char byte;
    cr_assert_eq(read(life[0], &byte, 1), 0);
}

Test(child, killed) {
    struct ending e = {0};
    struct child_spec spec = {.kind = CHILD_REWRITE, .run = run_sleep, .on_end = on_end, .ctx = &e};
    cr_assert(child_start(&spec) > 0);
    child_kill(SIGTERM); /* its default action: the parent's handler must not be inherited */
    wait_for_end(&e, 1);
    cr_assert_eq(e.code, -1);
    cr_assert_eq(e.signal, SIGTERM);
}

Test(child, one_data_child_but_helpers_beside_it) {
    struct ending e = {0}, h = {0};
    struct child_spec spec = {.kind = CHILD_SNAPSHOT, .run = run_sleep, .on_end = on_end, .ctx = &e};
    struct child_spec helper = {.kind = CHILD_HELPER, .run = run_sleep, .on_end = on_end, .ctx = &h};
    cr_assert(child_start(&spec) > 0);
    cr_assert(child_start(&spec) == -1 && errno == EEXIST);
    pid_t pids[CHILD_HELPERS_MAX];
    for (int i = 0; i < CHILD_HELPERS_MAX; i++) cr_assert((pids[i] = child_start(&helper)) > 0);
    cr_assert_eq(child_start(&helper), -1);
    cr_assert_eq(child_active(), CHILD_SNAPSHOT);
    for (int i = 0; i < CHILD_HELPERS_MAX; i++) kill(pids[i], SIGKILL);
    wait_for_end(&h, CHILD_HELPERS_MAX);
    cr_assert_eq(e.count, 0);
    child_kill(SIGKILL);
    wait_for_end(&e, 1);
}

static void start_another(void *ctx, int exit_code, int signal) {
    on_end(ctx, exit_code, signal);
    if (((struct ending *)ctx)->count > 1) return;
    struct child_spec spec = {.kind = CHILD_SNAPSHOT, .run = run_exit_7, .on_end = start_another, .ctx = ctx};
    cr_assert(child_start(&spec) > 0, "the next may start from on_end");
}

Test(child, chain) {
    struct ending e = {0};
    struct child_spec spec = {.kind = CHILD_SNAPSHOT, .run = run_exit_7, .on_end = start_another, .ctx = &e};
    cr_assert(child_start(&spec) > 0);
    wait_for_end(&e, 2);
}

static int run_report(void *ctx) {
    (void)ctx;
    size_t bytes = 8 << 20;
    volatile char *dirty = malloc(bytes);
    for (size_t i = 0; i < bytes; i += 512) dirty[i] = 1;
    child_report(10, 1000);
    child_report(20, 2000); /* too soon after the first */
    return 0;               /* the final report is made here */
}

Test(child, reports) {
    struct ending e = {0};
    struct child_spec spec = {.kind = CHILD_SNAPSHOT, .run = run_report, .on_end = on_end, .ctx = &e};
    cr_assert(child_start(&spec) > 0);
    wait_for_end(&e, 1);
    struct child_stats s = child_stats();
    cr_assert_geq(s.last_snapshot_cow_bytes, 8 << 20);
    cr_assert_eq(s.last_rewrite_cow_bytes, 0);
    cr_assert_eq(s.current_cow_bytes, 0, "no child, nothing current");
    child_report(1, 1); /* outside of a child: a save in the foreground */
}

struct fds {
    struct ending e;
    int keep, drop;
};

static int run_check_fds(void *ctx) {
    struct fds *f = ctx;
    char name[16] = "";
    prctl(PR_GET_NAME, name);
    if (fcntl(f->keep, F_GETFD) < 0) return 1;
    if (fcntl(f->drop, F_GETFD) >= 0) return 2;
    if (fcntl(1, F_GETFD) < 0) return 3;
    if (strcmp(name, "tandem-test") != 0) return 4;
    return 0;
}

Test(child, closes_what_it_was_not_told_to_keep) {
    struct fds f = {.e = {0}};
    int low[2], high;
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, low), 0);
    high = fcntl(low[1], F_DUPFD, 200);
    f.keep = high;
    f.drop = low[0];
    struct child_spec spec = {
        .kind = CHILD_SNAPSHOT, .title = "tandem-test", .run = run_check_fds, .on_end = on_end};
    spec.ctx = &f;
    spec.keep[spec.keep_count++] = high;
    cr_assert(child_start(&spec) > 0);
    wait_for_end(&f.e, 1);
    cr_assert_eq(f.e.code, 0);
}

Test(child, a_socket_closed_by_the_parent_is_closed_for_its_peer) {
    struct ending e = {0};
    int pair[2];
    char byte;
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    struct child_spec spec = {.kind = CHILD_SNAPSHOT, .run = run_sleep, .on_end = on_end, .ctx = &e};
    cr_assert(child_start(&spec) > 0);
    close(pair[0]);
    cr_assert_eq(read(pair[1], &byte, 1), 0); /* blocks until the child has let go as well */
    child_kill(SIGKILL);
    wait_for_end(&e, 1);
}

static int run_close_loop_fd(void *ctx) {
    struct ev_io *io = ctx;
    ev_io_set(io, 0); /* must not reach the parent's epoll set */
    return 0;
}

static int readable;
static void on_readable(struct ev_io *io, int ready) {
    (void)io;
    (void)ready;
    readable++;
}

struct loop_ctx {
    struct ev_io io;
    struct ending e;
};

static void on_loop_end(void *ctx, int exit_code, int signal) {
    on_end(&((struct loop_ctx *)ctx)->e, exit_code, signal);
}

Test(child, the_childs_loop_is_not_the_parents) {
    struct loop_ctx ctx = {.e = {0}};
    int pair[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    ev_io_init(&ctx.io, pair[0], on_readable, NULL);
    ev_io_set(&ctx.io, EV_READ);
    struct child_spec spec = {
        .kind = CHILD_SNAPSHOT, .run = run_close_loop_fd, .on_end = on_loop_end, .ctx = &ctx};
    cr_assert(child_start(&spec) > 0);
    wait_for_end(&ctx.e, 1);
    cr_assert_eq(write(pair[1], "x", 1), 1);
    ev_turn(1000);
    cr_assert_geq(readable, 1);
    ev_io_set(&ctx.io, 0);
}

Test(child, is_waited_for_at_the_end_of_the_process) {
    struct ending e = {0};
    struct child_spec spec = {.kind = CHILD_SNAPSHOT, .run = run_sleep, .on_end = on_end, .ctx = &e};
    child_wait_end(60000); /* nobody there: at once */
    cr_assert(child_start(&spec) > 0);
    child_wait_end(20); /* it lives: only so long */
    cr_assert_eq(e.count, 0);
    child_kill(SIGKILL);
    child_wait_end(60000);
    cr_assert_eq(e.count, 1);
    cr_assert_eq(e.signal, SIGKILL);
    cr_assert_eq(child_active(), CHILD_NONE);
}

/* The loop: readiness, the order of a turn, timers, removal in the middle of a turn, nesting. */
#include "event/loop.h"
#include "base/clock.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

TestSuite(loop, .init = ev_init, .fini = ev_shutdown);

static char trace[256];
static void note(const char *what) {
    strncat(trace, what, sizeof trace - strlen(trace) - 1);
}

struct pair {
    struct ev_io io;
    int fds[2];
    int calls, last_ready;
    struct pair *removes; /* taken out by the handler */
};

static void on_pair(struct ev_io *io, int ready) {
    struct pair *p = io->ctx;
    char buf[64];
    p->calls++;
    p->last_ready = ready;
    if (ready & EV_READ) (void)!read(io->fd, buf, sizeof buf);
    if (p->removes) ev_io_set(&p->removes->io, 0);
    note("i");
}

static void pair_open(struct pair *p) {
    memset(p, 0, sizeof *p);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p->fds), 0);
    ev_io_init(&p->io, p->fds[0], on_pair, p);
}

static void pair_poke(struct pair *p) {
    cr_assert_eq(write(p->fds[1], "x", 1), 1);
}

Test(loop, readiness) {
    struct pair p;
    pair_open(&p);
    cr_assert(ev_io_set(&p.io, EV_READ));
    ev_turn(0);
    cr_assert_eq(p.calls, 0);
    pair_poke(&p);
    ev_turn(1000);
    cr_assert_eq(p.last_ready, EV_READ);
    ev_io_set(&p.io, EV_READ | EV_WRITE);
    ev_turn(1000);
    cr_assert_eq(p.last_ready, EV_WRITE);
    close(p.fds[1]);
    ev_io_set(&p.io, EV_WRITE);
    ev_turn(1000);
    cr_assert_eq(p.last_ready, EV_WRITE, "a hang-up is reported as what was asked for");
    ev_io_set(&p.io, 0);
    p.calls = 0;
    ev_turn(0);
    cr_assert_eq(p.calls, 0);
}

static int ready_seen;
static void see_ready(void) {
    ready_seen = ev_ready();
}

Test(loop, a_turn_knows_how_many_were_ready) {
    struct pair p, q;
    pair_open(&p);
    pair_open(&q);
    ev_io_set(&p.io, EV_READ);
    ev_io_set(&q.io, EV_READ);
    ev_hook_add(EV_BEFORE_WAIT, see_ready);
    pair_poke(&p);
    pair_poke(&q);
    ev_turn(1000);
    cr_assert_eq(ready_seen, 2);
    ev_turn(0);
    cr_assert_eq(ready_seen, 0);
    cr_assert_eq(ev_ready(), 0, "no turn is under way");
}

static void after_io(void) {
    note("a");
}
static void before_wait_1(void) {
    note("1");
}
static void before_wait_2(void) {
    note("2");
}
static int64_t timer_once(void *ctx) {
    (void)ctx;
    note("t");
    return EV_STOP;
}

Test(loop, order_of_a_turn) {
    struct pair p;
    struct ev_timer t;
    pair_open(&p);
    ev_io_set(&p.io, EV_READ);
    ev_hook_add(EV_BEFORE_WAIT, before_wait_1);
    ev_hook_add(EV_AFTER_IO, after_io);
    ev_hook_add(EV_BEFORE_WAIT, before_wait_2);
    ev_timer_init(&t, timer_once, NULL);
    ev_timer_start(&t, 0);
    pair_poke(&p);
    ev_turn(1000);
    cr_assert_str_eq(trace, "iat12");
}

Test(loop, removed_in_the_same_batch_is_not_called) {
    struct pair a, b;
    pair_open(&a);
    pair_open(&b);
    a.removes = &b;
    b.removes = &a;
    ev_io_set(&a.io, EV_READ);
    ev_io_set(&b.io, EV_READ);
    pair_poke(&a);
    pair_poke(&b);
    ev_turn(1000);
    cr_assert_eq(a.calls + b.calls, 1);
    ev_turn(0);
    cr_assert_eq(a.calls + b.calls, 1);
}

static struct pair *victim;
static void nest_and_free(struct ev_io *io, int ready) {
    struct pair *p = io->ctx;
    (void)ready;
    ev_io_set(io, 0);
    p->calls++;
    if (!victim) return;
    struct pair *gone = victim;
    victim = NULL;
    ev_io_set(&gone->io, 0);
    memset(gone, 0x5a, sizeof *gone); /* as freed memory would look */
    ev_turn(0);
}

Test(loop, freed_while_an_outer_batch_names_it) {
    enum { N = 20 };
    static struct pair p[N];
    for (int i = 0; i < N; i++) {
        pair_open(&p[i]);
        p[i].io.fn = nest_and_free;
        ev_io_set(&p[i].io, EV_READ);
        pair_poke(&p[i]);
    }
    victim = &p[N - 1];
    ev_turn(1000);
    ev_turn(0);
    for (int i = 0; i < N - 1; i++) cr_assert_eq(p[i].calls, 1, "%d", i);
}

static int64_t count_and_repeat(void *ctx) {
    ++*(int *)ctx;
    return 0;
}

Test(loop, timer_runs_once_a_turn) {
    int calls = 0;
    struct ev_timer t;
    ev_timer_init(&t, count_and_repeat, &calls);
    ev_timer_start(&t, 0);
    for (int i = 1; i <= 5; i++) {
        ev_turn(100);
        cr_assert_eq(calls, i);
    }
    ev_timer_stop(&t);
    ev_turn(0);
    cr_assert_eq(calls, 5);
}

static int64_t stop_me(void *ctx) {
    ++*(int *)ctx;
    return EV_STOP;
}

Test(loop, timers_fire_in_order_and_stopped_ones_do_not) {
    enum { N = 500 };
    static struct ev_timer t[N];
    static int calls[N];
    for (int i = 0; i < N; i++) {
        ev_timer_init(&t[i], stop_me, &calls[i]);
        ev_timer_start(&t[i], 3600000 + (i * 7919) % N);
    }
    for (int i = 0; i < N; i += 3) ev_timer_stop(&t[i]);
    for (int i = 0; i < N; i++) cr_assert_eq(ev_timer_armed(&t[i]), i % 3 != 0);
    ev_turn(0);
    for (int i = 1; i < N; i += 3) ev_timer_start(&t[i], 0); /* re-armed: due now */
    ev_turn(100);
    for (int i = 0; i < N; i++) cr_assert_eq(calls[i], i % 3 == 1, "%d", i);
    for (int i = 0; i < N; i++) ev_timer_stop(&t[i]);
}

Test(loop, waits_for_the_next_timer_and_not_longer) {
    int calls = 0;
    struct ev_timer t;
    ev_timer_init(&t, stop_me, &calls);
    uint64_t start = clock_mono_us();
    ev_timer_start(&t, 20);
    while (calls == 0) ev_turn(60000);
    uint64_t took_us = clock_mono_us() - start;
    cr_assert(took_us >= 20000 && took_us < 30000000);
    cr_assert_leq(ev_turns(), 3, "without spinning");
}

Test(loop, want_turn_does_not_sleep) {
    ev_want_turn();
    ev_turn(60000); /* would time the test out */
    uint64_t start = clock_mono_us();
    ev_turn(5);
    cr_assert_geq(clock_mono_us() - start, 4000, "only for one turn");
}

static int64_t leave(void *ctx) {
    if (--*(int *)ctx > 0) return 0;
    _exit(7);
}

Test(loop, runs_until_the_process_ends, .exit_code = 7) {
    int left = 3;
    struct ev_timer t;
    ev_timer_init(&t, leave, &left);
    ev_timer_start(&t, 1);
    ev_run();
}

static int depth, deepest;
static int64_t nest(void *ctx) {
    (void)ctx;
    if (++depth > deepest) deepest = depth;
    ev_turn(0);
    depth--;
    return 0;
}

Test(loop, a_running_timer_is_not_entered_again) {
    struct ev_timer t;
    ev_timer_init(&t, nest, NULL);
    ev_timer_start(&t, 0);
    for (int i = 0; i < 3; i++) ev_turn(100);
    cr_assert_eq(deepest, 1);
    ev_timer_stop(&t);
}

/* Longer than the clock can count, it must not come round to "now". */
Test(loop, an_endless_delay_never_comes) {
    struct ev_timer t;
    static const int64_t delays_ms[] = {INT64_MAX, INT64_MAX / 1000 + 1, 18446744073709552, 1ll << 60};
    static const uint64_t year_us = 365ull * 86400 * 1000000;
    ev_timer_init(&t, stop_me, NULL);
    for (size_t i = 0; i < sizeof delays_ms / sizeof *delays_ms; i++) {
        ev_timer_start(&t, delays_ms[i]);
        cr_assert(t.due_us > clock_mono_us() + year_us && t.due_us < UINT64_MAX / 2, "%zu", i);
        ev_timer_stop(&t);
    }
}

/* --- more in the same turn --- */

static struct pair first, second;
static int asked;

static int64_t once_more(void) {
    note("g");
    if (++asked == 1) pair_poke(&second);
    return asked == 1 ? 1000000 : -1;
}

static void note_execute(void) {
    note("x");
}

static void note_output(void) {
    note("o");
}

Test(loop, gathers_what_comes_before_anything_goes_out) {
    pair_open(&first);
    pair_open(&second);
    ev_hook_add(EV_AFTER_IO, note_execute);
    ev_hook_add(EV_BEFORE_WAIT, note_output);
    ev_set_gather(once_more);
    ev_io_set(&first.io, EV_READ);
    ev_io_set(&second.io, EV_READ | EV_WRITE);
    cr_assert_eq(ev_peek(), 1, "one is ready, for writing");
    pair_poke(&first);
    cr_assert_eq(ev_peek(), 2);
    ev_turn(1000);
    cr_assert_str_eq(trace, "iixgixgo", "%s", trace);
    cr_assert_eq(first.calls, 1);
    cr_assert_eq(second.calls, 2);
    cr_assert_eq(second.last_ready, EV_READ, "nothing is written in between");
}

static int64_t in_vain(void) {
    note("g");
    return 1000;
}

Test(loop, gathers_nothing_when_nothing_comes) {
    pair_open(&first);
    ev_hook_add(EV_AFTER_IO, note_execute);
    ev_set_gather(in_vain);
    ev_io_set(&first.io, EV_READ);
    pair_poke(&first);
    ev_turn(1000);
    cr_assert_str_eq(trace, "ixg", "%s", trace);
    ev_io_set(&first.io, EV_WRITE); /* ready all the time, but not to be read */
    trace[0] = 0;
    ev_turn(1000);
    cr_assert_str_eq(trace, "ixg", "%s", trace);
}

/* The epoll loop: see loop.h for the order of a turn.
 *
 * Invariants: an ev_io is known to the kernel exactly when its mask is not 0. A timer is in the heap exactly when
 * its heap_index is its place there. Turns may nest; each keeps its batch of ready descriptors in a frame on its
 * own stack, and the frames are chained so that a removal can strike a descriptor off all of them.
 *
 * It knows nothing of what the descriptors carry, and keeps no list of them. */
#include "event/loop.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { READY_MAX = 512, HOOKS_MAX = 16 };

#define DELAY_MS_MAX (100ll * 365 * 86400 * 1000) /* what is longer is never: a sum with it can't overflow */

/* The ready descriptors of one turn under way. */
struct frame {
    struct epoll_event ready[READY_MAX];
    int n, next; /* ready[next..n) have not been handled yet */
    int found;   /* in the whole turn */
    struct frame *outer;
};

static struct {
    int epoll_fd;
    bool want_turn;
    uint64_t turns;
    struct frame *frame; /* innermost */
    void (*hooks[EV_PHASES][HOOKS_MAX])(void);
    int hook_count[EV_PHASES];
    int64_t (*gather)(void);
    struct ev_timer **heap;
    int timers, heap_cap;
} loop = {.epoll_fd = -1};

void ev_init(void) {
    assert_that(loop.epoll_fd < 0);
    loop.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    assert_that(loop.epoll_fd >= 0);
    loop.want_turn = false;
    loop.turns = 0;
    loop.gather = NULL;
    memset(loop.hook_count, 0, sizeof loop.hook_count);
}

void ev_shutdown(void) {
    for (int i = 0; i < loop.timers; i++) loop.heap[i]->heap_index = -1;
    mem_free(loop.heap, (size_t)loop.heap_cap * sizeof *loop.heap);
    loop.heap = NULL;
    loop.timers = loop.heap_cap = 0;
    ev_disown();
}

void ev_disown(void) {
    if (loop.epoll_fd >= 0) close(loop.epoll_fd);
    loop.epoll_fd = -1;
}

/* --- descriptors --- */

void ev_io_init(struct ev_io *io, int fd, void (*fn)(struct ev_io *io, int ready), void *ctx) {
    *io = (struct ev_io){.fd = fd, .fn = fn, .ctx = ctx};
}

static void strike_off(const struct ev_io *io) {
    for (struct frame *f = loop.frame; f; f = f->outer) {
        for (int i = f->next; i < f->n; i++)
            if (f->ready[i].data.ptr == io) f->ready[i].data.ptr = NULL;
    }
}

bool ev_io_set(struct ev_io *io, int mask) {
    if (io->mask == mask) return true;
    if (loop.epoll_fd < 0) { /* shut down, or a forked child: the kernel's set is not ours to change */
        io->mask = 0;
        return true;
    }
    struct epoll_event e = {.data.ptr = io};
    if (mask & EV_READ) e.events |= EPOLLIN;
    if (mask & EV_WRITE) e.events |= EPOLLOUT;
    int op = mask == 0 ? EPOLL_CTL_DEL : io->mask == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if (epoll_ctl(loop.epoll_fd, op, io->fd, &e) < 0) {
        assert_that(errno == ENOMEM || errno == ENOSPC); /* all else is a wrong descriptor: ours to fix */
        return false;
    }
    io->mask = mask;
    if (mask == 0) strike_off(io);
    return true;
}

/* --- timers: a binary heap by due time --- */

static void heap_put(int i, struct ev_timer *t) {
    loop.heap[i] = t;
    t->heap_index = i;
}

static void sift_up(int i, struct ev_timer *t) {
    while (i > 0 && loop.heap[(i - 1) / 2]->due_us > t->due_us) {
        heap_put(i, loop.heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    heap_put(i, t);
}

static void sift_down(int i, struct ev_timer *t) {
    for (;;) {
        int child = 2 * i + 1;
        if (child >= loop.timers) break;
        if (child + 1 < loop.timers && loop.heap[child + 1]->due_us < loop.heap[child]->due_us) child++;
        if (loop.heap[child]->due_us >= t->due_us) break;
        heap_put(i, loop.heap[child]);
        i = child;
    }
    heap_put(i, t);
}

void ev_timer_init(struct ev_timer *t, int64_t (*fn)(void *ctx), void *ctx) {
    *t = (struct ev_timer){.fn = fn, .ctx = ctx, .heap_index = -1};
}

void ev_timer_stop(struct ev_timer *t) {
    int i = t->heap_index;
    if (i < 0) return;
    assert_that(i < loop.timers && loop.heap[i] == t);
    t->heap_index = -1;
    struct ev_timer *last = loop.heap[--loop.timers];
    if (last == t) return;
    if (i > 0 && loop.heap[(i - 1) / 2]->due_us > last->due_us)
        sift_up(i, last);
    else
        sift_down(i, last);
}

void ev_timer_start(struct ev_timer *t, int64_t delay_ms) {
    ev_timer_stop(t);
    if (loop.timers == loop.heap_cap) {
        int cap = loop.heap_cap ? loop.heap_cap * 2 : 16;
        loop.heap = mem_resize(loop.heap, (size_t)loop.heap_cap * sizeof *loop.heap,
                               (size_t)cap * sizeof *loop.heap);
        loop.heap_cap = cap;
    }
    if (delay_ms > DELAY_MS_MAX) delay_ms = DELAY_MS_MAX;
    t->due_us = clock_mono_us() + (uint64_t)(delay_ms > 0 ? delay_ms : 0) * 1000;
    sift_up(loop.timers++, t);
}

/* Each timer runs at most once a turn, because what it re-arms is due after `now`. */
static void run_timers(void) {
    if (loop.timers == 0) return;
    uint64_t now = clock_mono_us();
    while (loop.timers > 0 && loop.heap[0]->due_us <= now) {
        struct ev_timer *t = loop.heap[0];
        ev_timer_stop(t);
        int64_t again_ms = t->fn(t->ctx);
        if (again_ms == EV_STOP) continue; /* t may be gone */
        ev_timer_start(t, again_ms);
        if (t->due_us <= now) { /* a clock that stands still must not hold us here */
            ev_timer_stop(t);
            t->due_us = now + 1;
            sift_up(loop.timers++, t);
        }
    }
}

static int wait_ms(int timeout_ms) {
    if (loop.want_turn || timeout_ms == 0) return 0;
    if (loop.timers == 0) return timeout_ms;
    uint64_t now = clock_mono_us(), due = loop.heap[0]->due_us;
    if (due <= now) return 0;
    uint64_t ms = (due - now + 999) / 1000; /* up, or the last millisecond would be spent spinning */
    if (timeout_ms >= 0 && ms > (uint64_t)timeout_ms) return timeout_ms;
    return ms > 3600000 ? 3600000 : (int)ms;
}

/* --- turns --- */

void ev_hook_add(enum ev_phase phase, void (*fn)(void)) {
    assert_that(loop.hook_count[phase] < HOOKS_MAX);
    loop.hooks[phase][loop.hook_count[phase]++] = fn;
}

void ev_set_gather(int64_t (*how_long_us)(void)) {
    loop.gather = how_long_us;
}

int ev_peek(void) {
    struct epoll_event ready[READY_MAX];
    int n = epoll_wait(loop.epoll_fd, ready, READY_MAX, 0);
    return n > 0 ? n : 0;
}

static void run_hooks(enum ev_phase phase) {
    for (int i = 0; i < loop.hook_count[phase]; i++) loop.hooks[phase][i]();
}

static void handle_ready(struct frame *f, int wanted) {
    while (f->next < f->n) {
        const struct epoll_event *e = &f->ready[f->next++];
        struct ev_io *io = e->data.ptr;
        if (!io) continue; /* struck off */
        int ready = 0;
        if (e->events & EPOLLIN) ready |= EV_READ;
        if (e->events & EPOLLOUT) ready |= EV_WRITE;
        if (e->events & (EPOLLERR | EPOLLHUP)) ready |= EV_READ | EV_WRITE;
        ready &= io->mask & wanted; /* an earlier handler may have lost interest for it */
        if (ready) io->fn(io, ready);
    }
}

static int wait_us(struct frame *f, int64_t us) {
    struct timespec t = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    long n = syscall(SYS_epoll_pwait2, loop.epoll_fd, f->ready, READY_MAX, &t, NULL, 0);
    if (n < 0 && errno == ENOSYS)
        n = epoll_wait(loop.epoll_fd, f->ready, READY_MAX, 0); /* before Linux 5.11: no waiting */
    return n > 0 ? (int)n : 0;
}

static bool any_readable(const struct frame *f) {
    for (int i = 0; i < f->n; i++)
        if (f->ready[i].events & ~(uint32_t)EPOLLOUT) return true;
    return false;
}

static void gather(struct frame *f) {
    for (int64_t us; (us = loop.gather()) >= 0;) {
        f->n = wait_us(f, loop.want_turn ? 0 : us);
        f->next = 0;
        if (!any_readable(f) && !loop.want_turn) return;
        loop.want_turn = false;
        f->found += f->n;
        handle_ready(f, EV_READ);
        run_hooks(EV_AFTER_IO);
    }
}

void ev_turn(int timeout_ms) {
    struct frame f;
    int wait = wait_ms(timeout_ms);
    loop.want_turn = false;
    int n = epoll_wait(loop.epoll_fd, f.ready, READY_MAX, wait);
    assert_that(n >= 0 || errno == EINTR);
    clock_update();
    f.found = f.n = n > 0 ? n : 0;
    f.next = 0;
    f.outer = loop.frame;
    loop.frame = &f;
    loop.turns++;
    handle_ready(&f, EV_READ | EV_WRITE);
    run_hooks(EV_AFTER_IO);
    if (loop.gather) gather(&f);
    run_timers();
    run_hooks(EV_BEFORE_WAIT);
    assert_that(loop.frame == &f);
    loop.frame = f.outer;
}

void ev_want_turn(void) {
    loop.want_turn = true;
}

void ev_run(void) {
    for (;;) ev_turn(-1);
}

uint64_t ev_turns(void) {
    return loop.turns;
}

int ev_ready(void) {
    return loop.frame ? loop.frame->found : 0;
}

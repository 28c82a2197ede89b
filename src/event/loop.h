/* The epoll loop: readiness, timers and the phases of a turn.
 *
 * One turn: epoll_wait -> clock_update -> io handlers -> EV_AFTER_IO hooks (clients: parse, prefetch, execute) ->
 * due timers -> EV_BEFORE_WAIT hooks in order of registration (log, AOF, replicas, replies, freeing closed clients).
 * Before the timers somebody may ask for more reading and executing in the same turn (ev_set_gather).
 * One loop a process; the state is this room's own.
 *
 * Ownership: ev_io and ev_timer are embedded in their owners and must stay alive until removed (ev_io_set(io, 0),
 * ev_timer_stop). Once removed they are never called or looked at again, not even when the running batch of ready
 * descriptors still named them: removal strikes them off every batch under way. Level-triggered. */
#ifndef TANDEM_EVENT_LOOP_H
#define TANDEM_EVENT_LOOP_H

#include <stdbool.h>
#include <stdint.h>

enum { EV_READ = 1, EV_WRITE = 2 };

struct ev_io {
    int fd;
    int mask; /* what is registered now: EV_READ | EV_WRITE */
    void (*fn)(struct ev_io *io, int ready);
    void *ctx;
};

void ev_init(void);
void ev_shutdown(void); /* forgets everything; for tests */
void ev_io_init(struct ev_io *io, int fd, void (*fn)(struct ev_io *io, int ready), void *ctx);
/* Adds, changes or (0) removes; no system call when nothing changes. False when the kernel has no room for it
 * (ENOSPC, ENOMEM): then nothing has changed. An error or hang-up on the descriptor is reported as all of `mask`. */
bool ev_io_set(struct ev_io *io, int mask);

struct ev_timer {
    uint64_t due_us; /* monotonic */
    int64_t (*fn)(
        void *ctx); /* returns ms until the next call, or EV_STOP (then the timer may be freed in it) */
    void *ctx;
    int heap_index; /* -1: not armed */
};
enum { EV_STOP = -1 };
void ev_timer_init(struct ev_timer *t, int64_t (*fn)(void *ctx), void *ctx);
void ev_timer_start(struct ev_timer *t, int64_t delay_ms); /* re-arms when armed */
void ev_timer_stop(struct ev_timer *t);
static inline bool ev_timer_armed(const struct ev_timer *t) {
    return t->heap_index >= 0;
}

enum ev_phase { EV_AFTER_IO, EV_BEFORE_WAIT, EV_PHASES };
void ev_hook_add(enum ev_phase phase, void (*fn)(void));
void ev_want_turn(void); /* there is work left over: the next epoll_wait must not sleep */

/* Asked after EV_AFTER_IO, and again each time that more came: how many microseconds to wait for more to read, which is handled
 * in this turn too; -1: go on. Nothing is written meanwhile: descriptors that are ready for it have to wait. */
void ev_set_gather(int64_t (*how_long_us)(void));
int ev_peek(void); /* how many descriptors are ready now; they are handled in the next turn */

_Noreturn void ev_run(void); /* turn after turn: the server ends by exit */
/* One turn from inside long work (loading, DEBUG SLEEP's watchdog): waits at most timeout_ms (-1: until something
 * happens) and does all that a turn does, hooks and timers included. May be called from a handler, hook or timer;
 * whoever runs there must bear being entered again. A timer is never entered while it runs; those that must not run
 * while loading look at the loader's state. */
void ev_turn(int timeout_ms);
uint64_t ev_turns(void); /* turns so far */
int ev_ready(void); /* how many descriptors the turn under way found ready; 0: it woke for other reasons */
/* In a forked child: the loop is the parent's, from here on ev_io_set does nothing. */
void ev_disown(void);

#endif

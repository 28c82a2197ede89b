/* Clients that wait: for replicas (WAIT), for keys (blocking.c), for the end of a pause (CLIENT PAUSE,
 * FAILOVER), for a shutdown that waits itself.
 *
 * Invariant: a client has CLIENT_BLOCKED and a client_block exactly while it stands in a list here, its reason's. A request that
 * a pause holds back has been taken off the input already, so it is copied and executed when the pause is over.
 *
 * Replies are written from hooks and timers, never while another handler runs for the same client. */
#include "command/blocked.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "command/handlers.h"
#include "repl/repl.h"
#include "server/server.h"

static struct {
    struct client_block *first, *last; /* in the order in which they came */
} blocks[BLOCK_REASONS];
static struct ev_timer pause_timer;
static struct {
    enum pause what;
    uint64_t until_ms; /* monotonic; NEVER: until pause_end */
} pauses[PAUSE_CAUSES];
static enum pause pause_what; /* the strictest of them */
static uint64_t generation;   /* of pauses: each resumption starts a new one */

#define NEVER UINT64_MAX

static int64_t on_timeout(void *ctx);

struct client_block *block_start(struct client *c, enum block_reason why, int64_t timeout_ms) {
    struct client_block *b = mem_zalloc(sizeof *b);
    b->why = why;
    b->c = c;
    b->prev = blocks[why].last;
    *(b->prev ? &b->prev->next : &blocks[why].first) = b;
    blocks[why].last = b;
    c->block = b;
    client_block(c);
    ev_timer_init(&b->timeout, on_timeout, b);
    b->timed = timeout_ms > 0;
    if (b->timed) ev_timer_start(&b->timeout, timeout_ms);
    server_gauges.timed_waits += b->timed;
    return b;
}

static void unlink_block(struct client_block *b) {
    *(b->prev ? &b->prev->next : &blocks[b->why].first) = b->next;
    *(b->next ? &b->next->prev : &blocks[b->why].last) = b->prev;
    b->c->block = NULL;
    ev_timer_stop(&b->timeout);
    server_gauges.timed_waits -= b->timed;
}

static void free_block(struct client_block *b) {
    if (b->why == WAITS_FOR_KEYS)
        blocking_forget(b);
    else
        mem_free(b->argv, b->bytes);
    mem_free(b, sizeof *b);
}

void block_forget(struct client *c) {
    struct client_block *b = c->block;
    if (!b) return;
    unlink_block(b);
    free_block(b);
}

void block_wake(struct client_block *b) {
    struct client *c = b->c;
    unlink_block(b);
    free_block(b);
    client_unblock(c);
    client_request_over(c);
}

/* --- the ends that every wait has --- */

static void answer_wait(struct client_block *b) {
    reply_int(&b->c->out, (int64_t)repl_acked_by(b->offset));
    block_wake(b);
}

static void answer_time_is_over(struct client_block *b) {
    if (b->why == WAITS_FOR_REPLICAS) {
        answer_wait(b);
    } else {
        reply_null_array(&b->c->out);
        block_wake(b);
    }
}

static int64_t on_timeout(void *ctx) {
    answer_time_is_over(ctx);
    return EV_STOP;
}

static bool may_end_early(const struct client_block *b) {
    return b->why == WAITS_FOR_REPLICAS || b->why == WAITS_FOR_KEYS;
}

bool block_cancel(struct client *c, bool as_error) {
    struct client_block *b = c->block;
    if (!b || !may_end_early(b)) return false;
    if (as_error) {
        reply_error(&c->out, "UNBLOCKED client unblocked via CLIENT UNBLOCK");
        block_wake(b);
    } else {
        answer_time_is_over(b);
    }
    return true;
}

/* What they wait for can't come any more: we are a replica now, and their writes may be undone. */
static void end_all(enum block_reason why) {
    for (struct client_block *b; (b = blocks[why].first);) {
        struct client *c = b->c;
        reply_error(&c->out,
                    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> "
                    "replica?)");
        block_wake(b);
        client_close_after_reply(c);
    }
}

void block_became_replica(void) {
    end_all(WAITS_FOR_REPLICAS);
    end_all(WAITS_FOR_KEYS);
}

/* --- WAIT --- */

void block_for_replicas(struct client *c, int64_t offset, int64_t replicas, int64_t timeout_ms) {
    struct client_block *b = block_start(c, WAITS_FOR_REPLICAS, timeout_ms);
    b->offset = offset;
    b->replicas = replicas;
}

static void on_ack(void) {
    for (struct client_block *b = blocks[WAITS_FOR_REPLICAS].first, *next; b; b = next) {
        next = b->next;
        if ((int64_t)repl_acked_by(b->offset) >= b->replicas) answer_wait(b);
    }
}

/* --- pauses --- */

/* Those that are over end; the others add up. Returns when the next one ends: NEVER when none does by itself. */
static uint64_t add_up_pauses(void) {
    uint64_t now = clock_mono_ms(), next = NEVER;
    enum pause all = PAUSE_NONE;
    for (int i = 0; i < PAUSE_CAUSES; i++) {
        if (pauses[i].until_ms <= now) pauses[i].what = PAUSE_NONE;
        if (pauses[i].what > all) all = pauses[i].what;
        if (pauses[i].what != PAUSE_NONE && pauses[i].until_ms < next) next = pauses[i].until_ms;
    }
    if ((all == PAUSE_NONE) != (pause_what == PAUSE_NONE)) ks_hold_expiry(all != PAUSE_NONE);
    pause_what = all;
    return next;
}

static void wake_at(uint64_t at_ms) {
    uint64_t now = clock_mono_ms();
    if (at_ms != NEVER) ev_timer_start(&pause_timer, at_ms > now ? (int64_t)(at_ms - now) : 0);
}

void pause_start(enum pause_cause cause, enum pause what, int64_t ms) {
    uint64_t until = ms == PAUSE_FOR_EVER ? NEVER : clock_mono_ms() + (uint64_t)ms;
    if (pauses[cause].what == PAUSE_NONE) pauses[cause].until_ms = 0;
    if (what > pauses[cause].what) pauses[cause].what = what;
    if (until > pauses[cause].until_ms) pauses[cause].until_ms = until;
    wake_at(add_up_pauses());
}

void pause_end(enum pause_cause cause) {
    if (pauses[cause].what == PAUSE_NONE) return;
    pauses[cause].until_ms = 0;
    wake_at(0); /* not here: another request is being executed */
}

void block_hold_writes(bool on) {
    if (on)
        pause_start(PAUSE_BY_FAILOVER, PAUSE_WRITE, PAUSE_FOR_EVER);
    else
        pause_end(PAUSE_BY_FAILOVER);
}

void block_slow_writes(int64_t ms) {
    pause_start(PAUSE_BY_PRESSURE, PAUSE_WRITE, ms);
}

bool pause_holds(const struct client *c, const struct command *cmd) {
    if (likely(pause_what == PAUSE_NONE && !server_shutting_down()) ||
        (c->flags & (CLIENT_REPLICA | CLIENT_MONITOR)))
        return false;
    if (pause_what == PAUSE_ALL) return true;
    const struct txn *txn = txn_peek(c);
    uint32_t flags = cmd->flags;
    if (cmd->run == exec_command && txn) flags |= txn->flags;
    return flags & (CMD_WRITE | CMD_MAY_REPLICATE);
}

static slice copy_to(char **at, slice s) {
    slice copy = {*at, s.n};
    memcpy(*at, s.p, s.n);
    *at += s.n;
    return copy;
}

void pause_postpone(struct client *c, const struct request *r) {
    struct client_block *b = block_start(c, IS_POSTPONED, 0);
    slice raw = {"", 0};
    if (c->flags & CLIENT_MASTER) raw = r->raw;
    size_t vector = (size_t)r->argc * sizeof *b->argv, n = vector + raw.n;
    for (int i = 0; i < r->argc; i++) n += r->argv[i].n;
    b->argv = mem_alloc(n);
    b->argc = r->argc;
    b->bytes = n;
    b->generation = generation;
    char *at = (char *)b->argv + vector;
    for (int i = 0; i < r->argc; i++) b->argv[i] = copy_to(&at, r->argv[i]);
    b->raw = copy_to(&at, raw);
}

/* Unblocks first, because the request itself may block. Its reply goes out with what client_unblock scheduled. Who was
 * killed meanwhile has asked for nothing. */
static void execute_postponed(struct client_block *b) {
    struct client *c = b->c;
    struct request r = {.c = c, .argv = b->argv, .argc = b->argc, .raw = b->raw, .is_inline = true};
    unlink_block(b);
    client_unblock(c);
    if (!(c->flags & CLIENT_CLOSE_ASAP)) {
        dispatch_prepare(&r, 1);
        client_execute(c, &r);
        client_want_write(c);
    }
    free_block(b);
}

/* Executes what the pause held back, oldest first, and not what is postponed anew meanwhile. */
static void resume_all(void) {
    uint64_t before = ++generation;
    struct client_block *b;
    while ((b = blocks[IS_POSTPONED].first) && b->generation < before) execute_postponed(b);
}

static int64_t on_pause_timer(void *ctx) {
    (void)ctx;
    wake_at(add_up_pauses());
    if (pause_what != PAUSE_ALL && !server_shutting_down())
        resume_all(); /* what is still held is postponed anew */
    return EV_STOP;
}

/* --- shutdown --- */

void block_for_shutdown(struct client *c) {
    block_start(c, WAITS_FOR_SHUTDOWN, 0);
}

static void on_shutdown_given_up(void) {
    for (struct client_block *b; (b = blocks[WAITS_FOR_SHUTDOWN].first);) {
        reply_error(&b->c->out, "ERR Errors trying to SHUTDOWN. Check logs.");
        block_wake(b);
    }
    ev_timer_start(&pause_timer, 0); /* what it held back goes on, unless a pause holds it still */
}

void block_init(void) {
    ev_timer_init(&pause_timer, on_pause_timer, NULL);
    repl_set_ack_hook(on_ack);
    server_set_shutdown_hook(on_shutdown_given_up);
}

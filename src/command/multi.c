/* Transactions: MULTI queues, EXEC runs the queue as one unit, DISCARD drops it.
 *
 * The queue keeps each request as RESP bytes, one after the other in one string, and remembers where its arguments lie:
 * EXEC runs over slices into it and what runs verbatim is appended to the log from there. Only here and in watch.c is
 * client.txn looked into.
 *
 * Invariant: a client has CLIENT_MULTI set exactly from MULTI to EXEC, DISCARD, RESET or its end. */
#include "command/dispatch.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/num.h"
#include "base/sds.h"
#include "command/access.h"
#include "command/handlers.h"
#include "command/propagate.h"
#include "resp/request.h"

struct queued {
    struct command *cmd;
    size_t at, n; /* the request in txn.bytes; behind it argc pairs of offset and length, unaligned */
    int argc;
};

struct span {
    size_t at, n;
};

struct txn *txn_of(struct client *c) {
    if (!c->txn) c->txn = mem_zalloc(sizeof(struct txn));
    return c->txn;
}

void txn_release(struct client *c) {
    struct txn *t = c->txn;
    if (!t || t->n || t->watches) return;
    mem_free(t, sizeof *t);
    c->txn = NULL;
}

int txn_queued(const struct client *c, size_t *bytes) {
    const struct txn *t = c->txn;
    if (!(c->flags & CLIENT_MULTI)) return -1;
    if (bytes) *bytes = t && t->bytes ? sds_alloc_bytes(t->bytes) + (size_t)t->cap * sizeof *t->queue : 0;
    return t ? t->n : 0;
}

/* --- queueing --- */

static sds cat_request(sds s, const slice *argv, int argc, struct queued *q) {
    q->at = sds_len(s);
    s = request_cat(s, argc, argv);
    q->n = sds_len(s) - q->at;
    size_t at = q->at + 1 + (size_t)num_digits_u64((uint64_t)argc) + 2;
    for (int i = 0; i < argc; i++) {
        at += 1 + (size_t)num_digits_u64(argv[i].n) + 2;
        struct span span = {at, argv[i].n};
        s = sds_cat(s, &span, sizeof span);
        at += argv[i].n + 2;
    }
    return s;
}

void txn_queue(struct client *c, struct command *cmd, const slice *argv, int argc) {
    /* It is going to fail: no use in keeping what comes. */
    if (c->flags & (CLIENT_DIRTY_CAS | CLIENT_DIRTY_EXEC)) return;
    struct txn *t = txn_of(c);
    if (t->n == t->cap) {
        int cap = t->cap ? t->cap * 2 : 4;
        t->queue = mem_resize(t->queue, (size_t)t->cap * sizeof *t->queue, (size_t)cap * sizeof *t->queue);
        t->cap = cap;
    }
    struct queued *q = &t->queue[t->n++];
    *q = (struct queued){.cmd = cmd, .argc = argc};
    t->bytes = cat_request(t->bytes ? t->bytes : sds_empty(), argv, argc, q);
    t->flags |= cmd->flags;
    t->lacking |= ~cmd->flags;
}

static void drop_queue(struct client *c) {
    struct txn *t = c->txn;
    c->flags &= ~(uint32_t)(CLIENT_MULTI | CLIENT_DIRTY_CAS | CLIENT_DIRTY_EXEC);
    if (!t) return;
    mem_free(t->queue, (size_t)t->cap * sizeof *t->queue);
    sds_free(t->bytes);
    t->queue = NULL;
    t->bytes = NULL;
    t->n = t->cap = 0;
    t->flags = t->lacking = 0;
}

void txn_discard(struct client *c) {
    drop_queue(c);
    watch_forget(c);
    txn_release(c);
}

/* --- commands --- */

void multi_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    if (c->flags & CLIENT_MULTI) {
        reply_error(&c->out, "ERR MULTI calls can not be nested");
        return;
    }
    c->flags |= CLIENT_MULTI;
    reply_ok(&c->out);
}

void discard_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    if (!(c->flags & CLIENT_MULTI)) {
        reply_error(&c->out, "ERR DISCARD without MULTI");
        return;
    }
    txn_discard(c);
    reply_ok(&c->out);
}

void exec_abort(struct client *c, const char *error) {
    txn_discard(c);
    reply_errorf(&c->out, "EXECABORT Transaction discarded because of: %s", error);
}

static void run_queue(struct client *c, struct txn *t) {
    int most = 0;
    for (int i = 0; i < t->n; i++) most = t->queue[i].argc > most ? t->queue[i].argc : most;
    slice *argv = mem_alloc((size_t)most * sizeof *argv);
    for (int i = 0; i < t->n; i++) {
        const struct queued *q = &t->queue[i];
        for (int k = 0; k < q->argc; k++) {
            struct span span;
            memcpy(&span, t->bytes + q->at + q->n + (size_t)k * sizeof span, sizeof span);
            argv[k] = (slice){t->bytes + span.at, span.n};
        }
        c->last_command = q->cmd;
        /* Permissions may have changed since it was queued. */
        if (unlikely(c->limited) && !access_allows_queued(c, q->cmd, argv, q->argc)) continue;
        call_command(c, q->cmd, argv, q->argc, (slice){t->bytes + q->at, q->n});
    }
    mem_free(argv, (size_t)most * sizeof *argv);
}

void exec_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    const struct command *exec = c->last_command;
    if (!(c->flags & CLIENT_MULTI)) {
        reply_error(&c->out, "ERR EXEC without MULTI");
        return;
    }
    if (watch_has_expired(c)) c->flags |= CLIENT_DIRTY_CAS;
    if (c->flags & (CLIENT_DIRTY_EXEC | CLIENT_DIRTY_CAS)) {
        if (c->flags & CLIENT_DIRTY_EXEC)
            reply_error(&c->out, "EXECABORT Transaction discarded because of previous errors.");
        else
            reply_null_array(&c->out);
        txn_discard(c);
        return;
    }
    watch_forget(c);
    struct txn *t = txn_of(c);
    reply_array(&c->out, t->n);
    run_queue(c, t);
    c->last_command = exec;
    propagate_none();
    propagate_flush(); /* the log is fed from the queue's bytes, which go now */
    drop_queue(c);
    txn_release(c);
}

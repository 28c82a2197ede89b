/* The clients: making, closing and freeing them; see client.h.
 *
 * Invariants: `all` holds every client with a socket, in the order of their ids. A client is freed only by
 * client_free, at the end of a turn, with CLIENT_CLOSE_ASAP set (or its reply sent, when that was to close it), not
 * protected, and while no list but `all` and no batch names it.
 *
 * What its requests mean is dispatch's matter, and how its bytes come and go input.c's and output.c's. */
#include "client/internal.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"

#include <unistd.h>

struct client_config client_config = {
    .limits =
        {[CLASS_REPLICA] = {256ull << 20, 64ull << 20, 60}, [CLASS_PUBSUB] = {32ull << 20, 8ull << 20, 60}},
    .query_buffer_bytes = 1ull << 30,
    .max_bulk_bytes = 512ll << 20,
    .max_clients = 10000,
    .tcp_keepalive_s = 300,
    .pipeline_budget = 1024,
};
struct client_stats client_stats;
struct client_hooks client_hooks;

static struct {
    struct client *first, *last;
    size_t count;
    uint64_t last_id;
} all;

void client_set_hooks(const struct client_hooks *hooks) {
    client_hooks = *hooks;
}

void client_room_init(void) {
    batch_init();
    ev_hook_add(EV_AFTER_IO, input_execute);
    ev_hook_add(EV_BEFORE_WAIT, output_end_of_turn);
}

void client_room_shutdown(void) {
    client_stop_listening();
    while (all.first) {
        all.first->pending = 0;
        all.first->flags &= ~(uint32_t)CLIENT_PROTECTED;
        client_free(all.first);
    }
    input_forget();
    output_forget();
    batch_shutdown();
}

/* --- readiness --- */

static void on_ready(struct ev_io *io, int ready) {
    struct client *c = io->ctx;
    if (c->pending & IN_BATCH) return; /* a nested turn: its reply may be half written */
    if (ready & EV_WRITE) {
        output_send(c);
        if (unlikely(client_memory_limited)) memory_charge(c);
    }
    if ((ready & EV_READ) && !(c->flags & CLIENT_CLOSING)) input_read(c);
}

/* Brings the descriptor's registration in line with what the client waits for. */
void client_update_interest(struct client *c, bool want_write) {
    bool want_read = c->watches_read && !(c->flags & CLIENT_CLOSING);
    if (c->io.fd < 0) return;
    if (!ev_io_set(&c->io, (want_read ? EV_READ : 0) | (want_write ? EV_WRITE : 0))) client_close(c);
}

void client_resume_reading(struct client *c, bool on) {
    c->watches_read = on;
    client_update_interest(c, c->io.mask & EV_WRITE);
}

/* --- making and freeing --- */

static void link_last(struct client *c) {
    c->prev = all.last;
    if (all.last)
        all.last->next = c;
    else
        all.first = c;
    all.last = c;
    all.count++;
}

static void unlink_client(struct client *c) {
    if (c->prev)
        c->prev->next = c->next;
    else
        all.first = c->next;
    if (c->next)
        c->next->prev = c->prev;
    else
        all.last = c->prev;
    all.count--;
}

struct client *client_new(int fd) {
    struct client *c = mem_zalloc(sizeof *c);
    ev_io_init(&c->io, fd, on_ready, c);
    c->id = ++all.last_id;
    c->authenticated = true; /* hooks.may_accept knows better */
    reply_init(&c->out);
    resp_parser_reset(&c->parser);
    c->created_ms = clock_ms();
    c->last_active_ms = clock_steady_ms();
    if (fd < 0) {
        c->flags = CLIENT_FAKE;
        c->out.muted = true;
        return c;
    }
    link_last(c);
    client_resume_reading(c, true);
    return c;
}

void client_free(struct client *c) {
    assert_that(!c->pending && !(c->flags & CLIENT_PROTECTED));
    memory_release(c);
    if (client_hooks.closed) client_hooks.closed(c);
    ev_io_set(&c->io, 0);
    if (c->io.fd >= 0) {
        limits_forget(c);
        unlink_client(c);
        close(c->io.fd);
    }
    input_drop(c);
    resp_parser_free(&c->parser);
    reply_free(&c->out);
    sds_free(c->name);
    mem_free(c, sizeof *c);
}

/* --- closing --- */

void client_close(struct client *c) {
    if (c->flags & CLIENT_CLOSE_ASAP) return;
    c->flags |= CLIENT_CLOSE_ASAP;
    memory_release(c);
    if (c->io.fd >= 0) ev_io_set(&c->io, 0);
    output_add(c);
    if (client_hooks.closing) client_hooks.closing(c);
}

void client_close_after_reply(struct client *c) {
    if (c->flags & CLIENT_CLOSING) return;
    c->flags |= CLIENT_CLOSE_AFTER_REPLY;
    client_update_interest(c, c->io.mask & EV_WRITE);
    output_add(c);
}

void client_protect(struct client *c) {
    c->flags |= CLIENT_PROTECTED;
}

void client_unprotect(struct client *c) {
    c->flags &= ~(uint32_t)CLIENT_PROTECTED;
    if (!(c->flags & CLIENT_CLOSING)) return;
    output_add(c);
    ev_want_turn();
}

/* --- blocking --- */

void client_block(struct client *c) {
    c->flags |= CLIENT_BLOCKED;
}

void client_unblock(struct client *c) {
    if (!(c->flags & CLIENT_BLOCKED)) return;
    c->flags &= ~(uint32_t)CLIENT_BLOCKED;
    c->pending &= ~(uint32_t)DELAYED;
    output_add(c);
    if (c->in_len > c->in_pos) input_take_up(c);
}

/* --- walking --- */

struct client *client_first(void) {
    return all.first;
}

struct client *client_by_id(uint64_t id) {
    struct client *c = all.first;
    while (c && c->id != id) c = c->next;
    return c && c->flags & CLIENT_CLOSE_ASAP ? NULL : c;
}

size_t client_count(void) {
    return all.count;
}

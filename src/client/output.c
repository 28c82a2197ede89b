/* Sending. Clients with something to send, and those to be closed, are put on one list and looked after at the end
 * of the turn: one write(2) each. EV_WRITE is asked for only when the socket was full.
 *
 * A client whose request is being executed is passed over by nested turns, because its reply may be half written.
 * This is also the only place where clients are freed. */
#include "client/internal.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    IOVECS = 64,
    CHUNK_BYTES = 16 * 1024, /* of replies, reply.h */
    /* Beyond a tick of the kernel's: a sleep that ends before it has to set the clock, which costs 3 us here. */
    DELAY_MS = 10,
    /* To one client in a turn, so that one that reads fast does not hold up the others. */
    SEND_BYTES_MAX = 4 << 20
};

static struct {
    struct client *first, *last;
    size_t count;
    bool turn_done; /* this turn's end has begun: what is added needs another turn */
} out_list;

static void list_add(struct client *c) {
    if (c->pending & ON_OUTPUT) return;
    c->pending |= ON_OUTPUT;
    c->next_output = NULL;
    if (out_list.first)
        out_list.last->next_output = c;
    else
        out_list.first = c;
    out_list.last = c;
    out_list.count++;
}

void output_add(struct client *c) {
    list_add(c);
    if (out_list.turn_done) ev_want_turn();
}

static struct client *take_first(void) {
    struct client *c = out_list.first;
    if (!c) return NULL;
    out_list.first = c->next_output;
    out_list.count--;
    c->pending &= ~(uint32_t)ON_OUTPUT;
    return c;
}

void client_want_write(struct client *c) {
    output_add(c);
}

/* The output limits are looked at beyond a chunk, as for replies. A socket that is full keeps what comes now for long. */
void client_push(struct client *c, const struct reply_piece *piece) {
    if (c->flags & CLIENT_CLOSING) return;
    reply_share(&c->out, piece, c->io.mask & EV_WRITE);
    output_add(c);
    if (unlikely(reply_pending(&c->out) > CHUNK_BYTES)) limits_check_output(c);
}

enum sent { SENT_ALL, SENT_PART, SENT_FAILED };

static enum sent send_once(struct client *c, size_t *total) {
    struct iovec iov[IOVECS];
    int n = reply_iov(&c->out, iov, IOVECS);
    size_t offered = 0;
    for (int i = 0; i < n; i++) offered += iov[i].iov_len;
    ssize_t sent = n == 1 ? write(c->io.fd, iov[0].iov_base, iov[0].iov_len) : writev(c->io.fd, iov, n);
    client_stats.writes++;
    if (iov[0].iov_len > c->reply_peak_bytes && iov[0].iov_len <= CHUNK_BYTES)
        c->reply_peak_bytes = (uint32_t)iov[0].iov_len;
    if (sent < 0) {
        if (errno == EAGAIN || errno == EINTR) return SENT_PART;
        log_verbose("Error writing to client: %s", strerror(errno));
        return SENT_FAILED;
    }
    reply_consume(&c->out, (size_t)sent);
    *total += (size_t)sent;
    return (size_t)sent < offered ? SENT_PART : SENT_ALL;
}

static enum sent send_replies(struct client *c) {
    enum sent status = SENT_ALL;
    size_t total = 0;
    while (c->out.head && status == SENT_ALL && total < SEND_BYTES_MAX) status = send_once(c, &total);
    if (total) {
        if (!(c->flags & CLIENT_MASTER)) c->last_active_ms = clock_steady_ms();
        c->total_out_bytes += total;
        if (!(c->flags & (CLIENT_MASTER | CLIENT_REPLICA))) client_stats.out_bytes += total;
    }
    return status == SENT_ALL && c->out.head ? SENT_PART : status;
}

/* Sends what the socket takes, and asks for EV_WRITE while there is more. */
void output_send(struct client *c) {
    if (c->flags & CLIENT_CLOSE_ASAP) return;
    if (c->io.fd < 0) {
        reply_free(&c->out);
        return;
    }
    enum sent status = c->out.head ? send_replies(c) : SENT_ALL;
    if (unlikely(status == SENT_FAILED)) {
        client_close(c);
        return;
    }
    bool more = status == SENT_PART;
    if (unlikely(c->out.shares) && more) reply_unshare(&c->out);
    if (!more && c->feed) more = c->feed(c);
    if (c->flags & CLIENT_CLOSE_ASAP) return; /* the feed gave up */
    if (more != !!(c->io.mask & EV_WRITE)) client_update_interest(c, more);
    if (more)
        limits_check_output(c);
    else if (c->flags & CLIENT_CLOSE_AFTER_REPLY)
        client_close(c);
}

void client_flush(struct client *c) {
    output_send(c);
}

/* --- delayed replies --- */

static int64_t nothing(void *ctx) {
    (void)ctx;
    return EV_STOP;
}

/* There will be one, if only for this. */
static struct ev_timer next_turn = {.fn = nothing, .heap_index = -1};

void client_delay_replies(struct client *c) {
    c->pending |= DELAYED;
}

static bool delay(struct client *c) {
    c->pending &= ~(uint32_t)DELAYED;
    if (c->flags & CLIENT_CLOSING) return false;
    list_add(c);
    ev_timer_start(&next_turn, DELAY_MS);
    return true;
}

/* --- the end of a turn --- */

static void look_after(struct client *c) {
    if (c->pending & IN_BATCH) {
        list_add(c);
        return;
    }
    if (unlikely(c->pending & DELAYED) && delay(c)) return;
    if (!(c->io.mask & EV_WRITE)) output_send(c); /* with EV_WRITE on, the socket is full until it says so */
    if (unlikely(client_memory_limited)) memory_charge(c);
    if (!(c->flags & CLIENT_CLOSE_ASAP) || c->pending & ON_OUTPUT) return;
    if (c->pending & ON_INPUT || c->flags & CLIENT_PROTECTED)
        list_add(c);
    else
        client_free(c);
}

/* Takes the clients off one by one, because what is done for one may add others, and a turn may be nested in it.
 * Those that come back (in a batch, protected) wait for the end of the next turn, whenever that is; those that are added
 * (closed, because their last reply is out) want one. */
void output_end_of_turn(void) {
    out_list.turn_done = true;
    for (size_t n = out_list.count; n > 0 && out_list.first; n--) look_after(take_first());
    if (unlikely(client_memory_limited)) memory_evict();
}

void output_turn_begins(void) {
    out_list.turn_done = false;
}

void output_forget(void) {
    out_list.first = out_list.last = NULL;
    out_list.count = 0;
    ev_timer_stop(&next_turn);
}

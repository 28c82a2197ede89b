/* Reading. A client's bytes are read behind each other into the batch's arena and parsed there. What is left of them
 * (the beginning of a request, or requests over the budget) is kept in a buffer of the client's own, in[in_pos..in_len).
 *
 * Next time, a small rest is copied to the arena and the new bytes are read behind it, so that requests lie in one
 * piece and the rest of a pipeline is read with large reads. A large one (a long argument, a blocked client's
 * pipeline) stays, and the socket is read into the own buffer. That grows by what the parser knows to be missing,
 * but at most to twice the bytes that came: a client that announces 512 MB and sends none gets none.
 *
 * Requests over the budget are consumed by offset, so each byte is copied once however long the pipeline is; the
 * socket is not read before they are done (unless the client is blocked: then a hang-up must be noticed).
 *
 * Invariant: `in` is NULL exactly when nothing is kept. */
#include "client/internal.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum {
    READ_BYTES = 64 * 1024,    /* offered to a read(2) */
    OWN_BYTES_MIN = 32 * 1024, /* a request known to be longer is read into the own buffer */
    OWN_READ_MIN = 16 * 1024
};
_Static_assert(BATCH_SPACE_MIN >= OWN_BYTES_MIN + READ_BYTES, "a small rest and a read must fit the arena");

static struct client *waiting, *waiting_last; /* ON_INPUT, in order */

/* --- the own buffer --- */

void input_drop(struct client *c) {
    mem_free(c->in, c->in_cap);
    c->in = NULL;
    c->in_pos = c->in_len = c->in_cap = 0;
}

void input_keep(struct client *c, const char *p, size_t n) {
    assert_that(!c->in && n > 0);
    c->in = mem_alloc(n);
    memcpy(c->in, p, n);
    c->in_pos = 0;
    c->in_len = c->in_cap = n;
}

static void own_resize(struct client *c, size_t cap) {
    c->in = mem_resize(c->in, c->in_cap, cap);
    c->in_cap = cap;
}

/* Moves the rest to the front once what was executed is the larger part: each byte moves at most once for it. */
static void own_compact(struct client *c) {
    size_t rest = c->in_len - c->in_pos;
    if (c->in_pos == 0 || c->in_pos < rest) return;
    memmove(c->in, c->in + c->in_pos, rest);
    c->in_pos = 0;
    c->in_len = rest;
}

/* Room for a read: all that is `missing` if known, within twice of what is there. */
static size_t own_room(struct client *c, size_t missing) {
    own_compact(c);
    size_t want = missing ? missing : OWN_READ_MIN;
    size_t most = c->in_len > OWN_READ_MIN ? c->in_len : OWN_READ_MIN;
    if (!missing && most > want) want = most;
    size_t room = c->in_cap - c->in_len;
    if (room < want && room < OWN_READ_MIN) {
        own_resize(c, c->in_len + (want < most ? want : most));
        room = c->in_cap - c->in_len;
    }
    return room < want ? room : want;
}

/* --- reading --- */

static void log_client(enum log_level level, const char *what, const struct client *c) {
    if (!log_wants(level)) return;
    sds line = client_describe(sds_empty(), c);
    log_write(level, "%s%s", what, line);
    sds_free(line);
}

/* What read(2) gave: true when there are bytes to look at. */
static bool came(struct client *c, ssize_t n) {
    client_stats.reads++;
    if (n > 0) {
        c->last_active_ms = clock_steady_ms();
        c->total_in_bytes += (size_t)n;
        if (!(c->flags & (CLIENT_MASTER | CLIENT_REPLICA))) client_stats.in_bytes += (size_t)n;
        return true;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    if (n == 0)
        log_client(LOG_LEVEL_VERBOSE, "Client closed connection ", c);
    else
        log_verbose("Reading from client: %s", strerror(errno));
    client_close(c);
    return false;
}

static bool within_query_limit(struct client *c) {
    if (c->in_len - c->in_pos <= client_config.query_buffer_bytes || c->flags & CLIENT_MASTER) return true;
    size_t n = c->in_len - c->in_pos < 64 ? c->in_len - c->in_pos : 64;
    sds initial = sds_cat_repr(sds_empty(), c->in + c->in_pos, n);
    sds line = client_describe(sds_empty(), c);
    log_warning("Closing client that reached max query buffer length: %s (qbuf initial bytes: %s)", line,
                initial);
    sds_free(line);
    sds_free(initial);
    client_stats.query_buffer_closed++;
    client_close(c);
    return false;
}

static void read_own(struct client *c, size_t missing) {
    size_t room = own_room(c, missing);
    ssize_t n = read(c->io.fd, c->in + c->in_len, room);
    if (!came(c, n)) return;
    c->in_len += (size_t)n;
    if (unlikely(client_memory_limited)) memory_charge(c);
    if (!within_query_limit(c) || c->flags & CLIENT_BLOCKED) return;
    if ((size_t)n < missing) return; /* certainly incomplete */
    batch_add(c, c->in + c->in_pos, c->in_len - c->in_pos, true);
}

/* Making space may execute other clients' requests, and turns of the loop in the middle of them: until it is there, c
 * is neither read nor freed by those. */
static void read_arena(struct client *c) {
    size_t rest = c->in_len - c->in_pos, room;
    c->pending |= IN_BATCH;
    char *p = batch_space(&room);
    c->pending &= ~(uint32_t)IN_BATCH;
    if (c->flags & CLIENT_CLOSING) return;
    ssize_t n = read(c->io.fd, p + rest, room - rest < READ_BYTES ? room - rest : READ_BYTES);
    if (!came(c, n)) return;
    if (rest) {
        memcpy(p, c->in + c->in_pos, rest);
        input_drop(c);
    }
    batch_add(c, p, rest + (size_t)n, false);
}

void input_read(struct client *c) {
    if (c->pending & (IN_BATCH | ON_INPUT)) return; /* what came before comes first */
    size_t rest = c->in_len - c->in_pos;
    size_t whole = rest ? resp_wanted_bytes(&c->parser) : 0;
    if (unlikely(c->flags & CLIENT_BLOCKED || rest > OWN_BYTES_MIN || whole > OWN_BYTES_MIN))
        read_own(c, whole > rest ? whole - rest : 0);
    else
        read_arena(c);
}

/* --- input that waits --- */

void input_take_up(struct client *c) {
    if (c->pending & (IN_BATCH | ON_INPUT)) return;
    c->pending |= ON_INPUT;
    c->next_input = NULL;
    if (waiting)
        waiting_last->next_input = c;
    else
        waiting = c;
    waiting_last = c;
    ev_want_turn();
}

void client_give_input(struct client *c, const void *p, size_t n) {
    assert_that(!(c->pending & IN_BATCH));
    if (n == 0 || c->flags & CLIENT_CLOSING) return;
    own_compact(c);
    if (c->in_cap - c->in_len < n) own_resize(c, c->in_len + n);
    memcpy(c->in + c->in_len, p, n);
    c->in_len += n;
    if (within_query_limit(c) && !(c->flags & CLIENT_BLOCKED)) input_take_up(c);
}

/* Those that are put on the list meanwhile are for the next turn. The list's clients keep their mark until their turn
 * comes, so that none is freed or listed again while executing makes nested turns. */
void input_execute(void) {
    struct client *c = waiting;
    waiting = waiting_last = NULL;
    output_turn_begins();
    while (c) {
        struct client *next = c->next_input;
        c->pending &= ~(uint32_t)ON_INPUT;
        if (!(c->flags & CLIENT_STOPPED) && c->in_len > c->in_pos)
            batch_add(c, c->in + c->in_pos, c->in_len - c->in_pos, true);
        c = next;
    }
    batch_run();
}

void input_forget(void) {
    waiting = waiting_last = NULL;
}

/* See fixture.h. */
#include "fixture.h"
#include "base/alloc.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct fixture fx;

static void prepare(struct request *reqs, int n) {
    for (int i = 0; i < n; i++) {
        cr_assert(reqs[i].c != NULL && reqs[i].argv != NULL && reqs[i].argc > 0);
        reqs[i].command = &fx;
    }
    fx.prepared += n;
    if (n > fx.largest_group) fx.largest_group = n;
}

static void set_reply_mode(struct client *c, slice mode) {
    if (slice_is(mode, "ON")) {
        c->flags &= ~(uint32_t)(CLIENT_REPLY_OFF | CLIENT_REPLY_SKIP);
        c->out.muted = false;
        reply_ok(&c->out);
    } else {
        c->flags |= slice_is(mode, "OFF") ? CLIENT_REPLY_OFF : CLIENT_REPLY_SKIP_NEXT;
    }
}

static void reply_big(struct reply_buf *b, int64_t n) {
    char *bytes = mem_alloc((size_t)n);
    memset(bytes, 'b', (size_t)n);
    reply_bulk(b, bytes, (size_t)n);
    mem_free(bytes, (size_t)n);
}

static int64_t number(slice s) {
    int64_t v = -1;
    cr_assert(num_parse_i64(s, &v));
    return v;
}

static void execute(struct client *c, struct request *r) {
    slice name = r->argv[0], arg = r->argc > 1 ? r->argv[1] : SLICE("");
    cr_assert_eq(r->command, &fx, "executed without being prepared");
    cr_assert_eq(r->c, c);
    fx.raw = sds_cat(fx.raw, r->raw.p, r->raw.n);
    if ((size_t)fx.executed < sizeof fx.order / sizeof *fx.order) fx.order[fx.executed] = c->id;
    fx.executed++;
    if (slice_is(name, "PING")) {
        reply_status(&c->out, "PONG");
    } else if (slice_is(name, "ECHO")) {
        reply_bulk(&c->out, arg.p, arg.n);
    } else if (slice_is(name, "LEN")) {
        reply_int(&c->out, (int64_t)arg.n);
    } else if (slice_is(name, "BIG")) {
        reply_big(&c->out, number(arg));
    } else if (slice_is(name, "BLOCK")) {
        client_block(c);
    } else if (slice_is(name, "SOON")) {
        client_block(c);
        client_delay_replies(c);
    } else if (slice_is(name, "QUIT")) {
        reply_ok(&c->out);
        client_close_after_reply(c);
    } else if (slice_is(name, "KILL")) {
        client_close(client_by_id((uint64_t)number(arg)));
        reply_ok(&c->out);
    } else if (slice_is(name, "AUTH")) {
        c->authenticated = true;
        reply_ok(&c->out);
    } else if (slice_is(name, "REPLY")) {
        set_reply_mode(c, arg);
    } else if (slice_is(name, "TURN")) {
        struct reply_mark length = reply_defer(&c->out);
        reply_status(&c->out, "half");
        for (int i = 0; i < 3; i++) ev_turn(0);
        reply_status(&c->out, "TURNED");
        reply_defer_array(&c->out, length, 2);
    } else {
        reply_error(&c->out, "ERR unknown");
    }
}

static void closed(struct client *c) {
    cr_assert(c->flags & CLIENT_CLOSE_ASAP);
    fx.closed++;
}

void fx_init(void) {
    signal(SIGPIPE, SIG_IGN);
    memset(&fx, 0, sizeof fx);
    fx.raw = sds_empty();
    ev_init();
    client_room_init();
    client_set_hooks(&(struct client_hooks){.prepare = prepare, .execute = execute, .closed = closed});
}

void fx_fini(void) {
    client_set_hooks(&(struct client_hooks){.execute = execute});
    client_room_shutdown();
    ev_shutdown();
    sds_free(fx.raw);
}

struct client *fx_connect(int *peer) {
    int fds[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    *peer = fds[1];
    return client_new(fds[0]);
}

void fx_turns(int n) {
    while (n-- > 0) ev_turn(0);
}

void fx_send(int peer, const char *p, size_t n) {
    while (n > 0) {
        ssize_t sent = send(peer, p, n, 0);
        cr_assert(sent > 0 || errno == EAGAIN);
        if (sent > 0) {
            p += sent;
            n -= (size_t)sent;
        }
        ev_turn(0);
    }
}

sds fx_hear(int peer) {
    sds heard = sds_empty();
    char buf[65536];
    int silent = 0;
    while (silent < 3) {
        ssize_t n = recv(peer, buf, sizeof buf, 0);
        if (n > 0)
            heard = sds_cat(heard, buf, (size_t)n);
        else
            silent++;
        ev_turn(0);
    }
    return heard;
}

void fx_expect(int peer, const char *text) {
    sds heard = fx_hear(peer);
    cr_assert_str_eq(heard, text);
    sds_free(heard);
}

bool fx_hung_up(int peer) {
    char byte;
    return recv(peer, &byte, 1, MSG_PEEK) == 0;
}

sds fx_request(sds s, int argc, ...) {
    va_list ap;
    va_start(ap, argc);
    s = sds_cat_printf(s, "*%d\r\n", argc);
    for (int i = 0; i < argc; i++) {
        const char *arg = va_arg(ap, const char *);
        s = sds_cat_printf(s, "$%zu\r\n%s\r\n", strlen(arg), arg);
    }
    va_end(ap);
    return s;
}

/* Random traffic: many clients, every kind of request, bytes cut anywhere, small budgets, nested turns, clients that
 * block and are released. Each client must read exactly the replies to its own requests, in order. */
#include "fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

TestSuite(traffic, .init = fx_init, .fini = fx_fini);

enum { CLIENTS = 12, REQUESTS = 300 };

static uint64_t state = 88172645463325252ull;
static uint64_t rnd(uint64_t below) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
}

struct party {
    struct client *c;
    int peer;
    sds script, expected, heard;
    size_t sent;
};

static void add_echo(struct party *p, size_t n) {
    p->script = sds_cat_printf(p->script, "*2\r\n$4\r\nECHO\r\n$%zu\r\n", n);
    p->expected = sds_cat_printf(p->expected, "$%zu\r\n", n);
    for (size_t i = 0; i < n; i++) {
        char byte = (char)('a' + (i * 7 + n) % 26);
        p->script = sds_cat(p->script, &byte, 1);
        p->expected = sds_cat(p->expected, &byte, 1);
    }
    p->script = sds_cat_str(p->script, "\r\n");
    p->expected = sds_cat_str(p->expected, "\r\n");
}

static void add_request(struct party *p) {
    static const struct {
        const char *request, *reply;
    } fixed[] = {{"PING\r\n", "+PONG\r\n"},
                 {"*1\r\n$4\r\nPING\r\n", "+PONG\r\n"},
                 {"ECHO \"q\\x41 'x'\"\r\n", "$6\r\nqA 'x'\r\n"},
                 {"\r\n*0\r\n", ""},
                 {"*1\r\n$4\r\nTURN\r\n", "*2\r\n+half\r\n+TURNED\r\n"},
                 {"*1\r\n$5\r\nBLOCK\r\n", ""},
                 {"REPLY SKIP\r\nPING\r\n", ""}};
    uint64_t kind = rnd(12);
    if (kind < 7) {
        p->script = sds_cat_str(p->script, fixed[kind].request);
        p->expected = sds_cat_str(p->expected, fixed[kind].reply);
    } else {
        add_echo(p, kind == 11 ? rnd(100000) : rnd(200));
    }
}

static void send_some(struct party *p) {
    size_t left = sds_len(p->script) - p->sent, n = 1 + (rnd(4) ? rnd(300) : rnd(150000));
    if (left == 0) return;
    ssize_t sent = send(p->peer, p->script + p->sent, n < left ? n : left, 0);
    cr_assert(sent > 0 || errno == EAGAIN);
    if (sent > 0) p->sent += (size_t)sent;
}

static void hear_some(struct party *p) {
    static char buf[1 << 16];
    ssize_t n = recv(p->peer, buf, 1 + rnd(sizeof buf), 0);
    if (n > 0) p->heard = sds_cat(p->heard, buf, (size_t)n);
}

static void run(int budget) {
    struct party parties[CLIENTS];
    client_config.pipeline_budget = budget;
    for (int i = 0; i < CLIENTS; i++) {
        struct party *p = &parties[i];
        *p = (struct party){.script = sds_empty(), .expected = sds_empty(), .heard = sds_empty()};
        p->c = fx_connect(&p->peer);
        for (int k = 0; k < REQUESTS; k++) add_request(p);
    }
    bool done = false;
    for (long step = 0; !done; step++) {
        cr_assert_lt(step, 2000000, "it comes to an end");
        struct party *p = &parties[rnd(CLIENTS)];
        send_some(p);
        hear_some(p);
        if (!rnd(3)) ev_turn(0);
        if (!rnd(2)) client_unblock(parties[rnd(CLIENTS)].c);
        done = step % 1000 == 0;
        for (int i = 0; done && i < CLIENTS; i++)
            done = sds_len(parties[i].heard) >= sds_len(parties[i].expected);
    }
    for (int i = 0; i < CLIENTS; i++) {
        struct party *p = &parties[i];
        for (int k = 0; k < 5000 && p->sent < sds_len(p->script); k++) send_some(p), ev_turn(0);
        client_unblock(p->c);
        fx_turns(3);
        cr_assert_str_eq(p->heard, p->expected, "client %d, budget %d", i, budget);
        cr_assert_null(p->c->in, "nothing is left over");
        client_close(p->c);
        close(p->peer);
        sds_free(p->script);
        sds_free(p->expected);
        sds_free(p->heard);
    }
    fx_turns(2);
    cr_assert_eq(client_count(), 0);
}

Test(traffic, budget_of_one) {
    run(1);
}

Test(traffic, small_budget) {
    run(7);
}

Test(traffic, large_budget) {
    run(1024);
}

/* Input: whatever way the bytes are cut, each request is executed once, in order, and its raw bytes tile the input. */
#include "base/alloc.h"
#include "fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

TestSuite(input, .init = fx_init, .fini = fx_fini);

static const char mixed[] = "*1\r\n$4\r\nPING\r\nPING\r\n*2\r\n$4\r\nECHO\r\n$5\r\na\r\nb\n\r\n"
                            "ECHO \"x \\x41\"\r\n*2\r\n$3\r\nLEN\r\n$0\r\n\r\n*1\r\n$4\r\nPING\r\n";
static const char mixed_reply[] = "+PONG\r\n+PONG\r\n$5\r\na\r\nb\n\r\n$3\r\nx A\r\n:0\r\n+PONG\r\n";

Test(input, one_request) {
    int peer;
    struct client *c = fx_connect(&peer);
    fx_say(peer, "*1\r\n$4\r\nPING\r\n");
    fx_expect(peer, "+PONG\r\n");
    cr_assert_null(c->in, "an idle client owns no buffer");
    cr_assert_eq(reply_memory(&c->out), 0);
}

Test(input, split_at_every_byte) {
    for (size_t cut = 1; cut < sizeof mixed - 1; cut++) {
        int peer;
        struct client *c = fx_connect(&peer);
        sds_set_len(fx.raw, 0);
        fx_send(peer, mixed, cut);
        fx_turns(2);
        fx_send(peer, mixed + cut, sizeof mixed - 1 - cut);
        fx_expect(peer, mixed_reply);
        cr_assert_str_eq(fx.raw, mixed, "raw bytes tile the input, cut at %zu", cut);
        cr_assert_null(c->in);
        close(peer);
        fx_turns(2);
    }
}

Test(input, byte_by_byte) {
    int peer;
    fx_connect(&peer);
    for (size_t i = 0; i < sizeof mixed - 1; i++) fx_send(peer, mixed + i, 1);
    fx_expect(peer, mixed_reply);
    cr_assert_str_eq(fx.raw, mixed);
}

Test(input, blank_lines_are_nothing) {
    int peer;
    fx_connect(&peer);
    fx_say(peer, "\r\n\r\n*0\r\n*-1\r\nPING\r\n\r\n");
    fx_expect(peer, "+PONG\r\n");
    cr_assert_str_eq(fx.raw, "PING\r\n");
}

Test(input, a_masters_blanks_belong_to_the_next_request) {
    int peer;
    struct client *c = fx_connect(&peer);
    c->flags |= CLIENT_MASTER;
    fx_say(peer, "*1\r\n$4\r\nPING\r\n\r\n");
    fx_turns(2);
    fx_say(peer, "\n*1\r\n$4\r\nPI");
    fx_turns(2);
    fx_say(peer, "NG\r\n");
    fx_turns(2);
    cr_assert_str_eq(fx.raw, "*1\r\n$4\r\nPING\r\n\r\n\n*1\r\n$4\r\nPING\r\n");
    cr_assert_eq(fx.executed, 2);
}

Test(input, deep_pipeline_keeps_to_the_budget) {
    int peer;
    struct client *c = fx_connect(&peer);
    client_config.pipeline_budget = 100;
    sds s = sds_empty();
    for (int i = 0; i < 5000; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        s = fx_request(s, 2, "ECHO", text);
    }
    size_t most = 0;
    int last = 0;
    cr_assert(send(peer, s, sds_len(s), 0) > 0);
    for (int i = 0; i < 200; i++) {
        ev_turn(0);
        cr_assert_leq(fx.executed - last, 100);
        last = fx.executed;
        if (c->in_cap > most) most = c->in_cap;
    }
    cr_assert_eq(fx.executed, 5000);
    cr_assert_str_eq(fx.raw, s);
    cr_assert_leq(most, 64 * 1024, "what is over the budget is copied once, not piled up");
    sds heard = fx_hear(peer);
    cr_assert(sds_len(heard) > 9 && strcmp(heard + sds_len(heard) - 10, "$4\r\n4999\r\n") == 0);
    cr_assert_null(c->in);
    sds_free(heard);
    sds_free(s);
}

Test(input, others_are_served_in_the_middle_of_a_deep_pipeline) {
    int deep, other;
    fx_connect(&deep);
    client_config.pipeline_budget = 10;
    sds s = sds_empty();
    for (int i = 0; i < 100; i++) s = sds_cat_str(s, "PING\r\n");
    struct client *second = fx_connect(&other);
    cr_assert_eq(send(deep, s, sds_len(s), 0), (ssize_t)sds_len(s));
    cr_assert_eq(send(other, "PING\r\n", 6, 0), 6);
    ev_turn(0);
    cr_assert_eq(fx.executed, 11);
    fx_expect(other, "+PONG\r\n");
    fx_turns(12);
    cr_assert_eq(fx.executed, 101);
    cr_assert(fx.order[10] == second->id || fx.order[0] == second->id);
    sds_free(s);
}

Test(input, interleaved_clients_get_their_own_answers) {
    enum { CLIENTS = 20, ROUNDS = 30 };
    int peers[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) fx_connect(&peers[i]);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < CLIENTS; i++) {
            char text[32], answer[64];
            snprintf(text, sizeof text, "c%d-r%d", i, round);
            sds s = sds_empty();
            for (int k = 0; k < 40; k++) s = fx_request(s, 2, "ECHO", text);
            size_t half = (size_t)(i * 37 + round * 11) % sds_len(s);
            cr_assert(send(peers[i], s, half, 0) >= 0);
            ev_turn(0);
            cr_assert(send(peers[i], s + half, sds_len(s) - half, 0) >= 0);
            size_t n = (size_t)snprintf(answer, sizeof answer, "$%zu\r\n%s\r\n", strlen(text), text);
            sds heard = fx_hear(peers[i]);
            cr_assert_eq(sds_len(heard), n * 40);
            for (size_t at = 0; at < sds_len(heard); at += n) cr_assert(memcmp(heard + at, answer, n) == 0);
            sds_free(heard);
            sds_free(s);
        }
    }
    cr_assert_eq(fx.executed, CLIENTS * ROUNDS * 40);
    cr_assert_leq(fx.largest_group, 64);
}

Test(input, a_batch_larger_than_the_arena) {
    enum { CLIENTS = 40 };
    int peers[CLIENTS];
    sds s = sds_empty();
    for (int k = 0; k < 400; k++)
        s = fx_request(s, 2, "LEN", "0123456789012345678901234567890123456789012345678901234567890123456789");
    for (int i = 0; i < CLIENTS; i++) {
        fx_connect(&peers[i]);
        cr_assert_eq(send(peers[i], s, sds_len(s), 0), (ssize_t)sds_len(s));
    }
    fx_turns(4);
    cr_assert_eq(fx.executed, CLIENTS * 400);
    for (int i = 0; i < CLIENTS; i++) {
        sds heard = fx_hear(peers[i]);
        cr_assert_eq(sds_len(heard), 400 * 5);
        sds_free(heard);
    }
    sds_free(s);
}

Test(input, huge_argument) {
    enum { BYTES = 50 << 20 };
    int peer;
    struct client *c = fx_connect(&peer);
    char head[64];
    int n = snprintf(head, sizeof head, "*2\r\n$3\r\nLEN\r\n$%d\r\n", BYTES);
    fx_send(peer, head, (size_t)n);
    sds part = sds_newlen(NULL, 1 << 20);
    memset(part, 'x', 1 << 20);
    for (size_t sent = 0; sent < BYTES; sent += 1 << 20) {
        fx_send(peer, part, 1 << 20);
        cr_assert_leq(c->in_cap, 2 * c->in_len + 65536, "the buffer follows what came");
    }
    fx_say(peer, "\r\nPING\r\n");
    fx_expect(peer, ":52428800\r\n+PONG\r\n");
    cr_assert_null(c->in);
    sds_free(part);
}

Test(input, announced_bytes_cost_nothing) {
    int peer;
    struct client *c = fx_connect(&peer);
    size_t before = mem_used_bytes();
    fx_say(peer, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\nabc");
    fx_turns(3);
    fx_say(peer, "def");
    fx_turns(3);
    cr_assert_leq(mem_used_bytes() - before, 64 * 1024);
    cr_assert_not_null(c->in);
}

Test(input, many_arguments) {
    enum { ARGS = 200000 };
    int peer;
    fx_connect(&peer);
    sds s = sds_cat_printf(sds_empty(), "*%d\r\n$3\r\nLEN\r\n", ARGS);
    for (int i = 1; i < ARGS; i++) s = sds_cat_str(s, "$3\r\nabc\r\n");
    fx_send(peer, s, sds_len(s));
    fx_expect(peer, ":3\r\n");
    cr_assert_eq(sds_len(fx.raw), sds_len(s));
    sds_free(s);
}

Test(input, protocol_error_comes_after_what_was_asked_before) {
    int peer;
    fx_connect(&peer);
    fx_say(peer, "PING\r\n*1\r\n:4\r\nPING\r\n");
    fx_expect(peer, "+PONG\r\n-ERR Protocol error: expected '$', got ':'\r\n");
    cr_assert(fx_hung_up(peer));
    cr_assert_eq(fx.closed, 1);
    cr_assert_eq(client_count(), 0);
}

Test(input, auth_lifts_the_limits_for_what_follows) {
    int peer;
    fx_connect(&peer)->authenticated = false;
    sds s = sds_new("AUTH secret\r\n*11\r\n$3\r\nLEN\r\n$2\r\nab\r\n");
    for (int i = 0; i < 9; i++) s = sds_cat_str(s, "$1\r\nx\r\n");
    fx_send(peer, s, sds_len(s));
    fx_expect(peer, "+OK\r\n:2\r\n");
    int stranger;
    fx_connect(&stranger)->authenticated = false;
    fx_send(stranger, s + 13, sds_len(s) - 13);
    fx_expect(stranger, "-ERR Protocol error: unauthenticated multibulk length\r\n");
    sds_free(s);
}

Test(input, given_input_comes_before_the_sockets) {
    int peer;
    struct client *c = fx_connect(&peer);
    client_give_input(c, "ECHO fir", 8);
    client_give_input(c, "st\r\nECHO sec", 12);
    fx_say(peer, "ond\r\n");
    fx_expect(peer, "$5\r\nfirst\r\n$6\r\nsecond\r\n");
}

Test(input, fake_client_executes_what_it_is_given) {
    struct client *c = client_new(-1);
    cr_assert_eq(client_count(), 0);
    client_give_input(c, "PING\r\nPING\r\n", 12);
    fx_turns(2);
    cr_assert_eq(fx.executed, 2);
    client_close(c);
    fx_turns(1);
    cr_assert_eq(fx.closed, 1);
}

/* Blocking, closing and nesting in the middle of a batch. */
#include "fixture.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

TestSuite(life, .init = fx_init, .fini = fx_fini);

Test(life, blocked_in_the_middle_of_a_pipeline) {
    int peer;
    struct client *c = fx_connect(&peer);
    fx_say(peer, "PING\r\nBLOCK\r\nECHO \"a b\"\r\n*2\r\n$4\r\nECHO\r\n$1\r\nz\r\nECHO un");
    fx_expect(peer, "+PONG\r\n");
    cr_assert_eq(fx.executed, 2);
    fx_say(peer, "finished\r\nPING\r\n"); /* still blocked: read, not executed */
    fx_expect(peer, "");
    client_unblock(c);
    fx_expect(peer, "$3\r\na b\r\n$1\r\nz\r\n$10\r\nunfinished\r\n+PONG\r\n");
    cr_assert_null(c->in);
    cr_assert_str_eq(fx.raw, "PING\r\nBLOCK\r\nECHO \"a b\"\r\n*2\r\n$4\r\nECHO\r\n$1\r\nz\r\n"
                             "ECHO unfinished\r\nPING\r\n");
}

Test(life, blocked_client_in_its_own_buffer) {
    int peer;
    struct client *c = fx_connect(&peer);
    client_config.pipeline_budget = 3;
    fx_say(peer, "PING\r\nPING\r\nPING\r\nPING\r\nBLOCK\r\nPING\r\nECHO x\r\nECHO y\r\n");
    fx_expect(peer, "+PONG\r\n+PONG\r\n+PONG\r\n+PONG\r\n");
    client_unblock(c);
    fx_expect(peer, "+PONG\r\n$1\r\nx\r\n$1\r\ny\r\n");
}

Test(life, reply_to_a_blocked_client_is_sent_when_it_is_unblocked) {
    int peer;
    struct client *c = fx_connect(&peer);
    fx_say(peer, "BLOCK\r\n");
    reply_ok(&c->out);
    client_unblock(c);
    fx_expect(peer, "+OK\r\n");
}

Test(life, delayed_replies_leave_with_those_that_follow) {
    int peer;
    struct client *c = fx_connect(&peer);
    uint64_t writes = client_stats.writes;
    fx_say(peer, "PING\r\nSOON\r\n");
    cr_assert_eq(client_stats.writes, writes);
    reply_ok(&c->out);
    client_unblock(c);
    fx_expect(peer, "+PONG\r\n+OK\r\n");
    cr_assert_eq(client_stats.writes, writes + 1);
}

Test(life, delayed_replies_wait_for_no_other_event) {
    int peer;
    fx_connect(&peer);
    fx_say(peer, "PING\r\nSOON\r\n");
    ev_turn(-1);
    char heard[16];
    cr_assert_eq(recv(peer, heard, sizeof heard, 0), 7);
}

Test(life, a_client_closed_while_its_replies_are_delayed_goes_at_once) {
    int peer;
    struct client *c = fx_connect(&peer);
    fx_say(peer, "PING\r\nSOON\r\n");
    client_close(c);
    fx_turns(1);
    cr_assert(fx_hung_up(peer));
}

Test(life, blocked_client_that_hangs_up_is_noticed) {
    int peer;
    fx_connect(&peer);
    fx_say(peer, "BLOCK\r\nPING\r\n");
    close(peer);
    fx_turns(3);
    cr_assert_eq(fx.closed, 1);
}

Test(life, protocol_error_behind_a_blocking_request_waits) {
    int peer;
    struct client *c = fx_connect(&peer);
    fx_say(peer, "BLOCK\r\n*x\r\n");
    fx_expect(peer, "");
    client_unblock(c);
    fx_expect(peer, "-ERR Protocol error: invalid multibulk length\r\n");
    cr_assert(fx_hung_up(peer));
}

Test(life, quit_drops_what_follows) {
    int peer;
    fx_connect(&peer);
    fx_say(peer, "PING\r\nQUIT\r\nPING\r\n");
    fx_expect(peer, "+PONG\r\n+OK\r\n");
    cr_assert(fx_hung_up(peer));
    cr_assert_eq(fx.executed, 2);
}

Test(life, close_after_reply_sends_all_of_a_long_reply) {
    int peer;
    fx_connect(&peer);
    fx_say(peer, "BIG 3000000\r\nQUIT\r\n");
    sds heard = fx_hear(peer);
    cr_assert_eq(sds_len(heard), 3000000 + 12 + 5);
    cr_assert(fx_hung_up(peer));
    cr_assert_eq(fx.closed, 1);
    sds_free(heard);
}

Test(life, killed_by_another_client_in_the_same_batch) {
    int killer, victim;
    fx_connect(&killer);
    struct client *v = fx_connect(&victim);
    char text[32];
    int n = snprintf(text, sizeof text, "KILL %d\r\n", (int)v->id);
    cr_assert_eq(send(killer, text, (size_t)n, 0), n);
    cr_assert_eq(send(victim, "PING\r\nPING\r\n", 12, 0), 12);
    fx_turns(2);
    fx_expect(killer, "+OK\r\n");
    cr_assert(fx_hung_up(victim));
    cr_assert_eq(client_count(), 1);
    cr_assert_eq(fx.closed, 1);
}

Test(life, killing_itself) {
    int peer;
    struct client *c = fx_connect(&peer);
    char text[48];
    int n = snprintf(text, sizeof text, "PING\r\nKILL %d\r\nPING\r\n", (int)c->id);
    fx_send(peer, text, (size_t)n);
    fx_turns(2);
    cr_assert_eq(fx.executed, 2);
    cr_assert_eq(client_count(), 0);
}

Test(life, protected_client_outlives_its_close) {
    int peer;
    struct client *c = fx_connect(&peer);
    client_protect(c);
    client_close(c);
    client_close(c);
    fx_turns(3);
    cr_assert_eq(fx.closed, 0);
    client_unprotect(c);
    fx_turns(1);
    cr_assert_eq(fx.closed, 1);
    cr_assert(fx_hung_up(peer));
}

Test(life, nested_turns_serve_others_but_not_the_outer_batch) {
    int first, second, third;
    struct client *a = fx_connect(&first);
    struct client *b = fx_connect(&second);
    fx_connect(&third);
    cr_assert_eq(send(first, "PING\r\nTURN\r\nECHO after\r\n", 24, 0), 24);
    ev_io_set(&b->io, 0); /* b comes in only by the nested turns */
    fx.order[0] = 0;
    cr_assert_eq(send(third, "TURN\r\nPING\r\n", 12, 0), 12);
    cr_assert_eq(send(second, "PING\r\nECHO n\r\n", 14, 0), 14);
    client_resume_reading(b, true);
    fx_turns(1);
    fx_expect(first, "+PONG\r\n*2\r\n+half\r\n+TURNED\r\n$5\r\nafter\r\n");
    fx_expect(second, "+PONG\r\n$1\r\nn\r\n");
    fx_expect(third, "*2\r\n+half\r\n+TURNED\r\n+PONG\r\n");
    cr_assert_eq(fx.order[0], a->id);
    cr_assert_eq(fx.executed, 7);
}

Test(life, what_comes_during_a_nested_turn_stays_in_order) {
    int peer;
    fx_connect(&peer);
    cr_assert_eq(send(peer, "TURN\r\nECHO 1\r\n", 14, 0), 14);
    cr_assert_eq(send(peer, "TURN\r\nECHO 2\r\n", 14, 0), 14);
    fx_expect(peer, "*2\r\n+half\r\n+TURNED\r\n$1\r\n1\r\n*2\r\n+half\r\n+TURNED\r\n$1\r\n2\r\n");
    cr_assert_str_eq(fx.raw, "TURN\r\nECHO 1\r\nTURN\r\nECHO 2\r\n");
}

Test(life, half_a_reply_is_not_sent_by_nested_turns) {
    int peer;
    struct client *c = fx_connect(&peer);
    cr_assert_eq(send(peer, "TURN\r\n", 6, 0), 6);
    client_want_write(c); /* so that the nested turns' ends come across it */
    fx_expect(peer, "*2\r\n+half\r\n+TURNED\r\n");
}

Test(life, reply_off_on_and_skip) {
    int peer;
    fx_connect(&peer);
    fx_say(peer, "REPLY OFF\r\nPING\r\nPING\r\nREPLY ON\r\nPING\r\nREPLY SKIP\r\nECHO no\r\nECHO yes\r\n");
    fx_expect(peer, "+OK\r\n+PONG\r\n$3\r\nyes\r\n");
}

static void say_now(int peer, sds s) { /* all of it into the socket, without a turn */
    cr_assert_eq(send(peer, s, sds_len(s), 0), (ssize_t)sds_len(s));
    sds_free(s);
}

/* The arena is full when the victim is read, and making room runs a nested turn, which reads the victim too. */
Test(life, making_room_for_a_client_may_serve_or_close_it) {
    enum { PAD = 60000, PINGS = 20000 };
    for (int kills = 0; kills < 2; kills++) {
        int pads[3], peer;
        sds pad = sds_grow_zero(sds_empty(), PAD), kill = sds_empty();
        memset(pad, 'x', PAD);
        for (int i = 0; i < 3; i++) fx_connect(&pads[i]);
        struct client *c = fx_connect(&peer);
        fx_say(peer, "PING\r\nPIN");
        fx_turns(2); /* epoll forgets that it was ready: it comes behind the others */
        if (kills) kill = sds_cat_printf(kill, "KILL %d\r\n", (int)c->id);
        int before = fx.closed;
        for (int i = 0; i < 3; i++)
            say_now(pads[i], fx_request(i ? sds_empty() : sds_cat_printf(sds_empty(), "%sTURN\r\n", kill), 2,
                                        "ECHO", pad));
        sds pings = sds_cat_str(sds_empty(), "G\r\n");
        for (int i = 0; i < PINGS; i++) pings = sds_cat_str(pings, "PING\r\n");
        say_now(peer, pings);
        sds heard = fx_hear(peer);
        if (kills) {
            cr_assert_eq(fx.closed, before + 1);
        } else {
            cr_assert_eq(sds_len(heard), (PINGS + 2) * 7);
        }
        sds_free(heard);
        sds_free(kill);
        sds_free(pad);
    }
}

Test(life, a_client_that_quits_is_gone_without_waiting_for_other_events) {
    int peer;
    fx_connect(&peer);
    cr_assert_eq(send(peer, "QUIT\r\n", 6, 0), 6);
    uint64_t start_ms = clock_mono_ms();
    ev_turn(20000);
    ev_turn(20000);
    cr_assert_eq(fx.closed, 1);
    cr_assert_lt(clock_mono_ms() - start_ms, 10000);
}

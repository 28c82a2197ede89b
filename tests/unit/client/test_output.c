/* Output: long replies to slow readers, feeds, limits. */
#include "base/clock.h"
#include "fixture.h"

#include <criterion/criterion.h>
#include <sys/socket.h>
#include <unistd.h>

TestSuite(output, .init = fx_init, .fini = fx_fini);

Test(output, slow_reader_gets_everything) {
    int peer;
    struct client *c = fx_connect(&peer);
    fx_say(peer, "BIG 5000000\r\nPING\r\n");
    fx_turns(3);
    cr_assert(c->io.mask & EV_WRITE, "the socket is full");
    uint64_t writes = client_stats.writes;
    fx_turns(5);
    cr_assert_eq(client_stats.writes, writes, "no writes to a full socket");
    sds heard = fx_hear(peer);
    cr_assert_eq(sds_len(heard), 5000000 + 12 + 7);
    cr_assert_str_eq(heard + sds_len(heard) - 7, "+PONG\r\n");
    cr_assert_not(c->io.mask & EV_WRITE);
    cr_assert_eq(reply_memory(&c->out), 0);
    sds_free(heard);
}

Test(output, one_write_for_a_pipeline) {
    int peer;
    fx_connect(&peer);
    uint64_t writes = client_stats.writes, reads = client_stats.reads;
    fx_say(peer, "PING\r\nPING\r\nPING\r\nPING\r\n");
    cr_assert_eq(client_stats.writes - writes, 1);
    cr_assert_eq(client_stats.reads - reads, 1);
}

Test(output, reader_that_left_is_closed) {
    int peer;
    struct client *c = fx_connect(&peer);
    close(peer);
    reply_ok(&c->out);
    client_want_write(c);
    fx_turns(2);
    cr_assert_eq(fx.closed, 1);
}

static int feed_calls, feed_left;
static bool feed(struct client *c) {
    feed_calls++;
    cr_assert_eq(reply_pending(&c->out), 0, "the feed comes behind the replies");
    if (feed_left > 0 && send(c->io.fd, "f", 1, 0) == 1) feed_left--;
    return feed_left > 0;
}

Test(output, feed_runs_behind_the_replies_until_it_has_no_more) {
    int peer;
    struct client *c = fx_connect(&peer);
    c->feed = feed;
    feed_left = 3;
    reply_ok(&c->out);
    client_want_write(c);
    fx_expect(peer, "+OK\r\nfff");
    cr_assert_eq(feed_calls, 3);
    cr_assert_not(c->io.mask & EV_WRITE);
    fx_turns(3);
    cr_assert_eq(feed_calls, 3);
}

Test(output, hard_limit_closes_at_once) {
    int peer;
    client_config.limits[CLASS_NORMAL].hard_bytes = 1000000;
    fx_connect(&peer);
    fx_say(peer, "BIG 900000\r\n");
    sds heard = fx_hear(peer);
    cr_assert_eq(sds_len(heard), 900000 + 11);
    sds_free(heard);
    fx_say(peer, "BIG 1100000\r\nPING\r\n");
    fx_turns(2);
    cr_assert_eq(fx.closed, 1);
    cr_assert_eq(fx.executed, 2, "nothing is executed after it");
    cr_assert_eq(client_stats.output_limit_closed, 1);
}

static size_t extra_bytes(const struct client *c) {
    return c->flags & CLIENT_REPLICA ? 5000 : 0;
}

Test(output, soft_limit_closes_after_its_seconds) {
    int peer, other;
    client_extra_output = extra_bytes;
    client_config.limits[CLASS_REPLICA] = (struct client_limit){.soft_bytes = 4000, .soft_s = 10};
    struct client *c = fx_connect(&peer);
    fx_connect(&other);
    c->flags |= CLIENT_REPLICA;
    client_cron();
    fx_turns(1);
    cr_assert_eq(fx.closed, 0);
    cr_assert(c->soft_limit_since_ms > 0);
    c->soft_limit_since_ms -= 9000;
    client_cron();
    fx_turns(1);
    cr_assert_eq(fx.closed, 0);
    c->soft_limit_since_ms -= 2000;
    client_cron();
    fx_turns(1);
    cr_assert_eq(fx.closed, 1);
    cr_assert_eq(client_count(), 1);
}

Test(output, soft_limit_is_forgotten_below_it) {
    int peer;
    client_config.limits[CLASS_NORMAL] = (struct client_limit){.soft_bytes = 4000, .soft_s = 10};
    struct client *c = fx_connect(&peer);
    c->soft_limit_since_ms = clock_steady_ms() - 60000;
    client_cron();
    cr_assert_eq(c->soft_limit_since_ms, 0);
}

Test(output, query_buffer_limit) {
    int peer;
    client_config.query_buffer_bytes = 1 << 20;
    fx_connect(&peer);
    fx_say(peer, "*2\r\n$3\r\nLEN\r\n$2000000\r\n");
    sds part = sds_newlen(NULL, 1 << 20);
    memset(part, 'x', 1 << 20);
    fx_send(peer, part, 1 << 19);
    cr_assert_eq(fx.closed, 0);
    for (int i = 0; i < 50 && fx.closed == 0; i++) {
        if (send(peer, part, 1 << 16, 0) < 0) break;
        fx_turns(2);
    }
    cr_assert_eq(fx.closed, 1);
    cr_assert_eq(client_stats.query_buffer_closed, 1);
    sds_free(part);
}

Test(output, idle_clients_time_out_but_replicas_and_blocked_ones_do_not) {
    int peers[4];
    struct client *c[4];
    client_config.timeout_s = 5;
    for (int i = 0; i < 4; i++) {
        c[i] = fx_connect(&peers[i]);
        c[i]->last_active_ms -= 6000;
    }
    c[1]->flags |= CLIENT_REPLICA;
    client_block(c[2]);
    c[3]->last_active_ms += 6000;
    client_cron();
    fx_turns(1);
    cr_assert_eq(fx.closed, 1);
    cr_assert(fx_hung_up(peers[0]));
    cr_assert_eq(client_stats.timeouts, 1);
}

Test(output, cron_looks_at_everybody_within_a_second) {
    enum { CLIENTS = 60 };
    int peer;
    for (int i = 0; i < CLIENTS; i++) fx_connect(&peer);
    cr_assert_eq(client_cron(), CLIENTS, "the first time: all of them");
    int64_t looked = client_cron();
    cr_assert(looked >= 5 && looked < CLIENTS, "then a share by the time gone");
}

/* FAILOVER between our own servers: who writes when, and what becomes of a handover that doesn't go as planned. */
#include "support/proxy.h"
#include "support/scenarios.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

Test(failover, there_and_back) {
    scenario_failover(TANDEM, TANDEM, TANDEM);
}

struct trio {
    struct srv *p, *x, *o;
};

static struct trio trio_start(const char *x_args) {
    struct trio t = {srv_start(TANDEM, "%s", ""), srv_start(TANDEM, "%s", x_args),
                     srv_start(TANDEM, "%s", "")};
    srv_replicate(t.x, t.p);
    srv_replicate(t.o, t.p);
    write_load(t.p, 200);
    wait_same(t.x, t.p);
    wait_same(t.o, t.p);
    EXPECT(t.p, "(integer) 2", "WAIT 2 60000"); /* online for it, too */
    return t;
}

static void trio_free(struct trio *t) {
    srv_free(t->o);
    srv_free(t->x);
    srv_free(t->p);
}

static redisContext *hold_a_write(struct srv *s) {
    redisContext *c = srv_connect(s);
    int done = 0;
    redisAppendCommand(c, "SET held back");
    cr_assert_eq(redisBufferWrite(c, &done), REDIS_OK);
    WAIT_UNTIL(srv_info_int(s, "blocked_clients") == 1);
    EXPECT(s, "(nil)", "GET held");
    return c;
}

static void expect_held(redisContext *c, const char *expected) {
    redisReply *r = NULL;
    cr_assert_eq(redisGetReply(c, (void **)&r), REDIS_OK);
    cr_assert_str_eq(reply_text(r), expected);
    freeReplyObject(r);
    redisFree(c);
}

static const char *state(struct srv *s) {
    return srv_info(s, "master_failover_state");
}

Test(failover, to_whoever_has_everything) {
    struct trio t = trio_start("");
    srv_freeze(t.o);
    EXPECT(t.p, "OK", "SET only x");
    EXPECT(t.p, "OK", "FAILOVER");
    WAIT_UNTIL(srv_link_up(t.p));
    cr_assert_str_eq(srv_info(t.x, "role"), "master", "the other one can't have caught up");
    srv_thaw(t.o);
    wait_same(t.o, t.x);
    cr_assert_eq(srv_info_int(t.x, "sync_full"), 0);
    trio_free(&t);
}

/* The handover ends the target's link, and a server without one then refuses nearly everything. */
Test(failover, to_a_replica_that_refuses_stale_reads) {
    struct trio t = trio_start("--replica-serve-stale-data no");
    EXPECT(t.p, "OK", "FAILOVER TO 127.0.0.1 %d", t.x->port);
    WAIT_UNTIL(srv_link_up(t.p));
    cr_assert_str_eq(state(t.p), "no-failover");
    cr_assert_str_eq(srv_info(t.x, "role"), "master");
    wait_same(t.p, t.x);
    cr_assert_eq(srv_info_int(t.x, "sync_full"), 0);
    trio_free(&t);
}

/* No time was set, so nothing else would end the wait. */
Test(failover, the_target_loses_its_link_meanwhile) {
    struct trio t = trio_start("");
    srv_freeze(t.x);
    EXPECT(t.p, "OK", "SET x behind");
    EXPECT(t.p, "OK", "FAILOVER TO 127.0.0.1 %d", t.x->port);
    cr_assert_str_eq(state(t.p), "waiting-for-sync");
    EXPECT(t.p, "(integer) 2", "CLIENT KILL TYPE replica");
    EXPECT(t.p, "(error) NOMASTERLINK Can't SYNC while failing over", "PSYNC ? -1");
    EXPECT(t.p, "(error) NOMASTERLINK Can't SYNC while failing over", "SYNC");
    srv_thaw(t.x);
    WAIT_UNTIL(strcmp(srv_info(t.x, "role"), "master") == 0 && srv_link_up(t.p));
    cr_assert_str_eq(state(t.p), "no-failover");
    EXPECT(t.x, "\"behind\"", "GET x");
    wait_same(t.p, t.x);
    cr_assert_eq(srv_info_int(t.p, "sync_full"), 2);
    cr_assert_eq(srv_info_int(t.x, "sync_full"), 0);
    trio_free(&t);
}

Test(failover, aborted_and_timed_out_the_writes_go_on) {
    struct trio t = trio_start("");
    srv_freeze(t.x);
    EXPECT(t.p, "OK", "SET x behind");
    EXPECT(t.p, "OK", "FAILOVER TO 127.0.0.1 %d", t.x->port);
    cr_assert_str_eq(state(t.p), "waiting-for-sync");
    redisContext *c = hold_a_write(t.p);
    EXPECT(t.p, "OK", "CLIENT UNPAUSE"); /* that is another pause */
    EXPECT(t.p, "(nil)", "GET held");
    EXPECT(t.p, "OK", "FAILOVER ABORT");
    cr_assert_str_eq(state(t.p), "no-failover");
    expect_held(c, "OK");
    EXPECT(t.p, "(integer) 1", "DEL held");
    EXPECT(t.p, "OK", "FAILOVER TO 127.0.0.1 %d TIMEOUT 100", t.x->port);
    EXPECT(t.p, "OK", "SET held until");
    cr_assert(srv_logged(t.p, "aborted: Replica never caught up before timeout"));
    cr_assert_str_eq(srv_info(t.p, "role"), "master");
    srv_thaw(t.x);
    wait_same(t.x, t.p);
    wait_same(t.o, t.p);
    cr_assert_eq(srv_info_int(t.p, "sync_full"), 2);
    trio_free(&t);
}

/* A client's pause goes on when the failover's ends. */
Test(failover, a_pause_of_another_cause_outlives_it) {
    struct trio t = trio_start("");
    srv_freeze(t.x);
    EXPECT(t.p, "OK", "SET x behind");
    EXPECT(t.p, "OK", "FAILOVER TO 127.0.0.1 %d", t.x->port);
    EXPECT(t.p, "OK", "CLIENT PAUSE 10000000 WRITE");
    redisContext *c = hold_a_write(t.p);
    EXPECT(t.p, "OK", "FAILOVER ABORT");
    EXPECT(t.p, "(nil)", "GET held");
    cr_assert_eq(srv_info_int(t.p, "blocked_clients"), 1);
    EXPECT(t.p, "OK", "CLIENT UNPAUSE");
    expect_held(c, "OK");
    srv_thaw(t.x);
    trio_free(&t);
}

Test(failover, forced_on_a_replica_that_lags_and_taken_back) {
    struct trio t = trio_start("");
    srv_freeze(t.x);
    EXPECT(t.p, "OK", "SET x behind");
    EXPECT(t.p, "OK", "FAILOVER TO 127.0.0.1 %d FORCE TIMEOUT 100", t.x->port);
    WAIT_UNTIL(strcmp(state(t.p), "failover-in-progress") == 0);
    cr_assert_str_eq(srv_info(t.p, "role"), "slave");
    EXPECT(t.p, "(error) READONLY You can't write against a read only replica.", "SET a b");
    EXPECT(t.p, "(error) ERR REPLICAOF not allowed while failing over.", "REPLICAOF NO ONE");
    EXPECT(t.p, "(error) ERR FAILOVER already in progress.", "FAILOVER");
    EXPECT(t.p, "(error) NOMASTERLINK Can't SYNC while failing over", "PSYNC ? -1");
    EXPECT(t.p, "OK", "FAILOVER ABORT");
    cr_assert_str_eq(srv_info(t.p, "role"), "master");
    EXPECT(t.p, "OK", "SET a b");
    wait_same(t.o, t.p);
    srv_thaw(t.x);
    trio_free(&t);
}

Test(failover, forced_on_a_replica_that_lags_costs_what_it_lacks) {
    struct trio t = trio_start("");
    EXPECT(t.x, "OK", "CLIENT PAUSE 10000000 WRITE"); /* it lags, but it talks */
    EXPECT(t.p, "OK", "SET x behind");
    EXPECT(t.p, "OK", "FAILOVER TO 127.0.0.1 %d FORCE TIMEOUT 100", t.x->port);
    WAIT_UNTIL(strcmp(srv_info(t.x, "role"), "master") == 0);
    EXPECT(t.x, "OK", "CLIENT UNPAUSE");
    WAIT_UNTIL(srv_link_up(t.p));
    EXPECT(t.p, "(nil)", "GET x");
    wait_same(t.p, t.x);
    cr_assert_str_eq(state(t.p), "no-failover");
    trio_free(&t);
}

Test(failover, psync_failover_must_fit) {
    struct trio t = trio_start("");
    char id[64];
    snprintf(id, sizeof id, "%s", srv_info(t.p, "master_replid"));
    EXPECT(t.p, "(error) ERR PSYNC FAILOVER can't be sent to a master.", "PSYNC %s 1 FAILOVER", id);
    EXPECT(t.x, "(error) ERR PSYNC FAILOVER replid must match my replid.",
           "PSYNC 0123456789012345678901234567890123456789 1 FAILOVER");
    cr_assert_str_eq(srv_info(t.x, "role"), "slave");
    trio_free(&t);
}

/* The target has taken the role, but the answer is lost: asked again, it goes on as if it were the first time. */
Test(failover, the_answer_is_lost_on_the_way) {
    struct srv *p = srv_start(TANDEM, "%s", ""), *x = srv_start(TANDEM, "%s", "");
    struct proxy *way = proxy_start(x->port);
    EXPECT(x, "OK", "CONFIG SET replica-announce-port %d", way->port);
    srv_replicate(x, p);
    write_load(p, 200);
    wait_same(x, p);
    EXPECT(p, "(integer) 1", "WAIT 1 60000");
    enum { CHAIN_BYTES = 2 * 41 }; /* behind the second OK: whom it follows, itself first */
    proxy_cut_after(way, (int64_t)strlen("+PONG\r\n+OK\r\n+OK\r\n+CONT") + CHAIN_BYTES);
    EXPECT(p, "OK", "FAILOVER TO 127.0.0.1 %d", way->port);
    WAIT_UNTIL(proxy_cuts(way) == 1);
    proxy_cut_after(way, -1);
    WAIT_UNTIL(srv_link_up(p));
    cr_assert_str_eq(state(p), "no-failover");
    cr_assert_str_eq(srv_info(x, "role"), "master");
    cr_assert_eq(srv_log_count(x, "Failover request received for replid"), 2);
    write_load(x, 100);
    wait_same(p, x);
    cr_assert_eq(srv_info_int(x, "sync_full"), 0);
    proxy_stop(way);
    srv_free(x);
    srv_free(p);
}

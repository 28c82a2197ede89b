/* Replicas of replicas: one log, one identity and one offset from the first to the last, whatever happens in
 * the middle. */
#include "support/proxy.h"
#include "support/scenarios.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct chain {
    struct srv *first, *middle, *last;
};

static struct chain chain_start(void) {
    struct chain c = {srv_start(TANDEM, "--repl-ping-replica-period 3600"), srv_start(TANDEM, "%s", ""),
                      srv_start(TANDEM, "%s", "")};
    EXPECT(c.first, "OK", "SET k v");
    srv_replicate(c.middle, c.first);
    srv_replicate(c.last, c.middle);
    wait_same(c.last, c.first);
    return c;
}

static void chain_free(struct chain *c) {
    srv_free(c->last);
    srv_free(c->middle);
    srv_free(c->first);
}

static void expect_same_identity(struct srv *a, struct srv *b) {
    WAIT_UNTIL(strcmp(srv_info(a, "master_replid"), srv_info(b, "master_replid")) == 0);
    cr_assert_eq(srv_info_int(a, "master_repl_offset"), srv_info_int(b, "master_repl_offset"));
}

Test(chain, five_long) {
    enum { LENGTH = 5 };
    struct srv *s[LENGTH];
    for (int i = 0; i < LENGTH; i++) {
        s[i] = srv_start(TANDEM, "--repl-ping-replica-period 3600");
        if (i) srv_replicate(s[i], s[i - 1]);
    }
    write_load(s[0], 500);
    EXPECT(s[0], "OK", "DEBUG SET-ACTIVE-EXPIRE 0");
    for (int i = 1; i < LENGTH; i++) {
        wait_same(s[i], s[0]);
        expect_same_identity(s[i], s[0]);
    }
    /* Any link may go: only that one comes back, with a partial resync. */
    for (int i = 1; i < LENGTH; i++) {
        EXPECT(s[i], "(integer) 1", "CLIENT KILL TYPE master");
        EXPECT(s[0], "OK", "SET round %d", i);
        wait_same(s[LENGTH - 1], s[0]);
    }
    for (int i = 0; i < LENGTH - 1; i++) cr_assert_eq(srv_info_int(s[i], "sync_full"), 1);
    for (int i = LENGTH - 1; i >= 0; i--) srv_free(s[i]);
}

Test(chain, a_new_masters_name_travels_down) {
    struct chain c = chain_start();
    struct srv *heir = srv_start(TANDEM, "--repl-ping-replica-period 3600");
    srv_replicate(heir, c.first);
    EXPECT(c.first, "OK", "SET last word");
    wait_same(heir, c.first);
    wait_same(c.last, c.first);
    char old_id[64];
    snprintf(old_id, sizeof old_id, "%s", srv_info(c.first, "master_replid"));
    srv_kill(c.first);
    EXPECT(heir, "OK", "REPLICAOF NO ONE");
    EXPECT(heir, "OK", "SET first word");
    srv_replicate(c.middle, heir);
    wait_same(c.last, heir);
    expect_same_identity(c.last, heir);
    expect_same_identity(c.middle, heir);
    cr_assert_str_eq(srv_info(c.middle, "master_replid2"), old_id);
    cr_assert_str_eq(srv_info(c.last, "master_replid2"), old_id);
    cr_assert_eq(srv_info_int(heir, "sync_full"), 0);
    cr_assert_eq(srv_info_int(c.middle, "sync_full"), 1, "only the very first one");
    cr_assert(srv_logged(c.last, "Master replication ID changed to"));
    srv_free(heir);
    chain_free(&c);
}

Test(chain, a_full_resync_in_the_middle_goes_on_to_the_end) {
    struct chain c = chain_start();
    EXPECT(c.first, "OK", "DEBUG CHANGE-REPL-ID");
    EXPECT(c.middle, "(integer) 1", "CLIENT KILL TYPE master");
    EXPECT(c.first, "OK", "SET another history");
    wait_same(c.middle, c.first);
    wait_same(c.last, c.first);
    expect_same_identity(c.last, c.first);
    cr_assert_eq(srv_info_int(c.first, "sync_full"), 2);
    chain_free(&c);
}

Test(chain, while_the_middle_has_no_master_the_end_waits) {
    struct chain c = chain_start();
    struct proxy *x = proxy_start(c.first->port);
    EXPECT(c.middle, "OK", "REPLICAOF 127.0.0.1 %d", x->port);
    wait_same(c.last, c.first);
    proxy_refuse(x, true);
    proxy_cut(x);
    WAIT_UNTIL(!srv_link_up(c.middle));
    srv_cmd(c.last, "CLIENT KILL TYPE master"); /* or it is just coming back from the middle's move */
    WAIT_UNTIL(srv_logged(c.last, "Master is currently unable to PSYNC but should be in the future: "
                                  "-NOMASTERLINK Can't SYNC while not connected with my master"));
    EXPECT(c.last, "\"v\"", "GET k");
    EXPECT(c.first, "OK", "SET k w");
    proxy_refuse(x, false);
    wait_same(c.last, c.first);
    cr_assert_eq(srv_info_int(c.middle, "sync_full"), 1);
    proxy_stop(x);
    chain_free(&c);
}

Test(chain, what_a_writable_middle_writes_stays_there) {
    struct chain c = chain_start();
    EXPECT(c.middle, "OK", "CONFIG SET replica-read-only no");
    int64_t offset = srv_info_int(c.middle, "master_repl_offset");
    EXPECT(c.middle, "OK", "SET local only");
    EXPECT(c.middle, "OK", "SET brief life PX 30");
    WAIT_UNTIL(strcmp(srv_cmd(c.middle, "GET brief"), "(nil)") == 0);
    cr_assert_eq(srv_info_int(c.middle, "master_repl_offset"), offset);
    EXPECT(c.first, "OK", "SET k w");
    WAIT_UNTIL(strcmp(srv_cmd(c.last, "GET k"), "\"w\"") == 0);
    EXPECT(c.last, "(nil)", "GET local");
    expect_same_identity(c.last, c.first);
    chain_free(&c);
}

static bool transaction(struct srv *s, int *count) {
    srv_cmd(s, "MULTI");
    srv_cmd(s, "SELECT 2");
    srv_cmd(s, "INCR left");
    srv_cmd(s, "APPEND right x");
    srv_cmd(s, "SELECT 0");
    ++*count;
    return strncmp(srv_cmd(s, "EXEC"), "[", 1) == 0;
}

/* Cuts that fall into transactions: the end sees all of one or nothing, and goes on from a place between them. */
Test(chain, transactions_arrive_whole) {
    struct chain c = chain_start();
    struct proxy *x = proxy_start(c.first->port);
    int count = 0;
    EXPECT(c.middle, "OK", "REPLICAOF 127.0.0.1 %d", x->port);
    for (int i = 0; i < 15; i++) {
        WAIT_UNTIL(srv_link_up(c.middle));
        uint64_t cuts = proxy_cuts(x);
        proxy_split(x, 1 + (int)test_below(60));
        proxy_cut_after(x, (int64_t)test_below(400));
        WAIT_UNTIL(transaction(c.first, &count) && proxy_cuts(x) > cuts);
    }
    proxy_cut_after(x, -1);
    proxy_split(x, 0);
    wait_same(c.middle, c.first);
    wait_same(c.last, c.first);
    EXPECT(c.last, "OK", "SELECT 2");
    cr_assert_eq(srv_int(c.last, "STRLEN right"), count);
    char left[32];
    snprintf(left, sizeof left, "\"%d\"", count);
    EXPECT(c.last, left, "GET left");
    cr_assert_eq(srv_info_int(c.first, "sync_full"), 1);
    cr_assert_geq(srv_info_int(c.first, "sync_partial_ok"), 15);
    proxy_stop(x);
    chain_free(&c);
}

/* Nothing that WAIT confirmed may be lost when the primary dies and the replica that confirmed it takes
 * over. */
Test(chain, what_wait_confirmed_survives_the_primary) {
    struct chain c = chain_start();
    for (int i = 0; i < 200; i++) {
        EXPECT(c.first, "OK", "SET confirmed:%d %d", i, i);
        EXPECT(c.first, "(integer) 1", "WAIT 1 20000");
    }
    srv_kill(c.first);
    EXPECT(c.middle, "OK", "REPLICAOF NO ONE");
    for (int i = 0; i < 200; i++) cr_assert_eq(srv_int(c.middle, "EXISTS confirmed:%d", i), 1);
    EXPECT(c.middle, "OK", "SET after promotion");
    wait_same(c.last, c.middle);
    cr_assert_eq(srv_info_int(c.middle, "sync_full"), 1, "the end went on from where it was");
    srv_restart(c.first);
    srv_replicate(c.first, c.middle);
    wait_same(c.first, c.middle);
    chain_free(&c);
}

/* No loops and no storms: full synchronisations wait for one another, leave bandwidth to others, end with a child that hangs,
 * and writers may be slowed for a replica that is about to be dropped. */
#include "support/proxy.h"
#include "support/scenarios.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* Values that don't compress, each of 4000 bytes. */
static void fill(struct srv *p, int n) {
    char value[4000];
    redisContext *c = srv_connect(p);
    for (int i = 0; i < n; i++) {
        for (size_t j = 0; j < sizeof value; j++) value[j] = (char)('!' + test_below(90));
        redisReply *r = redisCommand(c, "SET key:%d %b", i, value, sizeof value);
        cr_assert(r && r->type == REDIS_REPLY_STATUS, "%s", r ? r->str : c->errstr);
        freeReplyObject(r);
    }
    redisFree(c);
}

static struct srv *follower(int port) {
    return srv_start(TANDEM, "--replicaof 127.0.0.1 %d", port);
}

static bool never_more_than_one(struct srv *p) {
    cr_assert_leq(srv_info_int(p, "full_syncs_in_progress"), 1);
    return true;
}

/* The first is made so slow that all others find it running, however long they take to come. */
static void queued(const char *diskless) {
    struct srv *p = srv_start(
        TANDEM, "--repl-max-full-syncs 1 --repl-full-sync-rate 10kb --repl-diskless-sync %s", diskless);
    struct srv *r[3];
    fill(p, 200);
    for (int i = 0; i < 3; i++) r[i] = follower(p->port);
    WAIT_UNTIL(srv_log_count(p, "(repl-max-full-syncs 1): replica ") == 2);
    cr_assert_eq(srv_info_int(p, "full_syncs_queued"), 2);
    EXPECT(p, "OK", "CONFIG SET repl-full-sync-rate 4mb");
    WAIT_UNTIL(never_more_than_one(p) && srv_link_up(r[0]) && srv_link_up(r[1]) && srv_link_up(r[2]));
    for (int i = 0; i < 3; i++) wait_same(r[i], p);
    cr_assert_eq(srv_info_int(p, "sync_full"), 3, "who waits does not come again");
    cr_assert_eq(srv_log_count(p, "Starting BGSAVE for SYNC"), 3);
    for (int i = 0; i < 3; i++) srv_free(r[i]);
    srv_free(p);
}

Test(restraint, full_syncs_by_file_wait_for_one_another) {
    queued("no");
}

Test(restraint, full_syncs_by_pipe_wait_for_one_another) {
    queued("yes");
}

static void limited(const char *diskless) {
    struct srv *p = srv_start(TANDEM, "--repl-full-sync-rate 1mb --repl-diskless-sync %s", diskless);
    fill(p, 200); /* 800 KB */
    uint64_t start_ms = now_ms();
    struct srv *r = follower(p->port);
    WAIT_UNTIL(srv_link_up(r));
    cr_assert_geq(now_ms() - start_ms, 600, "faster than it may be");
    wait_same(r, p);
    srv_free(r);
    srv_free(p);
}

Test(restraint, the_bandwidth_of_a_file_is_limited) {
    limited("no");
}

Test(restraint, the_bandwidth_of_a_pipe_is_limited) {
    limited("yes");
}

static void hangs(const char *diskless) {
    struct srv *p = srv_start(
        TANDEM, "--snapshot-timeout 1 --rdb-key-save-delay 1000000000 --repl-diskless-sync %s", diskless);
    EXPECT(p, "OK", "SET k v");
    struct srv *r = follower(p->port);
    WAIT_UNTIL(srv_logged(p, "has made no progress for 1 seconds (snapshot-timeout): it is killed."));
    EXPECT(p, "OK", "CONFIG SET rdb-key-save-delay 0");
    wait_same(r, p);
    cr_assert(srv_logged(p, "ended: the snapshot made no progress"), "and it is told why");
    srv_free(r);
    srv_free(p);
}

Test(restraint, a_child_that_hangs_at_a_file_is_ended) {
    hangs("no");
}

Test(restraint, a_child_that_hangs_at_a_pipe_is_ended) {
    hangs("yes");
}

/* The transfer stands still: sockets and pipe are full. */
static void wait_stuck(struct srv *p) {
    char before[256] = "", now[256];
    for (int same = 0; same < 20; usleep(10000)) {
        const char *sync = srv_info(p, "replica0_sync"), *at = strstr(sync, "phase_bytes=");
        snprintf(now, sizeof now, "%.*s", at ? (int)strcspn(at, ",") : 0, at ? at : "");
        same = strcmp(now, before) == 0 ? same + 1 : 0;
        memcpy(before, now, sizeof before);
    }
}

Test(restraint, a_child_that_waits_for_a_slow_replica_is_not_ended) {
    struct srv *p = srv_start(TANDEM, "--repl-diskless-sync yes");
    struct proxy *x = proxy_start(p->port);
    fill(p, 4000);
    struct srv *r = srv_start(TANDEM, "%s", "");
    proxy_throttle(x, 200000);
    EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", x->port);
    WAIT_UNTIL(srv_info_int(r, "master_sync_phase_bytes") > 0);
    proxy_stall(x, true);
    wait_stuck(p);
    EXPECT(p, "OK", "CONFIG SET snapshot-timeout 1");
    usleep(2500000); /* it passes more than twice */
    cr_assert_not(srv_logged(p, "snapshot-timeout"));
    EXPECT(p, "OK", "CONFIG SET snapshot-timeout 300");
    proxy_stall(x, false);
    proxy_throttle(x, 0);
    wait_same(r, p);
    cr_assert_eq(srv_info_int(p, "sync_full"), 1);
    srv_free(r);
    proxy_stop(x);
    srv_free(p);
}

/* A file that two wait for: one goes, the other gets it. */
Test(restraint, who_leaves_a_shared_file_hurts_nobody) {
    struct srv *p = srv_start(TANDEM, "--repl-diskless-sync no --rdb-key-save-delay 5000");
    struct srv *a = srv_start(TANDEM, "%s", ""), *b = srv_start(TANDEM, "%s", "");
    fill(p, 300);
    EXPECT(a, "OK", "REPLICAOF 127.0.0.1 %d", p->port);
    EXPECT(b, "OK", "REPLICAOF 127.0.0.1 %d", p->port);
    WAIT_UNTIL(srv_logged(p, "Waiting for end of BGSAVE for SYNC") &&
               srv_info_int(p, "connected_slaves") == 2);
    srv_kill(a);
    EXPECT(p, "OK", "CONFIG SET rdb-key-save-delay 0");
    wait_same(b, p);
    cr_assert_eq(srv_info_int(b, "connected_slaves"), 0);
    cr_assert_eq(srv_log_count(p, "Starting BGSAVE for SYNC"), 1);
    srv_free(b);
    srv_free(a);
    srv_free(p);
}

/* The loop that replicas are lost in: the log of a full sync outgrows the limit, the replica is dropped, and begins anew. */
Test(restraint, a_full_sync_comes_to_its_end_under_load) {
    struct srv *p = srv_start(TANDEM,
                              "--client-output-buffer-limit replica 4mb 0 0 --repl-backlog-size 64kb "
                              "--repl-backpressure 25 --repl-full-sync-rate 2mb --repl-diskless-sync no");
    fill(p, 500);
    struct srv *r = follower(p->port);
    for (uint64_t end = now_ms() + WAIT_MS; !srv_link_up(r); fill(p, 50))
        cr_assert_lt(now_ms(), end, "it begins again and again: %d times", (int)srv_info_int(p, "sync_full"));
    wait_same(r, p);
    cr_assert_eq(srv_info_int(p, "sync_full"), 1);
    srv_free(r);
    srv_free(p);
}

Test(restraint, writers_are_slowed_before_a_replica_is_dropped) {
    struct srv *p = srv_start(TANDEM, "--client-output-buffer-limit replica 4mb 0 0 --repl-backlog-size 64kb "
                                      "--repl-backpressure 25");
    struct srv *r = srv_start(TANDEM, "%s", "");
    struct proxy *x = proxy_start(p->port);
    EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", x->port);
    WAIT_UNTIL(srv_link_up(r));
    proxy_stall(x, true);
    for (uint64_t end = now_ms() + WAIT_MS; !srv_logged(p, "writers are slowed (repl-backpressure)");
         fill(p, 50))
        cr_assert_lt(now_ms(), end);
    proxy_stall(x, false);
    wait_same(r, p);
    WAIT_UNTIL(srv_logged(p, "writers are not slowed any more"));
    cr_assert_gt(srv_info_int(p, "backpressure_ms"), 0);
    cr_assert_eq(srv_info_int(p, "sync_full"), 1, "it was not dropped");
    srv_free(r);
    proxy_stop(x);
    srv_free(p);
}

/* Mistakes and accidents that must not cost a replica its data: a master that came back empty, too little memory, full disks,
 * a master that becomes a replica in the middle, servers that would follow themselves. Each time: it is told clearly, it is
 * tried again, and nothing is lost. */
#include "support/proxy.h"
#include "support/scenarios.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static struct srv *p, *r; /* primary and replica of most tests */

static void start(const char *primary_args, const char *replica_args) {
    p = srv_start(TANDEM, "%s", primary_args);
    r = srv_start(TANDEM, "%s", replica_args);
}

static void stop(void) {
    if (r) srv_free(r);
    if (p) srv_free(p);
    p = r = NULL;
}

TestSuite(guards, .fini = stop);

static void fill(struct srv *s, int n) {
    char value[4000];
    redisContext *c = srv_connect(s);
    for (int i = 0; i < n; i++) {
        for (size_t j = 0; j < sizeof value; j++) value[j] = (char)('!' + test_below(90));
        redisReply *reply = redisCommand(c, "SET key:%d %b", i, value, sizeof value);
        cr_assert(reply && reply->type == REDIS_REPLY_STATUS, "%s", reply ? reply->str : c->errstr);
        freeReplyObject(reply);
    }
    redisFree(c);
}

static bool held(struct srv *s, const char *why) {
    return strcmp(srv_info(s, "master_link_held"), why) == 0;
}

/* --- a master without data --- */

/* In step, with three keys; then the master is killed and comes back with none. */
static void master_lost_its_data(const char *master_args, const char *replica_args) {
    start(master_args, replica_args);
    for (int i = 0; i < 3; i++) EXPECT(p, "OK", "SET precious:%d data", i);
    srv_replicate(r, p);
    wait_same(r, p);
    char file[300];
    snprintf(file, sizeof file, "%s/dump.rdb", p->dir);
    srv_kill(p);
    unlink(file);
    srv_restart(p);
    EXPECT(p, "(integer) 0", "DBSIZE");
    WAIT_UNTIL(held(r, "empty-master"));
    cr_assert(srv_logged(r, "the master has no data, and another history than ours: our 3 keys are kept."));
    EXPECT(r, "(integer) 3", "DBSIZE");
    cr_assert_not(srv_link_up(r));
}

Test(guards, an_empty_master_is_followed_when_told_so) {
    master_lost_its_data("--repl-diskless-sync yes", "--repl-diskless-load disabled");
    EXPECT(r, "\"data\"", "GET precious:1");
    EXPECT(r, "OK", "CONFIG SET replica-guard-empty-master no");
    wait_same(r, p);
    EXPECT(r, "(integer) 0", "DBSIZE");
    cr_assert_str_eq(srv_info(r, "master_link_held"), "");
}

Test(guards, an_empty_master_is_followed_when_it_has_data_again) {
    master_lost_its_data("--repl-diskless-sync no", "--repl-diskless-load disabled");
    cr_assert(strstr(srv_cmd(r, "TANDEM RESYNCS 1"), "our 3 keys are kept"));
    EXPECT(p, "OK", "SET restored data");
    wait_same(r, p);
    EXPECT(r, "(integer) 1", "DBSIZE");
}

Test(guards, what_holds_no_more_is_not_told) {
    master_lost_its_data("--repl-diskless-sync yes", "--repl-diskless-load disabled");
    EXPECT(r, "OK", "CONFIG SET masterauth wrong");
    WAIT_UNTIL(srv_logged(r, "Unable to AUTH to MASTER"));
    cr_assert_str_eq(srv_info(r, "master_link_held"), "", "now it is the password");
}

Test(guards, what_is_not_taken_costs_no_snapshot_of_ours) {
    master_lost_its_data("--repl-diskless-sync yes", "--repl-diskless-load disabled");
    EXPECT(r, "OK", "CONFIG SET rdb-key-save-delay 100000000");
    EXPECT(r, "Background saving started", "BGSAVE");
    int before = srv_log_count(r, "with our master ended: the master has no data");
    EXPECT(r, "OK", "CONFIG SET replica-guard-empty-master yes"); /* try again */
    WAIT_UNTIL(srv_log_count(r, "with our master ended: the master has no data") > before);
    cr_assert_not(srv_logged(r, "there is a pending RDB child running"));
    cr_assert_eq(srv_info_int(r, "rdb_bgsave_in_progress"), 1);
}

Test(guards, an_empty_master_and_a_replica_that_becomes_one) {
    master_lost_its_data("--repl-diskless-sync yes", "--repl-diskless-load swapdb");
    EXPECT(r, "OK", "REPLICAOF NO ONE");
    EXPECT(r, "OK", "SET precious:4 data");
    srv_replicate(p, r);
    wait_same(p, r);
    EXPECT(p, "(integer) 4", "DBSIZE");
}

Test(guards, a_restarted_replica_is_guarded_by_what_its_file_says) {
    p = srv_start(TANDEM, "%s", "");
    r = srv_start(TANDEM, "--replicaof 127.0.0.1 %d", p->port);
    EXPECT(p, "OK", "SET precious data");
    wait_same(r, p);
    EXPECT(r, "OK", "SAVE");
    srv_kill(p);
    srv_kill(r);
    srv_restart(p);
    srv_restart(r);
    WAIT_UNTIL(held(r, "empty-master"));
    EXPECT(r, "\"data\"", "GET precious");
}

Test(guards, a_first_set_up_is_not_bothered) {
    start("", "");
    EXPECT(r, "OK", "SET some rest");
    srv_replicate(r, p);
    wait_same(r, p);
    EXPECT(r, "(integer) 0", "DBSIZE");
}

Test(guards, a_master_that_was_flushed_is_believed) {
    start("--repl-backlog-size 16kb", "");
    struct proxy *x = proxy_start(p->port);
    fill(p, 3);
    EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", x->port);
    wait_same(r, p);
    proxy_refuse(x, true);
    proxy_cut(x);
    WAIT_UNTIL(!srv_link_up(r));
    fill(p, 20);
    EXPECT(p, "OK", "FLUSHALL");
    proxy_refuse(x, false);
    wait_same(r, p);
    EXPECT(r, "(integer) 0", "DBSIZE");
    cr_assert_eq(srv_info_int(p, "sync_full"), 2);
    proxy_stop(x);
}

/* --- memory --- */

Test(guards, data_that_do_not_fit) {
    start("", "--repl-load-memory-limit 1mb");
    fill(p, 500);
    EXPECT(r, "OK", "SET precious data");
    EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", p->port);
    WAIT_UNTIL(held(r, "memory"));
    cr_assert(srv_logged(r, "of memory and we may use 1.0mb"));
    EXPECT(r, "\"data\"", "GET precious");
    EXPECT(r, "OK", "CONFIG SET repl-load-memory-limit 0");
    wait_same(r, p);
}

/* --- full disks --- */

/* Makes a file system of 256 KB the server's directory; needs root, which containers mostly are. */
static bool work_in_a_small_place(struct srv *s, char dir[300]) {
    snprintf(dir, 300, "%s/small", s->dir);
    if (mkdir(dir, 0755) != 0 || mount("tmpfs", dir, "tmpfs", 0, "size=256k") != 0) return false;
    EXPECT(s, "OK", "CONFIG SET dir %s", dir);
    return true;
}

static void leave(struct srv *s, const char *dir) {
    EXPECT(s, "OK", "CONFIG SET dir %s", s->dir);
    umount2(dir, MNT_DETACH);
}

Test(guards, a_full_disk_of_the_replica) {
    start("", "--enable-protected-configs yes");
    char dir[300];
    fill(p, 300);
    EXPECT(r, "OK", "SET precious data");
    if (!work_in_a_small_place(r, dir)) {
        stop();
        cr_skip("can't mount a small file system here");
    }
    EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", p->port);
    WAIT_UNTIL(srv_log_count(r, "ended: writing ") >= 2);
    cr_assert(srv_logged(r, "No space left on device"));
    EXPECT(r, "\"data\"", "GET precious");
    leave(r, dir);
    wait_same(r, p);
}

Test(guards, a_full_disk_of_the_master) {
    start("--repl-diskless-sync no --enable-protected-configs yes", "");
    char dir[300];
    fill(p, 300);
    EXPECT(r, "OK", "SET precious data");
    if (!work_in_a_small_place(p, dir)) {
        stop();
        cr_skip("can't mount a small file system here");
    }
    EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", p->port);
    WAIT_UNTIL(srv_log_count(p, "ended: the snapshot failed") >= 2);
    cr_assert(srv_logged(p, "No space left on device"));
    EXPECT(r, "\"data\"", "GET precious");
    EXPECT(p, "OK", "SET still serving");
    leave(p, dir);
    wait_same(r, p);
}

/* --- changes of role in the middle --- */

static void turns_into_a_replica(const char *diskless) {
    struct srv *q = srv_start(TANDEM, "%s", "");
    start(diskless, "");
    struct proxy *x = proxy_start(p->port);
    fill(p, 2000);
    fill(q, 5);
    EXPECT(r, "OK", "SET precious data");
    proxy_throttle(x, 500000);
    EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", x->port);
    WAIT_UNTIL(srv_info_int(r, "master_sync_phase_bytes") > 0);
    EXPECT(p, "OK", "REPLICAOF 127.0.0.1 %d", q->port);
    EXPECT(r, "\"data\"", "GET precious");
    proxy_throttle(x, 0);
    wait_same(p, q);
    wait_same(r, p);
    EXPECT(r, "(integer) 5", "DBSIZE");
    cr_assert(srv_logged(p, "ended: our role, data or history changed"));
    proxy_stop(x);
    srv_free(q);
}

Test(guards, a_master_that_sends_a_file_becomes_a_replica) {
    turns_into_a_replica("--repl-diskless-sync no");
}

Test(guards, a_master_that_sends_a_pipe_becomes_a_replica) {
    turns_into_a_replica("--repl-diskless-sync yes");
}

/* --- who would follow itself --- */

Test(guards, a_replica_of_itself) {
    struct srv *s = srv_start(TANDEM, "%s", "");
    EXPECT(s, "OK", "SET precious data");
    EXPECT(s, "OK", "REPLICAOF 127.0.0.1 %d", s->port);
    WAIT_UNTIL(held(s, "self"));
    cr_assert(srv_logged(s, "it is this server itself"));
    cr_assert_str_eq(srv_info(s, "master_link_status"), "down");
    EXPECT(s, "\"data\"", "GET precious");
    EXPECT(s, "OK", "REPLICAOF NO ONE");
    EXPECT(s, "OK", "SET precious more");
    cr_assert_str_eq(srv_info(s, "master_link_held"), "");
    srv_free(s);
}

Test(guards, a_cycle_of_two) {
    struct srv *a = srv_start(TANDEM, "%s", ""), *b = srv_start(TANDEM, "%s", "");
    EXPECT(a, "OK", "SET precious data");
    srv_replicate(b, a);
    wait_same(b, a);
    EXPECT(a, "OK", "REPLICAOF 127.0.0.1 %d", b->port);
    WAIT_UNTIL(held(a, "cycle"));
    cr_assert(srv_logged(a, "it follows us itself, over 1 server: "));
    EXPECT(a, "OK", "REPLICAOF NO ONE");
    EXPECT(a, "OK", "SET precious more");
    wait_same(b, a);
    EXPECT(b, "\"more\"", "GET precious");
    cr_assert_eq(srv_info_int(a, "sync_full"), 1, "and the way back is partial");
    srv_free(b);
    srv_free(a);
}

/* All links stay up while the last one is closed to a cycle: nothing but the chain tells. */
Test(guards, a_cycle_of_four_that_was_rearranged) {
    struct srv *x = srv_start(TANDEM, "%s", ""), *n = srv_start(TANDEM, "%s", "");
    struct srv *m = srv_start(TANDEM, "%s", ""), *l = srv_start(TANDEM, "%s", "");
    EXPECT(x, "OK", "SET precious data");
    srv_replicate(n, x);
    srv_replicate(m, n);
    srv_replicate(l, m);
    wait_same(l, x);
    /* n leaves x and comes back below another name of the same history: what is below hears of it. */
    EXPECT(n, "OK", "REPLICAOF NO ONE");
    srv_replicate(n, x);
    wait_same(l, x);
    EXPECT(x, "OK", "REPLICAOF 127.0.0.1 %d", l->port);
    WAIT_UNTIL(held(x, "cycle"));
    EXPECT(x, "\"data\"", "GET precious");
    EXPECT(x, "OK", "REPLICAOF NO ONE");
    EXPECT(x, "OK", "SET precious more");
    wait_same(n, x);
    wait_same(m, n);
    wait_same(l, m);
    EXPECT(l, "\"more\"", "GET precious");
    srv_free(l);
    srv_free(m);
    srv_free(n);
    srv_free(x);
}

/* --- trying again --- */

Test(guards, a_master_that_fails_each_time_is_not_hammered) {
    start("--repl-diskless-sync no --enable-protected-configs yes", "");
    char away[200];
    snprintf(away, sizeof away, "%s/gone", p->dir);
    cr_assert_eq(mkdir(away, 0700), 0);
    EXPECT(p, "OK", "CONFIG SET dir %s", away);
    cr_assert_eq(rmdir(away), 0);
    uint64_t start_ms = now_ms();
    EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", p->port);
    WAIT_UNTIL(srv_info_int(p, "sync_full") >= 4);
    cr_assert_geq(now_ms() - start_ms, 2000,
                  "the second retry waits a second, the third two, less a quarter");
    EXPECT(p, "OK", "CONFIG SET dir %s", p->dir);
    wait_same(r, p);
}

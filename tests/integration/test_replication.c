/* Replication among our own servers: the scenarios, and what only the log and INFO can show. */
#include "support/proxy.h"
#include "support/scenarios.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

Test(replication, full_sync_from_disk) {
    scenario_full_sync(TANDEM, TANDEM, false);
}
Test(replication, full_sync_diskless) {
    scenario_full_sync(TANDEM, TANDEM, true);
}
Test(replication, partial_after_cut) {
    scenario_partial_after_cut(TANDEM, TANDEM);
}
Test(replication, full_past_backlog) {
    scenario_full_past_backlog(TANDEM, TANDEM);
}
Test(replication, random_cuts_under_load) {
    scenario_random_cuts(TANDEM, TANDEM, 120);
}
Test(replication, chain) {
    scenario_chain(TANDEM, TANDEM, TANDEM);
}
Test(replication, promotion) {
    scenario_promotion(TANDEM, TANDEM, TANDEM);
}
Test(replication, keys_expire_at_the_same_time_on_both_sides) {
    scenario_expiry(TANDEM, TANDEM);
}

Test(replication, one_snapshot_serves_all_who_wait) {
    struct srv *p = srv_start(TANDEM, "--repl-diskless-sync no --rdb-key-save-delay 200");
    write_load(p, 3000);
    struct srv *r[3];
    for (int i = 0; i < 3; i++) r[i] = srv_start(TANDEM, "--replicaof 127.0.0.1 %d", p->port);
    for (int i = 0; i < 3; i++) WAIT_UNTIL(srv_link_up(r[i]));
    /* The first may have started one alone; the two that came while it ran share the next, or all share one. */
    cr_assert_leq(srv_log_count(p, "Starting BGSAVE for SYNC"), 2);
    for (int i = 0; i < 3; i++) wait_same(r[i], p);
    for (int i = 0; i < 3; i++) srv_free(r[i]);
    srv_free(p);
}

Test(replication, a_missing_or_wrong_password_is_logged_and_tried_again) {
    struct srv *p = srv_start(TANDEM, "--requirepass secret");
    struct srv *r = srv_start(TANDEM, "--replicaof 127.0.0.1 %d", p->port);
    EXPECT(p, "OK", "AUTH secret");
    EXPECT(p, "OK", "SET k v");
    WAIT_UNTIL(srv_logged(r, "NOAUTH"));
    EXPECT(r, "OK", "CONFIG SET masterauth wrong");
    WAIT_UNTIL(srv_logged(r, "Unable to AUTH to MASTER"));
    EXPECT(r, "OK", "CONFIG SET masterauth secret");
    WAIT_UNTIL(srv_link_up(r));
    EXPECT(r, "\"v\"", "GET k");
    srv_free(r);
    srv_free(p);
}

Test(replication, replicas_refuse_writes_unless_told_otherwise) {
    struct srv *p = srv_start(TANDEM, "%s", ""), *r = srv_start(TANDEM, "--slaveof 127.0.0.1 %d", p->port);
    WAIT_UNTIL(srv_link_up(r));
    EXPECT(r, "(error) READONLY You can't write against a read only replica.", "SET a 1");
    EXPECT(r, "OK", "CONFIG SET slave-read-only no");
    EXPECT(r, "OK", "SET a 1");
    EXPECT(p, "(nil)", "GET a");
    srv_free(r);
    srv_free(p);
}

Test(replication, a_backlog_has_a_least_size) {
    struct srv *p = srv_start(TANDEM, "%s", "");
    EXPECT(p, "OK", "CONFIG SET repl-backlog-size 1");
    EXPECT(p, "[\"repl-backlog-size\", \"16384\"]", "CONFIG GET repl-backlog-size");
    cr_assert_eq(srv_info_int(p, "repl_backlog_size"), 16384);
    srv_free(p);
}

/* Limits are for clients: refused, the same bytes would come again, and then all data. */
Test(replication, what_the_primary_took_is_not_too_large_for_its_replica) {
    enum { BYTES = 3 << 20 };
    struct srv *p = srv_start(TANDEM, "%s", ""),
               *r = srv_start(TANDEM, "--proto-max-bulk-len 1mb --client-query-buffer-limit 1mb");
    char *value = calloc(1, BYTES);
    srv_replicate(r, p);
    cr_assert_str_eq(srv_cmdv(p, 3, (const char *[]){"SET", "a", value}, (size_t[]){3, 1, BYTES}), "OK");
    wait_same(r, p);
    EXPECT(r, "(integer) 3145728", "STRLEN a");
    cr_assert_eq(srv_info_int(p, "sync_full"), 1);
    free(value);
    srv_free(r);
    srv_free(p);
}

Test(replication, stale_data_is_served_or_not) {
    struct srv *p = srv_start(TANDEM, "%s", ""), *r = srv_start(TANDEM, "--replicaof 127.0.0.1 %d", p->port);
    EXPECT(p, "OK", "SET a 1");
    WAIT_UNTIL(srv_link_up(r));
    wait_same(r, p);
    srv_kill(p);
    WAIT_UNTIL(!srv_link_up(r));
    EXPECT(r, "\"1\"", "GET a");
    EXPECT(r, "OK", "CONFIG SET replica-serve-stale-data no");
    EXPECT(r, "(error) MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
           "GET a");
    cr_assert_geq(srv_info_int(r, "master_link_down_since_seconds"), 0);
    srv_free(r);
    srv_free(p);
}

Test(replication, wait_counts_replicas) {
    struct srv *p = srv_start(TANDEM, "%s", "");
    EXPECT(p, "(integer) 0", "WAIT 0 10");
    EXPECT(p, "(integer) 0", "WAIT 1 50");
    struct srv *a = srv_start(TANDEM, "--replicaof 127.0.0.1 %d", p->port);
    struct srv *b = srv_start(TANDEM, "--replicaof 127.0.0.1 %d", p->port);
    WAIT_UNTIL(srv_link_up(a) && srv_link_up(b) && srv_info_int(p, "connected_slaves") == 2);
    for (int i = 0; i < 50; i++) {
        EXPECT(p, "OK", "SET k %d", i);
        EXPECT(p, "(integer) 2", "WAIT 2 20000");
        cr_assert_eq(srv_int(a, "STRLEN k"), i < 10 ? 1 : 2);
    }
    srv_kill(b);
    EXPECT(p, "OK", "SET k x");
    EXPECT(p, "(integer) 1", "WAIT 2 300");
    EXPECT(
        a,
        "(error) ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a "
        "replica is configured to be writable (which is not the default) writes to replicas are just local "
        "and are not propagated.",
        "WAIT 1 10");
    srv_free(b);
    srv_free(a);
    srv_free(p);
}

Test(replication, restart_of_a_replica_is_partial) {
    struct srv *p = srv_start(TANDEM, "%s", ""),
               *r = srv_start(TANDEM, "--replicaof 127.0.0.1 %d --save '900 1000000'", p->port);
    write_load(p, 500);
    WAIT_UNTIL(srv_link_up(r));
    wait_same(r, p);
    srv_stop(r);
    write_load(p, 500);
    srv_restart(r);
    wait_same(r, p);
    cr_assert_eq(srv_info_int(p, "sync_full"), 1);
    cr_assert_eq(srv_info_int(p, "sync_partial_ok"), 1);
    srv_free(r);
    srv_free(p);
}

/* What expired while the primary was down is gone with its restart; the replica, which resumes partially, hears of it. */
Test(replication, keys_that_expire_while_the_primary_is_down_go_everywhere) {
    struct srv *p = srv_start(TANDEM, "--save '900 1000000'"),
               *r = srv_start(TANDEM, "--replicaof 127.0.0.1 %d", p->port);
    WAIT_UNTIL(srv_link_up(r));
    EXPECT(p, "OK", "SELECT 2");
    EXPECT(p, "OK", "SET short 1 PX 700");
    EXPECT(p, "OK", "SET long 1");
    srv_stop(p);
    usleep(800000);
    srv_restart(p);
    wait_same(r, p);
    cr_assert_eq(srv_info_int(p, "sync_partial_ok"), 1);
    EXPECT(r, "OK", "SELECT 2");
    EXPECT(r, "(integer) 1", "DBSIZE");
    srv_free(r);
    srv_free(p);
}

/* The old primary comes back by its own file, and is told only then that it is a replica now. */
static void old_primary_comes_back(const char *persistence) {
    struct srv *p = srv_start(TANDEM, "%s", persistence),
               *r = srv_start(TANDEM, "--replicaof 127.0.0.1 %d", p->port);
    WAIT_UNTIL(srv_link_up(r));
    EXPECT(p, "OK", "SELECT 5");
    EXPECT(p, "OK", "SET a 1");
    WAIT_UNTIL(srv_info_int(p, "rdb_bgsave_in_progress") == 0); /* the child of the full sync */
    EXPECT(p, "OK", "SAVE");
    EXPECT(p, "OK", "SET b 2"); /* in database 5, and not said again */
    wait_same(r, p);
    srv_kill(p);
    EXPECT(r, "OK", "REPLICAOF NO ONE");
    write_load(r, 100);
    srv_restart(p);
    srv_replicate(p, r);
    wait_same(p, r);
    cr_assert_eq(srv_info_int(r, "sync_full"), 0);
    cr_assert_eq(srv_info_int(r, "sync_partial_ok"), 1);
    EXPECT(p, "OK", "SELECT 5");
    EXPECT(p, "\"2\"", "GET b");
    srv_free(r);
    srv_free(p);
}

Test(replication, an_old_primary_that_comes_back_resumes_partially) {
    old_primary_comes_back("--save '900 1000000'");
    old_primary_comes_back("--appendonly yes --appendfsync always");
}

/* A transfer that breaks anywhere is tried again, and what the replica held stays until a whole file is there. */
Test(replication, broken_transfers_keep_the_old_data) {
    struct srv *p = srv_start(TANDEM, "--repl-diskless-sync no"), *r = srv_start(TANDEM, "%s", "");
    struct proxy *x = proxy_start(p->port);
    for (int i = 0; i < 2000; i++) srv_cmd(p, "SET key:%d %d-%d-%d-%d", i, i * 7, i * 11, i * 13, i);
    EXPECT(r, "OK", "SET precious data");
    for (int i = 0; i < 12; i++) {
        proxy_cut_after(x, 1 + (int64_t)test_below(30000));
        srv_cmd(r, "REPLICAOF 127.0.0.1 %d", x->port);
        uint64_t cuts = proxy_cuts(x);
        WAIT_UNTIL(proxy_cuts(x) > cuts || srv_link_up(r));
        /* The next try follows at once and may have brought the whole file by now. */
        bool kept = strcmp(srv_cmd(r, "GET precious"), "\"data\"") == 0;
        cr_assert(kept || srv_logged(r, "Loading DB in memory"));
        cr_assert(!srv_logged(r, "Failed trying to load"));
        if (srv_link_up(r)) break;
    }
    proxy_cut_after(x, -1);
    WAIT_UNTIL(srv_link_up(r));
    wait_same(r, p);
    srv_free(r);
    proxy_stop(x);
    srv_free(p);
}

Test(replication, a_corrupted_file_is_refused_and_fetched_again) {
    struct srv *p = srv_start(TANDEM, "--repl-diskless-sync no --rdbcompression no"),
               *r = srv_start(TANDEM, "%s", "");
    struct proxy *x = proxy_start(p->port);
    for (int i = 0; i < 500; i++) srv_cmd(p, "SET key:%d value-%d", i, i);
    proxy_corrupt_at(x, 6000);
    EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", x->port);
    WAIT_UNTIL(srv_log_count(p, "succeeded") >= 1 || srv_logged(r, "Failed trying to load") ||
               srv_info_int(p, "sync_full") >= 2);
    cr_assert(srv_alive(r));
    proxy_corrupt_at(x, -1);
    wait_same(r, p);
    srv_free(r);
    proxy_stop(x);
    srv_free(p);
}

/* What a pause holds back has not been applied: nobody may be told otherwise, and a cut must not lose it. */
Test(replication, a_paused_replica_acknowledges_nothing_that_it_holds_back) {
    struct srv *p = srv_start(TANDEM, "--repl-ping-replica-period 3600"),
               *r = srv_start(TANDEM, "--replicaof 127.0.0.1 %d", p->port);
    EXPECT(p, "OK", "SET before pause");
    WAIT_UNTIL(srv_link_up(r));
    wait_same(r, p);
    EXPECT(r, "OK", "CLIENT PAUSE 1000000 WRITE");
    EXPECT(p, "OK", "SET n 1");
    EXPECT(p, "(integer) 0", "WAIT 1 300");
    EXPECT(r, "(nil)", "GET n");
    EXPECT(r, "(integer) 1", "CLIENT KILL TYPE master");
    EXPECT(p, "(integer) 2", "INCR n");
    EXPECT(r, "OK", "CLIENT UNPAUSE");
    wait_same(r, p);
    EXPECT(r, "\"2\"", "GET n");
    EXPECT(r, "OK", "CLIENT PAUSE 1000000 WRITE");
    EXPECT(p, "OK", "MULTI");
    EXPECT(p, "QUEUED", "INCR n");
    EXPECT(p, "QUEUED", "INCR n");
    EXPECT(p, "[(integer) 3, (integer) 4]", "EXEC");
    EXPECT(p, "(integer) 0", "WAIT 1 300");
    EXPECT(r, "OK", "CLIENT UNPAUSE");
    EXPECT(p, "(integer) 1", "WAIT 1 20000");
    wait_same(r, p);
    cr_assert_eq(srv_info_int(p, "sync_full"), 1);
    srv_free(r);
    srv_free(p);
}

/* While it waits for its own replica it holds writes back, and so its file must not claim them. */
Test(replication, a_replica_that_waits_to_shut_down_loses_nothing) {
    struct srv *p = srv_start(TANDEM, "--repl-ping-replica-period 3600"),
               *r = srv_start(TANDEM, "--replicaof 127.0.0.1 %d --save '900 1000000' --shutdown-timeout 2",
                              p->port),
               *end = srv_start(TANDEM, "--replicaof 127.0.0.1 %d", r->port);
    EXPECT(p, "OK", "SET n 1");
    WAIT_UNTIL(srv_link_up(r) && srv_link_up(end));
    wait_same(end, p);
    kill(end->pid, SIGSTOP);
    EXPECT(p, "(integer) 2", "INCR n");
    WAIT_UNTIL(strcmp(srv_cmd(r, "GET n"), "\"2\"") == 0);
    kill(r->pid, SIGTERM);
    WAIT_UNTIL(srv_logged(r, "Waiting for replicas before shutting down"));
    EXPECT(p, "(integer) 3", "INCR n");
    srv_stop(r);
    srv_restart(r);
    wait_same(r, p);
    EXPECT(r, "\"3\"", "GET n");
    cr_assert_leq(srv_info_int(p, "sync_full"), 1);
    kill(end->pid, SIGCONT);
    srv_free(end);
    srv_free(r);
    srv_free(p);
}

/* DEBUG RELOAD serves others while it loads: a second one is refused, and the master's stream is not lost. */
Test(replication, a_replica_that_reloads_loses_nothing) {
    struct srv *p = srv_start(TANDEM, "%s", "");
    EXPECT(p, "OK", "DEBUG POPULATE 10000 key 100");
    struct srv *r = srv_start(TANDEM,
                              "--replicaof 127.0.0.1 %d --rdbcompression no --key-load-delay 200 "
                              "--loading-process-events-interval-bytes 1024",
                              p->port);
    WAIT_UNTIL(srv_link_up(r));
    wait_same(r, p);
    redisContext *reloader = srv_connect(r);
    redisAppendCommand(reloader, "DEBUG RELOAD");
    int done = 0;
    cr_assert_eq(redisBufferWrite(reloader, &done), REDIS_OK);
    /* Not INFO: asked in the same turn as the reload, it would be answered only after it. The first load was the sync. */
    WAIT_UNTIL(srv_log_count(r, "Loading RDB produced by") >= 2);
    EXPECT(r, "(error) LOADING Redis is loading the dataset in memory", "DEBUG RELOAD");
    for (int i = 0; i < 20; i++) EXPECT(p, "OK", "SET during:%d reload", i);
    cr_assert_str_eq(srv_info(r, "loading"), "1");
    redisReply *reply;
    cr_assert_eq(redisGetReply(reloader, (void **)&reply), REDIS_OK);
    cr_assert_str_eq(reply->str, "OK");
    freeReplyObject(reply);
    redisFree(reloader);
    wait_same(r, p);
    srv_free(r);
    srv_free(p);
}

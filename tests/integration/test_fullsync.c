/* Full synchronisation under trouble: replicas that come late, stall or die in the middle, silent links,
 * limits, and what is left behind. */
#include "support/proxy.h"
#include "support/scenarios.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Enough that neither a pipe nor a socket's buffers hold it, and that the compressor does not make it small. */
static void fill(struct srv *p) {
    char value[4000];
    for (int i = 0; i < 6000; i++) {
        for (size_t j = 0; j < sizeof value - 1; j++) value[j] = (char)('!' + test_below(90));
        value[sizeof value - 1] = '\0';
        const char *argv[] = {"SET", NULL, value};
        char key[32];
        size_t lens[] = {3, (size_t)snprintf(key, sizeof key, "key:%d", i), sizeof value - 1};
        argv[1] = key;
        srv_cmdv(p, 3, argv, lens);
    }
}

static struct srv *follower(int port) {
    return srv_start(TANDEM, "--replicaof 127.0.0.1 %d", port);
}

Test(fullsync, diskless_serves_those_who_came_and_later_those_who_did_not) {
    struct srv *p = srv_start(TANDEM, "--repl-diskless-sync yes --rdb-key-save-delay 100");
    fill(p);
    struct srv *a = follower(p->port);
    WAIT_UNTIL(srv_logged(p, "Starting BGSAVE for SYNC with target: replicas sockets"));
    struct srv *b = follower(p->port);
    WAIT_UNTIL(srv_logged(p, "Current BGSAVE has socket target. Waiting for next BGSAVE for SYNC"));
    EXPECT(p, "OK", "SET written meanwhile");
    wait_same(a, p);
    wait_same(b, p);
    cr_assert_eq(srv_log_count(p, "Starting BGSAVE for SYNC with target: replicas sockets"), 2);
    srv_free(b);
    srv_free(a);
    srv_free(p);
}

Test(fullsync, diskless_goes_on_when_one_of_two_dies) {
    struct srv *p = srv_start(TANDEM, "--repl-diskless-sync yes --repl-diskless-sync-delay 60 "
                                      "--repl-diskless-sync-max-replicas 2 --rdb-key-save-delay 100");
    fill(p);
    struct srv *a = follower(p->port), *b = follower(p->port);
    WAIT_UNTIL(srv_logged(p, "Starting BGSAVE for SYNC with target: replicas sockets"));
    WAIT_UNTIL(srv_info_int(b, "master_sync_read_bytes") > 0);
    srv_kill(b);
    wait_same(a, p);
    cr_assert_eq(srv_info_int(p, "connected_slaves"), 1);
    cr_assert_eq(srv_log_count(p, "Starting BGSAVE"), 1);
    srv_free(b);
    srv_free(a);
    srv_free(p);
}

Test(fullsync, diskless_ends_when_nobody_is_left) {
    struct srv *p = srv_start(TANDEM, "--repl-diskless-sync yes --rdb-key-save-delay 1000");
    fill(p);
    struct srv *a = follower(p->port);
    WAIT_UNTIL(srv_info_int(a, "master_sync_read_bytes") > 0);
    srv_kill(a);
    WAIT_UNTIL(srv_logged(p, "Diskless rdb transfer, last replica dropped, killing fork child."));
    WAIT_UNTIL(srv_info_int(p, "rdb_bgsave_in_progress") == 0);
    srv_cmd(p, "CONFIG SET rdb-key-save-delay 0");
    srv_restart(a);
    wait_same(a, p);
    srv_free(a);
    srv_free(p);
}

/* With save points it is worth something also without a replica. The child would take minutes. */
static void to_disk_without_replicas(const char *save, bool goes_on) {
    static const char given_up[] = "No replica waits for the snapshot to disk any more";
    struct srv *p = srv_start(TANDEM, "--repl-diskless-sync no --rdb-key-save-delay 1000000 %s", save);
    for (int i = 0; i < 200; i++) EXPECT(p, "OK", "SET key:%d value", i);
    struct srv *a = follower(p->port), *b = follower(p->port);
    WAIT_UNTIL(srv_info_int(p, "connected_slaves") == 2);
    cr_assert_eq(srv_info_int(p, "rdb_bgsave_in_progress"), 1);
    srv_kill(a);
    WAIT_UNTIL(srv_info_int(p, "connected_slaves") == 1);
    cr_assert_not(srv_logged(p, given_up), "the other one waits");
    srv_kill(b);
    WAIT_UNTIL(srv_info_int(p, "connected_slaves") == 0);
    cr_assert_eq(srv_logged(p, given_up), !goes_on);
    if (goes_on) {
        cr_assert_eq(srv_info_int(p, "rdb_bgsave_in_progress"), 1);
        srv_kill(p);
    } else {
        EXPECT(p, "OK", "CONFIG SET rdb-key-save-delay 0");
        srv_restart(a);
        wait_same(a, p);
    }
    srv_free(b);
    srv_free(a);
    srv_free(p);
}

Test(fullsync, to_disk_ends_when_nobody_is_left) {
    to_disk_without_replicas("", false);
}

Test(fullsync, to_disk_goes_on_where_snapshots_are_kept) {
    to_disk_without_replicas("--save '3600 1000000'", true);
}

static void one_stalls(const char *diskless) {
    struct srv *p = srv_start(TANDEM, "--repl-diskless-sync %s --repl-timeout 2 --repl-diskless-sync-delay 1",
                              diskless);
    struct proxy *x = proxy_start(p->port);
    fill(p);
    struct srv *stuck = srv_start(TANDEM, "%s", ""), *good = follower(p->port);
    WAIT_UNTIL(srv_link_up(good));
    proxy_throttle(x, 400000);
    EXPECT(stuck, "OK", "REPLICAOF 127.0.0.1 %d", x->port);
    WAIT_UNTIL(srv_info_int(stuck, "master_sync_read_bytes") > 0);
    proxy_stall(x, true);
    WAIT_UNTIL(srv_logged(p, "Disconnecting timedout replica (full sync)"));
    EXPECT(p, "OK", "SET still serving");
    wait_same(good, p);
    proxy_stall(x, false);
    proxy_throttle(x, 0);
    srv_cmd(stuck, "REPLICAOF 127.0.0.1 %d", p->port);
    wait_same(stuck, p);
    srv_free(good);
    srv_free(stuck);
    proxy_stop(x);
    srv_free(p);
}

Test(fullsync, a_replica_that_stops_reading_the_file_is_dropped) {
    one_stalls("no");
}

Test(fullsync, a_replica_that_stops_reading_the_pipe_is_dropped) {
    one_stalls("yes");
}

/* What the only replica has acknowledged. */
static int64_t acknowledged(struct srv *p) {
    const char *offset = strstr(srv_info(p, "slave0"), "offset=");
    return offset ? strtoll(offset + strlen("offset="), NULL, 10) : -1;
}

Test(fullsync, silence_is_noticed_on_both_sides) {
    struct srv *p = srv_start(TANDEM, "--repl-ping-replica-period 1");
    struct proxy *x = proxy_start(p->port);
    struct srv *r = srv_start(TANDEM, "--replicaof 127.0.0.1 %d", x->port);
    WAIT_UNTIL(srv_link_up(r));
    /* An idle link is kept alive: pings arrive, and their acknowledgements. */
    int64_t start = srv_info_int(p, "master_repl_offset"), ping = (int64_t)strlen("*1\r\n$4\r\nPING\r\n");
    WAIT_UNTIL(acknowledged(p) >= start + 2 * ping);
    proxy_stall(x, true);
    EXPECT(p, "OK", "CONFIG SET repl-timeout 2");
    EXPECT(r, "OK", "CONFIG SET repl-timeout 2");
    WAIT_UNTIL(srv_logged(r, "MASTER timeout: no data nor PING received..."));
    WAIT_UNTIL(srv_logged(p, "Disconnecting timedout replica (streaming sync)"));
    proxy_stall(x, false);
    proxy_cut(x);
    EXPECT(p, "OK", "SET k v");
    wait_same(r, p);
    cr_assert_eq(srv_info_int(p, "sync_full"), 1, "the history was kept on both sides");
    srv_free(r);
    proxy_stop(x);
    srv_free(p);
}

Test(fullsync, a_slow_replica_is_cut_off_at_its_limit_and_comes_back) {
    struct srv *p = srv_start(TANDEM, "--client-output-buffer-limit replica 3mb 0 0 --repl-backlog-size 1mb");
    struct srv *r = follower(p->port);
    WAIT_UNTIL(srv_link_up(r));
    kill(r->pid, SIGSTOP);
    fill(p);
    WAIT_UNTIL(srv_logged(p, "for overcoming of output buffer limits."));
    WAIT_UNTIL(srv_info_int(p, "connected_slaves") == 0);
    WAIT_UNTIL(srv_info_int(p, "repl_backlog_histlen") == 1024 * 1024);
    kill(r->pid, SIGCONT);
    wait_same(r, p);
    cr_assert_eq(srv_info_int(p, "sync_full"), 2);
    srv_free(r);
    srv_free(p);
}

Test(fullsync, the_backlog_goes_when_nobody_needs_it) {
    struct srv *p = srv_start(TANDEM, "--repl-backlog-ttl 1"), *r = follower(p->port);
    WAIT_UNTIL(srv_link_up(r));
    cr_assert_eq(srv_info_int(p, "repl_backlog_active"), 1);
    char id[64];
    snprintf(id, sizeof id, "%s", srv_info(p, "master_replid"));
    srv_kill(r);
    WAIT_UNTIL(srv_logged(p, "Replication backlog freed after 1 seconds without connected replicas."));
    cr_assert_eq(srv_info_int(p, "repl_backlog_active"), 0);
    cr_assert_str_neq(srv_info(p, "master_replid"), id, "what is written now is not in that history");
    EXPECT(p, "OK", "SET k v");
    srv_restart(r);
    wait_same(r, p);
    srv_free(r);
    srv_free(p);
}

Test(fullsync, straight_into_the_parser) {
    struct srv *p = srv_start(TANDEM, "--repl-diskless-sync yes --repl-diskless-sync-delay 0");
    fill(p);
    struct srv *r = srv_start(TANDEM, "--repl-diskless-load on-empty-db");
    EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", p->port);
    wait_same(r, p);
    cr_assert(srv_logged(r, "receiving streamed RDB from master with EOF to parser"));
    /* With data of its own it goes by way of the disk. */
    EXPECT(r, "OK", "REPLICAOF NO ONE");
    EXPECT(r, "OK", "SET own data");
    EXPECT(p, "OK", "DEBUG CHANGE-REPL-ID");
    EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", p->port);
    wait_same(r, p);
    cr_assert(srv_logged(r, "receiving streamed RDB from master with EOF to disk"));
    srv_free(r);
    srv_free(p);
}

Test(fullsync, a_broken_stream_into_the_parser_is_tried_again) {
    struct srv *p = srv_start(TANDEM, "--repl-diskless-sync yes --repl-diskless-sync-delay 0");
    struct proxy *x = proxy_start(p->port);
    fill(p);
    struct srv *r = srv_start(TANDEM, "--repl-diskless-load on-empty-db");
    proxy_cut_after(x, 3000000);
    EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", x->port);
    WAIT_UNTIL(srv_logged(r, "Failed trying to load the MASTER synchronization DB from socket"));
    wait_same(r, p);
    srv_free(r);
    proxy_stop(x);
    srv_free(p);
}

Test(fullsync, no_file_stays_where_nothing_is_to_persist) {
    struct srv *p = srv_start(TANDEM, "--repl-diskless-sync no --rdb-del-sync-files yes");
    struct srv *r = srv_start(TANDEM, "--rdb-del-sync-files yes --replicaof 127.0.0.1 %d", p->port);
    char path[200];
    EXPECT(p, "OK", "SET k v");
    wait_same(r, p);
    snprintf(path, sizeof path, "%s/dump.rdb", p->dir);
    WAIT_UNTIL(access(path, F_OK) != 0);
    cr_assert(srv_logged(p, "Removing the RDB file used to feed replicas in a persistence-less instance"));
    snprintf(path, sizeof path, "%s/dump.rdb", r->dir);
    WAIT_UNTIL(access(path, F_OK) != 0);
    srv_free(r);
    srv_free(p);
}

Test(fullsync, a_change_of_mind_in_the_middle) {
    struct srv *p = srv_start(TANDEM, "--repl-diskless-sync no"), *r = srv_start(TANDEM, "%s", "");
    struct proxy *x = proxy_start(p->port);
    fill(p);
    EXPECT(r, "OK", "SET own data");
    proxy_throttle(x, 1000000);
    EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", x->port);
    WAIT_UNTIL(srv_info_int(r, "master_sync_read_bytes") > 0);
    EXPECT(r, "OK", "REPLICAOF NO ONE");
    EXPECT(r, "\"data\"", "GET own");
    EXPECT(r, "OK", "SET own more");
    EXPECT(r, "(integer) 1", "DBSIZE");
    srv_replicate(r, p);
    wait_same(r, p);
    srv_free(r);
    proxy_stop(x);
    srv_free(p);
}

/* Where the disk fails, the old data stays and the other side is not troubled more than once a second. */
Test(fullsync, a_replicas_directory_disappears) {
    struct srv *p = srv_start(TANDEM, "--repl-diskless-sync no --enable-protected-configs yes"),
               *r = srv_start(TANDEM, "--enable-protected-configs yes");
    char away[160];
    fill(p);
    EXPECT(r, "OK", "SET own data");
    snprintf(away, sizeof away, "%s/gone", r->dir);
    cr_assert_eq(mkdir(away, 0700), 0);
    EXPECT(r, "OK", "CONFIG SET dir %s", away);
    cr_assert_eq(rmdir(away), 0);
    EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", p->port);
    WAIT_UNTIL(srv_log_count(r, "Opening the temp file needed for MASTER <-> REPLICA synchronization: ") >=
               2);
    EXPECT(r, "\"data\"", "GET own");
    cr_assert_leq(srv_info_int(p, "sync_full"), 6);
    EXPECT(r, "OK", "CONFIG SET dir %s", r->dir);
    wait_same(r, p);
    srv_free(r);
    srv_free(p);
}

Test(fullsync, a_primarys_directory_disappears) {
    struct srv *p = srv_start(TANDEM, "--repl-diskless-sync no --enable-protected-configs yes"),
               *r = srv_start(TANDEM, "--enable-protected-configs yes");
    char away[160];
    EXPECT(p, "OK", "SET k v");
    EXPECT(r, "OK", "SET own data");
    snprintf(away, sizeof away, "%s/gone", p->dir);
    cr_assert_eq(mkdir(away, 0700), 0);
    EXPECT(p, "OK", "CONFIG SET dir %s", away);
    cr_assert_eq(rmdir(away), 0);
    EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", p->port);
    WAIT_UNTIL(srv_log_count(p, "SYNC failed. BGSAVE child returned an error") >= 2);
    EXPECT(r, "\"data\"", "GET own");
    EXPECT(p, "OK", "CONFIG SET repl-diskless-sync yes");
    wait_same(r, p); /* needs no directory */
    srv_free(r);
    srv_free(p);
}

/* DEBUG RELOAD serves others meanwhile; what a replica gets must not be half of the data. */
Test(fullsync, no_snapshot_is_taken_in_the_middle_of_a_reload) {
    struct srv *p = srv_start(TANDEM, "--rdbcompression no --repl-diskless-sync no "
                                      "--loading-process-events-interval-bytes 1024");
    EXPECT(p, "OK", "DEBUG POPULATE 10000 key 100");
    EXPECT(p, "OK", "SAVE");
    EXPECT(p, "OK", "CONFIG SET rdb-key-save-delay 20 key-load-delay 100");
    EXPECT(p, "Background saving started", "BGSAVE");
    struct srv *r = follower(p->port);
    WAIT_UNTIL(srv_logged(p, "Can't attach the replica to the current BGSAVE"));
    EXPECT(p, "OK", "DEBUG RELOAD NOSAVE");
    EXPECT(p, "OK", "CONFIG SET rdb-key-save-delay 0 key-load-delay 0");
    wait_same(r, p);
    EXPECT(r, "(integer) 10000", "DBSIZE");
    srv_free(r);
    srv_free(p);
}

/* No full resync that history could have avoided: restarts from RDB files, of any server of a chain, and more than one while
 * a replica is away. (Cuts, crashes with append-only files and rearrangements at random: test_fault_tree.c.) */
#include "support/proxy.h"
#include "support/scenarios.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WITH_RDB "--save '900 1000000' --repl-ping-replica-period 3600 "

/* No key of a short life: what expires while a primary is down is news of its restart. */
static void write_some(struct srv *p, int n) {
    for (int i = 0; i < n; i++) EXPECT(p, "OK", "SET key:%d %d", (int)test_below(100), i);
}

static bool acknowledged_by(struct srv *p, int replicas) {
    char field[16], offset[48];
    snprintf(offset, sizeof offset, ",offset=%s,", srv_info(p, "master_repl_offset"));
    for (int i = 0; i < replicas; i++) {
        snprintf(field, sizeof field, "slave%d", i);
        if (!strstr(srv_info(p, field), offset)) return false;
    }
    return true;
}

Test(partial, a_primary_that_restarts_twice_while_its_replica_is_away) {
    struct srv *p = srv_start(TANDEM, WITH_RDB), *r = srv_start(TANDEM, "%s", ""),
               *other = srv_start(TANDEM, "%s", "");
    struct proxy *way = proxy_start(p->port);
    EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", way->port);
    WAIT_UNTIL(srv_link_up(r));
    srv_replicate(other, p);
    write_some(p, 100);
    wait_same(r, p);
    WAIT_UNTIL(acknowledged_by(p, 2)); /* else it would ask for it when it stops, and r not hear that */
    proxy_refuse(way, true);
    proxy_cut(way);
    WAIT_UNTIL(!srv_link_up(r));
    for (int i = 0; i < 2; i++) {
        srv_stop(p);
        srv_restart(p);
        WAIT_UNTIL(srv_link_up(other)); /* who follows it by each of its names */
    }
    EXPECT(p, "OK", "SET after restarts");
    proxy_refuse(way, false);
    WAIT_UNTIL(srv_link_up(r));
    wait_same(r, p);
    wait_same(other, p);
    cr_assert_eq(srv_info_int(p, "sync_full"), 0);
    cr_assert_eq(srv_info_int(p, "sync_partial_ok"), 2);
    proxy_stop(way);
    srv_free(other);
    srv_free(r);
    srv_free(p);
}

Test(partial, a_replica_that_was_promoted_and_restarted) {
    struct srv *p = srv_start(TANDEM, "--repl-ping-replica-period 3600"), *x = srv_start(TANDEM, WITH_RDB);
    srv_replicate(x, p);
    write_some(p, 100);
    wait_same(x, p);
    EXPECT(x, "OK", "REPLICAOF NO ONE");
    srv_stop(x);
    srv_restart(x);
    EXPECT(x, "OK", "SET new times");
    srv_replicate(p, x);
    wait_same(p, x);
    cr_assert_eq(srv_info_int(x, "sync_full"), 0);
    srv_free(x);
    srv_free(p);
}

Test(partial, the_middle_of_a_chain_restarts) {
    struct srv *p = srv_start(TANDEM, WITH_RDB),
               *m = srv_start(TANDEM, WITH_RDB "--replicaof 127.0.0.1 %d", p->port),
               *e = srv_start(TANDEM, WITH_RDB "--replicaof 127.0.0.1 %d", m->port);
    write_some(p, 100);
    WAIT_UNTIL(srv_link_up(m) && srv_link_up(e));
    wait_same(m, p);
    wait_same(e, p);
    srv_stop(m);
    write_some(p, 100);
    srv_restart(m);
    wait_same(e, p);
    srv_stop(e);
    write_some(p, 100);
    srv_restart(e);
    wait_same(e, p);
    cr_assert_eq(srv_info_int(p, "sync_full"), 1);
    cr_assert_eq(srv_info_int(m, "sync_full"), 0);
    cr_assert_eq(srv_info_int(m, "sync_partial_ok"), 2);
    /* And moved: the end past the middle, the middle behind the end. */
    srv_replicate(e, p);
    srv_replicate(m, e);
    write_some(p, 100);
    wait_same(m, p);
    cr_assert_eq(srv_info_int(p, "sync_full"), 1);
    cr_assert_eq(srv_info_int(e, "sync_full"), 0);
    srv_free(e);
    srv_free(m);
    srv_free(p);
}

/* A primary that can't write its snapshots answers PING with an error, so that clients notice. That is nothing to a replica. */
Test(partial, with_a_primary_whose_disk_fails) {
    struct srv *p = srv_start(TANDEM, WITH_RDB), *r = srv_start(TANDEM, "%s", "");
    char path[300];
    srv_replicate(r, p);
    write_some(p, 10);
    wait_same(r, p);
    snprintf(path, sizeof path, "%s/dump.rdb", p->dir); /* which no file can take the place of */
    if (mkdir(path, 0755) != 0) {
        cr_assert_eq(unlink(path), 0); /* that of the synchronisation */
        cr_assert_eq(mkdir(path, 0755), 0);
    }
    WAIT_UNTIL(srv_info_int(p, "rdb_bgsave_in_progress") == 0);
    EXPECT(p, "Background saving started", "BGSAVE");
    WAIT_UNTIL(strcmp(srv_info(p, "rdb_last_bgsave_status"), "err") == 0);
    cr_assert_eq(strncmp(srv_cmd(p, "PING"), "(error) MISCONF ", 16), 0);
    EXPECT(p, "(integer) 1", "CLIENT KILL TYPE replica");
    WAIT_UNTIL(srv_info_int(p, "sync_partial_ok") == 1 && srv_link_up(r));
    cr_assert_eq(srv_info_int(p, "sync_full"), 1);
    cr_assert_eq(rmdir(path), 0);
    srv_free(r);
    srv_free(p);
}

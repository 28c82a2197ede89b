/* Append-only files of live servers: what was acknowledged is there again after a kill; rewrites, replicas, settings. */
#include "support/aof.h"
#include "support/scenarios.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* --- files --- */

Test(aof, layout_of_files_and_manifest) {
    struct srv *s = srv_start(TANDEM, "--appendonly yes");
    EXPECT(s, "OK", "SET a 1");
    cr_assert_str_eq(aof_files_of(s), "appendonly.aof.1.base.rdb " INCR_1 " appendonly.aof.manifest");
    cr_assert_str_eq(aof_text_of(s, "appendonly.aof.manifest"),
                     "file appendonly.aof.1.base.rdb seq 1 type b\n"
                     "file " INCR_1 " seq 1 type i\n");
    aof_rewrite(s);
    cr_assert_str_eq(aof_files_of(s),
                     "appendonly.aof.2.base.rdb appendonly.aof.2.incr.aof appendonly.aof.manifest");
    cr_assert_str_eq(aof_text_of(s, "appendonly.aof.manifest"),
                     "file appendonly.aof.2.base.rdb seq 2 type b\n"
                     "file appendonly.aof.2.incr.aof seq 2 type i\n");
    srv_free(s);
}

Test(aof, names_and_base_as_commands) {
    struct srv *s = srv_start(TANDEM, "--appendonly yes --appendfilename my.log --appenddirname logs "
                                      "--aof-use-rdb-preamble no");
    EXPECT(s, "OK", "SET a 1");
    EXPECT(s, "OK", "SELECT 2");
    EXPECT(s, "OK", "SET b 2 PXAT 9999999999999");
    aof_rewrite(s);
    char path[300];
    snprintf(path, sizeof path, "%s/logs/my.log.1.base.aof", s->dir);
    cr_assert_eq(access(path, R_OK), 0);
    aof_kill(s);
    srv_restart(s);
    EXPECT(s, "\"1\"", "GET a");
    EXPECT(s, "OK", "SELECT 2");
    EXPECT(s, "(integer) 9999999999999", "PEXPIRETIME b");
    srv_free(s);
}

Test(aof, timestamps) {
    struct srv *s = srv_start(TANDEM, "--appendonly yes --aof-timestamp-enabled yes");
    EXPECT(s, "OK", "SET a 1");
    WAIT_UNTIL(strstr(aof_text_of(s, INCR_1), "\r\n#TS:") != NULL);
    aof_kill(s);
    srv_restart(s);
    EXPECT(s, "\"1\"", "GET a");
    srv_free(s);
}

Test(aof, an_old_single_file_moves_into_the_directory) {
    static const char text[] = "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n";
    struct srv *s = srv_start(TANDEM, "%s", "");
    char path[300];
    srv_stop(s);
    snprintf(path, sizeof path, "%s/appendonly.aof", s->dir);
    int fd = open(path, O_CREAT | O_WRONLY, 0644);
    cr_assert_eq(write(fd, text, sizeof text - 1), (ssize_t)sizeof text - 1);
    close(fd);
    strcat(s->args, " --appendonly yes");
    srv_restart(s);
    EXPECT(s, "\"1\"", "GET a");
    cr_assert_str_eq(aof_files_of(s), "appendonly.aof " INCR_1 " appendonly.aof.manifest");
    aof_rewrite(s);
    cr_assert_str_eq(aof_files_of(s),
                     "appendonly.aof.2.base.rdb appendonly.aof.2.incr.aof appendonly.aof.manifest");
    srv_free(s);
}

/* --- what was acknowledged is there again --- */

Test(aof, killed_and_back) {
    struct srv *s = srv_start(TANDEM, "%s", AOF_ALWAYS);
    char before[64], after[64];
    for (int round = 0; round < 3; round++) {
        write_load(s, 2000);
        if (round == 1) aof_rewrite(s);
        usleep(100000); /* the shortest TTLs pass */
        EXPECT(s, "OK", "SET round %d", round);
        digest_of(s, before);
        srv_kill(s);
        srv_restart(s);
        digest_of(s, after);
        cr_assert_str_eq(after, before);
    }
    srv_free(s);
}

/* What was done is done, also where the limits have been lowered since. */
Test(aof, is_bound_by_no_limit_of_clients) {
    struct srv *s = srv_start(TANDEM, "%s", AOF_ALWAYS);
    char before[64], after[64];
    EXPECT(s, "(integer) 2000001", "SETRANGE a 2000000 x");
    EXPECT(s, "(integer) 2000002", "APPEND a y");
    EXPECT(s, "(integer) 0", "SETBIT b 20000000 1");
    EXPECT(s, "[(integer) 0]", "BITFIELD b SET u8 #3000000 7");
    digest_of(s, before);
    srv_kill(s);
    strcat(s->args, " --proto-max-bulk-len 1mb");
    srv_restart(s);
    digest_of(s, after);
    cr_assert_str_eq(after, before);
    EXPECT(s, "(error) ERR string exceeds maximum allowed size (proto-max-bulk-len)", "APPEND a z");
    srv_free(s);
}

Test(aof, everysec_syncs_elsewhere) {
    struct srv *s = srv_start(TANDEM, "--appendonly yes");
    write_load(s, 500);
    WAIT_UNTIL(srv_info_int(s, "aof_buffer_length") == 0);
    char before[64], after[64];
    usleep(100000);
    EXPECT(s, "OK", "SET last one");
    digest_of(s, before);
    aof_kill(s); /* the process ends, the system goes on: nothing is lost */
    srv_restart(s);
    digest_of(s, after);
    cr_assert_str_eq(after, before);
    srv_free(s);
}

Test(aof, no_shutdown_while_the_first_base_is_written) {
    struct srv *s = srv_start(TANDEM, "--rdb-key-save-delay 20000");
    for (int i = 0; i < 100; i++) srv_cmd(s, "SET k:%d x", i);
    EXPECT(s, "OK", "CONFIG SET appendonly yes");
    EXPECT(s, "(error) ERR Errors trying to SHUTDOWN. Check logs.", "SHUTDOWN");
    cr_assert(srv_logged(s, "Writing initial AOF, can't exit."));
    redisContext *c = srv_connect(s);
    redisAppendCommand(c, "SHUTDOWN FORCE");
    redisReply *r;
    cr_assert_neq(redisGetReply(c, (void **)&r), REDIS_OK);
    redisFree(c);
    cr_assert(srv_logged(s, "Writing initial AOF. Exit anyway."));
    WAIT_UNTIL(!srv_alive(s));
    cr_assert_null(strstr(aof_files_of(s), "temp-rewrite"), "%s", aof_files_of(s));
    srv_free(s);
}

Test(aof, shutdown_writes_all) {
    struct srv *s = srv_start(TANDEM, "--appendonly yes --appendfsync no");
    EXPECT(s, "OK", "SET a 1");
    srv_restart(s);
    cr_assert(srv_logged(s, "Calling fsync() on the AOF file."));
    EXPECT(s, "\"1\"", "GET a");
    srv_free(s);
}

Test(aof, rewrite_under_load_loses_nothing) {
    struct srv *s = srv_start(TANDEM, "--appendonly yes --rdb-key-save-delay 100");
    char before[64], after[64];
    write_load(s, 3000);
    for (int i = 0; i < 3; i++) {
        EXPECT(s, "Background append only file rewriting started", "BGREWRITEAOF");
        EXPECT(s, "(error) ERR Background append only file rewriting already in progress", "BGREWRITEAOF");
        EXPECT(s,
               "(error) ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE "
               "SCHEDULE in order to schedule a BGSAVE whenever possible.",
               "BGSAVE");
        write_load(s, 1000);
        WAIT_UNTIL(srv_info_int(s, "aof_rewrite_in_progress") == 0);
    }
    usleep(100000);
    digest_of(s, before);
    EXPECT(s, "OK", "DEBUG LOADAOF");
    digest_of(s, after);
    cr_assert_str_eq(after, before);
    aof_kill(s);
    srv_restart(s);
    digest_of(s, after);
    cr_assert_str_eq(after, before);
    srv_free(s);
}

Test(aof, rewrites_by_itself_when_grown) {
    struct srv *s = srv_start(TANDEM, "--appendonly yes --auto-aof-rewrite-min-size 20kb");
    for (int i = 0; i < 400; i++) srv_cmd(s, "SET k %0100d", i);
    WAIT_UNTIL(srv_logged(s, "Starting automatic rewriting of AOF on"));
    WAIT_UNTIL(srv_logged(s, "Background AOF rewrite finished successfully"));
    cr_assert_lt(srv_info_int(s, "aof_base_size"), 20480);
    EXPECT(s,
           "\""
           "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
           "399\"",
           "GET k");
    srv_free(s);
}

Test(aof, turned_on_and_off) {
    struct srv *s = srv_start(TANDEM, "--rdb-key-save-delay 1000");
    for (int i = 0; i < 100; i++) srv_cmd(s, "SET before:%d x", i);
    EXPECT(s, "OK", "CONFIG SET appendonly yes");
    EXPECT(s, "OK", "SET during 1"); /* the first rewrite runs */
    WAIT_UNTIL(srv_logged(s, "Background AOF rewrite finished successfully"));
    EXPECT(s, "OK", "SET after 1");
    cr_assert_str_eq(aof_files_of(s), "appendonly.aof.1.base.rdb " INCR_1 " appendonly.aof.manifest");
    strcat(s->args, " --appendonly yes");
    aof_kill(s);
    srv_restart(s);
    EXPECT(s, "(integer) 102", "DBSIZE");
    EXPECT(s, "OK", "CONFIG SET appendonly no");
    cr_assert_eq(srv_info_int(s, "aof_enabled"), 0);
    EXPECT(s, "OK", "SET unlogged 1");
    EXPECT(s, "OK", "CONFIG SET appendonly yes");
    WAIT_UNTIL(srv_info_int(s, "aof_rewrite_in_progress") == 0);
    aof_kill(s);
    srv_restart(s);
    EXPECT(s, "\"1\"", "GET unlogged");
    srv_free(s);
}

Test(aof, turned_on_during_a_rewrite) {
    struct srv *s = srv_start(TANDEM, "--rdb-key-save-delay 10000");
    for (int i = 0; i < 50; i++) srv_cmd(s, "SET k:%d x", i);
    EXPECT(s, "Background append only file rewriting started", "BGREWRITEAOF");
    EXPECT(s, "OK", "SET since x");
    EXPECT(s, "OK", "CONFIG SET rdb-key-save-delay 0");
    EXPECT(s, "OK", "CONFIG SET appendonly yes");
    cr_assert(srv_logged(s, "Stopping background AOF and starting a rewrite now."));
    WAIT_UNTIL(srv_logged(s, "Background AOF rewrite finished successfully"));
    cr_assert_str_eq(aof_files_of(s), "appendonly.aof.1.base.rdb " INCR_1 " appendonly.aof.manifest");
    strcat(s->args, " --appendonly yes");
    aof_kill(s);
    srv_restart(s);
    EXPECT(s, "(integer) 51", "DBSIZE");
    srv_free(s);
}

/* What the transaction wrote before and behind it counts once. */
Test(aof, turned_on_inside_a_transaction) {
    struct srv *s = srv_start(TANDEM, "--repl-backlog-ttl 0"),
               *r = srv_start(TANDEM, "--replicaof 127.0.0.1 %d", s->port);
    WAIT_UNTIL(srv_link_up(r)); /* so that there is a log */
    EXPECT(s, "OK", "MULTI");
    EXPECT(s, "QUEUED", "INCR n");
    EXPECT(s, "QUEUED", "CONFIG SET appendonly yes");
    EXPECT(s, "QUEUED", "INCR n");
    EXPECT(s, "[(integer) 1, OK, (integer) 2]", "EXEC");
    WAIT_UNTIL(srv_logged(s, "Background AOF rewrite finished successfully"));
    strcat(s->args, " --appendonly yes");
    aof_kill(s);
    srv_restart(s);
    EXPECT(s, "\"2\"", "GET n");
    srv_free(r);
    srv_free(s);
}

/* --- replicas --- */

Test(aof, a_replica_rewrites_after_a_full_sync) {
    struct srv *p = srv_start(TANDEM, "%s", "");
    write_load(p, 500);
    struct srv *r = srv_start(TANDEM, "--appendonly yes --replicaof 127.0.0.1 %d", p->port);
    WAIT_UNTIL(srv_link_up(r));
    cr_assert(srv_logged(r, "Background append only file rewriting started by pid"));
    WAIT_UNTIL(srv_logged(r, "Background AOF rewrite finished successfully"));
    cr_assert_eq(srv_info_int(r, "aof_enabled"), 1);
    write_load(p, 500);
    wait_same(r, p);
    srv_free(r);
    srv_free(p);
}

/* Neither a killed replica nor a killed primary costs anybody a full synchronisation. */
Test(aof, offsets_survive) {
    struct srv *p = srv_start(TANDEM, "%s", AOF_ALWAYS);
    struct srv *r = srv_start(TANDEM, AOF_ALWAYS "--replicaof 127.0.0.1 %d", p->port);
    WAIT_UNTIL(srv_link_up(r));
    WAIT_UNTIL(srv_logged(r, "Background AOF rewrite finished successfully"));
    write_load(p, 500);
    wait_same(r, p);
    srv_kill(r);
    write_load(p, 200);
    srv_restart(r);
    wait_same(r, p);
    cr_assert_eq(srv_info_int(p, "sync_full"), 1);
    cr_assert_eq(srv_info_int(p, "sync_partial_ok"), 1);
    char offset[32];
    write_load(p, 500); /* some of it may not have reached the replica */
    snprintf(offset, sizeof offset, "%s", srv_info(p, "master_repl_offset"));
    srv_kill(p);
    srv_restart(p);
    cr_assert_geq(srv_info_int(p, "master_repl_offset"), strtoll(offset, NULL, 10));
    WAIT_UNTIL(srv_link_up(r));
    write_load(p, 100);
    usleep(150000); /* the shortest TTLs pass: p goes on writing when they do */
    wait_same(r, p);
    cr_assert_eq(srv_info_int(p, "sync_full"), 0);
    cr_assert_eq(srv_info_int(p, "sync_partial_ok"), 1);
    /* Promoted, killed and back, it is still the history that the other one can follow. */
    EXPECT(r, "OK", "REPLICAOF NO ONE");
    write_load(r, 100);
    EXPECT(p, "OK", "REPLICAOF 127.0.0.1 %d", r->port);
    WAIT_UNTIL(srv_link_up(p));
    wait_same(p, r);
    cr_assert_eq(srv_info_int(r, "sync_full"), 0);
    srv_free(r);
    srv_free(p);
}

/* The second full synchronisation comes while the first one's base is still being written. */
Test(aof, a_full_sync_during_a_rewrite) {
    struct srv *p = srv_start(TANDEM, "%s", ""), *other = srv_start(TANDEM, "%s", "");
    char before[64], after[64];
    for (int i = 0; i < 200; i++) srv_cmd(p, "SET k:%d one", i);
    for (int i = 0; i < 100; i++) srv_cmd(other, "SET k:%d two", i);
    struct srv *r = srv_start(TANDEM, "--appendonly yes --rdb-key-save-delay 10000 --replicaof 127.0.0.1 %d",
                              p->port);
    WAIT_UNTIL(srv_link_up(r));
    WAIT_UNTIL(srv_info_int(r, "aof_rewrite_in_progress") == 1);
    EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", other->port);
    WAIT_UNTIL(srv_logged(r, "Killing running AOF rewrite child"));
    WAIT_UNTIL(srv_logged(r, "Background AOF rewrite finished successfully"));
    wait_same(r, other);
    EXPECT(other, "OK", "SET last one");
    wait_same(r, other);
    cr_assert_null(strstr(aof_files_of(r), "temp-"), "%s", aof_files_of(r));
    digest_of(r, before);
    srv_kill(other);
    srv_kill(p); /* it would be asked again */
    aof_kill(r);
    srv_restart(r);
    digest_of(r, after);
    cr_assert_str_eq(after, before);
    srv_free(r);
    srv_free(other);
    srv_free(p);
}

/* Append-only files of live servers: what was acknowledged is there again, whatever ended the process; rewrites; replicas;
 * errors of disk and directory. */
#include "support/scenarios.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define AOF_ALWAYS "--appendonly yes --appendfsync always "
#define INCR_1     "appendonly.aof.1.incr.aof"

static void path_of(char out[300], const struct srv *s, const char *name) {
    snprintf(out, 300, "%s/appendonlydir/%s", s->dir, name);
}

/* The directory's files, sorted, with blanks between. */
static const char *files_of(const struct srv *s) {
    static char text[1024];
    char path[300];
    struct dirent **list;
    path_of(path, s, "");
    int n = scandir(path, &list, NULL, alphasort);
    text[0] = '\0';
    for (int i = 0; i < n; i++) {
        if (list[i]->d_name[0] != '.') {
            if (text[0]) strcat(text, " ");
            strcat(text, list[i]->d_name);
        }
        free(list[i]);
    }
    if (n >= 0) free(list);
    return text;
}

static const char *text_of(const struct srv *s, const char *name) {
    static char text[4096];
    char path[300];
    path_of(path, s, name);
    int fd = open(path, O_RDONLY);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    if (fd >= 0) close(fd);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void append_to(const struct srv *s, const char *name, const void *p, size_t n) {
    char path[300];
    path_of(path, s, name);
    int fd = open(path, O_WRONLY | O_APPEND);
    cr_assert(fd >= 0 && write(fd, p, n) == (ssize_t)n);
    close(fd);
}

static void digest_of(struct srv *s, char out[64]) {
    snprintf(out, 64, "%s", srv_cmd(s, "DEBUG DIGEST"));
}

static void rewrite(struct srv *s) {
    int64_t before = srv_log_count(s, "Background AOF rewrite finished successfully");
    EXPECT(s, "Background append only file rewriting started", "BGREWRITEAOF");
    WAIT_UNTIL(srv_log_count(s, "Background AOF rewrite finished successfully") > before);
}

/* --- files --- */

Test(aof, layout_of_files_and_manifest) {
    struct srv *s = srv_start(TANDEM, "--appendonly yes");
    EXPECT(s, "OK", "SET a 1");
    cr_assert_str_eq(files_of(s), "appendonly.aof.1.base.rdb " INCR_1 " appendonly.aof.manifest");
    cr_assert_str_eq(text_of(s, "appendonly.aof.manifest"), "file appendonly.aof.1.base.rdb seq 1 type b\n"
                                                            "file " INCR_1 " seq 1 type i\n");
    rewrite(s);
    cr_assert_str_eq(files_of(s),
                     "appendonly.aof.2.base.rdb appendonly.aof.2.incr.aof appendonly.aof.manifest");
    cr_assert_str_eq(text_of(s, "appendonly.aof.manifest"), "file appendonly.aof.2.base.rdb seq 2 type b\n"
                                                            "file appendonly.aof.2.incr.aof seq 2 type i\n");
    srv_free(s);
}

Test(aof, names_and_base_as_commands) {
    struct srv *s = srv_start(TANDEM, "--appendonly yes --appendfilename my.log --appenddirname logs "
                                      "--aof-use-rdb-preamble no");
    EXPECT(s, "OK", "SET a 1");
    EXPECT(s, "OK", "SELECT 2");
    EXPECT(s, "OK", "SET b 2 PXAT 9999999999999");
    rewrite(s);
    char path[300];
    snprintf(path, sizeof path, "%s/logs/my.log.1.base.aof", s->dir);
    cr_assert_eq(access(path, R_OK), 0);
    srv_kill(s);
    srv_restart(s);
    EXPECT(s, "\"1\"", "GET a");
    EXPECT(s, "OK", "SELECT 2");
    EXPECT(s, "(integer) 9999999999999", "PEXPIRETIME b");
    srv_free(s);
}

Test(aof, timestamps) {
    struct srv *s = srv_start(TANDEM, "--appendonly yes --aof-timestamp-enabled yes");
    EXPECT(s, "OK", "SET a 1");
    WAIT_UNTIL(strstr(text_of(s, INCR_1), "\r\n#TS:") != NULL);
    srv_kill(s);
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
    cr_assert_str_eq(files_of(s), "appendonly.aof " INCR_1 " appendonly.aof.manifest");
    rewrite(s);
    cr_assert_str_eq(files_of(s),
                     "appendonly.aof.2.base.rdb appendonly.aof.2.incr.aof appendonly.aof.manifest");
    srv_free(s);
}

/* --- what was acknowledged is there again --- */

Test(aof, killed_and_back) {
    struct srv *s = srv_start(TANDEM, "%s", AOF_ALWAYS);
    char before[64], after[64];
    for (int round = 0; round < 3; round++) {
        write_load(s, 2000);
        if (round == 1) rewrite(s);
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

/* One client counts up, another makes it rewrite; the kill may hit anything. AOF_KILLS: how many. */
Test(aof, kill_at_random_moments) {
    struct srv *s = srv_start(TANDEM, "%s", AOF_ALWAYS "--auto-aof-rewrite-min-size 1kb");
    int kills = getenv("AOF_KILLS") ? atoi(getenv("AOF_KILLS")) : 30;
    int64_t acknowledged = 0;
    test_seed();
    for (int i = 0; i < kills; i++) {
        redisContext *c = srv_connect(s);
        uint64_t end = now_ms() + test_below(40);
        int in_flight = 0;
        if (test_below(3) == 0) redisAppendCommand(c, "BGREWRITEAOF"), in_flight = 1;
        pid_t pid = s->pid;
        bool killed = false;
        for (;;) {
            for (; in_flight < 16 && !killed; in_flight++) redisAppendCommand(c, "INCR n");
            if (!killed && now_ms() >= end) killed = kill(pid, SIGKILL) == 0;
            redisReply *r = NULL;
            if (redisGetReply(c, (void **)&r) != REDIS_OK) break;
            if (r->type == REDIS_REPLY_INTEGER) acknowledged = r->integer;
            freeReplyObject(r);
            in_flight--;
            if (killed && !in_flight) break;
        }
        redisFree(c);
        srv_kill(s);
        srv_restart(s);
        int64_t now = srv_int(s, "INCRBY n 0");
        cr_assert_geq(now, acknowledged, "kill %d: %lld were acknowledged, %lld are there", i,
                      (long long)acknowledged, (long long)now);
        cr_assert_leq(now, acknowledged + 16);
        acknowledged = now;
    }
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
    srv_kill(s); /* the process ends, the system goes on: nothing is lost */
    srv_restart(s);
    digest_of(s, after);
    cr_assert_str_eq(after, before);
    srv_free(s);
}

static pid_t helper_of(const struct srv *s) {
    char line[256];
    pid_t found = 0;
    snprintf(line, sizeof line, "/proc/%d/task/%d/children", (int)s->pid, (int)s->pid);
    FILE *f = fopen(line, "r");
    cr_assert(f);
    if (fscanf(f, "%d", &found) != 1) found = 0;
    fclose(f);
    return found;
}

/* A disk that takes its time is a helper that doesn't answer. */
Test(aof, a_slow_disk_costs_clients_nothing) {
    struct srv *s = srv_start(TANDEM, "--appendonly yes");
    pid_t helper = helper_of(s);
    cr_assert_neq(helper, 0);
    EXPECT(s, "OK", "SET a 1");
    kill(helper, SIGSTOP);
    uint64_t slowest = 0, end = now_ms() + 4500;
    int n = 0;
    while (now_ms() < end) {
        uint64_t start = now_ms();
        EXPECT(s, "OK", "SET n %d", ++n);
        if (now_ms() - start > slowest) slowest = now_ms() - start;
        usleep(1000);
    }
    cr_assert_eq(srv_info_int(s, "aof_pending_bio_fsync"), 1);
    cr_assert_geq(srv_info_int(s, "aof_delayed_fsync"), 1);
    cr_assert(srv_logged(s, "Asynchronous AOF fsync is taking too long (disk is busy?)."));
    cr_assert_lt(slowest, 1000);
    kill(helper, SIGKILL); /* another one is started and does what this one did not */
    WAIT_UNTIL(helper_of(s) != 0 && helper_of(s) != helper);
    WAIT_UNTIL(srv_info_int(s, "aof_pending_bio_fsync") == 0);
    cr_assert_str_eq(srv_info(s, "aof_last_write_status"), "ok");
    srv_kill(s);
    srv_restart(s);
    cr_assert_eq(srv_int(s, "INCRBY n 0"), n);
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
    cr_assert_null(strstr(files_of(s), "temp-rewrite"), "%s", files_of(s));
    srv_free(s);
}

/* The rewrite's child is killed again and again: no litter, and the next one succeeds. */
Test(aof, rewrites_that_fail) {
    struct srv *s = srv_start(TANDEM, "--appendonly yes --rdb-key-save-delay 5000");
    char before[64], after[64];
    for (int i = 0; i < 200; i++) srv_cmd(s, "SET k:%d x", i);
    for (int i = 0; i < 3; i++) {
        EXPECT(s, "Background append only file rewriting started", "BGREWRITEAOF");
        char line[256];
        pid_t pids[4] = {0};
        snprintf(line, sizeof line, "/proc/%d/task/%d/children", (int)s->pid, (int)s->pid);
        FILE *f = fopen(line, "r");
        int n = fscanf(f, "%d %d %d %d", &pids[0], &pids[1], &pids[2], &pids[3]);
        fclose(f);
        cr_assert_eq(n, 2);
        kill(pids[1], SIGKILL);
        WAIT_UNTIL(srv_info_int(s, "aof_rewrite_in_progress") == 0);
        cr_assert_str_eq(srv_info(s, "aof_last_bgrewrite_status"), "err");
        cr_assert_eq(srv_info_int(s, "aof_rewrites_consecutive_failures"), i + 1);
        EXPECT(s, "OK", "SET after:%d x", i);
    }
    cr_assert_null(strstr(files_of(s), "temp-"), "%s", files_of(s));
    cr_assert_not_null(strstr(files_of(s), "appendonly.aof.4.incr.aof"));
    digest_of(s, before);
    srv_kill(s);
    srv_restart(s);
    digest_of(s, after);
    cr_assert_str_eq(after, before);
    EXPECT(s, "OK", "CONFIG SET rdb-key-save-delay 0");
    rewrite(s);
    cr_assert_str_eq(files_of(s),
                     "appendonly.aof.2.base.rdb appendonly.aof.5.incr.aof appendonly.aof.manifest");
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
    srv_kill(s);
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
    cr_assert_str_eq(files_of(s), "appendonly.aof.1.base.rdb " INCR_1 " appendonly.aof.manifest");
    strcat(s->args, " --appendonly yes");
    srv_kill(s);
    srv_restart(s);
    EXPECT(s, "(integer) 102", "DBSIZE");
    EXPECT(s, "OK", "CONFIG SET appendonly no");
    cr_assert_eq(srv_info_int(s, "aof_enabled"), 0);
    EXPECT(s, "OK", "SET unlogged 1");
    EXPECT(s, "OK", "CONFIG SET appendonly yes");
    WAIT_UNTIL(srv_info_int(s, "aof_rewrite_in_progress") == 0);
    srv_kill(s);
    srv_restart(s);
    EXPECT(s, "\"1\"", "GET unlogged");
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
    srv_kill(s);
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
    cr_assert_null(strstr(files_of(r), "temp-"), "%s", files_of(r));
    digest_of(r, before);
    srv_kill(other);
    srv_kill(r);
    srv_restart(r);
    digest_of(r, after);
    cr_assert_str_eq(after, before);
    srv_free(r);
    srv_free(other);
    srv_free(p);
}

/* --- damage --- */

Test(aof, a_directory_that_cannot_be) {
    struct srv *s = srv_start(TANDEM, "%s", "");
    char path[300], args[400], out[4096];
    int code;
    snprintf(path, sizeof path, "%s/appendonlydir", s->dir);
    close(open(path, O_CREAT | O_WRONLY, 0644));
    EXPECT(s,
           "(error) ERR CONFIG SET failed (possibly related to argument 'appendonly') - Unable to turn on "
           "AOF. Check "
           "server logs.",
           "CONFIG SET appendonly yes");
    EXPECT(s, "[\"appendonly\", \"no\"]", "CONFIG GET appendonly");
    EXPECT(s,
           "(error) ERR Can't execute an AOF background rewriting. Please check the server logs for more "
           "information.",
           "BGREWRITEAOF");
    cr_assert(srv_logged(s, "Can't open or create append-only dir appendonlydir: Not a directory"));
    EXPECT(s, "OK", "SET a 1");
    snprintf(args, sizeof args, "--port %d --dir %s --appendonly yes", free_port(), s->dir);
    cr_assert(srv_start_fails(TANDEM, args, &code, out, sizeof out));
    cr_assert_eq(code, 1);
    srv_free(s);
}

Test(aof, a_directory_that_vanished_is_made_again_by_a_rewrite) {
    struct srv *s = srv_start(TANDEM, "--appendonly yes");
    char from[300], to[300];
    EXPECT(s, "OK", "SET a 1");
    snprintf(from, sizeof from, "%s/appendonlydir", s->dir);
    snprintf(to, sizeof to, "%s/elsewhere", s->dir);
    cr_assert_eq(rename(from, to), 0);
    EXPECT(s, "OK", "SET b 2");
    rewrite(s);
    EXPECT(s, "OK", "SET c 3");
    srv_kill(s);
    srv_restart(s);
    EXPECT(s, "(integer) 3", "EXISTS a b c");
    srv_free(s);
}

Test(aof, a_tail_that_is_cut_off_is_repaired_or_refused) {
    struct srv *s = srv_start(TANDEM, "%s", AOF_ALWAYS);
    int code;
    char out[4096], args[400];
    EXPECT(s, "OK", "SET a 1");
    srv_kill(s);
    append_to(s, INCR_1, "*3\r\n$3\r\nSET\r\n$1", 17);
    snprintf(args, sizeof args, "--port %d --dir %s --appendonly yes --aof-load-truncated no", free_port(),
             s->dir);
    cr_assert(srv_start_fails(TANDEM, args, &code, out, sizeof out));
    cr_assert_eq(code, 1);
    cr_assert(strstr(out, "Unexpected end of file reading the append only file " INCR_1));
    srv_restart(s);
    cr_assert(srv_logged(s, "AOF " INCR_1 " loaded anyway because aof-load-truncated is enabled"));
    EXPECT(s, "\"1\"", "GET a");
    EXPECT(s, "OK", "SET b 2");
    srv_kill(s);
    append_to(s, INCR_1, "\0\0\0\0", 4);
    snprintf(args, sizeof args, "--port %d --dir %s --appendonly yes", free_port(), s->dir);
    cr_assert(srv_start_fails(TANDEM, args, &code, out, sizeof out));
    cr_assert(strstr(out, "Bad file format reading the append only file " INCR_1));
    srv_free(s);
}

Test(aof, a_manifest_that_lies_is_refused) {
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"file appendonly.aof.9.base.rdb seq 9 type b\n",
         "Unable to obtain the AOF file appendonly.aof.9.base.rdb"},
        {"nonsense\n", "Invalid AOF manifest file format"},
        {"", "Found an empty AOF manifest"},
    };
    struct srv *s = srv_start(TANDEM, "--appendonly yes");
    srv_kill(s);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[300], out[4096], args[400];
        int code;
        path_of(path, s, "appendonly.aof.manifest");
        int fd = open(path, O_WRONLY | O_TRUNC);
        cr_assert_eq(write(fd, cases[i].text, strlen(cases[i].text)), (ssize_t)strlen(cases[i].text));
        close(fd);
        snprintf(args, sizeof args, "--port %d --dir %s --appendonly yes", free_port(), s->dir);
        cr_assert(srv_start_fails(TANDEM, args, &code, out, sizeof out));
        cr_assert_eq(code, 1);
        cr_assert(strstr(out, cases[i].says), "%s: %s", cases[i].says, out);
    }
    srv_free(s);
}

Test(aof, two_servers_on_one_directory) {
    struct srv *s = srv_start(TANDEM, "--appendonly yes");
    char out[4096], args[400];
    int code;
    snprintf(args, sizeof args, "--port %d --dir %s --appendonly yes", free_port(), s->dir);
    cr_assert(srv_start_fails(TANDEM, args, &code, out, sizeof out));
    cr_assert(strstr(out, "Another server is writing to the append-only dir"), "%s", out);
    EXPECT(s, "OK", "SET a 1");
    srv_free(s);
}

/* A small file system of its own; needs root, which containers mostly are. */
static bool mount_small(const char *dir) {
    return mkdir(dir, 0755) == 0 && mount("tmpfs", dir, "tmpfs", 0, "size=256k") == 0;
}

Test(aof, a_full_disk_stops_writes_and_goes_on_when_there_is_room) {
    struct srv *s = srv_start(TANDEM, "%s", "");
    char dir[300], hog[320];
    snprintf(dir, sizeof dir, "%s/appendonlydir", s->dir);
    if (!mount_small(dir)) {
        srv_free(s);
        cr_skip("can't mount a small file system here");
    }
    EXPECT(s, "OK", "CONFIG SET appendonly yes");
    WAIT_UNTIL(srv_logged(s, "Background AOF rewrite finished successfully"));
    snprintf(hog, sizeof hog, "%s/hog", dir);
    int fd = open(hog, O_CREAT | O_WRONLY, 0644);
    char block[4096] = {0};
    while (write(fd, block, sizeof block) > 0) continue;
    close(fd);
    int acknowledged = 0;
    const char *reply = "";
    for (; acknowledged < 2000; acknowledged++)
        if (strcmp(reply = srv_cmd(s, "SET key:%d %0200d", acknowledged, acknowledged), "OK") != 0) break;
    cr_assert_str_eq(reply, "(error) MISCONF Errors writing to the AOF file: No space left on device");
    EXPECT(s, "(error) MISCONF Errors writing to the AOF file: No space left on device", "PING");
    cr_assert_str_eq(srv_info(s, "aof_last_write_status"), "err");
    srv_cmd(s, "BGREWRITEAOF");
    WAIT_UNTIL(srv_info_int(s, "aof_rewrite_in_progress") == 0);
    cr_assert_eq(unlink(hog), 0);
    WAIT_UNTIL(strcmp(srv_cmd(s, "SET room again"), "OK") == 0);
    cr_assert(srv_logged(s, "AOF write error looks solved, Redis can write again."));
    strcat(s->args, " --appendonly yes");
    srv_kill(s);
    srv_restart(s);
    EXPECT(s, "\"again\"", "GET room");
    for (int i = 0; i < acknowledged; i++) cr_assert_str_eq(srv_cmd(s, "EXISTS key:%d", i), "(integer) 1");
    srv_kill(s);
    cr_assert_eq(umount(dir), 0);
    srv_free(s);
}

/* With `always` nothing can be promised any longer, so it ends; what it promised is there. */
Test(aof, a_full_disk_ends_a_server_that_syncs_always) {
    struct srv *s = srv_start(TANDEM, "%s", "");
    char dir[300], hog[320];
    snprintf(dir, sizeof dir, "%s/appendonlydir", s->dir);
    if (!mount_small(dir)) {
        srv_free(s);
        cr_skip("can't mount a small file system here");
    }
    strcat(s->args, " " AOF_ALWAYS);
    srv_restart(s);
    snprintf(hog, sizeof hog, "%s/hog", dir);
    int fd = open(hog, O_CREAT | O_WRONLY, 0644);
    cr_assert_eq(ftruncate(fd, 0), 0);
    char block[4096] = {0};
    while (write(fd, block, sizeof block) > 0) continue;
    close(fd);
    int acknowledged = 0;
    while (strcmp(srv_cmd(s, "SET key:%d %0200d", acknowledged, acknowledged), "OK") == 0) acknowledged++;
    WAIT_UNTIL(!srv_alive(s));
    cr_assert(srv_logged(
        s, "Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting..."));
    cr_assert_eq(unlink(hog), 0);
    srv_restart(s);
    for (int i = 0; i < acknowledged; i++) cr_assert_str_eq(srv_cmd(s, "EXISTS key:%d", i), "(integer) 1");
    srv_kill(s);
    cr_assert_eq(umount(dir), 0);
    srv_free(s);
}

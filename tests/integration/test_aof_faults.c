/* Append-only files in trouble: kills at any moment, slow and full disks, rewrites that fail, damaged and missing files. */
#include "support/aof.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- ends and stops --- */

/* One client counts up, another makes it rewrite; the kill may hit anything. AOF_KILLS: how many. */
Test(aof_faults, kill_at_random_moments) {
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
Test(aof_faults, a_slow_disk_costs_clients_nothing) {
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
    aof_kill(s);
    srv_restart(s);
    cr_assert_eq(srv_int(s, "INCRBY n 0"), n);
    srv_free(s);
}

/* The rewrite's child is killed again and again: no litter, and the next one succeeds. */
Test(aof_faults, rewrites_that_fail) {
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
    cr_assert_null(strstr(aof_files_of(s), "temp-"), "%s", aof_files_of(s));
    cr_assert_not_null(strstr(aof_files_of(s), "appendonly.aof.4.incr.aof"));
    digest_of(s, before);
    aof_kill(s);
    srv_restart(s);
    digest_of(s, after);
    cr_assert_str_eq(after, before);
    EXPECT(s, "OK", "CONFIG SET rdb-key-save-delay 0");
    aof_rewrite(s);
    cr_assert_str_eq(aof_files_of(s),
                     "appendonly.aof.2.base.rdb appendonly.aof.5.incr.aof appendonly.aof.manifest");
    srv_free(s);
}

/* --- damage --- */

Test(aof_faults, a_directory_that_cannot_be) {
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

Test(aof_faults, a_directory_that_vanished_is_made_again_by_a_rewrite) {
    struct srv *s = srv_start(TANDEM, "--appendonly yes");
    char from[300], to[300];
    EXPECT(s, "OK", "SET a 1");
    snprintf(from, sizeof from, "%s/appendonlydir", s->dir);
    snprintf(to, sizeof to, "%s/elsewhere", s->dir);
    cr_assert_eq(rename(from, to), 0);
    EXPECT(s, "OK", "SET b 2");
    aof_rewrite(s);
    EXPECT(s, "OK", "SET c 3");
    aof_kill(s);
    srv_restart(s);
    EXPECT(s, "(integer) 3", "EXISTS a b c");
    srv_free(s);
}

Test(aof_faults, a_tail_that_is_cut_off_is_repaired_or_refused) {
    struct srv *s = srv_start(TANDEM, "%s", AOF_ALWAYS);
    int code;
    char out[4096], args[400];
    EXPECT(s, "OK", "SET a 1");
    srv_kill(s);
    aof_append_to(s, INCR_1, "*3\r\n$3\r\nSET\r\n$1", strlen("*3\r\n$3\r\nSET\r\n$1"));
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
    aof_append_to(s, INCR_1, "\0\0\0\0", 4);
    snprintf(args, sizeof args, "--port %d --dir %s --appendonly yes", free_port(), s->dir);
    cr_assert(srv_start_fails(TANDEM, args, &code, out, sizeof out));
    cr_assert(strstr(out, "Bad file format reading the append only file " INCR_1));
    srv_free(s);
}

Test(aof_faults, a_manifest_that_lies_is_refused) {
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"file appendonly.aof.9.base.rdb seq 9 type b\n",
         "Unable to obtain the AOF file appendonly.aof.9.base.rdb"},
        {"nonsense\n", "Invalid AOF manifest file format"},
        {"", "Found an empty AOF manifest"},
    };
    struct srv *s = srv_start(TANDEM, "--appendonly yes");
    aof_kill(s);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[300], out[4096], args[400];
        int code;
        aof_path_of(path, s, "appendonly.aof.manifest");
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

Test(aof_faults, two_servers_on_one_directory) {
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

Test(aof_faults, a_full_disk_stops_writes_and_goes_on_when_there_is_room) {
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
    aof_kill(s);
    srv_restart(s);
    EXPECT(s, "\"again\"", "GET room");
    for (int i = 0; i < acknowledged; i++) cr_assert_str_eq(srv_cmd(s, "EXISTS key:%d", i), "(integer) 1");
    aof_kill(s);
    WAIT_UNTIL(umount(dir) == 0); /* its helper ends a moment later */
    srv_free(s);
}

/* With `always` nothing can be promised any longer, so it ends; what it promised is there. */
Test(aof_faults, a_full_disk_ends_a_server_that_syncs_always) {
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
    WAIT_UNTIL(umount(dir) == 0); /* its helper ends a moment later */
    srv_free(s);
}

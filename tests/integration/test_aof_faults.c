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
    int n = 0;
    while (srv_info_int(s, "aof_delayed_fsync") ==
           0) {                           /* two seconds: the write no longer waits for the sync */
        EXPECT(s, "OK", "SET n %d", ++n); /* answered, though the sync is not done */
        usleep(1000);
    }
    cr_assert_gt(n, 1);
    cr_assert_eq(srv_info_int(s, "aof_pending_bio_fsync"), 1);
    cr_assert(srv_logged(s, "Asynchronous AOF fsync is taking too long (disk is busy?)."));
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
                     "appendonly.aof.2.base.rdb appendonly.aof.2.tail appendonly.aof.5.incr.aof "
                     "appendonly.aof.manifest");
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

static bool mount_small(const char *dir);

Test(aof_faults, a_directory_that_cannot_be_written_to) {
    struct srv *s = srv_start(TANDEM, "%s", "--enable-protected-configs yes");
    char dir[300], args[400], out[4096];
    int code;
    snprintf(dir, sizeof dir, "%s/small", s->dir);
    if (!mount_small(dir)) {
        srv_free(s);
        cr_skip("can't mount a small file system here");
    }
    EXPECT(s, "OK", "CONFIG SET dir %s", dir);
    cr_assert_eq(mount(NULL, dir, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
    EXPECT(s, "(error) ERR", "SAVE");
    cr_assert(srv_logged(s, "for saving: Read-only file system"));
    cr_assert_eq(strncmp(srv_cmd(s, "CONFIG SET appendonly yes"), "(error) ERR CONFIG SET failed", 29), 0);
    cr_assert(srv_logged(s, "Can't open or create append-only dir appendonlydir: Read-only file system"));
    EXPECT(s, "OK", "SET a 1");
    snprintf(args, sizeof args, "--port %d --dir %s --appendonly yes", free_port(), dir);
    cr_assert(srv_start_fails(TANDEM, args, &code, out, sizeof out));
    cr_assert_eq(code, 1);
    cr_assert(strstr(out, "Can't open or create append-only dir appendonlydir: Read-only file system"), "%s",
              out);
    srv_kill(s);
    WAIT_UNTIL(umount(dir) == 0);
    srv_free(s);
}

Test(aof_faults, a_directory_that_vanished_is_noticed_and_made_again) {
    struct srv *s = srv_start(TANDEM, "--appendonly yes");
    char from[300], to[300];
    EXPECT(s, "OK", "SET a 1");
    snprintf(from, sizeof from, "%s/appendonlydir", s->dir);
    snprintf(to, sizeof to, "%s/elsewhere", s->dir);
    cr_assert_eq(rename(from, to), 0);
    EXPECT(s, "OK", "SET b 2");
    WAIT_UNTIL(srv_logged(s, "The append-only file is no longer in appendonlydir"));
    WAIT_UNTIL(srv_logged(s, "Background AOF rewrite finished successfully"));
    EXPECT(s, "OK", "SET c 3");
    char out[4096], args[400];
    int code;
    snprintf(args, sizeof args, "--port %d --dir %s --appendonly yes", free_port(), s->dir);
    cr_assert(srv_start_fails(TANDEM, args, &code, out, sizeof out), "the new directory has no lock");
    cr_assert_eq(srv_log_count(s, "The append-only file is no longer in appendonlydir"), 1);
    aof_kill(s);
    srv_restart(s);
    EXPECT(s, "(integer) 3", "EXISTS a b c");
    srv_free(s);
}

Test(aof_faults, another_directory_gets_files_of_its_own) {
    struct srv *s = srv_start(TANDEM, "%s",
                              AOF_ALWAYS "--enable-protected-configs yes --rdb-key-save-delay 20000");
    char there[300], before[64], after[64];
    for (int i = 0; i < 50; i++) EXPECT(s, "OK", "SET key:%d x", i);
    snprintf(there, sizeof there, "%s/there", s->dir);
    cr_assert_eq(mkdir(there, 0755), 0);
    EXPECT(s, "OK", "CONFIG SET dir .");
    cr_assert_not(srv_logged(s, "The directory has changed"));
    EXPECT(s, "Background append only file rewriting started", "BGREWRITEAOF"); /* takes a second */
    EXPECT(s, "OK", "CONFIG SET rdb-key-save-delay 0 dir %s", there);
    cr_assert(srv_logged(s, "The directory has changed: a rewrite will bring the append-only files there"));
    EXPECT(s, "OK", "SET b 2");
    WAIT_UNTIL(srv_logged(s, "Background AOF rewrite finished successfully"));
    cr_assert_null(strstr(aof_files_of(s), "temp-"), "%s", aof_files_of(s));
    EXPECT(s, "OK", "SET c 3");
    digest_of(s, before);
    srv_kill(s);
    snprintf(s->args + strlen(s->args), sizeof s->args - strlen(s->args), " --dir %s", there);
    srv_restart(s);
    digest_of(s, after);
    cr_assert_str_eq(after, before);
    EXPECT(s, "(integer) 52", "DBSIZE");
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

static void fill(const char *hog) {
    char block[4096] = {0};
    int fd = open(hog, O_CREAT | O_WRONLY | O_APPEND, 0644);
    while (write(fd, block, sizeof block) > 0) continue;
    close(fd);
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
    fill(hog);
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
    fill(hog);
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

/* Room for the files as they are, but not for a second base, or not even for the first. */
Test(aof_faults, a_rewrite_that_finds_no_room_leaves_all_as_it_was) {
    struct srv *s = srv_start(TANDEM, "%s", "--rdbcompression no");
    char dir[300], hog[320], before[64], after[64];
    snprintf(dir, sizeof dir, "%s/appendonlydir", s->dir);
    snprintf(hog, sizeof hog, "%s/hog", dir);
    if (!mount_small(dir)) {
        srv_free(s);
        cr_skip("can't mount a small file system here");
    }
    EXPECT(s, "OK", "DEBUG POPULATE 100 key 1000");
    EXPECT(s, "OK", "CONFIG SET appendonly yes");
    WAIT_UNTIL(srv_logged(s, "Background AOF rewrite finished successfully"));
    int fd = open(hog, O_CREAT | O_WRONLY, 0644);
    cr_assert_eq(posix_fallocate(fd, 0, 100 << 10), 0);
    close(fd);
    EXPECT(s, "Background append only file rewriting started", "BGREWRITEAOF");
    WAIT_UNTIL(srv_info_int(s, "aof_rewrite_in_progress") == 0);
    cr_assert_str_eq(srv_info(s, "aof_last_bgrewrite_status"), "err");
    cr_assert(srv_logged(s, "Write error writing append only file on disk: write: No space left on device"));
    cr_assert_str_eq(aof_files_of(s), "appendonly.aof.1.base.rdb appendonly.aof.1.incr.aof "
                                      "appendonly.aof.2.incr.aof appendonly.aof.manifest hog");
    EXPECT(s, "OK", "SET there is"); /* the log itself has room */
    fill(hog);
    const char *no_room =
        "(error) ERR Can't execute an AOF background rewriting. Please check the server logs for more "
        "information.";
    EXPECT(s, no_room, "BGREWRITEAOF");
    cr_assert_str_eq(aof_files_of(s), "appendonly.aof.1.base.rdb appendonly.aof.1.incr.aof "
                                      "appendonly.aof.2.incr.aof appendonly.aof.manifest hog");
    cr_assert_eq(unlink(hog), 0);
    WAIT_UNTIL(strcmp(srv_cmd(s, "SET room again"), "OK") == 0);
    digest_of(s, before);
    strcat(s->args, " --appendonly yes");
    aof_kill(s);
    srv_restart(s);
    digest_of(s, after);
    cr_assert_str_eq(after, before);
    aof_rewrite(s);
    srv_kill(s);
    WAIT_UNTIL(umount(dir) == 0); /* its helper ends a moment later */
    srv_free(s);
}

/* What replicas might need is not worth the room that the server needs itself. */
Test(aof_faults, no_history_is_kept_where_there_is_little_room) {
    struct srv *s = srv_start(TANDEM, "%s", ""), *r = srv_start(TANDEM, "%s", "");
    char dir[300];
    snprintf(dir, sizeof dir, "%s/appendonlydir", s->dir);
    if (!mount_small(dir)) {
        srv_free(r);
        srv_free(s);
        cr_skip("can't mount a small file system here");
    }
    EXPECT(s, "OK", "CONFIG SET appendonly yes");
    WAIT_UNTIL(srv_logged(s, "Background AOF rewrite finished successfully"));
    srv_replicate(r, s);
    for (int i = 0; i < 100; i++) EXPECT(s, "OK", "SET key %01000d", i);
    aof_rewrite(s);
    cr_assert(srv_logged(s, "Too little room on the disk to keep"));
    cr_assert_null(strstr(aof_files_of(s), "tail"), "%s", aof_files_of(s));
    srv_free(r);
    srv_kill(s);
    WAIT_UNTIL(umount(dir) == 0); /* its helper ends a moment later */
    srv_free(s);
}

/* Snapshots: writes stop until one succeeds again. */
Test(aof_faults, a_snapshot_that_finds_no_room) {
    struct srv *s = srv_start(TANDEM, "%s", "--save '3600 100000' --enable-protected-configs yes");
    char dir[300], hog[320];
    snprintf(dir, sizeof dir, "%s/small", s->dir);
    snprintf(hog, sizeof hog, "%s/hog", dir);
    if (!mount_small(dir)) {
        srv_free(s);
        cr_skip("can't mount a small file system here");
    }
    EXPECT(s, "OK", "CONFIG SET dir %s", dir);
    EXPECT(s, "OK", "SET a 1");
    EXPECT(s, "OK", "SAVE");
    EXPECT(s, "OK", "SET a 2");
    fill(hog);
    EXPECT(s, "Background saving started", "BGSAVE");
    WAIT_UNTIL(srv_info_int(s, "rdb_bgsave_in_progress") == 0);
    cr_assert_str_eq(srv_info(s, "rdb_last_bgsave_status"), "err");
    cr_assert(srv_logged(s, "Write error saving DB on disk(rdbSaveRio): No space left on device"));
    cr_assert_eq(
        strncmp(srv_cmd(s, "SET a 3"), "(error) MISCONF Redis is configured to save RDB snapshots", 57), 0);
    EXPECT(s, "\"2\"", "GET a");
    cr_assert_eq(unlink(hog), 0);
    EXPECT(s, "Background saving started", "BGSAVE");
    WAIT_UNTIL(srv_info_int(s, "rdb_bgsave_in_progress") == 0);
    EXPECT(s, "OK", "SET a 3");
    srv_kill(s);
    snprintf(s->args + strlen(s->args), sizeof s->args - strlen(s->args), " --dir %s", dir);
    srv_restart(s);
    EXPECT(s, "\"2\"", "GET a");
    srv_kill(s);
    WAIT_UNTIL(umount(dir) == 0);
    srv_free(s);
}

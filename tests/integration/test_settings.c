/* Settings whose effect is outside of replies: on the process, its children, its log, its file. */
#include "support/server.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int number_in(const char *fmt, pid_t pid) {
    char path[64], text[32] = "";
    snprintf(path, sizeof path, fmt, (int)pid);
    FILE *f = fopen(path, "r");
    cr_assert(f && fgets(text, sizeof text, f), "%s", path);
    fclose(f);
    return atoi(text);
}

static void status_line(pid_t pid, const char *field, char *out, size_t cap) {
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "r");
    cr_assert_not_null(f);
    out[0] = '\0';
    while (fgets(line, sizeof line, f))
        if (strncmp(line, field, strlen(field)) == 0) snprintf(out, cap, "%.60s", line + strlen(field) + 2);
    fclose(f);
    out[strcspn(out, "\n")] = '\0';
}

Test(settings, oom_score_follows_role_and_settings) {
    struct srv *s = srv_start(TANDEM, "--oom-score-adj relative --oom-score-adj-values 10 20 30");
    int base = number_in("/proc/%d/oom_score_adj", getpid());
    if (base > 400) cr_skip("this process is among the first to go already");
    cr_assert_eq(number_in("/proc/%d/oom_score_adj", s->pid), base + 10);
    EXPECT(s, "OK", "REPLICAOF 127.0.0.1 1");
    cr_assert_eq(number_in("/proc/%d/oom_score_adj", s->pid), base + 20);
    EXPECT(s, "OK", "REPLICAOF NO ONE");
    EXPECT(s, "OK", "CONFIG SET oom-score-adj absolute oom-score-adj-values %s", "500 600 800");
    cr_assert_eq(number_in("/proc/%d/oom_score_adj", s->pid), 500);
    EXPECT(s, "OK", "CONFIG SET oom-score-adj-values %s", "600 700 800");
    cr_assert_eq(number_in("/proc/%d/oom_score_adj", s->pid), 600);
    srv_free(s);
}

Test(settings, commands_are_renamed_or_taken_away) {
    struct srv *s = srv_start(TANDEM, "--rename-command SET Assign --rename-command DEL '' --appendonly yes");
    EXPECT(s, "OK", "assign a 1");
    EXPECT(s, "OK", "ASSIGN b 1 PX 1");
    WAIT_UNTIL(srv_int(s, "DBSIZE") == 1); /* b goes into the log as DEL */
    EXPECT(s, "(error) ERR unknown command 'SET', with args beginning with: 'a' '2' ", "SET a 2");
    EXPECT(s, "(error) ERR unknown command 'del', with args beginning with: 'a' ", "del a");
    EXPECT(s, "(error) ERR wrong number of arguments for 'set' command", "ASSIGN");
    EXPECT(s, "[(nil)]", "COMMAND INFO del");
    srv_restart(s);
    EXPECT(s, "\"1\"", "GET a");
    EXPECT(s, "(integer) 1", "DBSIZE");
    srv_free(s);
}

static void refused_at_start(const char *args, const char *why) {
    char output[4096];
    int code;
    cr_assert(srv_start_fails(TANDEM, args, &code, output, sizeof output), "%s", args);
    cr_assert_eq(code, 1);
    cr_assert(strstr(output, why), "%s: %s", args, output);
}

Test(settings, wrong_renames_and_lists_end_the_start) {
    refused_at_start("--rename-command NOTHING x", "No such command in rename-command");
    refused_at_start("--rename-command GET SET", "Target command name already exists");
    refused_at_start("--rename-command GET", "Bad directive or wrong number of arguments");
    refused_at_start("--bgsave_cpulist 3-1", "invalid CPU list");
    refused_at_start("--oom-score-adj-values 1 2", "wrong number of arguments");
    refused_at_start("--cluster-enabled yes", "'cluster-enabled yes' is not supported by Tandem, only 'no'");
    refused_at_start("--tls-port 6380", "'tls-port 6380' is not supported by Tandem, only '0'");
    refused_at_start("--loadmodule x.so", "'loadmodule' is not supported");
}

Test(settings, processes_run_on_the_cpus_that_they_were_given) {
    char allowed[64];
    status_line(getpid(), "Cpus_allowed_list", allowed, sizeof allowed);
    int first = atoi(allowed);
    struct srv *s = srv_start(TANDEM, "--server_cpulist %d --bgsave_cpulist %d-%d:2", first, first,
                              first + 1);
    char is[64], expected[16];
    snprintf(expected, sizeof expected, "%d", first);
    status_line(s->pid, "Cpus_allowed_list", is, sizeof is);
    cr_assert_str_eq(is, expected);
    EXPECT(s, "Background saving started", "BGSAVE");
    WAIT_UNTIL(srv_info_int(s, "rdb_bgsave_in_progress") == 0);
    cr_assert_str_eq(srv_info(s, "rdb_last_bgsave_status"), "ok");
    srv_free(s);
}

Test(settings, watchdog_tells_what_keeps_the_loop) {
    struct srv *s = srv_start(TANDEM, "--hz 10");
    EXPECT(s, "OK", "CONFIG SET watchdog-period 1");
    EXPECT(s, "[\"watchdog-period\", \"200\"]", "CONFIG GET watchdog-period");
    /* The signal ends the sleep, which is none of its concern. Again, should the machine have been slower than the watchdog. */
    WAIT_UNTIL(strcmp(srv_cmd(s, "DEBUG SLEEP 0.3"), "OK") == 0 && srv_logged(s, "nanosleep"));
    cr_assert(srv_logged(s, "WATCHDOG TIMER EXPIRED"));
    EXPECT(s, "OK", "CONFIG SET watchdog-period 0");
    EXPECT(s, "PONG", "PING");
    srv_free(s);
}

Test(settings, the_logo_is_logged_when_asked_for) {
    struct srv *s = srv_start(TANDEM, "--always-show-logo yes");
    cr_assert(srv_logged(s, "o===o"));
    srv_free(s);
}

/* The connection ends with the process, or before its reply. */
static void restarted(struct srv *s, const char *how) {
    char run_id[64];
    snprintf(run_id, sizeof run_id, "%s", srv_info(s, "run_id"));
    srv_cmd(s, "DEBUG %s 10", how);
    WAIT_UNTIL(strlen(srv_info(s, "run_id")) == 40 && strcmp(srv_info(s, "run_id"), run_id) != 0);
    WAIT_UNTIL(srv_info_int(s, "loading") == 0);
}

Test(settings, debug_restart_saves_and_crash_does_not) {
    struct srv *s = srv_start(TANDEM, "--save 3600 1 --hz 20");
    EXPECT(s, "OK", "SET a 1");
    restarted(s, "RESTART");
    EXPECT(s, "\"1\"", "GET a");
    EXPECT(s, "[\"hz\", \"20\"]", "CONFIG GET hz");
    EXPECT(s, "OK", "SET a 2");
    restarted(s, "CRASH-AND-RECOVER");
    EXPECT(s, "\"1\"", "GET a");
    EXPECT(s, "OK", "CONFIG SET appendonly yes");
    WAIT_UNTIL(srv_info_int(s, "aof_rewrite_in_progress") == 0 && srv_info_int(s, "aof_base_size") > 0);
    restarted(s, "RESTART");
    EXPECT(s, "\"1\"", "GET a");
    srv_free(s);
}

Test(settings, debug_restart_does_not_save_half_of_the_data) {
    struct srv *s = srv_start(TANDEM, "--save 3600 1 --rdbcompression no --enable-debug-command yes");
    EXPECT(s, "OK", "DEBUG POPULATE 10000 key 100");
    EXPECT(s, "OK", "SAVE");
    EXPECT(s, "OK", "CONFIG SET key-load-delay 1000 loading-process-events-interval-bytes 1024");
    redisContext *loader = srv_connect(s);
    int done = 0;
    redisAppendCommand(loader, "DEBUG RELOAD NOSAVE");
    cr_assert_eq(redisBufferWrite(loader, &done), REDIS_OK);
    /* Not INFO: asked in the same turn as the reload, it would be answered only after it. */
    WAIT_UNTIL(srv_logged(s, "Loading RDB produced by"));
    restarted(s, "RESTART");
    EXPECT(s, "(integer) 10000", "DBSIZE");
    redisFree(loader);
    srv_free(s);
}

Test(settings, debug_replicate_reaches_replicas_only) {
    struct srv *primary = srv_start(TANDEM, "--hz 10"), *replica = srv_start(TANDEM, "--hz 10");
    srv_replicate(replica, primary);
    EXPECT(primary, "OK", "DEBUG REPLICATE SET only there");
    WAIT_UNTIL(srv_int(replica, "EXISTS only") == 1);
    EXPECT(primary, "(integer) 0", "EXISTS only");
    EXPECT(primary, "OK", "DEBUG PAUSE-CRON 1");
    EXPECT(primary, "OK", "DEBUG PAUSE-CRON 0");
    EXPECT(primary, "OK", "DEBUG LEAK x");
    srv_free(replica);
    srv_free(primary);
}

/* Debian's own file, without where it runs: every line of it is taken. */
Test(settings, the_file_of_a_distribution_is_taken) {
    static const char *const places[] = {"port ", "dir ", "logfile ", "daemonize ", "pidfile ", "bind "};
    char path[] = "/tmp/tandem-conf-XXXXXX", line[1024];
    FILE *from = fopen("/etc/redis/redis.conf", "r");
    if (!from) cr_skip("no /etc/redis/redis.conf here");
    int fd = mkstemp(path), kept = 0;
    FILE *to = fdopen(fd, "w");
    while (fgets(line, sizeof line, from)) {
        bool is_place = false;
        for (size_t i = 0; i < sizeof places / sizeof *places; i++)
            is_place |= strncmp(line, places[i], strlen(places[i])) == 0;
        if (!is_place) kept += fputs(line, to) > 0;
    }
    fclose(from);
    fclose(to);
    struct srv *s = srv_start(TANDEM, "--include %s", path);
    EXPECT(s, "[\"oom-score-adj-values\", \"0 200 800\"]", "CONFIG GET oom-score-adj-values");
    srv_free(s);
    unlink(path);
    cr_assert_gt(kept, 50);
}

/* A rewrite that takes minutes, because each of its keys takes seconds. */
Test(settings, a_wrong_directory_ends_no_rewrite) {
    struct srv *s = srv_start(TANDEM, "--appendonly yes --enable-protected-configs yes");
    EXPECT(s, "OK", "DEBUG POPULATE 100");
    EXPECT(s, "OK", "CONFIG SET rdb-key-save-delay 5000000");
    EXPECT(s, "Background append only file rewriting started", "BGREWRITEAOF");
    cr_assert_eq(srv_info_int(s, "aof_rewrite_in_progress"), 1);
    cr_assert_str_eq(srv_cmd(s, "CONFIG SET dir /nonexistent"),
                     "(error) ERR CONFIG SET failed (possibly related to argument 'dir') - No such file or "
                     "directory");
    cr_assert_eq(srv_info_int(s, "aof_rewrite_in_progress"), 1);
    srv_free(s);
}

Test(settings, debug_makes_the_disk_slow) {
    struct srv *s = srv_start(TANDEM, "--appendonly yes --appendfsync always");
    EXPECT(s, "OK", "DEBUG AOF-FLUSH-SLEEP 200000");
    uint64_t start_ms = now_ms();
    EXPECT(s, "OK", "SET a 1"); /* replied when it is written */
    cr_assert_geq(now_ms() - start_ms, 200);
    EXPECT(s, "OK", "DEBUG AOF-FLUSH-SLEEP 0");
    srv_free(s);
}

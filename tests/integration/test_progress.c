/* Long saves and loads can be watched: INFO is answered meanwhile, its fields move, and the log has lines. */
#include "support/aof.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEYS = 300 };

/* The data child: the last process that the server started. */
static pid_t child_of(const struct srv *s) {
    char path[64];
    pid_t last = 0, pid;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)s->pid, (int)s->pid);
    FILE *f = fopen(path, "r");
    cr_assert(f);
    while (fscanf(f, "%d", &pid) == 1) last = pid;
    fclose(f);
    return last;
}

/* A save that takes long enough to be looked at, and is ended then. */
static void watch_save(struct srv *s, const char *command, const char *in_progress) {
    EXPECT(s, "OK", "DEBUG POPULATE %d key 100", KEYS);
    EXPECT(s, "OK", "CONFIG SET rdb-key-save-delay 100000");
    cr_assert_eq(srv_info_int(s, "current_save_eta_seconds"), -1);
    cr_assert_not_null(strstr(srv_cmd(s, "%s", command), "started"));
    pid_t child = child_of(s);
    cr_assert_neq(child, 0);
    cr_assert_eq(srv_info_int(s, in_progress), 1);
    cr_assert_eq(srv_info_int(s, "current_save_keys_total"), KEYS);
    WAIT_UNTIL(srv_info_int(s, "current_save_keys_processed") > 1);
    cr_assert_eq(kill(child, SIGSTOP), 0);
    int64_t keys = srv_info_int(s, "current_save_keys_processed");
    cr_assert_lt(keys, KEYS);
    cr_assert_float_eq(atof(srv_info(s, "current_fork_perc")), 100.0 * (double)keys / KEYS, 0.01);
    cr_assert_gt(srv_info_int(s, "current_save_bytes"), 100);
    cr_assert_geq(srv_info_int(s, "current_save_eta_seconds"), 0);
    cr_assert_eq(kill(child, SIGKILL), 0);
    WAIT_UNTIL(srv_info_int(s, in_progress) == 0);
    cr_assert_eq(srv_info_int(s, "current_save_keys_total"), 0);
    cr_assert_eq(srv_info_int(s, "current_save_bytes"), 0);
    cr_assert_eq(srv_info_int(s, "current_save_eta_seconds"), -1);
}

Test(progress, of_a_snapshot) {
    struct srv *s = srv_start(TANDEM, "%s", "");
    watch_save(s, "BGSAVE", "rdb_bgsave_in_progress");
    srv_free(s);
}

Test(progress, of_a_rewrite_as_commands) {
    struct srv *s = srv_start(TANDEM, "--aof-use-rdb-preamble no");
    watch_save(s, "BGREWRITEAOF", "aof_rewrite_in_progress");
    srv_free(s);
}

Test(progress, is_logged_when_a_save_takes_long) {
    struct srv *s = srv_start(TANDEM, "--rdb-key-save-delay 5000");
    EXPECT(s, "OK", "DEBUG POPULATE %d key 100", KEYS);
    EXPECT(s, "OK", "SAVE");
    cr_assert(srv_logged(s, "% of 300 keys, "));
    srv_free(s);
}

/* The command loads, on a connection of its own; from another one it is watched. */
static void watch_load(struct srv *s, const char *command, const char *log_line) {
    int done = 0, lines = srv_log_count(s, log_line);
    redisContext *loader = srv_connect(s);
    EXPECT(s, "OK", "CONFIG SET key-load-delay 10000 loading-process-events-interval-bytes 1024");
    redisAppendCommand(loader, command);
    cr_assert_eq(redisBufferWrite(loader, &done), REDIS_OK);
    /* Nothing is asked before it loads: in the same turn as the command it would be answered only after it. */
    WAIT_UNTIL(srv_log_count(s, log_line) > lines);
    WAIT_UNTIL(strncmp(srv_cmd(s, "PING"), "(error) LOADING", 15) == 0);
    EXPECT(s, "(error) LOADING Redis is loading the dataset in memory", "GET key:1");
    /* Append-only files that begin with a part of the data would never hold the rest. */
    EXPECT(s, "(error) LOADING Redis is loading the dataset in memory", "CONFIG SET appendonly yes");
    EXPECT(s, "(error) LOADING Redis is loading the dataset in memory", "CONFIG SET appendonly no");
    EXPECT(s, "(error) LOADING Redis is loading the dataset in memory",
           "CONFIG SET hz 20 appendonly yes nosuch 1");
    cr_assert_str_eq(srv_info(s, "loading"), "1");
    cr_assert_gt(srv_info_int(s, "loading_total_bytes"), 10000);
    WAIT_UNTIL(srv_info_int(s, "loading_loaded_bytes") > 0);
    cr_assert_leq(srv_info_int(s, "loading_loaded_bytes"), srv_info_int(s, "loading_total_bytes"));
    cr_assert_geq(srv_info_int(s, "loading_eta_seconds"), 0);
    cr_assert_gt(srv_info_int(s, "loading_start_time"), 0);
    EXPECT(s, "OK", "CONFIG SET key-load-delay 0");
    redisReply *r = NULL;
    cr_assert_eq(redisGetReply(loader, (void **)&r), REDIS_OK);
    cr_assert_str_eq(reply_text(r), "OK");
    freeReplyObject(r);
    redisFree(loader);
    EXPECT(s, "PONG", "PING");
    cr_assert_str_eq(srv_info(s, "loading"), "0");
    cr_assert_str_eq(srv_info(s, "loading_eta_seconds"), "");
    cr_assert(srv_logged(s, "Loading: 50% of "));
}

Test(progress, of_loading_a_snapshot) {
    struct srv *s = srv_start(TANDEM, "%s", "--rdbcompression no");
    EXPECT(s, "OK", "DEBUG POPULATE 10000 key 100");
    EXPECT(s, "OK", "SAVE");
    watch_load(s, "DEBUG RELOAD NOSAVE", "Loading RDB produced by");
    EXPECT(s, "(integer) 10000", "DBSIZE");
    srv_free(s);
}

Test(progress, of_loading_commands) {
    struct srv *s = srv_start(TANDEM, "%s", "--appendonly yes --appendfsync no");
    redisContext *c = srv_connect(s);
    for (int i = 0; i < 10000; i++) redisAppendCommand(c, "SET key:%d %0100d", i, i);
    for (int i = 0; i < 10000; i++) {
        redisReply *r = NULL;
        cr_assert_eq(redisGetReply(c, (void **)&r), REDIS_OK);
        freeReplyObject(r);
    }
    redisFree(c);
    watch_load(s, "DEBUG LOADAOF", "Reading RDB base file on AOF loading");
    EXPECT(s, "(integer) 10000", "DBSIZE");
    srv_free(s);
}

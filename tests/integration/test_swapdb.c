/* A full synchronisation and the old data: served meanwhile, there again when the new does not come, and never saved away
 * for nothing. */
#include "support/proxy.h"
#include "support/scenarios.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { KEYS = 400, VALUE_BYTES = 4000 }; /* about 1.6 MB that no compressor makes small */

static void fill(struct srv *p) {
    char value[VALUE_BYTES + 1], key[32];
    for (int i = 0; i < KEYS; i++) {
        for (size_t j = 0; j < VALUE_BYTES; j++) value[j] = (char)('!' + test_below(90));
        size_t lens[] = {3, (size_t)snprintf(key, sizeof key, "key:%d", i), VALUE_BYTES};
        cr_assert_str_eq(srv_cmdv(p, 3, (const char *[]){"SET", key, value}, lens), "OK");
    }
}

struct line { /* a primary with little history, and a replica behind a proxy */
    struct srv *p, *r;
    struct proxy *proxy;
    char digest[64];
};

static struct line line_start(enum srv_kind kind) {
    struct line l = {.p = srv_start(kind, "--repl-backlog-size 16kb --repl-ping-replica-period 3600"),
                     .r = srv_start(TANDEM, "--repl-diskless-load swapdb")};
    l.proxy = proxy_start(l.p->port);
    EXPECT(l.p, "OK", "SET version old");
    fill(l.p);
    return l;
}

static void line_free(struct line *l) {
    srv_free(l->r);
    proxy_stop(l->proxy);
    srv_free(l->p);
}

static void connect_line(struct line *l) {
    EXPECT(l->r, "OK", "REPLICAOF 127.0.0.1 %d", l->proxy->port);
    wait_same(l->r, l->p);
}

/* More is written than the history holds, while the replica can't come. When it can, then slowly. */
static void fall_behind(struct line *l) {
    proxy_refuse(l->proxy, true);
    proxy_cut(l->proxy);
    WAIT_UNTIL(!srv_link_up(l->r));
    snprintf(l->digest, sizeof l->digest, "%s", srv_cmd(l->r, "DEBUG DIGEST"));
    EXPECT(l->p, "OK", "SET version new");
    fill(l->p);
    proxy_throttle(l->proxy, 300000);
}

static bool loads(struct srv *r, const char *field) {
    return srv_info_int(r, field) == 1 && srv_info_int(r, "master_sync_read_bytes") > 0;
}

#define LOADING "(error) LOADING Redis is loading the dataset in memory"

static void served_while_loaded(enum srv_kind kind) {
    struct line l = line_start(kind);
    connect_line(&l);
    struct srv *sub = srv_start(TANDEM, "--replicaof 127.0.0.1 %d", l.r->port);
    wait_same(sub, l.p);
    redisContext *watcher = srv_connect(l.r), *waiter = srv_connect(l.r);
    freeReplyObject(redisCommand(watcher, "WATCH version"));
    freeReplyObject(redisCommand(watcher, "MULTI"));
    freeReplyObject(redisCommand(watcher, "GET version"));
    redisAppendCommand(waiter, "XREAD BLOCK 0 STREAMS stream 0");
    int done = 0;
    cr_assert_eq(redisBufferWrite(waiter, &done), REDIS_OK);
    fall_behind(&l);
    EXPECT(l.p, "\"1-1\"", "XADD stream 1-1 f v");
    proxy_refuse(l.proxy, false);
    WAIT_UNTIL(loads(l.r, "async_loading"));
    proxy_stall(l.proxy, true);
    cr_assert_eq(srv_info_int(l.r, "loading"), 0);
    cr_assert_eq(srv_info_int(l.r, "master_sync_in_progress"), 1);
    cr_assert_gt(srv_info_int(l.r, "loading_start_time"), 0);
    EXPECT(l.r, "\"old\"", "GET version");
    EXPECT(l.r, l.digest, "DEBUG DIGEST");
    EXPECT(l.r, "(integer) 401", "DBSIZE");
    EXPECT(l.r, "(error) READONLY You can't write against a read only replica.", "SET a b");
    static const char *const refused[] = {"REPLICAOF NO ONE", "SAVE",       "BGSAVE",
                                          "BGREWRITEAOF",     "PSYNC ? -1", "SYNC"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) EXPECT(l.r, LOADING, refused[i]);
    EXPECT(l.r, LOADING, "DEBUG LOADAOF"); /* no load within a load */
    cr_assert(srv_link_up(sub), "what it follows still is");
    proxy_throttle(l.proxy, 0);
    proxy_stall(l.proxy, false);
    wait_same(l.r, l.p);
    EXPECT(l.r, "\"new\"", "GET version");
    cr_assert(srv_logged(l.r, "MASTER <-> REPLICA sync: Swapping active DB with loaded DB"));
    wait_same(sub, l.p);
    redisReply *r = redisCommand(watcher, "EXEC");
    cr_assert_str_eq(reply_text(r), "(nil)", "another version than the one that was watched");
    freeReplyObject(r);
    cr_assert_eq(redisGetReply(waiter, (void **)&r), REDIS_OK);
    cr_assert_str_eq(reply_text(r), "[[\"stream\", [[\"1-1\", [\"f\", \"v\"]]]]]");
    freeReplyObject(r);
    redisFree(waiter);
    redisFree(watcher);
    srv_free(sub);
    line_free(&l);
}

Test(swapdb, the_old_data_is_served_while_the_new_is_loaded) {
    served_while_loaded(TANDEM);
}

/* One connection gets through, and no other after it. */
static void let_in_once(struct proxy *x) {
    uint64_t before = proxy_connections(x);
    proxy_stall(x, true);
    proxy_refuse(x, false);
    WAIT_UNTIL(proxy_connections(x) > before);
    proxy_refuse(x, true);
    proxy_stall(x, false);
}

/* Cut in the middle; damaged on the way. What was there still is, and is the same history. */
Test(swapdb, what_does_not_come_costs_nothing) {
    struct line l = line_start(TANDEM);
    connect_line(&l);
    fall_behind(&l);
    proxy_throttle(l.proxy, 0);
    char id[64];
    snprintf(id, sizeof id, "%s", srv_info(l.r, "master_replid"));
    int64_t offset = srv_info_int(l.r, "master_repl_offset");
    for (int i = 0; i < 2; i++) {
        int failures = srv_log_count(l.r, "Discarding temporary DB in background");
        if (i == 0)
            proxy_cut_after(l.proxy, 800000);
        else
            proxy_corrupt_at(l.proxy, 900000);
        let_in_once(l.proxy);
        WAIT_UNTIL(srv_log_count(l.r, "Discarding temporary DB in background") > failures);
        proxy_cut(l.proxy);
        WAIT_UNTIL(srv_info_int(l.r, "async_loading") == 0 &&
                   srv_info_int(l.r, "master_sync_in_progress") == 0);
        EXPECT(l.r, l.digest, "DEBUG DIGEST");
        EXPECT(l.r, "\"old\"", "GET version");
        cr_assert_str_eq(srv_info(l.r, "master_replid"), id);
        cr_assert_eq(srv_info_int(l.r, "master_repl_offset"), offset);
    }
    proxy_corrupt_at(l.proxy, -1);
    proxy_refuse(l.proxy, false);
    wait_same(l.r, l.p);
    line_free(&l);
}

/* Of another history: nobody may read what has nothing to do with what comes; but it is kept until that is here. */
Test(swapdb, of_another_history_it_is_kept_but_not_served) {
    struct line l = line_start(TANDEM);
    EXPECT(l.r, "OK", "SET own data");
    proxy_throttle(l.proxy, 300000);
    EXPECT(l.r, "OK", "REPLICAOF 127.0.0.1 %d", l.proxy->port);
    WAIT_UNTIL(loads(l.r, "loading"));
    proxy_stall(l.proxy, true);
    cr_assert_eq(srv_info_int(l.r, "async_loading"), 0);
    EXPECT(l.r, LOADING, "GET own");
    proxy_stall(l.proxy, false);
    proxy_refuse(l.proxy, true);
    proxy_cut(l.proxy);
    WAIT_UNTIL(srv_info_int(l.r, "loading") == 0);
    EXPECT(l.r, "\"data\"", "GET own");
    EXPECT(l.r, "(integer) 1", "DBSIZE");
    proxy_throttle(l.proxy, 0);
    proxy_refuse(l.proxy, false);
    wait_same(l.r, l.p);
    EXPECT(l.r, "(nil)", "GET own");
    line_free(&l);
}

/* A whole file with the right checksum, of what this server can't hold. */
static void unloadable(const char *load_mode) {
    struct srv *p = srv_start(TANDEM, "--databases 32"),
               *r = srv_start(TANDEM, "--repl-diskless-load %s", load_mode);
    EXPECT(r, "OK", "SET own data");
    EXPECT(r, "OK", "SAVE");
    EXPECT(p, "OK", "SELECT 20");
    EXPECT(p, "OK", "SET far away");
    EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", p->port);
    WAIT_UNTIL(srv_logged(r, "Failed trying to load the MASTER synchronization DB from"));
    WAIT_UNTIL(strcmp(srv_cmd(r, "GET own"), "\"data\"") == 0); /* LOADING, while it tries again */
    EXPECT(p, "(integer) 1", "DEL far");
    EXPECT(p, "OK", "SELECT 0");
    wait_same(r, p);
    srv_free(r);
    srv_free(p);
}

Test(swapdb, a_file_that_cannot_be_loaded_replaces_nothing) {
    unloadable("disabled");
}

Test(swapdb, a_stream_that_cannot_be_loaded_replaces_nothing) {
    unloadable("swapdb");
}

/* The data went (there was none), what came was no good: a restart reads what was saved in better times. */
Test(swapdb, what_a_failed_load_has_left_is_not_saved) {
    struct srv *p = srv_start(TANDEM, "--databases 32"),
               *r = srv_start(TANDEM, "--repl-diskless-load on-empty-db");
    EXPECT(r, "OK", "SET better times");
    EXPECT(r, "OK", "SAVE");
    EXPECT(r, "OK", "FLUSHALL");
    static const size_t lens[] = {6, 3, 4, 3};
    cr_assert_str_eq(srv_cmdv(r, 4, (const char *[]){"CONFIG", "SET", "save", "1 1"}, lens), "OK");
    EXPECT(p, "OK", "SELECT 20");
    EXPECT(p, "OK", "SET far away");
    EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", p->port);
    WAIT_UNTIL(srv_logged(r, "Failed trying to load the MASTER synchronization DB from socket"));
    srv_stop(r);
    srv_free(p);
    srv_restart(r);
    EXPECT(r, "\"times\"", "GET better");
    srv_free(r);
}

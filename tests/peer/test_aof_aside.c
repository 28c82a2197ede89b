/* A replica that takes writes of its own (replica-read-only no) keeps them in its append-only files, as the real one does: in
 * order with its master's, but apart from the history that it shares with it. */
#include "support/aof.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct srv *writable_replica(enum srv_kind kind, const struct srv *p) {
    struct srv *r = srv_start(kind, AOF_ALWAYS "--replica-read-only no --replicaof 127.0.0.1 %d", p->port);
    WAIT_UNTIL(srv_link_up(r));
    WAIT_UNTIL(srv_logged(r, "Background AOF rewrite finished successfully"));
    return r;
}

static void digest(struct srv *s, char out[64]) {
    snprintf(out, 64, "%s", srv_cmd(s, "DEBUG DIGEST"));
}

/* Both write, turn by turn, in different databases and to the same keys. */
static void write_both(struct srv *p, struct srv *r) {
    EXPECT(p, "OK", "SET shared of-master");
    srv_wait_synced(r, p);
    EXPECT(r, "OK", "SET shared local");
    EXPECT(r, "(integer) 3", "RPUSH own a b c");
    EXPECT(r, "OK", "SELECT 3");
    EXPECT(r, "OK", "SET own3 x");
    EXPECT(r, "OK", "SET passing x EX 100000");
    EXPECT(p, "OK", "MULTI");
    srv_cmd(p, "SELECT 2");
    srv_cmd(p, "SET two 2");
    srv_cmd(p, "SELECT 0");
    srv_cmd(p, "APPEND shared +master");
    cr_assert_eq(strncmp(srv_cmd(p, "EXEC"), "[OK, OK, OK, ", 13), 0);
    srv_wait_synced(r, p);
    EXPECT(r, "OK", "SELECT 0");
    EXPECT(r, "(integer) 18", "APPEND shared +local");
    EXPECT(r, "OK", "MULTI");
    srv_cmd(r, "INCR n");
    srv_cmd(r, "SELECT 4");
    srv_cmd(r, "INCR n");
    EXPECT(r, "[(integer) 1, OK, (integer) 1]", "EXEC");
    EXPECT(r, "OK", "SELECT 0");
    int64_t keys = srv_int(r, "DBSIZE");
    EXPECT(r, "OK", "SET gone x PX 1");
    WAIT_UNTIL(srv_int(r, "DBSIZE") == keys); /* deleted, not only hidden */
    EXPECT(p, "OK", "SET last of-master");
    srv_wait_synced(r, p);
}

/* What a waiting client of the replica takes, it takes behind the push that brought it. */
static void take_what_is_pushed(struct srv *p, struct srv *r) {
    redisContext *c = srv_connect(r);
    redisReply *reply = NULL;
    int done = 0;
    redisAppendCommand(c, "BLPOP queue 0");
    cr_assert_eq(redisBufferWrite(c, &done), REDIS_OK);
    WAIT_UNTIL(srv_info_int(r, "blocked_clients") == 1);
    EXPECT(p, "(integer) 2", "RPUSH queue a b");
    cr_assert_eq(redisGetReply(c, (void **)&reply), REDIS_OK);
    cr_assert_str_eq(reply_text(reply), "[\"queue\", \"a\"]");
    freeReplyObject(reply);
    redisFree(c);
    srv_wait_synced(r, p);
    EXPECT(r, "[\"b\"]", "LRANGE queue 0 -1");
}

Test(aof_aside, own_writes_survive_and_the_history_goes_on) {
    char before[64], after[64];
    struct srv *p = srv_start(TANDEM, "%s", "");
    struct srv *r = writable_replica(TANDEM, p);
    write_both(p, r);
    take_what_is_pushed(p, r);
    digest(r, before);
    int64_t full = srv_info_int(p, "sync_full");
    for (int i = 0; i < 2; i++) {
        srv_kill(r);
        EXPECT(p, "(integer) 1", "SADD while-away:%d x", i);
        srv_restart(r);
        srv_wait_synced(r, p);
        EXPECT(r, "(integer) 1", "SCARD while-away:%d", i);
        EXPECT(r, "(integer) 1", "DEL while-away:%d", i); /* on the replica only */
        digest(r, after);
        cr_assert_str_eq(after, before);
    }
    cr_assert_eq(srv_info_int(p, "sync_full"), full, "it went on where it was");
    EXPECT(r, "OK", "REPLICAOF NO ONE"); /* from now on its writes are the log */
    EXPECT(r, "OK", "SET master now");
    digest(r, before);
    srv_kill(r);
    srv_cmd(p, "SHUTDOWN NOSAVE");
    snprintf(r->args + strlen(r->args), sizeof r->args - strlen(r->args), " --replicaof no one");
    srv_restart(r);
    digest(r, after);
    cr_assert_str_eq(after, before);
    srv_free(r);
    srv_free(p);
}

/* Either kind's files, opened by the other. */
static void hand_over(enum srv_kind kind) {
    char before[64], after[64];
    struct srv *p = srv_start(TANDEM, "%s", "");
    struct srv *r = writable_replica(kind, p);
    write_both(p, r);
    digest(r, before);
    srv_stop(r);
    r->kind = kind == TANDEM ? REDIS : TANDEM;
    snprintf(r->args + strlen(r->args), sizeof r->args - strlen(r->args), " --replicaof no one");
    srv_restart(r);
    digest(r, after);
    cr_assert_str_eq(after, before);
    EXPECT(r, "\"local+master+local\"", "GET shared");
    srv_free(r);
    srv_free(p);
}

Test(aof_aside, the_real_one_opens_it) {
    hand_over(TANDEM);
}
Test(aof_aside, and_ours_the_real_ones) {
    hand_over(REDIS);
}

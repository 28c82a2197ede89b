/* Commands that wait, beside the real redis-server, on several connections to each. */
#include "support/differential.h"
#include "support/room.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

Test(blocking, first_come_first_served) {
    PLAY("1:BLPOP k 0", "2:BRPOP k 0", "3:BLPOP k 0", "0:RPUSH k a b", "0:RPUSH k c d", "0:LRANGE k 0 -1",
         "4:BLPOP k 0", "0:LLEN k");
}

Test(blocking, any_of_several_keys) {
    PLAY("1:BLPOP a b c 0", "2:BLPOP c b a a 0", "0:RPUSH b 1 2 3", "0:RPUSH a x", "1:BLPOP a b 0",
         "1:BLMPOP 0 2 nokey b LEFT COUNT 10", "0:EXISTS a b c");
}

Test(blocking, after_the_transaction_not_within) {
    PLAY("1:BLPOP k 0", "0:MULTI", "0:RPUSH k a", "0:LPUSH k b", "0:RPUSH k c", "0:EXEC", "1:BLPOP k j 0",
         "0:LRANGE k 0 -1", "0:DEL k", "2:BLPOP k j 0", "0:MULTI", "0:RPUSH k a", "0:DEL k", "0:EXEC",
         "0:MULTI", "0:RPUSH j 1", "0:RPUSH k 2", "0:EXEC", "0:DEL k", "0:MULTI", "0:BLPOP k 0",
         "0:BLMOVE k j LEFT LEFT 0", "0:BRPOPLPUSH k j 0", "0:BLMPOP 0 1 k LEFT", "0:EXEC");
}

Test(blocking, moves) {
    PLAY("1:BLMOVE a b LEFT RIGHT 0", "2:BRPOPLPUSH b c 0", "3:BLPOP c 0", "0:RPUSH a 1", "0:EXISTS a b c",
         "1:BLMOVE a a LEFT RIGHT 0", "0:RPUSH a 1 2 3", "0:LRANGE a 0 -1", "0:SET s x",
         "2:BLMOVE q s LEFT LEFT 0", "3:BLPOP q 0", "0:RPUSH q 1 2", "0:EXISTS q", "1:BRPOPLPUSH a s 0",
         "1:BLMOVE s a LEFT LEFT 0", "0:LRANGE a 0 -1");
}

Test(blocking, many_at_once) {
    PLAY("1:BLMPOP 0 2 a b RIGHT COUNT 2", "2:BLMPOP 0 1 a LEFT", "0:RPUSH a 1 2 3 4 5", "0:LRANGE a 0 -1",
         "0:DEL a", "3:BLMPOP 0 1 a LEFT COUNT 100", "0:RPUSH a 1 2", "0:EXISTS a");
}

Test(blocking, other_types_are_passed_over) {
    PLAY("1:BLPOP k 0", "0:SET k x", "0:GET k", "2:BLPOP k 0", "0:DEL k", "0:RPUSH k 1", "1:BLPOP k j 0",
         "0:SET k x", "0:RPUSH j 1", "0:DEL k", "1:BLPOP k 0", "0:SET k x", "0:RPUSH other 5",
         "0:RENAME other k", "0:EXISTS k");
}

Test(blocking, keys_that_come_by_other_ways) {
    PLAY("1:BLPOP k 0", "0:RPUSH x 1 2", "0:RENAME x k", "0:DEL k", "1:BLPOP k 0", "0:RPUSH x 1 2",
         "0:COPY x k", "0:DEL k", "1:BLPOP k 0", "0:RENAMENX x k", "0:DEL k", "1:BLPOP k 0", "2:SELECT 1",
         "2:RPUSH k a b", "2:MOVE k 0", "0:DEL k", "1:BLPOP k 0", "2:RPUSH k 7 8", "2:SWAPDB 0 1",
         "0:EXISTS k", "2:EXISTS k", "0:FLUSHALL", "3:BLPOP k 0", "2:SELECT 0", "2:MULTI", "2:SWAPDB 0 1",
         "2:RPUSH k 9", "2:EXEC");
}

Test(blocking, woken_by_others) {
    PLAY("1:BLPOP k 0", "2:BLMOVE k j LEFT LEFT 0", "0:CLIENT UNBLOCK %1", "0:CLIENT UNBLOCK %1",
         "0:CLIENT UNBLOCK %2 ERROR", "0:CLIENT UNBLOCK %2 TIMEOUT", "1:BRPOPLPUSH k j 0",
         "3:BLMPOP 0 1 k LEFT", "0:CLIENT UNBLOCK %3 TIMEOUT", "0:CLIENT UNBLOCK %1 TIMEOUT", "0:RPUSH k 1",
         "0:LLEN k");
}

Test(blocking, bad_timeouts) {
    PLAY("0:BLPOP k abc", "0:BLPOP k -1", "0:BLPOP k -0.5", "0:BLPOP k nan", "0:BLPOP k inf",
         "0:BLPOP k 1e100", "0:BLPOP k 9223372036854775807", "0:BLPOP k 0x10y", "0:BLMOVE a b LEFT UP x",
         "0:BLMOVE a b LEFT LEFT x", "0:BLMPOP x 1 k LEFT", "0:BLMPOP x 0 k LEFT", "0:BLMPOP 0 1 k",
         "0:BRPOPLPUSH a b -2", "0:SET s 1", "0:BLPOP s -1", "0:BLPOP s 0", "0:BLPOP nokey s 0",
         "0:BLMOVE s b LEFT LEFT 0", "1:BLPOP k 1e5");
}

Test(blocking, sorted_sets) {
    PLAY("1:BZPOPMIN z 0", "2:BZPOPMAX y z 0", "3:BZMPOP 0 2 z y MAX COUNT 3",
         "0:ZADD z 1 a 2 b 3 c 4 d 5 e 6 f", "0:ZRANGE z 0 -1", "1:BZPOPMIN x z 0", "1:BZPOPMAX z x 0",
         "0:ZADD z 9 q", "0:EXISTS z", "1:BZMPOP 0 1 z MIN", "0:ZINCRBY z 1.5 m",
         "1:BZMPOP 0 1 z MIN COUNT 10", "0:GEOADD z 13 38 p 14 39 q", "1:BZPOPMIN z 0", "2:BLPOP z 0",
         "0:RPUSH z 1", "0:ZADD z 1 a", "1:BZPOPMIN k 0", "2:BZPOPMIN k 0", "0:ZADD s 1 a 2 b 3 c",
         "0:ZUNIONSTORE k 1 s", "0:ZRANGESTORE k s 0 0", "0:DEL k", "1:BZPOPMIN k 0", "0:ZRANGESTORE k s 0 0",
         "1:BZPOPMIN k 0", "0:MULTI", "0:ZADD k 1 a", "0:DEL k", "0:ZADD k 5 b", "0:BZPOPMIN none 0",
         "0:BZMPOP 0 1 none MIN", "0:EXEC");
}

Test(blocking, sorted_sets_refuse) {
    PLAY("0:BZPOPMIN z abc", "0:BZPOPMIN z -1", "0:BZMPOP x 1 z MIN", "0:BZMPOP x 0 z MIN", "0:BZMPOP 0 1 z",
         "0:BZMPOP 0 1 z UP", "0:BZMPOP 0 1 z MIN COUNT 0", "0:BZMPOP 0 2 z MIN",
         "0:BZMPOP 0 1 z MIN COUNT 1 COUNT 1", "0:SET s 1", "0:BZPOPMIN s 0", "0:BZPOPMIN none s 0",
         "0:BZMPOP 0 1 s MIN", "1:BZPOPMIN z 0", "0:CLIENT UNBLOCK %1", "1:BZMPOP 0 1 z MIN",
         "0:CLIENT UNBLOCK %1 ERROR", "1:BZPOPMAX z 0.1");
}

Test(blocking, streams) {
    PLAY("1:XREAD BLOCK 0 STREAMS s $", "2:XREAD BLOCK 0 COUNT 1 STREAMS k s 5-0 2-0", "0:XADD s 1-1 a b",
         "0:XADD s 3-1 a b c d", "1:XREAD BLOCK 0 STREAMS s s $ 0", "1:XREAD BLOCK 0 STREAMS s $", "0:MULTI",
         "0:XADD s 4-1 a b", "0:XDEL s 4-1", "0:EXEC", "1:XREAD BLOCK 0 STREAMS t 0", "0:LPUSH t x",
         "0:DEL t", "0:RENAME s t", "1:XREAD BLOCK 0 STREAMS t $", "0:XSETID t 50-1", "0:XADD t 60-1 a b",
         "1:XREAD BLOCK 0 STREAMS t $", "0:DEL t", "0:CLIENT UNBLOCK %1", "1:XREAD BLOCK -1 STREAMS t $",
         "1:XREAD BLOCK x STREAMS t $", "1:MULTI", "1:XREAD BLOCK 0 STREAMS t $", "1:EXEC");
}

Test(blocking, readers_of_groups) {
    PLAY("0:XGROUP CREATE s g $ MKSTREAM", "1:XREADGROUP GROUP g a BLOCK 0 STREAMS s >",
         "2:XREADGROUP GROUP g b BLOCK 0 NOACK STREAMS s >",
         "3:XREADGROUP GROUP g a BLOCK 0 COUNT 1 STREAMS s >", "0:XADD s 1-1 f 1", "0:MULTI",
         "0:XADD s 2-1 f 2", "0:XADD s 3-1 f 3", "0:EXEC", "0:XADD s 4-1 f 4", "0:XPENDING s g",
         "1:XREADGROUP GROUP g a BLOCK 0 STREAMS s 0", "1:XREADGROUP GROUP g a BLOCK 0 STREAMS s >",
         "0:XGROUP DESTROY s g", "0:XGROUP CREATE s g $", "0:XGROUP CREATE t g $ MKSTREAM",
         "1:XREADGROUP GROUP g a BLOCK 0 STREAMS s t > >", "2:XREAD BLOCK 0 STREAMS s $", "0:DEL s",
         "0:XGROUP CREATE s g $ MKSTREAM", "1:XREADGROUP GROUP g a BLOCK 0 STREAMS s >", "0:SET s x",
         "0:DEL s", "0:XADD s 9-9 a b", "0:XGROUP CREATE s g $", "1:XREADGROUP GROUP g a BLOCK 0 STREAMS s >",
         "0:FLUSHALL", "0:XGROUP CREATE s g $ MKSTREAM", "1:XREADGROUP GROUP g a BLOCK 0 STREAMS s >",
         "0:RENAME s t");
}

/* Pipelined behind a wait: what comes later is executed later. */
Test(blocking, requests_behind_wait_too) {
    struct srv *s = srv_start(TANDEM, "%s", "");
    redisContext *c = srv_connect(s);
    for (int i = 0; i < 3; i++) redisAppendCommand(c, "BLPOP k%d 0", i);
    redisAppendCommand(c, "PING");
    int done = 0;
    while (!done) redisBufferWrite(c, &done);
    for (int i = 0; i < 3; i++) {
        WAIT_UNTIL(srv_info_int(s, "blocked_clients") == 1);
        EXPECT(s, "(integer) 1", "RPUSH k%d v", i);
    }
    for (int i = 0; i < 4; i++) {
        redisReply *r;
        cr_assert(redisGetReply(c, (void **)&r) == REDIS_OK);
        cr_assert(i == 3 ? r->type == REDIS_REPLY_STATUS : r->type == REDIS_REPLY_ARRAY);
        freeReplyObject(r);
    }
    redisFree(c);
    srv_free(s);
}

Test(blocking, times_out) {
    struct srv *s = srv_start(TANDEM, "%s", "");
    static const char *const commands[] = {
        "BLPOP k 0.2",         "BRPOP k j 0.2",    "BLMOVE k j LEFT LEFT 0.2", "BRPOPLPUSH k j 0.2",
        "BLMPOP 0.2 1 k LEFT", "BZPOPMIN k j 0.2", "BZMPOP 0.2 1 k MAX",       "XREAD BLOCK 200 STREAMS k $"};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        uint64_t start = now_ms();
        EXPECT(s, "(nil)", commands[i]);
        cr_assert(now_ms() - start >= 199, "%s", commands[i]);
    }
    EXPECT(s, "(integer) 1", "RPUSH k a");
    EXPECT(s, "(integer) 1", "LLEN k");
    srv_free(s);
}

/* Who has gone gets nothing, and takes nothing. */
Test(blocking, the_gone_are_passed_over) {
    struct srv *s = srv_start(TANDEM, "%s", "");
    redisContext *first = srv_connect(s), *second = srv_connect(s);
    int done = 0;
    redisAppendCommand(first, "BLPOP k j 0");
    while (!done) redisBufferWrite(first, &done);
    WAIT_UNTIL(srv_info_int(s, "blocked_clients") == 1);
    redisAppendCommand(second, "BLPOP j k 0");
    done = 0;
    while (!done) redisBufferWrite(second, &done);
    WAIT_UNTIL(srv_info_int(s, "blocked_clients") == 2);
    redisFree(first);
    WAIT_UNTIL(srv_info_int(s, "blocked_clients") == 1);
    EXPECT(s, "(integer) 2", "RPUSH k a b");
    redisReply *r;
    cr_assert(redisGetReply(second, (void **)&r) == REDIS_OK);
    cr_assert_str_eq(reply_text(r), "[\"k\", \"a\"]");
    freeReplyObject(r);
    EXPECT(s, "(integer) 1", "LLEN k");
    redisFree(second);
    srv_free(s);
}

Test(blocking, a_change_of_role_ends_it) {
    struct srv *s = srv_start(TANDEM, "%s", "");
    redisContext *c = srv_connect(s);
    int done = 0;
    redisAppendCommand(c, "BLPOP k 0");
    while (!done) redisBufferWrite(c, &done);
    WAIT_UNTIL(srv_info_int(s, "blocked_clients") == 1);
    srv_cmd(s, "REPLICAOF 127.0.0.1 1");
    redisReply *r;
    cr_assert(redisGetReply(c, (void **)&r) == REDIS_OK);
    cr_assert_str_eq(reply_text(r), "(error) UNBLOCKED force unblock from blocking operation, instance state "
                                    "changed (master -> replica?)");
    freeReplyObject(r);
    cr_assert(redisGetReply(c, (void **)&r) != REDIS_OK, "and the connection is closed");
    redisFree(c);
    srv_free(s);
}

/* --- at random --- */

static void random_step(struct room *ours, struct room *real, char *what, size_t cap) {
    char line[256];
    static const char *const keys[] = {"a", "b", "c", "d"};
    static const char *const ends[] = {"LEFT", "RIGHT"};
#define K keys[test_below(4)]
#define E ends[test_below(2)]
    int conn;
    do conn = (int)test_below(ROOM_CONNS);
    while (ours->waits[conn]);
    int v = (int)test_below(1000);
    if (conn >= 2 && chance(70)) { /* 0 and 1 never wait */
        switch (test_below(7)) {
        case 0: snprintf(line, sizeof line, "%d:BLPOP %s %s %s 0", conn, K, K, K); break;
        case 1: snprintf(line, sizeof line, "%d:BRPOP %s 0", conn, K); break;
        case 2: snprintf(line, sizeof line, "%d:BLMOVE %s %s %s %s 0", conn, K, K, E, E); break;
        case 3: snprintf(line, sizeof line, "%d:BRPOPLPUSH %s %s 0", conn, K, K); break;
        case 4: snprintf(line, sizeof line, "%d:BZPOP%s %s %s 0", conn, v % 2 ? "MIN" : "MAX", K, K); break;
        case 5: snprintf(line, sizeof line, "%d:BZMPOP 0 2 %s %s MIN COUNT %d", conn, K, K, 1 + v % 3); break;
        default: snprintf(line, sizeof line, "%d:BLMPOP 0 2 %s %s %s COUNT %d", conn, K, K, E, 1 + v % 4);
        }
    } else {
        switch (test_below(14)) {
        case 0:
        case 1:
        case 2: snprintf(line, sizeof line, "%d:RPUSH %s %d", conn, K, v); break;
        case 3:
        case 4: snprintf(line, sizeof line, "%d:LPUSH %s %d x%d", conn, K, v, v); break;
        case 5: snprintf(line, sizeof line, "%d:%s", conn, conn < 2 && chance(50) ? "MULTI" : "PING"); break;
        case 6:
        case 7: snprintf(line, sizeof line, "%d:%s", conn, conn < 2 ? "EXEC" : "PING"); break;
        case 8: snprintf(line, sizeof line, "%d:RENAME %s %s", conn, K, K); break;
        case 9: snprintf(line, sizeof line, "%d:%s %s", conn, chance(50) ? "DEL" : "LPOP", K); break;
        case 10: snprintf(line, sizeof line, "%d:SET %s %d", conn, K, v); break;
        case 11:
        case 12: snprintf(line, sizeof line, "%d:ZADD %s %d m%d %d n", conn, K, v, v % 5, v % 7); break;
        default:
            snprintf(line, sizeof line, "%d:CLIENT UNBLOCK %%%d %s", conn, (int)test_below(ROOM_CONNS),
                     chance(50) ? "ERROR" : "TIMEOUT");
        }
    }
    snprintf(what, cap, "%s", line);
    room_step(ours, line);
    if (real) room_step(real, line);
}

static void play_at_random(int steps, struct room *ours, struct room *real) {
    char what[256];
    for (int i = 0; i < steps; i++) {
        random_step(ours, real, what, sizeof what);
        if (real) room_compare(ours, real, what);
    }
    for (int i = 0; i < 2; i++) {
        room_step(ours, i ? "1:DISCARD" : "0:DISCARD");
        if (real) room_step(real, i ? "1:DISCARD" : "0:DISCARD");
    }
}

Test(blocking, at_random) {
    struct room ours, real;
    test_seed();
    room_open(&ours, TANDEM, "");
    room_open(&real, REDIS, "");
    play_at_random(2500, &ours, &real);
    cr_assert(srv_same_data(ours.srv, real.srv));
    room_close(&ours);
    room_close(&real);
}

static void replicate_at_random(enum srv_kind primary, enum srv_kind replica) {
    struct room r;
    test_seed();
    room_open(&r, primary, "");
    struct srv *copy = srv_start(replica, "%s", "");
    srv_replicate(copy, r.srv);
    play_at_random(1000, &r, NULL);
    srv_wait_synced(copy, r.srv);
    cr_assert(srv_same_data(r.srv, copy));
    cr_assert(srv_alive(copy) && srv_link_up(copy));
    srv_free(copy);
    room_close(&r);
}

Test(blocking, a_real_replica_follows) {
    replicate_at_random(TANDEM, REDIS);
}

Test(blocking, a_real_master_is_followed) {
    replicate_at_random(REDIS, TANDEM);
}

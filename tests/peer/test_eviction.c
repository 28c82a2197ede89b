/* maxmemory: the real server's answers when memory is short, and what must hold whatever goes. Which keys go is chance; that memory
 * comes under the limit, that keys without a TTL outlive volatile policies and that replicas follow, is not. */
#include "base/slice.h"
#include "support/scenarios.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void same(struct srv *ours, struct srv *real, const char *command) {
    const char *a = srv_cmd(ours, command), *b = srv_cmd(real, command);
    cr_assert_str_eq(a, b, "%s", command);
}

static void same_all(struct srv *ours, struct srv *real, const char *const *commands, size_t n) {
    for (size_t i = 0; i < n; i++) same(ours, real, commands[i]);
}
#define SAME(ours, real, ...)                                                                                \
    same_all(ours, real, (const char *const[]){__VA_ARGS__},                                                 \
             sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void with_data(struct srv *ours, struct srv *real) {
    SAME(ours, real, "SET s 1", "RPUSH l 1 2 3", "HSET h f 1", "SADD t 1 2", "ZADD z 1 a 2 b",
         "XADD x 1-1 f v");
}

Test(eviction, commands_are_refused_as_by_redis) {
    struct srv *ours = srv_start(TANDEM, "%s", ""), *real = srv_start(REDIS, "%s", "");
    with_data(ours, real);
    SAME(ours, real, "CONFIG SET maxmemory 1", "CONFIG GET maxmemory");
    SAME(ours, real, "SET a 1", "GET s", "APPEND s 1", "INCR s", "GETSET s 2", "SETRANGE s 0 x", "GETDEL s",
         "DEL nothing", "LPUSH l 1", "LPOP l", "LRANGE l 0 -1", "LMOVE l l LEFT RIGHT", "RPOPLPUSH l l",
         "LTRIM l 0 0", "HSET h f 2", "HDEL h f", "SADD t 3", "SREM t 1", "SMOVE t u 2", "ZADD z 1 a",
         "ZREM z a", "ZPOPMIN z", "XADD x 2-1 f v", "XLEN x", "XDEL x 1-1", "EXPIRE l 100", "PERSIST l",
         "RENAME l m", "COPY m n", "SORT m STORE n", "SORT m", "BITOP NOT a m", "RESTORE q 0 x", "PFADD p 1",
         "GEOADD g 1 1 a", "PING", "SELECT 1", "SELECT 0", "DBSIZE", "MSET a 1 b 2", "SETNX a 1", "UNLINK m",
         "FLUSHALL");
    srv_free(ours);
    srv_free(real);
}

Test(eviction, transactions_are_refused_as_by_redis) {
    struct srv *ours = srv_start(TANDEM, "%s", ""), *real = srv_start(REDIS, "%s", "");
    with_data(ours, real);
    SAME(ours, real, "MULTI", "SET a 1", "CONFIG SET maxmemory 1",
         "EXEC"); /* it is the last that takes effect */
    SAME(ours, real, "MULTI", "GET s", "EXEC");
    SAME(ours, real, "MULTI", "DISCARD", "GET s", "MULTI", "PING", "MULTI", "DISCARD");
    SAME(ours, real, "CONFIG SET maxmemory 0", "MULTI", "SET a 1", "GET a");
    redisContext *mine = srv_connect(ours), *theirs = srv_connect(real);
    freeReplyObject(redisCommand(mine, "CONFIG SET maxmemory 1"));
    freeReplyObject(redisCommand(theirs, "CONFIG SET maxmemory 1"));
    SAME(ours, real, "EXEC", "EXEC", "GET a");
    freeReplyObject(redisCommand(mine, "CONFIG SET maxmemory 0"));
    freeReplyObject(redisCommand(theirs, "CONFIG SET maxmemory 0"));
    SAME(ours, real, "MULTI", "GET s");
    freeReplyObject(redisCommand(mine, "CONFIG SET maxmemory 1"));
    freeReplyObject(redisCommand(theirs, "CONFIG SET maxmemory 1"));
    SAME(ours, real, "EXEC", "WATCH s", "UNWATCH");
    redisFree(mine);
    redisFree(theirs);
    srv_free(ours);
    srv_free(real);
}

Test(eviction, an_empty_server_has_nothing_to_evict) {
    struct srv *ours = srv_start(TANDEM, "%s", ""), *real = srv_start(REDIS, "%s", "");
    with_data(ours, real);
    SAME(ours, real, "CONFIG SET maxmemory-policy volatile-lru maxmemory 1", "SET a 1", "GET s", "DBSIZE");
    SAME(ours, real, "CONFIG SET maxmemory 0", "SET v 1 EX 1000", "CONFIG SET maxmemory 1", "SET a 1 EX 100",
         "GET v", "DBSIZE");
    SAME(ours, real, "CONFIG SET maxmemory-policy allkeys-random", "SET a 1", "DBSIZE", "SET b 1");
    cr_assert_eq(srv_info_int(ours, "evicted_keys"), srv_info_int(real, "evicted_keys"));
    cr_assert_geq(srv_info_int(ours, "current_eviction_exceeded_time"), 0);
    EXPECT(ours, "OK", "CONFIG SET maxmemory 0");
    EXPECT(ours, "OK", "SET a 1");
    cr_assert_eq(srv_info_int(ours, "current_eviction_exceeded_time"), 0);
    cr_assert_gt(srv_info_int(ours, "total_eviction_exceeded_time"), -1);
    srv_free(ours);
    srv_free(real);
}

Test(eviction, settings_as_redis) {
    struct srv *ours = srv_start(TANDEM, "%s", ""), *real = srv_start(REDIS, "%s", "");
    SAME(ours, real, "CONFIG GET maxmemory", "CONFIG GET maxmemory-policy", "CONFIG GET maxmemory-samples",
         "CONFIG GET maxmemory-eviction-tenacity", "CONFIG GET replica-ignore-maxmemory",
         "CONFIG GET slave-ignore-maxmemory", "CONFIG GET lfu-log-factor", "CONFIG GET lfu-decay-time",
         "CONFIG GET lazyfree-lazy-eviction", "CONFIG SET maxmemory 10gb", "CONFIG GET maxmemory",
         "CONFIG SET maxmemory 18446744073709551615", "CONFIG GET maxmemory", "SET big 1",
         "CONFIG SET maxmemory 99999999999999999999", "CONFIG GET maxmemory",
         "CONFIG SET maxmemory-clients 100%", "CONFIG SET maxmemory-clients 0", "CONFIG SET maxmemory 0",
         "CONFIG SET maxmemory 1x", "CONFIG SET maxmemory -1", "CONFIG SET maxmemory 10%",
         "CONFIG SET maxmemory-policy lru", "CONFIG SET maxmemory-policy ALLKEYS-LFU",
         "CONFIG GET maxmemory-policy", "CONFIG SET maxmemory-samples 0", "CONFIG SET maxmemory-samples 7",
         "CONFIG SET maxmemory-eviction-tenacity 101", "CONFIG SET maxmemory-eviction-tenacity 100",
         "CONFIG SET maxmemory-eviction-tenacity -1", "CONFIG SET slave-ignore-maxmemory no",
         "CONFIG GET replica-ignore-maxmemory", "CONFIG SET lfu-log-factor -1",
         "CONFIG SET lazyfree-lazy-eviction yes");
    SAME(ours, real, "SET k v", "OBJECT FREQ k", "OBJECT IDLETIME k",
         "CONFIG SET maxmemory-policy volatile-lru", "OBJECT FREQ k",
         "CONFIG SET maxmemory-policy volatile-lfu", "DEL k", "SET k v", "OBJECT FREQ k", "OBJECT FREQ none");
    srv_free(ours);
    srv_free(real);
}

/* --- what must hold --- */

enum { KEPT = 300, WRITES = 12000 };
enum { INFO_BYTES = 100000 }; /* more than the question itself takes */

static int64_t over_limit(struct srv *s) {
    return srv_info_int(s, "used_memory") - srv_info_int(s, "mem_not_counted_for_evict") -
           srv_info_int(s, "maxmemory");
}

/* Replies are read now and then, because requests under way take memory too. */
static void take_replies(redisContext *c, int *sent) {
    for (; *sent > 0; --*sent) {
        redisReply *r = NULL;
        cr_assert(redisGetReply(c, (void **)&r) == REDIS_OK, "load: %s", c->errstr);
        cr_assert_neq(r->type, REDIS_REPLY_ERROR, "%s", r->str);
        freeReplyObject(r);
    }
}

static int append_transaction(redisContext *c, const char *key, slice value) {
    redisAppendCommand(c, "MULTI");
    redisAppendCommand(c, "%s %s %b a b c", test_below(2) ? "RPUSH" : "SADD", key, value.p, value.n);
    redisAppendCommand(c, "EXPIRE %s 1000000", key);
    redisAppendCommand(c, "EXEC");
    return 4;
}

/* Far more than there is room for, of several types, many with a TTL far ahead. */
static void evicting_load(struct srv *s, bool all_with_ttl) {
    redisContext *c = srv_connect(s);
    char bytes[700];
    memset(bytes, 'v', sizeof bytes);
    for (int i = 0, sent = 0; i < WRITES; i++) {
        char key[32];
        slice value = {bytes, 1 + (size_t)test_below(sizeof bytes - 1)};
        snprintf(key, sizeof key, "k%llu", (unsigned long long)test_below(1u << 30));
        if (test_below(100) == 0) redisAppendCommand(c, "SELECT %d", (int)test_below(2)), sent++;
        unsigned kind = (unsigned)test_below(6);
        if (kind < 2)
            sent += append_transaction(c, key, value);
        else if (all_with_ttl || kind == 2)
            redisAppendCommand(c, "SET %s %b EX 1000000", key, value.p, value.n), sent++;
        else
            redisAppendCommand(c, "SET %s %b", key, value.p, value.n), sent++;
        if (sent > 40 || i == WRITES - 1) take_replies(c, &sent);
    }
    redisFree(c);
}

static void keep_some(struct srv *s) {
    for (int i = 0; i < KEPT; i++) EXPECT(s, "OK", "SET keep%d value", i);
}

static int64_t kept(struct srv *s) {
    int64_t n = 0;
    for (int i = 0; i < KEPT; i++) n += srv_int(s, "EXISTS keep%d", i);
    return n;
}

static void check_policy(struct srv *p, struct srv *r, const char *policy) {
    bool is_volatile = strncmp(policy, "volatile", 8) == 0;
    EXPECT(p, "OK", "CONFIG SET maxmemory 0 maxmemory-policy %s", policy);
    EXPECT(p, "OK", "FLUSHALL");
    if (is_volatile) keep_some(p);
    int64_t evicted = srv_info_int(p, "evicted_keys");
    EXPECT(p, "OK", "CONFIG SET maxmemory %lld", (long long)srv_info_int(p, "used_memory") + 1500000);
    evicting_load(p, is_volatile);
    WAIT_UNTIL(over_limit(p) <= INFO_BYTES);
    cr_assert_gt(srv_info_int(p, "evicted_keys") - evicted, WRITES / 3, "%s", policy);
    if (is_volatile) cr_assert_eq(kept(p), KEPT, "%s", policy);
    wait_same(r, p);
    cr_assert_gt(srv_int(r, "DBSIZE"), 0);
}

static void check_policies(enum srv_kind pk, enum srv_kind rk, const char *const *policies, size_t n) {
    struct srv *p = srv_start(pk, "%s", ""),
               *r = srv_start(rk, "--maxmemory 1 --replicaof 127.0.0.1 %d", p->port);
    WAIT_UNTIL(srv_link_up(r));
    /* redis's FLUSHALL kills the snapshot's child, and the replica's link with it, even when all has been sent. */
    WAIT_UNTIL(srv_info_int(p, "rdb_bgsave_in_progress") == 0);
    for (size_t i = 0; i < n; i++) check_policy(p, r, policies[i]);
    cr_assert_eq(srv_info_int(p, "sync_full"), 1);
    cr_assert_eq(srv_info_int(r, "evicted_keys"), 0, "a replica leaves that to its primary");
    srv_free(r);
    srv_free(p);
}
#define CHECK_POLICIES(p, r, ...)                                                                            \
    check_policies(p, r, (const char *const[]){__VA_ARGS__},                                                 \
                   sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

Test(eviction, policies_of_all_keys) {
    CHECK_POLICIES(TANDEM, TANDEM, "allkeys-lru", "allkeys-lfu", "allkeys-random");
}

Test(eviction, volatile_policies) {
    CHECK_POLICIES(TANDEM, TANDEM, "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl");
}

Test(eviction, a_real_replica_follows) {
    CHECK_POLICIES(TANDEM, REDIS, "allkeys-lru");
}

Test(eviction, a_real_primary_is_followed) {
    CHECK_POLICIES(REDIS, TANDEM, "volatile-lfu");
}

/* A replica that takes nothing makes the log long, but nothing has to go for that. */
Test(eviction, a_lagging_replica_costs_no_keys) {
    struct srv *p = srv_start(TANDEM,
                              "--maxmemory-policy allkeys-lru --repl-backlog-size 64kb --maxmemory 12mb");
    redisContext *replica = srv_connect(p);
    redisAppendCommand(replica, "PSYNC ? -1");
    int done = 0;
    cr_assert_eq(redisBufferWrite(replica, &done), REDIS_OK);
    WAIT_UNTIL(srv_info_int(p, "connected_slaves") == 1);
    char value[1000];
    memset(value, 'x', sizeof value);
    for (int i = 0; i < 30000; i++) {
        redisContext *c = p->conn;
        redisAppendCommand(c, "SET k%d %b", i % 100, value, sizeof value);
    }
    for (int i = 0; i < 30000; i++) {
        redisReply *r = NULL;
        cr_assert_eq(redisGetReply(p->conn, (void **)&r), REDIS_OK);
        freeReplyObject(r);
    }
    /* Sockets' buffers take some of the 30 MB, which are several MB; what is left is still more than the limit. */
    WAIT_UNTIL(srv_info_int(p, "mem_not_counted_for_evict") > 13000000);
    EXPECT(p, "(integer) 100", "DBSIZE");
    cr_assert_eq(srv_info_int(p, "evicted_keys"), 0);
    redisFree(replica);
    srv_free(p);
}

/* The rest of a large eviction goes on without anybody asking. */
Test(eviction, goes_on_by_itself) {
    struct srv *p = srv_start(TANDEM, "--maxmemory-policy allkeys-random --maxmemory-eviction-tenacity 0");
    EXPECT(p, "OK", "DEBUG POPULATE 20000");
    EXPECT(p, "OK", "CONFIG SET maxmemory %lld", (long long)srv_info_int(p, "used_memory") - 500000);
    WAIT_UNTIL(over_limit(p) <= INFO_BYTES);
    cr_assert_gt(srv_info_int(p, "evicted_keys"), 1000);
    EXPECT(p, "OK", "SET a 1");
    srv_free(p);
}

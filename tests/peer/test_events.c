/* Keyspace notifications beside the real redis-server: random commands of every family to both, and a listener to everything
 * on each; the two streams of events must be equal. Behind each command a mark is published, so that an event
 * belongs to its command.
 *
 * Commands are made from templates: {t} is a key that mostly holds a string, {l} a list, {s} a set, {h} a hash, {z} a sorted
 * set, {x} a stream, {p} a HyperLogLog, {k} any key; {v} a value, {n} a number, {i} a new stream ID, {o} an old one. */
#include "support/differential.h"
#include "support/session.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COMMANDS = 5000, BATCH = 100, EVENT_BYTES = 256 };

static const char *const templates[] = {
    /* strings */
    "SET {t} {v}", "SET {t} {v}", "SET {t} {v} EX 1000", "SET {t} {v} NX", "SET {t} {v} XX KEEPTTL",
    "SET {t} {v} GET", "SETNX {t} {v}", "SETEX {t} 1000 {v}", "PSETEX {t} 100000 {v}", "GETSET {t} {v}",
    "GETDEL {t}", "GETEX {t} EX 1000", "GETEX {t} PERSIST", "GETEX {t} EXAT 1", "GETEX {t}",
    "MSET {t} {v} {t} {v}", "MSETNX {t} {v} {t} {v}", "APPEND {t} {v}", "INCR {t}", "INCRBY {t} {n}",
    "DECR {t}", "DECRBY {t} {n}", "INCRBYFLOAT {t} 1.5", "SETRANGE {t} {n} {v}", "SETRANGE {t} 0 {e}",
    "GET {k}", "GET {t}", "MGET {k} {k} {k}", "STRLEN {t}", "GETRANGE {t} 0 {n}", "SUBSTR {t} 0 1",
    "LCS {t} {t}",
    /* bits and HyperLogLogs */
    "SETBIT {t} {n} 1", "GETBIT {t} {n}", "BITCOUNT {t}", "BITPOS {t} 1", "BITOP AND {t} {t} {t}",
    "BITOP NOT {t} {t}", "BITFIELD {t} SET u8 0 {n}", "BITFIELD {t} GET u8 0", "BITFIELD_RO {t} GET u8 0",
    "BITFIELD {t} OVERFLOW FAIL INCRBY u2 0 1", "PFADD {p} {v} {v}", "PFADD {p}", "PFMERGE {p} {p} {p}",
    "PFCOUNT {p}", "PFCOUNT {p} {p}",
    /* lists */
    "LPUSH {l} {v}", "RPUSH {l} {v} {v} {v}", "LPUSHX {l} {v}", "RPUSHX {l} {v}", "LPOP {l}", "RPOP {l}",
    "LPOP {l} {n}", "RPOP {l} 0", "LSET {l} 0 {v}", "LINSERT {l} BEFORE {v} {v}", "LREM {l} 0 {v}",
    "LTRIM {l} 0 3", "LTRIM {l} 5 1", "LMOVE {l} {l} LEFT RIGHT", "LMOVE {l} {l} RIGHT LEFT",
    "RPOPLPUSH {l} {l}", "LMPOP 2 {l} {l} LEFT COUNT {n}", "BLPOP {l} {l} 0.001", "BRPOP {l} 0.001",
    "BLMOVE {l} {l} LEFT LEFT 0.001", "BRPOPLPUSH {l} {l} 0.001", "BLMPOP 0.001 2 {l} {l} RIGHT",
    "LRANGE {l} 0 -1", "LLEN {l}", "LINDEX {l} 0", "LPOS {l} {v}",
    /* sets */
    "SADD {s} {v}", "SADD {s} {v} {v} {n}", "SREM {s} {v} {v}", "SMOVE {s} {s} {v}", "SPOP {s} 1000",
    "SPOP {s} 0", "SINTERSTORE {s} {s} {s}", "SUNIONSTORE {s} {s} {s}", "SDIFFSTORE {s} {s} {s}",
    "SINTER {s} {s}", "SUNION {s} {s}", "SMEMBERS {s}", "SISMEMBER {s} {v}", "SMISMEMBER {s} {v} {v}",
    "SCARD {s}", "SRANDMEMBER {s}", "SINTERCARD 2 {s} {s}",
    /* hashes */
    "HSET {h} {v} {v}", "HSET {h} {v} {v} {n} {v}", "HMSET {h} {v} {v}", "HSETNX {h} {v} {v}",
    "HINCRBY {h} n {n}", "HINCRBYFLOAT {h} n 0.5", "HDEL {h} {v}", "HDEL {h} {v} {v} n", "HGET {h} {v}",
    "HMGET {h} {v}", "HGETALL {h}", "HLEN {h}", "HSTRLEN {h} {v}", "HEXISTS {h} {v}", "HKEYS {h}",
    "HRANDFIELD {h}",
    /* sorted sets and places */
    "ZADD {z} {n} {v}", "ZADD {z} {n} {v} {n} {v}", "ZADD {z} NX {n} {v}", "ZADD {z} XX CH {n} {v}",
    "ZADD {z} INCR {n} {v}", "ZADD {z} GT 5 {v}", "ZINCRBY {z} {n} {v}", "ZREM {z} {v} {v}",
    "ZREMRANGEBYRANK {z} 0 0", "ZREMRANGEBYRANK {z} 0 -1", "ZREMRANGEBYSCORE {z} 3 5",
    "ZREMRANGEBYLEX {z} - +", "ZPOPMIN {z}", "ZPOPMAX {z} {n}", "ZMPOP 2 {z} {z} MIN",
    "BZPOPMIN {z} {z} 0.001", "BZPOPMAX {z} 0.001", "BZMPOP 0.001 1 {z} MAX COUNT 2",
    "ZUNIONSTORE {z} 2 {z} {z}", "ZINTERSTORE {z} 2 {z} {s}", "ZDIFFSTORE {z} 2 {z} {z}",
    "ZRANGESTORE {z} {z} 0 1", "ZRANGE {z} 0 -1", "ZSCORE {z} {v}", "ZCARD {z}", "ZUNION 2 {z} {z}",
    "ZRANDMEMBER {z}", "ZCOUNT {z} 0 5", "GEOADD {z} 13.3 38.1 {v}",
    "GEOSEARCHSTORE {z} {z} FROMLONLAT 13 38 BYRADIUS 200 km", "GEORADIUS {z} 13 38 200 km STORE {z}",
    "GEOSEARCH {z} FROMLONLAT 13 38 BYRADIUS 200 km", "GEOPOS {z} {v}",
    /* streams */
    "XADD {x} {i} f {v}", "XADD {x} {i} f {v}", "XADD {x} NOMKSTREAM {i} f {v}",
    "XADD {x} MAXLEN 2 {i} f {v}", "XTRIM {x} MAXLEN 1", "XTRIM {x} MINID {o}", "XDEL {x} {o}", "XLEN {x}",
    "XRANGE {x} - +", "XSETID {x} {i}", "XGROUP CREATE {x} g $", "XGROUP CREATE {x} g 0 MKSTREAM",
    "XGROUP DESTROY {x} g", "XGROUP CREATECONSUMER {x} g c", "XGROUP DELCONSUMER {x} g c",
    "XGROUP SETID {x} g 0", "XREADGROUP GROUP g c COUNT 1 STREAMS {x} >",
    "XREADGROUP GROUP g d NOACK STREAMS {x} >", "XREADGROUP GROUP g c STREAMS {x} 0", "XREAD STREAMS {x} 0",
    "XREAD BLOCK 1 STREAMS {x} $", "XCLAIM {x} g e 0 {o}", "XCLAIM {x} g e 0 {o} FORCE JUSTID",
    "XAUTOCLAIM {x} g f 0 0", "XACK {x} g {o}", "XPENDING {x} g", "XINFO STREAM {x}",
    /* keys */
    "DEL {k}", "DEL {k} {k} {k}", "UNLINK {k} {k}", "EXPIRE {k} 1000", "EXPIRE {k} 1000 NX",
    "EXPIRE {k} 2000 GT", "PEXPIRE {k} 100000 XX", "EXPIREAT {k} 1", "EXPIRE {k} -1",
    "PEXPIREAT {k} 99999999999999", "PERSIST {k}", "RENAME {k} {k}", "RENAMENX {k} {k}", "MOVE {k} 3",
    "COPY {k} {k}", "COPY {k} {k} REPLACE", "COPY {k} {k} DB 3", "COPY {k} {k} DB 3 REPLACE",
    "SORT {l} ALPHA STORE {l}", "SORT {s} ALPHA STORE {l}", "SORT {l} ALPHA", "SORT {z} BY nosort STORE {l}",
    "SORT_RO {l} ALPHA", "TOUCH {k}", "EXISTS {k} {k}", "TYPE {k}", "TTL {k}", "EXPIRETIME {k}",
    "OBJECT ENCODING {k}", "OBJECT REFCOUNT {k}", "DUMP {k}", "RESTORE {k} 0 {d}", "RESTORE {k} 1000000 {d}",
    "RESTORE {k} 0 {d} REPLACE", "RESTORE {k} 1 {d} REPLACE ABSTTL", "MEMORY USAGE {k}", "SCAN 0", "KEYS *",
    "DBSIZE",
    /* connections, transactions, databases */
    "SELECT 3", "SELECT 0", "SELECT 0", "MULTI", "EXEC", "EXEC", "DISCARD", "WATCH {k}", "SWAPDB 0 3",
    "FLUSHDB"};

enum { TEMPLATES = sizeof templates / sizeof *templates };

static int made_ids;
static char dump[CMD_ARG_BYTES]; /* what DUMP gave of a list */
static size_t dump_n;

static void add_placeholder(struct cmd *c, char kind) {
    char text[32];
    switch (kind) {
    case 'v': add(c, PICK("a", "b", "c", "d", "1", "2")); return;
    case 'e': add(c, ""); return;
    case 'n': add_i64(c, (int64_t)test_below(6)); return;
    case 'i': snprintf(text, sizeof text, "%d-1", ++made_ids); break;
    case 'o': snprintf(text, sizeof text, "%d-1", made_ids - (int)test_below(12)); break;
    case 'd': add_bytes(c, dump, dump_n); return;
    default: {
        static const char kinds[] = "tlshzxp";
        bool any = kind == 'k' || chance(4);
        snprintf(text, sizeof text, "%c%d", any ? kinds[test_below(7)] : kind, (int)test_below(3));
    }
    }
    add(c, text);
}

static void make(struct cmd *c) {
    const char *at = templates[test_below(TEMPLATES)];
    c->argc = 0;
    while (*at) {
        size_t n = strcspn(at, " ");
        if (*at == '{')
            add_placeholder(c, at[1]);
        else
            add_bytes(c, at, n);
        at += n;
        at += *at == ' ';
    }
}

static void send_both(redisContext *const *both, const struct cmd *c) {
    const char *argv[CMD_ARGS_MAX];
    for (int i = 0; i < c->argc; i++) argv[i] = c->argv[i];
    for (int s = 0; s < 2; s++) redisAppendCommandArgv(both[s], c->argc, argv, c->len);
}

/* Takes the replies; the text of each must agree only as far as its kind. */
static void take_replies(redisContext *const *both, int n) {
    for (int i = 0; i < n; i++)
        for (int s = 0; s < 2; s++) {
            redisReply *r = NULL;
            cr_assert(redisGetReply(both[s], (void **)&r) == REDIS_OK, "%s", both[s]->errstr);
            freeReplyObject(r);
        }
}

/* One event as text: channel and message. */
static void next_event(redisContext *c, char *text) {
    redisReply *r = NULL;
    cr_assert(redisGetReply(c, (void **)&r) == REDIS_OK, "%s", c->errstr);
    cr_assert(r->type == REDIS_REPLY_ARRAY && r->elements == 4);
    snprintf(text, EVENT_BYTES, "%s %s", r->element[2]->str, r->element[3]->str);
    freeReplyObject(r);
}

static void describe(const struct cmd *c, char *text, size_t cap) {
    size_t n = 0;
    text[0] = '\0';
    for (int i = 0; i < c->argc && n < cap; i++)
        n += (size_t)snprintf(text + n, cap - n, "%.*s ", (int)c->len[i], c->argv[i]);
}

/* Up to the end of the batch. The marks are part of the streams, and tell which command an event belongs to. */
static void compare_events(redisContext *const *listeners, const struct cmd *batch, int n) {
    char ours[EVENT_BYTES], real[EVENT_BYTES], text[2048];
    int at = 0;
    do {
        next_event(listeners[0], ours);
        next_event(listeners[1], real);
        if (strcmp(ours, real) != 0) {
            describe(&batch[at < n ? at : n - 1], text, sizeof text);
            cr_assert(false, "TEST_SEED=%llu: %s\n  ours:  %s\n  redis: %s", (unsigned long long)test_seed(),
                      text, ours, real);
        }
        if (strncmp(ours, "__key-mark ", 11) == 0) at = atoi(ours + 11) + 1;
    } while (strcmp(ours, "__key-mark end") != 0);
}

static redisContext *listen_at(struct srv *s) {
    EXPECT(s, "OK", "CONFIG SET notify-keyspace-events KEAmn");
    redisContext *c = srv_connect(s);
    freeReplyObject(redisCommand(c, "PSUBSCRIBE __key*"));
    return c;
}

static void make_mark(struct cmd *mark, int i) {
    mark->argc = 0;
    add(mark, "PUBLISH");
    add(mark, "__key-mark");
    if (i < 0)
        add(mark, "end");
    else
        add_i64(mark, i);
}

static void send_words(redisContext *const *both, const char *word) {
    struct cmd c = {0};
    add(&c, word);
    send_both(both, &c);
}

/* The marks travel in the same pipelines; those in a transaction that is dropped never come, on both sides. None is left open. */
static void run_batch(redisContext *const *both, redisContext *const *listeners) {
    static struct cmd batch[BATCH], mark;
    for (int i = 0; i < BATCH; i++) {
        make(&batch[i]);
        make_mark(&mark, i);
        send_both(both, &batch[i]);
        send_both(both, &mark);
    }
    make_mark(&mark, -1);
    send_words(both, "EXEC");
    send_both(both, &mark);
    take_replies(both, 2 * BATCH + 2);
    compare_events(listeners, batch, BATCH);
}

static void take_dump(struct srv *s) {
    srv_cmd(s, "RPUSH dumped a b c");
    redisReply *r = redisCommand(s->conn, "DUMP dumped");
    cr_assert(r->type == REDIS_REPLY_STRING && r->len <= sizeof dump);
    memcpy(dump, r->str, dump_n = r->len);
    freeReplyObject(r);
    srv_cmd(s, "DEL dumped");
}

Test(events, random_commands_of_every_family) {
    struct srv *ours = srv_start(TANDEM, "--databases 16"), *real = srv_start(REDIS, "--hz 500");
    take_dump(real);
    redisContext *both[] = {srv_connect(ours), srv_connect(real)};
    redisContext *listeners[] = {listen_at(ours), listen_at(real)};
    for (int n = 0; n < COMMANDS; n += BATCH) run_batch(both, listeners);
    cr_assert_str_eq(srv_cmd(ours, "DEBUG DIGEST"), srv_cmd(real, "DEBUG DIGEST"), "TEST_SEED=%llu",
                     (unsigned long long)test_seed());
    for (int s = 0; s < 2; s++) {
        redisFree(both[s]);
        redisFree(listeners[s]);
    }
    srv_free(ours);
    srv_free(real);
}

/* --- expiry, replicas, classes --- */

static int hear_events(struct srv *s, const char *classes) {
    EXPECT(s, "OK", "CONFIG SET notify-keyspace-events %s", classes);
    int fd = session_open(s);
    session_ask(fd, "PSUBSCRIBE __key*");
    return fd;
}

static const char *events_until_now(struct srv *s, int fd) {
    srv_cmd(s, "PUBLISH __key-mark end");
    return session_hear(fd, "__key-mark\r\n$3\r\nend\r\n");
}

static void expire_on_access(struct srv *s) {
    srv_cmd(s, "DEBUG SET-ACTIVE-EXPIRE 0");
    srv_cmd(s, "SET k v PX 1");
    srv_cmd(s, "RPUSH l a");
    srv_cmd(s, "PEXPIRE l 1");
    usleep(10000); /* longer than their time: a slow machine only makes it longer still */
    srv_cmd(s, "GET k");
    srv_cmd(s, "LPUSH l b");
    srv_cmd(s, "EXISTS nokey");
    srv_cmd(s, "DEBUG SET-ACTIVE-EXPIRE 1");
}

static void compare_expiry(const char *classes) {
    struct srv *both[] = {srv_start(TANDEM, "--databases 16"), srv_start(REDIS, "--databases 16")};
    const char *texts[2];
    for (int i = 0; i < 2; i++) {
        int fd = hear_events(both[i], classes);
        expire_on_access(both[i]);
        texts[i] = events_until_now(both[i], fd);
        close(fd);
    }
    cr_expect_str_eq(texts[0], texts[1], "classes %s", classes);
    for (int i = 0; i < 2; i++) srv_free(both[i]);
}

Test(events, expiry_and_classes) {
    compare_expiry("KEAmn");
    compare_expiry("Ex");
    compare_expiry("Kgm");
    compare_expiry("E$l");
    compare_expiry("KE");
    compare_expiry("An");
}

/* Time passes at the primary alone: its replica hears of a deletion. */
static void expires_over_replication(enum srv_kind primary_kind, enum srv_kind replica_kind) {
    struct srv *primary = srv_start(primary_kind, "--databases 16"),
               *replica = srv_start(replica_kind, "--databases 16");
    srv_replicate(replica, primary);
    int fd = hear_events(replica, "KEAmn"), here = hear_events(primary, "Ex");
    srv_cmd(primary, "SET k v PX 20");
    session_hear(here, "__keyevent@0__:expired\r\n$1\r\nk\r\n");
    srv_cmd(primary, "RPUSH l a");
    const char *got = session_hear(fd, "__keyevent@0__:rpush\r\n$1\r\nl\r\n");
    cr_expect(strstr(got, "__keyevent@0__:del\r\n$1\r\nk\r\n") != NULL, "%s", got);
    cr_expect(strstr(got, "expired") == NULL, "%s", got);
    close(fd);
    close(here);
    srv_free(primary);
    srv_free(replica);
}

Test(events, replicas_hear_deletions_of_expired_keys) {
    expires_over_replication(TANDEM, TANDEM);
    expires_over_replication(TANDEM, REDIS);
    expires_over_replication(REDIS, TANDEM);
}

Test(events, the_directive_has_the_reference_form) {
    struct srv *ours = srv_start(TANDEM, "--databases 16"), *real = srv_start(REDIS, "--databases 16");
    SESSION(ours, real, "directive", "CONFIG SET notify-keyspace-events q",
            "CONFIG GET notify-keyspace-events", "CONFIG SET notify-keyspace-events g$lshzxetdn",
            "CONFIG GET notify-keyspace-events", "CONFIG SET notify-keyspace-events nmEg$lshzxetK",
            "CONFIG GET notify-keyspace-events", "CONFIG SET notify-keyspace-events AKEmn",
            "CONFIG GET notify-keyspace-events", "CONFIG SET notify-keyspace-events \"\"",
            "CONFIG GET notify-keyspace-events");
    srv_free(ours);
    srv_free(real);
}

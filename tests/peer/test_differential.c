/* The same random commands to ours and to the real redis-server, every reply compared, and the data at the end.
 *
 * A rule makes one command from a few keys, so that commands meet: hits, misses, every type of value, conflicting options, bad arguments.
 * Time is kept out of the comparison: a TTL is either far away, past, or waited for by both servers; replies that tell a
 * remaining time may differ by TTL_SLACK_MS. Replies whose order is free are sorted. Compression is off, because LZF leaves
 * the choice of matches to the writer and DUMP would differ. */
#include "support/server.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define COMMANDS     120000
#define BATCH        100
#define MAX_ARGS     12
#define ARG_BYTES    400
#define TTL_SLACK_MS 3000

struct cmd {
    int argc;
    char argv[MAX_ARGS][ARG_BYTES];
    size_t len[MAX_ARGS];
};

static bool chance(int percent) {
    return test_below(100) < (uint64_t)percent;
}

static void add_bytes(struct cmd *c, const void *p, size_t n) {
    cr_assert(c->argc < MAX_ARGS && n <= ARG_BYTES);
    memcpy(c->argv[c->argc], p, n);
    c->len[c->argc++] = n;
}

static void add(struct cmd *c, const char *s) {
    add_bytes(c, s, strlen(s));
}

static void add_i64(struct cmd *c, int64_t v) {
    char b[32];
    add_bytes(c, b, (size_t)snprintf(b, sizeof b, "%lld", (long long)v));
}

static const char *pick(const char *const *words, size_t n) {
    return words[test_below(n)];
}
#define PICK(...)                                                                                            \
    pick((const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void add_key(struct cmd *c) {
    char b[32];
    add_bytes(c, b, (size_t)snprintf(b, sizeof b, "key:%d", (int)test_below(30)));
}

static void add_integer(struct cmd *c) {
    static const int64_t edges[] = {0,
                                    1,
                                    -1,
                                    127,
                                    128,
                                    -128,
                                    32767,
                                    32768,
                                    65535,
                                    INT32_MAX,
                                    INT32_MIN,
                                    INT64_MAX,
                                    INT64_MIN,
                                    9999,
                                    10000,
                                    100,
                                    (int64_t)INT32_MAX + 1,
                                    INT64_MAX - 1};
    if (chance(5))
        add(c, PICK("abc", "", " 1", "1 ", "+1", "01", "-0", "9223372036854775808", "1.5", "0x10", "-"));
    else if (chance(30))
        add_i64(c, edges[test_below(sizeof edges / sizeof *edges)]);
    else
        add_i64(c, (int64_t)test_below(2000) - 1000);
}

static void add_small(struct cmd *c) { /* an offset or a length that does not make huge values */
    if (chance(4))
        add(c, PICK("abc", "-1", "", "999999999999", "9223372036854775807"));
    else
        add_i64(c, (int64_t)test_below(300) - 20);
}

static void add_value(struct cmd *c) {
    char b[ARG_BYTES];
    size_t n;
    switch (test_below(8)) {
    case 0:
    case 1: add_integer(c); return;
    case 2:
        add(c, PICK("1.5", "-2.25", "3e5", "1e-5", "inf", "nan", "0.1", "5.0e3", "1e400", " 1.5", "3.0",
                    "-0.0"));
        return;
    case 3: n = 40 + test_below(10); break; /* around the embstr limit */
    case 4: n = 100 + test_below(300); break;
    default: n = test_below(24);
    }
    bool text = chance(60);
    for (size_t i = 0; i < n; i++) b[i] = (char)(text ? 'a' + test_below(4) : test_below(256));
    add_bytes(c, b, n);
}

/* Far future, past or nonsense, in the unit of the option. */
static void add_time(struct cmd *c, bool seconds, bool absolute) {
    int64_t unit = seconds ? 1 : 1000, now_s = (int64_t)time(NULL);
    if (chance(6))
        add(c, PICK("0", "-1", "abc", "9223372036854775807", "-9223372036854775808", "9223372036854775",
                    "1.5", ""));
    else if (absolute)
        add_i64(c, (now_s + (chance(20) ? -1000 : 50000 + (int64_t)test_below(100000))) * unit);
    else
        add_i64(c, (50000 + (int64_t)test_below(100000)) * unit);
}

static void add_expire_option(struct cmd *c) {
    int which = (int)test_below(4);
    add(c, (const char *const[]){"EX", "px", "EXAT", "PXAT"}[which]);
    if (!chance(3)) add_time(c, which % 2 == 0, which >= 2);
}

/* --- rules --- */

static void rule_set(struct cmd *c) {
    add(c, PICK("SET", "set", "SeT"));
    add_key(c);
    add_value(c);
    for (int n = (int)test_below(3); n > 0; n--) {
        if (chance(40))
            add_expire_option(c);
        else
            add(c, PICK("NX", "XX", "GET", "KEEPTTL", "get", "bogus"));
    }
}

static void rule_set_kind(struct cmd *c) {
    static const char *const one[] = {"SETNX", "GETSET", "APPEND", "SETEX", "PSETEX"};
    int which = (int)test_below(5);
    add(c, one[which]);
    add_key(c);
    if (which >= 3) add_time(c, which == 3, false);
    add_value(c);
}

static void rule_read(struct cmd *c) {
    add(c, PICK("GET", "GET", "STRLEN", "GETDEL", "TYPE", "EXISTS", "TOUCH", "PERSIST", "TTL", "PTTL",
                "EXPIRETIME", "PEXPIRETIME", "DUMP", "INCR", "DECR", "DEL", "UNLINK"));
    add_key(c);
    if (chance(2)) add_key(c);
}

static void rule_object(struct cmd *c) {
    add(c, "OBJECT");
    add(c, PICK("ENCODING", "encoding", "FREQ", "BOGUS"));
    add_key(c);
}

static void rule_getex(struct cmd *c) {
    add(c, "GETEX");
    add_key(c);
    if (chance(50)) add_expire_option(c);
    if (chance(30)) add(c, PICK("PERSIST", "KEEPTTL", "NX", "bogus"));
}

static void rule_number(struct cmd *c) {
    bool is_float = chance(30);
    add(c, is_float ? "INCRBYFLOAT" : PICK("INCRBY", "DECRBY"));
    add_key(c);
    if (is_float)
        add(c, PICK("1", "0.1", "-3.75", "1e10", "inf", "-inf", "nan", "abc", "1e-7", "5.0e3", " 1", "3.33"));
    else
        add_integer(c);
}

static void rule_range(struct cmd *c) {
    bool set = chance(40);
    add(c, set ? "SETRANGE" : PICK("GETRANGE", "SUBSTR"));
    add_key(c);
    add_small(c);
    if (set)
        add_value(c);
    else
        add_small(c);
}

static void rule_many(struct cmd *c) {
    add(c, PICK("MSET", "MSETNX", "MGET", "DEL", "EXISTS", "TOUCH", "UNLINK"));
    bool set = c->argv[0][1] == 'S';
    for (int n = (int)test_below(4) + (chance(95) ? 1 : 0); n > 0; n--) {
        add_key(c);
        if (set && !chance(1)) add_value(c);
    }
}

static void rule_expire(struct cmd *c) {
    int which = (int)test_below(4);
    add(c, (const char *const[]){"EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT"}[which]);
    add_key(c);
    add_time(c, which % 2 == 0, which >= 2);
    for (int n = (int)test_below(3); n > 0; n--) add(c, PICK("NX", "XX", "GT", "lt", "bogus"));
}

static void rule_move(struct cmd *c) {
    static const char *const names[] = {"RENAME", "RENAMENX", "COPY", "MOVE"};
    int which = (int)test_below(4);
    add(c, names[which]);
    add_key(c);
    if (which == 3) {
        add(c, PICK("0", "1", "2", "99", "-1", "abc"));
        return;
    }
    add_key(c);
    if (which != 2) return;
    if (chance(30)) {
        add(c, "DB");
        add(c, PICK("0", "1", "2", "16", "x"));
    }
    if (chance(40)) add(c, PICK("REPLACE", "replace", "bogus"));
}

static void rule_db(struct cmd *c) {
    int which = (int)test_below(100);
    if (which < 40) {
        add(c, "SELECT");
        add(c, PICK("0", "0", "0", "1", "2", "16", "-1", "abc"));
    } else if (which < 60) {
        add(c, "DBSIZE");
    } else if (which < 62) {
        add(c, PICK("FLUSHDB", "FLUSHALL"));
        if (chance(60)) add(c, PICK("ASYNC", "SYNC", "bogus"));
    } else if (which < 70) {
        add(c, "SWAPDB");
        add(c, PICK("0", "1", "2", "99", "a"));
        add(c, PICK("0", "1", "2", "99", "b"));
    } else {
        add(c, "KEYS");
        add(c, PICK("*", "key:?", "key:1*", "key:[0-3]", "key:[^0-3]", "nothing", "key:\\1"));
    }
}

static void rule_lcs(struct cmd *c) {
    add(c, "LCS");
    add_key(c);
    add_key(c);
    for (int n = (int)test_below(3); n > 0; n--) {
        const char *w = PICK("LEN", "IDX", "WITHMATCHLEN", "MINMATCHLEN", "bogus");
        add(c, w);
        if (w[0] == 'M' && chance(90)) add_small(c);
    }
}

static void rule_transaction(struct cmd *c) {
    add(c, PICK("MULTI", "EXEC", "EXEC", "DISCARD", "UNWATCH", "WATCH", "MULTI"));
    if (c->argv[0][0] == 'W') add_key(c);
}

static void rule_odd(struct cmd *c) {
    add(c, PICK("PING", "ECHO", "NOSUCHCOMMAND", "GET", "SET", "OBJECT", "EXPIRE", "CLIENT", "TIMEX",
                "RESTORE"));
    for (int n = (int)test_below(4); n > 0; n--) add_value(c);
}

/* Only what is refused: a walk's order is each server's own (integration/test_scan.c), and the reference deletes
 * expired keys that it passes. */
static void rule_scan(struct cmd *c) {
    static const char *const bad[][3] = {{"abc", "COUNT", "5"}, {"0", "COUNT", "0"},
                                         {"0", "COUNT", "x"},   {"0", "MATCH", NULL},
                                         {" 0", NULL, NULL},    {"0", "BOGUS", "1"},
                                         {"1x", NULL, NULL},    {"99999999999999999999", NULL, NULL}};
    const char *const *words = bad[test_below(sizeof bad / sizeof *bad)];
    add(c, "SCAN");
    for (int i = 0; i < 3 && words[i] != NULL; i++) add(c, words[i]);
}

static void rule_restore(struct cmd *c) {
    add(c, "RESTORE");
    add_key(c);
    add(c, PICK("0", "0", "100000000", "-1", "abc"));
    /* "10" int8 and a plain 5 byte string in version 9 payloads, and damaged ones */
    static const struct {
        const char *p;
        size_t n;
    } payloads[] = {{"\x00\xc0\n\n\x00n\x9fWE\x0e\xae\xec\xbb", 13},
                    {"\x00\xc0\x0b\n\x00n\x9fWE\x0e\xae\xec\xbb", 13},
                    {"", 0},
                    {"\x00\x05hello", 7}};
    size_t i = test_below(4);
    add_bytes(c, payloads[i].p, payloads[i].n);
    for (int n = (int)test_below(3); n > 0; n--)
        add(c, PICK("REPLACE", "ABSTTL", "IDLETIME", "FREQ", "1000", "10", "bogus"));
}

static const struct {
    int weight;
    void (*make)(struct cmd *c);
} rules[] = {{20, rule_set},        {10, rule_set_kind}, {25, rule_read},   {5, rule_object},
             {5, rule_getex},       {10, rule_number},   {8, rule_range},   {8, rule_many},
             {10, rule_expire},     {8, rule_move},      {5, rule_db},      {2, rule_lcs},
             {4, rule_transaction}, {2, rule_odd},       {3, rule_restore}, {1, rule_scan}};

static void make_command(struct cmd *c) {
    int total = 0, at;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) total += rules[i].weight;
    at = (int)test_below((uint64_t)total);
    c->argc = 0;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        at -= rules[i].weight;
        if (at < 0) {
            rules[i].make(c);
            return;
        }
    }
}

/* --- comparing --- */

static bool is_command(const struct cmd *c, const char *name) {
    return c->len[0] == strlen(name) && strncasecmp(c->argv[0], name, c->len[0]) == 0;
}

static int by_bytes(const void *a, const void *b) {
    const redisReply *x = *(redisReply *const *)a, *y = *(redisReply *const *)b;
    size_t n = x->len < y->len ? x->len : y->len;
    int d = memcmp(x->str, y->str, n);
    return d != 0 ? d : (x->len > y->len) - (x->len < y->len);
}

static void sort_reply(redisReply *r) {
    if (r->type == REDIS_REPLY_ARRAY && r->elements > 1)
        qsort(r->element, r->elements, sizeof *r->element, by_bytes);
}

static bool tells_time(const struct cmd *c) {
    return is_command(c, "TTL") || is_command(c, "PTTL") || is_command(c, "EXPIRETIME") ||
           is_command(c, "PEXPIRETIME");
}

/* Inside EXEC the single replies are compared like this too, when the commands queued are known. */
static bool same_reply(const struct cmd *c, redisReply *a, redisReply *b) {
    if (tells_time(c) && a->type == REDIS_REPLY_INTEGER && b->type == REDIS_REPLY_INTEGER)
        return llabs(a->integer - b->integer) <= TTL_SLACK_MS && (a->integer < 0) == (b->integer < 0);
    if (is_command(c, "KEYS")) {
        sort_reply(a);
        sort_reply(b);
    }
    return strcmp(reply_text(a), reply_text(b)) == 0;
}

static void describe(const struct cmd *c, char *out, size_t cap) {
    size_t n = 0;
    for (int i = 0; i < c->argc; i++) {
        redisReply r = {.type = REDIS_REPLY_STRING, .str = (char *)c->argv[i], .len = c->len[i]};
        n += (size_t)snprintf(out + n, cap - n, "%s ", reply_text(&r));
        if (n >= cap) return;
    }
}

struct queue { /* what a MULTI of this connection holds, so that EXEC's replies can be compared one by one */
    bool open;
    struct cmd *queued;
    int n;
};

static void fail_at(const struct cmd *c, redisReply *a, redisReply *b) {
    char text[4096];
    describe(c, text, sizeof text);
    cr_assert(false, "TEST_SEED=%llu: %s\n  ours:  %.600s\n  redis: %.600s", (unsigned long long)test_seed(),
              text, reply_text(a), reply_text(b));
}

static void compare_exec(const struct cmd *exec, struct queue *q, redisReply *a, redisReply *b) {
    bool arrays = a->type == REDIS_REPLY_ARRAY && b->type == REDIS_REPLY_ARRAY;
    if (!arrays || a->elements != b->elements || a->elements != (size_t)q->n) {
        if (arrays || strcmp(reply_text(a), reply_text(b)) != 0) fail_at(exec, a, b);
        return;
    }
    for (size_t i = 0; i < a->elements; i++)
        if (!same_reply(&q->queued[i], a->element[i], b->element[i]))
            fail_at(&q->queued[i], a->element[i], b->element[i]);
}

static void track(struct queue *q, const struct cmd *c, const redisReply *a) {
    if (is_command(c, "MULTI") && a->type == REDIS_REPLY_STATUS) {
        q->open = true;
        q->n = 0;
    } else if (is_command(c, "EXEC") || is_command(c, "DISCARD")) {
        q->open = false;
    } else if (q->open && a->type == REDIS_REPLY_STATUS && strcmp(a->str, "QUEUED") == 0) {
        q->queued[q->n++] = *c;
    }
}

static void run_batch(redisContext *ours, redisContext *real, struct cmd *batch, int n, struct queue *q) {
    redisContext *both[] = {ours, real};
    for (int i = 0; i < n; i++) {
        const char *argv[MAX_ARGS];
        for (int k = 0; k < batch[i].argc; k++) argv[k] = batch[i].argv[k];
        for (int s = 0; s < 2; s++) redisAppendCommandArgv(both[s], batch[i].argc, argv, batch[i].len);
    }
    for (int i = 0; i < n; i++) {
        redisReply *a = NULL, *b = NULL;
        cr_assert(redisGetReply(ours, (void **)&a) == REDIS_OK, "ours: %s", ours->errstr);
        cr_assert(redisGetReply(real, (void **)&b) == REDIS_OK, "redis: %s", real->errstr);
        if (is_command(&batch[i], "EXEC"))
            compare_exec(&batch[i], q, a, b);
        else if (!same_reply(&batch[i], a, b))
            fail_at(&batch[i], a, b);
        track(q, &batch[i], a);
        freeReplyObject(a);
        freeReplyObject(b);
    }
}

Test(differential, strings_keys_expiry_transactions) {
    struct srv *ours = srv_start(TANDEM, "--rdbcompression no"),
               *real = srv_start(REDIS, "--rdbcompression no");
    redisContext *a = srv_connect(ours), *b = srv_connect(real);
    /* Ours deletes what is set with a time in the past at once, the reference some time later: let both do so on access. */
    EXPECT(ours, "OK", "DEBUG SET-ACTIVE-EXPIRE 0");
    EXPECT(real, "OK", "DEBUG SET-ACTIVE-EXPIRE 0");
    struct cmd *batch = calloc(BATCH, sizeof *batch);
    struct queue q = {.queued = calloc(COMMANDS, sizeof *q.queued)};
    test_seed();
    for (int done = 0; done < COMMANDS; done += BATCH) {
        for (int i = 0; i < BATCH; i++) make_command(&batch[i]);
        run_batch(a, b, batch, BATCH, &q);
    }
    redisReply *ra = redisCommand(a, "DISCARD"), *rb = redisCommand(b, "DISCARD");
    freeReplyObject(ra);
    freeReplyObject(rb);
    cr_assert(srv_same_data(ours, real), "digests differ after TEST_SEED=%llu",
              (unsigned long long)test_seed());
    free(batch);
    free(q.queued);
    redisFree(a);
    redisFree(b);
    srv_free(ours);
    srv_free(real);
}

/* Short TTLs: after both have let them pass, both must hold the same keys, whichever way the TTL was set. */
Test(differential, short_ttls_pass) {
    struct srv *s[2] = {srv_start(TANDEM, "%s", ""), srv_start(REDIS, "%s", "")};
    static const char *const how[] = {"SET t:%d v PX %d", "PSETEX t:%d %d v", "PEXPIRE t:%d %d",
                                      "GETEX t:%d PX %d"};
    test_seed();
    for (int i = 0; i < 2000; i++) {
        int which = (int)test_below(4), ms = chance(50) ? 1 + (int)test_below(80) : 1000000;
        for (int k = 0; k < 2; k++) {
            if (which >= 2) srv_cmd(s[k], "SET t:%d v", i);
            if (which == 1)
                srv_cmd(s[k], "PSETEX t:%d %d v", i, ms);
            else
                srv_cmd(s[k], how[which], i, ms);
        }
    }
    /* The digest sees expired keys until they are deleted, and the reference needs a while for that. */
    WAIT_UNTIL(srv_int(s[0], "DBSIZE") == srv_int(s[1], "DBSIZE") && srv_same_data(s[0], s[1]));
    srv_free(s[0]);
    srv_free(s[1]);
}

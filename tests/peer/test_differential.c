/* Strings, keys, expiry and transactions beside the real redis-server (support/differential.h).
 *
 * A rule makes one command from a few keys, so that commands meet: hits, misses, every type of value, conflicting options, bad arguments.
 * Time is kept out of the comparison: a TTL is either far away, past, or waited for by both servers; replies that tell a
 * remaining time may differ by TTL_SLACK_MS. Replies whose order is free are sorted. Compression is off, because LZF leaves
 * the choice of matches to the writer and DUMP would differ. */
#include "families.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define COMMANDS     120000
#define ARG_BYTES    CMD_ARG_BYTES
#define TTL_SLACK_MS 3000

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
    add(c, chance(90) ? PICK("0", "100000000") : PICK("-1", "abc"));
    /* "10" int8 and a plain 5 byte string in payloads of version 10, and damaged ones */
    static const struct {
        const char *p;
        size_t n;
    } payloads[] = {{"\x00\xc0\n\n\x00n\x9fWE\x0e\xae"
                     "c\xbb",
                     13},
                    {"\x00\x05hello\n\x00cr\xdfve4 \n", 17},
                    {"\x00\xc0\x0b\n\x00n\x9fWE\x0e\xae"
                     "c\xbb",
                     13},
                    {"", 0},
                    {"\x00\x05hello", 7}};
    size_t i = chance(70) ? test_below(2) : test_below(5);
    add_bytes(c, payloads[i].p, payloads[i].n);
    for (int n = (int)test_below(3); n > 0; n--)
        add(c, PICK("REPLACE", "ABSTTL", "IDLETIME", "FREQ", "1000", "10", "bogus"));
}

static const struct rule rules[] = {
    {20, rule_set},        {10, rule_set_kind}, {25, rule_read},   {5, rule_object},
    {5, rule_getex},       {10, rule_number},   {8, rule_range},   {8, rule_many},
    {10, rule_expire},     {8, rule_move},      {5, rule_db},      {2, rule_lcs},
    {4, rule_transaction}, {2, rule_odd},       {3, rule_restore}, {1, rule_scan}};
const struct rule_set key_rules = {"key", rules, sizeof rules / sizeof *rules};

/* --- comparing --- */

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
    return same_text(a, b);
}

Test(differential, strings_keys_expiry_transactions) {
    static const struct differential d = {rules, sizeof rules / sizeof *rules, COMMANDS, same_reply};
    struct srv *ours = srv_start(TANDEM, "--rdbcompression no"),
               *real = srv_start(REDIS, "--rdbcompression no");
    /* Ours deletes what is set with a time in the past at once, the reference some time later: let both do so on access. */
    EXPECT(ours, "OK", "DEBUG SET-ACTIVE-EXPIRE 0");
    EXPECT(real, "OK", "DEBUG SET-ACTIVE-EXPIRE 0");
    differential_run(ours, real, &d);
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

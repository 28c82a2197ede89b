/* Sorted sets beside the real redis-server (support/differential.h). The settings are so low that every conversion
 * happens; DUMP is compared byte for byte, and what either dumped the other restores.
 *
 * Keys z:0 to z:5 hold any scores. In l:0 and l:1 all members score 0, or the order of members would mean nothing to
 * a lexicographical range and the reference's answer would depend on chance. */
#include "families.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMANDS 30000 /* for each of the settings */

static const char *const keys[] = {"z:0", "z:1", "z:2", "z:3", "z:4", "z:5", "l:0", "l:1"};
#define KEYS (sizeof keys / sizeof *keys)

static void add_scored_key(struct cmd *c) {
    add(c, chance(2) ? PICK("string", "none") : keys[test_below(6)]);
}

static void add_key(struct cmd *c) {
    add(c, chance(2) ? PICK("string", "none") : keys[test_below(KEYS)]);
}

static void add_score(struct cmd *c) {
    if (chance(4))
        add(c, PICK("nan", "abc", "", " 1", "1 ", "1e400", "-nan", "1e-400", "0x", "--1", "1.5.5"));
    else if (chance(20))
        add(c,
            PICK("inf", "-inf", "+inf", "0", "-0", "1e300", "-1e300", "1.5", "0.1", "3.0", "1e17", "5e-324",
                 "123456789012345678", "4503599627370497", "-4503599627370497", "1e20", "0x10", "0.3", "1e-7",
                 "3.141592653589793", "+5", ".5", "5.", "Infinity", "2.2250738585072014e-308"));
    else if (chance(30))
        add_i64(c, (int64_t)test_below(1000000) - 500000);
    else
        add_i64(c, (int64_t)test_below(12) - 4);
}

static void add_member(struct cmd *c) {
    char b[CMD_ARG_BYTES];
    size_t n;
    switch (test_below(12)) {
    case 0: add(c, PICK("", "0", "-1", "127", "128", "-4097", "9223372036854775807", "01", "1.5")); return;
    case 1: n = 18 + test_below(6); break; /* around the setting's limit */
    case 2: n = 60 + test_below(300); break;
    case 3: n = 1 + test_below(2); break;
    case 4:
    case 5: add_bytes(c, b, (size_t)snprintf(b, sizeof b, "member:%d", (int)test_below(300))); return;
    default: add_bytes(c, b, (size_t)snprintf(b, sizeof b, "m%d", (int)test_below(16))); return;
    }
    for (size_t i = 0; i < n; i++) b[i] = (char)(chance(90) ? 'a' + test_below(2) : test_below(256));
    add_bytes(c, b, n);
}

static void add_rank(struct cmd *c) {
    if (chance(3))
        add(c, PICK("abc", "", "1.5", "9223372036854775807", "-9223372036854775808", "9223372036854775808"));
    else
        add_i64(c, (int64_t)test_below(40) - 20);
}

static void add_score_bound(struct cmd *c) {
    if (chance(40))
        add(c, PICK("-inf", "+inf", "inf", "(inf", "(-inf", "(0", "0", "(1", "(2.5", "(3", "-0", "", "(",
                    "nan", "(nan", "abc", " 1", "((1", "1e400", "(5", "(-3", "1x"));
    else
        add_score(c);
}

static void add_lex_bound(struct cmd *c) {
    char b[CMD_ARG_BYTES];
    struct cmd member = {0};
    if (chance(30)) {
        add(c, PICK("-", "+", "[", "(", "-x", "+x", "abc", "", "[m", "(m1", "[m2", "(member:", "[b"));
        return;
    }
    add_member(&member);
    size_t n = member.len[0] < sizeof b - 1 ? member.len[0] : sizeof b - 1;
    b[0] = chance(50) ? '[' : '(';
    memcpy(b + 1, member.argv[0], n);
    add_bytes(c, b, n + 1);
}

static void add_limit(struct cmd *c) {
    add(c, PICK("LIMIT", "limit"));
    if (chance(97)) add(c, PICK("0", "0", "1", "3", "10", "-1", "x"));
    if (chance(97)) add(c, PICK("0", "1", "5", "-1", "100", "-2", "x"));
}

/* --- rules --- */

static void rule_add(struct cmd *c) {
    add(c, PICK("ZADD", "zadd"));
    bool lexical = chance(20);
    lexical ? add(c, PICK("l:0", "l:1")) : add_scored_key(c);
    for (int n = chance(70) ? 0 : (int)test_below(4); n > 0; n--)
        add(c, lexical ? PICK("NX", "XX", "CH") : PICK("NX", "XX", "GT", "LT", "CH", "INCR", "ch", "bogus"));
    for (int n = 1 + (int)test_below(3); n > 0; n--) {
        lexical ? add(c, PICK("0", "0", "-0", "0.0")) : add_score(c);
        if (!chance(1)) add_member(c);
    }
}

static void rule_incr(struct cmd *c) {
    add(c, "ZINCRBY");
    add_scored_key(c);
    add_score(c);
    add_member(c);
}

static void rule_members(struct cmd *c) {
    const char *name = PICK("ZSCORE", "ZRANK", "ZREVRANK", "ZMSCORE", "ZREM", "ZREM");
    add(c, name);
    add_key(c);
    int n = name[1] == 'M' || strcmp(name, "ZREM") == 0 ? 1 + (int)test_below(3) : 1;
    for (; n > 0; n--) add_member(c);
}

static void rule_whole(struct cmd *c) {
    const char *name = PICK("ZCARD", "DUMP", "OBJECT", "TYPE", "EXISTS", "COPY", "RENAME", "DEL", "ZCARD",
                            "DUMP", "OBJECT", "OBJECT");
    add(c, name);
    if (name[0] == 'O') add(c, "ENCODING");
    add_key(c);
    if (name[0] == 'C' || name[0] == 'R') add_scored_key(c);
    if (name[0] == 'C') add(c, "REPLACE");
}

static void rule_count(struct cmd *c) {
    int which = (int)test_below(5);
    add(c, (const char *const[]){"ZCOUNT", "ZLEXCOUNT", "ZREMRANGEBYRANK", "ZREMRANGEBYSCORE",
                                 "ZREMRANGEBYLEX"}[which]);
    which == 1 || which == 4 ? add(c, PICK("l:0", "l:1", "nothing")) : add_key(c);
    void (*bound)(struct cmd *) = which == 1 || which == 4 ? add_lex_bound
                                  : which == 2             ? add_rank
                                                           : add_score_bound;
    bound(c);
    bound(c);
}

static void rule_range(struct cmd *c) {
    int kind = (int)test_below(3); /* rank, score, lex */
    bool store = chance(15), lexical = kind == 2;
    add(c, store ? "ZRANGESTORE" : "ZRANGE");
    if (store) add_scored_key(c);
    lexical ? add(c, PICK("l:0", "l:1", "nothing")) : add_key(c);
    void (*const bounds[])(struct cmd *) = {add_rank, add_score_bound, add_lex_bound};
    bounds[kind](c);
    bounds[kind](c);
    if (kind == 1) add(c, PICK("BYSCORE", "byscore"));
    if (kind == 2) add(c, "BYLEX");
    if (chance(40)) add(c, "REV");
    if (chance(30)) add_limit(c);
    if (chance(30)) add(c, "WITHSCORES");
    if (chance(3)) add(c, PICK("REV", "BYSCORE", "bogus", "LIMIT"));
}

static void rule_old_range(struct cmd *c) {
    int which = (int)test_below(5);
    add(c, (const char *const[]){"ZREVRANGE", "ZRANGEBYSCORE", "ZREVRANGEBYSCORE", "ZRANGEBYLEX",
                                 "ZREVRANGEBYLEX"}[which]);
    which >= 3 ? add(c, PICK("l:0", "l:1", "nothing")) : add_key(c);
    void (*bound)(struct cmd *) = which == 0 ? add_rank : which < 3 ? add_score_bound : add_lex_bound;
    bound(c);
    bound(c);
    if (chance(30)) add(c, PICK("WITHSCORES", "withscores", "REV", "BYSCORE"));
    if (chance(30)) add_limit(c);
}

static void rule_pop(struct cmd *c) {
    if (chance(30)) {
        add(c, "ZMPOP");
        int n = 1 + (int)test_below(3);
        chance(6) ? add(c, PICK("0", "-1", "x", "5", "9223372036854775807")) : add_i64(c, n);
        while (n-- > 0) add_key(c);
        if (!chance(3)) add(c, PICK("MIN", "MAX", "min", "bogus"));
        if (!chance(40)) return;
        add(c, PICK("COUNT", "count", "bogus"));
        if (!chance(5)) add(c, PICK("1", "2", "10", "0", "-1", "x"));
        if (chance(5)) add(c, "COUNT");
        return;
    }
    add(c, PICK("ZPOPMIN", "ZPOPMAX"));
    add_key(c);
    if (chance(50)) add(c, PICK("0", "1", "2", "5", "-1", "x", "9223372036854775807"));
    if (chance(2)) add(c, "1");
}

static void rule_random(struct cmd *c) {
    add(c, "ZRANDMEMBER");
    add_key(c);
    if (chance(80))
        add(c, PICK("0", "1", "2", "5", "1000", "-1", "-10", "x", "-9223372036854775808",
                    "9223372036854775807"));
    if (chance(50)) add(c, PICK("WITHSCORES", "withscores", "bogus"));
}

static void rule_scan(struct cmd *c) {
    add(c, "ZSCAN");
    add_key(c);
    add(c, PICK("0", "0", "0", "0", "x", ""));
    if (chance(30)) {
        add(c, "MATCH");
        add(c, PICK("*", "m*", "member:1*", "[0-9]*", "nothing"));
    }
    add(c, "COUNT");
    add(c, PICK("100000", "100000", "100000", "0", "x"));
    if (chance(3)) add(c, PICK("TYPE", "zset"));
}

/* Plain sets, as sources of unions and their kind. */
static void rule_set(struct cmd *c) {
    bool ints = chance(30);
    add(c, PICK("SADD", "SADD", "SREM"));
    add(c, ints ? "intset" : "set");
    for (int n = 1 + (int)test_below(3); n > 0; n--)
        ints ? add_i64(c, (int64_t)test_below(200)) : add_member(c);
}

static void rule_combine(struct cmd *c) {
    const char *name = PICK("ZUNIONSTORE", "ZINTERSTORE", "ZDIFFSTORE", "ZUNION", "ZINTER", "ZDIFF",
                            "ZINTERCARD");
    add(c, name);
    if (strlen(name) > 10 || strcmp(name, "ZDIFFSTORE") == 0) add_scored_key(c);
    int n = 1 + (int)test_below(3);
    chance(3) ? add(c, PICK("0", "-1", "x", "5", "9223372036854775807")) : add_i64(c, n);
    for (int i = 0; i < n; i++) chance(15) ? add(c, PICK("set", "intset")) : add_key(c);
    if (chance(name[1] == 'D' ? 5 : 30)) {
        add(c, PICK("WEIGHTS", "weights"));
        for (int i = 0; i < n; i++)
            if (!chance(1)) add(c, PICK("1", "2", "-1", "0", "0.5", "inf", "-inf", "1e300", "nan", "x"));
    }
    if (chance(name[1] == 'D' ? 5 : 30)) {
        add(c, "AGGREGATE");
        add(c, PICK("SUM", "MIN", "MAX", "max", "bogus"));
    }
    if (chance(30)) add(c, "WITHSCORES");
    if (chance(strcmp(name, "ZINTERCARD") == 0 ? 50 : 2)) {
        add(c, "LIMIT");
        add(c, PICK("0", "1", "3", "-1", "x"));
    }
}

static void rule_transaction(struct cmd *c) {
    add(c, PICK("MULTI", "EXEC", "EXEC", "WATCH"));
    if (c->argv[0][0] == 'W') add_key(c);
}

static const struct rule rules[] = {
    {40, rule_add},     {6, rule_incr},        {15, rule_members}, {12, rule_whole}, {10, rule_count},
    {20, rule_range},   {12, rule_old_range},  {5, rule_pop},      {5, rule_random}, {5, rule_scan},
    {14, rule_combine}, {2, rule_transaction}, {4, rule_set}};
const struct rule_set zset_rules = {"zset", rules, sizeof rules / sizeof *rules};

/* What chance decides agrees in type and number; a scan's order, too, is each server's own. */
static bool same(const struct cmd *c, redisReply *a, redisReply *b) {
    if (is_command(c, "ZRANDMEMBER") && a->type == b->type)
        return a->type == REDIS_REPLY_ERROR ? same_text(a, b) : a->elements == b->elements;
    if (is_command(c, "ZSCAN") && a->type == REDIS_REPLY_ARRAY && b->type == REDIS_REPLY_ARRAY) {
        sort_reply(a->element[1]);
        sort_reply(b->element[1]);
    }
    return same_text(a, b);
}

enum { OURS, REAL };

static const struct differential commands = {rules, sizeof rules / sizeof *rules, COMMANDS, same};

/* The settings are words of the start, so that they hold after a restart. They matter to the data: in a listpack there is
 * no -0. */
static struct srv *start_one(enum srv_kind kind, int entries, int value) {
    return srv_start(kind, "--rdbcompression no --zset-max-listpack-entries %d --zset-max-ziplist-value %d",
                     entries, value);
}

static void start(struct srv *s[2], int entries, int value) {
    s[OURS] = start_one(TANDEM, entries, value);
    s[REAL] = start_one(REDIS, entries, value);
    for (int i = 0; i < 2; i++) srv_cmd(s[i], "SET string 1");
}

static void stop(struct srv *s[2]) {
    srv_free(s[OURS]);
    srv_free(s[REAL]);
}

Test(differential_zset, either_form) {
    struct srv *s[2];
    start(s, 12, 20);
    differential_run(s[OURS], s[REAL], &commands);
    differential_exchange_dumps(s[OURS], s[REAL], keys, KEYS, true);
    differential_exchange_dumps(s[REAL], s[OURS], keys, KEYS, true);
    differential_exchange_files(s[OURS], s[REAL]);
    differential_exchange_files(s[REAL], s[OURS]);
    stop(s);
}

Test(differential_zset, mostly_listpacks) {
    struct srv *s[2];
    start(s, 100, 1000);
    differential_run(s[OURS], s[REAL], &commands);
    stop(s);
}

Test(differential_zset, trees_only) {
    struct srv *s[2];
    start(s, 0, 20);
    differential_run(s[OURS], s[REAL], &commands);
    differential_exchange_files(s[OURS], s[REAL]);
    differential_exchange_files(s[REAL], s[OURS]);
    stop(s);
}

/* Each follows the other kind through the same commands, from a snapshot with data in it. */
Test(differential_zset, replicas_agree) {
    struct srv *s[2], *replica[2];
    start(s, 12, 20);
    differential_run(s[OURS], s[REAL], &commands);
    replica[OURS] = start_one(REDIS, 12, 20);
    replica[REAL] = start_one(TANDEM, 12, 20);
    for (int i = 0; i < 2; i++) srv_replicate(replica[i], s[i]);
    differential_run(s[OURS], s[REAL], &commands);
    for (int i = 0; i < 2; i++) {
        srv_wait_synced(replica[i], s[i]);
        cr_assert(srv_same_data(replica[i], s[i]), "TEST_SEED=%llu", (unsigned long long)test_seed());
        srv_free(replica[i]);
    }
    stop(s);
}

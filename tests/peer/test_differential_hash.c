/* Hashes beside the real redis-server (support/differential.h), with limits so low that every conversion happens. What has
 * no order is sorted; what is random is compared by its size here, and by its properties in random_fields. */
#include "families.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define COMMANDS 30000 /* for each of the settings */

static const char *const keys[] = {"a", "b", "c", "d", "e"};
#define KEYS (sizeof keys / sizeof *keys)

static void add_key(struct cmd *c) {
    add(c, chance(2) ? PICK("string", "none") : keys[test_below(KEYS)]);
}

static void add_field(struct cmd *c) {
    if (chance(3))
        add(c, PICK("", "01", "-0", "a field that is long", "9223372036854775807", "12345", "-1"));
    else if (chance(50))
        add_i64(c, (int64_t)test_below(14));
    else
        add(c, PICK("f", "g", "h", "field", "f\xff", "i", "j", "k"));
}

static void add_value(struct cmd *c) {
    char b[CMD_ARG_BYTES];
    size_t n;
    switch (test_below(12)) {
    case 0: add(c, PICK("1.5", "-2.25", "3e5", "inf", "nan", "0.1", " 1", "1 ", "3.0", "0x10", "")); return;
    case 1: n = 10 + test_below(5); break; /* around the limit */
    case 2: n = chance(20) ? 60 + test_below(300) : 5; break;
    case 3: n = test_below(10); break;
    case 4:
        add(c, PICK("9223372036854775807", "-9223372036854775808", "9223372036854775808", "4096"));
        return;
    default: add_i64(c, (int64_t)test_below(300) - 150); return;
    }
    for (size_t i = 0; i < n; i++) b[i] = (char)(chance(80) ? 'a' : test_below(256));
    add_bytes(c, b, n);
}

static void rule_set(struct cmd *c) {
    bool one = chance(30);
    add(c, one ? "HSETNX" : PICK("HSET", "HSET", "hset", "HMSET"));
    add_key(c);
    for (int n = one ? 0 : (int)test_below(5); n >= 0 && c->argc + 2 <= CMD_ARGS_MAX; n--) {
        add_field(c);
        if (!chance(1)) add_value(c);
    }
}

static void rule_get(struct cmd *c) {
    const char *name = PICK("HGET", "HEXISTS", "HSTRLEN", "HMGET", "HMGET");
    add(c, name);
    add_key(c);
    for (int n = name[1] == 'M' ? (int)test_below(5) : 0; n >= 0; n--) add_field(c);
}

static void rule_whole(struct cmd *c) {
    add(c, PICK("HGETALL", "HKEYS", "HVALS", "HLEN", "HLEN", "TYPE", "DUMP"));
    add_key(c);
}

static void rule_encoding(struct cmd *c) {
    add(c, "OBJECT");
    add(c, "ENCODING");
    add_key(c);
}

static void rule_del(struct cmd *c) {
    add(c, "HDEL");
    add_key(c);
    for (int n = chance(5) ? 9 : (int)test_below(3); n >= 0; n--) add_field(c);
}

static void rule_incr(struct cmd *c) {
    bool is_float = chance(40);
    add(c, is_float ? "HINCRBYFLOAT" : "HINCRBY");
    add_key(c);
    add_field(c);
    if (chance(15))
        add(c, PICK("abc", "", "inf", "-inf", "nan", "9223372036854775807", "-9223372036854775808", "1e400",
                    "10000000000000", "1e17"));
    else
        add(c, is_float ? PICK("0.1", "-3.75", "1", "1e3", "2.5") : PICK("1", "-1", "100", "-7"));
}

static void rule_random(struct cmd *c) {
    add(c, "HRANDFIELD");
    add_key(c);
    if (chance(85))
        add(c, PICK("1", "3", "-3", "0", "100", "-20", "x", "-9223372036854775808", "9223372036854775807"));
    if (chance(40)) add(c, PICK("WITHVALUES", "withvalues", "bogus"));
    if (c->argc == 4 && c->len[2] > 4)
        c->len[2] = 1; /* Redis takes huge counts for negative ones as they are */
    if (chance(2)) add(c, "WITHVALUES");
}

static void rule_scan(struct cmd *c) {
    add(c, "HSCAN");
    add_key(c);
    add_whole_scan(c);
}

static void rule_key(struct cmd *c) {
    const char *name = PICK("DEL", "RENAME", "COPY", "COPY", "UNLINK");
    add(c, name);
    add_key(c);
    if (name[0] == 'R' || name[0] == 'C') add_key(c);
    if (name[0] == 'C') add(c, "REPLACE");
}

static void rule_transaction(struct cmd *c) {
    add(c, PICK("MULTI", "EXEC", "EXEC"));
}

static const struct rule rules[] = {
    {30, rule_set},  {15, rule_get},   {10, rule_whole}, {6, rule_encoding}, {10, rule_del},
    {14, rule_incr}, {6, rule_random}, {6, rule_scan},   {2, rule_key},      {3, rule_transaction}};
const struct rule_set hash_rules = {"hash", rules, sizeof rules / sizeof *rules};

static bool same(const struct cmd *c, redisReply *a, redisReply *b) {
    if (is_command(c, "HRANDFIELD") && a->type != REDIS_REPLY_ERROR)
        return a->type == b->type && a->elements == b->elements;
    /* A table's payload has no order: the digests at the end tell. */
    if (is_command(c, "DUMP") && a->type == REDIS_REPLY_STRING && a->str[0] == 4)
        return b->type == REDIS_REPLY_STRING && a->len == b->len && b->str[0] == 4;
    if (is_command(c, "HGETALL")) {
        sort_pairs(a);
        sort_pairs(b);
    } else if (is_command(c, "HKEYS") || is_command(c, "HVALS")) {
        sort_reply(a);
        sort_reply(b);
    } else if (is_command(c, "HSCAN") && a->type == REDIS_REPLY_ARRAY && b->type == REDIS_REPLY_ARRAY) {
        sort_pairs(a->element[1]);
        sort_pairs(b->element[1]);
    }
    return same_text(a, b);
}

/* The limits are words of the start: they hold after a restart. */
static void start_both(struct srv *s[2], const char *entries, const char *bytes) {
    for (int i = 0; i < 2; i++) {
        s[i] = srv_start(i ? REDIS : TANDEM,
                         "--rdbcompression no --hash-max-listpack-entries %s --hash-max-ziplist-value %s",
                         entries, bytes);
        EXPECT(s[i], "OK", "SET string 1");
    }
}

static void run(const char *entries, const char *bytes) {
    static const struct differential d = {rules, sizeof rules / sizeof *rules, COMMANDS, same};
    struct srv *s[2];
    start_both(s, entries, bytes);
    differential_run(s[0], s[1], &d);
    differential_exchange_dumps(s[0], s[1], keys, KEYS, false);
    differential_exchange_dumps(s[1], s[0], keys, KEYS, false);
    differential_exchange_files(s[0], s[1]);
    differential_exchange_files(s[1], s[0]);
    srv_free(s[0]);
    srv_free(s[1]);
}

Test(differential_hash, small_limits) {
    run("8", "12");
}

Test(differential_hash, usual_limits) {
    run("512", "64");
}

/* Sets beside the real redis-server (support/differential.h), with limits so low that every conversion happens. Members have
 * no order and are sorted. What chance decides is not run on both sides but compared by its properties (see
 * tests/unit/command/test_set_cmd.c) and through replication (test_all_families.c). */
#include "families.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define COMMANDS 30000 /* for each of the settings */

static const char *const keys[] = {"a", "b", "c", "d", "e", "f"};
#define KEYS (sizeof keys / sizeof *keys)

static void add_key(struct cmd *c) {
    add(c, chance(2) ? PICK("string", "none") : keys[test_below(KEYS)]);
}

static void add_member(struct cmd *c) {
    if (chance(80))
        add_i64(c, (int64_t)test_below(30));
    else if (chance(60))
        add(c, PICK("40000", "-40000", "3000000000", "-3000000000", "9223372036854775807", "-1", "70000"));
    else
        add(c,
            PICK("", "01", "-0", "m", "n", "a member that is rather long", "9223372036854775808", "m\xff"));
}

static void rule_add(struct cmd *c) {
    add(c, PICK("SADD", "sadd"));
    add_key(c);
    for (int n = chance(98) ? (int)test_below(9) : -1; n >= 0; n--) {
        if (chance(97))
            add_i64(c, (int64_t)test_below(30)); /* many sets of integers */
        else
            add_member(c);
    }
}

static void rule_remove(struct cmd *c) {
    add(c, "SREM");
    add_key(c);
    for (int n = (int)test_below(9); n >= 0; n--) add_member(c);
}

static void rule_move(struct cmd *c) {
    add(c, "SMOVE");
    add_key(c);
    add_key(c);
    add_member(c);
}

static void rule_read(struct cmd *c) {
    const char *name = PICK("SCARD", "SISMEMBER", "SMISMEMBER", "SMEMBERS", "TYPE", "DUMP", "OBJECT");
    add(c, name);
    if (name[0] == 'O') add(c, "ENCODING");
    add_key(c);
    bool many = strcmp(name, "SMISMEMBER") == 0;
    if (many || strcmp(name, "SISMEMBER") == 0)
        for (int n = many ? (int)test_below(4) : 0; n >= 0; n--) add_member(c);
}

static void rule_combine(struct cmd *c) {
    const char *name = PICK("SINTER", "SUNION", "SDIFF", "SINTERSTORE", "SUNIONSTORE", "SDIFFSTORE");
    add(c, name);
    if (strlen(name) > 6) add_key(c);
    for (int n = chance(98) ? (int)test_below(4) : -1; n >= 0; n--) add_key(c);
}

static void rule_count(struct cmd *c) {
    add(c, "SINTERCARD");
    int n = 1 + (int)test_below(3);
    if (chance(5))
        add(c, PICK("0", "-1", "x", "9", "9223372036854775807"));
    else
        add_i64(c, n);
    while (n-- > 0) add_key(c);
    for (n = (int)test_below(3) - 1; n > 0; n--) {
        add(c, PICK("LIMIT", "limit", "LIMIT", "bogus"));
        if (!chance(5)) add(c, PICK("0", "1", "3", "100", "-1", "x"));
    }
}

/* Only what cannot be left to chance: a set of one, all of a set, errors. */
static void rule_pop(struct cmd *c) {
    add(c, PICK("SPOP", "SRANDMEMBER"));
    add_key(c);
    add(c, PICK("0", "1000", "x", "9223372036854775808", "1000"));
    if (chance(3)) add(c, "1");
}

static void rule_scan(struct cmd *c) {
    add(c, "SSCAN");
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

static const struct rule rules[] = {{25, rule_add},     {20, rule_remove},    {8, rule_move}, {20, rule_read},
                                    {16, rule_combine}, {4, rule_count},      {3, rule_pop},  {6, rule_scan},
                                    {5, rule_key},      {2, rule_transaction}};
const struct rule_set set_rules = {"set", rules, sizeof rules / sizeof *rules};

static bool same(const struct cmd *c, redisReply *a, redisReply *b) {
    /* A table's payload has no order: the digests at the end tell. */
    if (is_command(c, "DUMP") && a->type == REDIS_REPLY_STRING && a->str[0] == 2)
        return b->type == REDIS_REPLY_STRING && a->len == b->len && b->str[0] == 2;
    if (is_command(c, "SSCAN") && a->type == REDIS_REPLY_ARRAY && b->type == REDIS_REPLY_ARRAY) {
        sort_reply(a->element[1]);
        sort_reply(b->element[1]);
    } else if (!is_command(c, "SMISMEMBER")) {
        sort_reply(a);
        sort_reply(b);
    }
    return same_text(a, b);
}

static void run(const char *entries) {
    static const struct differential d = {rules, sizeof rules / sizeof *rules, COMMANDS, same};
    struct srv *s[2];
    for (int i = 0; i < 2; i++) {
        s[i] = srv_start(i ? REDIS : TANDEM, "--rdbcompression no --set-max-intset-entries %s", entries);
        EXPECT(s[i], "OK", "SET string 1");
    }
    differential_run(s[0], s[1], &d);
    differential_exchange_dumps(s[0], s[1], keys, KEYS, false);
    differential_exchange_dumps(s[1], s[0], keys, KEYS, false);
    differential_exchange_files(s[0], s[1]);
    differential_exchange_files(s[1], s[0]);
    srv_free(s[0]);
    srv_free(s[1]);
}

Test(differential_set, small_limit) {
    run("8");
}

Test(differential_set, usual_limit) {
    run("512");
}

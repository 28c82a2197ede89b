/* SORT and SORT_RO beside the real redis-server (support/differential.h), over lists, sets and sorted sets. */
#include "families.h"

#include <criterion/criterion.h>
#include <string.h>

#define COMMANDS 25000

#define ELEMENTS 30 /* the elements most values are made of, e0..e29; weights by them are all different */

static const char *const odd[] = {"", " 7", "0x10", "nan", "x", "1 ", "inf", "3.25", "E5", "\xff", "e1 "};
#define N_ODD (sizeof odd / sizeof *odd)

static void add_key(struct cmd *c) {
    add(c, chance(3) ? PICK("string", "none") : PICK("l1", "l2", "s1", "s2", "z1", "z2"));
}

/* No number out of range: Redis then looks at an errno that may be left from before. */
static void add_element(struct cmd *c, char kind) {
    char e[32];
    if (kind == '1') { /* numbers */
        if (chance(3))
            add(c, odd[test_below(N_ODD)]);
        else
            add_i64(c, (int64_t)test_below(50) - 25);
        return;
    }
    snprintf(e, sizeof e, "e%d", (int)test_below(ELEMENTS));
    if (chance(1))
        add(c, odd[test_below(N_ODD)]);
    else
        add(c, e);
}

static void rule_fill(struct cmd *c) {
    const char *key = PICK("l1", "l2", "s1", "s2", "z1", "z2");
    add(c, key[0] == 'l' ? PICK("RPUSH", "LPUSH") : key[0] == 's' ? "SADD" : "ZADD");
    add(c, key);
    for (int n = 1 + (int)test_below(6); n > 0; n--) {
        if (key[0] == 'z') add_i64(c, (int64_t)test_below(10));
        add_element(c, key[1]);
    }
}

static void rule_shrink(struct cmd *c) {
    const char *key = PICK("l1", "l2", "s1", "s2", "z1", "z2");
    if (chance(10)) {
        add(c, "DEL");
        add(c, key);
        return;
    }
    add(c, key[0] == 'l' ? "LTRIM" : key[0] == 's' ? "SREM" : "ZREM");
    add(c, key);
    if (key[0] == 'l') {
        add(c, "-40");
        add(c, "-2");
        return;
    }
    add_element(c, key[1]);
    add_element(c, key[1]);
}

static void add_limit(struct cmd *c) {
    add(c, "LIMIT");
    add(c, PICK("0", "1", "2", "5", "-1", "100", chance(5) ? "x" : "3"));
    if (chance(98))
        add(c, PICK("0", "1", "3", "10", "-1", "-5", "9223372036854775807", chance(5) ? "x" : "3"));
}

static void rule_sort(struct cmd *c) {
    add(c, chance(80) ? "SORT" : "SORT_RO");
    add_key(c);
    if (chance(40)) add(c, PICK("ASC", "DESC", "desc"));
    if (chance(40)) add(c, "ALPHA");
    if (chance(40)) add_limit(c);
    if (chance(40)) {
        add(c, "BY");
        /* t_* has ties. Only lists come to the sorting in an order that both servers know. */
        const char *ties = c->argv[1][0] == 'l' ? "t_*" : "w_*";
        add(c, PICK("w_*", ties, "h_*->weight", "none"));
    }
    for (int n = (int)test_below(3); n > 0; n--) {
        add(c, "GET");
        add(c, PICK("#", "w_*", "h_*->name", "h_*->none", "h_*", "const", "none_*", "*", "w_*->x", "**"));
    }
    if (chance(15)) {
        add(c, "STORE");
        add(c, "stored");
    }
    if (chance(2)) add(c, PICK("bogus", "GET", "LIMIT", "STORE", "BY"));
}

static void rule_look(struct cmd *c) {
    const char *name = PICK("LRANGE", "OBJECT", "TYPE");
    add(c, name);
    if (name[0] == 'O') add(c, "ENCODING");
    if (name[0] == 'L') {
        add(c, PICK("stored", "l1", "l2"));
        add(c, "0");
        add(c, "-1");
    } else {
        add(c, PICK("stored", "l1", "l2", "z1", "z2", "s1", "s2"));
    }
}

static void rule_transaction(struct cmd *c) {
    add(c, PICK("MULTI", "EXEC", "EXEC"));
}

static const struct rule rules[] = {
    {15, rule_fill}, {6, rule_shrink}, {40, rule_sort}, {8, rule_look}, {2, rule_transaction}};
#define N_RULES ((int)(sizeof rules / sizeof *rules))

static bool has_word(const struct cmd *c, const char *word) {
    for (int i = 2; i < c->argc; i++)
        if (c->len[i] == strlen(word) && strncasecmp(c->argv[i], word, c->len[i]) == 0) return true;
    return false;
}

/* A set keeps no order: unsorted, its elements come as the tables of either server have them, and LIMIT picks any. */
static bool same(const struct cmd *c, redisReply *a, redisReply *b) {
    bool unordered = c->argc > 2 && c->argv[1][0] == 's' && has_word(c, "none");
    if (!is_command(c, "SORT") && !is_command(c, "SORT_RO")) return same_text(a, b);
    if (unordered && a->type == REDIS_REPLY_ARRAY && b->type == REDIS_REPLY_ARRAY)
        return a->elements == b->elements;
    return same_text(a, b);
}

/* Weights that are all different, but for t_*. */
static struct srv *start(enum srv_kind kind) {
    struct srv *s = srv_start(kind, "--zset-max-listpack-entries 8 --set-max-intset-entries 8");
    srv_cmd(s, "SET string 1");
    for (int i = 0; i < ELEMENTS; i++) {
        srv_cmd(s, "SET w_e%d %d", i, i * 7 % ELEMENTS + 100);
        srv_cmd(s, "HSET h_e%d weight %d.5 name n%d", i, i * 11 % ELEMENTS + 100, i % 4);
        if (i % 5) srv_cmd(s, "SET t_e%d %d", i, i % 3);
    }
    for (size_t i = 0; i < N_ODD; i++) {
        srv_cmd(s, "SET w_%s %d", odd[i], (int)i + 200);
        srv_cmd(s, "HSET h_%s weight %d", odd[i], 300 - (int)i);
    }
    for (int i = -25; i < 25; i++) {
        srv_cmd(s, "SET w_%d %d", i, (i + 25) * 7 % 50 + 100);
        srv_cmd(s, "HSET h_%d weight %d name %d", i, (i + 25) * 11 % 50 + 100, i % 4);
        if (i % 5) srv_cmd(s, "SET t_%d %d", i, i % 3 + 3);
    }
    return s;
}

Test(differential_sort, replies_and_data) {
    static const struct differential d = {rules, N_RULES, COMMANDS, same};
    struct srv *ours = start(TANDEM), *real = start(REDIS);
    differential_run(ours, real, &d);
    srv_free(ours);
    srv_free(real);
}

static void run_replicated(enum srv_kind primary, enum srv_kind replica) {
    struct srv *from = start(primary), *to = start(replica), *late = start(replica);
    differential_follow(from, to, late, rules, N_RULES, 6000);
    srv_free(late);
    srv_free(to);
    srv_free(from);
}

Test(differential_sort, a_real_replica_follows) {
    run_replicated(TANDEM, REDIS);
}

Test(differential_sort, a_real_master_is_followed) {
    run_replicated(REDIS, TANDEM);
}
const struct rule_set sort_rules = {"sort", rules, sizeof rules / sizeof *rules};

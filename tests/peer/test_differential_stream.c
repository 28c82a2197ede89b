/* Streams beside the real redis-server (support/differential.h), with nodes so small that every division happens. Ids are
 * given explicitly, except in the test of "*", and fields of replies that tell times or radix trees are not compared. */
#include "families.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMANDS 20000 /* for each of the settings */

static void add_key(struct cmd *c) {
    static const char *const keys[] = {"a", "b", "c", "d", "e"};
    add(c, chance(1) ? "string" : keys[test_below(5)]);
}

static void add_group(struct cmd *c) {
    add(c, chance(2) ? "none" : PICK("g", "g", "h", "i\r\n"));
}

static void add_consumer(struct cmd *c) {
    add(c, PICK("alice", "bob", "al", "carol", ""));
}

/* Ascends slowly over the run, so that most are new, many near what is there and some far behind. */
static uint64_t clock_of_ids = 1;

static void add_id(struct cmd *c, int back) {
    char b[64];
    if (chance(2)) {
        add(c, PICK("", "-", "+", "1-1-1", "x", "1-x", " 1", "01-1", "+1", "0-0", "5--03",
                    "18446744073709551616", "18446744073709551615-18446744073709551615", "1-*"));
        return;
    }
    uint64_t ms = clock_of_ids > (uint64_t)back ? clock_of_ids - test_below((uint64_t)back + 1)
                                                : test_below(5);
    if (chance(10))
        snprintf(b, sizeof b, "%llu", (unsigned long long)ms);
    else
        snprintf(b, sizeof b, "%llu-%llu", (unsigned long long)ms, (unsigned long long)test_below(3));
    add(c, b);
}

static void add_text(struct cmd *c) {
    char b[CMD_ARG_BYTES];
    size_t n = chance(5) ? 60 + test_below(300) : 1 + test_below(20);
    if (chance(50)) {
        add_i64(c, chance(50) ? (int64_t)test_below(300) - 150 : (int64_t)(test_random() >> test_below(64)));
        return;
    }
    for (size_t i = 0; i < n; i++) b[i] = (char)(chance(90) ? 'a' : test_below(256));
    add_bytes(c, b, n);
}

static void add_trim(struct cmd *c) {
    bool by_length = chance(60), whole = chance(40);
    add(c, by_length ? PICK("MAXLEN", "maxlen") : PICK("MINID", "minid"));
    if (whole || chance(30)) add(c, whole ? "~" : "=");
    if (chance(2))
        add(c, PICK("x", "-1", ""));
    else if (by_length)
        add_i64(c, (int64_t)test_below(40));
    else
        add_id(c, 60);
    if (chance(whole ? 50 : 2)) {
        add(c, "LIMIT");
        add(c, PICK("0", "1", "5", "10", "100", "-1", "x"));
    }
}

static void rule_add(struct cmd *c) {
    static const char *const fields[] = {"temperature", "humidity", "pressure"};
    add(c, PICK("XADD", "xadd"));
    add_key(c);
    if (chance(5)) add(c, "NOMKSTREAM");
    if (chance(8)) add_trim(c);
    if (chance(3)) clock_of_ids++;
    clock_of_ids += chance(50);
    if (chance(10)) {
        char b[32];
        snprintf(b, sizeof b, "%llu-*", (unsigned long long)clock_of_ids);
        add(c, b);
    } else {
        add_id(c, chance(80) ? 0 : 5);
    }
    int pairs = 1 + (int)test_below(3);
    if (c->argc + 2 * pairs > CMD_ARGS_MAX) pairs = 1;
    for (int i = 0; i < pairs; i++) {
        if (chance(70))
            add(c, fields[i]);
        else
            add_text(c);
        if (!chance(1)) add_text(c);
    }
}

static void rule_trim(struct cmd *c) {
    add(c, "XTRIM");
    add_key(c);
    add_trim(c);
    if (chance(2)) add_trim(c);
}

static void rule_del(struct cmd *c) {
    add(c, "XDEL");
    add_key(c);
    for (int n = 1 + (int)test_below(6); n > 0; n--) add_id(c, 40);
}

static void rule_range(struct cmd *c) {
    char b[64];
    add(c, PICK("XRANGE", "XREVRANGE"));
    add_key(c);
    for (int i = 0; i < 2; i++) {
        if (chance(30)) {
            add(c, PICK("-", "+", "(1-1", "(0-0", "(-"));
            continue;
        }
        add_id(c, 60);
        if (!chance(20) || c->len[c->argc - 1] > 40) continue;
        memcpy(b + 1, c->argv[c->argc - 1], c->len[c->argc - 1]);
        b[0] = '(';
        c->argc--;
        add_bytes(c, b, c->len[c->argc] + 1);
    }
    if (chance(40)) add(c, "COUNT");
    if (c->argc == 5) add(c, PICK("0", "1", "3", "10", "-1", "x"));
}

static void rule_read(struct cmd *c) {
    add(c, "XREAD");
    if (chance(50)) add(c, "COUNT"), add(c, PICK("1", "2", "5", "0", "-3"));
    if (chance(1)) add(c, PICK("NOACK", "bogus"));
    add(c, "STREAMS");
    int n = 1 + (int)test_below(3);
    for (int i = 0; i < n; i++) add_key(c);
    for (int i = 0; i < n; i++) {
        if (chance(10))
            add(c, PICK("$", "$", ">"));
        else
            add_id(c, 30);
    }
    if (chance(1)) add(c, "1");
}

static void rule_group(struct cmd *c) {
    const char *sub = PICK("CREATE", "CREATE", "CREATE", "SETID", "SETID", "DESTROY", "CREATECONSUMER",
                           "DELCONSUMER");
    add(c, "XGROUP");
    add(c, sub);
    add_key(c);
    add_group(c);
    if (strcmp(sub, "DESTROY") == 0) return;
    if (strstr(sub, "CONSUMER")) {
        add_consumer(c);
        return;
    }
    if (chance(40))
        add(c, PICK("$", "0", "-", "+"));
    else
        add_id(c, 40);
    if (sub[0] == 'C' && chance(60)) add(c, "MKSTREAM");
    if (chance(15)) add(c, "ENTRIESREAD"), add(c, PICK("0", "1", "20", "-1", "-2", "x"));
    if (chance(1)) add(c, "bogus");
}

static void rule_read_group(struct cmd *c) {
    add(c, "XREADGROUP");
    if (!chance(1)) add(c, "GROUP"), add_group(c), add_consumer(c);
    if (chance(60)) add(c, "COUNT"), add(c, PICK("1", "2", "5", "0"));
    if (chance(15)) add(c, "NOACK");
    add(c, "STREAMS");
    int n = chance(70) ? 1 : 2;
    for (int i = 0; i < n; i++) add_key(c);
    for (int i = 0; i < n; i++) {
        if (chance(80))
            add(c, chance(2) ? "$" : ">");
        else
            add_id(c, 60);
    }
}

static void rule_ack(struct cmd *c) {
    add(c, "XACK");
    add_key(c);
    add_group(c);
    for (int n = 1 + (int)test_below(6); n > 0; n--) add_id(c, 40);
}

/* Idle times are at least 0 and less than what is asked for here, on either side. */
static void rule_pending(struct cmd *c) {
    add(c, "XPENDING");
    add_key(c);
    add_group(c);
    if (chance(40)) return;
    if (chance(20)) add(c, "IDLE"), add(c, PICK("0", "10000000", "x"));
    if (chance(50))
        add(c, "-"), add(c, "+");
    else
        add_id(c, 60), add_id(c, 10);
    add(c, PICK("1", "5", "100", "0", "-1", "x"));
    if (chance(40)) add_consumer(c);
}

static void rule_claim(struct cmd *c) {
    add(c, "XCLAIM");
    add_key(c);
    add_group(c);
    add_consumer(c);
    add(c, PICK("0", "0", "0", "-1", "10000000", "x"));
    for (int n = 1 + (int)test_below(3); n > 0; n--) add_id(c, 40);
    if (chance(30)) add(c, "FORCE");
    if (chance(30)) add(c, "JUSTID");
    if (chance(30) && c->argc + 2 <= CMD_ARGS_MAX) {
        add(c, PICK("RETRYCOUNT", "TIME", "IDLE", "bogus"));
        add(c, PICK("0", "1", "7", "1000", "x"));
    }
    if (chance(10) && c->argc + 2 <= CMD_ARGS_MAX) add(c, "LASTID"), add_id(c, 20);
}

static void rule_autoclaim(struct cmd *c) {
    add(c, "XAUTOCLAIM");
    add_key(c);
    add_group(c);
    add_consumer(c);
    add(c, PICK("0", "0", "0", "10000000", "x"));
    if (chance(60))
        add(c, PICK("0", "-", "(0-1", "+"));
    else
        add_id(c, 60);
    if (chance(60)) add(c, "COUNT"), add(c, PICK("1", "2", "5", "0", "x"));
    if (chance(30)) add(c, "JUSTID");
}

static void rule_info(struct cmd *c) {
    const char *sub = PICK("STREAM", "FULL", "GROUPS", "CONSUMERS");
    add(c, "XINFO");
    add(c, sub[0] == 'F' ? "STREAM" : sub);
    add_key(c);
    if (sub[0] == 'C') add_group(c);
    if (sub[0] != 'F') return;
    add(c, chance(2) ? "bogus" : "FULL");
    if (chance(60)) add(c, "COUNT"), add(c, PICK("0", "1", "5", "-1", "x"));
}

static void rule_setid(struct cmd *c) {
    add(c, "XSETID");
    add_key(c);
    add_id(c, 5);
    if (chance(30)) add(c, "ENTRIESADDED"), add(c, PICK("0", "10", "1000", "-1", "x"));
    if (chance(30)) add(c, "MAXDELETEDID"), add_id(c, 20);
}

static void rule_whole(struct cmd *c) {
    const char *name = PICK("DEL", "COPY", "RENAME", "EXISTS", "TYPE", "OBJECT", "XLEN", "XLEN", "DUMP");
    add(c, name);
    if (name[0] == 'O') add(c, "ENCODING");
    add_key(c);
    if (name[0] == 'R' || name[0] == 'C') add_key(c);
    if (name[0] == 'C') add(c, "REPLACE");
}

static void rule_transaction(struct cmd *c) {
    add(c, PICK("MULTI", "EXEC", "EXEC", "WATCH"));
    if (c->argv[0][0] == 'W') add_key(c);
}

static const struct rule rules[] = {
    {40, rule_add},      {3, rule_trim},        {5, rule_del},   {8, rule_range},   {6, rule_read},
    {5, rule_group},     {12, rule_read_group}, {6, rule_ack},   {5, rule_pending}, {6, rule_claim},
    {4, rule_autoclaim}, {8, rule_info},        {2, rule_setid}, {2, rule_whole},   {2, rule_transaction}};
const struct rule_set stream_rules = {"stream", rules, sizeof rules / sizeof *rules};

/* What is behind the name of a field that tells a time or the form of a radix tree, and the milliseconds in what is
 * pending, become alike on both sides. */
static void blank(redisReply *r) {
    if (r->type == REDIS_REPLY_INTEGER) r->integer = 0;
}

static bool is_text(const redisReply *r, const char *s) {
    return r->type == REDIS_REPLY_STRING && strcmp(r->str, s) == 0;
}

static void blank_times(redisReply *r, bool pending_list) {
    if (r->type != REDIS_REPLY_ARRAY) return;
    for (size_t i = 0; i < r->elements; i++) {
        redisReply *e = r->element[i];
        bool named = i > 0 && r->element[i - 1]->type == REDIS_REPLY_STRING;
        if (named && (is_text(r->element[i - 1], "radix-tree-nodes") ||
                      is_text(r->element[i - 1], "seen-time") || is_text(r->element[i - 1], "idle")))
            blank(e);
        if (pending_list && e->type == REDIS_REPLY_ARRAY && e->elements >= 3)
            blank(e->element[e->elements - 2]);
        blank_times(e, named && is_text(r->element[i - 1], "pending"));
    }
}

static bool same(const struct cmd *c, redisReply *ours, redisReply *real) {
    if (is_command(c, "DUMP")) return ours->type == real->type;
    if (is_command(c, "XINFO") || is_command(c, "XPENDING")) {
        blank_times(ours, is_command(c, "XPENDING"));
        blank_times(real, is_command(c, "XPENDING"));
    }
    return same_text(ours, real);
}

/* What either dumped, the other restores to the same value, groups and all. */
static void exchange_dumps(struct srv *from, struct srv *to) {
    redisContext *f = srv_connect(from), *t = srv_connect(to);
    static const char *const keys[] = {"a", "b", "c", "d", "e"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        redisReply *dump = redisCommand(f, "DUMP %s", keys[i]);
        if (dump->type == REDIS_REPLY_STRING) {
            redisReply *r = redisCommand(t, "RESTORE copy 0 %b REPLACE", dump->str, dump->len);
            cr_assert(r->type == REDIS_REPLY_STATUS, "%s", reply_text(r));
            freeReplyObject(r);
            redisReply *want = redisCommand(f, "XINFO STREAM %s FULL COUNT 0", keys[i]);
            r = redisCommand(t, "XINFO STREAM copy FULL COUNT 0");
            for (size_t k = 4; k < 6 && want->type == REDIS_REPLY_ARRAY; k++)
                blank(want->element[k]), blank(r->element[k]); /* radix-tree-nodes */
            cr_assert(same_text(want, r));
            freeReplyObject(want);
            freeReplyObject(r);
        }
        freeReplyObject(dump);
    }
    srv_cmd(to, "DEL copy");
    redisFree(f);
    redisFree(t);
}

static void run(const char *entries, const char *bytes) {
    static const struct differential d = {rules, sizeof rules / sizeof *rules, COMMANDS, same};
    struct srv *s[2] = {srv_start(TANDEM, "%s", ""), srv_start(REDIS, "%s", "")};
    for (int i = 0; i < 2; i++) {
        EXPECT(s[i], "OK", "CONFIG SET stream-node-max-entries %s", entries);
        EXPECT(s[i], "OK", "CONFIG SET stream-node-max-bytes %s", bytes);
        srv_cmd(s[i], "SET string 1");
    }
    clock_of_ids = 1;
    differential_run(s[0], s[1], &d);
    exchange_dumps(s[0], s[1]);
    exchange_dumps(s[1], s[0]);
    srv_free(s[0]);
    srv_free(s[1]);
}

Test(differential_stream, nodes_of_five) {
    run("5", "0");
}

Test(differential_stream, nodes_of_few_bytes) {
    run("0", "300");
}

Test(differential_stream, nodes_of_many) {
    run("200", "100000");
}

/* --- replication --- */

/* Ids by the clock: each behind the one before it, and the same on the replica. */
static void add_by_clock(struct srv *s) {
    for (int i = 0; i < 200; i++) {
        srv_cmd(s, "XADD auto NOMKSTREAM MAXLEN ~ 50 * f %d", i);
        const char *id = srv_cmd(s, "XADD auto %s f %d", i % 3 ? "*" : "99999999999999-*", i);
        cr_assert(id[0] == '"', "%s", id);
        if (i % 3 == 0) EXPECT(s, "(integer) 1", "DEL auto");
    }
}

static const char *pending_of(struct srv *s, const char *key, const char *group) {
    redisContext *c = srv_connect(s);
    redisReply *r = redisCommand(c, "XPENDING %s %b - + 100000", key, group, strlen(group));
    blank_times(r, true);
    for (size_t i = 0; r->type == REDIS_REPLY_ARRAY && i < r->elements;
         i++) /* history counts only where it is read */
        blank(r->element[i]->element[3]);
    const char *text = reply_text(r);
    freeReplyObject(r);
    redisFree(c);
    return text;
}

static void check_replica(struct srv *replica, struct srv *primary) {
    srv_wait_synced(replica, primary);
    cr_assert(srv_same_data(replica, primary), "TEST_SEED=%llu", (unsigned long long)test_seed());
    static const char *const keys[] = {"a", "b", "c", "d", "e"}, *const groups[] = {"g", "h", "i\r\n"};
    for (size_t k = 0; k < 5; k++)
        for (size_t g = 0; g < 3; g++)
            cr_assert_str_eq(pending_of(replica, keys[k], groups[g]),
                             pending_of(primary, keys[k], groups[g]));
}

/* Ours and the real one run the same commands, each with the other kind as replica from the start; then each is given
 * the other kind's snapshot. */
Test(differential_stream, replicas_follow_both_ways) {
    static const struct differential d = {rules, sizeof rules / sizeof *rules, COMMANDS / 2, same};
    struct srv *s[2] = {srv_start(TANDEM, "%s", ""), srv_start(REDIS, "%s", "")};
    struct srv *replica[2] = {srv_start(REDIS, "%s", ""), srv_start(TANDEM, "%s", "")};
    for (int i = 0; i < 2; i++) {
        EXPECT(s[i], "OK", "CONFIG SET stream-node-max-entries 5");
        EXPECT(replica[i], "OK", "CONFIG SET stream-node-max-entries 5");
        srv_cmd(s[i], "SET string 1");
        srv_replicate(replica[i], s[i]);
    }
    clock_of_ids = 1;
    differential_run(s[0], s[1], &d);
    for (int i = 0; i < 2; i++) {
        add_by_clock(s[i]);
        check_replica(replica[i], s[i]);
        EXPECT(replica[i], "OK", "REPLICAOF NO ONE");
        EXPECT(replica[i], "OK", "FLUSHALL");
        srv_replicate(replica[i], s[i]);
        check_replica(replica[i], s[i]);
    }
    for (int i = 0; i < 2; i++) srv_free(replica[i]), srv_free(s[i]);
}

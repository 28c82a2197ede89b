/* Bitmaps beside the real redis-server (support/differential.h): strings of every encoding, offsets up to and past
 * proto-max-bulk-len, and the stream and snapshot to replicas of either kind. */
#include "families.h"

#include <criterion/criterion.h>
#include <string.h>

#define COMMANDS 40000

/* A BITFIELD whose operations all FAIL may still grow the string. Redis lets an EXEC that watches it go on as if nothing
 * had changed; ours fails it (see growth_alone_is_a_change), so the watched key gets no FAIL here. */
#define WATCHED "a"

static bool may_fail; /* BITFIELD ... OVERFLOW FAIL may be asked for */

static void add_key(struct cmd *c) {
    add(c, chance(2) ? "list" : PICK("a", "b", "c", "d", "e", "f"));
}

static void add_offset(struct cmd *c) {
    if (chance(2)) /* 8388608 bits are the limit of 1 MB */
        add(c, PICK("8388608", "-1", "4294967296", "x", "", "9223372036854775807", "#8388608", "01", "1.0"));
    else
        add_i64(c, (int64_t)test_below(chance(20) ? 3000 : 100));
}

static void add_index(struct cmd *c) {
    if (chance(2))
        add(c, PICK("x", "", "9223372036854775807", "-9223372036854775808", "1.5"));
    else
        add_i64(c, (int64_t)test_below(chance(30) ? 3000 : 60) - (chance(50) ? 30 : 0));
}

static void rule_set(struct cmd *c) {
    add(c, "SETBIT");
    add_key(c);
    add_offset(c);
    add(c, chance(3) ? PICK("2", "-1", "x", "") : PICK("0", "1", "1"));
}

static void rule_string(struct cmd *c) {
    char b[CMD_ARG_BYTES];
    size_t n = test_below(chance(30) ? sizeof b : 12);
    int fill = PICK("r", "0", "f")[0];
    add(c, PICK("SET", "SET", "APPEND"));
    add_key(c);
    for (size_t i = 0; i < n; i++) b[i] = (char)(fill == 'r' ? (int)test_below(256) : fill == 'f' ? 255 : 0);
    if (chance(30))
        add_i64(c, (int64_t)test_below(100000) - 50000);
    else
        add_bytes(c, b, n);
}

static void rule_get(struct cmd *c) {
    add(c, "GETBIT");
    add_key(c);
    add_offset(c);
}

static void add_unit(struct cmd *c) {
    add(c, chance(4) ? "bogus" : PICK("BIT", "BYTE", "bit", "byte"));
    if (chance(2)) add(c, "BIT");
}

static void rule_count(struct cmd *c) {
    add(c, "BITCOUNT");
    add_key(c);
    if (chance(15)) return;
    add_index(c);
    if (chance(3)) return;
    add_index(c);
    if (chance(60)) add_unit(c);
}

static void rule_pos(struct cmd *c) {
    add(c, "BITPOS");
    add_key(c);
    add(c, chance(3) ? PICK("2", "-1", "x") : PICK("0", "1"));
    if (chance(20)) return;
    add_index(c);
    if (chance(30)) return;
    add_index(c);
    if (chance(60)) add_unit(c);
}

static void rule_op(struct cmd *c) {
    const char *name = chance(3) ? "NAND" : PICK("AND", "OR", "XOR", "NOT", "and", "not");
    add(c, "BITOP");
    add(c, name);
    add(c, PICK("a", "b", "c", "d", "e", "f", "list"));
    add_key(c);
    if ((name[0] | 32) == 'n' && !chance(5)) return;
    for (int n = (int)test_below(4); n > 0; n--) add_key(c);
}

static void add_field(struct cmd *c) {
    char type[16];
    if (chance(2)) {
        add(c, PICK("u64", "i65", "x8", "u0", "i", "", "u-1", "i008"));
    } else {
        bool is_signed = chance(50);
        int width = (int)test_below(is_signed ? 64 : 63) + 1;
        if (chance(60)) width = PICK("\1", "\4", "\5", "\10", "\20")[0];
        snprintf(type, sizeof type, "%c%d", is_signed ? 'i' : 'u', width);
        add(c, type);
    }
    if (chance(80)) {
        add_offset(c);
    } else {
        snprintf(type, sizeof type, "#%d", (int)test_below(40));
        add(c, type);
    }
}

static void add_number(struct cmd *c) {
    if (chance(20))
        add(c, PICK("9223372036854775807", "-9223372036854775808", "x", "127", "-128", "32768", "", "1.5"));
    else
        add_i64(c, (int64_t)test_below(300) - 150);
}

static void rule_field(struct cmd *c) {
    const char *name = chance(15) ? "BITFIELD_RO" : "BITFIELD";
    add(c, name);
    add_key(c);
    for (int n = (int)test_below(4); n > 0; n--) {
        const char *what = chance(2) ? "bogus" : PICK("GET", "GET", "SET", "INCRBY", "incrby", "OVERFLOW");
        if (name[8] == '_' && chance(90)) what = "GET";
        add(c, what);
        if (what[0] == 'O') {
            bool fail = may_fail && strcmp(c->argv[1], WATCHED) != 0;
            add(c, chance(3) ? "bogus" : PICK("WRAP", "SAT", "sat", fail ? "FAIL" : "SAT"));
            continue;
        }
        if (!chance(98)) continue;
        add_field(c);
        if (what[0] != 'G') add_number(c);
    }
}

static void rule_look(struct cmd *c) {
    const char *name = PICK("GET", "STRLEN", "OBJECT", "EXISTS", "TTL");
    add(c, name);
    if (name[0] == 'O') add(c, "ENCODING");
    add_key(c);
}

static void rule_whole(struct cmd *c) {
    const char *name = PICK("DEL", "PERSIST", "EXPIRE");
    add(c, name);
    add(c, PICK("a", "b", "c", "d", "e", "f"));
    if (name[1] == 'X') add(c, "1000");
}

static void rule_transaction(struct cmd *c) {
    add(c, PICK("MULTI", "EXEC", "EXEC", "WATCH"));
    if (c->argv[0][0] == 'W') add(c, WATCHED);
}

static const struct rule rules[] = {{10, rule_set},  {6, rule_string},     {5, rule_get},    {12, rule_count},
                                    {12, rule_pos},  {12, rule_op},        {25, rule_field}, {12, rule_look},
                                    {2, rule_whole}, {2, rule_transaction}};
#define N_RULES ((int)(sizeof rules / sizeof *rules))

static struct srv *start(enum srv_kind kind) {
    struct srv *s = srv_start(kind, "--proto-max-bulk-len 1mb");
    srv_cmd(s, "RPUSH list 1");
    return s;
}

Test(differential_bitmap, replies_and_data) {
    static const struct differential d = {rules, N_RULES, COMMANDS, NULL};
    struct srv *ours = start(TANDEM), *real = start(REDIS);
    may_fail = true;
    differential_run(ours, real, &d);
    srv_free(ours);
    srv_free(real);
}

static void run_replicated(enum srv_kind primary, enum srv_kind replica) {
    struct srv *from = start(primary), *to = start(replica), *late = start(replica);
    differential_follow(from, to, late, rules, N_RULES, 10000);
    srv_free(late);
    srv_free(to);
    srv_free(from);
}

Test(differential_bitmap, a_real_replica_follows) {
    may_fail = true;
    run_replicated(TANDEM, REDIS);
}

/* Without OVERFLOW FAIL: when all operations failed the real one doesn't tell its replicas that the string has grown. */
Test(differential_bitmap, a_real_master_is_followed) {
    may_fail = false;
    run_replicated(REDIS, TANDEM);
}

static void expect_both(struct srv *s[2], const char *line) {
    char ours[200];
    snprintf(ours, sizeof ours, "%s", srv_cmd(s[0], line));
    EXPECT(s[1], ours, line);
}

/* Strings so long that every loop by words runs, with ends at every place in a word. */
Test(differential_bitmap, long_strings) {
    struct srv *s[2] = {start(TANDEM), start(REDIS)};
    char line[100];
    for (int i = 0; i < 2; i++) {
        srv_cmd(s[i], "SETBIT a 800000 1");
        srv_cmd(s[i], "BITOP NOT b a");
        srv_cmd(s[i], "BITOP XOR c a b a");
    }
    for (int from = 0; from < 70; from++) {
        const char *key = PICK("a", "b", "c");
        int to = 799930 + (int)test_below(100);
        snprintf(line, sizeof line, "BITCOUNT %s %d %d BIT", key, from, to);
        expect_both(s, line);
        snprintf(line, sizeof line, "BITPOS %s %d %d %d BIT", key, from % 2, from, to);
        expect_both(s, line);
    }
    cr_assert(srv_same_data(s[0], s[1]));
    for (int i = 0; i < 2; i++) srv_free(s[i]);
}

Test(differential_bitmap, growth_alone_is_a_change) {
    struct srv *s = start(TANDEM);
    redisContext *watcher = srv_connect(s);
    freeReplyObject(redisCommand(watcher, "WATCH k"));
    cr_assert_str_eq(srv_cmd(s, "BITFIELD k OVERFLOW FAIL INCRBY u5 84 55"), "[(nil)]");
    cr_assert_str_eq(srv_cmd(s, "STRLEN k"), "(integer) 12");
    freeReplyObject(redisCommand(watcher, "MULTI"));
    redisReply *r = redisCommand(watcher, "EXEC");
    cr_assert_eq(r->type, REDIS_REPLY_NIL);
    freeReplyObject(r);
    redisFree(watcher);
    srv_stop(s);
}
const struct rule_set bitmap_rules = {"bitmap", rules, sizeof rules / sizeof *rules};

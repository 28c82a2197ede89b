/* Lists beside the real redis-server (support/differential.h), with nodes so small that every division, joining and
 * compression happens. DUMP is not compared (nodes may be divided elsewhere) but restored on the other side. */
#include "families.h"

#include <criterion/criterion.h>
#include <string.h>

#define COMMANDS 20000 /* for each of the settings */

static const char *const keys[] = {"a", "b", "c", "d", "e", "f", "g", "h"};

static void add_key(struct cmd *c) {
    add(c, chance(2) ? "string" : keys[test_below(8)]);
}

static void add_element(struct cmd *c) {
    static const int64_t edges[] = {0,     127,   128,   -1,      4095,     4096,       -4096,     -4097,
                                    32767, 32768, 65536, 8388607, -8388608, 2147483647, INT64_MAX, INT64_MIN};
    char b[CMD_ARG_BYTES];
    size_t n;
    switch (test_below(10)) {
    case 0: add_i64(c, edges[test_below(sizeof edges / sizeof *edges)]); return;
    case 1: add(c, PICK("", "01", "-0", "+1", " 1", "9223372036854775808", "1.0")); return;
    case 2: n = 60 + test_below(8); break; /* around the short form's limit */
    case 3: n = 100 + test_below(CMD_ARG_BYTES - 100); break;
    case 4: n = 1 + test_below(20); break;
    default: add_i64(c, (int64_t)test_below(12)); return; /* meets others of its kind */
    }
    for (size_t i = 0; i < n; i++) b[i] = (char)(chance(80) ? 'a' : test_below(256));
    add_bytes(c, b, n);
}

static void add_index(struct cmd *c) {
    if (chance(3))
        add(c, PICK("abc", "", "1.5", "9223372036854775807", "-9223372036854775808", "9223372036854775808"));
    else
        add_i64(c, (int64_t)test_below(60) - 30);
}

static void add_end(struct cmd *c) {
    add(c, chance(3) ? PICK("UP", "") : PICK("LEFT", "RIGHT", "left", "rIGHT"));
}

static void rule_push(struct cmd *c) {
    add(c, PICK("LPUSH", "RPUSH", "lpush", "rpush", "LPUSHX", "RPUSHX"));
    add_key(c);
    for (int n = (int)test_below(8) + (chance(98) ? 1 : 0); n > 0; n--) add_element(c);
}

static void rule_pop(struct cmd *c) {
    add(c, PICK("LPOP", "RPOP"));
    add_key(c);
    if (chance(40)) add(c, PICK("0", "1", "2", "5", "20", "-1", "x", "9223372036854775807"));
    if (chance(2)) add(c, "1");
}

static void rule_mpop(struct cmd *c) {
    add(c, "LMPOP");
    int n = 1 + (int)test_below(3);
    if (chance(6))
        add(c, PICK("0", "-1", "x", "5", "9223372036854775807"));
    else
        add_i64(c, n);
    while (n-- > 0) add_key(c);
    if (!chance(3)) add_end(c);
    if (!chance(30)) return;
    add(c, PICK("COUNT", "count", "bogus"));
    if (!chance(5)) add(c, PICK("1", "2", "10", "0", "-1", "x"));
    if (chance(5)) {
        add(c, "COUNT");
        add(c, "1");
    }
}

static void rule_read(struct cmd *c) {
    const char *name = PICK("LLEN", "LINDEX", "LINDEX", "LRANGE", "LRANGE", "TYPE", "OBJECT");
    add(c, name);
    if (strcmp(name, "OBJECT") == 0) add(c, "ENCODING");
    add_key(c);
    if (name[1] == 'I' || name[1] == 'R') add_index(c);
    if (name[1] == 'R') add_index(c);
}

static void rule_set(struct cmd *c) {
    add(c, "LSET");
    add_key(c);
    add_index(c);
    add_element(c);
}

static void rule_trim(struct cmd *c) {
    add(c, "LTRIM");
    add_key(c);
    if (chance(70)) { /* seldom to nothing, or no list would ever be long */
        add_i64(c, (int64_t)test_below(4));
        add_i64(c, -1 - (int64_t)test_below(4));
    } else {
        add_index(c);
        add_index(c);
    }
}

static void rule_rem(struct cmd *c) {
    add(c, "LREM");
    add_key(c);
    add(c, PICK("0", "1", "-1", "2", "-2", "100", "x", "-9223372036854775808"));
    add_element(c);
}

static void rule_insert(struct cmd *c) {
    add(c, "LINSERT");
    add_key(c);
    add(c, PICK("BEFORE", "AFTER", "before", "aFTER", "AFTER", "BEFORE", "bogus"));
    add_element(c);
    add_element(c);
}

static void rule_pos(struct cmd *c) {
    add(c, "LPOS");
    add_key(c);
    add_element(c);
    for (int n = (int)test_below(4); n > 0; n--) {
        add(c, PICK("RANK", "COUNT", "MAXLEN", "rank", "bogus"));
        if (!chance(4)) add(c, PICK("0", "1", "2", "-1", "-2", "3", "10", "x"));
    }
}

static void rule_move(struct cmd *c) {
    bool ends = chance(70);
    add(c, ends ? "LMOVE" : "RPOPLPUSH");
    add_key(c);
    add_key(c);
    if (!ends) return;
    add_end(c);
    add_end(c);
}

static void rule_whole(struct cmd *c) {
    const char *name = PICK("DEL", "RENAME", "COPY", "COPY", "UNLINK", "EXISTS");
    add(c, name);
    add_key(c);
    if (name[0] == 'R' || name[0] == 'C') add_key(c);
    if (name[0] == 'C') add(c, "REPLACE");
}

/* Nobody waits inside a transaction, nor where there is something to be had. */
static void rule_transaction(struct cmd *c) {
    add(c, PICK("MULTI", "EXEC", "EXEC", "WATCH"));
    if (c->argv[0][0] == 'W') add_key(c);
}

static const struct rule rules[] = {{30, rule_push}, {8, rule_pop},  {4, rule_mpop},  {20, rule_read},
                                    {8, rule_set},   {3, rule_trim}, {6, rule_rem},   {12, rule_insert},
                                    {8, rule_pos},   {8, rule_move}, {3, rule_whole}, {2, rule_transaction}};
const struct rule_set list_rules = {"list", rules, sizeof rules / sizeof *rules};

static void run(const char *size, const char *depth, const char *packed) {
    static const struct differential d = {rules, sizeof rules / sizeof *rules, COMMANDS, NULL};
    struct srv *s[2] = {srv_start(TANDEM, "%s", ""), srv_start(REDIS, "%s", "")};
    for (int i = 0; i < 2; i++) {
        EXPECT(s[i], "OK", "CONFIG SET list-max-listpack-size %s", size);
        EXPECT(s[i], "OK", "CONFIG SET list-compress-depth %s", depth);
        EXPECT(s[i], "OK", "DEBUG QUICKLIST-PACKED-THRESHOLD %s", packed);
        srv_cmd(s[i], "SET string 1");
    }
    differential_run(s[0], s[1], &d);
    differential_exchange_dumps(s[0], s[1], keys, sizeof keys / sizeof *keys, true);
    differential_exchange_dumps(s[1], s[0], keys, sizeof keys / sizeof *keys, true);
    srv_free(s[0]);
    srv_free(s[1]);
}

Test(differential_list, nodes_of_four) {
    run("4", "0", "0");
}

Test(differential_list, nodes_of_two_compressed) {
    run("2", "1", "0");
}

Test(differential_list, nodes_of_bytes_compressed) {
    run("-1", "2", "0");
}

Test(differential_list, plain_nodes) {
    run("4", "1", "60");
}

/* The same stream to a replica of the other kind, and then all of it as a snapshot to a second one. */
static void run_replicated(enum srv_kind primary, enum srv_kind replica) {
    struct srv *from = srv_start(primary, "--list-max-listpack-size 3 --list-compress-depth 1"),
               *to = srv_start(replica, "%s", ""), *late = srv_start(replica, "%s", "");
    differential_follow(from, to, late, rules, sizeof rules / sizeof *rules, 10000);
    srv_free(late);
    srv_free(to);
    srv_free(from);
}

Test(differential_list, a_real_replica_follows) {
    run_replicated(TANDEM, REDIS);
}

Test(differential_list, a_real_master_is_followed) {
    run_replicated(REDIS, TANDEM);
}

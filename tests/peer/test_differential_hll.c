/* HyperLogLogs beside the real redis-server (support/differential.h): the bytes are the same, sparse and dense, with a
 * limit so low that both forms are met. */
#include "families.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define COMMANDS 12000 /* for each of the limits */

static void add_key(struct cmd *c) {
    add(c, chance(3) ? PICK("list", "string", "number", "broken", "short") : PICK("a", "b", "c", "d", "e"));
}

/* Not to the broken one: Redis then keeps what it had added before it noticed. */
static void rule_add(struct cmd *c) {
    char b[40];
    add(c, "PFADD");
    add(c, chance(3) ? PICK("list", "string", "number", "short") : PICK("a", "b", "c", "d", "e"));
    for (int n = (int)test_below(chance(30) ? 18 : 4); n > 0; n--) {
        size_t len = (size_t)snprintf(b, sizeof b, "%d", (int)test_below(chance(50) ? 100000000 : 3000));
        if (chance(30)) len = test_below(sizeof b);
        add_bytes(c, b, len);
    }
}

static void rule_count(struct cmd *c) {
    add(c, "PFCOUNT");
    for (int n = 1 + (chance(20) ? (int)test_below(3) : 0); n > 0; n--) add_key(c);
}

static void rule_merge(struct cmd *c) {
    add(c, "PFMERGE");
    for (int n = 1 + (int)test_below(3); n > 0; n--) add_key(c);
}

static void rule_look(struct cmd *c) {
    const char *name = PICK("GET", "GET", "STRLEN", "OBJECT", "PFDEBUG", "PFDEBUG");
    add(c, name);
    if (name[0] == 'O') add(c, "ENCODING");
    if (name[0] == 'P') add(c, chance(3) ? PICK("GETREG", "bogus") : PICK("ENCODING", "DECODE", "decode"));
    add_key(c);
}

static void rule_change(struct cmd *c) {
    const char *name = PICK("DEL", "DEL", "PFDEBUG", "EXPIRE", "SETRANGE");
    bool debug = name[0] == 'P', range = name[0] == 'S';
    add(c, name);
    if (debug) add(c, "TODENSE");
    add(c, PICK("a", "b", "c", "d", "e"));
    if (name[0] == 'E') add(c, "1000");
    if (!range) return;
    add_i64(c, 8 + (int64_t)test_below(8)); /* the cached count */
    add(c, chance(50) ? "\x80" : "x");
}

static void rule_transaction(struct cmd *c) {
    add(c, PICK("MULTI", "EXEC", "EXEC"));
}

static const struct rule rules[] = {{30, rule_add},  {15, rule_count}, {4, rule_merge},
                                    {15, rule_look}, {1, rule_change}, {2, rule_transaction}};
#define N_RULES ((int)(sizeof rules / sizeof *rules))

static struct srv *start(enum srv_kind kind, const char *sparse_max) {
    struct srv *s = srv_start(kind, "--hll-sparse-max-bytes %s", sparse_max);
    srv_cmd(s, "RPUSH list 1");
    srv_cmd(s, "SET string HYLL");
    srv_cmd(s, "SET number 1");
    srv_cmd(s, "SET short %b", "HYLL\0\0\0\0\0\0\0\0\0\0\0\0x", (size_t)17);
    srv_cmd(s, "APPEND broken H"); /* which makes it raw, as counting it does */
    srv_cmd(s, "SETRANGE broken 0 %b", "HYLL\1\0\0\0\0\0\0\0\0\0\0\x80\x7f\xfe", (size_t)18);
    return s;
}

static void run(const char *sparse_max) {
    static const struct differential d = {rules, N_RULES, COMMANDS, NULL};
    struct srv *ours = start(TANDEM, sparse_max), *real = start(REDIS, sparse_max);
    differential_run(ours, real, &d);
    EXPECT(ours, "OK", "PFSELFTEST");
    srv_free(ours);
    srv_free(real);
}

Test(differential_hll, sparse_for_long) {
    run("3000");
}

Test(differential_hll, soon_dense) {
    run("60");
}

static void run_replicated(enum srv_kind primary, enum srv_kind replica) {
    struct srv *from = start(primary, "200"), *to = start(replica, "200"), *late = start(replica, "200");
    differential_follow(from, to, late, rules, N_RULES, 5000);
    srv_free(late);
    srv_free(to);
    srv_free(from);
}

Test(differential_hll, a_real_replica_follows) {
    run_replicated(TANDEM, REDIS);
}

Test(differential_hll, a_real_master_is_followed) {
    run_replicated(REDIS, TANDEM);
}
const struct rule_set hll_rules = {"hll", rules, sizeof rules / sizeof *rules};

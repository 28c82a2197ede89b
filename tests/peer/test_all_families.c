/* All families at once: random commands of every kind from several connections, transactions and waiting clients among
 * them, what chance and the clock decide included, to a master of one kind with a replica of the other, and a second one
 * that comes again and again for all of it, under way. In the end all hold the same.
 *
 * Each family stays mostly in a database of its own, where its commands meet values of its type; the rest of the time they
 * meet the others' values. By hand: TEST_SCALE=50 TEST_SEED=random for a million commands. */
#include "families.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COMMANDS 20000
#define BATCH    100
#define CLIENTS  3
#define ROUNDS   4 /* so often the late one comes anew */

/* --- commands whose effect is not what was asked for: replicas get it in another form --- */

static void add_home_key(struct cmd *c) {
    add(c, PICK("a", "b", "c", "d", "e", "f", "key:1", "key:2", "l1", "l2", "s1", "z1", "z:0", "z:1", "g:0"));
}

static void rule_chance(struct cmd *c) {
    const char *name = PICK("SPOP", "SPOP", "ZPOPMIN", "GETDEL", "INCRBYFLOAT", "HINCRBYFLOAT", "XADD",
                            "SETEX");
    add(c, name);
    add_home_key(c);
    if (name[0] == 'S' && name[1] == 'P' && chance(60)) add(c, PICK("1", "3", "20", "100", "0"));
    if (name[0] == 'H') add(c, "f");
    if (strstr(name, "FLOAT")) add(c, PICK("0.1", "-3.75", "1e3", "2.5"));
    if (name[0] == 'X') {
        if (chance(50)) {
            add(c, "MAXLEN");
            add(c, PICK("~", "="));
            add(c, "20");
        }
        add(c, PICK("*", "*", "99999999999999-*"));
        add(c, "f");
        add(c, "v");
    }
}

/* Times that pass while the test runs: on access, by the clock, and in a snapshot. */
static void rule_short_lives(struct cmd *c) {
    const char *name = PICK("PEXPIRE", "PEXPIRE", "PSETEX", "GETEX", "SET", "PEXPIREAT");
    add(c, name);
    if (strstr(name, "SET"))
        add(c, PICK("key:1", "key:2", "key:3"));
    else
        add_home_key(c);
    if (name[0] == 'S') add(c, "v");
    if (name[0] == 'G' || name[0] == 'S') add(c, "PX");
    add_i64(c, strcmp(name, "PEXPIREAT") == 0 ? 1 : 1 + (int64_t)test_below(chance(50) ? 20 : 2000));
    if (strcmp(name, "PSETEX") == 0) add(c, "v");
}

/* With a time to wait that is over at once where there is nothing to be had. */
static void rule_waits(struct cmd *c) {
    switch (test_below(7)) {
    case 0:
        add(c, PICK("BLPOP", "BRPOP", "BZPOPMIN", "BZPOPMAX"));
        for (int n = 1 + (int)test_below(3); n > 0; n--) add_home_key(c);
        break;
    case 1:
        add(c, "BRPOPLPUSH");
        add_home_key(c);
        add_home_key(c);
        break;
    case 2:
        add(c, "BLMOVE");
        add_home_key(c);
        add_home_key(c);
        add(c, PICK("LEFT", "RIGHT"));
        add(c, PICK("LEFT", "RIGHT"));
        break;
    case 3:
    case 4: {
        bool list = chance(50);
        add(c, list ? "BLMPOP" : "BZMPOP");
        add(c, "0.02");
        add(c, "2");
        add_home_key(c);
        add_home_key(c);
        add(c, list ? PICK("LEFT", "RIGHT") : PICK("MIN", "MAX"));
        add(c, "COUNT");
        add(c, PICK("1", "2", "10"));
        return;
    }
    case 5:
        add(c, "XGROUP");
        add(c, "CREATE");
        add(c, PICK("a", "b", "c", "d", "e"));
        add(c, PICK("g", "h"));
        add(c, "0");
        add(c, "MKSTREAM");
        return;
    default:
        add(c, "XREADGROUP");
        add(c, "GROUP");
        add(c, PICK("g", "h"));
        add(c, PICK("alice", "bob", "new"));
        if (chance(30)) add(c, "NOACK");
        add(c, "BLOCK");
        add(c, "20");
        add(c, "STREAMS");
        add(c, PICK("a", "b", "c", "d", "e"));
        add(c, ">");
        return;
    }
    add(c, "0.02");
}

static void rule_whole(struct cmd *c) {
    const char *name = PICK("DEL", "DEL", "DEL", "UNLINK", "RENAME", "COPY", "MOVE", "SORT");
    add(c, name);
    add_home_key(c);
    if (name[0] == 'M') add_i64(c, (int64_t)test_below(11));
    if (name[0] == 'R' || name[0] == 'C') add_home_key(c);
    if (name[0] == 'S') {
        add(c, "ALPHA");
        add(c, "STORE");
        add(c, PICK("l1", "l2", "stored"));
    }
}

static const struct rule special[] = {
    {5, rule_chance}, {3, rule_short_lives}, {2, rule_waits}, {2, rule_whole}};
enum { N_SPECIAL = sizeof special / sizeof *special };

static const struct rule_set *const families[] = {&key_rules,    &bitmap_rules, &geo_rules, &hash_rules,
                                                  &hll_rules,    &list_rules,   &set_rules, &sort_rules,
                                                  &stream_rules, &zset_rules};
enum { FAMILIES = sizeof families / sizeof *families };

/* --- sending --- */

static void send_command(redisContext *conn, const struct cmd *c) {
    const char *argv[CMD_ARGS_MAX];
    for (int k = 0; k < c->argc; k++) argv[k] = c->argv[k];
    redisAppendCommandArgv(conn, c->argc, argv, c->len);
}

static void read_reply(redisContext *conn) {
    redisReply *r;
    cr_assert(redisGetReply(conn, (void **)&r) == REDIS_OK, "%s, TEST_SEED=%llu", conn->errstr,
              (unsigned long long)test_seed());
    freeReplyObject(r);
}

static bool has_word(const struct cmd *c, const char *word) {
    for (int i = 1; i < c->argc; i++)
        if (c->len[i] == strlen(word) && strncasecmp(c->argv[i], word, c->len[i]) == 0) return true;
    return false;
}

/* A score of -0: a small sorted set has it or not by its form, which is another after a snapshot when it was great before. */
static bool makes_minus_zero(const struct cmd *c) {
    if (is_command(c, "ZADD") || is_command(c, "ZINCRBY")) return has_word(c, "-0");
    return has_word(c, "WEIGHTS") && (has_word(c, "-1") || has_word(c, "0") || has_word(c, "-inf"));
}

/* What empties everything too often, and what even two servers of one kind do differently: a SORT whose weights are equal
 * stores a set's elements in the order of its table. */
static bool is_unwanted(const struct cmd *c) {
    return makes_minus_zero(c) || is_command(c, "FLUSHALL") || is_command(c, "FLUSHDB") ||
           (is_command(c, "SORT") && has_word(c, "STORE") && has_word(c, "BY"));
}

/* A run of commands of one family, mostly where it is at home. */
static void send_batch(redisContext *conn, struct cmd *c, int *until_exec) {
    int family = (int)test_below(FAMILIES), db = chance(94) ? family : (int)test_below(FAMILIES);
    redisAppendCommand(conn, "SELECT %d", db);
    for (int i = 1; i < BATCH; i++) {
        bool own = !chance(6);
        do
            make_next_command(own ? families[family]->rules : special, own ? families[family]->n : N_SPECIAL,
                              c, until_exec);
        while (is_unwanted(c));
        send_command(conn, c);
    }
}

/* --- the servers --- */

static struct srv *start(enum srv_kind kind) {
    struct srv *s = srv_start(
        kind, "--proto-max-bulk-len 1mb --hash-max-listpack-entries 8 --hash-max-listpack-value 12 "
              "--set-max-intset-entries 8 --zset-max-listpack-entries 12 --zset-max-listpack-value 20 "
              "--list-max-listpack-size 4 --list-compress-depth 1 --stream-node-max-entries 5 "
              "--hll-sparse-max-bytes 200 --repl-backlog-size 16mb");
    return s;
}

/* Keys whose time has passed are deleted by the master when it meets them: that may take a moment. */
static void check_same(struct srv *follower, struct srv *master) {
    uint64_t end = now_ms() + 2 * WAIT_MS;
    bool same = false;
    while (!same && now_ms() < end) {
        srv_wait_synced(follower, master);
        same = srv_same_data(follower, master);
        if (!same) usleep(20000);
    }
    if (!same) differential_report(master, follower);
    cr_assert(same, "the %s replica differs, TEST_SEED=%llu", follower->kind == TANDEM ? "tandem" : "redis",
              (unsigned long long)test_seed());
}

/* All of it anew: what it has of its own makes its history another. */
static void sync_again(struct srv *late, struct srv *from) {
    EXPECT(late, "OK", "REPLICAOF NO ONE");
    EXPECT(late, "OK", "FLUSHALL");
    EXPECT(late, "OK", "REPLICAOF 127.0.0.1 %d", from->port);
}

static void run(enum srv_kind master_kind, enum srv_kind replica_kind) {
    struct srv *master = start(master_kind), *replica = start(replica_kind), *late = start(replica_kind);
    struct cmd *c = calloc(1, sizeof *c);
    redisContext *conns[CLIENTS];
    int until_exec[CLIENTS] = {0};
    int64_t batches = (int64_t)COMMANDS * test_scale() / (BATCH * CLIENTS), next_sync = 0;
    test_seed();
    for (int i = 0; i < CLIENTS; i++) conns[i] = srv_connect(master);
    srv_replicate(replica, master);
    for (int64_t done = 0; done < batches; done++) {
        if (done == next_sync) {
            /* from the master, or from the replica: a chain */
            if (done > 0) WAIT_UNTIL(srv_link_up(late)); /* while it loads, it takes no orders */
            sync_again(late, chance(50) ? master : replica);
            next_sync += batches / ROUNDS + 1;
        }
        for (int i = 0; i < CLIENTS; i++) send_batch(conns[i], c, &until_exec[i]);
        for (int i = 0; i < CLIENTS; i++)
            for (int k = 0; k < BATCH; k++) read_reply(conns[i]);
    }
    for (int i = 0; i < CLIENTS; i++) redisFree(conns[i]);
    free(c);
    check_same(replica, master);
    check_same(late, master);
    sync_again(late, master);
    check_same(late, master);
    srv_free(late);
    srv_free(replica);
    srv_free(master);
}

Test(all_families, a_real_replica_follows) {
    run(TANDEM, REDIS);
}

Test(all_families, a_real_master_is_followed) {
    run(REDIS, TANDEM);
}

/* The scenarios' bodies. See scenarios.h. */
#include "support/scenarios.h"
#include "support/proxy.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

/* Small and large hashes and sets; what chance or floating point decides must leave as what became of it. */
static void append_element_write(redisContext *c) {
    int k = (int)test_below(4), v = (int)test_below(1500);
    switch (test_below(12)) {
    case 0: redisAppendCommand(c, "HSET hash:%d field:%d %d other:%d value", k, v, v, v); return;
    case 1: redisAppendCommand(c, "HINCRBYFLOAT hash:%d sum:%d 0.37", k, v % 10); return;
    case 2: redisAppendCommand(c, "HDEL hash:%d field:%d field:%d", k, v, v + 1); return;
    case 3: redisAppendCommand(c, "HSET small:%d field:%d %d", v % 50, v % 10, v); return;
    case 4: redisAppendCommand(c, "SPOP set:%d", k); return;
    case 5: redisAppendCommand(c, "SPOP set:%d %d", k, v % 20 == 0 ? 10 * v : v % 30); return;
    case 6: redisAppendCommand(c, "SMOVE set:%d set:%d %d", k, (k + 1) % 4, v); return;
    case 7: redisAppendCommand(c, "SDIFFSTORE diff:%d set:%d set:%d", k, k, (k + 1) % 4); return;
    case 8: redisAppendCommand(c, "SREM set:%d %d", k, v); return;
    case 9: redisAppendCommand(c, "SADD set:%d member:%d %d", k, v, v); return;
    default: redisAppendCommand(c, "SADD set:%d %d %d %d %d", k, v, v + 1, v + 2, v + 3); return;
    }
}

static void append_write(redisContext *c) {
    int k = (int)test_below(500), v = (int)test_below(1000000);
    switch (test_below(18)) {
    case 0: redisAppendCommand(c, "INCRBY counter:%d %d", k, v); return;
    case 1: redisAppendCommand(c, "INCRBYFLOAT float:%d 0.37", k); return;
    case 2: redisAppendCommand(c, "SET key:%d %d EX 100000", k, v); return;
    case 3: redisAppendCommand(c, "SET key:%d short PX %d", k, 1 + v % 60); return;
    case 4: redisAppendCommand(c, "APPEND log:%d %d", k % 20, v % 100); return;
    case 5: redisAppendCommand(c, "DEL key:%d counter:%d", k, k); return;
    case 6: redisAppendCommand(c, "SELECT %d", v % 3); return;
    case 7: redisAppendCommand(c, "PEXPIRE key:%d %d", k, v % 50 == 0 ? -1 : 1000000 + v); return;
    case 8: redisAppendCommand(c, "MSET key:%d a key:%d b", k, (k + 1) % 500); return;
    case 9: redisAppendCommand(c, "SETRANGE range:%d %d xyz", k % 30, v % 200); return;
    case 10: redisAppendCommand(c, "GETEX key:%d EX 5000", k); return;
    case 11: redisAppendCommand(c, "COPY key:%d copy:%d REPLACE", k, k); return;
    case 12:
    case 13:
    case 14:
    case 15: append_element_write(c); return;
    default: redisAppendCommand(c, "SET key:%d value-%d", k, v); return;
    }
}

void write_load(struct srv *primary, int n) {
    redisContext *c = srv_connect(primary);
    int sent = 0;
    for (int i = 0; i < n; i++) {
        bool transaction = test_below(20) == 0;
        if (transaction) {
            redisAppendCommand(c, "MULTI");
            append_write(c);
            append_write(c);
            redisAppendCommand(c, "EXEC");
        } else {
            append_write(c);
        }
        sent += transaction ? 4 : 1;
    }
    for (int i = 0; i < sent; i++) {
        redisReply *r = NULL;
        cr_assert(redisGetReply(c, (void **)&r) == REDIS_OK, "write load: %s", c->errstr);
        freeReplyObject(r);
    }
    redisFree(c);
}

void wait_same(struct srv *replica, struct srv *primary) {
    /* Keys with a short TTL may go between two DIGESTs: ask until a pair agrees. */
    srv_wait_synced(replica, primary);
    WAIT_UNTIL(srv_same_data(replica, primary));
}

void scenario_full_sync(enum srv_kind pk, enum srv_kind rk, bool diskless) {
    struct srv *p = srv_start(pk, "--repl-diskless-sync %s", diskless ? "yes" : "no");
    struct srv *r = srv_start(rk, "%s", "");
    EXPECT(r, "OK", "SET old data"); /* goes away with the first sync */
    write_load(p, 3000);
    srv_replicate(r, p);
    wait_same(r, p);
    EXPECT(r, "(nil)", "GET old");
    write_load(p, 3000);
    wait_same(r, p);
    cr_assert_eq(srv_info_int(p, "connected_slaves"), 1);
    cr_assert_eq(srv_info_int(p, "sync_full"), 1);
    cr_assert_str_eq(srv_info(p, "master_replid"), srv_info(r, "master_replid"));
    srv_free(r);
    srv_free(p);
}

/* A primary and its replica with a proxy between. */
struct pair {
    struct srv *p, *r;
    struct proxy *proxy;
};

static struct pair pair_start(enum srv_kind pk, enum srv_kind rk, const char *backlog) {
    struct pair x = {.p = srv_start(pk, "--repl-backlog-size %s", backlog), .r = srv_start(rk, "%s", "")};
    x.proxy = proxy_start(x.p->port);
    write_load(x.p, 500);
    EXPECT(x.r, "OK", "REPLICAOF 127.0.0.1 %d", x.proxy->port);
    wait_same(x.r, x.p);
    return x;
}

static void pair_free(struct pair *x) {
    srv_free(x->r);
    proxy_stop(x->proxy);
    srv_free(x->p);
}

void scenario_partial_after_cut(enum srv_kind pk, enum srv_kind rk) {
    struct pair x = pair_start(pk, rk, "4mb");
    proxy_refuse(x.proxy, true);
    proxy_cut(x.proxy);
    WAIT_UNTIL(!srv_link_up(x.r));
    write_load(x.p, 2000);
    uint64_t before = proxy_bytes_down(x.proxy);
    int64_t missing = srv_info_int(x.p, "master_repl_offset") - srv_info_int(x.r, "slave_repl_offset");
    proxy_refuse(x.proxy, false);
    wait_same(x.r, x.p);
    cr_assert_eq(srv_info_int(x.p, "sync_full"), 1, "a full resync where the backlog covered the gap");
    cr_assert_geq(srv_info_int(x.p, "sync_partial_ok"), 1);
    /* Only the missing bytes travelled, but for the handshake, pings and expiries meanwhile. */
    cr_assert_lt((int64_t)(proxy_bytes_down(x.proxy) - before), missing + 65536);
    pair_free(&x);
}

void scenario_full_past_backlog(enum srv_kind pk, enum srv_kind rk) {
    struct pair x = pair_start(pk, rk, "16kb");
    proxy_refuse(x.proxy, true);
    proxy_cut(x.proxy);
    WAIT_UNTIL(!srv_link_up(x.r));
    char big[4001];
    memset(big, 'x', 4000);
    big[4000] = '\0';
    for (int i = 0; i < 200; i++) EXPECT(x.p, "OK", "SET big:%d %s", i, big);
    proxy_refuse(x.proxy, false);
    wait_same(x.r, x.p);
    cr_assert_eq(srv_info_int(x.p, "sync_full"), 2);
    pair_free(&x);
}

void scenario_random_cuts(enum srv_kind pk, enum srv_kind rk, int cuts) {
    struct pair x = pair_start(pk, rk, "16mb");
    for (int i = 0; i < cuts; i++) {
        proxy_split(x.proxy, test_below(4) == 0 ? 50 + (int)test_below(700) : 0);
        proxy_cut_after(x.proxy, (int64_t)test_below(6000));
        /* Writes go on until the cut comes, but never so many that a slow link falls behind the backlog. */
        for (int k = 0; k < 40 && proxy_cuts(x.proxy) <= (uint64_t)i; k++) write_load(x.p, 60);
        WAIT_UNTIL(proxy_cuts(x.proxy) > (uint64_t)i);
    }
    proxy_split(x.proxy, 0);
    proxy_cut_after(x.proxy, -1);
    wait_same(x.r, x.p);
    cr_assert_eq(srv_info_int(x.p, "sync_full"), 1, "the backlog covered every gap, %d full syncs",
                 (int)srv_info_int(x.p, "sync_full"));
    cr_assert_geq(proxy_cuts(x.proxy), (uint64_t)cuts);
    pair_free(&x);
}

void scenario_chain(enum srv_kind pk, enum srv_kind mk, enum srv_kind ek) {
    struct srv *p = srv_start(pk, "%s", ""), *m = srv_start(mk, "%s", ""), *e = srv_start(ek, "%s", "");
    write_load(p, 1000);
    srv_replicate(m, p);
    srv_replicate(e, m);
    write_load(p, 2000);
    wait_same(m, p);
    wait_same(e, p);
    cr_assert_str_eq(srv_info(e, "master_replid"), srv_info(p, "master_replid"));
    int64_t full = srv_info_int(m, "sync_full");
    /* Cut both links while writing: both come back partially. */
    srv_cmd(m, "CLIENT KILL TYPE master");
    srv_cmd(e, "CLIENT KILL TYPE master");
    write_load(p, 2000);
    wait_same(m, p);
    wait_same(e, p);
    cr_assert_eq(srv_info_int(p, "sync_full"), 1);
    cr_assert_eq(srv_info_int(m, "sync_full"), full);
    srv_free(e);
    srv_free(m);
    srv_free(p);
}

void scenario_promotion(enum srv_kind pk, enum srv_kind xk, enum srv_kind ok) {
    struct srv *p = srv_start(pk, "%s", ""), *x = srv_start(xk, "%s", ""), *o = srv_start(ok, "%s", "");
    write_load(p, 1000);
    srv_replicate(x, p);
    srv_replicate(o, p);
    /* The old primary must not say a word that the promoted one has not heard: that would be another history. */
    EXPECT(p, "OK", "DEBUG SET-ACTIVE-EXPIRE 0");
    EXPECT(p, "OK", "CONFIG SET repl-ping-replica-period 3600");
    wait_same(x, p);
    wait_same(o, p);
    char old_id[64];
    snprintf(old_id, sizeof old_id, "%s", srv_info(p, "master_replid"));
    EXPECT(x, "OK", "REPLICAOF NO ONE");
    cr_assert_str_eq(srv_info(x, "master_replid2"), old_id);
    write_load(x, 500);
    /* The other replica and the old primary follow the new one, neither with a full transfer. */
    srv_replicate(o, x);
    srv_replicate(p, x);
    write_load(x, 500);
    wait_same(o, x);
    wait_same(p, x);
    cr_assert_eq(srv_info_int(x, "sync_full"), 0, "promotion cost %d full syncs",
                 (int)srv_info_int(x, "sync_full"));
    cr_assert_eq(srv_info_int(x, "sync_partial_ok"), 2);
    srv_free(o);
    srv_free(x);
    srv_free(p);
}

static void fail_over(struct srv *from, struct srv *to) {
    redisContext *writer = srv_connect(from);
    redisReply *r = NULL;
    /* "target replica is not online" until its first ACK */
    WAIT_UNTIL(strcmp(srv_cmd(from, "FAILOVER TO 127.0.0.1 %d TIMEOUT 100000", to->port), "OK") == 0);
    cr_assert_eq(redisAppendCommand(writer, "SET too late"), REDIS_OK);
    cr_assert_eq(redisGetReply(writer, (void **)&r), REDIS_OK); /* held back until it is decided */
    cr_assert_str_eq(reply_text(r), "(error) READONLY You can't write against a read only replica.");
    freeReplyObject(r);
    redisFree(writer);
    WAIT_UNTIL(srv_link_up(from) && strcmp(srv_info(from, "master_failover_state"), "no-failover") == 0);
    cr_assert_str_eq(srv_info(to, "role"), "master");
    cr_assert(srv_logged(to, "MASTER MODE enabled (failover request from '"));
    write_load(to, 300);
    wait_same(from, to);
}

/* The role goes to a replica and back; `other` stays where it is, as a replica of a replica for a while. */
void scenario_failover(enum srv_kind pk, enum srv_kind xk, enum srv_kind ok) {
    struct srv *p = srv_start(pk, "%s", ""), *x = srv_start(xk, "%s", ""), *o = srv_start(ok, "%s", "");
    srv_replicate(x, p);
    srv_replicate(o, p);
    write_load(p, 1000);
    fail_over(p, x);
    wait_same(o, x);
    fail_over(x, p);
    wait_same(o, p);
    EXPECT(p, "(integer) 0", "EXISTS too");
    cr_assert_eq(srv_info_int(p, "sync_full"), 2, "the first ones only");
    cr_assert_eq(srv_info_int(x, "sync_full"), 0);
    srv_free(o);
    srv_free(x);
    srv_free(p);
}

void scenario_expiry(enum srv_kind pk, enum srv_kind rk) {
    struct srv *p = srv_start(pk, "%s", ""), *r = srv_start(rk, "%s", "");
    srv_replicate(r, p);
    EXPECT(p, "OK", "SET gone soon PX 50");
    EXPECT(p, "OK", "SET stays x EX 1000");
    EXPECT(p, "(integer) 1", "INCR counter");
    EXPECT(p, "(integer) 1", "EXPIRE counter 2000");
    WAIT_UNTIL(srv_int(p, "EXISTS gone") == 0 && srv_int(r, "DBSIZE") == 2);
    int64_t a = srv_int(p, "PEXPIRETIME stays"), b = srv_int(r, "PEXPIRETIME stays");
    cr_assert_eq(a, b, "the same absolute time on both sides");
    cr_assert_eq(srv_int(p, "PEXPIRETIME counter"), srv_int(r, "PEXPIRETIME counter"));
    srv_free(r);
    srv_free(p);
}

/* A tree of one primary, three replicas and two replicas of replicas, all with append-only files, under writes of every
 * type, while links are cut, stalled, split and throttled, processes stopped, killed and restarted, replicas moved and the
 * primary replaced. At the end: the same data everywhere, and exactly the full resyncs that no history could have avoided.
 *
 * Every replica reaches its master through a proxy of its own, whose target changes when it moves. Which full resyncs are
 * unavoidable is counted where a step causes them: the first of each replica, and those of a replica that was kept away
 * until its master's backlog no longer reached back to it, with the replicas below it.
 *
 * FAULT_STEPS=500 runs long. */
#include "support/load.h"
#include "support/proxy.h"
#include "support/scenarios.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NODES         6
#define STEPS_DEFAULT 30
#define BACKLOG_SMALL (1 << 20)
#define BACKLOG_LARGE (256 << 20)
#define WORDS                                                                                                \
    "--appendonly yes --appendfsync no --auto-aof-rewrite-percentage 0 --repl-backlog-size 256mb "           \
    "--repl-ping-replica-period 3600 "                                                                       \
    "--repl-timeout 600"

static struct {
    struct srv *server[NODES];
    struct proxy *proxy[NODES]; /* between it and its master */
    int parent[NODES];          /* -1: the primary */
    int primary;
    int full_expected; /* resyncs, of all nodes since the start */
    int step;
} tree;

static int full_seen(void) {
    int n = 0;
    for (int i = 0; i < NODES; i++) n += srv_log_count(tree.server[i], "Full resync from master");
    return n;
}

static struct srv *primary(void) {
    return tree.server[tree.primary];
}

static int random_replica(void) {
    int i = (int)test_below(NODES - 1);
    return i >= tree.primary ? i + 1 : i;
}

static bool is_below(int node, int above) {
    while (node >= 0 && node != above) node = tree.parent[node];
    return node >= 0;
}

static int count_below(int above) { /* without itself */
    int n = -1;
    for (int i = 0; i < NODES; i++) n += is_below(i, above);
    return n;
}

static void write_some(void) {
    load_all_types(primary(), 100);
}

static void wait_all_synced(void) {
    for (int i = 0; i < NODES; i++)
        if (i != tree.primary) srv_wait_synced(tree.server[i], primary());
}

/* Nothing more is written by the primary itself until time_goes_on: what the others have now is all there is. */
static void time_stands_still(void) {
    EXPECT(primary(), "OK", "DEBUG SET-ACTIVE-EXPIRE 0");
    wait_all_synced();
}

static void time_goes_on(void) {
    EXPECT(primary(), "OK", "DEBUG SET-ACTIVE-EXPIRE 1");
}

static void attach(int node, int parent) {
    tree.parent[node] = parent;
    proxy_target(tree.proxy[node], tree.server[parent]->port);
}

static void restart(int node) {
    struct srv *s = tree.server[node];
    size_t n = (size_t)snprintf(s->args, sizeof s->args, "%s", WORDS);
    if (node != tree.primary)
        snprintf(s->args + n, sizeof s->args - n, " --replicaof 127.0.0.1 %d", tree.proxy[node]->port);
    srv_restart(s);
}

/* After a full sync the append-only file is written anew; until then a killed process has none of the new history. */
static void wait_persisted(void) {
    for (int i = 0; i < NODES; i++)
        WAIT_UNTIL(srv_info_int(tree.server[i], "aof_rewrite_in_progress") == 0 &&
                   srv_info_int(tree.server[i], "aof_rewrite_scheduled") == 0);
}

static void heal(void) {
    for (int i = 0; i < NODES; i++) {
        proxy_cut_after(tree.proxy[i], -1);
        proxy_split(tree.proxy[i], 0);
        proxy_throttle(tree.proxy[i], 0);
    }
}

/* --- faults --- */

static void cut(void) {
    proxy_cut(tree.proxy[random_replica()]);
}

static void cut_soon(void) {
    proxy_cut_after(tree.proxy[random_replica()], (int64_t)test_below(4000));
}

static void cut_by_the_replica(void) {
    srv_cmd(tree.server[random_replica()], "CLIENT KILL TYPE master");
}

static void cut_by_the_master(void) {
    srv_cmd(tree.server[test_below(NODES)], "CLIENT KILL TYPE replica");
}

static void stall(void) {
    struct proxy *p = tree.proxy[random_replica()];
    proxy_stall(p, true);
    write_some();
    proxy_stall(p, false);
}

static void refuse(void) {
    struct proxy *p = tree.proxy[random_replica()];
    proxy_refuse(p, true);
    proxy_cut(p);
    write_some();
    proxy_refuse(p, false);
}

static void split_or_whole(void) {
    proxy_split(tree.proxy[random_replica()], test_below(2) ? 1 + (int)test_below(600) : 0);
}

static void throttle_or_not(void) {
    proxy_throttle(tree.proxy[random_replica()], test_below(2) ? 100000 + (int64_t)test_below(1000000) : 0);
}

static void freeze(void) {
    struct srv *s = tree.server[random_replica()];
    kill(s->pid, SIGSTOP);
    write_some();
    kill(s->pid, SIGCONT);
}

static void kill_replica(void) {
    int node = random_replica();
    srv_kill(tree.server[node]);
    if (test_below(2)) write_some();
    restart(node);
}

static void stop_replica(void) {
    int node = random_replica();
    srv_stop(tree.server[node]);
    if (test_below(2)) write_some();
    restart(node);
}

static void kill_primary(void) {
    srv_kill(primary());
    restart(tree.primary);
}

static void stop_primary(void) {
    srv_stop(primary());
    restart(tree.primary);
}

/* A rewritten file has the data but no longer the history before it: who lags behind that when the process ends is lost. So
 * nobody does here, and files are not rewritten by themselves. */
static void persist(void) {
    heal();
    wait_all_synced();
    srv_cmd(tree.server[test_below(NODES)], test_below(2) ? "BGREWRITEAOF" : "BGSAVE");
}

static void resize(void) {
    EXPECT(tree.server[test_below(NODES)], "OK", "CONFIG SET repl-backlog-size %d",
           BACKLOG_LARGE + (int)test_below(1 << 20));
}

static void move(void) {
    int node = random_replica(), to = (int)test_below(NODES);
    if (is_below(to, node) || to == tree.parent[node]) return;
    attach(node, to);
    /* REPLICAOF under another name, or by the same name, which changes nothing; or the network alone changes. */
    if (test_below(2))
        srv_cmd(tree.server[node], "REPLICAOF %s %d", test_below(2) ? "localhost" : "127.0.0.1",
                tree.proxy[node]->port);
    proxy_cut(tree.proxy[node]);
}

/* Another node takes the primary's place; the old one, to which nobody has written since, follows it. */
static void promote(void) {
    int heir = random_replica(), old = tree.primary;
    if (tree.parent[heir] != old) return;
    time_stands_still();
    EXPECT(tree.server[heir], "OK", "REPLICAOF NO ONE");
    tree.primary = heir;
    tree.parent[heir] = -1;
    if (test_below(2)) write_some();
    attach(old, heir);
    EXPECT(tree.server[old], "OK", "REPLICAOF 127.0.0.1 %d", tree.proxy[old]->port);
    EXPECT(tree.server[old], "OK", "DEBUG SET-ACTIVE-EXPIRE 1");
}

/* The same as one command, while the others may be anywhere. The old primary then follows past its proxy. */
static void hand_over(void) {
    int heir = random_replica(), old = tree.primary;
    if (tree.parent[heir] != old) return;
    heal();
    srv_wait_synced(tree.server[heir], primary());
    EXPECT(primary(), "OK", "FAILOVER TO 127.0.0.1 %d", tree.server[heir]->port);
    WAIT_UNTIL(strcmp(srv_info(tree.server[heir], "role"), "master") == 0 &&
               strcmp(srv_info(tree.server[old], "role"), "slave") == 0);
    tree.primary = heir;
    tree.parent[heir] = -1;
    attach(old, heir);
}

/* The one step that costs full resyncs: a replica stays away for longer than its master's history reaches. */
static void stay_away(void) {
    int node = random_replica();
    struct srv *master = tree.server[tree.parent[node]];
    char big[10001];
    memset(big, 'b', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    heal();
    wait_all_synced();
    proxy_refuse(tree.proxy[node], true);
    proxy_cut(tree.proxy[node]);
    EXPECT(master, "OK", "CONFIG SET repl-backlog-size %d", BACKLOG_SMALL);
    for (int i = 0; i < 2 * BACKLOG_SMALL / (int)sizeof big; i++)
        EXPECT(primary(), "OK", "SET big:%d %s", i % 5, big);
    int64_t at = srv_info_int(tree.server[node], "master_repl_offset");
    WAIT_UNTIL(srv_info_int(master, "repl_backlog_first_byte_offset") > at + 1);
    EXPECT(master, "OK", "CONFIG SET repl-backlog-size %d", BACKLOG_LARGE);
    tree.full_expected += 1 + count_below(node);
    proxy_refuse(tree.proxy[node], false);
    wait_all_synced();
    wait_persisted();
}

static const struct {
    int weight;
    void (*run)(void);
    const char *name;
} faults[] = {
#define FAULT(weight, f)                                                                                     \
    { weight, f, #f }
    FAULT(6, cut),
    FAULT(8, cut_soon),
    FAULT(3, cut_by_the_replica),
    FAULT(3, cut_by_the_master),
    FAULT(4, stall),
    FAULT(4, refuse),
    FAULT(3, split_or_whole),
    FAULT(2, throttle_or_not),
    FAULT(3, freeze),
    FAULT(4, kill_replica),
    FAULT(3, stop_replica),
    FAULT(3, kill_primary),
    FAULT(2, stop_primary),
    FAULT(2, persist),
    FAULT(2, resize),
    FAULT(6, move),
    FAULT(4, promote),
    FAULT(3, hand_over),
    FAULT(1, stay_away),
};

static void fault(void) {
    int total = 0, i = 0;
    for (size_t k = 0; k < sizeof faults / sizeof *faults; k++) total += faults[k].weight;
    int at = (int)test_below((uint64_t)total);
    while (at >= faults[i].weight) at -= faults[i++].weight;
    if (getenv("FAULT_TRACE")) fprintf(stderr, "step %d: %s\n", tree.step, faults[i].name);
    faults[i].run();
}

/* --- the tree --- */

static void plant(void) {
    static const int parent[NODES] = {-1, 0, 0, 0, 1, 2};
    for (int i = 0; i < NODES; i++) {
        tree.server[i] = srv_start(TANDEM, "%s", WORDS);
        EXPECT(tree.server[i], "OK", "CONFIG SET repl-diskless-sync %s", i % 2 ? "yes" : "no");
        tree.proxy[i] = proxy_start(tree.server[i]->port); /* to itself until attached */
    }
    tree.parent[0] = -1;
    for (int i = 1; i < NODES; i++) {
        attach(i, parent[i]);
        EXPECT(tree.server[i], "OK", "REPLICAOF 127.0.0.1 %d", tree.proxy[i]->port);
        srv_wait_synced(tree.server[i], tree.server[0]);
    }
    tree.full_expected = NODES - 1;
    wait_persisted();
}

static void fell(void) {
    for (int i = 0; i < NODES; i++) {
        srv_free(tree.server[i]);
        proxy_stop(tree.proxy[i]);
    }
}

static void expect_no_needless_full_resync(void) {
    int seen = full_seen();
    cr_assert_eq(seen, tree.full_expected,
                 "%d full resyncs where %d were unavoidable, TEST_SEED=%llu, at step %d", seen,
                 tree.full_expected, (unsigned long long)test_seed(), tree.step);
}

Test(fault_tree, equal_data_and_no_needless_full_resync, .timeout = 3600) {
    int steps = getenv("FAULT_STEPS") ? atoi(getenv("FAULT_STEPS")) : STEPS_DEFAULT;
    plant();
    for (tree.step = 0; tree.step < steps; tree.step++) {
        write_some();
        fault();
        if (tree.step % 25 != 24) continue;
        heal();
        wait_all_synced();
        expect_no_needless_full_resync();
    }
    heal();
    write_some();
    time_stands_still();
    for (int i = 0; i < NODES; i++)
        if (i != tree.primary) wait_same(tree.server[i], primary());
    time_goes_on();
    expect_no_needless_full_resync();
    fell();
}

/* Dispatch: from a parsed request to its handler.
 *
 * prepare works on a small group of requests from many clients: it looks each command up and touches the memory that
 * the commands will need - first the buckets of all their keys, then, when all those loads are under way, the
 * entries, and the same for elements of values - so that the cache misses of a group overlap. execute then runs them one by one.
 *
 * Invariant: whatever a top-level request changed is in the log when execute returns, in one piece (propagate.h).
 * Nothing is allocated on the way of a plain command. What may run when is decided in gate.c.
 *
 * Time: the cached clock is refreshed when CLOCK_TICKS have passed, not for each command; a command is charged the
 * ticks since the one before it ended (ticks.h), so that one reading of the counter serves both. */
#include "command/dispatch.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/dict.h"
#include "base/latency.h"
#include "base/log.h"
#include "base/ticks.h"
#include "command/blocking.h"
#include "command/handlers.h"
#include "command/latency.h"
#include "command/propagate.h"
#include "command/pubsub.h"
#include "command/secrets.h"
#include "command/tracking.h"
#include "repl/repl.h"
#include "server/acl.h"
#include "server/config.h"
#include "server/server.h"
#include "server/slowlog.h"

static uint64_t last_tick, clock_tick;

#define CLOCK_TICKS (2 * TICKS_PER_100_US_MIN)

/* --- prepare --- */

static struct command *find_command(const struct request *r) {
    struct command *cmd = command_lookup(r->argv[0]);
    if (unlikely(!cmd) && (r->c->flags & (CLIENT_MASTER | CLIENT_FAKE)))
        cmd = command_lookup_original(r->argv[0]);
    if (likely(!cmd || !cmd->subcommands || r->argc < 2)) return cmd;
    struct command *sub = command_lookup_sub(cmd, r->argv[1]);
    return sub ? sub : cmd; /* the container itself: an unknown subcommand, for gate.c to refuse */
}

/* The keys of a group, as places to be touched; those that don't fit are found the slow way. */
static struct {
    struct db *db;
    uint64_t hash;
} fetches[128];

enum { FETCHES = sizeof fetches / sizeof *fetches };

static int add_fetches(const struct request *r, int n) {
    const struct command *cmd = r->command;
    if (!cmd || cmd->first_key == 0) return n;
    struct db *db = ks_db(r->c->db);
    int last = cmd->last_key < 0 ? r->argc + cmd->last_key : cmd->last_key;
    if (last >= r->argc) last = r->argc - 1;
    for (int i = cmd->first_key; i <= last && n < FETCHES; i += cmd->key_step, n++) {
        fetches[n].db = db;
        fetches[n].hash = db_hash(r->argv[i]);
    }
    return n;
}

/* The elements that the group's commands will look up in their values (HSET, SADD, SISMEMBER): again all buckets first, then
 * the items. Their keys' entries have been fetched by now. */
static struct {
    const struct dict *table;
    uint64_t hash;
} elements[FETCHES];

static void prefetch_elements(const struct request *reqs, int n) {
    int found = 0;
    for (int i = 0; i < n && found < FETCHES; i++) {
        const struct request *r = &reqs[i];
        const struct command *cmd = r->command;
        if (likely(!cmd || cmd->element == 0 || r->argc <= cmd->element)) continue;
        slice key = r->argv[1];
        elements[found].table = db_prefetch_element(ks_db(r->c->db), key, db_hash(key), r->argv[cmd->element],
                                                    &elements[found].hash);
        found += elements[found].table != NULL;
    }
    for (int i = 0; i < found; i++) dict_prefetch_item(elements[i].table, elements[i].hash);
}

static void refresh_clock(void) {
    if (likely(last_tick - clock_tick <= CLOCK_TICKS)) return;
    clock_tick = last_tick;
    clock_update();
}

void dispatch_prepare(struct request *reqs, int n) {
    int keys = 0;
    for (int i = 0; i < n; i++) reqs[i].command = find_command(&reqs[i]);
    /* One key of one request will be looked up at once anyway: nothing to overlap with. */
    if (n > 1 || (reqs->command && ((const struct command *)reqs->command)->last_key != 1))
        for (int i = 0; i < n; i++) keys = add_fetches(&reqs[i], keys);
    for (int i = 0; i < keys; i++) db_prefetch_bucket(fetches[i].db, fetches[i].hash);
    for (int i = 0; i < keys; i++) db_prefetch_entry(fetches[i].db, fetches[i].hash);
    if (n > 1) prefetch_elements(reqs, n);
    last_tick = ticks_now();
    refresh_clock();
}

/* --- execute --- */

static void run_and_propagate(struct client *c, struct command *cmd, const slice *argv, int argc,
                              slice verbatim) {
    uint64_t dirty = ks_dirty;
    int dbid = c->db;
    struct propagate_call outer;
    propagate_call_begin(&outer);
    cmd->run(c, argv, argc);
    propagate_call_end(&outer, dbid, argc, argv, verbatim, ks_dirty != dirty);
}

/* Few commands come here: ticks are compared roughly first, and now exactly. */
static void note_slow(const struct client *c, const struct command *cmd, const slice *argv, int argc,
                      uint64_t ticks) {
    uint64_t us = ticks_to_us(ticks);
    latency_note(cmd->flags & CMD_FAST ? "fast-command" : "command", (int64_t)(us / 1000));
    if (slowlog_config.slower_than_us < 0 || us < (uint64_t)slowlog_config.slower_than_us) return;
    if ((cmd->flags & CMD_SKIP_SLOWLOG) || (c->flags & CLIENT_BLOCKED)) return;
    char address[128];
    client_peer_name(c, address, sizeof address);
    slice name = c->name ? sds_slice(c->name) : SLICE("");
    slowlog_add(argv, argc, secret_arguments(cmd, argv, argc), (int64_t)us, address, name);
}

static void note_time(struct command *cmd, uint64_t ticks) {
    if (unlikely(!cmd->stats.times)) cmd->stats.times = mem_zalloc(sizeof *cmd->stats.times);
    histogram_add(cmd->stats.times, ticks);
}

unsigned command_observers;

static void observe(struct client *c, const struct command *cmd, const slice *argv, int argc) {
    if (command_observers & OBSERVE_MONITOR) monitor_feed(c, cmd, argv, argc);
    if (command_observers & OBSERVE_TRACKING) tracking_observe(c, cmd, argv, argc);
}

void call_command(struct client *c, struct command *cmd, const slice *argv, int argc, slice verbatim) {
    static uint64_t errors; /* those counted: EXEC does not fail because a command in it does */
    uint64_t start = last_tick;
    errors = stats_errors();
    run_and_propagate(c, cmd, argv, argc, verbatim);
    last_tick = ticks_now();
    uint64_t ticks = last_tick - start;
    cmd->stats.calls++;
    cmd->stats.ticks += ticks;
    if (unlikely(stats_errors() != errors)) {
        cmd->stats.failed++;
        errors = stats_errors();
    }
    server_stats.commands++;
    if (likely(server_config.latency_tracking)) note_time(cmd, ticks);
    if (unlikely(command_observers)) observe(c, cmd, argv, argc);
    if (unlikely(ticks >= slow_command_ticks)) note_slow(c, cmd, argv, argc, ticks);
}

/* What runs at once even inside MULTI. */
static bool ends_or_guards_multi(const struct command *cmd) {
    return cmd->run == exec_command || cmd->run == discard_command || cmd->run == multi_command ||
           cmd->run == watch_command || cmd->run == quit_command || cmd->run == reset_command;
}

/* false: neither, a pause holds it back. */
static bool run_or_queue(struct client *c, struct command *cmd, struct request *r) {
    if (unlikely(pause_holds(c, cmd))) {
        pause_postpone(c, r);
        return false;
    }
    if (unlikely((c->flags & CLIENT_MULTI) && !ends_or_guards_multi(cmd))) {
        txn_queue(c, cmd, r->argv, r->argc);
        reply_status(&c->out, "QUEUED");
        return true;
    }
    propagate_unit_begin();
    call_command(c, cmd, r->argv, r->argc, r->is_inline ? (slice){NULL, 0} : r->raw);
    propagate_unit_end();
    c->write_offset = repl_offset();
    return true;
}

static bool takes_local_writes(void) {
    return unlikely(repl_is_replica() && !repl_config.replica_read_only);
}

/* What they take is a write of theirs: as a replica, behind the bytes of the master's that brought it. */
static void serve_waiting(void) {
    bool before = propagate_aside(repl_is_replica());
    blocking_serve();
    propagate_aside(before);
}

/* What a pause holds back is applied, and part of our history, when it is over. */
static void execute_of_master(struct client *c, struct command *cmd, struct request *r) {
    ks_set_applying(true);
    bool postponed = gate_pass(c, cmd, r->argv, r->argc) && !run_or_queue(c, cmd, r);
    ks_set_applying(false);
    if (likely(!postponed)) repl_applied(c, r->raw);
    if (unlikely(blocking_has_ready)) serve_waiting();
}

/* On a replica's connection we speak, and it acknowledges: whatever would be answered there gets into the stream. */
static void run_of_replica(struct client *c, struct command *cmd, struct request *r) {
    size_t before = reply_pending(&c->out);
    c->out.muted = false;
    if (gate_pass(c, cmd, r->argv, r->argc)) run_or_queue(c, cmd, r);
    c->out.muted = true;
    if (reply_pending(&c->out) == before || (c->flags & CLIENT_CLOSE_ASAP)) return;
    sds line = client_describe(sds_empty(), c);
    log_warning("Replica generated a reply to command '%s', disconnecting it: %s",
                cmd ? cmd->name : "<unknown>", line);
    sds_free(line);
    client_close(c);
}

static void run_of_client(struct client *c, struct command *cmd, struct request *r) {
    if (takes_local_writes()) {
        bool before = propagate_aside(true);
        ks_remember_ttls(true);
        run_or_queue(c, cmd, r);
        ks_remember_ttls(false);
        propagate_aside(before);
    } else {
        run_or_queue(c, cmd, r);
    }
    if (unlikely(blocking_has_ready)) serve_waiting();
}

void dispatch_execute(struct client *c, struct request *r) {
    struct command *cmd = (struct command *)r->command;
    struct client *outer = stats_client;
    refresh_clock();
    c->last_command = cmd;
    stats_client = c;
    if (unlikely(c->flags & (CLIENT_MASTER | CLIENT_REPLICA)))
        (c->flags & CLIENT_MASTER ? execute_of_master : run_of_replica)(c, cmd, r);
    else if (likely(gate_pass(c, cmd, r->argv, r->argc)))
        run_of_client(c, cmd, r);
    stats_client = outer;
    if (unlikely(push_waits)) push_settle(c);
}

bool dispatch_replay(struct client *c, const slice *argv, int argc) {
    struct request r = {.c = c, .argv = argv, .argc = argc};
    struct command *cmd = find_command(&r);
    if (!cmd || !cmd->run || !command_arity_ok(cmd, argc)) return false;
    c->last_command = cmd;
    if ((c->flags & CLIENT_MULTI) && !ends_or_guards_multi(cmd)) {
        txn_queue(c, cmd, argv, argc);
        return true;
    }
    last_tick = ticks_now(); /* the commands of an EXEC are counted from here on */
    struct client *outer = stats_client;
    stats_client = c;
    propagate_unit_begin();
    run_and_propagate(c, cmd, argv, argc, (slice){NULL, 0});
    propagate_unit_end();
    stats_client = outer;
    return true;
}

void dispatch_closed(struct client *c) {
    block_forget(c);
    pubsub_forget(c);
    monitor_forget(c);
    tracking_forget(c);
    txn_discard(c);
    txn_release(c);
}

void dispatch_facts(const struct client *c, struct client_facts *f) {
    const struct command *cmd = c->last_command;
    f->queued = txn_queued(c, &f->queued_bytes);
    if (cmd) f->command = cmd->name;
    f->subscriptions = (int)pubsub_count(c, PUBSUB_CHANNEL);
    f->patterns = (int)pubsub_count(c, PUBSUB_PATTERN);
    const struct tracker *tracker = c->tracking;
    if (tracker) f->redirect = (int64_t)tracker->redirect;
    f->shard_subscriptions = (int)pubsub_count(c, PUBSUB_SHARD);
    f->user = c->user ? acl_name(c->user).p : "(superuser)";
}

size_t dispatch_memory(const struct client *c) {
    size_t bytes = 0;
    txn_queued(c, &bytes);
    return bytes + pubsub_memory(c);
}

void dispatch_init(void) {
    ticks_init();
    stats_init();
    latency_init();
    block_init();
}

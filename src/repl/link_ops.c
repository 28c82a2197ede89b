/* The effects of the link machine (link_machine.h): what is sent to our master in the handshake, what its answers lead to, when
 * an attempt is made again, and what each state guarantees.
 *
 * Effects that are a story of their own are elsewhere: the socket (link_io.c), the snapshot (link_receive.c, link_load.c). */
#include "repl/link.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "base/random.h"
#include <stdio.h>

/* --- the handshake --- */

static bool op_connect(void *ctx, enum link_occasion occasion) {
    return link_io_connect(ctx, occasion);
}

static bool op_send_ping(void *ctx) {
    static const slice argv[] = {{"PING", 4}};
    return link_io_send_command(ctx, 1, argv);
}

static bool is_set(const char *s) {
    return s && s[0];
}

static bool op_wants_auth(void *ctx) {
    (void)ctx;
    return is_set(repl_config.master_auth);
}

static bool op_send_auth(void *ctx) {
    slice argv[3] = {SLICE("AUTH")};
    int argc = 1;
    if (is_set(repl_config.master_user)) argv[argc++] = slice_of(repl_config.master_user);
    argv[argc++] = slice_of(repl_config.master_auth);
    return link_io_send_command(ctx, argc, argv);
}

static bool op_announces_ip(void *ctx) {
    (void)ctx;
    return is_set(repl_config.announce_ip);
}

static bool op_send_replconf(void *ctx) {
    char port[NUM_INT_BYTES];
    int number = repl_config.announce_port ? repl_config.announce_port : repl_config.listen_port;
    slice argv[11] = {SLICE("REPLCONF"), SLICE("listening-port"), {port, num_format_i64(port, number)}};
    if (!link_io_send_command(ctx, 3, argv)) return false;
    if (op_announces_ip(ctx)) {
        argv[1] = SLICE("ip-address");
        argv[2] = slice_of(repl_config.announce_ip);
        if (!link_io_send_command(ctx, 3, argv)) return false;
    }
    argv[1] = argv[3] = argv[5] = argv[7] = argv[9] = SLICE("capa");
    argv[2] = SLICE("eof");
    argv[4] = SLICE("psync2");
    argv[6] = SLICE("tandem-past"); /* Redis passes over what it does not know */
    argv[8] = SLICE("tandem-chain");
    char was[sizeof CAPA_WAS + REPL_PAST_TEXTS_MAX] = CAPA_WAS;
    size_t past_n = ((struct link *)ctx)->history ? identity_tell_past(was + sizeof CAPA_WAS - 1) : 0;
    argv[10] = (slice){was, sizeof CAPA_WAS - 1 + past_n};
    return link_io_send_command(ctx, past_n ? 11 : 9, argv);
}

static bool op_send_psync(void *ctx) {
    struct link *l = ctx;
    char offset[NUM_INT_BYTES];
    slice argv[4] = {SLICE("PSYNC"), SLICE("?"), SLICE("-1"), SLICE("FAILOVER")};
    if (l->history) {
        argv[1] = slice_of(repl_id());
        argv[2] = (slice){offset, num_format_i64(offset, repl_offset() + 1)};
        log_notice("Trying a partial resynchronization (request %s:%.*s).", repl_id(), (int)argv[2].n,
                   argv[2].p);
    } else {
        log_notice("Partial resynchronization not possible (no cached master)");
    }
    return link_io_send_command(l, failover_hands_over() ? 4 : 3, argv);
}

static void op_psync_accepted(void *ctx) {
    (void)ctx;
    failover_accepted();
}

static bool op_psync_refused(void *ctx, bool sent) {
    (void)ctx;
    return failover_refused(sent);
}

static bool op_send_sync(void *ctx) {
    return link_io_send(ctx, "SYNC\r\n", 6);
}

/* --- PSYNC's answer, the snapshot, the stream --- */

static void op_begin_full(void *ctx, const char *id, int64_t offset) {
    struct link *l = ctx;
    snprintf(l->sync.id, sizeof l->sync.id, "%s", id ? id : "");
    l->sync.offset = offset;
    l->sync.total_bytes = -1; /* not yet known */
    l->sync.read_bytes = 0;
    link_report_full(l, id, offset);
}

static void forget_hold(struct link *l) {
    l->hold = REPL_HOLD_NONE;
    l->hold_why[0] = '\0';
}

void link_forget_failures(struct link *l) {
    backoff_reset(&l->backoff);
    forget_hold(l);
}

void link_make_client(int stream_dbid, const char *more, size_t n) {
    struct link *l = &the_link;
    int fd = l->io.fd;
    ev_io_set(&l->io, 0);
    l->io.fd = -1;
    net_set_nodelay(fd, true); /* ACKs are small, and WAIT waits for them */
    if (client_config.tcp_keepalive_s) net_set_keepalive(fd, client_config.tcp_keepalive_s);
    struct client *c = client_new(fd);
    c->flags |= CLIENT_MASTER;
    c->authenticated = true;
    c->out.muted = true;
    c->db = stream_dbid;
    l->client = c;
    l->history = true;
    l->stream_db = stream_dbid;
    l->up_since_s = repl_now_s();
    l->down_since_s = 0;
    l->followed = true;
    l->upstream_changed = false;
    link_forget_failures(l);
    if (n == 0) return;
    /* It was counted when it was read, with what stood before it, and will be when it is applied. */
    repl_stats.in_bytes -= n < repl_stats.in_bytes ? n : repl_stats.in_bytes;
    client_give_input(c, more, n);
}

static bool op_resume(void *ctx, const char *id, slice past_text) {
    struct link *l = ctx;
    if (!l->history) {
        log_warning("Unexpected reply to PSYNC from master: +CONTINUE without a history to continue");
        return false;
    }
    link_report_partial(l);
    if (id) {
        struct repl_past past[REPL_PAST_MAX];
        int n = past_parse(past_text, past, REPL_PAST_MAX);
        /* The master has a new name (it was promoted, or follows one that was): our replicas must hear of it. */
        bool renamed = strcmp(id, repl_id()) != 0;
        identity_continue_as(id, past, n > 0 ? n : 0);
        if (renamed) repl_drop_peers();
    }
    if (l->upstream_changed) repl_drop_peers(); /* they come back at once, and hear whom they follow now */
    if (!backlog_active()) backlog_start(repl_offset());
    l->client_pre_psync = false;
    slice more;
    link_io_unread(l, &more);
    link_make_client(l->stream_db, more.p, more.n);
    return true;
}

static enum link_transfer op_begin_transfer(void *ctx, int64_t length, slice mark) {
    return link_sync_begin(ctx, length, mark);
}

static enum link_load op_load(void *ctx) {
    return link_sync_load(ctx);
}

/* --- trying again --- */

void link_hold(struct link *l, enum repl_hold hold) {
    if (l->hold != hold)
        log_warning("The link to our master %s:%d is held: %s.", l->host, l->port, l->hold_why);
    l->hold = hold;
}

/* FAILOVER: the target follows us until it hears that it is the master now. */
static bool op_may_follow(void *ctx, slice told) {
    struct link *l = ctx;
    bool changed;
    int at = upstream_hear(&l->upstream, told, &changed);
    l->upstream_changed = l->upstream_changed || changed;
    if (at < 0 || failover_hands_over()) return true;
    if (at == 0)
        snprintf(l->hold_why, sizeof l->hold_why,
                 "it is this server itself: REPLICAOF names our own address");
    else
        snprintf(l->hold_why, sizeof l->hold_why,
                 "it follows us itself, over %d server%s: one of the cycle has to be made a master "
                 "(REPLICAOF NO ONE)",
                 at, at == 1 ? "" : "s");
    link_hold(l, at == 0 ? REPL_HOLD_SELF : REPL_HOLD_CYCLE);
    return false;
}

static void op_gave_up(void *ctx, enum link_state in) {
    /* What costs the master a snapshot each time is not asked for so often. */
    enum { HELD_MS_MAX = 5000, HELD_BY_GUARD_MS_MAX = 30000 };
    struct link *l = ctx;
    bool costly = in == LINK_HELD || (in >= LINK_PREAMBLE && in <= LINK_LOADING);
    bool by_guard = l->hold == REPL_HOLD_EMPTY_MASTER || l->hold == REPL_HOLD_MEMORY;
    int64_t max_ms = repl_config.reconnect_delay_s_max * 1000ll;
    if (in == LINK_HELD)
        max_ms = by_guard ? HELD_BY_GUARD_MS_MAX : HELD_MS_MAX;
    else
        forget_hold(l); /* it was let go of, to fail for another reason */
    backoff_failed(&l->backoff, costly, max_ms, random_u64(), clock_mono_ms());
}

static bool op_may_retry(void *ctx) {
    const struct link *l = ctx;
    return backoff_due(&l->backoff, clock_mono_ms());
}

static void drop_client(struct link *l) {
    struct client *c = l->client;
    if (!c) return;
    log_warning("Connection with master lost.");
    l->client = NULL;
    l->stream_db = c->db;
    l->history = l->history && !l->client_pre_psync;
    replog_forget_held();
    if (l->history) log_notice("Caching the disconnected master state.");
    l->down_since_s = repl_now_s();
    client_close(c);
}

static void op_close(void *ctx) {
    struct link *l = ctx;
    drop_client(l);
    link_io_close(l);
    link_report_closed(l);
    link_sync_discard(l);
}

/* Coming back at once keeps a short cut short. But a master that hangs up on us each time is not to be
 * hammered, and a full sync that fails (our disk is full) costs it a snapshot each time. */
static bool op_may_hurry(void *ctx, enum link_occasion why) {
    enum { CUTS_PER_S = 100, FAILURES_PER_S = 1 };
    struct link *l = ctx;
    if (why == CONNECT_AFTER_FAILURE && !op_may_retry(l)) return false;
    if (l->hurried_s != repl_now_s()) {
        l->hurried_s = repl_now_s();
        l->hurries = 0;
    }
    return ++l->hurries <= (why == CONNECT_AGAIN ? CUTS_PER_S : FAILURES_PER_S);
}

static bool op_holds(void *ctx, enum link_state s) {
    const struct link *l = ctx;
    bool socket = l->io.fd >= 0, client = l->client != NULL, file = l->sync.fd >= 0;
    switch (s) {
    case LINK_NONE: return !l->host && !socket && !client && !file;
    case LINK_HELD:
    case LINK_CONNECT:
        return l->host && !socket && !client && !file && (s == LINK_HELD) == (l->hold != REPL_HOLD_NONE);
    case LINK_TRANSFER: return l->host && socket && !client && file;
    case LINK_LOADING: return l->host && socket && !client;
    case LINK_CONNECTED: return l->host && !socket && client && !file && backlog_active();
    default: return l->host && socket && !client && !file;
    }
}

const struct link_ops link_ops = {
    .connect = op_connect,
    .send_ping = op_send_ping,
    .send_auth = op_send_auth,
    .send_replconf = op_send_replconf,
    .send_psync = op_send_psync,
    .psync_accepted = op_psync_accepted,
    .psync_refused = op_psync_refused,
    .send_sync = op_send_sync,
    .wants_auth = op_wants_auth,
    .announces_ip = op_announces_ip,
    .begin_full = op_begin_full,
    .resume = op_resume,
    .begin_transfer = op_begin_transfer,
    .load = op_load,
    .close = op_close,
    .may_follow = op_may_follow,
    .gave_up = op_gave_up,
    .may_retry = op_may_retry,
    .may_hurry = op_may_hurry,
    .holds = op_holds,
};

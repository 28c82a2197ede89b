/* The replica's side: REPLICAOF, the link machine's effects, its clock, and what INFO and ROLE tell of it.
 *
 * Invariants (checked by `holds` on entry to each state):
 *   - host is set exactly when we are a replica;
 *   - the socket is ours (io.fd) or the master client's, never both;
 *   - LINK_CONNECTED: the log is open, and the client applies the master's stream from repl_offset() + 1 on.
 *
 * The history (repl_id, repl_offset) outlives the connection: it is what the next PSYNC offers, to the same
 * master or to another, and what a master that is demoted offers of its own. */
#include "repl/link.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "base/random.h"
#include <stdio.h>

struct link the_link = {.io = {.fd = -1}, .sync = {.fd = -1}, .port = 0};

void link_event(enum link_event_type type) {
    struct link_event ev = {.type = type};
    link_step(&the_link.m, &ev);
}

/* --- effects: the handshake --- */

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

/* --- effects: PSYNC's answer, the snapshot, the stream --- */

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

static void forget_failures(struct link *l) {
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
    forget_failures(l);
    if (n) client_give_input(c, more, n);
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

void repl_guards_changed(void) {
    backoff_reset(&the_link.backoff);
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

static const struct link_ops ops = {
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

/* --- REPLICAOF --- */

bool repl_has_master;

static void set_host(struct link *l, const char *host) {
    sds old = l->host;
    l->host = host ? sds_new(host) : NULL; /* may be the old one's bytes */
    sds_free(old);
    repl_has_master = host != NULL;
}

static void become_master(struct link *l) {
    set_host(l, NULL);
    l->port = 0;
    if (repl_hooks.role_changed) repl_hooks.role_changed(false);
    link_event(LINK_EV_NO_ONE);
    l->down_since_s = 0;
    if (l->history) log_notice("Discarding previously cached master state.");
    l->history = false;
    link_sync_forget_failure();
    forget_failures(l);
    upstream_forget(&l->upstream);
    repl_shift_id();
    repl_drop_peers();
    replog_force_select();
}

static void become_replica(struct link *l, const char *host, int port) {
    bool was_master = l->host == NULL, running = ev_turns() > 0;
    set_host(l, host);
    l->port = port;
    if (was_master && repl_hooks.role_changed) repl_hooks.role_changed(true);
    if (was_master && running) {
        log_notice(
            "Before turning into a replica, using my own master parameters to synthesize a cached master: I "
            "may be able to synchronize with the new master with just a partial transfer.");
        int dbid = 0; /* a master that continues what we wrote begins with SELECT */
        identity_reclaim(&dbid);
        l->history = true;
        l->stream_db = dbid;
    }
    repl_drop_peers();
    forget_failures(l);
    upstream_forget(&l->upstream);
    struct link_event ev = {.type = LINK_EV_REPLICAOF, .now = running};
    link_step(&l->m, &ev);
}

void repl_replicaof(const char *host, int port) {
    if (!the_link.m.ops) link_machine_init(&the_link.m, &ops, &the_link);
    if (host)
        become_replica(&the_link, host, port);
    else if (the_link.host)
        become_master(&the_link);
}

const char *repl_master_host(void) {
    return the_link.host;
}

int repl_master_port(void) {
    return the_link.port;
}

/* A master that was killed is one no more, though its client lives to the end of the turn. */
bool repl_link_up(void) {
    const struct client *c = the_link.client;
    return c && !(c->flags & CLIENT_CLOSE_ASAP);
}

/* --- what the other files ask --- */

void link_note_history(int stream_dbid) {
    the_link.history = the_link.followed = true;
    the_link.stream_db = stream_dbid;
}

const struct upstream *link_upstream(void) {
    return &the_link.upstream;
}

bool link_has_history(void) {
    return the_link.history;
}

int link_stream_db(void) {
    return the_link.client ? the_link.client->db : the_link.stream_db;
}

bool link_is_master_client(const struct client *c) {
    return c == the_link.client;
}

void link_master_closed(struct client *c) {
    c->flags |= CLIENT_CLOSE_ASAP; /* it is being freed: nothing is left to close */
    if (c == the_link.client) link_event(LINK_EV_LOST);
}

void link_send_ack(void) {
    struct client *c = the_link.client;
    if (!c || the_link.client_pre_psync) return;
    c->out.muted = false;
    reply_array(&c->out, 3);
    reply_bulk(&c->out, "REPLCONF", 8);
    reply_bulk(&c->out, "ACK", 3);
    reply_bulk_int(&c->out, repl_offset());
    c->out.muted = true;
    client_want_write(c);
    the_link.acked = repl_offset();
}

static int64_t on_ack_timer(void *ctx) {
    (void)ctx;
    link_send_ack();
    return EV_STOP;
}

/* Redis acknowledges once a second; a master that is to tell how far we lag, in ms, needs to hear sooner. */
void link_before_wait(void) {
    enum { ACK_EVERY_MS = 100 };
    struct link *l = &the_link;
    if (l->client && l->acked != repl_offset() && !ev_timer_armed(&l->ack_timer))
        ev_timer_start(&l->ack_timer, ACK_EVERY_MS);
}

/* The answer counts the question, so that a master at rest sees by it that we have all of its log. */
void link_want_ack(void) {
    the_link.ack_wanted = true;
}

void link_applied(void) {
    if (likely(!the_link.ack_wanted)) return;
    the_link.ack_wanted = false;
    link_send_ack();
}

/* --- INFO, ROLE --- */

static const char *role_word(enum link_state s) {
    switch (s) {
    case LINK_NONE: return "none";
    case LINK_HELD:
    case LINK_CONNECT: return "connect";
    case LINK_CONNECTING: return "connecting";
    case LINK_PREAMBLE:
    case LINK_TRANSFER:
    case LINK_LOADING: return "sync";
    case LINK_CONNECTED: return repl_link_up() ? "connected" : "connect";
    default: return "handshake";
    }
}

void repl_link_info(struct repl_link_info *out) {
    const struct link *l = &the_link;
    int64_t now_s = repl_now_s();
    bool syncing = l->m.state >= LINK_PREAMBLE && l->m.state <= LINK_LOADING;
    *out = (struct repl_link_info){
        .up = repl_link_up(),
        .hold = l->hold,
        .hold_why = l->hold_why,
        .sync_in_progress = syncing,
        .state = role_word(l->m.state),
        .up_for_s = l->client ? now_s - l->up_since_s : -1,
        .last_io_s = l->client ? now_s - l->client->last_active_ms / 1000 : -1,
        .down_since_s = l->down_since_s ? now_s - l->down_since_s : -1,
        .applied_offset = l->history ? repl_offset() : 1,
        .sync_total_bytes = l->sync.total_bytes,
        .sync_read_bytes = l->sync.read_bytes,
        .sync_last_io_s = now_s - l->last_io_s,
    };
    out->read_offset = out->applied_offset;
    if (l->client) out->read_offset += (int64_t)(replog_held_bytes() + l->client->in_len - l->client->in_pos);
}

/* --- each second --- */

static bool silent_too_long(const struct link *l) {
    int64_t heard_s = l->client ? l->client->last_active_ms / 1000 : l->last_io_s;
    return repl_now_s() - heard_s > repl_config.timeout_s;
}

static void check_timeout(struct link *l) {
    enum link_state s = l->m.state;
    if (!link_takes(s, LINK_EV_TIMEOUT) || !silent_too_long(l)) return;
    link_report_failure("nothing was heard of the master for repl-timeout");
    if (s == LINK_CONNECTED)
        log_warning("MASTER timeout: no data nor PING received...");
    else if (s >= LINK_PREAMBLE)
        log_warning("Timeout receiving bulk data from MASTER... If the problem persists try to set the "
                    "'repl-timeout' parameter in redis.conf to a larger value.");
    else
        log_warning("Timeout connecting to the MASTER...");
    link_event(LINK_EV_TIMEOUT);
}

void link_cron(void) {
    struct link *l = &the_link;
    if (l->m.state == LINK_LOADING) link_io_show_life(l);
    check_timeout(l);
    link_event(LINK_EV_TICK);
    link_report_cron();
    if (l->m.state == LINK_CONNECTED) link_send_ack();
}

void link_init(void) {
    char id[UPSTREAM_ID_CHARS + 1] = "";
    random_hex(id, UPSTREAM_ID_CHARS);
    upstream_init(&the_link.upstream, id);
    ev_timer_init(&the_link.ack_timer, on_ack_timer, NULL);
    if (!the_link.m.ops) link_machine_init(&the_link.m, &ops, &the_link);
}

void repl_remove_temp_file(void) {
    link_sync_discard(&the_link);
}

void link_shutdown(void) {
    ev_timer_stop(&the_link.ack_timer);
    if (the_link.host) {
        set_host(&the_link, NULL);
        link_event(LINK_EV_NO_ONE);
    }
}

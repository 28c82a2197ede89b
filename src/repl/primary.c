/* The primary's side: the list of replicas, the effects of their state machines, their timeouts, pings and keepalives. What
 * they ask for is in peer_requests.c.
 *
 * A replica is a client with c->peer set. Before PSYNC it is an ordinary client that announced itself
 * (PEER_HANDSHAKE, not in the list); from then on it is flagged CLIENT_REPLICA, in the list, and its reply
 * buffer is muted: only peer_say puts protocol bytes there, so that no stray reply can get into the snapshot
 * or the stream. What follows comes through client.feed (transfer.c).
 *
 * Ownership: a peer lives as long as its client; in PEER_GONE it holds nothing and waits for hooks.closed. */
#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "repl/peer.h"
#include <stdio.h>
#include <sys/socket.h>

static struct peer *first, *last;
static size_t listed;               /* connected_slaves */
static int64_t no_replicas_since_s; /* for repl-backlog-ttl */

struct peer *peer_first(void) {
    return first;
}

size_t repl_peer_count(void) {
    return listed;
}

size_t peer_count_in(enum peer_state s) {
    size_t n = 0;
    for (struct peer *p = first; p; p = p->next) n += p->m.state == s;
    return n;
}

static void peer_link(struct peer *p) {
    p->prev = last;
    if (last)
        last->next = p;
    else
        first = p;
    last = p;
    listed++;
}

static void peer_unlink(struct peer *p) {
    if (p->prev)
        p->prev->next = p->next;
    else
        first = p->next;
    if (p->next)
        p->next->prev = p->prev;
    else
        last = p->prev;
    p->prev = p->next = NULL;
    if (--listed == 0) no_replicas_since_s = repl_now_s();
}

bool peer_ip(const struct peer *p, char ip[REPL_HOST_BYTES]) {
    int port;
    if (!p->ip[0]) return net_peer(p->c->io.fd, ip, &port);
    snprintf(ip, REPL_HOST_BYTES, "%s", p->ip);
    return true;
}

struct peer *peer_at(const char *host, int port) {
    char ip[REPL_HOST_BYTES];
    for (struct peer *p = first; p; p = p->next)
        if (p->listening_port == port && peer_ip(p, ip) && strcasecmp(ip, host) == 0) return p;
    return NULL;
}

const char *peer_name(const struct peer *p) {
    static char name[REPL_HOST_BYTES + 32];
    char ip[REPL_HOST_BYTES];
    if (!peer_ip(p, ip)) {
        snprintf(name, sizeof name, "client id #%llu", (unsigned long long)p->c->id);
        return name;
    }
    if (p->listening_port)
        net_format_addr(name, sizeof name, ip, p->listening_port);
    else
        snprintf(name, sizeof name, "%s:<unknown-replica-port>", ip);
    return name;
}

/* --- the machine's effects and guarantees --- */

static void become_replica(struct peer *p) {
    p->c->flags |= CLIENT_REPLICA;
    p->c->feed = transfer_feed;
    p->c->out.muted = true;
    p->since_s = p->ack_s = repl_now_s();
    peer_link(p);
}

static void let_go(struct peer *p, enum peer_state from) {
    peer_report_gone(p);
    backlog_detach(&p->cursor);
    transfer_close_file(p);
    if (from != PEER_HANDSHAKE) peer_unlink(p);
    if (from == PEER_SEND_PIPE) fullsync_relay_taken();
    if (from == PEER_WAIT_END) fullsync_wait_left(p);
}

static void peer_entered(void *ctx, enum peer_state from) {
    struct peer *p = ctx;
    switch (p->m.state) {
    case PEER_WAIT_START: become_replica(p); break;
    case PEER_ONLINE:
        if (from == PEER_HANDSHAKE) become_replica(p);
        transfer_close_file(p);
        p->ack_s = repl_now_s();
        if (from == PEER_SEND_FILE) log_notice("Synchronization with replica %s succeeded", peer_name(p));
        break;
    case PEER_WAIT_ACK:
        p->ack_s = repl_now_s();
        log_notice("Streamed RDB transfer with replica %s succeeded (socket). Waiting for REPLCONF ACK from "
                   "slave to enable streaming",
                   peer_name(p));
        log_notice("Synchronization with replica %s succeeded", peer_name(p));
        break;
    case PEER_RDB_SENT:
        backlog_detach(&p->cursor);
        transfer_close_file(p);
        log_notice("RDB transfer completed, rdb only replica (%s) should be disconnected asap", peer_name(p));
        /* Not closed: what it has sent meanwhile would make that a reset, and cost it the end of the data. */
        shutdown(p->c->io.fd, SHUT_WR);
        break;
    case PEER_GONE: let_go(p, from); break;
    default: break;
    }
    peer_report_entered(p, from);
}

static bool peer_holds(void *ctx, enum peer_state state) {
    const struct peer *p = ctx;
    bool file = p->file_fd >= 0, cursor = p->cursor.attached;
    bool replica = (p->c->flags & CLIENT_REPLICA) && p->c->feed;
    switch (state) {
    case PEER_HANDSHAKE: return !replica && !file && !cursor;
    case PEER_WAIT_START: return replica && !file && !cursor;
    case PEER_WAIT_END: return replica && !file && cursor;
    case PEER_SEND_FILE: return replica && file && cursor;
    case PEER_SEND_PIPE: return replica && !file && cursor && fullsync_relaying();
    case PEER_WAIT_ACK:
    case PEER_ONLINE: return replica && !file && cursor;
    case PEER_RDB_SENT: return replica && !file && !cursor;
    default: return !file && !cursor;
    }
}

static const struct peer_ops ops = {.entered = peer_entered, .holds = peer_holds};

struct peer *peer_of(struct client *c) {
    if (c->peer) return c->peer;
    struct peer *p = mem_zalloc(sizeof *p);
    peer_machine_init(&p->m, &ops, p);
    p->c = c;
    p->file_fd = -1;
    c->peer = p;
    return p;
}

/* --- talking to one --- */

void peer_kick(struct peer *p) {
    if (!p->stalled) client_flush(p->c);
}

void peer_say(struct peer *p, const char *bytes, size_t n) {
    p->c->out.muted = false;
    reply_raw(&p->c->out, bytes, n);
    p->c->out.muted = true;
    client_want_write(p->c);
}

void peer_end(struct peer *p, enum peer_event why) {
    if (why == PEER_EV_SNAPSHOT_FAILED && !p->failure) p->failure = "the snapshot failed";
    peer_step(&p->m, why);
    client_close(p->c);
}

void repl_client_closing(struct client *c) {
    struct peer *p = c->peer;
    if (p) peer_step(&p->m, PEER_EV_CLOSED);
}

static void peer_closed(struct client *c) {
    struct peer *p = c->peer;
    if (c->flags & CLIENT_REPLICA) log_warning("Connection with replica %s lost.", peer_name(p));
    peer_step(&p->m, PEER_EV_CLOSED); /* refused when it is gone already */
    assert_that(p->m.state == PEER_GONE);
    c->peer = NULL;
    mem_free(p, sizeof *p);
}

void repl_client_closed(struct client *c) {
    if (c->flags & CLIENT_MASTER) link_master_closed(c);
    if (c->peer) peer_closed(c);
}

void repl_drop_peers(void) {
    while (first) {
        first->failure = "our role, data or history changed";
        peer_end(first, PEER_EV_CLOSED);
    }
    no_replicas_since_s = repl_now_s(); /* also when there was none: a new role, a new count */
}

/* --- INFO, ROLE --- */

bool repl_peer_info(size_t index, struct repl_peer_info *out) {
    const struct peer *p = first;
    while (p && index--) p = p->next;
    if (!p) return false;
    static const char *const shown[PEER_STATES] = {
        [PEER_HANDSHAKE] = "",          [PEER_WAIT_START] = "wait_bgsave",   [PEER_WAIT_END] = "wait_bgsave",
        [PEER_SEND_FILE] = "send_bulk", [PEER_SEND_PIPE] = "wait_bgsave",    [PEER_WAIT_ACK] = "online",
        [PEER_ONLINE] = "online",       [PEER_RDB_SENT] = "rdb_transmitted", [PEER_GONE] = ""};
    if (!peer_ip(p, out->ip)) out->ip[0] = '\0';
    out->port = p->listening_port;
    out->state = shown[p->m.state];
    out->offset = p->ack_offset;
    out->lag_s = p->m.state == PEER_ONLINE ? repl_now_s() - p->ack_s : 0;
    out->output_bytes = backlog_lag(&p->cursor);
    return true;
}

/* What the history would keep anyway is not the replica's cost. So a limit below repl-backlog-size does not
 * cut off a replica that came back with a partial resync. */
static size_t peer_extra_output(const struct client *c) {
    const struct peer *p = c->peer;
    if (!(c->flags & CLIENT_REPLICA)) return 0;
    uint64_t lag = backlog_lag(&p->cursor);
    return lag > backlog_size() ? lag : 0;
}

/* --- each turn, each second --- */

static uint64_t most_unsent_bytes(void) {
    uint64_t most = 0;
    for (const struct peer *p = first; p; p = p->next)
        if (p->m.state == PEER_ONLINE && !p->stalled && backlog_lag(&p->cursor) > most)
            most = backlog_lag(&p->cursor);
    return most;
}

/* A send costs as much as ten commands, so those of a few small turns share one. Only while the loop has more to do at
 * once: a turn that served nobody or one client sends what there is, and so does one that ends with WAIT's request. */
static bool wait_for_more(bool urgent) {
    enum { ENOUGH_BYTES = 32 * 1024, TURNS_MAX = 4 };
    static int turns;
    uint64_t unsent = urgent || ev_ready() < 2 ? 0 : most_unsent_bytes();
    if (unsent == 0 || unsent >= ENOUGH_BYTES || ++turns == TURNS_MAX) {
        turns = 0;
        return false;
    }
    ev_want_turn();
    return true;
}

void primary_before_wait(bool urgent) {
    struct peer *next;
    if (first) peer_report_turn();
    bool later = first && wait_for_more(urgent);
    for (struct peer *p = later ? NULL : first; p; p = next) {
        next = p->next;
        if (p->m.state == PEER_ONLINE && backlog_lag(&p->cursor)) peer_kick(p);
    }
    fullsync_start_due(false);
}

/* An ACK, or a newline of a replica that is busy loading. */
static int64_t heard_s(const struct peer *p) {
    int64_t read_s = p->c->last_active_ms / 1000;
    return read_s > p->ack_s ? read_s : p->ack_s;
}

/* One that takes nothing of a shared transfer holds all others up: for them it goes sooner, and comes again by itself. */
static int64_t stall_s_max(const struct peer *p) {
    enum { SHARE = 4 };
    bool shared = p->m.state == PEER_SEND_PIPE && peer_count_in(PEER_SEND_PIPE) > 1;
    return shared && repl_config.timeout_s >= SHARE ? repl_config.timeout_s / SHARE : repl_config.timeout_s;
}

static void check_timeout(struct peer *p, int64_t now_s) {
    bool streams = p->m.state == PEER_ONLINE || p->m.state == PEER_WAIT_ACK;
    if (streams && !p->pre_psync && now_s - heard_s(p) > repl_config.timeout_s) {
        log_warning("Disconnecting timedout replica (streaming sync): %s", peer_name(p));
        p->failure = "nothing was heard of it for repl-timeout";
        peer_end(p, PEER_EV_CLOSED);
    } else if ((p->m.state == PEER_SEND_PIPE || p->m.state == PEER_SEND_FILE) && p->stalled &&
               now_s - p->last_progress_s > stall_s_max(p)) {
        log_warning("Disconnecting timedout replica (full sync): %s", peer_name(p));
        p->failure = "it took nothing for too long (repl-timeout)";
        peer_end(p, PEER_EV_CLOSED);
    } else if (p->m.state == PEER_RDB_SENT && now_s - p->last_progress_s > repl_config.timeout_s) {
        peer_end(p, PEER_EV_CLOSED); /* it has what it wanted and does not hang up */
    }
}

/* Without replicas nobody can go on from the log; and writes that are not logged end the history it stands
 * for. */
static void expire_log(int64_t now_s) {
    if (listed || !repl_config.backlog_ttl_s || !backlog_active() || backlog_has_reader() ||
        repl_is_replica())
        return;
    if (now_s - no_replicas_since_s <= repl_config.backlog_ttl_s) return;
    repl_change_id();
    backlog_stop();
    log_notice("Replication backlog freed after %d seconds without connected replicas.",
               repl_config.backlog_ttl_s);
}

void primary_cron(void) {
    static const slice ping[] = {{"ping", 4}};
    static unsigned seconds;
    int64_t now_s = repl_now_s();
    seconds++; /* before the first look: who comes within the first second gets no ping for a greeting */
    /* A failover's target has to catch up with an offset that stands still. */
    if (listed && !repl_failing_over() && repl_config.ping_period_s > 0 &&
        seconds % (unsigned)repl_config.ping_period_s == 0)
        repl_append_command(-1, 1, ping);
    for (struct peer *p = first, *next; p; p = next) {
        next = p->next;
        if (p->m.state == PEER_WAIT_START || p->m.state == PEER_WAIT_END) peer_say(p, "\n", 1);
        check_timeout(p, now_s);
    }
    expire_log(now_s);
    peer_report_cron();
    restraint_cron();
    fullsync_start_due(true);
    fullsync_remove_file();
}

void primary_init(void) {
    client_extra_output = peer_extra_output;
    no_replicas_since_s = repl_now_s();
    fullsync_init();
    restraint_init();
}

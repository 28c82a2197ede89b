/* The replica's side: REPLICAOF, the link's clock, acknowledgements, and what the rest of repl/ asks of it.
 *
 * Invariants (checked by link_ops.holds on entry to each state):
 *   - host is set exactly when we are a replica;
 *   - the socket is ours (io.fd) or the master client's, never both;
 *   - LINK_CONNECTED: the log is open, and the client applies the master's stream from repl_offset() + 1 on.
 *
 * The history (repl_id, repl_offset) outlives the connection: it is what the next PSYNC offers, to the same
 * master or to another, and what a master that is demoted offers of its own. */
#include "repl/link.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "repl/received.h"

struct link the_link = {.io = {.fd = -1}, .sync = {.fd = -1}, .port = 0};

void link_event(enum link_event_type type) {
    struct link_event ev = {.type = type};
    link_step(&the_link.m, &ev);
}

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
    link_forget_failures(l);
    upstream_forget(&l->upstream);
    repl_shift_id();
    repl_drop_peers();
    replog_force_select();
}

static void become_replica(struct link *l, const char *host, int port) {
    bool was_master = l->host == NULL, running = ev_turns() > 0;
    if (!running && repl_config.diskless_load == DISKLESS_LOAD_OFF) received_prepare();
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
    link_forget_failures(l);
    upstream_forget(&l->upstream);
    struct link_event ev = {.type = LINK_EV_REPLICAOF, .now = running};
    link_step(&l->m, &ev);
}

void repl_replicaof(const char *host, int port) {
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

void repl_retry_soon(void) {
    backoff_reset(&the_link.backoff);
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
    link_machine_init(&the_link.m, &link_ops, &the_link);
}

void repl_settle_files(void) {
    link_sync_discard(&the_link);
    received_finish();
}

void link_shutdown(void) {
    ev_timer_stop(&the_link.ack_timer);
    if (the_link.host) {
        set_host(&the_link, NULL);
        link_event(LINK_EV_NO_ONE);
    }
}

/* The replica's link to its master.
 *
 *   +------+  REPLICAOF host port   +---------+      (from every state but NONE: REPLICAOF NO ONE -> NONE,
 *   | NONE |----------------------->| CONNECT |<---  error, timeout, connection lost or new master -> CONNECT)
 *   +------+                        +---------+
 *                                        |     +------+
 *                                        |     | HELD |<--- we follow ourselves (CAPA), a guard keeps our data (LOADING)
 *                                        |     +------+
 *                                        | tick  | tick, when it is time, or at once: connect(2)
 *                                  +------------+
 *                                  | CONNECTING |
 *                                  +------------+
 *                                        | writable; we send PING
 *                                    +------+   -NOAUTH, -NOPERM, -ERR operation not permitted, -MASTERDOWN,
 *                                    | PING |   -MISCONF: as +PONG; other -error -> CONNECT
 *                                    +------+
 *        +PONG, masterauth: AUTH         |     \ +PONG, no masterauth: REPLCONF ...
 *                                    +------+   |
 *                                    | AUTH |   |   -error -> CONNECT
 *                                    +------+   |
 *        +OK: REPLCONF ... (all)         |      |
 *                                    +------+   |
 *                                    | PORT |<--+   -error is not critical
 *                                    +------+
 *        +OK, announce-ip                |     \ +OK, no announce-ip
 *                                    +------+   |
 *                                    |  IP  |   |   -error is not critical
 *                                    +------+   |
 *        +OK                             |      |
 *                                    +------+   |
 *                                    | CAPA |<--+   -error is not critical
 *                                    +------+
 *        +OK [chain]: PSYNC id offset | ? -1     (a chain with ourselves in it -> HELD)
 *                                    +-------+  -NOMASTERLINK, -MASTERDOWN, -LOADING, +nonsense -> CONNECT (a failover's: -> NONE)
 *                                    | PSYNC |------------------------- +CONTINUE [id] ------------------+
 *                                    +-------+                                                           |
 *        +FULLRESYNC id offset           |   -ERR ...: SYNC, no identity                                 |
 *                                  +----------+                                                          |
 *                                  | PREAMBLE |--- $EOF:mark, diskless load --+   -error, no $ -> CONNECT|
 *                                  +----------+                               |                          |
 *        $length | $EOF:mark             |                                    |                          |
 *                                  +----------+                               |                          |
 *                                  | TRANSFER |   short, stalled, bad file -> CONNECT                   |
 *                                  +----------+                               |                          |
 *        last byte (or mark)             |                                    |                          |
 *                                  +----------+                               |                          |
 *                                  | LOADING  |<------------------------------+   bad data -> CONNECT    |
 *                                  +----------+                                                          |
 *        loaded                          |                                                               |
 *                                  +-----------+                                                         |
 *                                  | CONNECTED |<--------------------------------------------------------+
 *                                  +-----------+
 *
 *   FROM       -> TO          [event,     function]        what holds in TO
 *   NONE       -> CONNECT     [REPLICAOF, on_replicaof]    a master's address; no socket, no client, no file
 *   any other  -> CONNECT     [REPLICAOF, on_replicaof]    the same
 *   any other  -> NONE        [NO_ONE,    on_no_one]       no address, no socket, no client, no file
 *   CONNECT    -> CONNECTING  [TICK,      on_tick]         a socket, its connection under way
 *   HELD       -> CONNECTING  [TICK,      on_tick]         the same
 *   HELD       -> CONNECT     [TICK,      on_tick]         the same as in CONNECT: what held it is not what fails now
 *   CAPA       -> HELD        [LINE,      after_capa]      as CONNECT, and the owner knows what has to change
 *   LOADING    -> HELD        (kept)                       the same; old data and history are kept
 *   CONNECTING -> PING        [OPENED,    on_opened]       a connected socket; PING sent
 *   PING       -> AUTH        [LINE,      after_ping]      AUTH sent
 *   PING       -> PORT        [LINE,      after_ping]      all REPLCONFs sent
 *   AUTH       -> PORT        [LINE,      after_auth]      all REPLCONFs sent
 *   PORT       -> IP, CAPA    [LINE,      after_port]      the same
 *   IP         -> CAPA        [LINE,      after_ip]        the same
 *   CAPA       -> PSYNC       [LINE,      after_capa]      PSYNC sent
 *   PSYNC      -> CONNECTED   [LINE,      after_psync]     a master client made of the socket; log open at its offset
 *   PSYNC      -> PREAMBLE    [LINE,      after_psync]     the identity to adopt is known (or known to be none)
 *   PREAMBLE   -> TRANSFER    [LINE,      after_preamble]  a temporary file is open
 *   PREAMBLE   -> LOADING     [LINE,      after_preamble]  no file; the socket is the loader's source
 *   TRANSFER   -> LOADING     [RECEIVED,  on_received]     the file is complete; old data is still there
 *   LOADING    -> CONNECTED   (loaded)                     as above; data, identity and offset are the master's
 *   CONNECTED  -> CONNECT     [LOST,      on_lost]         the history is kept and offered again
 *   any other  -> CONNECT     [FAILED, TIMEOUT, on_broken] old data and history are kept (unless already flushed)
 *
 * link_set is the only writer of the state; it asserts the move against `legal` and the new state's
 * guarantees through ops->holds. An event that a state does not take (`takes`) is refused without any
 * effect. The file knows protocol words, no sockets, no clock, no data. */
#include "repl/link_machine.h"
#include "base/assert.h"
#include "base/log.h"
#include "base/num.h"

#define BIT(ev) (1u << (ev))

/* clang-format off */
static const bool legal[LINK_STATES][LINK_STATES] = {
    [LINK_NONE]       = {[LINK_CONNECT] = true},
    [LINK_CONNECT]    = {[LINK_NONE] = true, [LINK_CONNECT] = true, [LINK_CONNECTING] = true},
    [LINK_HELD]       = {[LINK_NONE] = true, [LINK_CONNECT] = true, [LINK_CONNECTING] = true},
    [LINK_CONNECTING] = {[LINK_NONE] = true, [LINK_CONNECT] = true, [LINK_PING] = true},
    [LINK_PING]       = {[LINK_NONE] = true, [LINK_CONNECT] = true, [LINK_AUTH] = true, [LINK_PORT] = true},
    [LINK_AUTH]       = {[LINK_NONE] = true, [LINK_CONNECT] = true, [LINK_PORT] = true},
    [LINK_PORT]       = {[LINK_NONE] = true, [LINK_CONNECT] = true, [LINK_IP] = true, [LINK_CAPA] = true},
    [LINK_IP]         = {[LINK_NONE] = true, [LINK_CONNECT] = true, [LINK_CAPA] = true},
    [LINK_CAPA]       = {[LINK_NONE] = true, [LINK_CONNECT] = true, [LINK_HELD] = true, [LINK_PSYNC] = true},
    [LINK_PSYNC]      = {[LINK_NONE] = true, [LINK_CONNECT] = true, [LINK_PREAMBLE] = true, [LINK_CONNECTED] = true},
    [LINK_PREAMBLE]   = {[LINK_NONE] = true, [LINK_CONNECT] = true, [LINK_TRANSFER] = true, [LINK_LOADING] = true},
    [LINK_TRANSFER]   = {[LINK_NONE] = true, [LINK_CONNECT] = true, [LINK_LOADING] = true},
    [LINK_LOADING]    = {[LINK_CONNECT] = true, [LINK_HELD] = true, [LINK_CONNECTED] = true},
    [LINK_CONNECTED]  = {[LINK_NONE] = true, [LINK_CONNECT] = true},
};

/* LOADING takes nothing: it begins and ends inside one step, while the loader runs turns of the loop. */
enum { COMMANDS = BIT(LINK_EV_REPLICAOF) | BIT(LINK_EV_NO_ONE),
       WAITING  = COMMANDS | BIT(LINK_EV_TICK) | BIT(LINK_EV_FAILED) | BIT(LINK_EV_TIMEOUT) };
static const unsigned takes[LINK_STATES] = {
    [LINK_NONE]       = BIT(LINK_EV_REPLICAOF),
    [LINK_CONNECT]    = COMMANDS | BIT(LINK_EV_TICK),
    [LINK_HELD]       = COMMANDS | BIT(LINK_EV_TICK),
    [LINK_CONNECTING] = WAITING | BIT(LINK_EV_OPENED),
    [LINK_PING]       = WAITING | BIT(LINK_EV_LINE),
    [LINK_AUTH]       = WAITING | BIT(LINK_EV_LINE),
    [LINK_PORT]       = WAITING | BIT(LINK_EV_LINE),
    [LINK_IP]         = WAITING | BIT(LINK_EV_LINE),
    [LINK_CAPA]       = WAITING | BIT(LINK_EV_LINE),
    [LINK_PSYNC]      = WAITING | BIT(LINK_EV_LINE),
    [LINK_PREAMBLE]   = WAITING | BIT(LINK_EV_LINE),
    [LINK_TRANSFER]   = WAITING | BIT(LINK_EV_RECEIVED),
    [LINK_LOADING]    = 0,
    [LINK_CONNECTED]  = COMMANDS | BIT(LINK_EV_TICK) | BIT(LINK_EV_LOST) | BIT(LINK_EV_TIMEOUT),
};

static const char *const names[LINK_STATES] = {
    [LINK_NONE] = "none",   [LINK_CONNECT] = "connect",   [LINK_CONNECTING] = "connecting", [LINK_PING] = "ping",
    [LINK_AUTH] = "auth",   [LINK_PORT] = "port",         [LINK_IP] = "ip",                 [LINK_CAPA] = "capa",
    [LINK_PSYNC] = "psync", [LINK_PREAMBLE] = "preamble", [LINK_TRANSFER] = "transfer",     [LINK_LOADING] = "loading",
    [LINK_CONNECTED] = "connected", [LINK_HELD] = "held",
};
/* clang-format on */

const char *link_state_name(enum link_state s) {
    return names[s];
}

bool link_takes(enum link_state s, enum link_event_type ev) {
    return takes[s] & BIT(ev);
}

bool link_may_move(enum link_state from, enum link_state to) {
    return legal[from][to];
}

void link_machine_init(struct link_machine *m, const struct link_ops *ops, void *ctx) {
    *m = (struct link_machine){.state = LINK_NONE, .ops = ops, .ctx = ctx};
}

/* The only writer of m->state. */
static void link_set(struct link_machine *m, enum link_state to) {
    assert_that(link_may_move(m->state, to));
    log_debug("Master link: %s -> %s", link_state_name(m->state), link_state_name(to));
    m->state = to;
    assert_that(m->ops->holds(m->ctx, to));
}

/* --- to and from CONNECT --- */

static void try_connect(struct link_machine *m, enum link_occasion occasion) {
    if (m->ops->connect(m->ctx, occasion)) {
        link_set(m, LINK_CONNECTING);
    } else {
        m->ops->gave_up(m->ctx, LINK_CONNECT);
        link_set(m, LINK_CONNECT);
    }
}

static void let_go(struct link_machine *m, enum link_state to) {
    m->ops->close(m->ctx);
    link_set(m, to);
}

/* The attempt has failed, or (CONNECTED) the connection: that alone is no failure. */
static void give_up(struct link_machine *m) {
    if (m->state != LINK_CONNECTED) m->ops->gave_up(m->ctx, m->state);
    let_go(m, LINK_CONNECT);
}

static void hold(struct link_machine *m) {
    m->ops->gave_up(m->ctx, LINK_HELD);
    let_go(m, LINK_HELD);
}

static void on_replicaof(struct link_machine *m, const struct link_event *ev) {
    let_go(m, LINK_CONNECT);
    if (ev->now) try_connect(m, CONNECT_FIRST);
}

static void on_no_one(struct link_machine *m, const struct link_event *ev) {
    (void)ev;
    m->ops->close(m->ctx);
    link_set(m, LINK_NONE);
}

static void on_tick(struct link_machine *m, const struct link_event *ev) {
    (void)ev;
    if ((m->state == LINK_CONNECT || m->state == LINK_HELD) && m->ops->may_retry(m->ctx))
        try_connect(m, CONNECT_FIRST);
}

/* A handshake that broke waits for the next tick: the master may not be ready. A transfer that broke starts
 * over. */
static void on_broken(struct link_machine *m, const struct link_event *ev) {
    bool hurry = m->state >= LINK_PREAMBLE || ev->type == LINK_EV_TIMEOUT;
    enum link_occasion occasion = m->state == LINK_CONNECTED ? CONNECT_AGAIN : CONNECT_AFTER_FAILURE;
    give_up(m);
    if (hurry && m->ops->may_hurry(m->ctx, occasion)) try_connect(m, occasion);
}

/* The master's log moves on while we are away: come back before it has forgotten where we were. */
static void on_lost(struct link_machine *m, const struct link_event *ev) {
    (void)ev;
    give_up(m);
    if (m->ops->may_hurry(m->ctx, CONNECT_AGAIN)) try_connect(m, CONNECT_AGAIN);
}

/* --- the handshake --- */

static bool begins(slice s, const char *word) {
    size_t n = strlen(word);
    return s.n >= n && memcmp(s.p, word, n) == 0;
}

#define LINE_ARGS(s) (int)(s).n, (s).p

static void on_opened(struct link_machine *m, const struct link_event *ev) {
    (void)ev;
    log_notice("Non blocking connect for SYNC fired the event.");
    if (m->ops->send_ping(m->ctx))
        link_set(m, LINK_PING);
    else
        give_up(m);
}

static void say_replconf(struct link_machine *m) {
    if (m->ops->send_replconf(m->ctx))
        link_set(m, LINK_PORT);
    else
        give_up(m);
}

/* Errors that say how it is with clients there (who we are; its disk is full; its own link is down and stale data are not to
 * be read), which is no reason not to ask for the log. A target of FAILOVER that refuses stale reads has just lost its link:
 * to us. */
static bool is_pong(slice line) {
    static const char *const as_good[] = {"-NOAUTH", "-NOPERM", "-ERR operation not permitted", "-MASTERDOWN",
                                          "-MISCONF"};
    for (size_t i = 0; i < sizeof as_good / sizeof *as_good; i++)
        if (begins(line, as_good[i])) return true;
    return line.p[0] == '+';
}

static void after_ping(struct link_machine *m, slice line) {
    if (!is_pong(line)) {
        log_warning("Error reply to PING from master: '%.*s'", LINE_ARGS(line));
        give_up(m);
        return;
    }
    log_notice("Master replied to PING, replication can continue...");
    if (!m->ops->wants_auth(m->ctx))
        say_replconf(m);
    else if (m->ops->send_auth(m->ctx))
        link_set(m, LINK_AUTH);
    else
        give_up(m);
}

static void after_auth(struct link_machine *m, slice line) {
    if (line.p[0] == '-') {
        log_warning("Unable to AUTH to MASTER: %.*s", LINE_ARGS(line));
        give_up(m);
        return;
    }
    say_replconf(m);
}

static void note_refusal(slice line, const char *option) {
    if (line.p[0] == '-')
        log_notice("(Non critical) Master does not understand REPLCONF %s: %.*s", option, LINE_ARGS(line));
}

static void after_port(struct link_machine *m, slice line) {
    note_refusal(line, "listening-port");
    link_set(m, m->ops->announces_ip(m->ctx) ? LINK_IP : LINK_CAPA);
}

static void after_ip(struct link_machine *m, slice line) {
    note_refusal(line, "ip-address");
    link_set(m, LINK_CAPA);
}

static void after_capa(struct link_machine *m, slice line) {
    note_refusal(line, "capa");
    slice told = begins(line, "+OK") ? (slice){line.p + 3, line.n - 3} : (slice){NULL, 0};
    if (!m->ops->may_follow(m->ctx, told)) {
        hold(m);
        return;
    }
    if (m->ops->send_psync(m->ctx)) {
        link_set(m, LINK_PSYNC);
        return;
    }
    log_warning("Write error sending the PSYNC command.");
    if (!m->ops->psync_refused(m->ctx, false)) give_up(m);
}

/* --- PSYNC's answer --- */

enum { ID_CHARS = 40 };

/* `+FULLRESYNC <40 characters> <offset>` */
static bool parse_fullresync(slice line, char id[ID_CHARS + 1], int64_t *offset) {
    size_t word = strlen("+FULLRESYNC ");
    if (line.n < word + ID_CHARS + 2 || line.p[word - 1] != ' ' || line.p[word + ID_CHARS] != ' ')
        return false;
    memcpy(id, line.p + word, ID_CHARS);
    id[ID_CHARS] = '\0';
    slice rest = {line.p + word + ID_CHARS + 1, line.n - word - ID_CHARS - 1};
    return strlen(id) == ID_CHARS && num_parse_i64(rest, offset) && *offset >= 0 && *offset < INT64_MAX / 2;
}

/* `+CONTINUE`, `+CONTINUE <id>` or `+CONTINUE <id> <past>`: the id, or NULL when there is none or it is not one. */
static const char *parse_continue(slice line, char id[ID_CHARS + 1], slice *past) {
    size_t word = strlen("+CONTINUE ");
    *past = (slice){0};
    if (line.n < word + ID_CHARS || line.p[word - 1] != ' ') return NULL;
    if (line.n > word + ID_CHARS && line.p[word + ID_CHARS] != ' ') return NULL;
    memcpy(id, line.p + word, ID_CHARS);
    id[ID_CHARS] = '\0';
    *past = (slice){line.p + word + ID_CHARS, line.n - word - ID_CHARS};
    return strlen(id) == ID_CHARS ? id : NULL;
}

static void on_fullresync(struct link_machine *m, slice line) {
    char id[ID_CHARS + 1];
    int64_t offset;
    if (!parse_fullresync(line, id, &offset)) {
        log_warning("Master replied with wrong +FULLRESYNC syntax.");
        give_up(m);
        return;
    }
    log_notice("Full resync from master: %s:%lld", id, (long long)offset);
    m->ops->begin_full(m->ctx, id, offset);
    link_set(m, LINK_PREAMBLE);
    m->ops->psync_accepted(m->ctx);
}

static void on_continue(struct link_machine *m, slice line) {
    char id[ID_CHARS + 1];
    slice past;
    const char *named = parse_continue(line, id, &past);
    log_notice("Successful partial resynchronization with master.");
    if (!m->ops->resume(m->ctx, named, past)) {
        give_up(m);
        return;
    }
    link_set(m, LINK_CONNECTED);
    log_notice("MASTER <-> REPLICA sync: Master accepted a Partial Resynchronization.");
    m->ops->psync_accepted(m->ctx);
}

static void after_psync(struct link_machine *m, slice line) {
    if (begins(line, "+FULLRESYNC")) {
        on_fullresync(m, line);
    } else if (begins(line, "+CONTINUE")) {
        on_continue(m, line);
    } else if (begins(line, "-NOMASTERLINK") || begins(line, "-MASTERDOWN") || begins(line, "-LOADING")) {
        log_notice("Master is currently unable to PSYNC but should be in the future: %.*s", LINE_ARGS(line));
        if (!m->ops->psync_refused(m->ctx, true)) give_up(m);
    } else if (line.p[0] != '-') {
        log_warning("Unexpected reply to PSYNC from master: %.*s", LINE_ARGS(line));
        if (!m->ops->psync_refused(m->ctx, true)) give_up(m);
    } else {
        if (m->ops->psync_refused(m->ctx, true)) return;
        if (begins(line, "-ERR"))
            log_notice("Master does not support PSYNC or is in error state (reply: %.*s)", LINE_ARGS(line));
        else
            log_warning("Unexpected reply to PSYNC from master: %.*s", LINE_ARGS(line));
        log_notice("Retrying with SYNC...");
        m->ops->begin_full(m->ctx, NULL, 0);
        if (m->ops->send_sync(m->ctx))
            link_set(m, LINK_PREAMBLE);
        else
            give_up(m);
    }
}

/* --- the snapshot --- */

static void begin_load(struct link_machine *m) {
    link_set(m, LINK_LOADING);
    switch (m->ops->load(m->ctx)) {
    case LOAD_DONE: link_set(m, LINK_CONNECTED); return;
    case LOAD_HELD: hold(m); return;
    case LOAD_FAILED: give_up(m); break;
    }
    if (m->ops->may_hurry(m->ctx, CONNECT_AFTER_FAILURE)) try_connect(m, CONNECT_AFTER_FAILURE);
}

static void after_preamble(struct link_machine *m, slice line) {
    static const struct link_event broken = {.type = LINK_EV_FAILED};
    int64_t length = 0;
    slice rest = {line.p + 1, line.n - 1}, mark = {NULL, 0};
    if (line.p[0] == '-') {
        log_warning("MASTER aborted replication with an error: %.*s", (int)rest.n, rest.p);
        give_up(m); /* it will say the same again in a moment */
        return;
    }
    bool eof = begins(line, "$EOF:") && line.n == strlen("$EOF:") + ID_CHARS;
    if (eof) mark = (slice){line.p + strlen("$EOF:"), ID_CHARS};
    if (line.p[0] != '$' || (!eof && (!num_parse_i64(rest, &length) || length < 0))) {
        log_warning(
            "Bad protocol from MASTER, the first byte is not '$' (we received '%.*s'), are you sure the "
            "host and port are right?",
            LINE_ARGS(line));
        on_broken(m, &broken);
        return;
    }
    switch (m->ops->begin_transfer(m->ctx, length, mark)) {
    case TRANSFER_TO_FILE: link_set(m, LINK_TRANSFER); break;
    case TRANSFER_TO_PARSER: begin_load(m); break;
    case TRANSFER_REFUSED: on_broken(m, &broken); break;
    }
}

static void on_received(struct link_machine *m, const struct link_event *ev) {
    (void)ev;
    begin_load(m);
}

static void on_line(struct link_machine *m, const struct link_event *ev) {
    static void (*const after[LINK_STATES])(struct link_machine * m, slice line) = {
        [LINK_PING] = after_ping,         [LINK_AUTH] = after_auth,
        [LINK_PORT] = after_port,         [LINK_IP] = after_ip,
        [LINK_CAPA] = after_capa,         [LINK_PSYNC] = after_psync,
        [LINK_PREAMBLE] = after_preamble,
    };
    assert_that(ev->line.n > 0 && after[m->state]);
    after[m->state](m, ev->line);
}

bool link_step(struct link_machine *m, const struct link_event *ev) {
    static void (*const on[LINK_EVENTS])(struct link_machine * m, const struct link_event *ev) = {
        [LINK_EV_REPLICAOF] = on_replicaof, [LINK_EV_NO_ONE] = on_no_one,  [LINK_EV_TICK] = on_tick,
        [LINK_EV_OPENED] = on_opened,       [LINK_EV_LINE] = on_line,      [LINK_EV_RECEIVED] = on_received,
        [LINK_EV_FAILED] = on_broken,       [LINK_EV_TIMEOUT] = on_broken, [LINK_EV_LOST] = on_lost,
    };
    assert_that(m->state < LINK_STATES && ev->type < LINK_EVENTS);
    if (!link_takes(m->state, ev->type)) return false;
    on[ev->type](m, ev);
    return true;
}

/* The primary's view of a replica.
 *
 *                                 REPLCONF ...
 *                               +-------------+
 *                               |  HANDSHAKE  |--- PSYNC id off: +CONTINUE ----------------------------+
 *                               +-------------+                                                        |
 *        PSYNC: no way / SYNC          |                                                               |
 *                               +-------------+                                                        |
 *                               | WAIT_START  |--- diskless child forked: +FULLRESYNC id off ----+     |
 *                               +-------------+                                                  |     |
 *     BGSAVE forked, or joined:        | +FULLRESYNC id off                                      |     |
 *                               +-------------+                                           +-----------+|
 *                               |  WAIT_END   |                                           | SEND_PIPE ||
 *                               +-------------+                                           +-----------+|
 *                 child ended          | $len                                $EOF:mark ... mark  |     |
 *                               +-------------+                                           +-----------+|
 *                               |  SEND_FILE  |------------- file sent -----------+       | WAIT_ACK  ||
 *                               +-------------+                                   |       +-----------+|
 *                                      | file sent, rdb-only                      |   REPLCONF ACK |   |
 *                               +-------------+       rdb-only                  +-------------------------+
 *                               |  RDB_SENT   |<---- (from SEND_PIPE) ---       |         ONLINE          |
 *                               +-------------+                                 +-------------------------+
 *                      (from every state: connection ended, or snapshot failed -> GONE)
 *
 *   FROM        -> TO          [event,           done in]          what holds in TO
 *   HANDSHAKE   -> WAIT_START  [FULL,            peer_requests.c] client is flagged replica, no cursor, no file
 *   HANDSHAKE   -> ONLINE      [PARTIAL,         peer_requests.c] cursor attached at the offset it asked for
 *   WAIT_START  -> WAIT_END    [SNAPSHOT_DISK,   fullsync.c]      cursor attached at the snapshot's offset + 1
 *   WAIT_START  -> SEND_PIPE   [SNAPSHOT_PIPE,   fullsync.c]      cursor attached at the snapshot's offset + 1
 *   WAIT_END    -> SEND_FILE   [SNAPSHOT_READY,  fullsync.c]      cursor attached, the snapshot file is open
 *   SEND_FILE   -> ONLINE      [SENT,            transfer.c]      cursor attached, no file: the log follows
 *   SEND_FILE   -> RDB_SENT    [SENT,            transfer.c]      no cursor, no file
 *   SEND_PIPE   -> WAIT_ACK    [SNAPSHOT_READY,  fullsync.c]      cursor attached, nothing goes out
 *   SEND_PIPE   -> RDB_SENT    [SNAPSHOT_READY,  fullsync.c]      no cursor, no file
 *   WAIT_ACK    -> ONLINE      [ACK,             peer_requests.c] cursor attached: the log follows
 *   any waiting -> GONE        [SNAPSHOT_FAILED, fullsync.c]      no cursor, no file, no part in a pipe
 *   any         -> GONE        [CLOSED,          primary.c]       the same; nothing follows
 *
 * ACK is also taken, without a move, by every state that a replica may send it in. The file knows no socket:
 * effects and guarantees are the owner's (peer_ops), so that tests drive every pair of state and event. */
#include "repl/peer_machine.h"
#include "base/assert.h"
#include "base/log.h"

/* clang-format off */
static const bool legal[PEER_STATES][PEER_STATES] = {
    [PEER_HANDSHAKE]  = {[PEER_WAIT_START] = true, [PEER_ONLINE] = true, [PEER_GONE] = true},
    [PEER_WAIT_START] = {[PEER_WAIT_END] = true, [PEER_SEND_PIPE] = true, [PEER_GONE] = true},
    [PEER_WAIT_END]   = {[PEER_SEND_FILE] = true, [PEER_GONE] = true},
    [PEER_SEND_FILE]  = {[PEER_ONLINE] = true, [PEER_RDB_SENT] = true, [PEER_GONE] = true},
    [PEER_SEND_PIPE]  = {[PEER_WAIT_ACK] = true, [PEER_RDB_SENT] = true, [PEER_GONE] = true},
    [PEER_WAIT_ACK]   = {[PEER_ONLINE] = true, [PEER_GONE] = true},
    [PEER_ONLINE]     = {[PEER_GONE] = true},
    [PEER_RDB_SENT]   = {[PEER_GONE] = true},
    [PEER_GONE]       = {false},
};

/* Where an event leads; STAY: taken without a move; 0: not taken (no event leads back to HANDSHAKE, which is
 * 0). */
enum { STAY = -1 };
static const signed char leads_to[PEER_STATES][PEER_EVENTS] = {
    [PEER_HANDSHAKE]  = {[PEER_EV_PARTIAL] = PEER_ONLINE, [PEER_EV_FULL] = PEER_WAIT_START, [PEER_EV_CLOSED] = PEER_GONE},
    [PEER_WAIT_START] = {[PEER_EV_SNAPSHOT_DISK] = PEER_WAIT_END, [PEER_EV_SNAPSHOT_PIPE] = PEER_SEND_PIPE,
                         [PEER_EV_SNAPSHOT_FAILED] = PEER_GONE, [PEER_EV_ACK] = STAY, [PEER_EV_CLOSED] = PEER_GONE},
    [PEER_WAIT_END]   = {[PEER_EV_SNAPSHOT_READY] = PEER_SEND_FILE, [PEER_EV_SNAPSHOT_FAILED] = PEER_GONE,
                         [PEER_EV_ACK] = STAY, [PEER_EV_CLOSED] = PEER_GONE},
    [PEER_SEND_FILE]  = {[PEER_EV_SENT] = PEER_ONLINE, [PEER_EV_ACK] = STAY, [PEER_EV_CLOSED] = PEER_GONE},
    [PEER_SEND_PIPE]  = {[PEER_EV_SNAPSHOT_READY] = PEER_WAIT_ACK, [PEER_EV_SNAPSHOT_FAILED] = PEER_GONE,
                         [PEER_EV_ACK] = STAY, [PEER_EV_CLOSED] = PEER_GONE},
    [PEER_WAIT_ACK]   = {[PEER_EV_ACK] = PEER_ONLINE, [PEER_EV_CLOSED] = PEER_GONE},
    [PEER_ONLINE]     = {[PEER_EV_ACK] = STAY, [PEER_EV_CLOSED] = PEER_GONE},
    [PEER_RDB_SENT]   = {[PEER_EV_ACK] = STAY, [PEER_EV_CLOSED] = PEER_GONE},
    [PEER_GONE]       = {0},
};

static const char *const names[PEER_STATES] = {
    [PEER_HANDSHAKE] = "handshake", [PEER_WAIT_START] = "wait_start", [PEER_WAIT_END] = "wait_end",
    [PEER_SEND_FILE] = "send_file", [PEER_SEND_PIPE] = "send_pipe",   [PEER_WAIT_ACK] = "wait_ack",
    [PEER_ONLINE] = "online",       [PEER_RDB_SENT] = "rdb_sent",     [PEER_GONE] = "gone",
};
/* clang-format on */

const char *peer_state_name(enum peer_state s) {
    return names[s];
}

bool peer_may_move(enum peer_state from, enum peer_state to) {
    return legal[from][to];
}

void peer_machine_init(struct peer_machine *m, const struct peer_ops *ops, void *ctx) {
    *m = (struct peer_machine){.state = PEER_HANDSHAKE, .ops = ops, .ctx = ctx};
}

/* The only writer of m->state. */
static void peer_set(struct peer_machine *m, enum peer_state to) {
    enum peer_state from = m->state;
    assert_that(peer_may_move(from, to));
    log_debug("Replica link: %s -> %s", peer_state_name(from), peer_state_name(to));
    m->state = to;
    m->ops->entered(m->ctx, from);
    /* An effect may have moved the machine further (a write failed at once). */
    assert_that(m->ops->holds(m->ctx, m->state));
}

bool peer_step(struct peer_machine *m, enum peer_event ev) {
    int to = leads_to[m->state][ev];
    if (to == 0) return false;
    if (to == STAY) return true;
    bool has_all = ev == PEER_EV_SENT || (ev == PEER_EV_SNAPSHOT_READY && m->state == PEER_SEND_PIPE);
    if (has_all && m->rdb_only) to = PEER_RDB_SENT;
    peer_set(m, (enum peer_state)to);
    return true;
}

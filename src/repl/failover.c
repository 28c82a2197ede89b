/* FAILOVER: a master hands its role over to one of its replicas, without losing a write.
 *
 *   NONE --- FAILOVER ---> WAIT_FOR_SYNC --- the target has everything (or, with FORCE, the time is up) ---> IN_PROGRESS
 *     ^                         |  ABORT, time is up: writes go on                                                |
 *     +-------------------------+---------------- the target said +CONTINUE or +FULLRESYNC (or ABORT) ------------+
 *
 * WAIT_FOR_SYNC: we are a master, and writes are held back, so that our offset stands still for the target to reach. A replica
 * that lost its link may come back partially (it could be the target), but nobody gets all data anew.
 * IN_PROGRESS: we are a replica of the target; the link's PSYNC says FAILOVER, which makes the target a master. Should the
 * target refuse, we are a master again. A link that breaks meanwhile is tried again, as any other: whether the target
 * heard the request is not known, so neither role may be taken for granted; FAILOVER ABORT decides.
 *
 * Invariant: writes are held exactly while the state is not NONE. */
#include "base/clock.h"
#include "base/log.h"
#include "repl/peer.h"

static struct {
    enum failover_state state;
    sds host; /* the target; NULL: whichever replica is the first to have everything */
    int port;
    bool timed, force;
    uint64_t until_ms; /* monotonic, when timed */
    bool asked;        /* the replicas have been asked where they are, behind the last write */
    struct ev_timer timer;
} self;

bool repl_failing_over(void) {
    return self.state != FAILOVER_NONE;
}

const char *failover_state_name(enum failover_state s) {
    static const char *const words[FAILOVER_STATES] = {[FAILOVER_NONE] = "no-failover",
                                                       [FAILOVER_WAIT_FOR_SYNC] = "waiting-for-sync",
                                                       [FAILOVER_IN_PROGRESS] = "failover-in-progress"};
    return words[s];
}

const char *repl_failover_state(void) {
    return failover_state_name(self.state);
}

bool failover_hands_over(void) {
    return self.state == FAILOVER_IN_PROGRESS;
}

static void clear(void) {
    self.state = FAILOVER_NONE;
    ev_timer_stop(&self.timer);
    sds_free(self.host);
    self.host = NULL;
    if (repl_hooks.hold_writes) repl_hooks.hold_writes(false);
}

static void give_up(const char *why) {
    enum failover_state was = self.state;
    if (self.host)
        log_notice("FAILOVER to %s:%d aborted: %s", self.host, self.port, why);
    else
        log_notice("FAILOVER to any replica aborted: %s", why);
    clear();
    if (was == FAILOVER_IN_PROGRESS) repl_replicaof(NULL, 0);
}

bool repl_failover_abort(void) {
    if (self.state == FAILOVER_NONE) return false;
    give_up("Failover manually aborted");
    return true;
}

/* --- waiting for the target --- */

static bool has_everything(const struct peer *p) {
    return p->m.state == PEER_ONLINE && p->ack_offset == repl_offset();
}

static struct peer *someone_with_everything(void) {
    for (struct peer *p = peer_first(); p; p = p->next)
        if (has_everything(p)) return p;
    return NULL;
}

static void hand_over(void) {
    self.state = FAILOVER_IN_PROGRESS;
    ev_timer_stop(&self.timer);
    repl_replicaof(self.host, self.port);
}

static void time_is_up(void) {
    if (!self.force) {
        give_up("Replica never caught up before timeout");
        return;
    }
    log_notice("FAILOVER to %s:%d time out exceeded, failing over.", self.host, self.port);
    hand_over();
}

static void check(void) {
    if (self.timed && clock_mono_ms() >= self.until_ms) {
        time_is_up();
        return;
    }
    const struct peer *p = self.host ? peer_at(self.host, self.port) : someone_with_everything();
    if (!p || !has_everything(p)) return;
    if (!self.host) {
        char ip[REPL_HOST_BYTES];
        if (!peer_ip(p, ip)) return; /* its connection has just ended */
        self.host = sds_new(ip);
        self.port = p->listening_port;
    }
    log_notice("Failover target %s:%d is synced, failing over.", self.host, self.port);
    hand_over();
}

bool failover_check(void) {
    if (self.state != FAILOVER_WAIT_FOR_SYNC) return false;
    check();
    if (self.state != FAILOVER_WAIT_FOR_SYNC || self.asked) return false;
    self.asked = true; /* else we would learn it with the next of their ACKs, one a second */
    acks_ask();
    return true;
}

static int64_t on_timer(void *ctx) {
    (void)ctx;
    if (self.state == FAILOVER_WAIT_FOR_SYNC) check();
    return EV_STOP;
}

/* --- the link to the target --- */

void failover_accepted(void) {
    if (self.state == FAILOVER_IN_PROGRESS) clear();
}

bool failover_refused(bool sent) {
    if (self.state != FAILOVER_IN_PROGRESS) return false;
    give_up(sent ? "Failover target rejected psync request" : "Write error to failover target");
    return true;
}

/* --- FAILOVER --- */

const char *repl_failover_start(const struct repl_failover *f) {
    if (self.state != FAILOVER_NONE) return "ERR FAILOVER already in progress.";
    if (repl_is_replica()) return "ERR FAILOVER is not valid when server is a replica.";
    if (repl_peer_count() == 0) return "ERR FAILOVER requires connected replicas.";
    if (f->force && (!f->timeout_ms || !f->host))
        return "ERR FAILOVER with force option requires both a timeout and target HOST and IP.";
    if (f->host) {
        const struct peer *p = peer_at(f->host, f->port);
        if (!p) return "ERR FAILOVER target HOST and PORT is not a replica.";
        if (p->m.state != PEER_ONLINE) return "ERR FAILOVER target replica is not online.";
    }
    self.state = FAILOVER_WAIT_FOR_SYNC;
    self.host = f->host ? sds_new(f->host) : NULL;
    self.port = f->port;
    self.force = f->force;
    self.timed = f->timeout_ms > 0;
    self.asked = false;
    self.until_ms = clock_mono_ms() + (uint64_t)f->timeout_ms;
    if (self.timed) ev_timer_start(&self.timer, f->timeout_ms);
    if (f->host)
        log_notice("FAILOVER requested to %s:%d.", f->host, f->port);
    else
        log_notice("FAILOVER requested to any replica.");
    if (repl_hooks.hold_writes) repl_hooks.hold_writes(true);
    return NULL;
}

void failover_init(void) {
    ev_timer_init(&self.timer, on_timer, NULL);
}

/* Full synchronisation: which snapshot serves which replica, and the relay of a diskless one.
 *
 * One snapshot serves all who wait for it. To disk: whoever asks while it is being made may share it, if
 * another replica already does: that one's cursor holds the log from the snapshot's offset on. Over sockets:
 * who is not there when the child is forked waits for the next.
 *
 * The relay: the child writes into a pipe, we read a buffer's worth, every replica of this transfer gets it,
 * and only when all have taken it do we read on. So the slowest replica sets the pace and memory stays
 * constant; one that stops altogether is dropped by the cron's timeout. The child may end before we have read
 * all that is in the pipe, so success is: end of pipe seen and child ended well.
 *
 * Invariant: relay.active exactly while some peer is in PEER_SEND_PIPE (or the last has just gone and the
 * child is being killed), and at most one transfer over sockets is under way. */
#include "base/alloc.h"
#include "base/assert.h"
#include "base/log.h"
#include "event/child.h"
#include "repl/peer.h"
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RELAY_BYTES = 64 * 1024 };

static struct {
    bool active;
    struct ev_io io; /* the pipe's read end */
    char *buf;       /* RELAY_BYTES, while active */
    size_t used;
    uint64_t total; /* bytes so far */
    bool eof, child_ended, child_ok;
} relay;

/* The snapshot file that was made for replicas only, which rdb-del-sync-files may remove; `ino` 0: none. */
static struct stat made_for_replicas;
static bool start_wanted; /* a snapshot ended while others wait: look again at the end of this turn */

/* --- the relay --- */

bool fullsync_relaying(void) {
    return relay.active;
}

bool fullsync_relay_waits(void) {
    return relay.active && !relay.eof && !(relay.io.mask & EV_READ);
}

uint64_t fullsync_relayed_bytes(void) {
    return relay.total;
}

bool fullsync_relay_bytes(slice *out) {
    *out = (slice){relay.buf, relay.used};
    return relay.active;
}

static void relay_stop(void) {
    if (!relay.eof) {
        ev_io_set(&relay.io, 0);
        close(relay.io.fd);
    }
    mem_free(relay.buf, RELAY_BYTES);
    relay.buf = NULL;
    relay.active = false;
    start_wanted = true;
}

static void fail_all_in(enum peer_state s) {
    for (struct peer *p = peer_first(), *next; p; p = next) {
        next = p->next;
        if (p->m.state == s) peer_end(p, PEER_EV_SNAPSHOT_FAILED);
    }
}

static void relay_finish(void) {
    if (!relay.active || !relay.child_ended) return;
    if (!relay.child_ok) {
        log_warning("SYNC failed. BGSAVE child returned an error");
        relay_stop();
        fail_all_in(PEER_SEND_PIPE);
        return;
    }
    if (!relay.eof) return;
    for (struct peer *p = peer_first(); p; p = p->next)
        if (p->m.state == PEER_SEND_PIPE) peer_step(&p->m, PEER_EV_SNAPSHOT_READY);
    relay_stop();
}

static bool all_have_taken(void) {
    for (struct peer *p = peer_first(); p; p = p->next)
        if (p->m.state == PEER_SEND_PIPE && p->relay_at < relay.used) return false;
    return true;
}

void fullsync_relay_taken(void) {
    if (!relay.active || relay.eof) return;
    if (peer_count_in(PEER_SEND_PIPE) == 0) {
        log_warning("Diskless rdb transfer, last replica dropped, killing fork child.");
        if (!relay.child_ended) snapshot_kill();
        relay_stop();
        return;
    }
    if (all_have_taken()) ev_io_set(&relay.io, EV_READ);
}

/* None has taken anything of it before the first is asked to: who looks whether all have must not see the last round's end. */
static void relay_offer(void) {
    for (struct peer *p = peer_first(); p; p = p->next) p->relay_at = 0;
    for (struct peer *p = peer_first(), *next; p; p = next) {
        next = p->next;
        if (p->m.state == PEER_SEND_PIPE) peer_kick(p);
    }
}

static void relay_readable(struct ev_io *io, int ready) {
    (void)ready;
    size_t readers = peer_count_in(PEER_SEND_PIPE);
    uint64_t allowed = restraint_allows(readers);
    if (allowed == 0) {
        ev_io_set(io, 0); /* until there is bandwidth again */
        return;
    }
    ssize_t n = read(io->fd, relay.buf, allowed < RELAY_BYTES ? (size_t)allowed : RELAY_BYTES);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n < 0) log_warning("Diskless rdb transfer, read error sending DB to replicas: %s", strerror(errno));
    if (n <= 0) {
        if (n == 0)
            log_warning("Diskless rdb transfer, done reading from pipe, %d replicas still up.",
                        (int)peer_count_in(PEER_SEND_PIPE));
        ev_io_set(io, 0);
        close(io->fd);
        relay.eof = true;
        relay_finish();
        return;
    }
    restraint_took((uint64_t)n * readers);
    relay.used = (size_t)n;
    relay.total += (uint64_t)n;
    ev_io_set(io, 0); /* until all have taken it */
    relay_offer();
    fullsync_relay_taken();
}

static void relay_begin(int pipe_fd) {
    net_set_blocking(pipe_fd, false);
    memset(&relay, 0, sizeof relay);
    relay.buf = mem_alloc(RELAY_BYTES);
    relay.active = true;
    ev_io_init(&relay.io, pipe_fd, relay_readable, NULL);
    ev_io_set(&relay.io, EV_READ);
}

/* --- starting a snapshot --- */

/* The data as of now: +FULLRESYNC, and a cursor that holds the log from here on. */
static void begin_from(struct peer *p, int64_t offset, enum peer_event ev) {
    p->snapshot_offset = offset;
    bool held = backlog_attach(&p->cursor, offset + 1);
    assert_that(held);
    p->last_progress_s = repl_now_s();
    peer_step(&p->m, ev);
    if (p->pre_psync) return;
    char line[80];
    int n = snprintf(line, sizeof line, "+FULLRESYNC %s %lld\r\n", identity_tell(), (long long)offset);
    peer_say(p, line, (size_t)n);
}

static void refuse_waiting(void) {
    static const char reply[] = "-ERR BGSAVE failed, replication can't continue\r\n";
    log_warning("BGSAVE for replication failed");
    for (struct peer *p = peer_first(), *next; p; p = next) {
        next = p->next;
        if (p->m.state != PEER_WAIT_START) continue;
        peer_say(p, reply, sizeof reply - 1);
        client_flush(p->c);
        peer_end(p, PEER_EV_SNAPSHOT_FAILED);
    }
}

/* --- how many at once --- */

size_t fullsync_in_progress(void) {
    return peer_count_in(PEER_WAIT_END) + peer_count_in(PEER_SEND_FILE) + peer_count_in(PEER_SEND_PIPE) +
           peer_count_in(PEER_WAIT_ACK);
}

/* So many more may begin. Who finds none waits, oldest first, for the cron to see one. */
static size_t free_slots(void) {
    size_t most = (size_t)repl_config.max_full_syncs, now = fullsync_in_progress();
    if (!most) return SIZE_MAX;
    return now < most ? most - now : 0;
}

/* Forks a snapshot for those that wait for one to start; diskless only when all of them can read it. */
static void start_snapshot(bool diskless) {
    struct rdb_info info;
    char mark[REPLID_CHARS + 1];
    log_notice("Starting BGSAVE for SYNC with target: %s", diskless ? "replicas sockets" : "disk");
    repl_fill_rdb_info(&info);
    replog_force_select();
    int pipe_fd = -1;
    bool ok = diskless ? (pipe_fd = snapshot_start_pipe(&info, mark)) >= 0 : snapshot_start_disk(&info);
    if (!ok) {
        refuse_waiting();
        return;
    }
    if (diskless) relay_begin(pipe_fd);
    int64_t offset = repl_offset();
    size_t slots = free_slots();
    for (struct peer *p = peer_first(), *next; p && slots > 0; p = next) {
        next = p->next;
        if (p->m.state != PEER_WAIT_START) continue;
        begin_from(p, offset, diskless ? PEER_EV_SNAPSHOT_PIPE : PEER_EV_SNAPSHOT_DISK);
        slots--;
    }
}

void fullsync_start_due(bool from_cron) {
    if (rdb_loading.active) return; /* DEBUG RELOAD: half of the data */
    if (!from_cron && !start_wanted) return;
    start_wanted = false;
    size_t waiting = 0, slots = free_slots();
    int64_t waited_s = 0;
    bool all_eof = true;
    for (struct peer *p = peer_first(); p && waiting < slots; p = p->next) {
        if (p->m.state != PEER_WAIT_START) continue;
        waiting++;
        all_eof = all_eof && p->capa_eof;
        int64_t s = repl_now_s() - p->since_s;
        if (s > waited_s) waited_s = s;
    }
    if (!waiting || child_active() != CHILD_NONE || relay.active) return;
    bool enough = (repl_config.diskless_sync_max_replicas > 0 &&
                   waiting >= (size_t)repl_config.diskless_sync_max_replicas) ||
                  waiting == slots;
    if (repl_config.diskless_sync && waited_s < repl_config.diskless_sync_delay_s && !enough) return;
    start_snapshot(repl_config.diskless_sync && all_eof);
}

static struct peer *someone_sharing_disk_snapshot(const struct peer *p) {
    for (struct peer *other = peer_first(); other; other = other->next)
        if (other->m.state == PEER_WAIT_END && other != p) return other;
    return NULL;
}

/* REPLCONF rdb-filter-only: it follows the stream and needs no data, so no child is forked for it. */
static void serve_without_keys(struct peer *p) {
    replog_force_select();
    begin_from(p, repl_offset(), PEER_EV_SNAPSHOT_DISK);
    if (!transfer_open_empty(p)) {
        peer_end(p, PEER_EV_SNAPSHOT_FAILED);
        return;
    }
    peer_step(&p->m, PEER_EV_SNAPSHOT_READY);
    client_want_write(p->c);
}

void fullsync_request(struct peer *p) {
    if (p->no_keys) {
        serve_without_keys(p);
        return;
    }
    if (free_slots() == 0) {
        log_notice(
            "%zu full resynchronizations are in progress (repl-max-full-syncs %d): replica %s is queued",
            fullsync_in_progress(), repl_config.max_full_syncs, peer_name(p));
    } else if (snapshot_running() && snapshot_target() == SNAPSHOT_DISK) {
        struct peer *other = someone_sharing_disk_snapshot(p);
        if (other) {
            log_notice("Waiting for end of BGSAVE for SYNC");
            begin_from(p, other->snapshot_offset, PEER_EV_SNAPSHOT_DISK);
        } else {
            log_notice("Can't attach the replica to the current BGSAVE. Waiting for next BGSAVE for SYNC");
        }
    } else if (snapshot_running() || relay.active) {
        log_notice("Current BGSAVE has socket target. Waiting for next BGSAVE for SYNC");
    } else if (repl_config.diskless_sync && p->capa_eof && repl_config.diskless_sync_delay_s > 0) {
        log_notice("Delay next BGSAVE for diskless SYNC");
    } else if (child_active() != CHILD_NONE) {
        log_notice(
            "No BGSAVE in progress, but another BG operation is active. BGSAVE for replication delayed");
    } else {
        start_snapshot(repl_config.diskless_sync && p->capa_eof);
    }
}

/* --- a snapshot ended --- */

uint64_t fullsync_file_bytes(void) {
    char path[4096];
    struct stat st;
    if (!snapshot_running() || snapshot_target() != SNAPSHOT_DISK) return 0;
    rdb_temp_path(path, sizeof path, repl_rdb_path(), child_pid());
    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static void note_file_made(void) {
    if (!rdb_config.del_sync_files || peer_count_in(PEER_WAIT_END) == 0) return;
    if (stat(repl_rdb_path(), &made_for_replicas) < 0) made_for_replicas.st_ino = 0;
}

static void disk_snapshot_ended(bool ok) {
    if (ok) note_file_made();
    if (!ok && peer_count_in(PEER_WAIT_END) > 0) log_warning("SYNC failed. BGSAVE child returned an error");
    for (struct peer *p = peer_first(), *next; p; p = next) {
        next = p->next;
        if (p->m.state != PEER_WAIT_END) continue;
        if (ok && transfer_open_file(p)) {
            peer_step(&p->m, PEER_EV_SNAPSHOT_READY);
            peer_kick(p);
        } else {
            peer_end(p, PEER_EV_SNAPSHOT_FAILED);
        }
    }
}

static void snapshot_ended(enum snapshot_target target, bool ok) {
    start_wanted = true;
    if (target == SNAPSHOT_DISK) {
        disk_snapshot_ended(ok);
        return;
    }
    relay.child_ended = true;
    relay.child_ok = ok;
    relay_finish();
}

/* Whoever comes next, as a rule the same one, can't share it, and would have to wait for its end. */
void fullsync_wait_left(const struct peer *p) {
    if (p->no_keys || peer_count_in(PEER_WAIT_END)) return;
    if (!snapshot_running() || snapshot_target() != SNAPSHOT_DISK) return;
    if (repl_hooks.saves_regularly && repl_hooks.saves_regularly()) return;
    log_notice("No replica waits for the snapshot to disk any more, and there are no save points: killing "
               "the child.");
    snapshot_kill();
}

/* A SAVE by hand has not put another file in its place meanwhile. */
static bool is_still_made_for_replicas(void) {
    struct stat st;
    return made_for_replicas.st_ino && stat(repl_rdb_path(), &st) == 0 &&
           st.st_ino == made_for_replicas.st_ino && st.st_mtim.tv_sec == made_for_replicas.st_mtim.tv_sec &&
           st.st_mtim.tv_nsec == made_for_replicas.st_mtim.tv_nsec;
}

/* rdb-del-sync-files: a server that persists nothing leaves no file behind once its replicas have it. What it persists with
 * may be turned off later; the removal itself, turned on later, is not about files of before. */
void fullsync_remove_file(void) {
    if (!rdb_config.del_sync_files) made_for_replicas.st_ino = 0;
    if (!made_for_replicas.st_ino || !repl_hooks.persistence_disabled || !repl_hooks.persistence_disabled())
        return;
    if (peer_count_in(PEER_WAIT_START) || peer_count_in(PEER_WAIT_END) || peer_count_in(PEER_SEND_FILE))
        return;
    if (is_still_made_for_replicas()) {
        log_notice("Removing the RDB file used to feed replicas in a persistence-less instance");
        unlink(repl_rdb_path());
    }
    made_for_replicas.st_ino = 0;
}

void fullsync_init(void) {
    static const struct snapshot_hooks hooks = {.ended = snapshot_ended};
    snapshot_set_hooks(&hooks);
    start_wanted = false;
}

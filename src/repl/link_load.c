/* A full synchronisation on the replica, second part: the snapshot is checked and put in place of what we had.
 *
 * From a file: only one that is complete, begins as an RDB file and agrees with its own checksum touches what we had; and where
 * there is something to lose, only one that was found loadable. Straight from the socket, when there is nothing to lose
 * (repl-diskless-load on-empty-db): a bad stream leaves us empty. From the socket, beside the old data (swapdb): a bad stream
 * leaves us as we were.
 *
 * Invariant: from the moment the old data goes to the end of a good load, `history` is false and the log is stopped: whoever
 * asks meanwhile is told nothing about offsets. */
#include "base/log.h"
#include "event/child.h"
#include "keyspace/db.h"
#include "repl/link.h"
#include "repl/received.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { SOURCE_BYTES = 64 * 1024, SOURCE_WAIT_MS = 100 };

/* --- checking --- */

/* NULL, or why this file must not replace what we have. */
static const char *find_fault(struct link_sync *s) {
    char head[9];
    int in = open(s->path, O_RDONLY | O_CLOEXEC);
    if (in < 0) return strerror(errno);
    bool whole = pread(in, head, sizeof head, 0) == (ssize_t)sizeof head;
    close(in);
    if (!whole || memcmp(head, "REDIS", 5) != 0) return "Wrong signature trying to load DB from file";
    int version = 0;
    for (int i = 5; i < 9; i++) {
        if (head[i] < '0' || head[i] > '9') return "Can't handle RDB format version";
        version = version * 10 + head[i] - '0';
    }
    if (version < 1 || version > 11) return "Can't handle RDB format version";
    if (version < 5) return NULL; /* carries no checksum */
    uint64_t stored = 0;
    for (int i = RDB_CRC_BYTES - 1; i >= 0; i--) stored = stored << 8 | (unsigned char)s->tail[i];
    if (stored != 0 && stored != s->crc) return "Wrong RDB checksum";
    return NULL;
}

static bool keep_old(const char *why) {
    link_report_failure("the snapshot is not usable: %s", why);
    log_warning("Failed trying to load the MASTER synchronization DB from disk: %s (old data is kept)", why);
    return false;
}

/* What comes is what we have, only later: so what we have may be read until then. */
static bool is_newer_state(const struct link_sync *s) {
    return strcmp(s->id, repl_id()) == 0;
}

/* Guards (guard.h). Of a stream, only what it has brought is known. */
static bool guards_pass(struct link *l, const struct rdb_peek *came) {
    struct guard_facts f = {.guards_empty_master = repl_config.guard_empty_master,
                            .our_keys = ks_keys(),
                            .followed = l->followed,
                            .same_history = is_newer_state(&l->sync),
                            .master_has_keys = came->has_keys,
                            .need_bytes = came->used_mem_bytes,
                            .limit_bytes = repl_config.load_memory_limit};
    if (!f.limit_bytes) f.limit_bytes = guard_memory_limit();
    if (!l->upstream.n) f.need_bytes /= 2; /* a Redis: the same data need about half of that here */
    enum guard_verdict verdict = guard_judge(&f, l->hold_why);
    if (verdict == GUARD_PASS) return true;
    link_report_failure("%s", l->hold_why);
    link_hold(l, verdict == GUARD_MEMORY ? REPL_HOLD_MEMORY : REPL_HOLD_EMPTY_MASTER);
    return false;
}

/* What there is to lose is not given up for what can't be loaded. Until that is known it is served. */
static bool may_replace(const struct link_sync *s) {
    char err[256] = "";
    if (ks_keys() == 0) return true;
    log_notice("MASTER <-> REPLICA sync: Looking through the RDB file before the old data goes");
    return rdb_file_is_loadable(s->path, err, sizeof err) || keep_old(err);
}

/* It is whole, and what the master sent. */
static bool is_sound(struct link_sync *s) {
    if (s->mark[0] && ftruncate(s->fd, s->read_bytes - REPLID_CHARS) < 0) return keep_old(strerror(errno));
    const char *fault = find_fault(s);
    return !fault || keep_old(fault);
}

/* Its file would take the place of the one that we have just loaded. */
static void end_own_snapshot(void) {
    if (!snapshot_running()) return;
    log_notice("Replica is about to load the RDB file received from the master, but there is a pending RDB "
               "child running. Killing process %ld and removing its temp file to avoid any race",
               (long)child_pid());
    snapshot_kill();
}

/* Only what could be loaded takes the place of the file that a restart would read. If it cannot be kept, the data is in
 * memory all the same. Where none is to be kept, one of before must go too: a restart would read what is no longer so. */
static void keep_file(struct link *l) {
    struct link_sync *s = &l->sync;
    if (rdb_config.del_sync_files && repl_hooks.persistence_disabled && repl_hooks.persistence_disabled()) {
        log_notice("Removing the RDB file obtained from the master. This replica has persistence disabled");
        received_drop();
        unlink(repl_rdb_path());
        link_sync_discard(l);
    } else {
        received_keep(s->fd, s->path);
        s->fd = -1;
    }
}

/* --- out with the old, in with the new --- */

static bool incomplete; /* the old data went, and the new did not come */

bool repl_data_incomplete(void) {
    return incomplete;
}

void link_sync_forget_failure(void) {
    incomplete = false;
}

/* The old data goes, and with it the history that it stood for. */
static void end_history(struct link *l) {
    if (l->history) log_notice("Discarding previously cached master state.");
    l->history = false;
    if (repl_hooks.before_flush) repl_hooks.before_flush();
    repl_drop_peers();
    replog_forget_held();
    peer_report_forget_log();
    if (backlog_active()) backlog_stop();
}

static void flush_old(struct link *l) {
    end_history(l);
    log_notice("MASTER <-> REPLICA sync: Flushing old data");
    ks_flush_all(repl_config.replica_lazy_flush);
}

static void swap_in(struct link *l) {
    end_history(l);
    log_notice("MASTER <-> REPLICA sync: Swapping active DB with loaded DB");
    ks_beside_swap();
    log_notice("MASTER <-> REPLICA sync: Discarding old DB in background");
}

/* Half a data set is nobody's history: empty, with a name of its own, until the next try succeeds. Where the old data is
 * still here, everything is as it was. */
static bool load_failed(const struct link_sync *s, const char *why) {
    log_warning("Failed trying to load the MASTER synchronization DB from %s: %s",
                s->fd >= 0 ? "disk" : "socket", why);
    link_report_failure("loading from %s: %s", s->fd >= 0 ? "disk" : "socket", why);
    if (s->beside) {
        log_notice("MASTER <-> REPLICA sync: Discarding temporary DB in background");
        ks_beside_drop();
        return false;
    }
    ks_flush_all(false);
    repl_change_id();
    incomplete = true;
    return false;
}

static void take_over(struct link *l, const struct rdb_info *info, const char *more, size_t n) {
    struct link_sync *s = &l->sync;
    incomplete = false;
    if (s->id[0])
        identity_adopt(s->id);
    else
        repl_change_id();
    l->client_pre_psync = s->id[0] == '\0';
    backlog_set_end(s->id[0] ? s->offset : backlog_end());
    backlog_start(backlog_end());
    link_make_client(info->has_repl && info->repl_stream_db >= 0 ? info->repl_stream_db : 0, more, n);
    log_notice("MASTER <-> REPLICA sync: Finished with success");
    link_report_done(l);
    if (s->mark[0]) link_send_ack(); /* the master sends the stream when it knows that we read to the mark */
    if (repl_hooks.loaded) repl_hooks.loaded();
}

static enum link_load load_file(struct link *l) {
    char err[256] = "";
    struct rdb_info info = {.repl_stream_db = -1};
    struct rdb_load_options options = {.replica = true, .info = &info};
    struct rdb_peek head;
    if (!is_sound(&l->sync)) return LOAD_FAILED;
    if (rdb_peek(l->sync.path, &head) && !guards_pass(l, &head)) return LOAD_HELD;
    if (!may_replace(&l->sync)) return LOAD_FAILED;
    end_own_snapshot();
    received_sync(l->sync.fd);
    flush_old(l);
    log_notice("MASTER <-> REPLICA sync: Loading DB in memory");
    link_report_phase(SYNC_LOADING, l->sync.read_bytes);
    if (rdb_load_file(l->sync.path, &options, err, sizeof err) != RDB_LOADED)
        return load_failed(&l->sync, err), LOAD_FAILED;
    keep_file(l);
    slice more;
    link_io_unread(l, &more);
    take_over(l, &info, more.p, more.n);
    return LOAD_DONE;
}

/* rdb_reader's source: the socket, with turns of the loop while it has nothing. */
static long read_socket(struct rdb_reader *r, void *p, size_t n) {
    struct link *l = r->ctx;
    struct link_sync *s = &l->sync;
    n = link_sync_wanted(s, n);
    if (n == 0) return 0;
    ssize_t got = (ssize_t)(l->in_used - l->in_at < n ? l->in_used - l->in_at : n);
    if (got > 0) {
        memcpy(p, l->in + l->in_at, (size_t)got);
        l->in_at += (size_t)got;
    }
    while (got == 0) {
        got = read(l->io.fd, p, n);
        if (got > 0) repl_stats.in_bytes += (uint64_t)got;
        if (got > 0) break;
        if (got == 0) return rdb_reader_fail(r, "connection lost"), -1;
        if (errno != EAGAIN && errno != EINTR) return rdb_reader_fail(r, "%s", strerror(errno)), -1;
        if (repl_now_s() - l->last_io_s > repl_config.timeout_s) return rdb_reader_fail(r, "timeout"), -1;
        ev_io_set(&l->io, EV_READ); /* wakes the loop; its handler leaves the bytes to us */
        ev_turn(SOURCE_WAIT_MS);
        ev_io_set(&l->io, 0);
        got = 0;
    }
    s->read_bytes += got;
    l->last_io_s = repl_now_s();
    return got;
}

/* Behind the RDB comes what the preamble said: the mark, or nothing. */
static bool at_the_end(const struct link_sync *s, struct rdb_reader *r) {
    char mark[REPLID_CHARS];
    if (s->mark[0])
        return (rdb_read(r, mark, sizeof mark) && memcmp(mark, s->mark, sizeof mark) == 0) ||
               rdb_reader_fail(r, "Replication stream EOF marker is broken");
    return rdb_reader_offset(r) == (uint64_t)s->total_bytes ||
           rdb_reader_fail(r, "the RDB is shorter than its length of %lld bytes", (long long)s->total_bytes);
}

/* The whole stream has been read. */
static enum link_load put_in_place(struct link *l) {
    if (!l->sync.beside) return LOAD_DONE;
    struct rdb_peek came = {.has_keys = ks_beside_keys() > 0};
    if (!guards_pass(l, &came)) {
        log_notice("MASTER <-> REPLICA sync: Discarding temporary DB in background");
        ks_beside_drop();
        return LOAD_HELD;
    }
    swap_in(l);
    return LOAD_DONE;
}

static enum link_load load_stream(struct link *l) {
    struct link_sync *s = &l->sync;
    struct rdb_info info = {.repl_stream_db = -1};
    struct rdb_load_options options = {.replica = true, .beside = s->beside, .info = &info};
    struct rdb_reader r;
    if (s->beside)
        ks_beside_begin();
    else
        flush_old(l);
    log_notice("MASTER <-> REPLICA sync: Loading DB in memory");
    rdb_reader_source(&r, read_socket, SOURCE_BYTES);
    r.ctx = l;
    r.total_bytes = (uint64_t)s->total_bytes;
    rdb_loading_start(r.total_bytes, s->beside && is_newer_state(s));
    bool ok = rdb_load_stream(&r, &options, NULL) && at_the_end(s, &r);
    rdb_loading_stop(ok);
    enum link_load result = ok ? put_in_place(l) : LOAD_FAILED;
    /* The stream's first bytes: the reader has taken them while it looked for the mark, or, with a length, no more
     * than that was taken out of what came with the preamble. */
    slice more = rdb_reader_rest(&r);
    if (!s->mark[0]) link_io_unread(l, &more);
    if (result == LOAD_DONE)
        take_over(l, &info, more.p, more.n);
    else if (result == LOAD_FAILED)
        load_failed(s, r.error);
    rdb_reader_free(&r);
    return result;
}

enum link_load link_sync_load(struct link *l) {
    ev_io_set(&l->io, 0); /* nothing is read from it by the loop until it is a client */
    return l->sync.fd >= 0 ? load_file(l) : load_stream(l);
}

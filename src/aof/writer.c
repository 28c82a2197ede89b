/* The log's cursor to the incr file, and when what was written is synced.
 *
 * Invariants, while open:
 *   - the file ends with whole commands up to cursor.offset - 1, or (after a write that failed half way and could not be
 *     cut off) with a part of one whose rest is written next;
 *   - `bytes` is its length; of those, `unsynced` says whether some were written since the last sync was asked for;
 *   - inserts are written each before the byte of the log that it names, in order.
 *
 * A write that fails is tried again from the same byte: nothing is lost, the log keeps what its cursor has not read.
 * With appendfsync always that can't be had, because replies must not wait for ever: the process ends, as Redis does. */
#include "aof/internal.h"
#include "aof/marks.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/latency.h"
#include "base/log.h"
#include "event/child.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    VECTORS = 17,       /* 1 MB of the log's chunks a write */
    POSTPONE_MS = 2000, /* so long a write waits for a sync under way, which might block it */
    LOG_ERROR_EVERY_S = 30,
    RETRY_MS = 100,
    FIRST_BYTES_MAX = MARK_BYTES_MAX + 64
};

static struct {
    int fd;
    struct backlog_cursor cursor;
    uint64_t bytes;
    bool unsynced;
    int64_t last_sync_s;
    uint64_t postponed_since_ms, failed_at_ms; /* monotonic; 0: not */
    int64_t logged_error_s, place_checked_s;
    bool displaced; /* the file is not where it belongs: said */

    struct repl_history noted; /* what the file says we are */
    int64_t seen_end, stamped_s;
} w = {.fd = -1};

unsigned aof_flush_sleep_us;

bool aof_writer_is_open(void) {
    return w.fd >= 0;
}

uint64_t aof_writer_bytes(void) {
    return w.bytes;
}

uint64_t aof_unwritten_bytes(void) {
    return backlog_lag(&w.cursor) + inserts_bytes();
}

static int64_t now_s(void) {
    return clock_ms() / 1000;
}

/* --- marks --- */

/* Where, since the last look, the identity changed: a promotion or a new name says so itself. */
static int64_t changed_behind(const struct repl_history *now) {
    int64_t at = now->past_n ? now->past[0].end - 1 : -1;
    return at > w.seen_end && at <= now->offset ? at : w.seen_end;
}

static void stamp_time(void) {
    char mark[MARK_BYTES_MAX];
    int64_t place = inserts_mark_place(w.seen_end + 1);
    if (place < 0) return;
    w.stamped_s = now_s();
    inserts_add_mark(place, mark, mark_format_time(mark, w.stamped_s));
}

static void note_changes(void) {
    if (aof_config.timestamps && backlog_end() > w.seen_end && now_s() > w.stamped_s) stamp_time();
    struct repl_history now;
    repl_history_now(&now);
    if (strcmp(now.id, w.noted.id) != 0 || now.past_n != w.noted.past_n) {
        char mark[MARK_BYTES_MAX];
        int64_t place = inserts_mark_place(changed_behind(&now) + 1);
        if (place < 0) return; /* the file lags very far behind: said when there is room again */
        w.noted = now;
        now.offset = place - 1;
        inserts_add_mark(place, mark, mark_format(mark, &now));
    }
    w.seen_end = backlog_end();
}

void aof_append_aside(int dbid, slice raw) {
    if (w.fd < 0) return;
    note_changes(); /* of what the log has gained before it */
    if (aof_config.timestamps && now_s() > w.stamped_s) stamp_time();
    inserts_add_aside(backlog_end() + 1, repl_log_db(), dbid, raw);
}

/* --- writing --- */

static void log_write_error(ssize_t n, size_t wanted, int err) {
    int64_t now = now_s();
    if (now - w.logged_error_s <= LOG_ERROR_EVERY_S && !aof_status.last_write_ok) return;
    w.logged_error_s = now;
    if (n < 0)
        log_warning("Error writing to the AOF file: %s", strerror(err));
    else
        log_warning("Short write while writing to the AOF file: (nwritten=%lld, expected=%lld)", (long long)n,
                    (long long)wanted);
}

static void write_failed(int err) {
    if (aof_config.fsync == AOF_FSYNC_ALWAYS) {
        log_warning("Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting...");
        exit(1);
    }
    aof_status.last_write_ok = false;
    aof_status.error_number = err;
    w.failed_at_ms = clock_mono_ms();
}

static void grew(size_t n) {
    w.bytes += n;
    aof_status.current_bytes += n;
    w.unsynced = true;
}

/* What may have delayed a write: the helper's fsync of the same file, a child that writes too, or nothing of ours. */
static void tell_latency(uint64_t start_us) {
    latency_end(aof_status.pending_syncs       ? "aof-write-pending-fsync"
                : child_active() != CHILD_NONE ? "aof-write-active-child"
                                               : "aof-write-alone",
                start_us);
    latency_end("aof-write", start_us);
}

/* *took: what is in the file for good. false: less than wanted. */
static bool write_vectors(const struct iovec *iov, int n_iov, size_t wanted, size_t *took) {
    ssize_t n;
    uint64_t start_us = latency_start();
    do n = writev(w.fd, iov, n_iov);
    while (n < 0 && errno == EINTR);
    int err = n < 0 ? errno : ENOSPC;
    tell_latency(start_us);
    *took = n > 0 ? (size_t)n : 0;
    if (*took == wanted) {
        grew(wanted);
        return true;
    }
    log_write_error(n, wanted, err);
    if (*took && ftruncate(w.fd, (off_t)w.bytes) != 0) {
        log_warning("Could not remove short write from the append-only file.  Redis may refuse to load the "
                    "AOF the next time it starts.  ftruncate: %s",
                    strerror(errno));
        grew(*took);
    } else {
        *took = 0;
    }
    write_failed(err);
    return false;
}

static bool write_insert(void) {
    slice rest = inserts_rest(inserts_next());
    struct iovec iov = {(char *)(uintptr_t)rest.p, rest.n};
    size_t took;
    bool ok = write_vectors(&iov, 1, rest.n, &took);
    inserts_written(took);
    return ok;
}

/* Up to the next insert, the log's end, or VECTORS chunks. */
static bool write_log(void) {
    struct iovec iov[VECTORS];
    int n = backlog_read_iov(&w.cursor, iov, VECTORS);
    const struct aof_insert *next = inserts_next();
    uint64_t most = next ? (uint64_t)(next->before - w.cursor.offset) : UINT64_MAX;
    size_t total = 0, took;
    for (int i = 0; i < n; i++) {
        if (total + iov[i].iov_len >= most) {
            iov[i].iov_len = most - total;
            n = i + 1;
        }
        total += iov[i].iov_len;
    }
    bool ok = write_vectors(iov, n, total, &took);
    backlog_advance(&w.cursor, took);
    return ok;
}

static bool insert_is_next(void) {
    const struct aof_insert *next = inserts_next();
    return next && next->before <= w.cursor.offset;
}

static bool write_all(void) {
    while (insert_is_next() || backlog_lag(&w.cursor))
        if (!(insert_is_next() ? write_insert() : write_log())) return false;
    w.failed_at_ms = 0;
    if (!aof_status.last_write_ok) {
        log_warning("AOF write error looks solved, Redis can write again.");
        aof_status.last_write_ok = true;
    }
    return true;
}

/* --- syncing --- */

static bool sync_is_held_back(void) {
    return aof_config.no_fsync_on_rewrite && child_active() != CHILD_NONE;
}

bool aof_writer_sync(void) {
    if (w.fd < 0) return true;
    int error = fdatasync(w.fd) == 0 ? 0 : errno;
    aof_sync_result(error);
    if (error) return false;
    w.unsynced = false;
    w.last_sync_s = now_s();
    return true;
}

static void sync_now_or_die(void) {
    uint64_t began_us = clock_mono_us(), start_us = latency_start();
    int failed = fdatasync(w.fd);
    latency_end("aof-fsync-always", start_us);
    if (failed) {
        log_warning("Can't persist AOF for fsync error when the AOF fsync policy is 'always': %s. Exiting...",
                    strerror(errno));
        exit(1);
    }
    w.unsynced = false;
    w.last_sync_s = now_s();
    aof_group_synced(clock_mono_us() - began_us);
}

static void sync_by_policy(void) {
    if (aof_sync_undone()) w.unsynced = true;
    if (!w.unsynced || sync_is_held_back()) return;
    if (aof_config.fsync == AOF_FSYNC_ALWAYS) {
        sync_now_or_die();
    } else if (aof_config.fsync == AOF_FSYNC_EVERYSEC && now_s() > w.last_sync_s && !aof_sync_busy()) {
        if (aof_sync_request(w.fd)) {
            w.unsynced = false;
            w.last_sync_s = now_s();
        } else {
            aof_writer_sync();
        }
    }
}

/* A write to a file that is being synced may block until that is done. false: it goes ahead all the same. */
static bool postpone(void) {
    if (aof_config.fsync != AOF_FSYNC_EVERYSEC || !aof_sync_busy()) {
        w.postponed_since_ms = 0;
        return false;
    }
    uint64_t now_ms = clock_mono_ms();
    if (!w.postponed_since_ms) w.postponed_since_ms = now_ms;
    if (now_ms - w.postponed_since_ms < POSTPONE_MS) return true;
    w.postponed_since_ms = 0;
    aof_status.delayed_fsync++;
    log_notice("Asynchronous AOF fsync is taking too long (disk is busy?). Writing the AOF buffer without "
               "waiting for fsync to complete, this may slow down Redis.");
    return false;
}

void aof_writer_flush(bool force) {
    if (w.fd < 0) return;
    note_changes();
    if (insert_is_next() || backlog_lag(&w.cursor)) {
        if (!force && postpone()) return;
        if (!force && w.failed_at_ms && clock_mono_ms() - w.failed_at_ms < RETRY_MS) return;
        if (unlikely(aof_flush_sleep_us)) usleep(aof_flush_sleep_us);
        if (!write_all()) return;
    }
    sync_by_policy();
}

/* --- opening and closing --- */

void aof_writer_close(void) {
    if (w.fd < 0) return;
    backlog_detach(&w.cursor);
    aof_sync_close(w.fd);
    w.fd = -1;
    inserts_clear();
}

/* From the log's end on. */
static void begin_at_end(int fd, uint64_t bytes) {
    aof_writer_close();
    w.fd = fd;
    w.bytes = bytes;
    w.unsynced = true;
    w.postponed_since_ms = w.failed_at_ms = 0;
    w.last_sync_s = now_s();
    w.seen_end = backlog_end();
    repl_history_now(&w.noted);
    bool held = backlog_attach(&w.cursor, backlog_end() + 1);
    assert_that(held);
    aof_status.last_write_ok = true;
    aof_status.sync_error_number = 0;
}

/* A reader of the file starts in no database, and must learn where in the history it is. */
static size_t first_lines(char *buf, size_t cap) {
    struct repl_history now;
    char digits[16], mark[MARK_BYTES_MAX];
    int n = snprintf(digits, sizeof digits, "%d", repl_log_db());
    repl_history_now(&now);
    size_t mark_n = mark_format(mark, &now);
    return (size_t)snprintf(buf, cap, "*2\r\n$6\r\nSELECT\r\n$%d\r\n%s\r\n%.*s", n, digits, (int)mark_n,
                            mark);
}

int aof_writer_new_file(const char *name, bool replace, uint64_t *bytes) {
    char first[FIRST_BYTES_MAX];
    repl_open_log();
    size_t n = first_lines(first, sizeof first);
    const char *path = aof_path(name);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | (replace ? O_TRUNC : O_EXCL), 0644);
    if (fd < 0) {
        log_warning("Can't open the append-only file %s: %s", name, strerror(errno));
        return -1;
    }
    ssize_t took = write(fd, first, n);
    if (took != (ssize_t)n) {
        log_warning("Error writing to the AOF file: %s", took < 0 ? strerror(errno) : strerror(ENOSPC));
        close(fd);
        unlink(path);
        return -1;
    }
    *bytes = n;
    return fd;
}

void aof_writer_switch(int fd, uint64_t bytes) {
    begin_at_end(fd, bytes);
    w.stamped_s = 0;
}

bool aof_writer_append(const char *name) {
    struct stat st;
    repl_open_log();
    int fd = open(aof_path(name), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0 || fstat(fd, &st) != 0) {
        log_warning("Can't open the append-only file %s: %s", name, strerror(errno));
        if (fd >= 0) close(fd);
        return false;
    }
    begin_at_end(fd, (uint64_t)st.st_size);
    char first[FIRST_BYTES_MAX];
    size_t n = st.st_size ? mark_format(first, &w.noted) : first_lines(first, sizeof first);
    inserts_add_mark(inserts_mark_place(w.noted.offset + 1), first, n);
    return true;
}

static bool is_in_place(void) {
    struct stat ours, named;
    const struct aof_file *incr = manifest_last_incr(&aof_manifest);
    return incr && fstat(w.fd, &ours) == 0 && stat(aof_path(incr->name), &named) == 0 &&
           ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

void aof_writer_check_place(void) {
    if (w.fd < 0 || aof_status.state != AOF_ON || w.place_checked_s == now_s()) return;
    w.place_checked_s = now_s();
    bool in_place = is_in_place();
    if (!in_place && !w.displaced) {
        log_warning(
            "The append-only file is no longer in %s: what is written to it would be lost. Rewriting...",
            aof_config.dirname);
        aof_rewrite_schedule();
    }
    w.displaced = !in_place;
}

void aof_writer_resized(void) {
    struct stat st;
    if (w.fd >= 0 && fstat(w.fd, &st) == 0) w.bytes = (uint64_t)st.st_size;
}

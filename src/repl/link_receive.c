/* A full synchronisation on the replica, first part: the snapshot comes in (link_load.c puts it in place of what we had).
 *
 * To disk (the usual way): everything goes to temp-<time>.<pid>.rdb, and to the disk in windows of a few megabytes so that no
 * burst of dirty pages stalls us at the end; its checksum is taken on the way. Nothing of what we have is touched, so a master
 * that stops, lies or corrupts costs nothing but the transfer. Without a file (repl-diskless-load) the socket is the loader's. */
#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "keyspace/db.h"
#include "repl/link.h"
#include "repl/received.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { READ_BYTES = 64 * 1024, READS_PER_TURN = 16, WRITEBACK_BYTES = 8 * 1024 * 1024 };

/* --- the temporary file --- */

/* Its whole name: CONFIG SET dir may come before its end. */
static bool open_temp(struct link_sync *s) {
    char dir[sizeof s->path - 64];
    if (!getcwd(dir, sizeof dir)) snprintf(dir, sizeof dir, ".");
    for (int tries = 0; tries < 5; tries++) {
        snprintf(s->path, sizeof s->path, "%s/temp-%lld.%ld.rdb", dir, (long long)(clock_ms() / 1000) + tries,
                 (long)getpid());
        s->fd = open(s->path, O_CREAT | O_WRONLY | O_EXCL | O_CLOEXEC, 0644);
        if (s->fd >= 0) return true;
        if (errno != EEXIST) break;
    }
    link_report_failure("opening %s: %s", s->path, strerror(errno));
    log_warning("Opening the temp file needed for MASTER <-> REPLICA synchronization: %s", strerror(errno));
    return false;
}

void link_sync_discard(struct link *l) {
    struct link_sync *s = &l->sync;
    if (s->fd < 0) return;
    received_discard(s->fd, s->path);
    s->fd = -1;
}

static size_t tail_wanted(const struct link_sync *s) {
    return s->mark[0] ? SYNC_TAIL_BYTES : RDB_CRC_BYTES;
}

/* Everything but the last tail_wanted bytes goes into the checksum. */
static void take_into_checksum(struct link_sync *s, const char *p, size_t n) {
    size_t want = tail_wanted(s), over = s->tail_used + n > want ? s->tail_used + n - want : 0;
    size_t from_tail = over < s->tail_used ? over : s->tail_used, from_p = over - from_tail;
    s->crc = crc64(s->crc, s->tail, from_tail);
    s->crc = crc64(s->crc, p, from_p);
    memmove(s->tail, s->tail + from_tail, s->tail_used - from_tail);
    s->tail_used -= from_tail;
    memcpy(s->tail + s->tail_used, p + from_p, n - from_p);
    s->tail_used += n - from_p;
}

static bool write_all(struct link_sync *s, const char *p, size_t n) {
    while (n > 0) {
        ssize_t took = write(s->fd, p, n);
        if (took < 0 && errno == EINTR) continue;
        if (took <= 0) {
            log_warning(
                "Write error or short write writing to the DB dump file needed for MASTER <-> REPLICA "
                "synchronization: %s",
                took < 0 ? strerror(errno) : "short write");
            link_report_failure("writing %s: %s", s->path, took < 0 ? strerror(errno) : "short write");
            return false;
        }
        p += took;
        n -= (size_t)took;
    }
    return true;
}

/* The disk gets a window as soon as it is full and works on it while the next one comes in. */
static void start_writeback(struct link_sync *s) {
    if (s->read_bytes - s->writeback_at < WRITEBACK_BYTES) return;
    if (s->writeback_at >= WRITEBACK_BYTES)
        sync_file_range(s->fd, s->writeback_at - WRITEBACK_BYTES, WRITEBACK_BYTES,
                        SYNC_FILE_RANGE_WAIT_BEFORE);
    sync_file_range(s->fd, s->writeback_at, WRITEBACK_BYTES, SYNC_FILE_RANGE_WRITE);
    s->writeback_at += WRITEBACK_BYTES;
}

static bool take_bytes(struct link_sync *s, const char *p, size_t n) {
    if (!write_all(s, p, n)) return false;
    take_into_checksum(s, p, n);
    s->read_bytes += (int64_t)n;
    start_writeback(s);
    return true;
}

static bool complete(const struct link_sync *s) {
    if (!s->mark[0]) return s->read_bytes == s->total_bytes;
    return s->tail_used == SYNC_TAIL_BYTES && memcmp(s->tail + RDB_CRC_BYTES, s->mark, REPLID_CHARS) == 0;
}

size_t link_sync_wanted(const struct link_sync *s, size_t n) {
    if (s->mark[0] || (uint64_t)(s->total_bytes - s->read_bytes) > n) return n;
    return (size_t)(s->total_bytes - s->read_bytes);
}

/* --- receiving --- */

enum link_transfer link_sync_begin(struct link *l, int64_t length, slice mark) {
    struct link_sync *s = &l->sync;
    s->beside = repl_config.diskless_load == DISKLESS_LOAD_SWAPDB;
    bool to_parser = s->beside || (repl_config.diskless_load == DISKLESS_LOAD_ON_EMPTY_DB && ks_keys() == 0);
    memcpy(s->mark, mark.p ? mark.p : "", mark.n);
    s->mark[mark.n] = '\0';
    s->total_bytes = length;
    s->read_bytes = 0;
    s->writeback_at = 0;
    s->tail_used = s->crc = 0;
    if (mark.n)
        log_notice("MASTER <-> REPLICA sync: receiving streamed RDB from master with EOF %s",
                   to_parser ? "to parser" : "to disk");
    else
        log_notice("MASTER <-> REPLICA sync: receiving %lld bytes from master %s", (long long)length,
                   to_parser ? "to parser" : "to disk");
    link_report_phase(to_parser ? SYNC_LOADING : SYNC_TRANSFER, length);
    if (to_parser) return TRANSFER_TO_PARSER;
    if (!open_temp(s)) return TRANSFER_REFUSED;
    received_prepare();
    return TRANSFER_TO_FILE;
}

/* What came in one read together with the preamble. */
static bool take_unread(struct link *l) {
    size_t n = link_sync_wanted(&l->sync, l->in_used - l->in_at);
    bool ok = take_bytes(&l->sync, l->in + l->in_at, n);
    l->in_at += n;
    return ok;
}

void link_sync_readable(struct link *l) {
    struct link_sync *s = &l->sync;
    static char buf[READ_BYTES];
    if (!take_unread(l)) goto failed;
    for (int i = 0; i < READS_PER_TURN && !complete(s); i++) {
        ssize_t n = read(l->io.fd, buf, link_sync_wanted(s, sizeof buf));
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (n <= 0) {
            log_warning("I/O error trying to sync with MASTER: %s",
                        n < 0 ? strerror(errno) : "connection lost");
            link_report_failure("%s", n < 0 ? strerror(errno) : "the master closed the connection");
            goto failed;
        }
        l->last_io_s = repl_now_s();
        repl_stats.in_bytes += (uint64_t)n;
        if (!take_bytes(s, buf, (size_t)n)) goto failed;
        link_report_received(s->read_bytes, s->total_bytes);
    }
    if (complete(s)) link_event(LINK_EV_RECEIVED);
    return;
failed:
    link_event(LINK_EV_FAILED);
}

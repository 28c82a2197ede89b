/* The tail: what the log held before the base, in a file of its own, so that a rewrite takes no history from the disk.
 *
 * A new base stands for all that was written before it, but not for the bytes, and a replica that lags behind the rewrite
 * needs these. The server has them in memory until it ends. So the rewrite's child, which has them too, writes them down as of
 * the fork, and a start puts them into the log again before it loads anything; nothing of them is executed.
 *
 *   #TANDEM:1 <replid> <offset> ...\r\n    a mark (marks.h): where the first byte belongs
 *   <bytes>                                the log from offset + 1 up to the fork, from the middle of a command as well
 *   <crc64>                                of all before it: 8 bytes, little-endian
 *
 * It is valid if
 *   T1  the base of the same sequence number is the manifest's, and its first incr file begins with a mark: the joint;
 *   T2  the mark has the joint's replid and a lower offset (both were written at the fork: they are equal, or strangers);
 *   T3  it has as many bytes as lie between the two offsets;
 *   T4  the checksum is right.
 * One that is not costs history and nothing else: it is said, and the log begins where the incr files do.
 *
 * In the manifest it is called history, which to Redis means that it can be deleted, as our own earlier versions do too. It
 * holds repl-backlog-size bytes at most, and goes as soon as the incr files hold as many by themselves. It is not written
 * while nobody can know our history by name, nor where it would take more than half of the room that the disk has left. */
#include "aof/internal.h"
#include "aof/marks.h"

#include "base/assert.h"
#include "base/log.h"
#include "rdb/codec.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { PIECE_BYTES = 64 * 1024, VECTORS = 16, CRC_BYTES = 8 };
#define SYNC_EVERY_BYTES ((uint64_t)4 << 20)

static int64_t tail_end = -1; /* offset of the tail's last byte; -1: none that holds */

/* --- in the rewrite's child --- */

static bool has_room(uint64_t bytes) {
    struct statvfs fs;
    return statvfs(aof_config.dirname, &fs) == 0 && (uint64_t)fs.f_bavail * fs.f_frsize / 2 > bytes;
}

static void put_mark(struct rdb_writer *w, int64_t offset) {
    struct repl_history h;
    char mark[MARK_BYTES_MAX];
    repl_history_now(&h);
    h.offset = offset;
    rdb_write(w, mark, mark_format(mark, &h));
}

static void put_tail(struct rdb_writer *w, uint64_t bytes) {
    struct backlog_cursor at = {0};
    put_mark(w, backlog_end() - (int64_t)bytes);
    bool held = backlog_attach(&at, backlog_end() - (int64_t)bytes + 1);
    assert_that(held);
    while (!w->failed && backlog_lag(&at)) {
        struct iovec iov[VECTORS];
        int n = backlog_read_iov(&at, iov, VECTORS);
        for (int i = 0; i < n; i++) {
            rdb_write(w, iov[i].iov_base, iov[i].iov_len);
            backlog_advance(&at, iov[i].iov_len);
        }
    }
    backlog_detach(&at);
    rdb_put_u64le(w, rdb_writer_crc(w));
    rdb_writer_flush(w);
}

/* 0 or errno. */
static int put_and_sync(int fd, uint64_t bytes) {
    struct rdb_writer w;
    rdb_writer_fd(&w, fd);
    if (aof_config.rewrite_incremental_fsync) w.sync_every_bytes = SYNC_EVERY_BYTES;
    put_tail(&w, bytes);
    int error = w.failed ? w.error_number : fsync(fd) == 0 ? 0 : errno;
    rdb_writer_free(&w);
    return error;
}

static uint64_t bytes_to_keep(void) {
    if (aof_status.state == AOF_OFF || !repl_history_is_known()) return 0;
    uint64_t held = backlog_history_bytes();
    return held < backlog_size() ? held : backlog_size();
}

void aof_write_tail(const char *path) {
    uint64_t bytes = bytes_to_keep();
    if (!bytes) return;
    if (!has_room(bytes)) {
        log_notice("Too little room on the disk to keep %llu bytes of replication history beside the base",
                   (unsigned long long)bytes);
        return;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    int error = fd < 0 ? errno : put_and_sync(fd, bytes);
    if (fd >= 0 && close(fd) != 0 && !error) error = errno;
    if (!error) return;
    log_warning("Can't keep replication history beside the base: %s", strerror(error));
    unlink(path);
}

/* --- at start --- */

/* What the first incr file says of its first byte: a SELECT stands before it, nothing else. */
static bool read_joint(struct repl_history *joint) {
    static const char mark[] = "\r\n#TANDEM:1 ";
    char head[MARK_BYTES_MAX + 64];
    const struct aof_file *incr = manifest_first_incr(&aof_manifest);
    int fd = incr ? open(aof_path(incr->name), O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return false;
    ssize_t n = pread(fd, head, sizeof head, 0);
    close(fd);
    char *at = n > 0 ? memmem(head, (size_t)n, mark, sizeof mark - 1) : NULL;
    if (!at) return false;
    at += 2;
    const char *end = memchr(at, '\r', (size_t)(head + n - at));
    return end && mark_parse((slice){at, (size_t)(end - at)}, joint);
}

static bool read_mark(struct rdb_reader *r, struct repl_history *h) {
    char line[MARK_BYTES_MAX];
    for (size_t n = 0; n < sizeof line && rdb_read(r, line + n, 1); n++)
        if (line[n] == '\n') return n > 0 && mark_parse((slice){line, n - 1}, h);
    return false;
}

/* Of a tail that is longer than the log is to be now, the end. */
static bool take_bytes(struct rdb_reader *r, struct repl_history *from, int64_t end) {
    uint64_t left = (uint64_t)(end - from->offset), stored;
    uint64_t skipped = left > backlog_size() ? left - backlog_size() : 0;
    if (!rdb_skip(r, skipped)) return false;
    from->offset += (int64_t)skipped;
    left -= skipped;
    repl_recover(from);
    while (left) {
        size_t n = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
        const char *p = rdb_take(r, n);
        if (!p) return false;
        repl_recover_bytes((slice){p, n});
        left -= n;
    }
    uint64_t crc = rdb_reader_crc(r);
    return rdb_get_u64le(r, &stored) && stored == crc;
}

/* NULL, or why not; then the log is as if nothing had been tried. */
static const char *take_up(struct rdb_reader *r, const struct repl_history *joint) {
    struct repl_history from;
    struct stat st;
    if (!read_mark(r, &from)) return "it does not begin with a mark";
    if (strcmp(from.id, joint->id) != 0 || from.offset >= joint->offset)
        return "the append-only files continue another history";
    uint64_t wanted = rdb_reader_offset(r) + (uint64_t)(joint->offset - from.offset) + CRC_BYTES;
    if (fstat(r->fd, &st) != 0 || (uint64_t)st.st_size != wanted) return "it has not the length it should";
    if (take_bytes(r, &from, joint->offset)) return NULL;
    repl_recover_done(false, 0);
    return r->failed ? "it can't be read" : "its checksum is wrong";
}

static void serve_events(struct rdb_reader *r) {
    (void)r;
    rdb_loading_progress(0);
}

static const char *open_and_take_up(const char *name, int64_t *end) {
    struct repl_history joint;
    struct rdb_reader r;
    if (!read_joint(&joint)) return "no append-only file tells where it belongs";
    int fd = open(aof_path(name), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return strerror(errno);
    rdb_reader_fd(&r, fd);
    if (rdb_config.loading_events_interval_bytes > 0) {
        r.progress = serve_events;
        r.progress_at = r.progress_every_bytes = (uint64_t)rdb_config.loading_events_interval_bytes;
    }
    const char *err = take_up(&r, &joint);
    rdb_reader_free(&r);
    close(fd);
    *end = joint.offset;
    return err;
}

void aof_load_tail(void) {
    const struct aof_file *tail = manifest_tail(&aof_manifest);
    int64_t end = -1;
    tail_end = -1;
    if (!tail) return;
    const char *err = open_and_take_up(tail->name, &end);
    if (err) {
        log_warning("The replication history in %s can't be used: %s. Replicas that have less than the "
                    "append-only files begin with will need a full resynchronization.",
                    tail->name, err);
        return;
    }
    log_notice("%llu bytes of replication history loaded from %s",
               (unsigned long long)backlog_history_bytes(), tail->name);
    tail_end = end;
}

/* --- while running --- */

const struct aof_file *aof_tail(void) {
    return tail_end >= 0 ? manifest_tail(&aof_manifest) : NULL;
}

void aof_tail_set(int64_t end) {
    tail_end = end;
}

bool aof_tail_is_needed(int64_t end) {
    int64_t written = backlog_end() - (int64_t)aof_unwritten_bytes();
    return written - end < (int64_t)backlog_size();
}

void aof_tail_cron(void) {
    if (tail_end < 0 || aof_status.state != AOF_ON || aof_tail_is_needed(tail_end)) return;
    tail_end = -1;
    aof_remove_history();
}

/* The writing half of rdb/stream.h: a buffer before a sink (fd, memory, or the caller's).
 *
 * Invariant: bytes buf[0, used) are not yet with the sink; bytes before crc_at of them are already in crc. Nothing is
 * written after a failure. It knows nothing of the format. */
#include "rdb/stream.h"
#include "base/alloc.h"
#include "base/assert.h"
#include "base/digest.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MEMORY_BUFFER_BYTES 4096

static bool sink_fd(struct rdb_writer *w, const void *p, size_t n);
static bool sink_memory(struct rdb_writer *w, const void *p, size_t n);

void rdb_writer_sink(struct rdb_writer *w, bool (*sink)(struct rdb_writer *w, const void *p, size_t n),
                     size_t cap) {
    memset(w, 0, sizeof *w);
    w->sink = sink;
    w->fd = -1;
    w->cap = cap;
    w->buf = mem_alloc(cap);
    w->checksum = true;
}

void rdb_writer_fd(struct rdb_writer *w, int fd) {
    rdb_writer_sink(w, sink_fd, RDB_WRITE_BUFFER_BYTES);
    w->fd = fd;
}

void rdb_writer_memory(struct rdb_writer *w, sds *out) {
    rdb_writer_sink(w, sink_memory, MEMORY_BUFFER_BYTES);
    w->ctx = out;
}

void rdb_writer_free(struct rdb_writer *w) {
    mem_free(w->buf, w->cap);
    w->buf = NULL;
}

bool rdb_writer_fail(struct rdb_writer *w, int err, const char *op) {
    if (!w->failed) {
        w->failed = true;
        w->error_number = err;
        snprintf(w->error, sizeof w->error, "%s: %s", op, strerror(err));
    }
    w->used = w->crc_at = w->cap; /* full: every later write takes the slow path, which refuses */
    return false;
}

static bool sink_memory(struct rdb_writer *w, const void *p, size_t n) {
    sds *out = w->ctx;
    *out = sds_cat(*out, p, n);
    return true;
}

/* Incremental write-back: dirty pages start their way to the disk every few MB, so that the fsync at the end of a big
 * file does not stall the disk for others. Waiting for the range before the last keeps what is in flight bounded. */
static bool write_back(struct rdb_writer *w, size_t n) {
    w->unsynced_bytes += n;
    if (w->sync_every_bytes == 0 || w->unsynced_bytes < w->sync_every_bytes) return true;
    off_t end = (off_t)(w->before + n), start = end - (off_t)w->unsynced_bytes;
    if (sync_file_range(w->fd, start, (off_t)w->unsynced_bytes, SYNC_FILE_RANGE_WRITE) == -1) {
        if (errno != EINVAL && errno != ENOSYS && errno != ESPIPE)
            return rdb_writer_fail(w, errno, "sync_file_range");
        if (fdatasync(w->fd) == -1) return rdb_writer_fail(w, errno, "fdatasync");
    } else if (start > 0) {
        off_t wait = start < (off_t)w->sync_every_bytes ? start : (off_t)w->sync_every_bytes;
        unsigned both = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
        if (sync_file_range(w->fd, start - wait, wait, both) == -1)
            return rdb_writer_fail(w, errno, "sync_file_range");
    }
    w->unsynced_bytes = 0;
    return true;
}

static bool sink_fd(struct rdb_writer *w, const void *p, size_t n) {
    const char *at = p;
    size_t left = n;
    while (left > 0) {
        ssize_t done = write(w->fd, at, left);
        if (done < 0) {
            if (errno == EINTR) continue;
            return rdb_writer_fail(w, errno, "write");
        }
        at += done;
        left -= (size_t)done;
    }
    return write_back(w, n);
}

uint64_t rdb_writer_crc(struct rdb_writer *w) {
    if (w->checksum && w->used > w->crc_at) w->crc = crc64(w->crc, w->buf + w->crc_at, w->used - w->crc_at);
    w->crc_at = w->used;
    return w->crc;
}

bool rdb_writer_flush(struct rdb_writer *w) {
    if (w->failed) return false;
    rdb_writer_crc(w);
    if (w->used > 0) {
        if (!w->sink(w, w->buf, w->used)) {
            assert_that(w->failed);
            return false;
        }
        w->before += w->used;
    }
    bool sent = w->used > 0;
    w->used = w->crc_at = 0;
    if (sent && w->progress) w->progress(w);
    return true;
}

/* What doesn't fit the buffer: the buffer goes first, and runs as long as the buffer go straight to the sink. */
bool rdb_write_slow(struct rdb_writer *w, const void *p, size_t n) {
    if (!rdb_writer_flush(w)) return false;
    if (n < w->cap) {
        memcpy(w->buf, p, n);
        w->used = n;
        return true;
    }
    if (w->checksum) w->crc = crc64(w->crc, p, n);
    if (!w->sink(w, p, n)) return false;
    w->before += n;
    if (w->progress) w->progress(w);
    return true;
}

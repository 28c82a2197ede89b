/* The reading half of rdb/stream.h: a buffer behind a source (fd, memory, or the caller's).
 *
 * Invariant: buf[at, filled) are bytes that the source delivered and nobody consumed; buf[0, crc_at) are in crc, and
 * crc_at <= at; base + at is the stream's offset. Nothing is consumed after a failure. It trusts no length: a read
 * beyond the end fails, it never waits for or allocates what a length merely claims. It knows nothing of the format. */
#include "rdb/stream.h"
#include "base/alloc.h"
#include "base/assert.h"
#include "base/digest.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static long source_fd(struct rdb_reader *r, void *p, size_t n) {
    for (;;) {
        ssize_t got = read(r->fd, p, n);
        if (got >= 0) return got;
        if (errno == EINTR) continue;
        rdb_reader_fail(r, "read: %s", strerror(errno));
        return -1;
    }
}

void rdb_reader_source(struct rdb_reader *r, long (*source)(struct rdb_reader *r, void *p, size_t n),
                       size_t cap) {
    memset(r, 0, sizeof *r);
    r->source = source;
    r->fd = -1;
    r->cap = cap;
    r->buf = mem_alloc(cap);
    r->checksum = true;
}

void rdb_reader_fd(struct rdb_reader *r, int fd) {
    rdb_reader_source(r, source_fd, RDB_READ_BUFFER_BYTES);
    r->fd = fd;
}

void rdb_reader_memory(struct rdb_reader *r, slice bytes) {
    memset(r, 0, sizeof *r);
    r->fd = -1;
    r->buf = (char *)(uintptr_t)bytes.p; /* never written to: there is no source to refill it from */
    r->cap = r->filled = bytes.n;
    r->total_bytes = bytes.n;
    r->borrowed = r->checksum = true;
}

void rdb_reader_free(struct rdb_reader *r) {
    if (!r->borrowed) mem_free(r->buf, r->cap);
    r->buf = NULL;
}

bool rdb_reader_fail(struct rdb_reader *r, const char *fmt, ...) {
    if (r->failed) return false;
    r->failed = true;
    r->fail_offset = rdb_reader_offset(r);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(r->error, sizeof r->error, fmt, ap);
    va_end(ap);
    r->filled = r->at; /* empty: every later read takes the slow path, which refuses */
    return false;
}

uint64_t rdb_reader_crc(struct rdb_reader *r) {
    if (r->checksum && r->at > r->crc_at) r->crc = crc64(r->crc, r->buf + r->crc_at, r->at - r->crc_at);
    r->crc_at = r->at;
    return r->crc;
}

slice rdb_reader_rest(const struct rdb_reader *r) {
    return (slice){r->buf + r->at, r->filled - r->at};
}

void rdb_reader_progress(struct rdb_reader *r) {
    if (!r->progress || rdb_reader_offset(r) < r->progress_at) return;
    r->progress_at = rdb_reader_offset(r) + r->progress_every_bytes;
    r->progress(r);
}

static bool ended(struct rdb_reader *r, uint64_t wanted) {
    if (!r->failed) {
        r->short_read = true;
        rdb_reader_fail(r, "unexpected end: %llu bytes wanted, %llu left", (unsigned long long)wanted,
                        (unsigned long long)(r->filled - r->at));
    }
    return false;
}

/* Moves what is unread to the front and asks the source until n bytes are there. n <= cap. */
static bool refill(struct rdb_reader *r, size_t n) {
    if (!r->source) return ended(r, n);
    if (r->moving) r->moving(r->moving_ctx);
    if (r->failed) return false;
    rdb_reader_progress(r);
    rdb_reader_crc(r);
    memmove(r->buf, r->buf + r->at, r->filled - r->at);
    r->base += r->at;
    r->filled -= r->at;
    r->at = r->crc_at = 0;
    while (r->filled < n) {
        size_t room = r->cap - r->filled;
        uint64_t asked = r->base + r->filled;
        if (r->limit_bytes && room > r->limit_bytes - asked) room = r->limit_bytes - asked;
        if (room == 0) return ended(r, n);
        long got = r->source(r, r->buf + r->filled, room);
        if (got == 0) return ended(r, n);
        if (got < 0) {
            assert_that(r->failed);
            return false;
        }
        assert_that((size_t)got <= room);
        r->filled += (size_t)got;
    }
    return true;
}

const char *rdb_take_slow(struct rdb_reader *r, size_t n) {
    if (r->failed) return NULL;
    if (!r->source || n > rdb_reader_left(r)) { /* V2 */
        ended(r, n);
        return NULL;
    }
    if (n > r->cap || !refill(r, n)) return NULL;
    const char *p = r->buf;
    r->at = n;
    return p;
}

bool rdb_read(struct rdb_reader *r, void *p, size_t n) {
    char *out = p;
    while (n > 0) {
        if (r->failed) return false;
        if (r->at == r->filled && !refill(r, 1)) return false;
        size_t run = r->filled - r->at < n ? r->filled - r->at : n;
        memcpy(out, r->buf + r->at, run);
        r->at += run;
        out += run;
        n -= run;
    }
    return !r->failed;
}

bool rdb_skip(struct rdb_reader *r, uint64_t n) {
    while (n > 0) {
        if (r->failed) return false;
        if (r->at == r->filled && !refill(r, 1)) return false;
        size_t run = r->filled - r->at < n ? r->filled - r->at : (size_t)n;
        r->at += run;
        n -= run;
    }
    return !r->failed;
}

/* Byte streams for RDB: a buffered writer and a buffered reader, both with a running CRC64 and an offset.
 *
 * Errors are sticky: after the first failure every call fails at once, and `error` and the offset say what and where.
 * The creator owns the fd; the stream owns its buffer. Sinks and sources are functions, so the same save and load code
 * serves files, sockets, pipes, memory (DUMP/RESTORE) and fuzzers.
 *
 * The CRC is taken over long runs of the buffer (when it is flushed or refilled), never per small write; ask for it
 * with rdb_writer_crc/rdb_reader_crc, which first catch up. */
#ifndef TANDEM_RDB_STREAM_H
#define TANDEM_RDB_STREAM_H

#include "base/sds.h"
#include <stdint.h>

#define RDB_WRITE_BUFFER_BYTES ((size_t)256 << 10)
#define RDB_READ_BUFFER_BYTES  ((size_t)256 << 10)

/* --- writing --- */
struct rdb_writer {
    /* False: failed, rdb_writer_fail was called. */
    bool (*sink)(struct rdb_writer *w, const void *p, size_t n);
    void *ctx;
    int fd;
    char *buf;
    size_t used, cap;
    size_t crc_at;   /* bytes of buf before it are in crc */
    uint64_t before; /* bytes handed to the sink so far */
    uint64_t crc;
    bool checksum, failed;
    uint64_t sync_every_bytes, unsynced_bytes; /* incremental write-back; 0: none */
    void (*progress)(struct rdb_writer *w);    /* when bytes have gone to the sink; may be NULL */
    void *progress_ctx;
    int error_number; /* errno of the failure */
    char error[160];
};
void rdb_writer_fd(struct rdb_writer *w, int fd);
void rdb_writer_memory(struct rdb_writer *w, sds *out); /* appends to *out when flushed */
/* A sink of the caller's; cap is the buffer's size. Set w->ctx afterwards. */
void rdb_writer_sink(struct rdb_writer *w, bool (*sink)(struct rdb_writer *w, const void *p, size_t n),
                     size_t cap);
bool rdb_write_slow(struct rdb_writer *w, const void *p, size_t n);
bool rdb_writer_flush(struct rdb_writer *w);
uint64_t rdb_writer_crc(struct rdb_writer *w); /* of all bytes written so far; 0 without checksum */
bool rdb_writer_fail(struct rdb_writer *w, int err, const char *op); /* always false */
void rdb_writer_free(struct rdb_writer *w);                          /* does not flush */

static inline bool rdb_write(struct rdb_writer *w, const void *p, size_t n) {
    if (__builtin_expect(n > w->cap - w->used, 0)) return rdb_write_slow(w, p, n);
    memcpy(w->buf + w->used, p, n);
    w->used += n;
    return true;
}
static inline uint64_t rdb_writer_offset(const struct rdb_writer *w) {
    return w->before + w->used;
}

/* --- reading --- */
struct rdb_reader {
    /* Fills p with 1..n bytes; 0: end, -1: failed (error set). May run loop turns while it waits (sockets). It may
     * deliver bytes that lie behind the RDB (an EOF mark): they stay unread, see rdb_reader_rest. */
    long (*source)(struct rdb_reader *r, void *p, size_t n);
    void *ctx;
    int fd;
    char *buf;
    size_t at, filled, cap;
    size_t crc_at; /* bytes of buf before it are in crc */
    uint64_t base; /* stream offset of buf[0] */
    uint64_t crc;
    bool checksum, failed, borrowed;
    uint64_t total_bytes; /* length of the stream when known, else 0: claimed lengths beyond it are refused */
    uint64_t limit_bytes; /* never ask the source for bytes at or beyond this offset; 0: no limit */
    void (*progress)(struct rdb_reader *r); /* about every progress_every_bytes; may be NULL */
    uint64_t progress_every_bytes, progress_at;
    /* Called before bytes of buf move or are overwritten, so that what was taken in place can be saved. May be NULL. */
    void (*moving)(void *ctx);
    void *moving_ctx;
    uint64_t fail_offset; /* where the reader stood when it failed */
    bool empty_value;     /* not failed: rdb_empty_value tells */
    bool short_read;      /* it failed because the bytes ended, not because they were wrong */
    char error[200];      /* the reason, without the offset */
};
void rdb_reader_fd(struct rdb_reader *r, int fd);
void rdb_reader_memory(struct rdb_reader *r, slice bytes); /* borrowed */
/* A source of the caller's; cap is the buffer's size. Set r->ctx afterwards. */
void rdb_reader_source(struct rdb_reader *r, long (*source)(struct rdb_reader *r, void *p, size_t n),
                       size_t cap);
bool rdb_read(struct rdb_reader *r, void *p, size_t n);
/* Consumes the next n bytes and returns them in place, valid until the next call on r. NULL: the reader failed, or
 * (not failed) n does not fit its buffer: nothing was consumed, use rdb_read piece by piece. */
const char *rdb_take_slow(struct rdb_reader *r, size_t n);
bool rdb_skip(struct rdb_reader *r, uint64_t n);
uint64_t rdb_reader_crc(struct rdb_reader *r); /* of all bytes consumed so far; 0 without checksum */
/* Bytes that the source delivered and nobody has consumed yet. */
slice rdb_reader_rest(const struct rdb_reader *r);
/* Always false. */
bool rdb_reader_fail(struct rdb_reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3), cold));
void rdb_reader_progress(struct rdb_reader *r); /* calls progress when it is due */
void rdb_reader_free(struct rdb_reader *r);

static inline const char *rdb_take(struct rdb_reader *r, size_t n) {
    if (__builtin_expect(n > r->filled - r->at, 0)) return rdb_take_slow(r, n);
    const char *p = r->buf + r->at;
    r->at += n;
    return p;
}
static inline uint64_t rdb_reader_offset(const struct rdb_reader *r) {
    return r->base + r->at;
}
/* How many bytes are still to come; UINT64_MAX when nobody knows. A stream may turn out longer than was said: then 0. */
static inline uint64_t rdb_reader_left(const struct rdb_reader *r) {
    uint64_t offset = rdb_reader_offset(r);
    if (!r->total_bytes) return UINT64_MAX;
    return r->total_bytes > offset ? r->total_bytes - offset : 0;
}

#endif

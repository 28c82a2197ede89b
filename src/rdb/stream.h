/* Byte streams for RDB: a buffered writer and a buffered reader, both with a running CRC64 and an offset.
 *
 * Errors are sticky: after the first failure every call is a no-op that fails, and `error` says what and where. The
 * creator owns the fd; the stream owns its buffer. Sinks and sources are functions, so the same save and load code
 * serves files, sockets, pipes, memory (DUMP/RESTORE) and fuzzers. */
#ifndef TANDEM_RDB_STREAM_H
#define TANDEM_RDB_STREAM_H

#include "base/sds.h"
#include <stdint.h>

struct rdb_writer {
    bool (*sink)(struct rdb_writer *w, const void *p, size_t n); /* false: failed, w->error set */
    void *ctx;
    int fd;
    char *buf;
    size_t used, cap;
    uint64_t offset; /* bytes written so far, buffered ones included */
    uint64_t crc;
    bool checksum, failed;
    uint64_t sync_every_bytes, unsynced_bytes; /* incremental fsync; 0: none */
    char error[160];
};
void rdb_writer_fd(struct rdb_writer *w, int fd);
void rdb_writer_memory(struct rdb_writer *w, sds *out); /* appends to *out */
bool rdb_write(struct rdb_writer *w, const void *p, size_t n);
bool rdb_writer_flush(struct rdb_writer *w);
void rdb_writer_free(struct rdb_writer *w);

struct rdb_reader {
    /* Fills p with 1..n bytes; 0: end, -1: failed (error set). May run loop turns while it waits (sockets). */
    long (*source)(struct rdb_reader *r, void *p, size_t n);
    void *ctx;
    int fd;
    char *buf;
    size_t at, filled, cap;
    uint64_t offset; /* bytes consumed so far */
    uint64_t crc;
    bool checksum, failed;
    uint64_t total_bytes;                   /* 0 when unknown */
    void (*progress)(struct rdb_reader *r); /* every so many bytes; may be NULL */
    uint64_t progress_every_bytes, progress_at;
    char error[200]; /* "reason" without the offset */
};
void rdb_reader_fd(struct rdb_reader *r, int fd);
void rdb_reader_memory(struct rdb_reader *r, slice bytes); /* borrowed */
bool rdb_read(struct rdb_reader *r, void *p, size_t n);
/* The next n bytes in place when they fit the buffer, else NULL without failing; valid until the next call. */
const char *rdb_peek(struct rdb_reader *r, size_t n);
bool rdb_reader_fail(struct rdb_reader *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3))); /* always false */
void rdb_reader_free(struct rdb_reader *r);

#endif

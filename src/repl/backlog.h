/* The log: the effects of every write as RESP bytes, appended once, read by cursors.
 *
 * Positions are replication offsets: the first byte ever is 1, `end` is the offset of the last byte, as
 * master_repl_offset. Storage is a row of fixed chunks: appending, trimming and resizing touch one chunk
 * each, never copy history and never stall. Kept: exactly `size` bytes of history, and everything a cursor
 * has not read. A cursor that lags past its limit is the reader's owner's business (output limits):
 * backlog_lag tells.
 *
 * Ownership: this room owns the bytes; what backlog_read_iov gives is valid until the next trim (end of the
 * turn). */
#ifndef TANDEM_REPL_BACKLOG_H
#define TANDEM_REPL_BACKLOG_H

#include "base/slice.h"
#include <stdint.h>
#include <sys/uio.h>

struct backlog_cursor {
    int64_t offset; /* next byte to read */
    struct backlog_cursor *prev, *next;
    bool attached;
};

void backlog_init(uint64_t size_bytes);
void backlog_shutdown(void);
void backlog_start(int64_t end_offset); /* creates the log; its next byte has offset end_offset + 1 */
extern bool backlog_is_active;          /* only backlog.c writes it: every command asks */
static inline bool backlog_active(void) {
    return backlog_is_active;
}
void backlog_stop(void);       /* forgets the history (repl-backlog-ttl); cursors must be detached */
bool backlog_has_reader(void); /* some cursor is attached */
void backlog_set_size(uint64_t size_bytes);

void backlog_append(const void *p, size_t n); /* asserts backlog_active() */
int64_t backlog_end(void);                    /* master_repl_offset; also counts while not active */
void backlog_set_end(int64_t end);            /* only while not active: a loaded or adopted offset */
int64_t backlog_first(void);                  /* offset of the oldest byte held; end + 1 when there is none */
uint64_t backlog_history_bytes(void);
uint64_t backlog_size(void);
uint64_t backlog_memory_bytes(void);
bool backlog_holds(int64_t offset); /* a reader may start at offset: first <= offset <= end + 1 */

bool backlog_attach(struct backlog_cursor *c, int64_t offset); /* false when not held */
void backlog_detach(struct backlog_cursor *c);                 /* idempotent */
/* The bytes at the cursor, for writev: fills at most max vectors, returns how many; 0: caught up. */
int backlog_read_iov(const struct backlog_cursor *c, struct iovec *iov, int max);
void backlog_advance(struct backlog_cursor *c, size_t n);
uint64_t backlog_lag(const struct backlog_cursor *c);
void backlog_trim(void); /* let go of what is older than size and read by all; end of turn */

#endif

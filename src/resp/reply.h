/* The reply encoder: RESP2 and RESP3 into a growing chain of chunks. Pure: no fd.
 *
 * A reply_buf belongs to its client. Idle, it owns nothing: chunks come from a shared pool when the first byte is
 * written and go back when they have been sent. Writers append; the sender takes iovecs from the front.
 * `proto` 2 or 3 decides the form of maps, sets, doubles, nulls, booleans, pushes and verbatim strings.
 * While `muted`, everything is dropped (CLIENT REPLY OFF/SKIP, the master's link). */
#ifndef TANDEM_RESP_REPLY_H
#define TANDEM_RESP_REPLY_H

#include "base/assert.h"
#include "base/num.h"
#include "base/slice.h"
#include <stdint.h>
#include <sys/uio.h>

struct reply_chunk;
struct reply_block;

/* Read only through the functions below, but for `proto` and `muted`, which the owner sets at will. */
struct reply_buf {
    char *at, *end; /* room in the last chunk; both NULL without one */
    struct reply_chunk *head, *tail;
    size_t sent_bytes;   /* bytes of head already taken by the sender */
    size_t closed_bytes; /* bytes in the chunks before tail, sent ones included */
    size_t held_bytes;   /* memory of all chunks */
    uint8_t proto;       /* 2 or 3 */
    bool muted;
    uint32_t shares; /* chunks that refer to small pieces (reply_share) */
};

void reply_init(struct reply_buf *b);            /* RESP2, not muted */
void reply_free(struct reply_buf *b);            /* gives every chunk back; usable again */
size_t reply_pending(const struct reply_buf *b); /* bytes waiting */
static inline size_t reply_memory(const struct reply_buf *b) {
    return b->held_bytes;
}
struct reply_shape { /* for reports: the first chunk, if it is of the usual size, and the others */
    size_t first_memory, first_used, rest_chunks, rest_memory;
};
struct reply_shape reply_shape(const struct reply_buf *b);
/* The next bytes to send, up to max vectors; returns how many. Valid until the next call on b. */
int reply_iov(const struct reply_buf *b, struct iovec *iov, int max);
void reply_consume(struct reply_buf *b, size_t n); /* n bytes were sent */
void reply_trim_pool(void); /* gives back the chunks that wait to be used again: MEMORY PURGE */

/* At least n bytes of room in one piece, n <= REPLY_ROOM_MAX. Write there and move b->at; not while muted. */
#define REPLY_ROOM_MAX 8192
char *reply_grow(struct reply_buf *b, size_t n);
static inline char *reply_room(struct reply_buf *b, size_t n) {
    return likely((size_t)(b->end - b->at) >= n) ? b->at : reply_grow(b, n);
}

void reply_raw(struct reply_buf *b, const void *p, size_t n);
void reply_status(struct reply_buf *b, const char *text); /* +text */
void reply_error(struct reply_buf *b, const char *text); /* -text; CR and LF become blanks. With code word. */
void reply_errorf(struct reply_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void reply_bulk_long(struct reply_buf *b, const void *p, size_t n); /* reply_bulk's road for long strings */
void reply_bulk_str(struct reply_buf *b, const char *s);
void reply_bulk_int(struct reply_buf *b, int64_t v);
void reply_bulkf(struct reply_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void reply_null(struct reply_buf *b);       /* $-1 or _ */
void reply_null_array(struct reply_buf *b); /* *-1 or _ */
void reply_array(struct reply_buf *b, int64_t n);
void reply_map(struct reply_buf *b, int64_t pairs);                       /* *2n or %n */
void reply_set(struct reply_buf *b, int64_t n);                           /* *n or ~n */
void reply_push(struct reply_buf *b, int64_t n);                          /* *n or >n */
void reply_attribute(struct reply_buf *b, int64_t pairs);                 /* |n; RESP3 only */
void reply_double(struct reply_buf *b, double v);                         /* bulk or ,v */
void reply_bool(struct reply_buf *b, bool v);                             /* :0/:1 or #t/#f */
void reply_big_number(struct reply_buf *b, const char *digits, size_t n); /* bulk or (digits */
/* Bulk or =len ext:... */
void reply_verbatim(struct reply_buf *b, const char *ext3, const void *p, size_t n);

static inline void reply_ok(struct reply_buf *b) {
    if (unlikely(b->muted)) return;
    memcpy(reply_room(b, 5), "+OK\r\n", 5);
    b->at += 5;
}

static inline void reply_int(struct reply_buf *b, int64_t v) {
    if (unlikely(b->muted)) return;
    char *to = reply_room(b, NUM_INT_BYTES + 3);
    *to++ = ':';
    to += num_format_i64(to, v);
    memcpy(to, "\r\n", 2);
    b->at = to + 2;
}

static inline void reply_bulk(struct reply_buf *b, const void *p, size_t n) {
    if (unlikely(n > 1000 || b->muted)) {
        reply_bulk_long(b, p, n);
        return;
    }
    char *to = reply_room(b, n + 8);
    *to++ = '$';
    if (n < 10) {
        *to++ = (char)('0' + n);
    } else {
        to += num_format_u64(to, n);
    }
    memcpy(to, "\r\n", 2);
    if (likely(n > 0)) memcpy(to + 2, p, n);
    memcpy(to + 2 + n, "\r\n", 2);
    b->at = to + n + 4;
}

/* Called with the text of every error written through reply_error/reply_errorf, without '-' and CRLF, also when muted:
 * dispatch counts errors by their code word. NULL: nobody listens. */
extern void (*reply_on_error)(struct reply_buf *b, slice text);

/* Called for each chunk that a buffer gets behind its first: whoever counts may mute it, which ends a reply that would grow
 * without end. What is being written goes in still. NULL: nobody counts. */
extern void (*reply_on_growth)(struct reply_buf *b);

/* --- bytes that are written once and sent to many: messages ---
 * The writer asks for a piece, fills its n bytes, shares it with any number of buffers and is done with it; the bytes live until
 * the last buffer has sent them. Small pieces of a stream lie one behind the other, so that a buffer which gets each of them
 * refers to all of them at once. Pieces that were made with the same form in mind should have the same stream. */
#define REPLY_STREAMS 2
struct reply_piece {
    struct reply_block *block;
    char *p;
    size_t n;
};
struct reply_piece reply_piece_new(int stream, size_t n);
void reply_piece_done(struct reply_piece *piece);
/* Appends the piece, muted or not. lasting: it will not be sent soon, so a small one is better copied. */
void reply_share(struct reply_buf *b, const struct reply_piece *piece, bool lasting);
/* What is left could not be sent soon: small pieces become the buffer's own, so that it keeps no more bytes alive than
 * it counts. */
void reply_unshare(struct reply_buf *b);

/* A length that is known only afterwards: reserve a place, write the elements, then fill it in. Nestable; marks are
 * filled in the reverse order of reserving, and nothing is sent while one is open. */
struct reply_mark {
    struct reply_chunk *chunk; /* NULL: muted */
    size_t offset;
};
struct reply_mark reply_defer(struct reply_buf *b);
void reply_defer_array(struct reply_buf *b, struct reply_mark m, int64_t n);
void reply_defer_map(struct reply_buf *b, struct reply_mark m, int64_t pairs);
void reply_defer_set(struct reply_buf *b, struct reply_mark m, int64_t n);

#endif

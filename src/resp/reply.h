/* The reply encoder: RESP2 and RESP3 into a growing chain of chunks. Pure: no fd.
 *
 * A reply_buf belongs to its client. Idle, it owns nothing: chunks come from a shared pool when the first byte is
 * written and go back when they have been sent. Writers append; the sender takes iovecs from the front.
 * `proto` 2 or 3 decides the form of maps, sets, doubles, nulls, booleans, pushes and verbatim strings.
 * While `muted`, everything is dropped (CLIENT REPLY OFF/SKIP, the master's link). */
#ifndef TANDEM_RESP_REPLY_H
#define TANDEM_RESP_REPLY_H

#include "base/slice.h"
#include <stdint.h>
#include <sys/uio.h>

struct reply_chunk;

struct reply_buf {
    char *at, *end; /* room in the last chunk */
    struct reply_chunk *head, *tail;
    size_t sent; /* bytes of head already taken by the sender */
    size_t
        pending_bytes; /* all bytes not yet sent, without those between tail's start and `at` not yet counted */
    uint8_t proto;     /* 2 or 3 */
    bool muted;
};

void reply_init(struct reply_buf *b);
void reply_free(struct reply_buf *b);
size_t reply_pending(const struct reply_buf *b); /* bytes waiting */
size_t reply_memory(const struct reply_buf *b);  /* bytes held */
int reply_iov(struct reply_buf *b, struct iovec *iov, int max);
void reply_consume(struct reply_buf *b, size_t n); /* n bytes were sent */

void reply_raw(struct reply_buf *b, const void *p, size_t n);
void reply_status(struct reply_buf *b, const char *text); /* +text */
void reply_ok(struct reply_buf *b);
void reply_error(struct reply_buf *b, const char *text); /* -text; CR and LF become blanks. With code word. */
void reply_errorf(struct reply_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void reply_int(struct reply_buf *b, int64_t v);
void reply_bulk(struct reply_buf *b, const void *p, size_t n);
void reply_bulk_str(struct reply_buf *b, const char *s);
void reply_bulk_int(struct reply_buf *b, int64_t v);
void reply_bulkf(struct reply_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void reply_null(struct reply_buf *b);       /* $-1 or _ */
void reply_null_array(struct reply_buf *b); /* *-1 or _ */
void reply_array(struct reply_buf *b, int64_t n);
void reply_map(struct reply_buf *b, int64_t pairs); /* *2n or %n */
void reply_set(struct reply_buf *b, int64_t n);     /* *n or ~n */
void reply_push(struct reply_buf *b, int64_t n);    /* *n or >n */
void reply_double(struct reply_buf *b, double v);   /* bulk or ,v */
void reply_bool(struct reply_buf *b, bool v);       /* :0/:1 or #t/#f */
void reply_big_number(struct reply_buf *b, const char *digits, size_t n);
void reply_verbatim(struct reply_buf *b, const char *ext3, const void *p, size_t n);

/* Called with the text of every error written through reply_error/reply_errorf, without '-' and CRLF, also when muted:
 * dispatch counts errors by their code word. NULL: nobody listens. */
extern void (*reply_on_error)(struct reply_buf *b, slice text);

/* A length that is known only afterwards: reserve a place, write the elements, then fill it in. Nestable. */
struct reply_mark {
    struct reply_chunk *chunk;
    size_t offset;
};
struct reply_mark reply_defer(struct reply_buf *b);
void reply_defer_array(struct reply_buf *b, struct reply_mark m, int64_t n);
void reply_defer_map(struct reply_buf *b, struct reply_mark m, int64_t pairs);
void reply_defer_set(struct reply_buf *b, struct reply_mark m, int64_t n);

#endif

/* The request parser: RESP arrays of bulk strings, and inline commands. Pure: bytes in, slices out, no copying.
 *
 * resp_parse reads one request from buf[0..len), which begins at the request's start. The arguments point into buf
 * and stay valid while buf does. When the request is incomplete it returns RESP_MORE and remembers how far it got,
 * relative to the request's start, so that a large request arriving in pieces is not scanned again; the caller keeps
 * the bytes from the request's start and calls again with the same start once there are more (the buffer may have
 * moved). Inline commands are unquoted in place: buf is written to, but only once the line is complete.
 *
 * Limits and texts are Redis 7.0's: "Protocol error: " and "invalid multibulk length" (> INT_MAX),
 * "unauthenticated multibulk length" (> 10 while unauthenticated), "expected '$', got 'x'", "invalid bulk length",
 * "unauthenticated bulk length" (> 16384), "too big inline request", "too big mbulk count string", "too big bulk
 * count string" (64 KB without a line's end), "unbalanced quotes in request". The text is complete, without "-ERR "
 * and CRLF. As in Redis, the two bytes behind a bulk string are skipped, not looked at. */
#ifndef TANDEM_RESP_PARSER_H
#define TANDEM_RESP_PARSER_H

#include "base/slice.h"
#include <stdint.h>

enum resp_status {
    RESP_OK,   /* one request in args; *consumed bytes from the start belong to it */
    RESP_SKIP, /* *consumed bytes of nothing (empty line, empty array): no request */
    RESP_MORE, /* incomplete */
    RESP_BAD   /* protocol error, text in parser->error: reply with it and close */
};

struct resp_limits {
    int64_t max_bulk_bytes; /* proto-max-bulk-len; INT64_MAX for the master's link */
    bool authenticated;     /* false: the small limits */
};

/* All zero is a valid, fresh parser; it owns memory only while a request with arguments is incomplete. */
struct resp_parser {
    /* progress inside an incomplete request, offsets from its start */
    size_t scanned;     /* bytes known to be parsed; 0: at the start of a request */
    int64_t args_left;  /* arguments still to come */
    int64_t bulk_bytes; /* length of the argument that starts at `scanned`; -1: a $length line starts there */
    int argc, argv_cap;
    size_t *offsets; /* start and length of each argument so far, 2 * argc of 2 * argv_cap; owned */
    char *error;     /* points to error_buf or a literal */
    char error_buf[64];
};

/* Arguments of the requests parsed so far in this batch; requests are appended. v moves when it grows, so requests
 * name their arguments by index. All zero is an empty one; setting n to 0 starts a new batch. */
struct resp_args {
    slice *v;
    int n, cap;
};
void resp_args_free(struct resp_args *args);

struct resp_request_view {
    int argc;
    int argv_index;  /* into resp_args.v */
    bool is_inline;  /* arrived as an inline command: raw bytes are not RESP */
    size_t consumed; /* bytes of the request */
};

void resp_parser_reset(struct resp_parser *p); /* forget an incomplete request */
void resp_parser_free(struct resp_parser *p);  /* the same: nothing is owned afterwards */
static inline size_t resp_parser_memory(const struct resp_parser *p) {
    return (size_t)p->argv_cap * 2 * sizeof *p->offsets;
}
enum resp_status resp_parse(struct resp_parser *p, const struct resp_limits *limits, char *buf, size_t len,
                            struct resp_args *args, struct resp_request_view *out);
/* After RESP_MORE: total request bytes known to be needed, 0 when unknown. */
size_t resp_wanted_bytes(const struct resp_parser *p);

#endif

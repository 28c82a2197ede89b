/* The request parser: RESP arrays of bulk strings, and inline commands. Pure: bytes in, slices out, no copying.
 *
 * resp_parse reads one request from buf[pos..len). The arguments point into buf and stay valid while buf does.
 * When the request is incomplete it returns RESP_MORE and remembers how far it got, relative to the request's
 * start, so that a large request arriving in pieces is not scanned again; the caller keeps the bytes from the
 * request's start and calls again with the same start once there are more (the buffer may have moved).
 *
 * Limits and texts are Redis 7.0's: "Protocol error: invalid multibulk length" (> 1048576... or > 10 for an
 * unauthenticated client: "unauthenticated multibulk length"), "expected '$', got 'x'", "invalid bulk length",
 * "unauthenticated bulk length" (> 16384), "too big inline request", "too big mbulk count string", "too big bulk
 * count string", "unbalanced quotes in request". The text is complete, without "-ERR " and CRLF. */
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
    int64_t max_bulk_bytes; /* proto-max-bulk-len */
    bool authenticated;     /* false: the small limits */
};

struct resp_parser {
    /* progress inside an incomplete request, offsets from its start */
    size_t scanned; /* bytes known to be parsed */
    int64_t args_left;
    int64_t bulk_left; /* -1: the next thing is a $length line */
    int argc, argv_cap;
    size_t
        *offsets; /* start and length of each argument so far, 2 * argc; owned, freed by resp_parser_free */
    char *error;  /* points to error_buf or a literal */
    char error_buf[64];
};

/* Arguments of the requests parsed so far in this batch; slices are appended, never moved while a batch runs. */
struct resp_args {
    slice *v;
    int n, cap;
};

struct resp_request_view {
    int argc;
    int argv_index;  /* into resp_args.v */
    bool is_inline;  /* arrived as an inline command: raw bytes are not RESP */
    size_t consumed; /* bytes of the request, blanks before it included */
};

void resp_parser_reset(struct resp_parser *p);
void resp_parser_free(struct resp_parser *p);
enum resp_status resp_parse(struct resp_parser *p, const struct resp_limits *limits, char *buf, size_t len,
                            struct resp_args *args, struct resp_request_view *out);
size_t resp_wanted_bytes(
    const struct resp_parser *p); /* after RESP_MORE: total request bytes known to be needed, 0 unknown */

#endif

/* The request parser. One pass over the bytes; digits are read by hand and only what is unusual (a sign, a leading
 * zero, a line cut by the end of the buffer) takes the slow road through memchr and num_parse_i64.
 *
 * Invariant: between calls either scanned is 0 (a request's start), or args_left > 0 arguments of a request are
 * missing and the argc that were seen lie in `offsets`. A call writes the slices of the arguments it sees behind
 * args->n, but moves args->n only when the request is complete, so an incomplete request leaves no trace there.
 * What a client claims (a count, a length) never sizes an allocation: memory follows the bytes that came. */
#include "resp/parser.h"
#include "base/alloc.h"
#include "base/assert.h"
#include "base/num.h"
#include "base/words.h"

#include <limits.h>
#include <stdio.h>

#define LINE_BYTES_MAX            (64 * 1024)
#define UNAUTHENTICATED_ARGS_MAX  10
#define UNAUTHENTICATED_BYTES_MAX 16384
#define ARGS_FIRST                64

void resp_args_free(struct resp_args *args) {
    mem_free(args->v, (size_t)args->cap * sizeof(slice));
    *args = (struct resp_args){0};
}

static void __attribute__((cold, noinline)) args_grow(struct resp_args *args) {
    int cap = args->cap ? args->cap * 2 : ARGS_FIRST;
    assert_that(cap > args->cap);
    args->v = mem_resize(args->v, (size_t)args->cap * sizeof(slice), (size_t)cap * sizeof(slice));
    args->cap = cap;
}

void resp_parser_reset(struct resp_parser *p) {
    if (p->offsets) mem_free(p->offsets, (size_t)p->argv_cap * 2 * sizeof(size_t));
    p->offsets = NULL;
    p->argc = p->argv_cap = 0;
    p->scanned = 0;
    p->args_left = 0;
    p->bulk_bytes = -1;
}

void resp_parser_free(struct resp_parser *p) {
    resp_parser_reset(p);
}

size_t resp_wanted_bytes(const struct resp_parser *p) {
    return p->scanned > 0 && p->bulk_bytes >= 0 ? p->scanned + (size_t)p->bulk_bytes + 2 : 0;
}

static enum resp_status fail(struct resp_parser *p, const char *what) {
    snprintf(p->error_buf, sizeof(p->error_buf), "Protocol error: %s", what);
    p->error = p->error_buf;
    return RESP_BAD;
}

static enum resp_status fail_expected_bulk(struct resp_parser *p, char got) {
    char what[32];
    snprintf(what, sizeof(what), "expected '$', got '%c'", got);
    return fail(p, what);
}

enum line_status { LINE_OK, LINE_CUT, LINE_TOO_LONG, LINE_NOT_A_NUMBER };

/* A number up to CRLF from *at, whatever way it is written; *at moves behind the line. */
static enum line_status __attribute__((noinline)) read_number_slow(char **at, char *end, int64_t *out) {
    char *cr = memchr(*at, '\r', (size_t)(end - *at));
    /* The marker byte in front counts into the limit. */
    if (!cr) return end - *at + 1 > LINE_BYTES_MAX ? LINE_TOO_LONG : LINE_CUT;
    if (end - cr < 2) return LINE_CUT;
    if (!num_parse_i64((slice){*at, (size_t)(cr - *at)}, out)) return LINE_NOT_A_NUMBER;
    *at = cr + 2;
    return LINE_OK;
}

/* The same; the plain numbers of one to nine digits that nearly every request consists of are read here. */
static inline enum line_status read_number(char **at, char *end, int64_t *out) {
    char *p = *at;
    if (unlikely(end - p < 3)) return read_number_slow(at, end, out);
    unsigned v = (unsigned char)*p++ - (unsigned)'0';
    if (unlikely(v - 1 > 8)) return read_number_slow(at, end, out);
    char *stop = end - p > 9 ? p + 8 : end - 1;
    while (p < stop) {
        unsigned d = (unsigned char)*p - (unsigned)'0';
        if (d > 9) break;
        v = v * 10 + d;
        p++;
    }
    if (unlikely(*p != '\r' || end - p < 2)) return read_number_slow(at, end, out);
    *out = v;
    *at = p + 2;
    return LINE_OK;
}

static enum resp_status parse_inline(struct resp_parser *p, char *buf, size_t len, struct resp_args *args,
                                     struct resp_request_view *out) {
    char *newline = memchr(buf, '\n', len);
    if (!newline) return len > LINE_BYTES_MAX ? fail(p, "too big inline request") : RESP_MORE;
    out->consumed = (size_t)(newline - buf) + 1;
    size_t n = (size_t)(newline - buf);
    if (n > 0 && buf[n - 1] == '\r') n--;

    const char *at = buf, *end = buf + strnlen(buf, n);
    char *to = buf;
    int argc = 0;
    enum word_status status;
    size_t word_n;
    while ((status = word_next(&at, end, to, &word_n)) == WORD_OK) {
        if (args->n + argc == args->cap) args_grow(args);
        args->v[args->n + argc++] = (slice){to, word_n};
        to += word_n;
    }
    if (status == WORD_UNBALANCED) return fail(p, "unbalanced quotes in request");
    out->argc = argc;
    out->argv_index = args->n;
    out->is_inline = true;
    args->n += argc;
    return argc > 0 ? RESP_OK : RESP_SKIP;
}

/* The *count line. RESP_OK: count > 0 arguments follow from *at. */
static inline enum resp_status parse_count(struct resp_parser *p, const struct resp_limits *limits, char **at,
                                           char *end, int64_t *count) {
    ++*at;
    switch (read_number(at, end, count)) {
    case LINE_OK: break;
    case LINE_CUT: return RESP_MORE;
    case LINE_TOO_LONG: return fail(p, "too big mbulk count string");
    case LINE_NOT_A_NUMBER: return fail(p, "invalid multibulk length");
    }
    if (*count > INT_MAX) return fail(p, "invalid multibulk length");
    if (*count > UNAUTHENTICATED_ARGS_MAX && !limits->authenticated) {
        return fail(p, "unauthenticated multibulk length");
    }
    return *count > 0 ? RESP_OK : RESP_SKIP;
}

/* An argument that does not begin with '$': an error, once its line is complete. */
static enum resp_status __attribute__((cold, noinline))
not_a_bulk(struct resp_parser *p, const char *at, const char *end) {
    const char *cr = memchr(at, '\r', (size_t)(end - at));
    if (cr && end - cr >= 2) return fail_expected_bulk(p, *at);
    return !cr && end - at > LINE_BYTES_MAX ? fail(p, "too big bulk count string") : RESP_MORE;
}

/* The $length line of an argument. *at moves behind it. */
static inline enum resp_status parse_length(struct resp_parser *p, const struct resp_limits *limits,
                                            char **at, char *end, int64_t *bytes) {
    if (unlikely(*at == end)) return RESP_MORE;
    if (unlikely(**at != '$')) return not_a_bulk(p, *at, end);
    char *number = *at + 1;
    switch (read_number(&number, end, bytes)) {
    case LINE_OK: break;
    case LINE_CUT: return RESP_MORE;
    case LINE_TOO_LONG: return fail(p, "too big bulk count string");
    case LINE_NOT_A_NUMBER: return fail(p, "invalid bulk length");
    }
    if (unlikely(*bytes < 0 || *bytes > limits->max_bulk_bytes)) return fail(p, "invalid bulk length");
    if (unlikely(*bytes > UNAUTHENTICATED_BYTES_MAX && !limits->authenticated)) {
        return fail(p, "unauthenticated bulk length");
    }
    *at = number;
    return RESP_OK;
}

/* Remembers an incomplete request: the arguments that this call has seen, from index p->argc on, join those that
 * earlier calls put into `offsets`. */
static void __attribute__((noinline))
suspend(struct resp_parser *p, const char *buf, const slice *seen, int argc, size_t scanned,
        int64_t args_left, int64_t bulk_bytes) {
    if (argc > p->argv_cap) {
        int cap = argc + argc / 2;
        p->offsets = mem_resize(p->offsets, (size_t)p->argv_cap * 2 * sizeof(size_t),
                                (size_t)cap * 2 * sizeof(size_t));
        p->argv_cap = cap;
    }
    for (int i = p->argc; i < argc; i++) {
        p->offsets[2 * i] = (size_t)(seen[i - p->argc].p - buf);
        p->offsets[2 * i + 1] = seen[i - p->argc].n;
    }
    p->argc = argc;
    p->scanned = scanned;
    p->args_left = args_left;
    p->bulk_bytes = bulk_bytes;
}

/* Completes a request that came in pieces: earlier calls' arguments go before the `fresh` ones of this call. */
static void __attribute__((noinline))
resume(struct resp_parser *p, const char *buf, struct resp_args *args, int fresh) {
    while (args->cap - args->n < p->argc + fresh) args_grow(args);
    slice *v = args->v + args->n;
    memmove(v + p->argc, v, (size_t)fresh * sizeof(slice));
    for (int i = 0; i < p->argc; i++) v[i] = (slice){buf + p->offsets[2 * i], p->offsets[2 * i + 1]};
}

enum resp_status resp_parse(struct resp_parser *p, const struct resp_limits *limits, char *buf, size_t len,
                            struct resp_args *args, struct resp_request_view *out) {
    if (unlikely(len == 0)) return RESP_MORE;
    char *at = buf + p->scanned, *end = buf + len;
    int64_t left = p->args_left, bytes = p->bulk_bytes;
    enum resp_status status;
    if (likely(p->scanned == 0)) {
        if (unlikely(*buf != '*')) return parse_inline(p, buf, len, args, out);
        status = parse_count(p, limits, &at, end, &left);
        if (unlikely(status != RESP_OK)) {
            *out = (struct resp_request_view){.consumed = (size_t)(at - buf)};
            return status;
        }
        bytes = -1;
    }

    int fresh = 0; /* arguments seen in this call */
    while (left > 0) {
        if (likely(bytes < 0)) {
            status = parse_length(p, limits, &at, end, &bytes);
            if (unlikely(status == RESP_BAD)) return status;
        }
        if (unlikely(bytes < 0 || end - at < 2 || end - at - 2 < bytes)) {
            suspend(p, buf, args->v + args->n, p->argc + fresh, (size_t)(at - buf), left, bytes);
            return RESP_MORE;
        }
        if (unlikely(args->n + fresh == args->cap)) args_grow(args);
        args->v[args->n + fresh++] = (slice){at, (size_t)bytes};
        at += bytes + 2;
        bytes = -1;
        left--;
    }

    out->argv_index = args->n;
    out->argc = p->argc + fresh;
    out->is_inline = false;
    out->consumed = (size_t)(at - buf);
    if (unlikely(p->scanned > 0)) {
        resume(p, buf, args, fresh);
        resp_parser_reset(p);
    }
    args->n += out->argc;
    return RESP_OK;
}

/* Reading replies. resp_scan walks a reply with an explicit stack of how many values each open aggregate still lacks,
 * so it can stop at any byte and go on later; it validates everything. resp_tree_build then reads the same bytes
 * again without having to doubt them, and asserts where it relies on the scan; its recursion is as deep as the stack. */
#include "resp/reader.h"
#include "base/alloc.h"
#include "base/assert.h"
#include "base/num.h"

#include <limits.h>
#include <math.h>

#define LINE_BYTES_MAX (1 << 20)
#define COUNT_MAX      INT_MAX

static enum resp_status bad(struct resp_scan *s, const char *what) {
    s->error = what;
    return RESP_BAD;
}

/* The line at p, without its marker and CRLF. */
static enum resp_status read_line(struct resp_scan *s, const char *p, size_t n, slice *line) {
    const char *cr = memchr(p, '\r', n);
    if (!cr) return n > LINE_BYTES_MAX ? bad(s, "line too long") : RESP_MORE;
    if (cr + 1 == p + n) return RESP_MORE;
    if (cr[1] != '\n') return bad(s, "CR without LF");
    *line = (slice){p + 1, (size_t)(cr - p) - 1};
    return RESP_OK;
}

static bool is_nan(slice s) {
    return slice_is(s, "nan") || slice_is(s, "-nan");
}

static bool is_big_number(slice s) {
    size_t i = s.n > 0 && (s.p[0] == '-' || s.p[0] == '+');
    if (i == s.n) return false;
    for (; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') return false;
    }
    return true;
}

static bool line_is_valid(char type, slice line) {
    int64_t i;
    double d;
    switch (type) {
    case '+':
    case '-': return true;
    case ':': return num_parse_i64(line, &i);
    case ',': return num_parse_double(line, &d) || is_nan(line);
    case '#': return line.n == 1 && (line.p[0] == 't' || line.p[0] == 'f');
    case '(': return is_big_number(line);
    case '_': return line.n == 0;
    default: return false;
    }
}

/* The body of a $, = or !, behind its length line. */
static enum resp_status scan_bulk(struct resp_scan *s, char type, slice line, const char *body, size_t n) {
    int64_t bytes;
    if (!num_parse_i64(line, &bytes) || bytes < -1) return bad(s, "invalid bulk length");
    if (bytes == -1) {
        if (type != '$') return bad(s, "invalid bulk length");
        s->pos += line.n + 3;
        return RESP_OK;
    }
    if (n < 2 || (uint64_t)bytes > n - 2) return RESP_MORE;
    if (memcmp(body + bytes, "\r\n", 2) != 0) return bad(s, "bulk string without CRLF");
    if (type == '=' && (bytes < 4 || body[3] != ':')) return bad(s, "verbatim string without format");
    s->pos += line.n + 3 + (size_t)bytes + 2;
    return RESP_OK;
}

static enum resp_status scan_aggregate(struct resp_scan *s, char type, slice line) {
    int64_t count;
    if (!num_parse_i64(line, &count) || count > COUNT_MAX || count < -1) return bad(s, "invalid count");
    if (count == -1 && type != '*') return bad(s, "invalid count");
    if (type == '%' || type == '|') count *= 2;
    if (type == '|') s->left[s->depth - 1]++; /* an attribute comes in addition to the value it describes */
    if (count > 0) {
        if (s->depth == RESP_DEPTH_MAX) return bad(s, "nested too deep");
        s->left[s->depth++] = count;
    }
    s->pos += line.n + 3;
    return RESP_OK;
}

static enum resp_status scan_value(struct resp_scan *s, const char *p, size_t n) {
    slice line;
    enum resp_status status = read_line(s, p, n, &line);
    if (status != RESP_OK) return status;
    char type = *p;
    int level = s->depth - 1;
    switch (type) {
    case '$':
    case '=':
    case '!': status = scan_bulk(s, type, line, line.p + line.n + 2, n - line.n - 3); break;
    case '*':
    case '%':
    case '~':
    case '>':
    case '|': status = scan_aggregate(s, type, line); break;
    default:
        if (!line_is_valid(type, line)) return bad(s, "invalid value");
        s->pos += line.n + 3;
    }
    if (status != RESP_OK) return status;
    s->left[level]--;
    s->values++;
    return RESP_OK;
}

void resp_scan_restart(struct resp_scan *s) {
    s->pos = s->values = 0;
    s->depth = 0;
    s->error = NULL;
}

enum resp_status resp_scan(struct resp_scan *s, const char *buf, size_t len) {
    if (s->error) return RESP_BAD;
    if (s->pos == 0) {
        s->depth = 1;
        s->left[0] = 1;
    }
    while (s->depth > 0) {
        if (s->pos == len) return RESP_MORE;
        enum resp_status status = scan_value(s, buf + s->pos, len - s->pos);
        if (status != RESP_OK) return status;
        while (s->depth > 0 && s->left[s->depth - 1] == 0) s->depth--;
    }
    return RESP_OK;
}

/* A reader of bytes that resp_scan has found well-formed; nodes come from one block, siblings side by side. */
struct builder {
    const char *at;
    struct resp_value *next_node;
    const struct resp_value *nodes_end;
};

static slice trusted_line(struct builder *t) {
    const char *start = t->at + 1, *cr = start;
    while (*cr != '\r') cr++;
    t->at = cr + 2;
    return (slice){start, (size_t)(cr - start)};
}

static int64_t trusted_int(slice s) {
    int64_t v;
    bool ok = num_parse_i64(s, &v);
    assert_that(ok);
    return v;
}

static void build_value(struct builder *t, struct resp_value *v);

static struct resp_value *take_nodes(struct builder *t, size_t n) {
    assert_that((size_t)(t->nodes_end - t->next_node) >= n);
    struct resp_value *first = t->next_node;
    t->next_node += n;
    return first;
}

static void build_items(struct builder *t, struct resp_value *v, int64_t count) {
    v->count = (size_t)count;
    v->items = take_nodes(t, v->count);
    for (size_t i = 0; i < v->count; i++) build_value(t, &v->items[i]);
}

static void skip_attributes(struct builder *t) {
    while (*t->at == '|') {
        struct resp_value *nodes = t->next_node, ignored = {0};
        build_items(t, &ignored, 2 * trusted_int(trusted_line(t)));
        t->next_node = nodes;
    }
}

static void build_text(struct builder *t, struct resp_value *v, int64_t bytes) {
    v->is_null = bytes < 0;
    if (v->is_null) return;
    v->text = (slice){t->at, (size_t)bytes};
    t->at += bytes + 2;
    if (v->type != '=') return;
    v->format = (slice){v->text.p, 3};
    v->text = (slice){v->text.p + 4, v->text.n - 4};
}

static void build_value(struct builder *t, struct resp_value *v) {
    skip_attributes(t);
    *v = (struct resp_value){.type = *t->at};
    slice line = trusted_line(t);
    switch (v->type) {
    case '$':
    case '=':
    case '!': build_text(t, v, trusted_int(line)); return;
    case '*':
    case '~':
    case '>': {
        int64_t count = trusted_int(line);
        v->is_null = count < 0;
        if (count > 0) build_items(t, v, count);
        return;
    }
    case '%': build_items(t, v, 2 * trusted_int(line)); return;
    case ':': v->integer = trusted_int(line); break;
    case '#': v->boolean = line.p[0] == 't'; break;
    case '_': v->is_null = true; break;
    case ',':
        if (!num_parse_double(line, &v->number)) v->number = NAN;
        break;
    }
    v->text = line;
}

struct resp_value *resp_tree_build(const char *buf, const struct resp_scan *s) {
    assert_that(s->depth == 0 && s->pos > 0);
    struct resp_value *nodes = mem_alloc(s->values * sizeof(*nodes));
    struct builder t = {buf, nodes + 1, nodes + s->values};
    build_value(&t, nodes);
    assert_that(t.at == buf + s->pos);
    return nodes;
}

void resp_tree_free(struct resp_value *tree, size_t values) {
    mem_free(tree, values * sizeof(*tree));
}

static void drop_tree(struct resp_reader *r) {
    resp_tree_free(r->tree, r->tree_values);
    r->tree = NULL;
    r->tree_values = 0;
}

void resp_reader_feed(struct resp_reader *r, const void *p, size_t n) {
    drop_tree(r);
    if (!r->buf) r->buf = sds_empty();
    size_t left = sds_len(r->buf) - r->start;
    if (r->start > left) { /* moving costs less than what was read since the last move */
        memmove(r->buf, r->buf + r->start, left);
        sds_set_len(r->buf, left);
        r->start = 0;
    }
    r->buf = sds_cat(r->buf, p, n);
}

enum resp_status resp_reader_next(struct resp_reader *r, const struct resp_value **out) {
    drop_tree(r);
    if (!r->buf) return RESP_MORE;
    const char *reply = r->buf + r->start;
    enum resp_status status = resp_scan(&r->scan, reply, sds_len(r->buf) - r->start);
    if (status != RESP_OK) return status;
    r->tree = resp_tree_build(reply, &r->scan);
    r->tree_values = r->scan.values;
    r->start += r->scan.pos;
    resp_scan_restart(&r->scan);
    *out = r->tree;
    return RESP_OK;
}

void resp_reader_free(struct resp_reader *r) {
    drop_tree(r);
    sds_free(r->buf);
    *r = (struct resp_reader){0};
}

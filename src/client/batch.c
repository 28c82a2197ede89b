/* The batch: requests of many clients, parsed where their bytes lie, then prepared and executed in groups.
 *
 * A batch is a row of spans; a span is a run of bytes of one client, in the arena or in the client's own input, and
 * the requests found there. Nothing is executed while spans are added, so a client's bytes stay where they are, and
 * argv may be resolved at the end, when the vector of slices has stopped growing. While a batch runs, what is read
 * by a nested turn goes to another batch; a client with a span under way is marked IN_BATCH and left alone.
 *
 * Invariant: a span's requests tile its bytes up to `parsed`; what is executed moves a mark through them, and what
 * lies behind the mark when the span ends (incomplete, over budget, or put back because the client was blocked) is
 * kept as raw bytes. An inline request is parsed in a copy, because taking off its quotes changes the bytes.
 *
 * Sizes: a batch ends at BATCH_REQUESTS so that requests, slices and input stay in the first two cache levels;
 * groups of PREPARE_GROUP are more than memory can fetch in parallel and yet fit the first level. */
#include "client/internal.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/log.h"

#include <string.h>

enum {
    ARENA_BYTES = 256 * 1024,
    BATCH_REQUESTS = 256,
    PREPARE_GROUP = 32,
    ARGS_KEPT = 16 * 1024, /* slices; a larger vector is given back after its batch */
    SPANS_FIRST = 64
};

struct span {
    struct client *c;
    char *base;
    size_t len, parsed;
    int first, count;    /* requests */
    bool own, bad, more; /* in c's own input; a protocol error follows; stopped by the budget */
};

struct copied_line {
    struct copied_line *next;
    size_t bytes;
    char text[];
};

struct batch {
    char *arena;
    size_t used;
    struct request *requests;
    int n, cap;
    int prepared;
    struct span *spans;
    int n_spans, spans_cap;
    struct resp_args args;
    struct copied_line *lines; /* copies of inline requests */
    struct batch *inner;       /* for turns nested in the execution of this one */
};

static struct batch *outermost;
static struct batch *filling; /* gets what is read now; NULL while one runs and nothing was read meanwhile */
static struct batch *running; /* innermost one under execution */

static struct batch *batch_new(void) {
    struct batch *b = mem_zalloc(sizeof *b);
    b->arena = mem_alloc(ARENA_BYTES);
    b->cap = 2 * BATCH_REQUESTS;
    b->requests = mem_alloc((size_t)b->cap * sizeof *b->requests);
    b->spans_cap = SPANS_FIRST;
    b->spans = mem_alloc((size_t)b->spans_cap * sizeof *b->spans);
    return b;
}

static struct client *executing; /* the innermost whose request is being executed */

/* No reply is made as a whole that is too long to be sent. */
static void on_growth(struct reply_buf *b) {
    if (!executing || b != &executing->out) return;
    limits_check_output(executing);
    if (executing->flags & CLIENT_CLOSE_ASAP) b->muted = true;
}

void batch_init(void) {
    reply_on_growth = on_growth;
    outermost = filling = batch_new();
}

void batch_shutdown(void) {
    for (struct batch *b = outermost, *inner; b; b = inner) {
        inner = b->inner;
        mem_free(b->arena, ARENA_BYTES);
        mem_free(b->requests, (size_t)b->cap * sizeof *b->requests);
        mem_free(b->spans, (size_t)b->spans_cap * sizeof *b->spans);
        resp_args_free(&b->args);
        mem_free(b, sizeof *b);
    }
    outermost = filling = NULL;
}

static struct batch *batch_filling(void) {
    if (unlikely(!filling)) {
        if (!running->inner) running->inner = batch_new();
        filling = running->inner;
    }
    return filling;
}

char *batch_space(size_t *room) {
    struct batch *b = batch_filling();
    if (ARENA_BYTES - b->used < BATCH_SPACE_MIN) batch_run();
    *room = ARENA_BYTES - b->used;
    return b->arena + b->used;
}

/* --- parsing --- */

static struct request *new_request(struct batch *b) {
    if (b->n == b->cap) {
        b->requests = mem_resize(b->requests, (size_t)b->cap * sizeof *b->requests,
                                 (size_t)b->cap * 2 * sizeof *b->requests);
        b->cap *= 2;
    }
    return &b->requests[b->n++];
}

static struct span *new_span(struct batch *b) {
    if (b->n_spans == b->spans_cap) {
        b->spans = mem_resize(b->spans, (size_t)b->spans_cap * sizeof *b->spans,
                              (size_t)b->spans_cap * 2 * sizeof *b->spans);
        b->spans_cap *= 2;
    }
    return &b->spans[b->n_spans++];
}

/* A copy of the line at p when a whole inline request lies there; NULL otherwise. */
static char *copy_inline(struct batch *b, const struct resp_parser *parser, const char *p, size_t n,
                         size_t *line_n) {
    if (likely(*p == '*') || parser->scanned > 0) return NULL;
    const char *newline = memchr(p, '\n', n);
    if (!newline) return NULL;
    *line_n = (size_t)(newline - p) + 1;
    struct copied_line *line = mem_alloc(mem_tailed(sizeof *line + *line_n));
    line->next = b->lines;
    line->bytes = *line_n;
    memcpy(line->text, p, *line_n);
    b->lines = line;
    return line->text;
}

/* What our master took in, it will send again until we take it. */
static int64_t max_bulk_bytes(const struct client *c) {
    return unlikely(c->flags & CLIENT_MASTER) ? INT64_MAX : (int64_t)client_config.max_bulk_bytes;
}

static enum resp_status parse_one(struct batch *b, struct client *c, char *p, size_t n,
                                  struct resp_request_view *v) {
    struct resp_limits limits = {.max_bulk_bytes = max_bulk_bytes(c), .authenticated = c->authenticated};
    size_t line_n;
    char *line = copy_inline(b, &c->parser, p, n, &line_n);
    return line ? resp_parse(&c->parser, &limits, line, line_n, &b->args, v)
                : resp_parse(&c->parser, &limits, p, n, &b->args, v);
}

static void parse_span(struct batch *b, struct span *s, int budget) {
    struct client *c = s->c;
    bool is_master = c->flags & CLIENT_MASTER;
    size_t start = 0; /* of the next request's raw bytes; before `pos` when a master sent blanks */
    size_t pos = 0;
    enum resp_status status = RESP_OK;
    while (pos < s->len && s->count < budget) {
        struct resp_request_view v;
        status = parse_one(b, c, s->base + pos, s->len - pos, &v);
        if (unlikely(status == RESP_MORE || status == RESP_BAD)) break;
        pos += v.consumed;
        if (unlikely(status == RESP_SKIP)) {
            if (!is_master) start = pos;
            continue;
        }
        struct request *r = new_request(b);
        *r = (struct request){.c = c, .argc = v.argc, .raw = {s->base + start, pos - start}};
        r->is_inline = v.is_inline || unlikely(*r->raw.p != '*');
        r->hash = (uint64_t)v.argv_index; /* until the batch is complete */
        start = pos;
        s->count++;
    }
    if (unlikely(start != pos)) resp_parser_reset(&c->parser); /* it will be parsed from its blanks on */
    s->parsed = start;
    s->bad = status == RESP_BAD;
    s->more = pos < s->len && status != RESP_MORE && !s->bad;
}

/* Unauthenticated clients advance by one request a turn: AUTH may lift the limits for what follows it. */
static int budget_of(const struct client *c) {
    return c->authenticated || (c->flags & CLIENT_MASTER) ? client_config.pipeline_budget : 1;
}

static void end_span(struct span *s, size_t executed, bool all_executed);

void batch_add(struct client *c, char *p, size_t n, bool own) {
    struct batch *b = batch_filling();
    struct span *s = new_span(b);
    *s = (struct span){.c = c, .base = p, .len = n, .first = b->n, .own = own};
    if (!own) b->used += n;
    parse_span(b, s, budget_of(c));
    if (s->count == 0) { /* nothing to execute: settle it now */
        b->n_spans--;
        struct span alone = *s;
        end_span(&alone, alone.parsed, true);
        if (!own && alone.base + n == b->arena + b->used) b->used -= n;
        return;
    }
    c->pending |= IN_BATCH;
    if (b->n >= BATCH_REQUESTS) batch_run();
}

/* --- executing --- */

static void prepare_group(struct batch *b) {
    int n = b->n - b->prepared < PREPARE_GROUP ? b->n - b->prepared : PREPARE_GROUP;
    struct request *group = b->requests + b->prepared;
    for (int i = 0; i < n; i++) {
        group[i].argv = b->args.v + group[i].hash;
        group[i].hash = 0;
    }
    if (client_hooks.prepare) client_hooks.prepare(group, n);
    b->prepared += n;
}

/* CLIENT REPLY: SKIP NEXT becomes SKIP for one request, then ends. A request that waits isn't over. */
void client_request_over(struct client *c) {
    enum { REPLY_MODE = CLIENT_REPLY_OFF | CLIENT_REPLY_SKIP | CLIENT_REPLY_SKIP_NEXT };
    if (likely(!(c->flags & REPLY_MODE)) || c->flags & CLIENT_BLOCKED) return;
    c->flags &= ~(uint32_t)CLIENT_REPLY_SKIP;
    if (c->flags & CLIENT_REPLY_SKIP_NEXT) {
        c->flags &= ~(uint32_t)CLIENT_REPLY_SKIP_NEXT;
        c->flags |= CLIENT_REPLY_SKIP;
    }
    c->out.muted = (c->flags & (CLIENT_REPLY_OFF | CLIENT_REPLY_SKIP | CLIENT_MASTER | CLIENT_REPLICA)) != 0;
}

void client_execute(struct client *c, struct request *r) {
    struct client *outer = executing;
    executing = c;
    client_hooks.execute(c, r);
    executing = outer;
    client_request_over(c);
    if (unlikely(c->out.head != c->out.tail)) limits_check_output(c); /* one chunk is within any limit */
    if (unlikely(client_memory_limited)) {
        memory_charge(c);
        memory_evict();
    }
}

static void execute_span(struct batch *b, struct span *s) {
    struct client *c = s->c;
    int i = s->first, end = s->first + s->count;
    for (; i < end && !(c->flags & CLIENT_STOPPED); i++) {
        if (i == b->prepared) prepare_group(b);
        client_execute(c, &b->requests[i]);
    }
    c->pending &= ~(uint32_t)IN_BATCH;
    bool all_executed = i == end;
    end_span(s, all_executed ? s->parsed : (size_t)(b->requests[i].raw.p - s->base), all_executed);
    if (b->prepared < end) b->prepared = end; /* skipped */
}

static void refuse(struct client *c) {
    if (log_wants(LOG_LEVEL_VERBOSE)) {
        sds line = client_describe(sds_empty(), c);
        log_verbose("Protocol error (%s) from client: %s", c->parser.error, line);
        sds_free(line);
    }
    reply_errorf(&c->out, "ERR %s", c->parser.error);
    client_close_after_reply(c);
}

/* Keeps what was not executed, and sees to it that the client is looked at again when there is cause. */
static void end_span(struct span *s, size_t executed, bool all_executed) {
    struct client *c = s->c;
    if (unlikely(s->bad && !(c->flags & CLIENT_STOPPED))) refuse(c);
    if (unlikely(s->bad || !all_executed))
        resp_parser_reset(&c->parser); /* its progress was in a later request */
    if (c->flags & CLIENT_CLOSING) {
        input_drop(c);
    } else if (s->own) {
        c->in_pos += executed;
        if (c->in_pos == c->in_len) input_drop(c);
    } else if (executed < s->len) {
        input_keep(c, s->base + executed, s->len - executed);
    }
    if (s->more && all_executed && !(c->flags & CLIENT_STOPPED)) input_take_up(c);
    if (c->out.head || c->flags & CLIENT_CLOSING) output_add(c);
    if (unlikely(client_memory_limited)) memory_charge(c);
}

static void batch_reset(struct batch *b) {
    for (struct copied_line *line = b->lines, *next; line; line = next) {
        next = line->next;
        mem_free(line, mem_tailed(sizeof *line + line->bytes));
    }
    b->lines = NULL;
    if (b->args.cap > ARGS_KEPT) resp_args_free(&b->args);
    b->args.n = 0;
    b->used = 0;
    b->n = b->n_spans = b->prepared = 0;
}

void batch_run(void) {
    struct batch *b = filling, *outer = running;
    if (!b || b->n_spans == 0) return;
    running = b;
    filling = NULL;
    for (int i = 0; i < b->n_spans; i++) execute_span(b, &b->spans[i]);
    assert_that(!filling || filling->n_spans == 0); /* nested turns execute what they read */
    running = outer;
    filling = b;
    batch_reset(b);
}

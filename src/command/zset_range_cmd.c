/* Sorted sets: ZRANGE, its older forms and ZRANGESTORE. One grammar serves all: an older form is ZRANGE with kind and direction
 * given by its name, for which the words that would choose them are unknown. */
#include "command/handlers.h"
#include "command/zset_cmd.h"

enum range_kind { BY_ANY, BY_RANK, BY_SCORE, BY_LEX }; /* BY_ANY: the options choose */
enum range_direction { EITHER_WAY, FORWARD, REVERSE };

struct range_request {
    enum range_kind kind;
    enum range_direction direction;
    bool with_scores, store;
    int64_t offset, limit; /* limit negative: none */
    int64_t start, stop;
    struct zset_score_range scores;
    struct zset_lex_range lex;
};

static bool parse_limit(struct client *c, const slice *argv, struct range_request *r) {
    return cmd_i64(c, argv[0], &r->offset, NULL) && cmd_i64(c, argv[1], &r->limit, NULL);
}

static bool parse_options(struct client *c, const slice *argv, int argc, struct range_request *r) {
    for (int i = 0; i < argc; i++) {
        if (!r->store && slice_is(argv[i], "withscores")) {
            r->with_scores = true;
        } else if (slice_is(argv[i], "limit") && i + 2 < argc) {
            if (!parse_limit(c, argv + i + 1, r)) return false;
            i += 2;
        } else if (r->direction == EITHER_WAY && slice_is(argv[i], "rev")) {
            r->direction = REVERSE;
        } else if (r->kind == BY_ANY && slice_is(argv[i], "bylex")) {
            r->kind = BY_LEX;
        } else if (r->kind == BY_ANY && slice_is(argv[i], "byscore")) {
            r->kind = BY_SCORE;
        } else {
            cmd_syntax_error(c);
            return false;
        }
    }
    if (r->kind == BY_ANY) r->kind = BY_RANK;
    if (r->limit != -1 && r->kind == BY_RANK)
        reply_error(&c->out, "ERR syntax error, LIMIT is only supported in combination with either BYSCORE "
                             "or BYLEX");
    else if (r->with_scores && r->kind == BY_LEX)
        reply_error(&c->out, "ERR syntax error, WITHSCORES not supported in combination with BYLEX");
    else
        return true;
    return false;
}

/* Going down, the greater bound is named first; ranks are counted from the end anyway. */
static bool parse_bounds(struct client *c, slice first, slice second, struct range_request *r) {
    slice min = r->direction == REVERSE ? second : first, max = r->direction == REVERSE ? first : second;
    switch (r->kind) {
    case BY_SCORE: return zset_score_range_arg(c, min, max, &r->scores);
    case BY_LEX: return zset_lex_range_arg(c, min, max, &r->lex);
    default: return cmd_i64(c, first, &r->start, NULL) && cmd_i64(c, second, &r->stop, NULL);
    }
}

static struct zset_span limited(struct zset_span span, const struct range_request *r) {
    size_t n = span.to - span.from;
    if (r->offset < 0 || (uint64_t)r->offset >= n) return (struct zset_span){0, 0};
    size_t keep = n - (size_t)r->offset;
    if (r->limit >= 0 && (uint64_t)r->limit < keep) keep = (size_t)r->limit;
    if (r->direction == REVERSE)
        return (struct zset_span){span.to - (size_t)r->offset - keep, span.to - (size_t)r->offset};
    return (struct zset_span){span.from + (size_t)r->offset, span.from + (size_t)r->offset + keep};
}

static struct zset_span find_span(const struct zset *z, const struct range_request *r) {
    size_t n = zset_count(z);
    if (r->kind == BY_SCORE) return limited(zset_score_span(z, &r->scores), r);
    if (r->kind == BY_LEX) return limited(zset_lex_span(z, &r->lex), r);
    struct zset_span span = zset_rank_span(n, r->start, r->stop);
    if (r->direction != REVERSE || span.from == span.to) return span;
    return (struct zset_span){n - span.to, n - span.from};
}

/* The members are added one by one, in the direction of the range, because it shows: a listpack has no -0. */
static void store_span(struct client *c, slice key, const struct zset *from, struct zset_span span,
                       const struct range_request *r) {
    struct zset z = zset_new(SLICE(""));
    struct zset_iter it;
    if (r->kind == BY_RANK && span.to - span.from > zset_config.listpack_entries) zset_to_tree(&z);
    zset_walk(&it, from, span, r->direction == REVERSE);
    while (zset_next(&it)) zset_put(&z, it.member, it.score, 0, NULL);
    zset_store_result(c, key, &z, "zrangestore");
}

static void reply_nothing(struct client *c, const slice *argv, bool store) {
    struct zset z;
    if (store) {
        z = zset_new(SLICE(""));
        zset_store_result(c, argv[1], &z, "zrangestore");
    } else {
        reply_array(&c->out, 0);
    }
}

/* key: where the source's name stands in argv; r holds what the command's name says. */
static void range(struct client *c, const slice *argv, int argc, int key, struct range_request r) {
    r.limit = -1;
    if (!parse_options(c, argv + key + 3, argc - key - 3, &r) ||
        !parse_bounds(c, argv[key + 1], argv[key + 2], &r))
        return;
    struct entry *e = db_read(client_db(c), argv[key], 0);
    if (!e) {
        reply_nothing(c, argv, r.store);
        return;
    }
    if (!cmd_type_is(c, e, TYPE_ZSET)) return;
    struct zset z = zset_of(e);
    struct zset_span span = find_span(&z, &r);
    if (r.store)
        store_span(c, argv[1], &z, span, &r);
    else
        zset_reply_span(c, &z, span, r.direction == REVERSE, r.with_scores);
}

void zrange_command(struct client *c, const slice *argv, int argc) {
    range(c, argv, argc, 1, (struct range_request){0});
}

void zrangestore_command(struct client *c, const slice *argv, int argc) {
    range(c, argv, argc, 2, (struct range_request){.store = true});
}

void zrevrange_command(struct client *c, const slice *argv, int argc) {
    range(c, argv, argc, 1, (struct range_request){.kind = BY_RANK, .direction = REVERSE});
}

void zrangebyscore_command(struct client *c, const slice *argv, int argc) {
    range(c, argv, argc, 1, (struct range_request){.kind = BY_SCORE, .direction = FORWARD});
}

void zrevrangebyscore_command(struct client *c, const slice *argv, int argc) {
    range(c, argv, argc, 1, (struct range_request){.kind = BY_SCORE, .direction = REVERSE});
}

void zrangebylex_command(struct client *c, const slice *argv, int argc) {
    range(c, argv, argc, 1, (struct range_request){.kind = BY_LEX, .direction = FORWARD});
}

void zrevrangebylex_command(struct client *c, const slice *argv, int argc) {
    range(c, argv, argc, 1, (struct range_request){.kind = BY_LEX, .direction = REVERSE});
}

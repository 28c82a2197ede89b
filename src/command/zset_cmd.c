/* Sorted sets: adding, removing and asking for single members, counting and removing ranges.
 *
 * Elsewhere: ranges that are read (zset_range_cmd.c), unions and their kind (zset_ops_cmd.c), popping, random members and
 * scans (zset_pick_cmd.c). Nothing here knows how a set is stored: a handler takes the entry's view, changes it and
 * gives it back through zset_changed. */
#include "command/zset_cmd.h"

#include "base/alloc.h"
#include "base/sds.h"
#include "command/families.h"
#include "command/handlers.h"

#include <math.h>
#include <stdlib.h>

/* --- shared --- */

void zset_changed(struct client *c, slice key, struct entry *e, const struct zset *z, const char *event) {
    zset_store(e, z);
    cmd_elements_removed(c, key, NOTIFY_ZSET, event, zset_count(z) == 0);
}

void zset_store_result(struct client *c, slice key, struct zset *z, const char *event) {
    size_t n = zset_count(z);
    if (n > 0) {
        struct value v = zset_value(z);
        db_set(client_db(c), key, &v, NO_EXPIRE);
        cmd_changed(c, key, NOTIFY_ZSET, event);
        ks_dirty++;
    } else {
        zset_free(z);
        cmd_store_nothing(c, key);
    }
    reply_int(&c->out, (int64_t)n);
}

void zset_reply_header(struct client *c, size_t members, bool with_scores) {
    reply_array(&c->out, (int64_t)(with_scores && c->out.proto == 2 ? 2 * members : members));
}

void zset_reply_member(struct client *c, slice member, double score, bool with_scores) {
    if (with_scores && c->out.proto > 2) reply_array(&c->out, 2);
    reply_bulk(&c->out, member.p, member.n);
    if (with_scores) reply_double(&c->out, score);
}

void zset_reply_span(struct client *c, const struct zset *z, struct zset_span span, bool reverse,
                     bool with_scores) {
    struct zset_iter it;
    zset_reply_header(c, span.to - span.from, with_scores);
    zset_walk(&it, z, span, reverse);
    while (zset_next(&it)) zset_reply_member(c, it.member, it.score, with_scores);
}

/* As the reference's strtod: leading blanks, an empty number and what follows a NUL byte pass; so do numbers too big. */
static bool parse_score_bound(slice s, double *score, bool *open) {
    *open = s.n > 0 && s.p[0] == '(';
    if (*open) s.p++, s.n--;
    if (num_parse_double(s, score)) return true;
    char *end;
    sds text = sds_newlen(s.p, s.n);
    *score = strtod(text, &end);
    bool ok = *end == '\0' && !isnan(*score);
    sds_free(text);
    return ok;
}

bool zset_score_range_arg(struct client *c, slice min, slice max, struct zset_score_range *r) {
    if (parse_score_bound(min, &r->min, &r->min_open) && parse_score_bound(max, &r->max, &r->max_open))
        return true;
    reply_error(&c->out, "ERR min or max is not a float");
    return false;
}

static bool parse_lex_bound(slice s, struct zset_lex_bound *b) {
    *b = (struct zset_lex_bound){0};
    if (s.n == 0) return false;
    if (s.p[0] == '-' || s.p[0] == '+') {
        b->infinite = s.p[0] == '-' ? -1 : 1;
        return s.n == 1 || s.p[1] == '\0';
    }
    b->open = s.p[0] == '(';
    b->member = (slice){s.p + 1, s.n - 1};
    return b->open || s.p[0] == '[';
}

bool zset_lex_range_arg(struct client *c, slice min, slice max, struct zset_lex_range *r) {
    if (parse_lex_bound(min, &r->min) && parse_lex_bound(max, &r->max)) return true;
    reply_error(&c->out, "ERR min or max not valid string range item");
    return false;
}

/* The sorted set at key for a command that only reads. False: replied, with a zero when there is no such key. */
static bool read_or_zero(struct client *c, slice key, struct zset *z) {
    struct entry *e = db_read(client_db(c), key, 0);
    if (!e) {
        reply_int(&c->out, 0);
        return false;
    }
    if (!cmd_type_is(c, e, TYPE_ZSET)) return false;
    *z = zset_of(e);
    return true;
}

/* --- ZADD, ZINCRBY --- */

struct add_request {
    unsigned conditions; /* ZPUT_* */
    bool count_changed;  /* CH */
    int first, pairs;    /* argv[first] is the first score */
    double *scores;
    double few[16];
};

static bool parse_add_options(const slice *argv, int argc, struct add_request *a) {
    static const struct {
        const char *word;
        unsigned bit;
    } words[] = {{"nx", ZPUT_NX}, {"xx", ZPUT_XX},     {"gt", ZPUT_GT},
                 {"lt", ZPUT_LT}, {"incr", ZPUT_INCR}, {"ch", 0}};
    for (a->first = 2; a->first < argc; a->first++) {
        size_t i = 0, n = sizeof words / sizeof *words;
        while (i < n && !slice_is(argv[a->first], words[i].word)) i++;
        if (i == n) break;
        a->conditions |= words[i].bit;
        a->count_changed |= words[i].bit == 0;
    }
    a->pairs = (argc - a->first) / 2;
    return a->pairs > 0 && (argc - a->first) % 2 == 0;
}

static const char *conflict_of(const struct add_request *a) {
    unsigned o = a->conditions, order = o & (ZPUT_GT | ZPUT_LT);
    if (o & ZPUT_NX && o & ZPUT_XX) return "ERR XX and NX options at the same time are not compatible";
    if ((o & ZPUT_NX && order) || order == (ZPUT_GT | ZPUT_LT))
        return "ERR GT, LT, and/or NX options at the same time are not compatible";
    if (o & ZPUT_INCR && a->pairs > 1) return "ERR INCR option supports a single increment-element pair";
    return NULL;
}

/* All scores are looked at before anything changes. */
static bool parse_scores(const slice *argv, struct add_request *a) {
    for (int i = 0; i < a->pairs; i++)
        if (!num_parse_double(argv[a->first + 2 * i], &a->scores[i])) return false;
    return true;
}

static void run_add(struct client *c, const slice *argv, const struct add_request *a) {
    struct db *db = client_db(c);
    struct entry *e = db_write(db, argv[1], 0);
    bool incr = a->conditions & ZPUT_INCR;
    if (!cmd_type_is(c, e, TYPE_ZSET)) return;
    int added = 0, updated = 0;
    double now = 0;
    enum zset_put_result result = ZSET_REFUSED;
    if (e || !(a->conditions & ZPUT_XX)) {
        struct zset z = e ? zset_of(e) : zset_new(argv[a->first + 1]);
        for (int i = 0; i < a->pairs && result != ZSET_NAN; i++) {
            result = zset_put(&z, argv[a->first + 2 * i + 1], a->scores[i], a->conditions, &now);
            added += result == ZSET_ADDED;
            updated += result == ZSET_UPDATED;
        }
        struct value v = zset_value(&z);
        if (e)
            zset_store(e, &z);
        else /* a new set got its first member */
            db_set(db, argv[1], &v, NO_EXPIRE);
    }
    if (result == ZSET_NAN)
        reply_error(&c->out, "ERR resulting score is not a number (NaN)");
    else if (!incr)
        reply_int(&c->out, a->count_changed ? added + updated : added);
    else if (result != ZSET_REFUSED)
        reply_double(&c->out, now);
    else
        reply_null(&c->out);
    ks_dirty += (uint64_t)(added + updated);
    if (added || updated) cmd_changed(c, argv[1], NOTIFY_ZSET, incr ? "zincr" : "zadd");
}

static void add_members(struct client *c, const slice *argv, int argc, unsigned conditions) {
    struct add_request a = {.conditions = conditions};
    if (!parse_add_options(argv, argc, &a)) {
        cmd_syntax_error(c);
        return;
    }
    const char *conflict = conflict_of(&a);
    if (conflict) {
        reply_error(&c->out, conflict);
        return;
    }
    size_t bytes = (size_t)a.pairs * sizeof *a.scores;
    a.scores = bytes <= sizeof a.few ? a.few : mem_alloc(bytes);
    if (parse_scores(argv, &a))
        run_add(c, argv, &a);
    else
        reply_error(&c->out, "ERR value is not a valid float");
    if (a.scores != a.few) mem_free(a.scores, bytes);
}

void zadd_command(struct client *c, const slice *argv, int argc) {
    add_members(c, argv, argc, 0);
}

void zincrby_command(struct client *c, const slice *argv, int argc) {
    add_members(c, argv, argc, ZPUT_INCR);
}

/* --- single members --- */

void zrem_command(struct client *c, const slice *argv, int argc) {
    struct entry *e = db_write(client_db(c), argv[1], 0);
    if (!cmd_type_is(c, e, TYPE_ZSET)) return;
    int removed = 0;
    if (e) {
        struct zset z = zset_of(e);
        for (int i = 2; i < argc && zset_count(&z) > 0; i++) removed += zset_remove(&z, argv[i]);
        if (removed) zset_changed(c, argv[1], e, &z, "zrem");
    }
    ks_dirty += (uint64_t)removed;
    reply_int(&c->out, removed);
}

void zcard_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    struct zset z;
    if (read_or_zero(c, argv[1], &z)) reply_int(&c->out, (int64_t)zset_count(&z));
}

static void reply_score(struct client *c, const struct zset *z, slice member) {
    double score;
    if (zset_score(z, member, &score))
        reply_double(&c->out, score);
    else
        reply_null(&c->out);
}

void zscore_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    struct entry *e = db_read(client_db(c), argv[1], 0);
    if (!e) {
        reply_null(&c->out);
        return;
    }
    if (!cmd_type_is(c, e, TYPE_ZSET)) return;
    struct zset z = zset_of(e);
    reply_score(c, &z, argv[2]);
}

void zmscore_command(struct client *c, const slice *argv, int argc) {
    struct entry *e = db_read(client_db(c), argv[1], 0);
    if (!cmd_type_is(c, e, TYPE_ZSET)) return;
    reply_array(&c->out, argc - 2);
    for (int i = 2; i < argc; i++) {
        if (!e) {
            reply_null(&c->out);
            continue;
        }
        struct zset z = zset_of(e);
        reply_score(c, &z, argv[i]);
    }
}

static void reply_rank(struct client *c, const slice *argv, bool reverse) {
    struct entry *e = db_read(client_db(c), argv[1], 0);
    if (!cmd_type_is(c, e, TYPE_ZSET)) return;
    size_t rank = SIZE_MAX;
    if (e) {
        struct zset z = zset_of(e);
        rank = zset_rank(&z, argv[2], reverse);
    }
    if (rank == SIZE_MAX)
        reply_null(&c->out);
    else
        reply_int(&c->out, (int64_t)rank);
}

void zrank_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    reply_rank(c, argv, false);
}

void zrevrank_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    reply_rank(c, argv, true);
}

/* --- ranges, counted and removed --- */

void zcount_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    struct zset_score_range r;
    struct zset z;
    if (!zset_score_range_arg(c, argv[2], argv[3], &r) || !read_or_zero(c, argv[1], &z)) return;
    struct zset_span span = zset_score_span(&z, &r);
    reply_int(&c->out, (int64_t)(span.to - span.from));
}

void zlexcount_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    struct zset_lex_range r;
    struct zset z;
    if (!zset_lex_range_arg(c, argv[2], argv[3], &r) || !read_or_zero(c, argv[1], &z)) return;
    struct zset_span span = zset_lex_span(&z, &r);
    reply_int(&c->out, (int64_t)(span.to - span.from));
}

static bool write_or_zero(struct client *c, slice key, struct entry **e, struct zset *z) {
    *e = db_write(client_db(c), key, 0);
    if (!*e) {
        reply_int(&c->out, 0);
        return false;
    }
    if (!cmd_type_is(c, *e, TYPE_ZSET)) return false;
    *z = zset_of(*e);
    return true;
}

static void remove_span(struct client *c, slice key, struct entry *e, struct zset *z, struct zset_span span,
                        const char *event) {
    size_t n = span.to - span.from;
    if (n > 0) {
        zset_remove_span(z, span);
        zset_changed(c, key, e, z, event);
        ks_dirty += n;
    }
    reply_int(&c->out, (int64_t)n);
}

void zremrangebyrank_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    int64_t start, stop;
    struct entry *e;
    struct zset z;
    if (!cmd_i64(c, argv[2], &start, NULL) || !cmd_i64(c, argv[3], &stop, NULL) ||
        !write_or_zero(c, argv[1], &e, &z))
        return;
    remove_span(c, argv[1], e, &z, zset_rank_span(zset_count(&z), start, stop), "zremrangebyrank");
}

void zremrangebyscore_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    struct zset_score_range r;
    struct entry *e;
    struct zset z;
    if (!zset_score_range_arg(c, argv[2], argv[3], &r) || !write_or_zero(c, argv[1], &e, &z)) return;
    remove_span(c, argv[1], e, &z, zset_score_span(&z, &r), "zremrangebyscore");
}

void zremrangebylex_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    struct zset_lex_range r;
    struct entry *e;
    struct zset z;
    if (!zset_lex_range_arg(c, argv[2], argv[3], &r) || !write_or_zero(c, argv[1], &e, &z)) return;
    remove_span(c, argv[1], e, &z, zset_lex_span(&z, &r), "zremrangebylex");
}

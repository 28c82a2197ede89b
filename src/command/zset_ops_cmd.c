/* Sorted sets: ZUNION, ZINTER, ZDIFF, their storing forms and ZINTERCARD. Plain sets are sources too: each member scores 1.
 *
 * Scores are added in the order of the sources' sizes (equal ones as given), smallest first, because sums of doubles
 * depend on the order and must come out as the reference's. What is no number (inf - inf, 0 * inf) counts as 0. */
#include "command/handlers.h"
#include "command/zset_cmd.h"
#include "command/zset_source.h"

#include "base/alloc.h"

#include <math.h>
#include <stdlib.h>

enum operation { UNION, INTERSECTION, DIFFERENCE, CARDINALITY };
enum aggregate { SUM, MIN, MAX };

struct combination {
    enum operation op;
    const char *command; /* for the error text */
    bool store;          /* argv[1] is the destination */
    enum aggregate aggregate;
    bool with_scores;
    int64_t limit; /* ZINTERCARD's; 0: none */
    int n;
    struct zset_source *sources;
};

/* --- the grammar --- */

static bool parse_weights(struct client *c, const slice *argv, struct combination *o) {
    for (int i = 0; i < o->n; i++) {
        if (num_parse_double(argv[i], &o->sources[i].weight)) continue;
        reply_error(&c->out, "ERR weight value is not a float");
        return false;
    }
    return true;
}

static bool parse_aggregate(slice s, enum aggregate *a) {
    static const char *const words[] = {[SUM] = "sum", [MIN] = "min", [MAX] = "max"};
    for (int i = SUM; i <= MAX; i++) {
        if (!slice_is(s, words[i])) continue;
        *a = (enum aggregate)i;
        return true;
    }
    return false;
}

static bool parse_limit(struct client *c, slice s, int64_t *limit) {
    return cmd_int_in(c, s, 0, INT64_MAX, limit, "ERR LIMIT can't be negative");
}

static bool parse_options(struct client *c, const slice *argv, int argc, struct combination *o) {
    bool weighs = o->op == UNION || o->op == INTERSECTION;
    for (int i = 0; i < argc; i++) {
        int left = argc - i - 1;
        if (weighs && left >= o->n && slice_is(argv[i], "weights")) {
            if (!parse_weights(c, argv + i + 1, o)) return false;
            i += o->n;
        } else if (weighs && left >= 1 && slice_is(argv[i], "aggregate") &&
                   parse_aggregate(argv[i + 1], &o->aggregate)) {
            i++;
        } else if (!o->store && o->op != CARDINALITY && slice_is(argv[i], "withscores")) {
            o->with_scores = true;
        } else if (o->op == CARDINALITY && left >= 1 && slice_is(argv[i], "limit")) {
            if (!parse_limit(c, argv[++i], &o->limit)) return false;
        } else {
            cmd_syntax_error(c);
            return false;
        }
    }
    return true;
}

static bool find_sources(struct client *c, const slice *keys, struct combination *o) {
    for (int i = 0; i < o->n; i++) {
        struct entry *e = db_read(client_db(c), keys[i], 0);
        if (zset_source_of(&o->sources[i], e)) continue;
        cmd_type_is(c, e, TYPE_ZSET); /* says that it is not */
        return false;
    }
    return true;
}

/* --- computing --- */

static double weighed(double score, double weight) {
    double product = score * weight;
    return isnan(product) ? 0 : product;
}

static double combine(double a, double b, enum aggregate how) {
    if (how == MIN) return b < a ? b : a;
    if (how == MAX) return b > a ? b : a;
    return isnan(a + b) ? 0 : a + b;
}

static void sort_by_size(struct zset_source *s, int n) {
    for (int i = 1; i < n; i++) {
        struct zset_source moved = s[i];
        int at = i;
        for (; at > 0 && s[at - 1].size > moved.size; at--) s[at] = s[at - 1];
        s[at] = moved;
    }
}

/* What the walks below have at hand. */
struct computation {
    const struct combination *o;
    const struct zset_source *source; /* the one that is walked */
    struct zset_build *b;
    int64_t n; /* of an intersection that is only counted */
    bool keep_all;
};

static bool add_to_union(void *ctx, slice member, double score) {
    struct computation *u = ctx;
    double old;
    score = weighed(score, u->source->weight);
    if (!zset_build_add(u->b, member, score, &old))
        zset_build_set(u->b, member, combine(old, score, u->o->aggregate));
    return true;
}

static void unite(struct computation *u) {
    for (int i = 0; i < u->o->n; i++) {
        u->source = &u->o->sources[i];
        zset_source_each(u->source, add_to_union, u);
    }
}

/* Whether the member, which is in the first source with this score, is in all; *score becomes the aggregate. */
static bool in_all(const struct combination *o, slice member, double *score) {
    double other;
    *score = weighed(*score, o->sources[0].weight);
    for (int i = 1; i < o->n; i++) {
        if (!zset_source_find(&o->sources[i], member, &other)) return false;
        *score = combine(*score, other * o->sources[i].weight, o->aggregate);
    }
    return true;
}

static bool add_to_intersection(void *ctx, slice member, double score) {
    struct computation *u = ctx;
    if (in_all(u->o, member, &score)) zset_build_add(u->b, member, score, NULL);
    return true;
}

static bool count_in_intersection(void *ctx, slice member, double score) {
    struct computation *u = ctx;
    u->n += in_all(u->o, member, &score);
    return u->o->limit == 0 || u->n < u->o->limit;
}

static void intersect(struct computation *u) {
    zset_source_each(&u->o->sources[0], add_to_intersection, u);
}

static bool in_none_of_others(const struct combination *o, slice member) {
    double unused;
    for (int i = 1; i < o->n; i++)
        if (zset_source_find(&o->sources[i], member, &unused)) return false;
    return true;
}

static bool add_to_difference(void *ctx, slice member, double score) {
    struct computation *u = ctx;
    if (u->keep_all || in_none_of_others(u->o, member)) zset_build_add(u->b, member, score, NULL);
    return true;
}

static bool drop_from_difference(void *ctx, slice member, double score) {
    (void)score;
    zset_build_drop(((struct computation *)ctx)->b, member);
    return true;
}

/* Either looks up the first source's members in the others, or drops the others' from the first: what is less. */
static void subtract(struct computation *u) {
    const struct combination *o = u->o;
    size_t lookups = o->sources[0].size * (size_t)(o->n - 1) / 2, drops = 0;
    for (int i = 0; i < o->n; i++) drops += o->sources[i].size;
    u->keep_all = drops < lookups;
    zset_source_each(&o->sources[0], add_to_difference, u);
    for (int i = 1; u->keep_all && i < o->n; i++) zset_source_each(&o->sources[i], drop_from_difference, u);
}

/* --- commands --- */

static void compute(struct client *c, const slice *argv, struct combination *o) {
    static const char *const events[] = {
        [UNION] = "zunionstore", [INTERSECTION] = "zinterstore", [DIFFERENCE] = "zdiffstore"};
    if (o->op != DIFFERENCE) sort_by_size(o->sources, o->n);
    struct zset_build b;
    struct computation u = {.o = o, .b = &b};
    if (o->op == CARDINALITY) {
        zset_source_each(&o->sources[0], count_in_intersection, &u);
        reply_int(&c->out, u.n);
        return;
    }
    zset_build_begin(&b, o->op == UNION ? o->sources[o->n - 1].size : 0);
    (o->op == UNION ? unite : o->op == INTERSECTION ? intersect : subtract)(&u);
    struct zset z = zset_build_end(&b, o->store);
    if (o->store) {
        zset_store_result(c, argv[1], &z, events[o->op]);
    } else {
        zset_reply_span(c, &z, zset_all(&z), false, o->with_scores);
        zset_free(&z);
    }
}

static void run(struct client *c, const slice *argv, int argc, struct combination o) {
    int at = o.store ? 2 : 1;
    int64_t n;
    if (!cmd_i64(c, argv[at], &n, NULL)) return;
    if (n < 1) {
        reply_errorf(&c->out, "ERR at least 1 input key is needed for '%s' command", o.command);
        return;
    }
    if (n > argc - (at + 1)) {
        cmd_syntax_error(c);
        return;
    }
    o.n = (int)n;
    size_t bytes = (size_t)n * sizeof *o.sources;
    o.sources = mem_alloc(bytes);
    if (find_sources(c, argv + at + 1, &o) &&
        parse_options(c, argv + at + 1 + o.n, argc - (at + 1 + o.n), &o))
        compute(c, argv, &o);
    mem_free(o.sources, bytes);
}

void zunion_command(struct client *c, const slice *argv, int argc) {
    run(c, argv, argc, (struct combination){.op = UNION, .command = "zunion"});
}

void zunionstore_command(struct client *c, const slice *argv, int argc) {
    run(c, argv, argc, (struct combination){.op = UNION, .command = "zunionstore", .store = true});
}

void zinter_command(struct client *c, const slice *argv, int argc) {
    run(c, argv, argc, (struct combination){.op = INTERSECTION, .command = "zinter"});
}

void zinterstore_command(struct client *c, const slice *argv, int argc) {
    run(c, argv, argc, (struct combination){.op = INTERSECTION, .command = "zinterstore", .store = true});
}

void zintercard_command(struct client *c, const slice *argv, int argc) {
    run(c, argv, argc, (struct combination){.op = CARDINALITY, .command = "zintercard"});
}

void zdiff_command(struct client *c, const slice *argv, int argc) {
    run(c, argv, argc, (struct combination){.op = DIFFERENCE, .command = "zdiff"});
}

void zdiffstore_command(struct client *c, const slice *argv, int argc) {
    run(c, argv, argc, (struct combination){.op = DIFFERENCE, .command = "zdiffstore", .store = true});
}

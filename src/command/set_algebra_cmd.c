/* Set commands that combine sets: SINTER, SUNION, SDIFF, to the client or into a key, and SINTERCARD.
 *
 * Invariant: the sources are only read; a destination is replaced at the end, so that it may be one of them. */
#include "base/alloc.h"
#include "command/families.h"
#include "command/handlers.h"
#include "keyspace/set.h"

#include <stdlib.h>

struct sources {
    struct set *sets; /* ptr NULL: no such key */
    int n, missing;
};

/* False: a key holds something else (replied, and nothing to free). */
static bool sources_find(struct client *c, const slice *keys, int n, struct sources *src) {
    *src = (struct sources){mem_zalloc((size_t)n * sizeof *src->sets), n, 0};
    for (int i = 0; i < n; i++) {
        struct entry *e = db_read(client_db(c), keys[i], 0);
        if (!cmd_type_is(c, e, TYPE_SET)) {
            mem_free(src->sets, (size_t)n * sizeof *src->sets);
            return false;
        }
        if (e)
            src->sets[i] = set_of(e);
        else
            src->missing++;
    }
    return true;
}

static void sources_free(struct sources *src) {
    mem_free(src->sets, (size_t)src->n * sizeof *src->sets);
}

static size_t source_count(const struct sources *src, int i) {
    return src->sets[i].ptr ? set_count(src->sets[i]) : 0;
}

static void add_member(void *result, slice member) {
    set_add(result, member);
}

/* --- into a key, or to the client --- */

static void show(void *ctx, slice member) {
    struct client *c = ctx;
    reply_bulk(&c->out, member.p, member.n);
}

/* Takes result over. */
static void store(struct client *c, slice key, struct set result, const char *event) {
    size_t n = set_count(result);
    if (n > 0) {
        struct value v = set_value(result);
        db_set(client_db(c), key, &v, NO_EXPIRE);
        cmd_changed(c, key, NOTIFY_SET, event);
        ks_dirty++;
    } else {
        set_free(result);
        cmd_store_nothing(c, key);
    }
    reply_int(&c->out, (int64_t)n);
}

/* dest NULL: to the client. Takes result over. */
static void deliver(struct client *c, const slice *dest, struct set result, const char *event) {
    if (dest) {
        store(c, *dest, result, event);
        return;
    }
    reply_set(&c->out, (int64_t)set_count(result));
    set_each(result, show, c);
    set_free(result);
}

/* --- intersection --- */

static int by_count(const void *a, const void *b) {
    size_t x = set_count(*(const struct set *)a), y = set_count(*(const struct set *)b);
    return (x > y) - (x < y);
}

struct intersecting {
    const struct sources *src;
    void (*each)(void *ctx, slice member);
    void *ctx;
    uint64_t found, limit; /* limit 0: none */
};

static bool try_member(void *ctx, slice member) {
    struct intersecting *w = ctx;
    for (int i = 1; i < w->src->n; i++)
        if (!set_has(w->src->sets[i], member)) return true;
    w->found++;
    if (w->each) w->each(w->ctx, member);
    return w->found != w->limit;
}

/* The smallest is walked and looked up in the others, in which it is likely to be missing the sooner the smaller they are. */
static void intersect(struct sources *src, struct intersecting *w) {
    if (src->missing > 0) return;
    qsort(src->sets, (size_t)src->n, sizeof *src->sets, by_count);
    set_each_while(src->sets[0], try_member, w);
}

void sinter_command(struct client *c, const slice *argv, int argc) {
    struct sources src;
    if (!sources_find(c, argv + 1, argc - 1, &src)) return;
    struct intersecting w = {.src = &src, .each = show, .ctx = c};
    struct reply_mark mark = reply_defer(&c->out);
    intersect(&src, &w);
    reply_defer_set(&c->out, mark, (int64_t)w.found);
    sources_free(&src);
}

void sinterstore_command(struct client *c, const slice *argv, int argc) {
    struct sources src;
    if (!sources_find(c, argv + 2, argc - 2, &src)) return;
    struct set result = set_new();
    struct intersecting w = {.src = &src, .each = add_member, .ctx = &result};
    intersect(&src, &w);
    sources_free(&src);
    store(c, argv[1], result, "sinterstore");
}

static bool parse_limit(struct client *c, const slice *argv, int argc, int from, int64_t *limit) {
    *limit = 0;
    for (int i = from; i < argc; i += 2) {
        if (!slice_is(argv[i], "limit") || i + 1 == argc) {
            cmd_syntax_error(c);
            return false;
        }
        if (!cmd_int_in(c, argv[i + 1], 0, INT64_MAX, limit, "ERR LIMIT can't be negative")) return false;
    }
    return true;
}

void sintercard_command(struct client *c, const slice *argv, int argc) {
    int64_t n, limit;
    if (!cmd_int_in(c, argv[1], 1, INT64_MAX, &n, "ERR numkeys should be greater than 0")) return;
    if (n > argc - 2) {
        reply_error(&c->out, "ERR Number of keys can't be greater than number of args");
        return;
    }
    struct sources src;
    if (!parse_limit(c, argv, argc, 2 + (int)n, &limit)) return;
    if (!sources_find(c, argv + 2, (int)n, &src)) return;
    struct intersecting w = {.src = &src, .limit = (uint64_t)limit};
    intersect(&src, &w);
    sources_free(&src);
    reply_int(&c->out, (int64_t)w.found);
}

/* --- union --- */

static void unite(struct client *c, const slice *dest, const slice *keys, int n) {
    struct sources src;
    if (!sources_find(c, keys, n, &src)) return;
    struct set result = set_new();
    for (int i = 0; i < n; i++)
        if (src.sets[i].ptr) set_each(src.sets[i], add_member, &result);
    sources_free(&src);
    deliver(c, dest, result, "sunionstore");
}

void sunion_command(struct client *c, const slice *argv, int argc) {
    unite(c, NULL, argv + 1, argc - 1);
}

void sunionstore_command(struct client *c, const slice *argv, int argc) {
    unite(c, &argv[1], argv + 2, argc - 2);
}

/* --- difference --- */

struct subtracting {
    const struct sources *src;
    struct set result;
};

static void add_if_only_here(void *ctx, slice member) {
    struct subtracting *w = ctx;
    for (int i = 1; i < w->src->n; i++)
        if (w->src->sets[i].ptr && set_has(w->src->sets[i], member)) return;
    set_add(&w->result, member);
}

static void remove_member(void *ctx, slice member) {
    struct subtracting *w = ctx;
    set_remove(&w->result, member);
}

/* Two ways, by the work they take, as in Redis (they may leave the result in different encodings): look every member
 * of the first set up in all others, or remove all members of all others from a copy of the first. */
static bool looking_up_is_less(const struct sources *src) {
    size_t lookups = 0, removals = 0;
    for (int i = 0; i < src->n; i++) {
        if (!src->sets[i].ptr) continue;
        lookups += source_count(src, 0);
        removals += source_count(src, i);
    }
    return lookups / 2 <= removals; /* a lookup that hits ends the search for that member */
}

static int by_count_descending(const void *a, const void *b) {
    const struct set *x = a, *y = b;
    size_t xn = x->ptr ? set_count(*x) : 0, yn = y->ptr ? set_count(*y) : 0;
    return (yn > xn) - (yn < xn);
}

static struct set subtract(struct sources *src) {
    struct subtracting w = {src, set_new()};
    if (!src->sets[0].ptr) return w.result;
    if (looking_up_is_less(src)) {
        /* The largest first: it is the likeliest to have a member. */
        qsort(src->sets + 1, (size_t)src->n - 1, sizeof *src->sets, by_count_descending);
        set_each(src->sets[0], add_if_only_here, &w);
        return w.result;
    }
    set_each(src->sets[0], add_member, &w.result);
    for (int i = 1; i < src->n && set_count(w.result) > 0; i++)
        if (src->sets[i].ptr) set_each(src->sets[i], remove_member, &w);
    return w.result;
}

static void difference(struct client *c, const slice *dest, const slice *keys, int n) {
    struct sources src;
    if (!sources_find(c, keys, n, &src)) return;
    struct set result = subtract(&src);
    sources_free(&src);
    deliver(c, dest, result, "sdiffstore");
}

void sdiff_command(struct client *c, const slice *argv, int argc) {
    difference(c, NULL, argv + 1, argc - 1);
}

void sdiffstore_command(struct client *c, const slice *argv, int argc) {
    difference(c, &argv[1], argv + 2, argc - 2);
}

/* Searching for places: GEOSEARCH, GEOSEARCHSTORE and the older GEORADIUS forms, which differ only in where they take the
 * shape from. The shape is covered by up to nine cells, each a range of scores; of what is found there, what lies
 * within the shape is the result, in the order of the cells unless it is to be sorted. */
#include "base/alloc.h"
#include "base/partial_sort.h"
#include "command/geo_cmd.h"
#include "command/handlers.h"

#include <stdlib.h>

enum form { SEARCH, SEARCH_STORE, RADIUS, RADIUS_READ, RADIUS_MEMBER, RADIUS_MEMBER_READ };

struct query {
    enum form form;
    slice name; /* the command's, as the client wrote it */
    bool there; /* the set exists */
    struct zset z;
    struct geo_shape shape;
    bool from_member, from_point, by_radius;
    bool with_distance, with_hash, with_point, any;
    bool stores, store_distance;
    slice store;
    int sort;      /* 1: nearest first, -1: farthest first, 0: as found */
    int64_t count; /* 0: all */
};

struct found {
    slice member; /* in the set; p NULL: it is a number, in digits */
    char digits[LP_INT_BYTES];
    double score, distance_m;
    struct geo_point point;
    size_t at; /* its place in the order in which they were found */
};
struct result {
    struct found *found;
    size_t n, cap;
};

/* --- the grammar --- */

static bool member_center(struct client *c, struct query *q, slice member) {
    q->from_member = true;
    if (!q->there || geo_find(&q->z, member, &q->shape.center)) return true;
    reply_error(&c->out, "ERR could not decode requested zset member");
    return false;
}

static bool number_arg(struct client *c, slice s, double *v, const char *err) {
    if (num_parse_double(s, v)) return true;
    reply_error(&c->out, err);
    return false;
}

static bool radius_args(struct client *c, struct query *q, const slice *argv) {
    if (!number_arg(c, argv[0], &q->shape.radius, "ERR need numeric radius")) return false;
    if (q->shape.radius < 0) {
        reply_error(&c->out, "ERR radius cannot be negative");
        return false;
    }
    return geo_unit_arg(c, argv[1], &q->shape.unit_m);
}

static bool box_args(struct client *c, struct query *q, const slice *argv) {
    q->shape.is_box = true;
    if (!number_arg(c, argv[0], &q->shape.width, "ERR need numeric width") ||
        !number_arg(c, argv[1], &q->shape.height, "ERR need numeric height"))
        return false;
    if (q->shape.width < 0 || q->shape.height < 0) {
        reply_error(&c->out, "ERR height or width cannot be negative");
        return false;
    }
    return geo_unit_arg(c, argv[2], &q->shape.unit_m);
}

static bool count_arg(struct client *c, struct query *q, slice s) {
    if (!cmd_i64(c, s, &q->count, NULL)) return false;
    if (q->count > 0) return true;
    reply_error(&c->out, "ERR COUNT must be > 0");
    return false;
}

static bool flag_option(struct query *q, slice s) {
    if (slice_is(s, "withdist"))
        q->with_distance = true;
    else if (slice_is(s, "withhash"))
        q->with_hash = true;
    else if (slice_is(s, "withcoord"))
        q->with_point = true;
    else if (slice_is(s, "any"))
        q->any = true;
    else if (slice_is(s, "asc"))
        q->sort = 1;
    else if (slice_is(s, "desc"))
        q->sort = -1;
    else if (q->form == SEARCH_STORE && slice_is(s, "storedist"))
        q->store_distance = true;
    else
        return false;
    return true;
}

/* Options of GEOSEARCH that say where. Returns how many words they take, 0: none such, -1: replied. */
static int where_option(struct client *c, struct query *q, const slice *argv, int left) {
    if (slice_is(argv[0], "frommember") && left >= 1 && !q->from_point)
        return member_center(c, q, argv[1]) ? 2 : -1;
    if (slice_is(argv[0], "fromlonlat") && left >= 2 && !q->from_member) {
        q->from_point = true;
        return geo_point_args(c, argv + 1, &q->shape.center) ? 3 : -1;
    }
    if (slice_is(argv[0], "byradius") && left >= 2 && !q->shape.is_box) {
        q->by_radius = true;
        return radius_args(c, q, argv + 1) ? 3 : -1;
    }
    if (slice_is(argv[0], "bybox") && left >= 3 && !q->by_radius) return box_args(c, q, argv + 1) ? 4 : -1;
    return 0;
}

static int value_option(struct client *c, struct query *q, const slice *argv, int left) {
    if (slice_is(argv[0], "count") && left >= 1) return count_arg(c, q, argv[1]) ? 2 : -1;
    if (q->form == SEARCH || q->form == SEARCH_STORE) return where_option(c, q, argv, left);
    bool may_store = q->form == RADIUS || q->form == RADIUS_MEMBER;
    if (!may_store || left < 1 || !(slice_is(argv[0], "store") || slice_is(argv[0], "storedist"))) return 0;
    q->stores = true;
    q->store_distance = slice_is(argv[0], "storedist");
    q->store = argv[1];
    return 2;
}

static bool parse_options(struct client *c, struct query *q, const slice *argv, int argc) {
    for (int i = 0; i < argc;) {
        if (flag_option(q, argv[i])) {
            i++;
            continue;
        }
        int words = value_option(c, q, argv + i, argc - i - 1);
        if (words < 0) return false;
        if (words == 0) {
            cmd_syntax_error(c);
            return false;
        }
        i += words;
    }
    return true;
}

static bool check_options(struct client *c, const struct query *q) {
    bool search = q->form == SEARCH || q->form == SEARCH_STORE;
    int name_n = (int)(q->name.n < 64 ? q->name.n : 64);
    if (q->stores && (q->with_distance || q->with_hash || q->with_point))
        reply_errorf(&c->out, "ERR %s is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
                     q->form == SEARCH_STORE ? "GEOSEARCHSTORE" : "STORE option in GEORADIUS");
    else if (search && !q->from_member && !q->from_point)
        reply_errorf(&c->out, "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for %.*s", name_n,
                     q->name.p);
    else if (search && !q->by_radius && !q->shape.is_box)
        reply_errorf(&c->out, "ERR exactly one of BYRADIUS and BYBOX can be specified for %.*s", name_n,
                     q->name.p);
    else if (q->any && q->count == 0)
        reply_error(&c->out, "ERR the ANY argument requires COUNT argument");
    else
        return true;
    return false;
}

/* --- searching --- */

static void add_found(struct result *r, const struct zset_iter *it, struct geo_point p, double distance_m) {
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 16;
        r->found = mem_resize(r->found, r->cap * sizeof *r->found, cap * sizeof *r->found);
        r->cap = cap;
    }
    struct found *f = &r->found[r->n];
    *f = (struct found){
        .member = it->member, .score = it->score, .distance_m = distance_m, .point = p, .at = r->n};
    if (it->member.p == it->digits) {
        memcpy(f->digits, it->digits, it->member.n);
        f->member.p = NULL;
    }
    r->n++;
}

static slice member_of(const struct found *f) {
    return f->member.p ? f->member : (slice){f->digits, f->member.n};
}

static void search_cell(const struct query *q, struct geo_cell cell, struct result *r) {
    struct zset_score_range range = {.max_open = true};
    struct zset_iter it;
    geo_cell_scores(cell, &range.min, &range.max);
    zset_walk(&it, &q->z, zset_score_span(&q->z, &range), false);
    while (zset_next(&it)) {
        struct geo_point p = geo_of_score(it.score);
        double distance_m;
        if (!geo_contains(&q->shape, p, &distance_m)) continue;
        add_found(r, &it, p, distance_m);
        if (q->any && r->n >= (uint64_t)q->count) return;
    }
}

static int by_distance(const void *a, const void *b, void *down) {
    const struct found *x = a, *y = b;
    int d = (x->distance_m > y->distance_m) - (x->distance_m < y->distance_m);
    return *(const bool *)down ? -d : d;
}

static int by_distance_stable(const void *a, const void *b, void *down) {
    const struct found *x = a, *y = b;
    int d = by_distance(a, b, down);
    return d ? d : (x->at > y->at) - (x->at < y->at);
}

/* Only what will be told is sorted. Members that are equally far come as found when all are told. */
static void sort_result(struct result *r, bool down, size_t wanted) {
    if (wanted == r->n)
        qsort_r(r->found, r->n, sizeof *r->found, by_distance_stable, &down);
    else
        partial_sort(r->found, r->n, sizeof *r->found, by_distance, &down, 0, wanted);
}

/* COUNT means the nearest ones, unless ANY or DESC says otherwise. */
static void search(const struct query *q, struct result *r) {
    struct geo_cell cells[GEO_CELLS_MAX];
    int n = geo_cover(&q->shape, cells);
    for (int i = 0; i < n && !(q->any && r->n >= (uint64_t)q->count); i++) search_cell(q, cells[i], r);
    int sort = q->sort ? q->sort : q->count && !q->any;
    size_t wanted = q->count && (uint64_t)q->count < r->n ? (size_t)q->count : r->n;
    if (sort && r->n > 1) sort_result(r, sort < 0, wanted);
    r->n = wanted;
}

static void reply_result(struct client *c, const struct query *q, const struct result *r) {
    int options = q->with_distance + q->with_hash + q->with_point;
    reply_array(&c->out, (int64_t)r->n);
    for (size_t i = 0; i < r->n; i++) {
        const struct found *f = &r->found[i];
        slice member = member_of(f);
        if (options) reply_array(&c->out, options + 1);
        reply_bulk(&c->out, member.p, member.n);
        if (q->with_distance) geo_reply_distance(c, f->distance_m / q->shape.unit_m);
        if (q->with_hash) reply_int(&c->out, (int64_t)f->score);
        if (q->with_point) geo_reply_point(c, f->point);
    }
}

static void store_result(struct client *c, const struct query *q, const struct result *r) {
    struct zset_build b;
    zset_build_begin(&b, r->n);
    for (size_t i = 0; i < r->n; i++) {
        const struct found *f = &r->found[i];
        zset_build_add(&b, member_of(f), q->store_distance ? f->distance_m / q->shape.unit_m : f->score,
                       NULL);
    }
    struct zset z = zset_build_end(&b, true);
    zset_store_result(c, q->store, &z, q->form == SEARCH_STORE ? "geosearchstore" : "georadiusstore");
}

/* source: where the key stands; options: where they start. */
static void run(struct client *c, const slice *argv, int argc, enum form form, int source, int options) {
    struct query q = {.form = form, .name = argv[0], .shape.unit_m = 1};
    struct entry *e = db_read(client_db(c), argv[source], 0);
    if (!cmd_type_is(c, e, TYPE_ZSET)) return;
    q.there = e != NULL;
    if (e) q.z = zset_of(e);
    if (form == SEARCH_STORE) {
        q.stores = true;
        q.store = argv[1];
    }
    if ((form == RADIUS || form == RADIUS_READ) &&
        (!geo_point_args(c, argv + 2, &q.shape.center) || !radius_args(c, &q, argv + 4)))
        return;
    if ((form == RADIUS_MEMBER || form == RADIUS_MEMBER_READ) && e &&
        (!member_center(c, &q, argv[2]) || !radius_args(c, &q, argv + 3)))
        return;
    if (!parse_options(c, &q, argv + options, argc - options) || !check_options(c, &q)) return;
    struct result r = {0};
    if (e) search(&q, &r);
    if (q.stores)
        store_result(c, &q, &r);
    else
        reply_result(c, &q, &r);
    mem_free(r.found, r.cap * sizeof *r.found);
}

void geosearch_command(struct client *c, const slice *argv, int argc) {
    run(c, argv, argc, SEARCH, 1, 2);
}

void geosearchstore_command(struct client *c, const slice *argv, int argc) {
    run(c, argv, argc, SEARCH_STORE, 2, 3);
}

void georadius_command(struct client *c, const slice *argv, int argc) {
    run(c, argv, argc, RADIUS, 1, 6);
}

void georadius_ro_command(struct client *c, const slice *argv, int argc) {
    run(c, argv, argc, RADIUS_READ, 1, 6);
}

void georadiusbymember_command(struct client *c, const slice *argv, int argc) {
    run(c, argv, argc, RADIUS_MEMBER, 1, 5);
}

void georadiusbymember_ro_command(struct client *c, const slice *argv, int argc) {
    run(c, argv, argc, RADIUS_MEMBER_READ, 1, 5);
}

/* Places in sorted sets: GEOADD, GEOPOS, GEODIST, GEOHASH. A place is a member whose score is its cell (base/geohash.h);
 * nothing tells such a set from another. Searching is in geo_search_cmd.c. */
#include "command/geo_cmd.h"

#include "base/alloc.h"
#include "command/handlers.h"
#include "command/propagate.h"

#include <math.h>

/* --- shared --- */

bool geo_point_args(struct client *c, const slice *argv, struct geo_point *p) {
    if (!num_parse_double(argv[0], &p->lon) || !num_parse_double(argv[1], &p->lat))
        reply_error(&c->out, "ERR value is not a valid float");
    else if (!geo_valid(*p))
        reply_errorf(&c->out, "ERR invalid longitude,latitude pair %f,%f", p->lon, p->lat);
    else
        return true;
    return false;
}

bool geo_unit_arg(struct client *c, slice s, double *unit_m) {
    static const struct {
        const char *name;
        double metres;
    } units[] = {{"m", 1}, {"km", 1000}, {"ft", 0.3048}, {"mi", 1609.34}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (!slice_is(s, units[i].name)) continue;
        *unit_m = units[i].metres;
        return true;
    }
    reply_error(&c->out, "ERR unsupported unit provided. please use M, KM, FT, MI");
    return false;
}

bool geo_find(const struct zset *z, slice member, struct geo_point *p) {
    double score;
    if (!zset_score(z, member, &score)) return false;
    *p = geo_of_score(score);
    return true;
}

/* As INCRBYFLOAT prints numbers. */
static void reply_coordinate(struct client *c, double v) {
    char text[NUM_LONG_DOUBLE_BYTES];
    size_t n = num_format_long_double(text, sizeof text, v);
    if (c->out.proto == 2) {
        reply_bulk(&c->out, text, n);
        return;
    }
    reply_raw(&c->out, ",", 1);
    reply_raw(&c->out, text, n);
    reply_raw(&c->out, "\r\n", 2);
}

void geo_reply_point(struct client *c, struct geo_point p) {
    reply_array(&c->out, 2);
    reply_coordinate(c, p.lon);
    reply_coordinate(c, p.lat);
}

/* With four places. The product is rounded before it is cut, so that 1498617.81734999991 ends in 4, as the reference's does. */
void geo_reply_distance(struct client *c, double distance) {
    long long scaled = llrint(distance * 1e4);
    reply_bulkf(&c->out, "%lld.%04lld", scaled / 10000, scaled % 10000);
}

/* The set at key for a command that only reads: *there is false when there is none. */
static bool read_set(struct client *c, slice key, struct zset *z, bool *there) {
    struct entry *e = db_read(client_db(c), key, 0);
    if (!cmd_type_is(c, e, TYPE_ZSET)) return false;
    *there = e != NULL;
    if (e) *z = zset_of(e);
    return true;
}

/* --- commands --- */

static bool is_add_option(slice s, bool *nx, bool *xx) {
    bool is_nx = slice_is(s, "nx"), is_xx = slice_is(s, "xx");
    *nx |= is_nx;
    *xx |= is_xx;
    return is_nx || is_xx || slice_is(s, "ch");
}

/* Writes score and member for each place behind the options; digits has room for each score's text. */
static bool to_scores(struct client *c, const slice *places, int n, slice *out,
                      char (*digits)[NUM_INT_BYTES]) {
    for (int i = 0; i < n; i++) {
        struct geo_point p;
        if (!geo_point_args(c, places + 3 * i, &p)) return false;
        out[2 * i] = (slice){digits[i], num_format_u64(digits[i], geo_score(p))};
        out[2 * i + 1] = places[3 * i + 2];
    }
    return true;
}

/* Is a ZADD, and leaves as one. */
void geoadd_command(struct client *c, const slice *argv, int argc) {
    bool nx = false, xx = false;
    int first = 2;
    while (first < argc && is_add_option(argv[first], &nx, &xx)) first++;
    if ((argc - first) % 3 != 0 || (nx && xx)) {
        cmd_syntax_error(c);
        return;
    }
    int places = (argc - first) / 3, n = first + 2 * places;
    size_t words_bytes = (size_t)n * sizeof(slice), digits_bytes = (size_t)places * NUM_INT_BYTES;
    slice *words = mem_alloc(words_bytes);
    char(*digits)[NUM_INT_BYTES] = mem_alloc(digits_bytes);
    memcpy(words, argv, (size_t)first * sizeof(slice));
    words[0] = SLICE("ZADD");
    if (to_scores(c, argv + first, places, words + first, digits)) {
        uint64_t before = ks_dirty;
        zadd_command(c, words, n);
        if (ks_dirty != before) propagate_instead(n, words);
    }
    mem_free(words, words_bytes);
    mem_free(digits, digits_bytes);
}

void geopos_command(struct client *c, const slice *argv, int argc) {
    struct zset z;
    bool there;
    if (!read_set(c, argv[1], &z, &there)) return;
    reply_array(&c->out, argc - 2);
    for (int i = 2; i < argc; i++) {
        struct geo_point p;
        if (there && geo_find(&z, argv[i], &p))
            geo_reply_point(c, p);
        else
            reply_null_array(&c->out);
    }
}

void geohash_command(struct client *c, const slice *argv, int argc) {
    struct zset z;
    bool there;
    if (!read_set(c, argv[1], &z, &there)) return;
    reply_array(&c->out, argc - 2);
    for (int i = 2; i < argc; i++) {
        struct geo_point p;
        char text[GEO_TEXT_SIZE];
        if (there && geo_find(&z, argv[i], &p)) {
            geo_text(p, text);
            reply_bulk(&c->out, text, sizeof text);
        } else {
            reply_null(&c->out);
        }
    }
}

void geodist_command(struct client *c, const slice *argv, int argc) {
    struct zset z;
    bool there;
    double unit_m = 1;
    struct geo_point a, b;
    if (argc > 5) {
        cmd_syntax_error(c);
        return;
    }
    if ((argc == 5 && !geo_unit_arg(c, argv[4], &unit_m)) || !read_set(c, argv[1], &z, &there)) return;
    if (there && geo_find(&z, argv[2], &a) && geo_find(&z, argv[3], &b))
        geo_reply_distance(c, geo_distance_m(a, b) / unit_m);
    else
        reply_null(&c->out);
}

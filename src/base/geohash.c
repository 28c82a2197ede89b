/* Geohashes: see geohash.h. Longitude has the odd bits of a cell number, latitude the even ones. */
#include "base/geohash.h"

#include <math.h>

#define EARTH_RADIUS_M 6372797.560856
#define MERCATOR_MAX_M 20037726.37 /* half of the equator on the map */
#define LAT_BITS       0x5555555555555555u
#define LON_BITS       0xaaaaaaaaaaaaaaaau

struct range {
    double min, max;
};
struct area {
    struct range lon, lat;
};

static const struct area mercator = {{-GEO_LON_MAX, GEO_LON_MAX}, {-GEO_LAT_MAX, GEO_LAT_MAX}};
static const struct area whole_globe = {{-180, 180}, {-90, 90}};

static double radians(double degrees) {
    return degrees * (M_PI / 180.0);
}

static double degrees(double rad) {
    return rad / (M_PI / 180.0);
}

/* --- cells --- */

/* The low 32 bits to the even places, and back. */
static uint64_t spread(uint64_t v) {
    v &= 0xffffffffu;
    v = (v | v << 16) & 0x0000ffff0000ffffu;
    v = (v | v << 8) & 0x00ff00ff00ff00ffu;
    v = (v | v << 4) & 0x0f0f0f0f0f0f0f0fu;
    v = (v | v << 2) & 0x3333333333333333u;
    return (v | v << 1) & LAT_BITS;
}

static uint32_t gather(uint64_t v) {
    v &= LAT_BITS;
    v = (v | v >> 1) & 0x3333333333333333u;
    v = (v | v >> 2) & 0x0f0f0f0f0f0f0f0fu;
    v = (v | v >> 4) & 0x00ff00ff00ff00ffu;
    v = (v | v >> 8) & 0x0000ffff0000ffffu;
    return (uint32_t)(v | v >> 16);
}

static uint64_t coordinate_bits(double v, struct range r, int step) {
    double offset = (v - r.min) / (r.max - r.min);
    return (uint64_t)(offset * (double)((uint64_t)1 << step));
}

static struct geo_cell encode(struct geo_point p, const struct area *world, int step) {
    uint64_t lat = coordinate_bits(p.lat, world->lat, step), lon = coordinate_bits(p.lon, world->lon, step);
    return (struct geo_cell){spread(lat) | spread(lon) << 1, step};
}

static struct range coordinate_range(uint32_t bits, struct range r, int step) {
    double scale = r.max - r.min, cells = (double)((uint64_t)1 << step);
    return (struct range){r.min + bits / cells * scale, r.min + (bits + 1.0) / cells * scale};
}

static struct area decode(struct geo_cell c) {
    return (struct area){coordinate_range(gather(c.bits >> 1), mercator.lon, c.step),
                         coordinate_range(gather(c.bits), mercator.lat, c.step)};
}

static uint64_t align52(struct geo_cell c) {
    return c.bits << (2 * (GEO_STEP_MAX - c.step));
}

/* One coordinate of a cell, moved by a cell up or down; it wraps at the ends of the world. The other one's bits are set
 * while it carries, so that it carries across them. One that stays is left alone: at the very end of the world
 * (85.05112878, 180) it is beyond the last cell. */
static uint64_t move(uint64_t bits, uint64_t mine, int by, int step) {
    if (by == 0) return bits & mine;
    unsigned unused = (unsigned)(64 - 2 * step);
    uint64_t others = ~mine >> unused, moved = bits & mine;
    moved = by > 0 ? moved + (others + 1) : (moved | others) - (others + 1);
    return moved & mine >> unused;
}

static struct geo_cell neighbour(struct geo_cell c, int east, int north) {
    return (struct geo_cell){move(c.bits, LON_BITS, east, c.step) | move(c.bits, LAT_BITS, north, c.step),
                             c.step};
}

/* --- places --- */

bool geo_valid(struct geo_point p) {
    return p.lon >= -GEO_LON_MAX && p.lon <= GEO_LON_MAX && p.lat >= -GEO_LAT_MAX && p.lat <= GEO_LAT_MAX;
}

uint64_t geo_score(struct geo_point p) {
    return align52(encode(p, &mercator, GEO_STEP_MAX));
}

static double middle(struct range r, double most) {
    double v = (r.min + r.max) / 2;
    return v > most ? most : v < -most ? -most : v;
}

/* Not every score of a sorted set is a cell's: what no integer of 64 bits holds counts as the conversion's overflow. */
static uint64_t bits_of_score(double score) {
    if (!(score > -9223372036854775808.0 && score < 18446744073709551616.0)) return (uint64_t)1 << 63;
    return score < 0 ? (uint64_t)(int64_t)score : (uint64_t)score;
}

struct geo_point geo_of_score(double score) {
    struct area a = decode((struct geo_cell){bits_of_score(score), GEO_STEP_MAX});
    return (struct geo_point){middle(a.lon, GEO_LON_MAX), middle(a.lat, GEO_LAT_MAX)};
}

static double lat_distance_m(double lat1, double lat2) {
    return EARTH_RADIUS_M * fabs(radians(lat2) - radians(lat1));
}

/* The haversine formula; along a meridian it needs no more than the arc. */
double geo_distance_m(struct geo_point a, struct geo_point b) {
    double lat1 = radians(a.lat), lon1 = radians(a.lon), lat2 = radians(b.lat), lon2 = radians(b.lon);
    double u = sin((lat2 - lat1) / 2), v = sin((lon2 - lon1) / 2);
    if (v == 0) return lat_distance_m(a.lat, b.lat);
    return 2.0 * EARTH_RADIUS_M * asin(sqrt(u * u + cos(lat1) * cos(lat2) * v * v));
}

/* 52 bits fill ten digits of five; the eleventh, which the usual form has, is 0. */
void geo_text(struct geo_point p, char out[GEO_TEXT_SIZE]) {
    static const char digits[] = "0123456789bcdefghjkmnpqrstuvwxyz";
    uint64_t bits = encode(p, &whole_globe, GEO_STEP_MAX).bits;
    for (int i = 0; i < GEO_TEXT_SIZE; i++) {
        int shift = 52 - (i + 1) * 5;
        out[i] = digits[shift >= 0 ? bits >> shift & 31 : 0];
    }
}

/* --- searching --- */

bool geo_contains(const struct geo_shape *s, struct geo_point p, double *distance_m) {
    if (s->is_box) {
        struct geo_point same_lat = {s->center.lon, p.lat};
        if (lat_distance_m(p.lat, s->center.lat) > s->height * s->unit_m / 2 ||
            geo_distance_m(p, same_lat) > s->width * s->unit_m / 2)
            return false;
    }
    *distance_m = geo_distance_m(s->center, p);
    return s->is_box || *distance_m <= s->radius * s->unit_m;
}

/* The degrees that the shape reaches. Meridians come together towards the poles, so the side that is nearer to one
 * decides. */
static struct area bounds(const struct geo_shape *s) {
    double height = s->unit_m * (s->is_box ? s->height / 2 : s->radius);
    double width = s->unit_m * (s->is_box ? s->width / 2 : s->radius);
    double lat = s->center.lat, lon = s->center.lon;
    double lat_by = degrees(height / EARTH_RADIUS_M);
    double edge = lat < 0 ? lat - lat_by : lat + lat_by;
    double lon_by = degrees(width / EARTH_RADIUS_M / cos(radians(edge)));
    return (struct area){{lon - lon_by, lon + lon_by}, {lat - lat_by, lat + lat_by}};
}

/* The step at which a cell and its neighbours hold the range, in most cases; towards the poles cells are narrow. */
static int estimate_step(double range_m, double lat) {
    if (range_m == 0) return GEO_STEP_MAX;
    int step = 1;
    for (; range_m < MERCATOR_MAX_M; range_m *= 2) step++;
    step -= 2;
    if (lat > 66 || lat < -66) step--;
    if (lat > 80 || lat < -80) step--;
    return step < 1 ? 1 : step > GEO_STEP_MAX ? GEO_STEP_MAX : step;
}

static double reach_m(const struct geo_shape *s) {
    double w = s->width / 2, h = s->height / 2;
    return (s->is_box ? sqrt(w * w + h * h) : s->radius) * s->unit_m;
}

/* Whether the neighbours of the cell end before the shape does. */
static bool too_small(struct geo_cell c, const struct area *b) {
    return decode(neighbour(c, 0, 1)).lat.max < b->lat.max ||
           decode(neighbour(c, 0, -1)).lat.min > b->lat.min ||
           decode(neighbour(c, 1, 0)).lon.max < b->lon.max ||
           decode(neighbour(c, -1, 0)).lon.min > b->lon.min;
}

int geo_cover(const struct geo_shape *s, struct geo_cell cells[GEO_CELLS_MAX]) {
    static const struct {
        int east, north;
    } ways[GEO_CELLS_MAX] = {{0, 0}, {0, 1}, {0, -1}, {1, 0}, {-1, 0}, {1, 1}, {-1, 1}, {1, -1}, {-1, -1}};
    struct area b = bounds(s);
    int step = estimate_step(reach_m(s), s->center.lat), n = 0;
    struct geo_cell center = encode(s->center, &mercator, step);
    if (step > 1 && too_small(center, &b)) center = encode(s->center, &mercator, --step);
    struct area a = decode(center);
    bool needed[3][3] = {{true, true, true}, {true, true, true}, {true, true, true}};
    for (int i = 0; i < 3 && step >= 2; i++) { /* the shape does not reach beyond the cell on that side */
        if (a.lat.min < b.lat.min) needed[i][0] = false;
        if (a.lat.max > b.lat.max) needed[i][2] = false;
        if (a.lon.min < b.lon.min) needed[0][i] = false;
        if (a.lon.max > b.lon.max) needed[2][i] = false;
    }
    for (int i = 0; i < GEO_CELLS_MAX; i++) {
        if (i > 0 && !needed[ways[i].east + 1][ways[i].north + 1]) continue;
        struct geo_cell c = neighbour(center, ways[i].east, ways[i].north);
        /* Where cells are so great that neighbours are the same, each is looked at once. */
        if (n > 1 && c.bits == cells[n - 1].bits) continue;
        cells[n++] = c;
    }
    return n;
}

void geo_cell_scores(struct geo_cell c, double *from, double *to) {
    *from = (double)align52(c);
    c.bits++;
    *to = (double)align52(c);
}

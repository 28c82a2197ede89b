/* Geohashes: known places, the edges of the world, and that a cover holds whatever lies in its shape. */
#include "base/geohash.h"
#include "base/random.h"

#include <criterion/criterion.h>
#include <math.h>

static const struct geo_point palermo = {13.361389, 38.115556}, catania = {15.087269, 37.502669};

/* The figures are those of redis-server 7.0.15. */
Test(geohash, knows_sicily) {
    char text[GEO_TEXT_SIZE];
    cr_assert_eq(geo_score(palermo), 3479099956230698u);
    cr_assert_eq(geo_score(catania), 3479447370796909u);
    struct geo_point p = geo_of_score(3479099956230698.0), c = geo_of_score(3479447370796909.0);
    cr_assert_float_eq(p.lon, 13.36138933897018433, 1e-15);
    cr_assert_float_eq(p.lat, 38.11555639549629859, 1e-15);
    cr_assert_float_eq(geo_distance_m(p, c), 166274.1516, 1e-4);
    cr_assert_eq(geo_distance_m(p, p), 0);
    cr_assert_eq(geo_distance_m(p, (struct geo_point){p.lon, 10}),
                 6372797.560856 * (p.lat * (M_PI / 180.0) - 10 * (M_PI / 180.0)),
                 "a meridian's arc, to the last bit");
    geo_text(p, text);
    cr_assert_arr_eq(text, "sqc8b49rny0", GEO_TEXT_SIZE);
    geo_text(c, text);
    cr_assert_arr_eq(text, "sqdtr74hyu0", GEO_TEXT_SIZE);
}

Test(geohash, knows_where_the_world_ends) {
    cr_assert(geo_valid((struct geo_point){180, 85.05112878}));
    cr_assert(geo_valid((struct geo_point){-180, -85.05112878}));
    cr_assert_not(geo_valid((struct geo_point){180.0001, 0}));
    cr_assert_not(geo_valid((struct geo_point){0, -85.06}));
    cr_assert_not(geo_valid((struct geo_point){NAN, 0}));
    cr_assert_eq(geo_score((struct geo_point){-180, -85.05112878}), 0);
}

Test(geohash, makes_a_place_of_any_score) {
    static const double scores[] = {0,      -1,       1.5,       4503599627370496,     1e300,
                                    -1e300, INFINITY, -INFINITY, 1.8446744073709552e19};
    for (size_t i = 0; i < sizeof scores / sizeof *scores; i++) cr_assert(geo_valid(geo_of_score(scores[i])));
}

static double between(double min, double max) {
    return min + (max - min) * ((double)random_below(1 << 30) / (1 << 30));
}

static bool covered(const struct geo_shape *s, struct geo_point p) {
    struct geo_cell cells[GEO_CELLS_MAX];
    int n = geo_cover(s, cells);
    double score = (double)geo_score(p), from, to;
    for (int i = 0; i < n; i++) {
        geo_cell_scores(cells[i], &from, &to);
        if (score >= from && score < to) return true;
    }
    return false;
}

/* Up to a tenth of the globe and not near the poles, where the search, like the reference's, is an approximation. */
Test(geohash, cover_holds_what_the_shape_contains) {
    random_seed(11);
    int inside = 0;
    for (int i = 0; i < 200000; i++) {
        struct geo_shape s = {.center = {between(-150, 150), between(-60, 60)}, .is_box = i % 2, .unit_m = 1};
        double reach = (const double[]){100, 5000, 100000, 1e6}[i % 4];
        s.radius = between(0, reach);
        s.width = between(0, 2 * reach);
        s.height = between(0, 2 * reach);
        double degrees = reach / 111000, distance_m;
        struct geo_point p = {s.center.lon + between(-degrees, degrees),
                              s.center.lat + between(-degrees, degrees)};
        p = geo_of_score((double)geo_score(p));
        if (!geo_contains(&s, p, &distance_m)) continue;
        inside++;
        cr_assert(covered(&s, p), "%d: %f %f in %f %f", i, p.lon, p.lat, s.center.lon, s.center.lat);
    }
    cr_assert_gt(inside, 50000);
}

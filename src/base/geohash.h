/* Places on the globe as integers: a cell number whose bits are those of latitude and longitude in turn, so that places
 * that are near each other mostly have numbers that are near, and a cell is a run of numbers.
 *
 * A cell of step s has s bits of each coordinate. Places are kept with 26, which fit a double's 52 bits: the score of a
 * sorted set. Latitudes end at 85.05112878 degrees, where the web's Mercator map does. All formulas give the doubles
 * that Redis's give, to the last bit, because clients see them: the order of operations here is not free. */
#ifndef TANDEM_BASE_GEOHASH_H
#define TANDEM_BASE_GEOHASH_H

#include <stdbool.h>
#include <stdint.h>

#define GEO_LON_MAX   180.0
#define GEO_LAT_MAX   85.05112878
#define GEO_STEP_MAX  26
#define GEO_TEXT_SIZE 11 /* of geo_text */

struct geo_point {
    double lon, lat; /* degrees */
};

struct geo_cell {
    uint64_t bits;
    int step;
};

bool geo_valid(struct geo_point p);
uint64_t geo_score(struct geo_point p);      /* the cell of 52 bits of a valid point */
struct geo_point geo_of_score(double score); /* the middle of that cell; whatever the score, a valid point */
double geo_distance_m(struct geo_point a, struct geo_point b); /* along the sphere */
void geo_text(struct geo_point p, char out[GEO_TEXT_SIZE]); /* the usual geohash, as on geohash.org; no NUL */

/* --- searching --- */

struct geo_shape { /* a circle, or a box of sides that follow the meridians */
    struct geo_point center;
    bool is_box;
    double radius, width, height; /* in units */
    double unit_m;                /* metres in a unit */
};
bool geo_contains(const struct geo_shape *s, struct geo_point p, double *distance_m);

#define GEO_CELLS_MAX 9
/* Cells that together hold the whole shape: the center's, then its neighbours as far as they are needed. Returns how many. */
int geo_cover(const struct geo_shape *s, struct geo_cell cells[GEO_CELLS_MAX]);
/* Scores in the cell: from <= score < to. */
void geo_cell_scores(struct geo_cell c, double *from, double *to);

#endif

/* Geo commands beside the real redis-server (support/differential.h): places all over the globe, at its edges and in
 * clusters, at one and the same spot, shapes from nothing to larger than the world. */
#include "families.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define COMMANDS 50000

static void add_double(struct cmd *c, double v, int digits) {
    char b[64];
    add_bytes(c, b, (size_t)snprintf(b, sizeof b, "%.*f", digits, v));
}

static double between(double min, double max) {
    return min + (max - min) * ((double)test_below(1 << 30) / (1 << 30));
}

static void add_key(struct cmd *c) {
    add(c, chance(3) ? PICK("string", "none", "scores") : PICK("g:0", "g:1", "g:2"));
}

static void add_place(struct cmd *c) {
    static const double centers[][2] = {
        {13.361389, 38.115556}, {-0.1, 51.5}, {179.99, -16.5}, {-179.99, 1}, {25, 84.9},
        {-60, -84.99},          {0, 0},       {100, 67}};
    const double *near = centers[test_below(sizeof centers / sizeof *centers)];
    double spread = chance(50) ? 0.5 : 5, lon = near[0] + between(-spread, spread),
           lat = near[1] + between(-spread, spread);
    if (chance(20)) lon = between(-180, 180), lat = between(-85, 85);
    if (lon > 180) lon -= 360;
    if (lon < -180) lon += 360;
    if (lat > 85) lat = 85 - between(0, 1);
    if (lat < -85) lat = -85 + between(0, 1);
    int edge = (int)test_below(100);
    if (edge < 20) { /* one of a few spots, so that many are equally far */
        add(c, PICK("13.5", "13.6", "-179.9", "0"));
        add(c, PICK("38", "0", "-16.5"));
        return;
    }
    if (edge == 98) {
        add(c, PICK("180", "-180", "180.1", "x", "", "nan"));
        add_double(c, lat, 12);
        return;
    }
    if (edge == 99) {
        add_double(c, lon, 12);
        add(c, PICK("85.05112878", "-85.05112878", "85.06", "x", "90", "0"));
        return;
    }
    add_double(c, lon, 9 + (int)test_below(5));
    add_double(c, lat, 9 + (int)test_below(5));
}

static void add_member(struct cmd *c) {
    char b[32];
    const char *form = chance(20) ? "%d" : "place:%d";
    add_bytes(c, b, (size_t)snprintf(b, sizeof b, form, (int)test_below(60)));
}

static void add_unit(struct cmd *c) {
    add(c, chance(2) ? PICK("x", "metres", "") : PICK("m", "km", "ft", "mi", "KM", "M"));
}

static void add_length(struct cmd *c) {
    if (chance(3))
        add(c, PICK("0", "-1", "x", "nan", "1e30", "inf", ""));
    else
        add_double(c, between(0, 1) * (const double[]){10, 1000, 50000, 1e6, 3e7}[test_below(5)],
                   (int)test_below(4));
}

static void rule_add(struct cmd *c) {
    add(c, PICK("GEOADD", "geoadd"));
    add_key(c);
    for (int n = chance(80) ? 0 : (int)test_below(3); n > 0; n--) add(c, PICK("NX", "XX", "CH", "ch", "nx"));
    for (int n = 1 + (int)test_below(2); n > 0; n--) {
        add_place(c);
        if (!chance(1)) add_member(c);
    }
}

static void rule_ask(struct cmd *c) {
    const char *name = PICK("GEOPOS", "GEOHASH", "GEODIST", "GEODIST");
    add(c, name);
    add_key(c);
    add_member(c);
    if (name[3] == 'D') {
        add_member(c);
        if (chance(50)) add_unit(c);
        if (chance(1)) add(c, "x");
    } else if (chance(50)) {
        add_member(c);
    }
}

static void add_options(struct cmd *c, bool with) {
    if (chance(60) && with) add(c, PICK("WITHDIST", "WITHCOORD", "WITHHASH", "withdist"));
    if (chance(30) && with) add(c, PICK("WITHDIST", "WITHCOORD", "WITHHASH"));
    if (chance(50)) add(c, PICK("ASC", "DESC", "desc"));
    if (chance(40)) {
        add(c, "COUNT");
        add(c, chance(95) ? PICK("1", "2", "5", "20") : PICK("0", "-1", "x"));
        if (chance(40)) add(c, "ANY");
    }
    if (chance(2)) add(c, PICK("ANY", "bogus", "COUNT", "STORE", "STOREDIST", "BYBOX", "FROMMEMBER"));
}

static void rule_search(struct cmd *c) {
    bool store = chance(15);
    add(c, store ? "GEOSEARCHSTORE" : PICK("GEOSEARCH", "geosearch"));
    if (store) add(c, PICK("stored:0", "stored:1"));
    add_key(c);
    if (chance(50)) {
        add(c, "FROMMEMBER");
        add_member(c);
    } else if (!chance(2)) {
        add(c, "FROMLONLAT");
        add_place(c);
    }
    if (chance(50)) {
        add(c, "BYRADIUS");
        add_length(c);
        add_unit(c);
    } else if (!chance(2)) {
        add(c, PICK("BYBOX", "bybox"));
        add_length(c);
        add_length(c);
        add_unit(c);
    }
    if (store && chance(40)) add(c, "STOREDIST");
    add_options(c, !store || chance(5));
}

static void rule_radius(struct cmd *c) {
    bool read = chance(30), member = chance(50);
    add(c, member ? (read ? "GEORADIUSBYMEMBER_RO" : "GEORADIUSBYMEMBER")
                  : (read ? "GEORADIUS_RO" : "GEORADIUS"));
    add_key(c);
    member ? add_member(c) : add_place(c);
    add_length(c);
    add_unit(c);
    bool store = chance(15);
    add_options(c, !store || chance(5));
    if (!store) return;
    add(c, PICK("STORE", "STOREDIST", "store"));
    if (!chance(2)) add(c, PICK("stored:0", "stored:1"));
}

static void rule_whole(struct cmd *c) {
    const char *name = PICK("ZREM", "ZREM", "ZREM", "ZCARD", "ZRANGE", "DEL", "OBJECT", "ZADD");
    add(c, name);
    if (name[0] == 'O') add(c, "ENCODING");
    add(c, PICK("g:0", "g:1", "g:2", "stored:0", "stored:1"));
    if (name[1] == 'A')
        add_i64(c, (int64_t)test_below((uint64_t)1 << (chance(90) ? 52 : 62))); /* not all are places */
    if (strcmp(name, "ZREM") == 0 || name[1] == 'A') add_member(c);
    if (strcmp(name, "ZRANGE") != 0) return;
    add(c, "0");
    add(c, "-1");
    add(c, "WITHSCORES");
}

static const struct rule rules[] = {
    {30, rule_add}, {20, rule_ask}, {30, rule_search}, {20, rule_radius}, {6, rule_whole}};
const struct rule_set geo_rules = {"geo", rules, sizeof rules / sizeof *rules};

Test(differential_geo, agrees_to_the_last_digit) {
    static const struct differential d = {rules, sizeof rules / sizeof *rules, COMMANDS, NULL};
    struct srv *s[2] = {srv_start(TANDEM, "--zset-max-listpack-entries 20"),
                        srv_start(REDIS, "--zset-max-listpack-entries 20")};
    struct srv *replica = srv_start(REDIS, "--zset-max-listpack-entries 20");
    srv_replicate(replica, s[0]);
    for (int i = 0; i < 2; i++) {
        srv_cmd(s[i], "SET string 1");
        srv_cmd(s[i], "ZADD scores 0 place:1 1.5 place:2 123456789 place:3 1e15 place:4");
    }
    differential_run(s[0], s[1], &d);
    srv_wait_synced(replica, s[0]);
    cr_assert(srv_same_data(replica, s[0]));
    srv_free(replica);
    srv_free(s[0]);
    srv_free(s[1]);
}

/* Where rounding the decimals of the double and rounding its product by 10,000 part ways. */
Test(differential_geo, rounds_distances_alike) {
    struct srv *s[2] = {srv_start(TANDEM, " "), srv_start(REDIS, " ")};
    for (int i = 0; i < 2; i++) {
        srv_cmd(s[i], "ZADD g 3664748792178573 a 3470128758998085 b 3664748792178574 c");
        EXPECT(s[i], "\"1498617.8174\"", "GEODIST g a b");
        EXPECT(s[i], "\"1498.6178\"", "GEODIST g b a km");
        EXPECT(s[i], "\"0.0000\"", "GEODIST g a a");
        srv_free(s[i]);
    }
}

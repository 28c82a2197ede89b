/* Places: the forms of replies in either protocol, the errors, and what replicas are told. All replies here were
 * compared with those of redis-server 7.0.15; the mass of cases is in tests/peer/test_differential_geo.c. */
#include "fixture.h"
#include <criterion/criterion.h>

TestSuite(geo_cmd, .init = command_setup, .fini = command_teardown);

#define ADD_SICILY "GEOADD Sicily 13.361389 38.115556 Palermo 15.087269 37.502669 Catania"

Test(geo_cmd, positions_have_a_form_for_each_protocol) {
    struct client *c = new_client();
    expect(c, ADD_SICILY, ":2\r\n");
    expect(c, "GEOPOS Sicily Palermo x",
           "*2\r\n*2\r\n$20\r\n13.36138933897018433\r\n$20\r\n38.11555639549629859\r\n*-1\r\n");
    expect(c, "GEODIST Sicily Palermo Catania KM", "$8\r\n166.2742\r\n");
    expect(c, "GEODIST Sicily Palermo x", "$-1\r\n");
    expect(c, "GEOHASH Sicily Palermo x", "*2\r\n$11\r\nsqc8b49rny0\r\n$-1\r\n");
    expect(c, "GEOSEARCH Sicily FROMLONLAT 15 37 BYRADIUS 200 km ASC",
           "*2\r\n$7\r\nCatania\r\n$7\r\nPalermo\r\n");
    expect(c, "GEOSEARCH Sicily FROMLONLAT 15 37 BYBOX 400 400 km DESC COUNT 1", "*1\r\n$7\r\nPalermo\r\n");
    c->out.proto = 3;
    expect(c, "GEOPOS Sicily Palermo x",
           "*2\r\n*2\r\n,13.36138933897018433\r\n,38.11555639549629859\r\n_\r\n");
    expect(
        c, "GEOSEARCH Sicily FROMLONLAT 15 37 BYBOX 400 400 km COUNT 1 WITHCOORD WITHDIST WITHHASH",
        "*1\r\n*4\r\n$7\r\nCatania\r\n$7\r\n56.4413\r\n:3479447370796909\r\n*2\r\n,15.08726745843887329\r\n"
        ",37.50266842333162032\r\n");
}

Test(geo_cmd, refuses_with_the_reference_s_words) {
    static const struct {
        const char *line, *error;
    } rows[] = {
        {"GEOADD z 181 0 x", "-ERR invalid longitude,latitude pair 181.000000,0.000000\r\n"},
        {"GEOADD z 1 1 a x 0 b", "-ERR value is not a valid float\r\n"},
        {"GEOADD z NX XX 1 1 a", "-ERR syntax error\r\n"},
        {"GEOADD z NX CH nx", "-ERR syntax error\r\n"},
        {"GEODIST Sicily Palermo Catania yards",
         "-ERR unsupported unit provided. please use M, KM, FT, MI\r\n"},
        {"GEORADIUS Sicily 15 37 200 km STORE a WITHDIST",
         "-ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD "
         "options\r\n"},
        {"GEOSEARCHSTORE a Sicily FROMLONLAT 15 37 BYRADIUS 200 km WITHDIST",
         "-ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options\r\n"},
        {"geosearch Sicily BYRADIUS 200 km ASC DESC ANY",
         "-ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for geosearch\r\n"},
        {"GEOSEARCH Sicily FROMMEMBER Palermo ASC DESC ANY",
         "-ERR exactly one of BYRADIUS and BYBOX can be specified for GEOSEARCH\r\n"},
        {"GEOSEARCH Sicily FROMMEMBER Palermo BYRADIUS 200 km ANY",
         "-ERR the ANY argument requires COUNT argument\r\n"},
        {"GEOSEARCH Sicily FROMMEMBER nobody BYRADIUS 200 km",
         "-ERR could not decode requested zset member\r\n"},
        {"GEORADIUS Sicily 15 37 x km", "-ERR need numeric radius\r\n"},
        {"GEORADIUS Sicily 15 37 -1 km", "-ERR radius cannot be negative\r\n"},
        {"GEOSEARCH Sicily FROMMEMBER Palermo BYBOX x 1 km", "-ERR need numeric width\r\n"},
        {"GEOSEARCH Sicily FROMMEMBER Palermo BYBOX 1 x km", "-ERR need numeric height\r\n"},
        {"GEOSEARCH Sicily FROMMEMBER Palermo BYBOX 1 -1 km", "-ERR height or width cannot be negative\r\n"},
        {"GEOSEARCH Sicily FROMMEMBER Palermo BYBOX 1 1 km BYRADIUS 1 km", "-ERR syntax error\r\n"},
        {"GEOSEARCH Sicily FROMMEMBER Palermo BYRADIUS 1 km COUNT 0", "-ERR COUNT must be > 0\r\n"},
        {"GEORADIUSBYMEMBER_RO Sicily Palermo 10 km STORE a", "-ERR syntax error\r\n"},
        {"GEOPOS s a", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"},
    };
    struct client *c = new_client();
    expect(c, ADD_SICILY, ":2\r\n");
    expect(c, "SET s 1", "+OK\r\n");
    logged();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) expect(c, rows[i].line, rows[i].error);
    cr_assert_str_eq(logged(), "");
}

Test(geo_cmd, leaves_as_zadd) {
    struct client *c = new_client();
    ask(c, "GEOADD Sicily CH 13.361389 38.115556 Palermo");
    cr_assert_str_eq(logged(), "SELECT 0; ZADD Sicily CH 3479099956230698 Palermo");
    ask(c, "GEOADD Sicily CH 13.361389 38.115556 Palermo");
    ask(c, "GEOADD Sicily NX 10 10 Palermo");
    cr_assert_str_eq(logged(), "");
    ask(c, "GEORADIUS Sicily 15 37 200 km STOREDIST d");
    cr_assert_str_eq(logged(), "GEORADIUS Sicily 15 37 200 km STOREDIST d");
    expect(c, "ZRANGE d 0 -1", "*1\r\n$7\r\nPalermo\r\n");
}

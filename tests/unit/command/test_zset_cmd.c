/* Sorted sets: the forms of scores in either protocol, the errors, and what replicas are told. All replies here were
 * compared with those of redis-server 7.0.15; the mass of cases is in tests/peer/test_differential_zset.c. */
#include "fixture.h"
#include <criterion/criterion.h>
#include <stdio.h>

TestSuite(zset_cmd, .init = command_setup, .fini = command_teardown);

Test(zset_cmd, scores_have_a_form_for_each_protocol) {
    struct client *c = new_client();
    expect(c, "ZADD z 1 a 2.5 b inf c", ":3\r\n");
    expect(c, "ZRANGE z 0 -1 WITHSCORES",
           "*6\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$3\r\n2.5\r\n$1\r\nc\r\n$3\r\ninf\r\n");
    expect(c, "ZPOPMAX z 1", "*2\r\n$1\r\nc\r\n$3\r\ninf\r\n");
    c->out.proto = 3;
    expect(c, "ZADD z inf c", ":1\r\n");
    expect(c, "ZRANGE z 0 -1 WITHSCORES",
           "*3\r\n*2\r\n$1\r\na\r\n,1\r\n*2\r\n$1\r\nb\r\n,2.5\r\n*2\r\n$1\r\nc\r\n,inf\r\n");
    expect(c, "ZRANGE z 0 -1", "*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n");
    expect(c, "ZPOPMIN z", "*2\r\n$1\r\na\r\n,1\r\n");
    expect(c, "ZPOPMAX z 1", "*1\r\n*2\r\n$1\r\nc\r\n,inf\r\n");
    expect(c, "ZMSCORE z b x", "*2\r\n,2.5\r\n_\r\n");
    expect(c, "ZRANDMEMBER z 5 WITHSCORES", "*1\r\n*2\r\n$1\r\nb\r\n,2.5\r\n");
    expect(c, "ZADD z INCR 1.5 b", ",4\r\n");
    expect(c, "ZADD z NX INCR 1.5 b", "_\r\n");
    expect(c, "ZUNION 1 z WITHSCORES", "*1\r\n*2\r\n$1\r\nb\r\n,4\r\n");
    expect(c, "ZSCAN z 0", "*2\r\n$1\r\n0\r\n*2\r\n$1\r\nb\r\n$1\r\n4\r\n");
    expect(c, "ZMPOP 2 nope z MIN", "*2\r\n$1\r\nz\r\n*1\r\n*2\r\n$1\r\nb\r\n,4\r\n");
    expect(c, "ZMPOP 2 nope z MIN", "_\r\n");
}

Test(zset_cmd, refuses_with_the_reference_s_words) {
    static const struct {
        const char *line, *error;
    } rows[] = {
        {"ZADD z 1", "-ERR wrong number of arguments for 'zadd' command\r\n"},
        {"ZADD z 1 a 2", "-ERR syntax error\r\n"},
        {"ZADD z NX XX 1 a", "-ERR XX and NX options at the same time are not compatible\r\n"},
        {"ZADD z GT LT 1 a", "-ERR GT, LT, and/or NX options at the same time are not compatible\r\n"},
        {"ZADD z INCR 1 a 2 b", "-ERR INCR option supports a single increment-element pair\r\n"},
        {"ZADD z 1 a x b", "-ERR value is not a valid float\r\n"},
        {"ZINCRBY z nan a", "-ERR value is not a valid float\r\n"},
        {"ZINCRBY z -inf i", "-ERR resulting score is not a number (NaN)\r\n"},
        {"ZUNIONSTORE d 0 z", "-ERR at least 1 input key is needed for 'zunionstore' command\r\n"},
        {"ZUNION 2 z", "-ERR syntax error\r\n"},
        {"ZUNION 1 z WEIGHTS x", "-ERR weight value is not a float\r\n"},
        {"ZINTERCARD 1 z LIMIT -1", "-ERR LIMIT can't be negative\r\n"},
        {"ZDIFF 1 z WEIGHTS 1", "-ERR syntax error\r\n"},
        {"ZMPOP 0 z MIN", "-ERR numkeys should be greater than 0\r\n"},
        {"ZMPOP 1 z MIN COUNT 0", "-ERR count should be greater than 0\r\n"},
        {"ZRANGE z 0 1 LIMIT 0 1",
         "-ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX\r\n"},
        {"ZRANGE z 0 1 BYLEX WITHSCORES",
         "-ERR syntax error, WITHSCORES not supported in combination with BYLEX\r\n"},
        {"ZRANGE z a b", "-ERR value is not an integer or out of range\r\n"},
        {"ZRANGE z a b BYSCORE", "-ERR min or max is not a float\r\n"},
        {"ZRANGE z a b BYLEX", "-ERR min or max not valid string range item\r\n"},
        {"ZRANDMEMBER z 4611686018427387904 WITHSCORES", "-ERR value is out of range\r\n"},
        {"ZPOPMIN z -1", "-ERR value is out of range, must be positive\r\n"},
        {"ZADD s 1 a", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"},
        {"ZUNION 2 z s", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"},
        {"GET z", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"},
    };
    struct client *c = new_client();
    expect(c, "ZADD z inf i", ":1\r\n");
    expect(c, "SET s 1", "+OK\r\n");
    logged();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) expect(c, rows[i].line, rows[i].error);
    cr_assert_str_eq(logged(), "");
    expect(c, "ZRANGE z 0 -1 WITHSCORES", "*2\r\n$1\r\ni\r\n$3\r\ninf\r\n");
}

Test(zset_cmd, replicas_pop_from_the_key_that_was_popped) {
    struct client *c = new_client();
    ask(c, "ZADD z 1 a 2 b 3 c");
    logged();
    ask(c, "ZMPOP 2 nope z MAX COUNT 10");
    cr_assert_str_eq(logged(), "ZPOPMAX z 3");
    expect(c, "EXISTS z", ":0\r\n");
    ask(c, "ZMPOP 2 nope z MAX COUNT 10");
    cr_assert_str_eq(logged(), "");
}

Test(zset_cmd, what_changes_nothing_is_not_propagated) {
    struct client *c = new_client();
    ask(c, "ZADD z 1 a");
    logged();
    ask(c, "ZADD z 1 a");
    ask(c, "ZADD z GT 0 a");
    ask(c, "ZADD z XX 5 b");
    ask(c, "ZADD none XX 5 b");
    ask(c, "ZREM z x");
    ask(c, "ZREMRANGEBYSCORE z 5 6");
    ask(c, "ZPOPMIN none");
    ask(c, "ZUNIONSTORE none 1 nothing");
    cr_assert_str_eq(logged(), "");
    ask(c, "ZRANGESTORE z nothing 0 -1");
    cr_assert_str_eq(logged(), "ZRANGESTORE z nothing 0 -1");
    expect(c, "EXISTS z", ":0\r\n");
}

/* Many are drawn by leaving out the others, few one by one: all different either way. */
Test(zset_cmd, random_members_are_different_ones) {
    struct client *c = new_client();
    for (int n = 1; n < 9; n++) {
        char line[64], head[16];
        ask(c, "DEL z");
        ask(c, "ZADD z 1 a 1 b 1 c 1 d 1 e 1 f 1 g 1 h 1 i");
        snprintf(line, sizeof line, "ZRANDMEMBER z %d", n);
        snprintf(head, sizeof head, "*%d\r\n", n);
        const char *reply = ask(c, line);
        cr_assert_eq(strncmp(reply, head, strlen(head)), 0);
        int seen[256] = {0};
        for (const char *p = reply; (p = strstr(p, "$1\r\n")) != NULL; p += 4)
            cr_assert_eq(seen[(unsigned char)p[4]]++, 0);
    }
    expect(c, "ZRANDMEMBER nothing", "$-1\r\n");
    expect(c, "ZRANDMEMBER nothing 3", "*0\r\n");
    cr_assert_eq(strncmp(ask(c, "ZRANDMEMBER z -20"), "*20\r\n", 5), 0);
}

/* --- events, in the order in which redis-server 7.0.15 publishes them --- */

static char events[256];

static void note(enum ks_notify_class cls, const char *event, slice key, int dbid) {
    size_t n = strlen(events);
    (void)dbid;
    cr_assert(cls == (strcmp(event, "del") == 0 ? NOTIFY_GENERIC : NOTIFY_ZSET), "%s", event);
    snprintf(events + n, sizeof events - n, "%s%s:%.*s", n ? " " : "", event, (int)key.n, key.p);
}

static void expect_events(struct client *c, const char *line, const char *want) {
    events[0] = '\0';
    ask(c, line);
    cr_assert_str_eq(events, want, "%s: %s", line, events);
}

Test(zset_cmd, notifies) {
    static const struct ks_hooks hooks = {.notify = note};
    struct client *c = new_client();
    ks_set_hooks(&hooks);
    ks_config.notify_events = NOTIFY_ALL;
    expect_events(c, "zadd a 1 x 2 y 3 z", "zadd:a");
    expect_events(c, "zadd a 1 x", "");
    expect_events(c, "zadd a xx 1 q", "");
    expect_events(c, "zadd a incr 5 x", "zincr:a");
    expect_events(c, "zincrby a 0 x", "");
    expect_events(c, "zincrby b 1 m", "zincr:b");
    expect_events(c, "zrem a nothing", "");
    expect_events(c, "zrem a x", "zrem:a");
    expect_events(c, "zrem b m", "zrem:b del:b");
    expect_events(c, "zremrangebyrank a 5 6", "");
    expect_events(c, "zremrangebyscore a 2 2", "zremrangebyscore:a");
    expect_events(c, "zremrangebylex a - +", "zremrangebylex:a del:a");
    expect_events(c, "zadd a 1 x 2 y 3 z", "zadd:a");
    expect_events(c, "zremrangebyrank a 0 0", "zremrangebyrank:a");
    expect_events(c, "zrangestore s a 0 -1", "zrangestore:s");
    expect_events(c, "zrangestore s a 9 10", "del:s");
    expect_events(c, "zrangestore s a 9 10", "");
    expect_events(c, "zunionstore u 2 a s", "zunionstore:u");
    expect_events(c, "zinterstore u 2 a u", "zinterstore:u");
    expect_events(c, "zdiffstore v 1 a", "zdiffstore:v");
    expect_events(c, "zdiffstore v 2 a u", "del:v");
    expect_events(c, "zpopmin u", "zpopmin:u");
    expect_events(c, "zpopmax a 5", "zpopmax:a del:a");
    expect_events(c, "zmpop 2 nokey u min count 5", "zpopmin:u del:u");
    expect_events(c, "zadd a 1 x", "zadd:a");
    expect_events(c, "bzpopmin a 0", "zpopmin:a del:a");
    expect_events(c, "zadd a 1 x 2 y", "zadd:a");
    expect_events(c, "bzmpop 0 1 a max count 5", "zpopmax:a del:a");
    expect_events(c, "geoadd g 13 38 p 14 39 q", "zadd:g");
    expect_events(c, "geoadd g 13 38 p", "");
    expect_events(c, "geosearchstore gs g fromlonlat 13 38 byradius 10 km", "geosearchstore:gs");
    expect_events(c, "georadius g 13 38 10 km store gr", "georadiusstore:gr");
    expect_events(c, "georadius g 50 50 1 km store gr", "del:gr");
}

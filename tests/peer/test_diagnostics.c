/* SLOWLOG, LATENCY and the HELP of containers, beside the real redis-server. Times differ, so requests of the slow log are
 * compared by what they show of arguments; and each HELP by the subcommands it names, because its sentences are ours. */
#include "support/pair.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static redisReply *ask(struct srv *s, const char *line) {
    redisContext *c = srv_connect(s);
    redisReply *r = redisCommand(c, line);
    redisFree(c);
    cr_assert_not_null(r);
    return r;
}

/* "id [arguments] name" an entry; the addresses and times are only checked for form. */
static void describe(struct srv *s, char *out, size_t cap) {
    redisReply *r = ask(s, "SLOWLOG GET -1");
    size_t at = 0;
    cr_assert(r->type == REDIS_REPLY_ARRAY && r->elements > 0);
    long long oldest = r->element[r->elements - 1]->element[0]->integer;
    for (size_t i = 0; i < r->elements; i++) {
        redisReply *e = r->element[i];
        cr_assert(e->elements == 6 && e->element[1]->integer > 1600000000 && e->element[2]->integer >= 0);
        cr_assert(strncmp(e->element[4]->str, "127.0.0.1:", 10) == 0);
        at += (size_t)snprintf(out + at, cap - at, "%lld %s %s\n", e->element[0]->integer - oldest,
                               reply_text(e->element[3]), e->element[5]->str);
        cr_assert_lt(at, cap);
    }
    freeReplyObject(r);
}

Test(diagnostics, slow_log_shows_the_same_of_requests) {
    static char ours[65536], real[65536];
    struct pair p = pair_start("--slowlog-log-slower-than 0");
    pair_same(&p, "SLOWLOG RESET");
    PAIR_SAME(&p, "CLIENT SETNAME me", "SET k v", "GET", "nonsense", "AUTH secret", "AUTH user secret",
              "HELLO 2 AUTH user secret SETNAME x", "CONFIG SET masterauth secret maxclients 100",
              "CONFIG SET masteruser u requirepass \"\"", "MULTI", "SET a 1", "GET a", "EXEC",
              "MSET 1 1 2 2 3 3 4 4 5 5 6 6 7 7 8 8 9 9 10 10 11 11 12 12 13 13 14 14 15 15 16 16 17 17",
              "ECHO xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
              "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
              "CONFIG SET slowlog-log-slower-than -1", "SET not logged");
    describe(p.ours, ours, sizeof ours);
    describe(p.real, real, sizeof real);
    cr_assert_str_eq(ours, real);
    PAIR_SAME(&p, "SLOWLOG LEN", "CONFIG SET slowlog-max-len 3", "CONFIG SET slowlog-log-slower-than 0",
              "SLOWLOG LEN", "SLOWLOG GET x", "SLOWLOG GET -2", "SLOWLOG GET 1 2", "SLOWLOG GET 0",
              "SLOWLOG x", "SLOWLOG", "CONFIG SET slowlog-log-slower-than -1", "SLOWLOG RESET", "SLOWLOG LEN",
              "SLOWLOG GET 10", "CONFIG SET slowlog-log-slower-than -2", "CONFIG SET slowlog-max-len -1");
    pair_free(&p);
}

Test(diagnostics, latency_replies) {
    struct pair p = pair_start("");
    PAIR_SAME(&p, "LATENCY LATEST", "LATENCY HISTORY command", "LATENCY GRAPH command", "LATENCY RESET",
              "LATENCY RESET a b", "LATENCY HISTORY", "LATENCY GRAPH", "LATENCY x", "LATENCY LATEST x",
              "LATENCY HISTOGRAM nothing get", "CONFIG SET latency-monitor-threshold 1", "DEBUG SLEEP 0.05");
    struct srv *servers[] = {p.ours, p.real};
    for (int i = 0; i < 2; i++) {
        redisReply *r = ask(servers[i], "LATENCY LATEST");
        bool found = false; /* on a slow machine others may be there too */
        for (size_t k = 0; k < r->elements; k++) {
            redisReply *e = r->element[k];
            cr_assert_eq(e->elements, 4, "%s", reply_text(r));
            found |= strcmp(e->element[0]->str, "command") == 0 && e->element[3]->integer >= 50;
        }
        cr_assert(found, "%s", reply_text(r));
        freeReplyObject(r);
        r = ask(servers[i], "LATENCY HISTORY command");
        cr_assert(r->elements >= 1 && r->element[0]->elements == 2);
        freeReplyObject(r);
        cr_assert(strstr(srv_cmd(servers[i], "LATENCY GRAPH command"), "command - high "));
        cr_assert(strstr(srv_cmd(servers[i], "LATENCY DOCTOR"), ". command: "));
        cr_assert_geq(srv_int(servers[i], "LATENCY RESET"), 1);
    }
    pair_free(&p);
}

/* A command of 50 ms lies between the same limits of both servers' histograms or beyond them. */
Test(diagnostics, histograms_have_the_same_limits) {
    struct pair p = pair_start("");
    struct srv *servers[] = {p.ours, p.real};
    pair_same(&p, "DEBUG SLEEP 0.05");
    for (int i = 0; i < 2; i++) {
        redisReply *r = ask(servers[i], "LATENCY HISTOGRAM debug get");
        cr_assert_eq(r->elements, 2, "%s", reply_text(r));
        cr_assert_str_eq(r->element[0]->str, "debug");
        redisReply *h = r->element[1]->element[3];
        cr_assert_eq(r->element[1]->element[1]->integer, 1);
        int64_t limit = h->element[0]->integer, power = 1;
        cr_assert_eq(h->element[1]->integer, 1);
        while ((1024 * power + power * 8 - 1) / 1000 < limit) power *= 2;
        cr_assert_eq((1024 * power + power * 8 - 1) / 1000, limit, "%lld", (long long)limit);
        cr_assert_geq(limit, 50000);
        freeReplyObject(r);
        const char *line = srv_info(servers[i], "latency_percentiles_usec_debug");
        cr_assert_eq(strncmp(line, "p50=", 4), 0, "%s", line);
        cr_assert_geq(atof(line + 4), 49000);
    }
    PAIR_SAME(
        &p, "CONFIG SET latency-tracking-info-percentiles \"50 99.99 100.0 0\"",
        "CONFIG GET latency-tracking-info-percentiles",
        "CONFIG SET latency-tracking-info-percentiles \"50 101\"",
        "CONFIG SET latency-tracking-info-percentiles -1", "CONFIG SET latency-tracking-info-percentiles x",
        "CONFIG GET latency-tracking-info-percentiles", "CONFIG SET latency-tracking-info-percentiles \"\"",
        "CONFIG GET latency-tracking-info-percentiles", "CONFIG SET latency-tracking no", "CONFIG RESETSTAT",
        "LATENCY HISTOGRAM", "INFO latencystats");
    pair_free(&p);
}

static void usage(struct srv *s, const char *container, char *out, size_t cap) {
    char line[64];
    size_t at = 0;
    snprintf(line, sizeof line, "%s HELP", container);
    redisReply *r = ask(s, line);
    cr_assert_eq(r->type, REDIS_REPLY_ARRAY, "%s", reply_text(r));
    for (size_t i = 0; i < r->elements; i++)
        if (r->element[i]->str[0] != ' ')
            at += (size_t)snprintf(out + at, cap - at, "%.*s\n", (int)strcspn(r->element[i]->str, " "),
                                   r->element[i]->str);
    freeReplyObject(r);
}

Test(diagnostics, help_names_the_same_subcommands) {
    static const char *const containers[] = {"SLOWLOG", "LATENCY", "CONFIG",   "COMMAND", "OBJECT", "XINFO",
                                             "XGROUP",  "SCRIPT",  "FUNCTION", "MODULE",  "MEMORY", "PUBSUB"};
    char ours[4096], real[4096];
    struct pair p = pair_start("");
    for (size_t i = 0; i < sizeof containers / sizeof *containers; i++) {
        usage(p.ours, containers[i], ours, sizeof ours);
        usage(p.real, containers[i], real, sizeof real);
        cr_expect_str_eq(ours, real, "%s:\n%s\nredis:\n%s", containers[i], ours, real);
    }
    pair_free(&p);
}

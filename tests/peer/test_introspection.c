/* What MEMORY and DEBUG say of data and memory has the reference's shape: the same fields, words and errors. */
#include "support/server.h"
#include "support/session.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct srv *filled(enum srv_kind kind) {
    struct srv *s = srv_start(kind, " ");
    srv_cmd(s, "SET int 12345");
    srv_cmd(s, "SETEX string 100000 value");
    srv_cmd(s, "RPUSH list a b 3");
    srv_cmd(s, "HSET hash f v");
    srv_cmd(s, "ZADD zset 1 a");
    srv_cmd(s, "XADD stream 1-1 f v");
    srv_cmd(s, "SADD set a b c");
    srv_cmd(s, "SELECT 3");
    srv_cmd(s, "SET other 1");
    srv_cmd(s, "SELECT 0");
    return s;
}

/* The names of a reply of pairs, those of nested ones included, and the types of the values. */
static void shape(const redisReply *r, char *out, size_t room) {
    size_t n = strlen(out);
    for (size_t i = 0; i + 1 < r->elements && n < room; i += 2) {
        n += (size_t)snprintf(out + n, room - n, "%s:%d\n", r->element[i]->str, r->element[i + 1]->type);
        if (r->element[i + 1]->type == REDIS_REPLY_ARRAY) {
            shape(r->element[i + 1], out, room);
            n = strlen(out);
        }
    }
}

Test(introspection, memory_stats_has_the_same_fields) {
    static char shapes[2][4096];
    for (int i = 0; i < 2; i++) {
        struct srv *s = filled(i ? REDIS : TANDEM);
        redisContext *conn = srv_connect(s);
        redisReply *r = redisCommand(conn, "MEMORY STATS");
        cr_assert_eq(r->type, REDIS_REPLY_ARRAY);
        shape(r, shapes[i], sizeof shapes[i]);
        freeReplyObject(r);
        redisFree(conn);
        srv_free(s);
    }
    cr_assert_str_eq(shapes[0], shapes[1]);
}

Test(introspection, memory_stats_adds_up) {
    struct srv *s = filled(TANDEM);
    redisContext *conn = srv_connect(s);
    redisReply *r = redisCommand(conn, "MEMORY STATS");
    long long total = 0, overhead = 0, dataset = 0, keys = 0;
    for (size_t i = 0; i + 1 < r->elements; i += 2) {
        const char *name = r->element[i]->str;
        long long v = r->element[i + 1]->integer;
        if (!strcmp(name, "total.allocated")) total = v;
        if (!strcmp(name, "overhead.total")) overhead = v;
        if (!strcmp(name, "dataset.bytes")) dataset = v;
        if (!strcmp(name, "keys.count")) keys = v;
    }
    cr_assert_eq(keys, 8);
    cr_assert(overhead > 0 && overhead + dataset >= total, "%lld %lld %lld", total, overhead, dataset);
    freeReplyObject(r);
    redisFree(conn);
    srv_free(s);
}

Test(introspection, memory_reports) {
    struct srv *s = srv_start(TANDEM, " ");
    cr_assert(strstr(srv_cmd(s, "MEMORY DOCTOR"), "nothing to say"));
    EXPECT(s, "OK", "DEBUG POPULATE 100000 key 100");
    cr_assert(!strstr(srv_cmd(s, "MEMORY DOCTOR"), "nothing to say"));
    cr_assert(!strstr(srv_cmd(s, "MEMORY DOCTOR"), "Peak"));
    EXPECT(s, "OK", "FLUSHALL SYNC");
    EXPECT(s, "OK", "DEBUG POPULATE 50000 key 100");
    cr_assert(strstr(srv_cmd(s, "MEMORY DOCTOR"), "Peak"));
    cr_assert(strstr(srv_cmd(s, "MEMORY MALLOC-STATS"), "block size"));
    EXPECT(s, "OK", "MEMORY PURGE");
    srv_free(s);
}

static const char *const questions[] = {"MEMORY STATS x",
                                        "MEMORY DOCTOR x",
                                        "MEMORY nonsense",
                                        "MEMORY USAGE",
                                        "MEMORY USAGE none",
                                        "MEMORY USAGE int x",
                                        "MEMORY USAGE int SAMPLES",
                                        "MEMORY USAGE int SAMPLES -1",
                                        "DEBUG LISTPACK hash",
                                        "DEBUG LISTPACK zset",
                                        "DEBUG LISTPACK list",
                                        "DEBUG LISTPACK stream",
                                        "DEBUG LISTPACK none",
                                        "DEBUG LISTPACK",
                                        "DEBUG QUICKLIST list",
                                        "DEBUG QUICKLIST list 1",
                                        "DEBUG QUICKLIST hash",
                                        "DEBUG QUICKLIST none",
                                        "DEBUG HTSTATS 1000",
                                        "DEBUG HTSTATS x",
                                        "DEBUG HTSTATS-KEY hash",
                                        "DEBUG HTSTATS-KEY string",
                                        "DEBUG HTSTATS-KEY none",
                                        "DEBUG SDSLEN int",
                                        "DEBUG SDSLEN hash",
                                        "DEBUG SDSLEN none",
                                        "DEBUG OBJECT string x",
                                        "DEBUG OBJECT none",
                                        "DEBUG QUICKLIST-PACKED-THRESHOLD 10b",
                                        "DEBUG QUICKLIST-PACKED-THRESHOLD x",
                                        "DEBUG QUICKLIST-PACKED-THRESHOLD 4gb",
                                        "DEBUG SET-SKIP-CHECKSUM-VALIDATION 1",
                                        "DEBUG STRINGMATCH-LEN a b",
                                        "CLIENT UNBLOCK 1 ERROR x"};

Test(introspection, answers_alike) {
    struct srv *ours = filled(TANDEM), *real = filled(REDIS);
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
        const char *want = srv_cmd(real, questions[i]);
        EXPECT(ours, want, questions[i]);
    }
    srv_free(ours);
    srv_free(real);
}

Test(introspection, every_type_of_reply) {
    struct srv *ours = srv_start(TANDEM, " "), *real = srv_start(REDIS, " ");
    static const char *const lines[] = {
        "DEBUG PROTOCOL string", "DEBUG PROTOCOL integer",  "DEBUG PROTOCOL double",
        "DEBUG PROTOCOL bignum", "DEBUG PROTOCOL null",     "DEBUG PROTOCOL array",
        "DEBUG PROTOCOL set",    "DEBUG PROTOCOL map",      "DEBUG PROTOCOL attrib",
        "DEBUG PROTOCOL push",   "DEBUG PROTOCOL verbatim", "DEBUG PROTOCOL true",
        "DEBUG PROTOCOL false",  "DEBUG PROTOCOL nothing",  "HELLO 3"};
    enum { LINES = sizeof lines / sizeof *lines };
    const char *both_versions[2 * LINES];
    for (int i = 0; i < 2 * LINES; i++) both_versions[i] = lines[i % LINES];
    session_compare(ours, real, "types of replies", both_versions, 2 * LINES);
    srv_free(ours);
    srv_free(real);
}

Test(introspection, checksums_are_skipped_on_demand) {
    static const char payload[] = "\0\3abc\12\0wrongcrc";
    for (int i = 0; i < 2; i++) {
        struct srv *s = srv_start(i ? REDIS : TANDEM, " ");
        const char *argv[] = {"RESTORE", "k", "0", payload};
        size_t lens[] = {7, 1, 1, sizeof payload - 1};
        cr_assert_str_eq(srv_cmdv(s, 4, argv, lens),
                         "(error) ERR DUMP payload version or checksum are wrong");
        EXPECT(s, "OK", "DEBUG SET-SKIP-CHECKSUM-VALIDATION 1");
        cr_assert_str_eq(srv_cmdv(s, 4, argv, lens), "OK");
        EXPECT(s, "\"abc\"", "GET k");
        EXPECT(s, "OK", "DEBUG SET-SKIP-CHECKSUM-VALIDATION 0");
        srv_free(s);
    }
}

Test(introspection, tables_are_described) {
    struct srv *s = filled(TANDEM);
    const char *t = srv_cmd(s, "DEBUG HTSTATS 0");
    cr_assert(strstr(t, "number of elements: 7"), "%s", t);
    cr_assert(strstr(t, "[Expires HT]"), "%s", t);
    cr_assert(strstr(srv_cmd(s, "DEBUG HTSTATS 1"), "No stats available for empty dictionaries"));
    cr_assert(strstr(srv_cmd(s, "DEBUG HTSTATS-KEY set"), "number of elements: 3"));
    cr_assert(strstr(srv_cmd(s, "DEBUG SDSLEN string"), "key_sds_len:6, key_sds_avail:0"));
    cr_assert(strstr(srv_cmd(s, "DEBUG SDSLEN string"), "val_sds_len:5, val_sds_avail:0"));
    srv_free(s);
}

/* The real redis-cli in each of its modes against our server: what its users have in their fingers and scripts. */
#include "support/server.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char output[200000];

/* What `redis-cli -p PORT args` printed. `first`: a shell command that stands in front. */
static const char *cli(struct srv *s, const char *first, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static const char *cli(struct srv *s, const char *first, const char *fmt, ...) {
    char args[400], command[1000];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(args, sizeof args, fmt, ap);
    va_end(ap);
    snprintf(command, sizeof command, "%s timeout 60 stdbuf -oL redis-cli -p %d %s 2>&1", first, s->port,
             args);
    FILE *p = popen(command, "r");
    size_t n = fread(output, 1, sizeof output - 1, p);
    output[n] = '\0';
    pclose(p);
    return output;
}

/* A command to put in front of one that shows what others write; it ends with the server. */
#define WRITE_UNTIL_GONE(key) "(while redis-cli -p %d SET " key " 1; do sleep 0.1; done) >/dev/null 2>&1 &"

#define EXPECT_IN(text, what) cr_assert(strstr((text), (what)) != NULL, "no '%s' in: %.3000s", (what), (text))

static struct srv *server_with_keys(void) {
    struct srv *s = srv_start(TANDEM, "%s", "");
    for (int i = 0; i < 200; i++) EXPECT(s, "OK", "SET key:%d %d", i, i);
    EXPECT(s, "OK", "SET long %0900d", 1);
    srv_cmd(s, "RPUSH list a b c d e");
    srv_cmd(s, "SADD set a b c");
    srv_cmd(s, "ZADD zset 1 a 2 b");
    srv_cmd(s, "HSET hash f v g w h x i y");
    srv_cmd(s, "XADD stream * f v");
    return s;
}

Test(redis_cli, looks_for_big_and_hot_keys) {
    struct srv *s = server_with_keys();
    const char *text = cli(s, "", "--bigkeys -i 0.001");
    EXPECT_IN(text, "Sampled 206 keys in the keyspace!");
    EXPECT_IN(text, "Biggest string found '\"long\"' has 900 bytes");
    EXPECT_IN(text, "Biggest   list found '\"list\"' has 5 items");
    EXPECT_IN(text, "Biggest stream found '\"stream\"' has 1 entries");
    text = cli(s, "", "--memkeys -i 0.001");
    EXPECT_IN(text, "Sampled 206 keys in the keyspace!");
    EXPECT_IN(text, "Biggest string found '\"long\"' has 9");
    EXPECT_IN(cli(s, "", "--hotkeys"), "LFU");
    EXPECT(s, "OK", "CONFIG SET maxmemory-policy allkeys-lfu");
    for (int i = 0; i < 300; i++) srv_cmd(s, "GET key:7");
    EXPECT_IN(cli(s, "", "--hotkeys -i 0.001"), "hot key found with counter:");
    srv_free(s);
}

Test(redis_cli, scans_and_pipes) {
    struct srv *s = server_with_keys();
    EXPECT_IN(cli(s, "", "--scan --pattern 'key:1?9' | sort | tr '\\n' ' '"), "key:109 key:119 key:129");
    const char *text = cli(s, "for i in $(seq 1000); do printf 'SET piped:%d x\\r\\n' $i; done |", "--pipe");
    EXPECT_IN(text, "errors: 0, replies: 1000");
    EXPECT(s, "(integer) 1206", "DBSIZE");
    text = cli(s, "printf '*2\\r\\n$4\\r\\nINCR\\r\\n$4\\r\\nlist\\r\\n' |", "--pipe");
    EXPECT_IN(text, "WRONGTYPE");
    EXPECT_IN(text, "errors: 1, replies: 1");
    EXPECT_IN(cli(s, "", "--csv LRANGE list 0 -1"), "\"a\",\"b\",\"c\",\"d\",\"e\"");
    EXPECT_IN(cli(s, "", "--json HGETALL hash"), "{\"f\":\"v\",\"g\":\"w\",\"h\":\"x\",\"i\":\"y\"}");
    EXPECT_IN(cli(s, "printf bytes |", "-x SET from-stdin"), "OK");
    EXPECT(s, "\"bytes\"", "GET from-stdin");
    EXPECT_IN(cli(s, "", "-r 3 -i 0.001 INCR turns"), "1\n2\n3\n");
    EXPECT_IN(cli(s, "", "-n 5 --no-raw SET here 1"), "OK");
    EXPECT_IN(cli(s, "", "-u redis://127.0.0.1:%d/5 EXISTS here", s->port), "1");
    srv_free(s);
}

Test(redis_cli, watches) {
    struct srv *s = server_with_keys();
    EXPECT_IN(cli(s, "", "--stat -i 0.1 | grep -m 1 206"), "206");
    cr_assert_gt(atof(strrchr(cli(s, "", "--latency -i 0.2 --raw"), ' ')), 0, "samples: %s", output);
    cr_assert(strstr(cli(s, "", "--latency-history -i 0.2 | head -c 60"), "error") == NULL, "%s", output);
    char command[200];
    snprintf(command, sizeof command, WRITE_UNTIL_GONE("seen"), s->port);
    EXPECT_IN(cli(s, command, "MONITOR | grep -m 1 seen"), "\"SET\" \"seen\" \"1\"");
    EXPECT(s, "OK", "CONFIG SET maxmemory 100mb");
    EXPECT(s, "OK", "CONFIG SET maxmemory-policy allkeys-lru");
    EXPECT_IN(cli(s, "", "--lru-test 1000 | grep -m 1 -o Gets/sec"), "Gets/sec");
    srv_free(s);
}

Test(redis_cli, takes_the_place_of_a_replica) {
    struct srv *s = server_with_keys();
    char path[200], command[600];
    snprintf(path, sizeof path, "%s/copy.rdb", s->dir);
    EXPECT_IN(cli(s, "", "--rdb %s", path), "Transfer finished with success");
    struct srv *copy = srv_start(REDIS, "--appendonly no");
    srv_stop(copy);
    snprintf(command, sizeof command, "cp %s %s/dump.rdb", path, copy->dir);
    cr_assert_eq(system(command), 0);
    srv_restart(copy);
    cr_assert(srv_same_data(s, copy), "the real server reads the same from it");
    srv_free(copy);
    EXPECT_IN(cli(s, "", "--functions-rdb %s", path), "Transfer finished with success");
    snprintf(command, sizeof command, WRITE_UNTIL_GONE("followed"), s->port);
    EXPECT_IN(cli(s, command, "--replica | grep -m 1 followed"), "\"SET\",\"followed\",\"1\"");
    EXPECT(s, "\"1\"", "GET followed");
    srv_free(s);
}

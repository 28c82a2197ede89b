/* Every directive of the real redis-server's CONFIG GET *: ours knows it, has the same default, and takes or refuses the same
 * values with the same words; or says that it is not supported. */
#include "support/pair.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const values[] = {"",
                                     "yes",
                                     "no",
                                     "NO",
                                     "0",
                                     "1",
                                     "-1",
                                     "-3",
                                     "7",
                                     "100",
                                     "70000",
                                     "abc",
                                     "1mb",
                                     "10GB",
                                     "3k",
                                     "1b",
                                     "1.5",
                                     "2147483648",
                                     "9223372036854775807",
                                     "9223372036854775808",
                                     "99999999999999999999",
                                     "0x10",
                                     "local",
                                     "relative",
                                     "default",
                                     "1 2 3",
                                     "one two",
                                     "50%"};
enum { VALUES = sizeof values / sizeof *values, DIRECTIVES_MAX = 400 };

/* What depends on how the server was started, would change how it is reached, or takes long. */
static const char *const not_tried[] = {
    "port",    "dir",        "bind",    "logfile", "unixsocket", "replicaof",        "slaveof",
    "aclfile", "appendonly", "pidfile", "save",    "maxclients", "maxmemory-clients"};
/* Where the two differ on purpose. */
static const struct {
    const char *name, *value, *why;
} differences[] = {
    {"repl-backlog-ttl", "", "is an int of seconds"},
};

static bool is_not_tried(const char *name) {
    for (size_t i = 0; i < sizeof not_tried / sizeof *not_tried; i++)
        if (strcmp(name, not_tried[i]) == 0) return true;
    return false;
}

/* Redis takes some of these, cut to 64 bits or turned into something else; ours never goes beyond 63. */
static bool is_huge(const char *value) {
    return strcmp(value, "9223372036854775808") == 0 || strcmp(value, "99999999999999999999") == 0;
}

static bool may_differ(const char *name, const char *value) {
    if (is_huge(value)) return true;
    for (size_t i = 0; i < sizeof differences / sizeof *differences; i++)
        if (strcmp(name, differences[i].name) == 0 &&
            (!*differences[i].value || strcmp(value, differences[i].value) == 0))
            return true;
    return false;
}

static redisReply *take(redisContext *c) {
    redisReply *r = NULL;
    cr_assert_eq(redisGetReply(c, (void **)&r), REDIS_OK, "%s", c->errstr);
    return r;
}

static redisReply *get_all(redisContext *c) {
    redisAppendCommand(c, "CONFIG GET *");
    return take(c);
}

static const char *value_of(const redisReply *all, const char *name) {
    for (size_t i = 0; i + 1 < all->elements; i += 2)
        if (strcmp(all->element[i]->str, name) == 0) return all->element[i + 1]->str;
    return NULL;
}

/* For each value three requests: it is set, it is read, and the default is put back. */
static void send(redisContext *c, const char *name, const char *standard) {
    for (int i = 0; i < VALUES; i++) {
        redisAppendCommand(c, "CONFIG SET %s %s", name, values[i]);
        redisAppendCommand(c, "CONFIG GET %s", name);
        redisAppendCommand(c, "CONFIG SET %s %s", name, standard);
    }
}

struct outcome {
    char set[600], get[600];
};

static void receive(redisContext *c, struct outcome out[VALUES]) {
    for (int i = 0; i < VALUES; i++) {
        redisReply *set = take(c), *get = take(c);
        snprintf(out[i].set, sizeof out[i].set, "%.599s", reply_text(set));
        snprintf(out[i].get, sizeof out[i].get, "%.599s", reply_text(get));
        freeReplyObject(set);
        freeReplyObject(get);
        freeReplyObject(take(c));
    }
}

static void compare(const char *name, const struct outcome *ours, const struct outcome *real) {
    for (int i = 0; i < VALUES; i++) {
        bool refused = strstr(ours[i].set, "is not supported by Tandem");
        bool same = strcmp(ours[i].set, real[i].set) == 0 && strcmp(ours[i].get, real[i].get) == 0;
        cr_expect(same || refused || may_differ(name, values[i]),
                  "CONFIG SET %s '%s'\n  ours:  %s, then %s\n  redis: %s, then %s", name, values[i],
                  ours[i].set, ours[i].get, real[i].set, real[i].get);
    }
}

Test(config, takes_and_refuses_the_same_values) {
    struct pair p = pair_start("");
    redisContext *ours = srv_connect(p.ours), *real = srv_connect(p.real);
    redisReply *ours_all = get_all(ours), *real_all = get_all(real);
    cr_assert_geq(real_all->elements / 2, 190);
    for (size_t i = 0; i + 1 < real_all->elements; i += 2) {
        static struct outcome of_ours[VALUES], of_real[VALUES];
        const char *name = real_all->element[i]->str, *standard = real_all->element[i + 1]->str;
        const char *ours_standard = value_of(ours_all, name);
        if (!ours_standard) { /* refused by name, not unknown */
            const char *said = srv_cmd(p.ours, "CONFIG SET %s 1", name);
            cr_expect(strstr(said, "is not supported by Tandem"), "%s: %s", name, said);
            continue;
        }
        if (is_not_tried(name)) continue;
        cr_expect_str_eq(ours_standard, standard, "default of %s: %s, redis: %s", name, ours_standard,
                         standard);
        send(ours, name, ours_standard);
        send(real, name, standard);
        receive(ours, of_ours);
        receive(real, of_real);
        compare(name, of_ours, of_real);
    }
    freeReplyObject(ours_all);
    freeReplyObject(real_all);
    redisFree(ours);
    redisFree(real);
    pair_free(&p);
}

/* The settings that match, in whatever order. */
static void same_settings(struct pair *p, const char *patterns) {
    char line[256];
    struct srv *servers[] = {p->ours, p->real};
    redisReply *all[2];
    snprintf(line, sizeof line, "CONFIG GET %s", patterns);
    for (int i = 0; i < 2; i++) {
        redisContext *c = srv_connect(servers[i]);
        all[i] = redisCommand(c, line);
        redisFree(c);
    }
    cr_assert_eq(all[0]->elements, all[1]->elements, "%s", line);
    for (size_t i = 0; i < all[1]->elements; i += 2) {
        const char *name = all[1]->element[i]->str, *value = value_of(all[0], name);
        bool same = value && (strcmp(value, all[1]->element[i + 1]->str) == 0);
        cr_assert(same, "%s: %s is %s", line, name, value);
    }
    for (int i = 0; i < 2; i++) freeReplyObject(all[i]);
}

/* All or nothing: by a wrong value, an unknown name, one that can't be set, the same twice, an effect that fails. */
Test(config, several_at_once_are_set_or_none) {
    struct pair p = pair_start("");
    PAIR_SAME(&p, "CONFIG SET timeout 10 hz 20", "CONFIG SET timeout 11 hz abc loglevel debug",
              "CONFIG SET timeout 11 hz 1 nonsense 1", "CONFIG SET timeout 11 databases 3",
              "CONFIG SET timeout 11 hz 3 timeout 12", "CONFIG SET timeout 11 dbfilename x.rdb",
              "CONFIG SET timeout 11 bind 1.2.3.4", "CONFIG SET bind 1.2.3.4 timeout 11 hz 40",
              "CONFIG SET port 1x timeout 11", "CONFIG SET timeout 11 port 70000", "CONFIG SET timeout",
              "CONFIG SET timeout 1 hz", "CONFIG SET", "CONFIG GET");
    same_settings(&p, "timeout hz loglevel databases bind");
    pair_same(&p, "CONFIG SET slave-priority 3 replica-priority 4");
    same_settings(&p, "*-priority");
    pair_same(&p, "CONFIG SET slave-priority 3 slave-priority 4");
    same_settings(&p, "timeout TIMEOUT t?meout nothing* hz");
    pair_free(&p);
}

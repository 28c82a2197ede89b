/* INFO beside the real redis-server: each of its fields is there, in its place; ours has some more. Of values only those are
 * compared that the same requests decide. */
#include "support/pair.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* The lines of INFO with these arguments, cut behind their names. */
struct names {
    int n;
    char line[400][64];
};

static void ask(struct srv *s, const char *request, struct names *out) {
    redisContext *c = srv_connect(s);
    redisReply *r = redisCommand(c, request);
    cr_assert_eq(r->type, REDIS_REPLY_STRING);
    out->n = 0;
    for (char *p = r->str; *p; p += strcspn(p, "\n"), p += *p == '\n') {
        if (strncmp(p, "cmdstat_", 8) == 0 || strncmp(p, "latency_p", 9) == 0) continue;
        snprintf(out->line[out->n++], sizeof out->line[0], "%.*s", (int)strcspn(p, ":\r"), p);
    }
    freeReplyObject(r);
    redisFree(c);
}

static void same_fields(struct pair *p, const char *request) {
    static struct names ours, real;
    ask(p->ours, request, &ours);
    ask(p->real, request, &real);
    int at = 0;
    for (int i = 0; i < real.n; i++) {
        const char *name = real.line[i];
        if (!*name) continue; /* blank lines stand before sections, of which ours may have more */
        while (at < ours.n && strcmp(ours.line[at], name) != 0) at++;
        cr_assert_lt(at, ours.n, "%s: %s is missing or in another place", request, name);
    }
}

/* No section but those that the real one shows too. */
static void same_sections(struct pair *p, const char *request) {
    static struct names ours, real;
    ask(p->ours, request, &ours);
    ask(p->real, request, &real);
    int at = 0;
    for (int i = 0; i < ours.n; i++) {
        if (ours.line[i][0] != '#') continue;
        while (at < real.n && strcmp(real.line[at], ours.line[i]) != 0) at++;
        cr_assert_lt(at, real.n, "%s: %s is too much", request, ours.line[i]);
    }
}

Test(info, fields_and_sections) {
    static const char *const requests[] = {"INFO",
                                           "INFO default",
                                           "INFO server keyspace",
                                           "INFO keyspace server nothing",
                                           "INFO commandstats stats commandstats",
                                           "INFO errorstats latencystats modules cluster cpu",
                                           "INFO Clients MEMORY persistence",
                                           "INFO replication default",
                                           "INFO nothing"};
    struct pair p = pair_start("");
    PAIR_SAME(&p, "SET a 1", "INCR b", "GET", "SELECT 3", "SET c 1 EX 1000");
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        same_fields(&p, requests[i]);
        same_sections(&p, requests[i]);
    }
    same_fields(&p, "INFO everything");
    same_fields(&p, "INFO all");
    same_fields(&p, "INFO ALL server");
    pair_free(&p);
}

/* Both are masters of a replica, then replicas themselves whose link is down, and have append-only files. */
Test(info, fields_of_other_states) {
    struct pair p = pair_start("--appendonly yes --min-replicas-max-lag 10");
    struct srv *replicas[] = {srv_start(REDIS, "--save "), srv_start(REDIS, "--save ")};
    srv_replicate(replicas[0], p.ours);
    srv_replicate(replicas[1], p.real);
    pair_same(&p, "CONFIG SET min-replicas-to-write 1");
    same_fields(&p, "INFO everything");
    srv_free(replicas[0]);
    srv_free(replicas[1]);
    pair_same(&p, "REPLICAOF 127.0.0.1 1");
    same_fields(&p, "INFO everything");
    pair_free(&p);
}

static const char *const counted[] = {"errorstat_ERR",
                                      "errorstat_WRONGTYPE",
                                      "errorstat_EXECABORT",
                                      "total_error_replies",
                                      "keyspace_hits",
                                      "keyspace_misses",
                                      "expired_keys",
                                      "blocked_clients",
                                      "total_forks",
                                      "sync_full",
                                      "connected_slaves",
                                      "evicted_keys",
                                      "clients_in_timeout_table",
                                      "rdb_changes_since_last_save",
                                      "unexpected_error_replies",
                                      "db0",
                                      "db3"};

static void calls_of(struct srv *s, const char *command, char *out, size_t cap) {
    char field[64];
    snprintf(field, sizeof field, "cmdstat_%s", command);
    const char *text = srv_info(s, field), *usec = strstr(text, "usec="),
               *rejected = strstr(text, "rejected");
    snprintf(out, cap, "%.*s%s", usec ? (int)(usec - text) : 0, text, rejected ? rejected : "");
}

Test(info, counts_the_same) {
    static const char *const commands[] = {"set",   "get",        "lpush",       "exec",
                                           "multi", "config|set", "incr",        "nosuchthing",
                                           "hset",  "select",     "object|help", "discard"};
    struct pair p = pair_start("");
    PAIR_SAME(&p, "CONFIG RESETSTAT", "SET a 1", "SET b x", "GET a", "GET nokey", "GET", "LPUSH a 1",
              "INCR b", "NOSUCHTHING", "MULTI", "SET c 1", "LPUSH a 2", "INCR b", "EXEC", "MULTI", "GET",
              "EXEC", "EXEC", "MULTI", "DISCARD", "DISCARD", "CONFIG SET hz abc", "CONFIG SET hz 20",
              "CONFIG NOSUCH", "SELECT 3", "SET z 1", "SELECT 99", "OBJECT HELP", "HSET h a 1 b 2",
              "HSET h a", "SET e 1 PX x");
    for (size_t i = 0; i < sizeof counted / sizeof *counted; i++) {
        char ours[256];
        snprintf(ours, sizeof ours, "%s", srv_info(p.ours, counted[i]));
        cr_expect_str_eq(ours, srv_info(p.real, counted[i]), "%s: %s, redis: %s", counted[i], ours,
                         srv_info(p.real, counted[i]));
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        char ours[256], real[256];
        calls_of(p.ours, commands[i], ours, sizeof ours);
        calls_of(p.real, commands[i], real, sizeof real);
        cr_expect_str_eq(ours, real, "%s: %s, redis: %s", commands[i], ours, real);
    }
    pair_free(&p);
}

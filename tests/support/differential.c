/* Differential tests: see differential.h. */
#include "support/differential.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 100

bool chance(int percent) {
    return test_below(100) < (uint64_t)percent;
}

void add_bytes(struct cmd *c, const void *p, size_t n) {
    cr_assert(c->argc < CMD_ARGS_MAX && n <= CMD_ARG_BYTES);
    memcpy(c->argv[c->argc], p, n);
    c->len[c->argc++] = n;
}

void add(struct cmd *c, const char *s) {
    add_bytes(c, s, strlen(s));
}

void add_i64(struct cmd *c, int64_t v) {
    char b[32];
    add_bytes(c, b, (size_t)snprintf(b, sizeof b, "%lld", (long long)v));
}

const char *pick(const char *const *words, size_t n) {
    return words[test_below(n)];
}

void make_command(const struct rule *rules, int n, struct cmd *c) {
    int total = 0, at;
    for (int i = 0; i < n; i++) total += rules[i].weight;
    at = (int)test_below((uint64_t)total);
    c->argc = 0;
    for (int i = 0; i < n; i++) {
        at -= rules[i].weight;
        if (at < 0) {
            rules[i].make(c);
            return;
        }
    }
}

/* A transaction is ended soon, or hardly one would get by without a mistake in it. */
void make_next_command(const struct rule *rules, int n, struct cmd *c, int *until_exec) {
    make_command(rules, n, c);
    if (is_command(c, "MULTI")) {
        *until_exec = 2 + (int)test_below(8);
    } else if (*until_exec > 0 && --*until_exec == 0) {
        c->argc = 0;
        add(c, "EXEC");
    }
}

/* --- comparing --- */

void add_whole_scan(struct cmd *c) {
    add(c, chance(5) ? PICK("x", "00", "", "18446744073709551616") : "0");
    add(c, "COUNT");
    add(c, chance(5) ? PICK("0", "x", "-1") : "1000");
    if (!chance(30)) return;
    add(c, PICK("MATCH", "match", "TYPE", "bogus"));
    if (!chance(5)) add(c, PICK("*", "f*", "1*", "[0-5]", "nothing"));
}

bool is_command(const struct cmd *c, const char *name) {
    return c->len[0] == strlen(name) && strncasecmp(c->argv[0], name, c->len[0]) == 0;
}

static int by_bytes(const void *a, const void *b) {
    const redisReply *x = *(redisReply *const *)a, *y = *(redisReply *const *)b;
    size_t n = x->len < y->len ? x->len : y->len;
    int d = memcmp(x->str, y->str, n);
    return d != 0 ? d : (x->len > y->len) - (x->len < y->len);
}

void sort_reply(redisReply *r) {
    if (r->type == REDIS_REPLY_ARRAY && r->elements > 1)
        qsort(r->element, r->elements, sizeof *r->element, by_bytes);
}

/* Field and value, or member and score: ordered by the first, and each pair kept together. */
void sort_pairs(redisReply *r) {
    if (r->type == REDIS_REPLY_ARRAY && r->elements > 2)
        qsort(r->element, r->elements / 2, 2 * sizeof *r->element, by_bytes);
}

bool same_text(redisReply *a, redisReply *b) {
    return strcmp(reply_text(a), reply_text(b)) == 0;
}

static bool same_reply(const struct differential *d, const struct cmd *c, redisReply *a, redisReply *b) {
    return d->same ? d->same(c, a, b) : same_text(a, b);
}

static void describe(const struct cmd *c, char *out, size_t cap) {
    size_t n = 0;
    for (int i = 0; i < c->argc; i++) {
        redisReply r = {.type = REDIS_REPLY_STRING, .str = (char *)c->argv[i], .len = c->len[i]};
        n += (size_t)snprintf(out + n, cap - n, "%s ", reply_text(&r));
        if (n >= cap) return;
    }
}

struct queue { /* what a MULTI of this connection holds, so that EXEC's replies can be compared one by one */
    bool open;
    struct cmd *queued;
    int n, cap;
};

static void fail_at(const struct cmd *c, redisReply *a, redisReply *b) {
    char text[4096];
    describe(c, text, sizeof text);
    cr_assert(false, "TEST_SEED=%llu: %s\n  ours:  %.600s\n  redis: %.600s", (unsigned long long)test_seed(),
              text, reply_text(a), reply_text(b));
}

static void compare_exec(const struct differential *d, const struct cmd *exec, struct queue *q, redisReply *a,
                         redisReply *b) {
    bool arrays = a->type == REDIS_REPLY_ARRAY && b->type == REDIS_REPLY_ARRAY;
    if (!arrays || a->elements != b->elements || a->elements != (size_t)q->n) {
        if (arrays || !same_text(a, b)) fail_at(exec, a, b);
        return;
    }
    for (size_t i = 0; i < a->elements; i++)
        if (!same_reply(d, &q->queued[i], a->element[i], b->element[i]))
            fail_at(&q->queued[i], a->element[i], b->element[i]);
}

static void track(struct queue *q, const struct cmd *c, const redisReply *a) {
    if (is_command(c, "MULTI") && a->type == REDIS_REPLY_STATUS) {
        q->open = true;
        q->n = 0;
    } else if (is_command(c, "EXEC") || is_command(c, "DISCARD")) {
        q->open = false;
    } else if (q->open && a->type == REDIS_REPLY_STATUS && strcmp(a->str, "QUEUED") == 0) {
        if (q->n == q->cap) q->queued = realloc(q->queued, (size_t)(q->cap += BATCH) * sizeof *q->queued);
        q->queued[q->n++] = *c;
    }
}

static void run_batch(const struct differential *d, redisContext *ours, redisContext *real, struct cmd *batch,
                      int n, struct queue *q) {
    redisContext *both[] = {ours, real};
    for (int i = 0; i < n; i++) {
        const char *argv[CMD_ARGS_MAX];
        for (int k = 0; k < batch[i].argc; k++) argv[k] = batch[i].argv[k];
        for (int s = 0; s < 2; s++) redisAppendCommandArgv(both[s], batch[i].argc, argv, batch[i].len);
    }
    for (int i = 0; i < n; i++) {
        redisReply *a = NULL, *b = NULL;
        cr_assert(redisGetReply(ours, (void **)&a) == REDIS_OK, "ours: %s", ours->errstr);
        cr_assert(redisGetReply(real, (void **)&b) == REDIS_OK, "redis: %s", real->errstr);
        if (is_command(&batch[i], "EXEC"))
            compare_exec(d, &batch[i], q, a, b);
        else if (!same_reply(d, &batch[i], a, b))
            fail_at(&batch[i], a, b);
        track(q, &batch[i], a);
        freeReplyObject(a);
        freeReplyObject(b);
    }
}

void differential_run(struct srv *ours, struct srv *real, const struct differential *d) {
    redisContext *a = srv_connect(ours), *b = srv_connect(real);
    struct cmd *batch = calloc(BATCH, sizeof *batch);
    struct queue q = {0};
    int until_exec = 0;
    test_seed();
    for (int64_t done = 0; done < (int64_t)d->commands * test_scale(); done += BATCH) {
        for (int i = 0; i < BATCH; i++) make_next_command(d->rules, d->n_rules, &batch[i], &until_exec);
        run_batch(d, a, b, batch, BATCH, &q);
    }
    redisReply *ra = redisCommand(a, "DISCARD"), *rb = redisCommand(b, "DISCARD");
    freeReplyObject(ra);
    freeReplyObject(rb);
    cr_assert(srv_same_data(ours, real), "digests differ after TEST_SEED=%llu",
              (unsigned long long)test_seed());
    free(batch);
    free(q.queued);
    redisFree(a);
    redisFree(b);
}

void differential_exchange_dumps(struct srv *from, struct srv *to, const char *const *keys, size_t n,
                                 bool encodings) {
    redisContext *f = srv_connect(from), *t = srv_connect(to);
    for (size_t i = 0; i < n; i++) {
        redisReply *dump = redisCommand(f, "DUMP %s", keys[i]);
        if (dump->type == REDIS_REPLY_STRING) {
            redisReply *r = redisCommand(t, "RESTORE copy 0 %b REPLACE", dump->str, dump->len);
            cr_assert(r->type == REDIS_REPLY_STATUS, "%s", reply_text(r));
            freeReplyObject(r);
            const char *want = srv_cmd(from, "DEBUG DIGEST-VALUE %s", keys[i]);
            EXPECT(to, want, "DEBUG DIGEST-VALUE copy");
            if (encodings) EXPECT(to, srv_cmd(from, "OBJECT ENCODING %s", keys[i]), "OBJECT ENCODING copy");
        }
        freeReplyObject(dump);
    }
    srv_cmd(to, "DEL copy");
    redisFree(f);
    redisFree(t);
}

void differential_exchange_files(struct srv *from, struct srv *to) {
    char line[400];
    EXPECT(from, "OK", "SAVE");
    srv_kill(to);
    snprintf(line, sizeof line, "cp %s/dump.rdb %s/dump.rdb", from->dir, to->dir);
    cr_assert_eq(system(line), 0);
    srv_restart(to);
    cr_assert(srv_same_data(from, to), "from the %s file", from->kind == TANDEM ? "tandem" : "redis");
}

static void report_key(redisContext *a, redisContext *b, int db, const redisReply *key) {
    static const char *const questions[] = {"DEBUG DIGEST-VALUE %b", "TYPE %b", "OBJECT ENCODING %b",
                                            "PEXPIRETIME %b", "DUMP %b"};
    redisReply *x, *y;
    bool same = true;
    for (size_t i = 0; i < sizeof questions / sizeof *questions && (i == 0 || !same); i++) {
        x = redisCommand(a, questions[i], key->str, key->len);
        y = redisCommand(b, questions[i], key->str, key->len);
        if (i == 0) same = same_text(x, y);
        if (!same)
            fprintf(stderr, "db %d %s %.12s\n  %.500s\n  %.500s\n", db, reply_text(key), questions[i],
                    reply_text(x), reply_text(y));
        freeReplyObject(x);
        freeReplyObject(y);
    }
}

void differential_report(struct srv *a, struct srv *b) {
    redisContext *c[2] = {srv_connect(a), srv_connect(b)};
    for (int db = 0; db < 16; db++) {
        redisReply *keys[2];
        for (int i = 0; i < 2; i++) {
            freeReplyObject(redisCommand(c[i], "SELECT %d", db));
            keys[i] = redisCommand(c[i], "KEYS *");
        }
        if (keys[0]->elements != keys[1]->elements)
            fprintf(stderr, "db %d has %zu and %zu keys\n", db, keys[0]->elements, keys[1]->elements);
        for (int i = 0; i < 2; i++)
            for (size_t k = 0; k < keys[i]->elements; k++) report_key(c[0], c[1], db, keys[i]->element[k]);
        for (int i = 0; i < 2; i++) freeReplyObject(keys[i]);
    }
    for (int i = 0; i < 2; i++) redisFree(c[i]);
}

static void follow_check(struct srv *follower, struct srv *primary, const char *how) {
    srv_wait_synced(follower, primary);
    cr_assert(srv_same_data(follower, primary), "the %s differs after TEST_SEED=%llu", how,
              (unsigned long long)test_seed());
}

void differential_follow(struct srv *primary, struct srv *replica, struct srv *late, const struct rule *rules,
                         int n_rules, int commands) {
    struct cmd *c = calloc(1, sizeof *c);
    redisContext *conn = srv_connect(primary);
    int until_exec = 0;
    srv_replicate(replica, primary);
    test_seed();
    for (int64_t done = 0; done < (int64_t)commands * test_scale(); done += BATCH) {
        for (int i = 0; i < BATCH; i++) {
            const char *argv[CMD_ARGS_MAX];
            make_next_command(rules, n_rules, c, &until_exec);
            for (int k = 0; k < c->argc; k++) argv[k] = c->argv[k];
            redisAppendCommandArgv(conn, c->argc, argv, c->len);
        }
        for (int i = 0; i < BATCH; i++) {
            redisReply *r;
            cr_assert(redisGetReply(conn, (void **)&r) == REDIS_OK, "%s", conn->errstr);
            freeReplyObject(r);
        }
    }
    redisFree(conn);
    free(c);
    follow_check(replica, primary, "stream");
    srv_replicate(late, primary);
    follow_check(late, primary, "snapshot");
}

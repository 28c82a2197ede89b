/* See room.h. */
#include "support/room.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void room_open(struct room *r, enum srv_kind kind, const char *args) {
    memset(r, 0, sizeof *r);
    r->srv = srv_start(kind, "%s", args);
    for (int i = 0; i < ROOM_CONNS; i++) {
        r->conn[i] = srv_connect(r->srv);
        redisReply *id = redisCommand(r->conn[i], "CLIENT ID");
        r->id[i] = id->integer;
        freeReplyObject(id);
    }
}

void room_close(struct room *r) {
    for (int i = 0; i < ROOM_CONNS; i++)
        if (r->conn[i]) redisFree(r->conn[i]);
    srv_free(r->srv);
}

static bool readable(redisContext *c) {
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    return poll(&p, 1, 0) > 0;
}

static void take_reply(struct room *r, int i) {
    redisReply *reply = NULL;
    r->waits[i] = false;
    if (redisGetReply(r->conn[i], (void **)&reply) != REDIS_OK) {
        snprintf(r->said[i], sizeof r->said[i], "(closed)");
        redisFree(r->conn[i]);
        r->conn[i] = NULL;
        return;
    }
    snprintf(r->said[i], sizeof r->said[i], "%.2000s", reply_text(reply));
    freeReplyObject(reply);
}

static int waiting(const struct room *r) {
    int n = 0;
    for (int i = 0; i < ROOM_CONNS; i++) n += r->waits[i];
    return n;
}

/* Until as many wait as the server says are blocked. */
static void settle(struct room *r, const char *what) {
    uint64_t end = now_ms() + WAIT_MS;
    while (waiting(r) != srv_info_int(r->srv, "blocked_clients")) {
        cr_assert(now_ms() < end, "%s after %s: %d wait, %lld are blocked",
                  r->srv->kind == TANDEM ? "ours" : "redis", what, waiting(r),
                  (long long)srv_info_int(r->srv, "blocked_clients"));
        for (int i = 0; i < ROOM_CONNS; i++)
            if (r->waits[i] && readable(r->conn[i])) take_reply(r, i);
    }
}

void room_step_args(struct room *r, int conn, int argc, const char **argv, const size_t *lens) {
    cr_assert(!r->waits[conn] && r->conn[conn]);
    for (int i = 0; i < ROOM_CONNS; i++) r->said[i][0] = '\0';
    redisAppendCommandArgv(r->conn[conn], argc, argv, lens);
    int done = 0;
    while (!done) redisBufferWrite(r->conn[conn], &done);
    r->waits[conn] = true;
    int before = waiting(r);
    /* It is being executed as soon as it was answered or one more is blocked. */
    uint64_t end = now_ms() + WAIT_MS;
    while (!readable(r->conn[conn]) && srv_info_int(r->srv, "blocked_clients") != before) {
        cr_assert(now_ms() < end, "neither answered nor blocked");
    }
    settle(r, argv[0]);
}

void room_step(struct room *r, const char *line) {
    char text[512], *word, *rest = NULL;
    const char *argv[32];
    static char ids[ROOM_CONNS][24];
    size_t lens[32];
    int argc = 0, conn = line[0] - '0';
    snprintf(text, sizeof text, "%s", line + 2);
    for (word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        if (word[0] == '%' && strlen(word) == 2) { /* %n: the id of connection n; %R~ is ACL's */
            int n = word[1] - '0';
            snprintf(ids[n], sizeof ids[n], "%lld", (long long)r->id[n]);
            word = ids[n];
        }
        if (strcmp(word, "\"\"") == 0) word[0] = '\0';
        argv[argc] = word;
        lens[argc++] = strlen(word);
    }
    room_step_args(r, conn, argc, argv, lens);
}

void room_compare(struct room *ours, struct room *real, const char *what) {
    for (int i = 0; i < ROOM_CONNS; i++) {
        bool same = strcmp(ours->said[i], real->said[i]) == 0 && ours->waits[i] == real->waits[i];
        cr_assert(same, "TEST_SEED=%llu, at %s, connection %d:\n  ours:  %s%s\n  redis: %s%s",
                  (unsigned long long)test_seed(), what, i, ours->said[i], ours->waits[i] ? "(waits)" : "",
                  real->said[i], real->waits[i] ? "(waits)" : "");
    }
}

void room_play(const char *const *lines) {
    struct room ours, real;
    room_open(&ours, TANDEM, "");
    room_open(&real, REDIS, "");
    for (; *lines; lines++) {
        room_step(&ours, *lines);
        room_step(&real, *lines);
        room_compare(&ours, &real, *lines);
    }
    cr_assert(srv_same_data(ours.srv, real.srv));
    room_close(&ours);
    room_close(&real);
}

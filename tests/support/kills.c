/* The stage on which scenes are played. See kills.h. */
#include "support/kills.h"
#include "support/scenarios.h"

#include <criterion/criterion.h>
#include <criterion/logging.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- what is seen from outside --- */

const char *kill_moved_to(const struct srv *s, const char *machine, const char *none_yet) {
    static char state[2][64];
    static int turn;
    char line[1024], *out = state[turn ^= 1];
    FILE *f = fopen(s->log, "r");
    snprintf(out, sizeof state[0], "%s", none_yet);
    while (f && fgets(line, sizeof line, f)) {
        const char *at = strstr(line, machine), *arrow = at ? strstr(at, " -> ") : NULL;
        if (arrow) snprintf(out, sizeof state[0], "%.*s", (int)strcspn(arrow + 4, "\r\n"), arrow + 4);
    }
    if (f) fclose(f);
    return out;
}

static bool link_is(const struct stage *t) {
    if (t->r->kind != TANDEM) return true;
    return strcmp(kill_moved_to(t->r, "Master link", "none"), link_state_name(t->scene->link)) == 0;
}

static bool peer_is(const struct stage *t) {
    if (t->p->kind != TANDEM) return true;
    const char *state = kill_moved_to(t->p, "Replica link", "handshake");
    enum peer_state want = t->scene->peer;
    /* A peer says nothing before its first move, so one that is new is seen as the end of the one before. */
    if (want == PEER_STATES) want = PEER_GONE;
    if (want == PEER_HANDSHAKE) {
        if (!strstr(srv_cmd(t->p, "CLIENT LIST"), "cmd=replconf")) return false;
        want = PEER_GONE;
    }
    return strcmp(state, peer_state_name(want)) == 0 ||
           (want == PEER_GONE && t->scene->before == NEW && strcmp(state, "handshake") == 0);
}

static void expect_state(const struct stage *t) {
    const struct scene *s = t->scene;
    WAIT_UNTIL(link_is(t));
    WAIT_UNTIL(peer_is(t));
    WAIT_UNTIL(!s->role || strstr(srv_cmd(t->r, "ROLE"), s->role));
    WAIT_UNTIL(!s->shown || strstr(srv_info(t->p, "slave0"), s->shown));
    cr_assert_str_eq(srv_info(t->p, "master_failover_state"), failover_state_name(s->failover));
}

static bool any_file(const struct srv *s, const char *form) {
    char pattern[300];
    glob_t found;
    snprintf(pattern, sizeof pattern, "%s/%s", s->dir, form);
    bool any = glob(pattern, 0, NULL, &found) == 0;
    globfree(&found);
    return any;
}

static bool left_over(const struct srv *s) {
    return s->kind == TANDEM && (any_file(s, "temp-*") || any_file(s, "appendonlydir/temp-*"));
}

static void note_children(struct stage *t, const struct srv *s) {
    char path[64];
    int pid;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", s->pid, s->pid);
    FILE *f = fopen(path, "r");
    t->children_n = 0;
    while (f && s->kind == TANDEM && t->children_n < sizeof t->children / sizeof *t->children &&
           fscanf(f, "%d", &pid) == 1)
        t->children[t->children_n++] = pid;
    if (f) fclose(f);
}

/* Ended, if perhaps not yet buried by whoever inherited it. */
static bool has_ended(pid_t pid) {
    char path[64], state = 'Z';
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *f = fopen(path, "r");
    if (!f) return true;
    if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1) state = 'Z';
    fclose(f);
    return state == 'Z' || state == 'X';
}

static pid_t snapshot_child(const struct srv *s) {
    char line[1024];
    long pid = 0;
    FILE *f = fopen(s->log, "r");
    while (f && fgets(line, sizeof line, f)) {
        const char *at = strstr(line, "started by pid ");
        if (at && (strstr(line, "Background saving") || strstr(line, "Background RDB transfer")))
            pid = atol(at + strlen("started by pid "));
    }
    if (f) fclose(f);
    return (pid_t)pid;
}

/* --- writes --- */

void kill_count(struct stage *t, int n) {
    for (int i = 0; i < n; i++) {
        int64_t now = srv_int(t->p, "INCR counter");
        cr_assert_geq(now, t->counted + 1, "%s: INCR said %lld", t->scene->name, (long long)now);
        t->counted = now;
    }
}

/* Of several types and databases. No key goes by itself: a replica that is a master for a moment would write that into its
 * own history. */
static void write_more(struct srv *s, int n) {
    redisContext *c = srv_connect(s);
    for (int i = 0; i < n; i++) {
        int k = (int)test_below(20), v = (int)test_below(1000000);
        switch (i % 8) {
        case 0: redisAppendCommand(c, "SELECT %d", v % 3); break;
        case 1: redisAppendCommand(c, "SET key:%d %d EX 100000", k, v); break;
        case 2: redisAppendCommand(c, "HSET hash:%d field:%d %d", k, v % 50, v); break;
        case 3: redisAppendCommand(c, "RPUSH list:%d %d", k, v); break;
        case 4: redisAppendCommand(c, "SADD set:%d %d member:%d", k, v, v); break;
        case 5: redisAppendCommand(c, "ZADD sorted:%d %d member:%d", k, v, v % 50); break;
        case 6: redisAppendCommand(c, "XADD stream:%d * field %d", k, v); break;
        default: redisAppendCommand(c, "SPOP set:%d", k); break;
        }
    }
    for (int i = 0; i < n; i++) {
        redisReply *r = NULL;
        cr_assert_eq(redisGetReply(c, (void **)&r), REDIS_OK, "%s", c->errstr);
        cr_assert_neq(r->type, REDIS_REPLY_ERROR, "%s", r->str);
        freeReplyObject(r);
    }
    redisFree(c);
}

/* More than the primary's log keeps. */
static void fill(struct stage *t) {
    char value[1001] = "", key[32];
    for (int i = 0; i < 60; i++) {
        for (size_t j = 0; j + 1 < sizeof value; j++) value[j] = (char)('!' + test_below(90));
        size_t lens[] = {3, (size_t)snprintf(key, sizeof key, "fill:%d", i), sizeof value - 1};
        cr_assert_str_eq(srv_cmdv(t->p, 3, (const char *[]){"SET", key, value}, lens), "OK");
    }
}

/* Kills the primary with writes on their way. */
static void kill_while_written(struct stage *t) {
    enum { IN_FLIGHT = 200 };
    redisContext *c = srv_connect(t->p);
    redisReply *r;
    int done = 0;
    for (int i = 0; i < IN_FLIGHT; i++) redisAppendCommand(c, "INCR counter");
    while (!done) cr_assert_eq(redisBufferWrite(c, &done), REDIS_OK);
    srv_kill(t->p);
    t->perhaps = t->counted + IN_FLIGHT;
    while (redisGetReply(c, (void **)&r) == REDIS_OK) {
        cr_assert_eq(r->type, REDIS_REPLY_INTEGER);
        t->counted = r->integer;
        freeReplyObject(r);
    }
    redisFree(c);
}

/* --- into a state, and out of it --- */

static const char *keeping(enum keeps keeps) {
    return keeps == AOF ? "--appendonly yes --appendfsync always" : "";
}

static void set(struct srv *s, const struct setting *g, bool held) {
    if (g->name && s->pid) EXPECT(s, "OK", "CONFIG SET %s %s", g->name, held ? g->held : g->free);
}

static void set_all(struct stage *t, bool held) {
    set(t->p, &t->scene->on_p, held);
    set(t->r, &t->scene->on_r, held);
}

static bool rewrites(struct srv *s) {
    return srv_info_int(s, "aof_rewrite_in_progress") || srv_info_int(s, "aof_rewrite_scheduled");
}

#define COMMON                                                                                               \
    "--loglevel debug --repl-timeout 600 --user repl on >word +@all "                                        \
    "--repl-ping-replica-period 3600 "

/* It comes again soon also when it was turned away often: whoever has no link to his own master takes nobody in. */
static void start_end(struct stage *t) {
    t->end = srv_start(TANDEM,
                       COMMON "--masteruser repl --masterauth word --repl-reconnect-max-delay 1 "
                              "--replicaof 127.0.0.1 %d",
                       t->r->port);
    if (t->scene->before != NEW) wait_same(t->end, t->p);
}

static void stage_open(struct stage *t, bool chain) {
    const struct scene *s = t->scene;
    /* A password and an address, so that every step of the handshake is gone through. */
    t->p = srv_start(s->p_kind, COMMON "--repl-backlog-size 16kb %s %s", s->p_args ? s->p_args : "",
                     keeping(t->run->keeps));
    t->x = proxy_start(t->p->port);
    if (s->before == NEW) proxy_hold(t->x, 0, 0);
    t->r = srv_start(s->r_kind,
                     COMMON "--masteruser repl --masterauth word --replica-announce-ip 127.0.0.1 "
                            "--replicaof 127.0.0.1 %d %s %s",
                     t->x->port, s->r_args ? s->r_args : "", keeping(t->run->keeps));
    write_more(t->p, 100);
    kill_count(t, 10);
    if (s->before != NEW) {
        wait_same(t->r, t->p);
        EXPECT(t->p, "(integer) 1", "WAIT 1 60000"); /* and the primary knows it */
    }
    /* What a full synchronisation brought is in the files when they are rewritten. */
    if (t->run->keeps == AOF) WAIT_UNTIL(!rewrites(t->r));
    if (t->run->keeps == RDB) {
        WAIT_UNTIL(srv_info_int(t->p, "rdb_bgsave_in_progress") == 0);
        EXPECT(t->p, "OK", "SAVE");
        if (s->before != NEW) EXPECT(t->r, "OK", "SAVE");
    }
    t->saved = t->counted;
    if (chain) start_end(t);
}

static void come_to_state(struct stage *t) {
    const struct scene *s = t->scene;
    if (s->before == BEHIND || s->lines >= 0) {
        uint64_t connections = proxy_connections(t->x);
        proxy_hold(t->x, 0, 0);
        proxy_cut(t->x);
        WAIT_UNTIL(proxy_connections(t->x) > connections && srv_info_int(t->p, "connected_slaves") == 0);
    }
    kill_count(t, 5);
    if (s->before == BEHIND) fill(t);
    set_all(t, true);
    if (s->before != IN_STEP || s->lines >= 0) proxy_hold(t->x, s->lines, s->bytes);
    if (s->enter) s->enter(t);
    expect_state(t);
    if (!s->failover) kill_count(t, 5);
    expect_state(t); /* still: it is held there */
}

static void strike(struct stage *t) {
    struct srv *who = t->run->victim == REPLICA ? t->r : t->p;
    int64_t on_p = srv_info_int(t->p, "sync_full");
    note_children(t, who);
    t->perhaps = t->counted;
    switch (t->run->victim) {
    case REPLICA: srv_kill(t->r); break;
    case PRIMARY:
        if (t->scene->failover)
            srv_kill(t->p);
        else
            kill_while_written(t);
        break;
    default: cr_assert_eq(kill(snapshot_child(t->p), SIGKILL), 0); t->children_n = 0;
    }
    for (size_t i = 0; i < t->children_n; i++) WAIT_UNTIL(has_ended(t->children[i]));
    t->full_before = t->p->pid ? on_p : 0;
}

static void come_back(struct stage *t, struct srv *s) {
    char path[300];
    snprintf(path, sizeof path, "%s/dump.rdb", s->dir);
    if (t->run->keeps == NOTHING) unlink(path); /* of a full synchronisation */
    srv_restart(s);
}

/* What the state was held by is gone, and whoever was killed is there again. What a dead primary had sent is lost on the way,
 * and it is written to before anybody comes. */
static void go_on(struct stage *t) {
    enum victim victim = t->run->victim;
    set_all(t, false);
    if (victim == PRIMARY) {
        proxy_refuse(t->x, true);
        proxy_cut(t->x);
    }
    proxy_hold(t->x, -1, 0);
    if (t->back) proxy_hold(t->back, -1, 0);
    if (victim == REPLICA) come_back(t, t->r);
    if (victim == PRIMARY) {
        come_back(t, t->p);
        if (t->run->keeps == RDB) t->counted = t->saved; /* a snapshot for the replica may have saved more */
        if (t->run->keeps == NOTHING) t->counted = t->perhaps = 0;
    }
    if (t->scene->leave) t->scene->leave(t);
}

/* A failover that goes on in spite of all leaves the roles exchanged. */
static struct srv *find_primary(struct stage *t, struct srv **other) {
    bool exchanged = strcmp(srv_info(t->r, "role"), "master") == 0;
    *other = exchanged ? t->p : t->r;
    return exchanged ? t->r : t->p;
}

static void expect_all_well(struct stage *t) {
    struct srv *replica, *primary = find_primary(t, &replica);
    const char *name = t->scene->name;
    int64_t now = srv_int(primary, "INCR counter");
    cr_assert(now > t->counted && now <= t->perhaps + 1, "%s: %lld, and %lld to %lld were counted", name,
              (long long)now, (long long)t->counted, (long long)t->perhaps);
    t->counted = t->perhaps = now;
    proxy_refuse(t->x, false);
    WAIT_UNTIL(srv_link_up(replica));
    write_more(primary, 50);
    wait_same(replica, primary);
    if (t->end) wait_same(t->end, primary);
    int64_t full = srv_info_int(t->p, "sync_full") + srv_info_int(t->r, "sync_full") - t->full_before;
    int unavoidable = t->end ? 2 * t->run->full
                             : t->run->full; /* who follows one that took everything anew, too */
    cr_assert_eq(full, unavoidable, "%s: %lld full synchronisations after it, %d were unavoidable", name,
                 (long long)full, unavoidable);
    WAIT_UNTIL(!left_over(t->p));
    WAIT_UNTIL(!left_over(t->r));
}

static void stage_close(struct stage *t) {
    if (t->fd) close(t->fd);
    for (size_t i = 0; i < sizeof t->fd_more / sizeof *t->fd_more; i++)
        if (t->fd_more[i]) close(t->fd_more[i]);
    /* Killed: a real one that rewrites its first file refuses to stop. */
    struct srv *all[] = {t->end, t->r, t->p};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (!all[i]) continue;
        srv_kill(all[i]);
        srv_free(all[i]);
    }
    if (t->back) proxy_stop(t->back);
    proxy_stop(t->x);
}

static void play_run(const struct scene *s, const struct run *run, bool chain) {
    struct stage t = {.scene = s, .run = run};
    stage_open(&t, chain);
    come_to_state(&t);
    strike(&t);
    go_on(&t);
    expect_all_well(&t);
    stage_close(&t);
}

void kill_play(const struct scene *s) {
    static const char *const victims[] = {"", "replica", "primary", "child"}, *const kept[] = {"none", "rdb",
                                                                                               "aof"};
    for (const struct run *run = s->runs; run->victim != NOBODY; run++) {
        cr_log_info("%s, %s killed, persistence %s", s->name, victims[run->victim], kept[run->keeps]);
        play_run(s, run, false);
    }
}

void kill_play_chain(const struct scene *s) {
    const struct run *run = s->runs;
    while (run->victim != REPLICA || run->keeps != AOF) run++;
    play_run(s, run, true);
}

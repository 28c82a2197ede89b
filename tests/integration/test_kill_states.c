/* kill -9 in every state of a synchronisation: the states of the replica's link (repl/link_machine.h), of the primary's view of
 * it (repl/peer_machine.h), and of a failover.
 *
 * A scene brings a pair into a state and keeps it there, so that nothing depends on the moment: by a proxy that lets only so
 * many of the primary's lines and bytes through, or by directives that make a step take minutes. That it is there is seen from
 * outside, in the log's last move of each machine and in ROLE and INFO. Then one of the two is killed, or the snapshot child,
 * and started again, while writes go on. In the end:
 *   - both have the same data, and nothing that the primary acknowledged is missing, where it keeps an append-only file;
 *   - there were exactly as many full synchronisations as history made unavoidable: the last number of each `run`;
 *   - no temporary file is left, and no child of the one that was killed lives on.
 *
 * A state without a scene fails the test `every_state_has_a_scene`. */
#include "repl/link_machine.h"
#include "repl/peer_machine.h"
#include "support/proxy.h"
#include "support/scenarios.h"
#include "support/session.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum victim { NOBODY, REPLICA, PRIMARY, CHILD };
enum keeps { NOTHING, RDB, AOF }; /* RDB: saved when both were in step, and not again */

/* How far the replica is when it comes to the scene's state. */
enum before {
    IN_STEP, /* what it lacks is in the primary's log */
    BEHIND,  /* it lacks more than that */
    NEW      /* it has nothing */
};

struct setting {
    const char *name, *held, *free; /* the values in the state, and when it may be left */
};

struct stage;

struct scene {
    const char *name;
    enum link_state link;
    enum peer_state peer; /* PEER_STATES: the primary has not heard of it */
    const char *role;     /* ROLE's word for the link */
    const char *shown;    /* INFO's word for the replica, on the primary */
    enum before before;
    int lines;     /* of the primary's that pass, -1: all; ... */
    int64_t bytes; /* ... and bytes behind them */
    const char *p_args, *r_args;
    struct setting on_p[2], on_r;
    void (*enter)(struct stage *t), (*leave)(struct stage *t);
    const char *failover; /* master_failover_state, when not the usual one */
    struct run {
        enum victim victim;
        enum keeps keeps;
        int full; /* so many full synchronisations after the kill */
    } runs[8];
};

enum { CHILDREN_MAX = 8, LOG_BYTES = 16 * 1024 };

struct stage {
    const struct scene *scene;
    const struct run *run;
    struct srv *p, *r;
    struct proxy *x, *back; /* to the primary; to the replica, for a failover */
    int fd, fd_more[4];     /* a scene's own connections; 0: none */
    int64_t counted;        /* INCRs of `counter` that were acknowledged and must be there ... */
    int64_t perhaps;        /* ... and sent, but not answered, before the kill */
    int64_t saved;          /* those that a restart from the RDB file has */
    int64_t full_before;
    pid_t children[CHILDREN_MAX];
    size_t children_n;
};

/* --- what is seen from outside --- */

/* The state that the machine last moved to, by the log; `none_yet` before its first move. */
static const char *moved_to(const struct srv *s, const char *machine, const char *none_yet) {
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
    return strcmp(moved_to(t->r, "Master link: ", "none"), link_state_name(t->scene->link)) == 0;
}

static bool peer_is(const struct stage *t) {
    const char *state = moved_to(t->p, "Replica link: ", "handshake");
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
    if (s->role) {
        const char *role = srv_cmd(t->r, "ROLE");
        cr_assert(strstr(role, s->role), "%s: ROLE says %s", s->name, role);
    }
    if (s->shown) {
        const char *shown = srv_info(t->p, "slave0");
        cr_assert(strstr(shown, s->shown), "%s: INFO says %s", s->name, shown);
    }
    cr_assert_str_eq(srv_info(t->p, "master_failover_state"), s->failover ? s->failover : "no-failover");
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
    return any_file(s, "temp-*") || any_file(s, "appendonlydir/temp-*");
}

static void note_children(struct stage *t, const struct srv *s) {
    char path[64];
    int pid;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", s->pid, s->pid);
    FILE *f = fopen(path, "r");
    t->children_n = 0;
    while (f && t->children_n < CHILDREN_MAX && fscanf(f, "%d", &pid) == 1)
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

static void count(struct stage *t, int n) {
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
    set(t->p, &t->scene->on_p[0], held);
    set(t->p, &t->scene->on_p[1], held);
    set(t->r, &t->scene->on_r, held);
}

static void follow(struct stage *t) {
    EXPECT(t->r, "OK", "REPLICAOF 127.0.0.1 %d", t->x->port);
}

static bool rewrites(struct srv *s) {
    return srv_info_int(s, "aof_rewrite_in_progress") || srv_info_int(s, "aof_rewrite_scheduled");
}

#define COMMON "--loglevel debug --repl-timeout 600 --user repl on >word +@all "

static void stage_open(struct stage *t) {
    const struct scene *s = t->scene;
    /* A password and an address, so that every step of the handshake is gone through. */
    t->p = srv_start(TANDEM, COMMON "--repl-backlog-size 16kb --repl-ping-replica-period 3600 %s %s",
                     s->p_args ? s->p_args : "", keeping(t->run->keeps));
    t->x = proxy_start(t->p->port);
    if (s->before == NEW) proxy_hold(t->x, 0, 0);
    t->r = srv_start(TANDEM,
                     COMMON "--masteruser repl --masterauth word --replica-announce-ip 127.0.0.1 "
                            "--replicaof 127.0.0.1 %d %s %s",
                     t->x->port, s->r_args ? s->r_args : "", keeping(t->run->keeps));
    write_more(t->p, 100);
    count(t, 10);
    if (s->before != NEW) wait_same(t->r, t->p);
    /* What a full synchronisation brought is in the files when they are rewritten. */
    if (t->run->keeps == AOF) WAIT_UNTIL(!rewrites(t->r));
    if (t->run->keeps == RDB) {
        EXPECT(t->p, "OK", "SAVE");
        if (s->before != NEW) EXPECT(t->r, "OK", "SAVE");
    }
    t->saved = t->counted;
}

static void come_to_state(struct stage *t) {
    const struct scene *s = t->scene;
    if (s->before == BEHIND || s->lines >= 0) {
        proxy_hold(t->x, 0, 0);
        proxy_cut(t->x);
        WAIT_UNTIL(strcmp(moved_to(t->r, "Master link: ", ""), "ping") == 0);
    }
    count(t, 5);
    if (s->before == BEHIND) fill(t);
    set_all(t, true);
    if (s->before != IN_STEP || s->lines >= 0) proxy_hold(t->x, s->lines, s->bytes);
    if (s->enter) s->enter(t);
    expect_state(t);
    if (!s->failover) count(t, 5);
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
    int64_t full = srv_info_int(t->p, "sync_full") + srv_info_int(t->r, "sync_full") - t->full_before;
    cr_assert_eq(full, t->run->full, "%s: %lld full synchronisations after it, %d were unavoidable", name,
                 (long long)full, t->run->full);
    WAIT_UNTIL(!left_over(t->p));
    WAIT_UNTIL(!left_over(t->r));
}

static void stage_close(struct stage *t) {
    if (t->fd) close(t->fd);
    for (size_t i = 0; i < sizeof t->fd_more / sizeof *t->fd_more; i++)
        if (t->fd_more[i]) close(t->fd_more[i]);
    srv_free(t->r);
    if (t->back) proxy_stop(t->back);
    proxy_stop(t->x);
    srv_free(t->p);
}

static void play(const struct scene *s) {
    static const char *const victims[] = {"", "replica", "primary", "child"}, *const kept[] = {"none", "rdb",
                                                                                               "aof"};
    for (const struct run *run = s->runs; run->victim != NOBODY; run++) {
        struct stage t = {.scene = s, .run = run};
        fprintf(stderr, "kill states: %s, %s killed, persistence %s\n", s->name, victims[run->victim],
                kept[run->keeps]);
        stage_open(&t);
        come_to_state(&t);
        strike(&t);
        go_on(&t);
        expect_all_well(&t);
        stage_close(&t);
    }
}

/* --- ways into a state that are a scene's own --- */

static void be_a_master(struct stage *t) {
    EXPECT(t->r, "OK", "REPLICAOF NO ONE");
}

/* connect(2) itself fails. */
static void follow_nowhere(struct stage *t) {
    EXPECT(t->r, "OK", "REPLICAOF 255.255.255.255 1");
}

/* A listener whose queue is full answers no more SYN. */
static void follow_the_deaf(struct stage *t) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    t->fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert(bind(t->fd, (struct sockaddr *)&at, n) == 0 && listen(t->fd, 0) == 0);
    cr_assert_eq(getsockname(t->fd, (struct sockaddr *)&at, &n), 0);
    for (size_t i = 0; i < sizeof t->fd_more / sizeof *t->fd_more; i++) {
        t->fd_more[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        int failed = connect(t->fd_more[i], (struct sockaddr *)&at, n);
        cr_assert(failed == 0 || errno == EINPROGRESS);
    }
    EXPECT(t->r, "OK", "REPLICAOF 127.0.0.1 %d", ntohs(at.sin_port));
}

static void follow_itself(struct stage *t) {
    EXPECT(t->r, "OK", "REPLICAOF 127.0.0.1 %d", t->r->port);
}

/* One that was started again does so by itself. */
static void follow_again(struct stage *t) {
    if (t->run->victim != REPLICA) follow(t);
}

/* Another one, that wanted the data only and does not hang up. */
static void fetch_data_only(struct stage *t) {
    t->fd = session_open(t->p);
    session_ask(t->fd, "REPLCONF rdb-only 1");
    session_say(t->fd, "SYNC");
    session_hear(t->fd, "REDIS0010");
}

static void fail_over_to_the_deaf(struct stage *t) {
    srv_freeze(t->r);
    count(t, 1);
    EXPECT(t->p, "OK", "FAILOVER");
}

static void abort_failover(struct stage *t) {
    if (t->run->victim == REPLICA)
        EXPECT(t->p, "OK", "FAILOVER ABORT");
    else
        srv_thaw(t->r);
}

static void fail_over_by_a_slow_way(struct stage *t) {
    t->back = proxy_start(t->r->port);
    proxy_hold(t->back, 0, 0);
    EXPECT(t->r, "OK", "CONFIG SET replica-announce-port %d", t->back->port);
    proxy_cut(t->x);
    wait_same(t->r, t->p);
    EXPECT(t->p, "(integer) 1", "WAIT 1 60000");
    EXPECT(t->p, "OK", "FAILOVER");
    WAIT_UNTIL(strcmp(moved_to(t->p, "Master link: ", "none"), "ping") == 0);
}

/* The target takes the role also after a restart, but not without the history whose master it is to be. */
static void settle_failover(struct stage *t) {
    WAIT_UNTIL(strcmp(srv_info(t->p, "master_failover_state"), "no-failover") == 0);
    bool taken = t->run->victim == REPLICA && t->run->keeps == AOF;
    cr_assert_str_eq(srv_info(t->r, "role"), taken ? "master" : "slave");
    cr_assert_str_eq(srv_info(t->p, "role"), taken ? "slave" : "master");
}

/* --- the scenes --- */

/* clang-format off */
#define SCENE(id, ...)                                                                                       \
    static const struct scene id = {.name = #id, __VA_ARGS__};                                               \
    Test(kill_states, id) { play(&id); }

/* How many of the primary's lines have passed: +PONG, +OK (AUTH), +OK (port), +OK (ip), +OK (capa), PSYNC's answer, $... */
enum { ALL = -1, PONG = 1, AUTHED, PORT_TAKEN, IP_TAKEN, CAPA_TAKEN, ANSWERED, ANNOUNCED };

#define FOR_MINUTES "1000000" /* us, of each key */
#define SLOW_SAVE {"rdb-key-save-delay", FOR_MINUTES, "0"}
#define TO_DISK   "--repl-diskless-sync no"
#define BY_PIPE   "--repl-diskless-sync yes"
#define TO_FILE   "--repl-diskless-load disabled"
#define PARTIAL   {{REPLICA, AOF, 0}, {PRIMARY, AOF, 0}}
#define FULL      {{REPLICA, AOF, 1}, {PRIMARY, AOF, 1}}
#define FULL_FORKED {{REPLICA, AOF, 1}, {PRIMARY, AOF, 1}, {CHILD, AOF, 1}}

/* Without a connection. */
SCENE(no_master, .link = LINK_NONE, .peer = PEER_STATES, .role = "master", .lines = ALL,
      .enter = be_a_master, .leave = follow_again, .runs = PARTIAL)
SCENE(not_connected, .link = LINK_CONNECT, .peer = PEER_STATES, .role = "\"connect\"", .lines = ALL,
      .enter = follow_nowhere, .leave = follow_again, .runs = PARTIAL)
SCENE(link_held, .link = LINK_HELD, .peer = PEER_STATES, .role = "\"connect\"", .lines = ALL,
      .enter = follow_itself, .leave = follow_again, .runs = PARTIAL)
SCENE(connecting, .link = LINK_CONNECTING, .peer = PEER_STATES, .role = "\"connecting\"", .lines = ALL,
      .enter = follow_the_deaf, .leave = follow_again, .runs = PARTIAL)

/* In the handshake. */
SCENE(ping_sent, .link = LINK_PING, .peer = PEER_STATES, .role = "\"handshake\"", .lines = 0, .runs = PARTIAL)
SCENE(auth_sent, .link = LINK_AUTH, .peer = PEER_STATES, .role = "\"handshake\"", .lines = PONG, .runs = PARTIAL)
SCENE(port_sent, .link = LINK_PORT, .peer = PEER_HANDSHAKE, .role = "\"handshake\"", .lines = AUTHED, .runs = PARTIAL)
SCENE(ip_sent, .link = LINK_IP, .peer = PEER_HANDSHAKE, .role = "\"handshake\"", .lines = PORT_TAKEN, .runs = PARTIAL)
SCENE(capa_sent, .link = LINK_CAPA, .peer = PEER_HANDSHAKE, .role = "\"handshake\"", .lines = IP_TAKEN, .runs = PARTIAL)
SCENE(psync_sent, .link = LINK_PSYNC, .peer = PEER_ONLINE, .role = "\"handshake\"", .shown = "state=online",
      .lines = CAPA_TAKEN,
      .runs = {{REPLICA, AOF, 0}, {PRIMARY, AOF, 0}, {REPLICA, RDB, 0}, {PRIMARY, RDB, 0}, {REPLICA, NOTHING, 1},
               {PRIMARY, NOTHING, 1}})

/* Waiting for a snapshot. */
SCENE(snapshot_delayed, .link = LINK_PSYNC, .peer = PEER_WAIT_START, .role = "\"handshake\"", .shown = "state=wait_bgsave",
      .before = BEHIND, .lines = ALL, .p_args = BY_PIPE, .on_p = {{"repl-diskless-sync-delay", "3600", "0"}}, .runs = FULL)
SCENE(snapshot_to_disk, .link = LINK_PREAMBLE, .peer = PEER_WAIT_END, .role = "\"sync\"", .shown = "state=wait_bgsave",
      .before = BEHIND, .lines = ALL, .p_args = TO_DISK, .on_p = {SLOW_SAVE}, .runs = FULL_FORKED)
SCENE(snapshot_not_announced, .link = LINK_PREAMBLE, .peer = PEER_SEND_PIPE, .role = "\"sync\"", .shown = "state=wait_bgsave",
      .before = BEHIND, .lines = ANSWERED, .p_args = BY_PIPE, .on_p = {SLOW_SAVE}, .runs = FULL_FORKED)

/* Receiving it. */
SCENE(file_being_sent, .link = LINK_TRANSFER, .peer = PEER_SEND_FILE, .role = "\"sync\"", .shown = "state=send_bulk",
      .before = BEHIND, .lines = ALL, .p_args = TO_DISK, .on_p = {{"repl-full-sync-rate", "100", "0"}},
      .runs = {{REPLICA, AOF, 1}, {PRIMARY, AOF, 1}, {REPLICA, RDB, 1}, {PRIMARY, RDB, 1}, {REPLICA, NOTHING, 1},
               {PRIMARY, NOTHING, 1}})
SCENE(file_on_the_way, .link = LINK_TRANSFER, .peer = PEER_ONLINE, .role = "\"sync\"", .shown = "state=online",
      .before = BEHIND, .lines = ANNOUNCED, .bytes = 1000, .p_args = TO_DISK, .runs = FULL)
SCENE(pipe_being_sent, .link = LINK_TRANSFER, .peer = PEER_SEND_PIPE, .role = "\"sync\"", .shown = "state=wait_bgsave",
      .before = BEHIND, .lines = ALL, .p_args = BY_PIPE, .r_args = TO_FILE, .on_p = {SLOW_SAVE}, .runs = FULL_FORKED)
SCENE(pipe_on_the_way, .link = LINK_TRANSFER, .peer = PEER_WAIT_ACK, .role = "\"sync\"", .shown = "state=online",
      .before = BEHIND, .lines = ANNOUNCED, .bytes = 1000, .p_args = BY_PIPE, .r_args = TO_FILE,
      .runs = {{REPLICA, AOF, 1}, {PRIMARY, AOF, 1}, {PRIMARY, RDB, 0}})

/* Loading it. A file that has come whole needs no primary to be loaded. */
SCENE(file_loading, .link = LINK_LOADING, .peer = PEER_ONLINE, .role = "\"sync\"", .shown = "state=online",
      .before = BEHIND, .lines = ALL, .p_args = TO_DISK, .r_args = "--loading-process-events-interval-bytes 1024",
      .on_r = {"key-load-delay", "200000", "0"},
      .runs = {{REPLICA, AOF, 1}, {PRIMARY, AOF, 0}, {REPLICA, RDB, 1}, {REPLICA, NOTHING, 1}, {PRIMARY, NOTHING, 1}})
SCENE(pipe_loading_first, .link = LINK_LOADING, .peer = PEER_WAIT_ACK, .role = "\"sync\"", .shown = "state=online",
      .before = NEW, .lines = ANNOUNCED, .bytes = 1000, .p_args = BY_PIPE,
      .r_args = "--repl-diskless-load on-empty-db", .runs = FULL)
SCENE(pipe_loading_beside, .link = LINK_LOADING, .peer = PEER_WAIT_ACK, .role = "\"sync\"", .shown = "state=online",
      .before = BEHIND, .lines = ANNOUNCED, .bytes = 1000, .p_args = BY_PIPE, .r_args = "--repl-diskless-load swapdb",
      .runs = {{REPLICA, AOF, 1}, {PRIMARY, AOF, 1}, {REPLICA, RDB, 1}, {PRIMARY, RDB, 0}})

/* In step. With an RDB file only, the primary forgets what the replica has got since. */
SCENE(in_step, .link = LINK_CONNECTED, .peer = PEER_ONLINE, .role = "\"connected\"", .shown = "state=online", .lines = ALL,
      .runs = {{REPLICA, AOF, 0}, {PRIMARY, AOF, 0}, {REPLICA, RDB, 0}, {PRIMARY, RDB, 1}, {REPLICA, NOTHING, 1},
               {PRIMARY, NOTHING, 1}})
SCENE(data_only, .link = LINK_CONNECTED, .peer = PEER_RDB_SENT, .role = "\"connected\"", .lines = ALL, .p_args = TO_DISK,
      .enter = fetch_data_only, .runs = PARTIAL)

/* Handing over. */
SCENE(failover_waits, .link = LINK_CONNECTED, .peer = PEER_ONLINE, .shown = "state=online", .lines = ALL,
      .enter = fail_over_to_the_deaf, .leave = abort_failover, .failover = "waiting-for-sync", .runs = PARTIAL)
SCENE(failover_under_way, .link = LINK_CONNECT, .peer = PEER_STATES, .lines = ALL, .enter = fail_over_by_a_slow_way,
      .leave = settle_failover, .failover = "failover-in-progress",
      .runs = {{REPLICA, AOF, 0}, {PRIMARY, AOF, 0}, {REPLICA, NOTHING, 1}})

static const struct scene *const scenes[] = {
    &no_master, &not_connected, &link_held, &connecting, &ping_sent, &auth_sent, &port_sent, &ip_sent, &capa_sent,
    &psync_sent, &snapshot_delayed, &snapshot_to_disk, &snapshot_not_announced, &file_being_sent, &file_on_the_way,
    &pipe_being_sent, &pipe_on_the_way, &file_loading, &pipe_loading_first, &pipe_loading_beside, &in_step, &data_only,
    &failover_waits, &failover_under_way,
};
/* clang-format on */

/* Why some states have none: a peer that is gone holds nothing any more, and is freed in the same turn. */
static bool has_none(enum peer_state s) {
    return s == PEER_GONE;
}

Test(kill_states, every_state_has_a_scene) {
    for (int s = 0; s < LINK_STATES; s++) {
        size_t n = 0;
        for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++)
            n += scenes[i]->link == (enum link_state)s;
        cr_expect_gt(n, 0, "no scene for the link's state %s", link_state_name(s));
    }
    for (int s = 0; s < PEER_STATES; s++) {
        size_t n = has_none(s);
        for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++)
            n += scenes[i]->peer == (enum peer_state)s;
        cr_expect_gt(n, 0, "no scene for the primary's state %s", peer_state_name(s));
    }
}

/* Client side caching: beside the real redis-server to the byte, and its one promise: a client that forgets what it is told to
 * forget never holds a value that the server no longer has. */
#include "support/both.h"
#include "support/differential.h"
#include "support/session.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(tracking, .init = both_start, .fini = both_stop);

Test(tracking, options_and_errors) {
    SESSION(ours, real, "options", "CLIENT TRACKING", "CLIENT TRACKING foo", "CLIENT TRACKING ON PREFIX a",
            "CLIENT TRACKING ON BCAST PREFIX ab PREFIX a", "CLIENT TRACKING ON BCAST PREFIX ab",
            "CLIENT TRACKING ON BCAST PREFIX a", "CLIENT TRACKING ON BCAST PREFIX ab",
            "CLIENT TRACKING ON BCAST PREFIX x", "CLIENT TRACKINGINFO", "CLIENT TRACKING ON",
            "CLIENT TRACKING OFF", "CLIENT TRACKINGINFO", "CLIENT GETREDIR",
            "CLIENT TRACKING ON OPTIN OPTOUT", "CLIENT TRACKING ON OPTIN BCAST", "CLIENT TRACKING ON OPTIN",
            "CLIENT TRACKING ON OPTOUT", "CLIENT CACHING NO", "CLIENT CACHING YES", "CLIENT TRACKINGINFO",
            "GET x", "CLIENT TRACKINGINFO", "CLIENT TRACKING ON REDIRECT 99999",
            "CLIENT TRACKING ON REDIRECT x", "CLIENT TRACKING ON NOLOOP FOO", "CLIENT TRACKING OFF BCAST",
            "CLIENT CACHING YES", "CLIENT TRACKING ON OPTOUT NOLOOP", "CLIENT CACHING maybe",
            "CLIENT CACHING NO", "CLIENT TRACKINGINFO", "MULTI", "GET x", "CLIENT TRACKINGINFO", "EXEC",
            "CLIENT TRACKINGINFO", "HELLO 3", "CLIENT TRACKINGINFO", "RESET", "CLIENT TRACKINGINFO");
    SESSION(ours, real, "own changes", "HELLO 3", "CLIENT TRACKING ON", "GET x", "SET x 1", "SET x 2",
            "MGET x y", "MULTI", "SET y 1", "GET z", "SET x 1", "EXEC", "SUNION s t", "SADD t a",
            "XREAD STREAMS x1 x2 0 0", "XADD x2 1-1 f v", "OBJECT ENCODING x", "APPEND x 1", "GET x",
            "CLIENT TRACKING OFF", "SET x 2", "CLIENT TRACKING ON NOLOOP", "GET x", "SET x 1", "GET x",
            "PEXPIRE x -1", "CLIENT TRACKING OFF", "CLIENT TRACKING ON OPTIN", "GET y", "SET y 1",
            "CLIENT CACHING YES", "GET y", "SET y 2", "GET y", "SET y 3", "CLIENT TRACKING OFF",
            "CLIENT TRACKING ON OPTOUT", "GET y", "SET y 1", "CLIENT CACHING NO", "GET y", "SET y 3", "GET y",
            "FLUSHALL", "FLUSHDB");
    SESSION(ours, real, "table",
            "COMMAND INFO client|tracking client|caching client|getredir client|trackinginfo");
}

/* --- several connections --- */

enum { A, B, C, CONNECTIONS };
static int fds[2][CONNECTIONS];

static void open_all(void) {
    for (int s = 0; s < 2; s++)
        for (int i = 0; i < CONNECTIONS; i++) fds[s][i] = session_open(s ? real : ours);
}

static void close_all(void) {
    for (int s = 0; s < 2; s++)
        for (int i = 0; i < CONNECTIONS; i++) close(fds[s][i]);
}

static void both(int who, const char *line) {
    const char *got = session_ask(fds[0][who], line), *want = session_ask(fds[1][who], line);
    cr_expect(strcmp(got, want) == 0, "%s\n  ours:  %s\n  redis: %s", line, got, want);
}

static void redirect_to(int from, int to, const char *options) {
    for (int s = 0; s < 2; s++) {
        char line[128];
        long long id;
        const char *text = session_ask(fds[s][to], "CLIENT ID");
        cr_assert(sscanf(text, ":%lld", &id) == 1, "%s", text);
        snprintf(line, sizeof line, "CLIENT TRACKING ON REDIRECT %lld %s", id, options);
        session_ask(fds[s][from], line);
    }
}

/* What is broadcast comes at the end of the turn, which may or may not have more of A's requests. */
static void own_set(const char *key) {
    for (int s = 0; s < 2; s++) {
        char line[64];
        snprintf(line, sizeof line, "SET %s 1", key);
        session_say(fds[s][A], line);
        session_hear(fds[s][A], "+OK\r\n");
    }
}

Test(tracking, others_are_told) {
    open_all();
    for (int s = 0; s < 2; s++) session_ask(fds[s][A], "HELLO 3");
    both(A, "CLIENT TRACKING ON");
    both(A, "MGET a b c");
    both(C, "MSET a 1 b 2");
    both(A, "PING");
    both(C, "SET a 2");
    both(A, "GET a");
    both(C, "EXPIRE a -1");
    both(A, "GET a");
    both(C, "RPUSH l 1 2");
    both(A, "LRANGE l 0 -1");
    both(C, "LPOP l 5");
    both(A, "GET c");
    both(C, "FLUSHALL");
    both(A, "CLIENT TRACKING OFF");
    both(A, "CLIENT TRACKING ON BCAST PREFIX user: PREFIX z");
    both(C, "MSET user:2 1 user:1 1 other 1");
    both(C, "DEL z user:2");
    both(C, "SADD z m");
    both(A, "CLIENT TRACKINGINFO");
    own_set("user:me");
    both(A, "PING");
    both(A, "CLIENT TRACKING ON BCAST NOLOOP PREFIX me:");
    own_set("me:1");
    both(C, "SET me:2 1");
    both(A, "PING");
    close_all();
}

Test(tracking, redirection_and_its_end) {
    open_all();
    redirect_to(A, B, "");
    both(B, "SUBSCRIBE __redis__:invalidate");
    both(A, "GET a");
    both(A, "GET b");
    both(C, "SET a 1");
    both(B, "PING");
    both(C, "FLUSHALL");
    both(B, "PING");
    both(A, "GET a");
    for (int s = 0; s < 2; s++) {
        close(fds[s][B]);
        struct srv *server = s ? real : ours;
        WAIT_UNTIL(strcmp(srv_cmd(server, "PUBSUB NUMSUB __redis__:invalidate"),
                          "[\"__redis__:invalidate\", (integer) 0]") == 0);
        fds[s][B] = session_open(server);
        session_ask(fds[s][A], "HELLO 3");
        session_ask(fds[s][C], "SET a 2");
        const char *text = session_ask(fds[s][A], "PING");
        cr_expect(strncmp(text, ">2\r\n$21\r\ntracking-redir-broken\r\n:", 33) == 0, "%s", text);
        cr_expect(strstr(session_ask(fds[s][A], "CLIENT TRACKINGINFO"), "broken_redirect") != NULL);
        cr_expect(strstr(session_ask(fds[s][A], "CLIENT INFO"), "flags=tR") != NULL);
    }
    close_all();
}

/* Above the limit nothing may go at first; then every request makes room, and takes all there is. */
static void evict(int who) {
    both(C, "CONFIG SET maxmemory-policy noeviction");
    both(C, "CONFIG SET maxmemory 1");
    both(who, "CONFIG SET maxmemory-policy allkeys-random");
    both(C, "DBSIZE");
    both(C, "CONFIG SET maxmemory 0");
}

Test(tracking, evicted_keys_are_told) {
    open_all();
    for (int s = 0; s < 2; s++) session_ask(fds[s][A], "HELLO 3");
    static const char *const modes[] = {"CLIENT TRACKING ON", "CLIENT TRACKING ON NOLOOP",
                                        "CLIENT TRACKING ON BCAST PREFIX k"};
    for (int i = 0; i < 3; i++) {
        both(C, "SET key 1");
        both(A, modes[i]);
        both(A, "GET key");
        evict(C);
        both(A, "GET key"); /* behind the message */
        both(A, "CLIENT TRACKING OFF");
    }
    both(C, "SET key 1");
    both(A, modes[1]);
    both(A, "GET key");
    evict(A);
    /* It asked for nothing of the kind: NOLOOP does not keep it from hearing. Redis leaves its cache stale. */
    const char *text = session_ask(fds[0][A], "GET key");
    cr_expect(strncmp(text, ">2\r\n$10\r\ninvalidate\r\n*1\r\n$3\r\nkey\r\n_\r\n", 37) == 0, "%s", text);
    close_all();
}

Test(tracking, the_table_is_bounded) {
    int fd = session_open(ours);
    session_ask(fd, "HELLO 3");
    session_ask(fd, "CLIENT TRACKING ON");
    for (int i = 0; i < 50; i++) {
        char line[64];
        snprintf(line, sizeof line, "GET key:%d", i);
        session_ask(fd, line);
    }
    cr_expect_eq(srv_info_int(ours, "tracking_total_keys"), 50);
    cr_expect_eq(srv_info_int(ours, "tracking_clients"), 1);
    EXPECT(ours, "OK", "CONFIG SET tracking-table-max-keys 10");
    WAIT_UNTIL(srv_info_int(ours, "tracking_total_keys") == 10);
    cr_expect_eq(srv_info_int(ours, "tracking_total_items"), 10);
    const char *text = session_ask(fd, "PING");
    int told = 0;
    for (const char *p = text; (p = strstr(p, "invalidate")); p++) told++;
    cr_expect_eq(told, 40);
    close(fd);
    WAIT_UNTIL(srv_info_int(ours, "tracking_clients") == 0);
}

/* --- the promise --- */

enum { KEYS = 12, VALUE_BYTES = 128, ROUNDS = 250 };

struct cache {
    int fd;
    bool held[KEYS];
    char values[KEYS][VALUE_BYTES];
};

static void forget(struct cache *c, const char *name, size_t n) {
    for (int i = 0; i < KEYS; i++) {
        char key[16];
        if ((size_t)snprintf(key, sizeof key, "k:%d", i) == n && memcmp(key, name, n) == 0)
            c->held[i] = false;
    }
}

/* Behind the RESP value at p. */
static const char *value_end(const char *p) {
    const char *line_end = strstr(p, "\r\n") + 2;
    long n = strtol(p + 1, NULL, 10);
    if (*p == '$') return n < 0 ? line_end : line_end + n + 2;
    if (!strchr("*>~%", *p)) return line_end;
    for (n = *p == '%' ? 2 * n : n; n > 0; n--) line_end = value_end(line_end);
    return line_end;
}

/* A push that says "invalidate": an array of keys, or null for all. */
static void obey(struct cache *c, const char *push) {
    static const char mark[] = ">2\r\n$10\r\ninvalidate\r\n";
    cr_assert(strncmp(push, mark, sizeof mark - 1) == 0, "%.200s", push);
    char *at = (char *)push + sizeof mark - 1;
    if (*at == '_') memset(c->held, 0, sizeof c->held);
    if (*at == '_') return;
    for (long n = strtol(at + 1, &at, 10); n > 0; n--) {
        size_t bytes = (size_t)strtol(at + 3, &at, 10);
        forget(c, at + 2, bytes);
        at += 2 + bytes;
    }
}

/* What came in its order: pushes are obeyed; the first reply is the value of that key (-1: none was asked for). */
static void take_in(struct cache *c, const char *text, int key) {
    for (const char *end; *text; text = end) {
        end = value_end(text);
        if (*text == '>') {
            obey(c, text);
        } else if (key >= 0) {
            snprintf(c->values[key], VALUE_BYTES, "%.*s", (int)(end - text), text);
            c->held[key] = true;
            key = -1;
        }
    }
}

static void read_into_cache(struct cache *c, int key, bool optin) {
    char line[64];
    if (optin) { /* nothing may come between it and the GET */
        session_say(c->fd, "CLIENT CACHING YES");
        take_in(c, session_hear(c->fd, "+OK\r\n"), -1);
    }
    snprintf(line, sizeof line, "GET k:%d", key);
    take_in(c, session_ask(c->fd, line), key);
}

static void make_write(char *line, size_t cap) {
    static const char *const writes[] = {"SET k:%d %d",
                                         "SET k:%d %d",
                                         "APPEND k:%d %d",
                                         "INCRBY k:%d %d",
                                         "DEL k:%d k:%d",
                                         "RENAME k:%d k:%d",
                                         "COPY k:%d k:%d REPLACE",
                                         "GETSET k:%d %d",
                                         "SETRANGE k:%d %d x",
                                         "MSET k:%d 1 k:%d 2",
                                         "PEXPIRE k:%d %d",
                                         "SET k:%d v PX 1%d",
                                         "GETEX k:%d EXAT %d",
                                         "UNLINK k:%d k:%d",
                                         "BITOP NOT k:%d k:%d",
                                         "GETDEL k:%d",
                                         "SETBIT k:%d %d 1",
                                         "MOVE k:%d 1",
                                         "FLUSHDB",
                                         "SWAPDB 0 1",
                                         "PFADD k:%d %d",
                                         "RENAMENX k:%d k:%d"};
    snprintf(line, cap, writes[test_below(sizeof writes / sizeof *writes)], (int)test_below(KEYS),
             (int)test_below(KEYS));
}

static void write_something(int fd) {
    char line[128];
    make_write(line, sizeof line);
    if (chance(20)) { /* a transaction */
        session_say(fd, "MULTI");
        session_say(fd, line);
        make_write(line, sizeof line);
        session_say(fd, line);
        snprintf(line, sizeof line, "EXEC");
    }
    session_ask(fd, line);
}

/* The server's values first, then what the client is told up to now: what it still holds must be what was there. */
static void check(struct cache *c, int writer, const char *mode) {
    char there[KEYS][VALUE_BYTES];
    for (int i = 0; i < KEYS; i++) {
        char line[64];
        snprintf(line, sizeof line, "GET k:%d", i);
        const char *text = session_ask(writer, line);
        snprintf(there[i], VALUE_BYTES, "%.*s", (int)(value_end(text) - text), text);
    }
    take_in(c, session_ask(c->fd, "PING"), -1);
    for (int i = 0; i < KEYS; i++)
        cr_assert(!c->held[i] || strcmp(c->values[i], there[i]) == 0,
                  "TEST_SEED=%llu: %s: k:%d\n  held: %s\n  is:   %s", (unsigned long long)test_seed(), mode,
                  i, c->values[i], there[i]);
}

static void never_stale(struct srv *s, const char *mode) {
    struct cache *c = calloc(1, sizeof *c);
    int writer = session_open(s);
    bool optin = strstr(mode, "OPTIN") != NULL;
    c->fd = session_open(s);
    session_ask(writer, "HELLO 3");
    session_ask(c->fd, "HELLO 3");
    cr_assert(strncmp(session_ask(c->fd, mode), "+OK", 3) == 0, "%s", mode);
    for (int round = 0; round < ROUNDS; round++) {
        for (int n = (int)test_below(4); n > 0; n--) read_into_cache(c, (int)test_below(KEYS), optin);
        for (int n = (int)test_below(3); n > 0; n--) write_something(writer);
        if (round % 5 == 0) check(c, writer, mode);
    }
    check(c, writer, mode);
    close(c->fd);
    close(writer);
    free(c);
}

Test(tracking, a_cache_is_never_stale) {
    never_stale(ours, "CLIENT TRACKING ON");
    never_stale(ours,
                "CLIENT TRACKING ON BCAST PREFIX k:1 PREFIX k:2 PREFIX k:3 PREFIX k:4 PREFIX k:5 PREFIX k:6 "
                "PREFIX k:7 PREFIX k:8 PREFIX k:9 PREFIX k:0");
    never_stale(ours, "CLIENT TRACKING ON BCAST NOLOOP");
    never_stale(ours, "CLIENT TRACKING ON OPTIN");
    EXPECT(ours, "OK", "CONFIG SET tracking-table-max-keys 3");
    never_stale(ours, "CLIENT TRACKING ON NOLOOP");
}

/* Its replica's clients are told of what the master changes. */
Test(tracking, a_cache_at_a_replica) {
    struct cache *c = calloc(1, sizeof *c);
    srv_replicate(ours, real);
    c->fd = session_open(ours);
    session_ask(c->fd, "HELLO 3");
    session_ask(c->fd, "CLIENT TRACKING ON");
    for (int i = 0; i < KEYS; i++) {
        srv_cmd(real, "SET k:%d old%s", i, i % 2 ? "" : " PX 1000000");
        srv_wait_synced(ours, real);
        read_into_cache(c, i, false);
    }
    srv_cmd(real, "MSET k:1 new k:2 new");
    srv_cmd(real, "PEXPIRE k:4 1");
    srv_cmd(real, "DEL k:3");
    WAIT_UNTIL(srv_int(real, "EXISTS k:4") == 0);
    srv_wait_synced(ours, real);
    take_in(c, session_ask(c->fd, "PING"), -1);
    for (int i = 0; i < KEYS; i++) cr_expect(c->held[i] == (i < 1 || i > 4), "k:%d", i);
    close(c->fd);
    free(c);
}

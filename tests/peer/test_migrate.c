/* MIGRATE between ours and the real redis-server, either way, and what it says when the other side fails. */
#include "support/server.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void fill(struct srv *s) {
    srv_cmd(s, "SET string value");
    srv_cmd(s, "SET int 12345");
    srv_cmd(s, "RPUSH list a b c 4 5");
    srv_cmd(s, "SADD ints 1 2 3");
    srv_cmd(s, "SADD set a b c");
    srv_cmd(s, "HSET hash f v g w");
    srv_cmd(s, "ZADD zset 1 a 2.5 b inf c");
    srv_cmd(s, "XADD stream 1-1 f v");
    srv_cmd(s, "XGROUP CREATE stream g 0");
    srv_cmd(s, "PFADD hll a b c");
    srv_cmd(s, "SET big x");
    srv_cmd(s, "SETRANGE big 3000000 end");
}

static const char *const keys[] = {"string", "int",  "list",   "ints", "set",
                                   "hash",   "zset", "stream", "hll",  "big"};
enum { KEYS = sizeof keys / sizeof *keys };

static void moves_every_type(enum srv_kind from_kind, enum srv_kind to_kind) {
    struct srv *from = srv_start(from_kind, " "), *to = srv_start(to_kind, " ");
    char want[64];
    fill(from);
    for (int i = 0; i < KEYS; i++) {
        snprintf(want, sizeof want, "%s", srv_cmd(from, "DEBUG DIGEST-VALUE %s", keys[i]));
        EXPECT(from, "OK", "MIGRATE 127.0.0.1 %d %s 0 20000", to->port, keys[i]);
        EXPECT(to, want, "DEBUG DIGEST-VALUE %s", keys[i]);
        EXPECT(from, "(integer) 0", "EXISTS %s", keys[i]);
    }
    EXPECT(from, "NOKEY", "MIGRATE 127.0.0.1 %d string 0 20000", to->port);
    cr_assert_eq(srv_info_int(from, "migrate_cached_sockets"), 1);
    srv_cmd(from, "SET ttl x PX 100000");
    EXPECT(from, "OK", "MIGRATE 127.0.0.1 %d ttl 0 20000", to->port);
    int64_t left = srv_int(to, "PTTL ttl");
    cr_assert(left > 0 && left <= 100000, "%lld ms left", (long long)left);
    srv_free(from);
    srv_free(to);
}

Test(migrate, ours_to_real) {
    moves_every_type(TANDEM, REDIS);
}
Test(migrate, real_to_ours) {
    moves_every_type(REDIS, TANDEM);
}
Test(migrate, ours_to_ours) {
    moves_every_type(TANDEM, TANDEM);
}

/* --- the grammar: the real one proves that what is expected of ours is right --- */

static void options(enum srv_kind kind) {
    struct srv *from = srv_start(kind, " "), *to = srv_start(kind == TANDEM ? REDIS : TANDEM, " ");
    int port = to->port;
    srv_cmd(from, "MSET a 1 b 2 c 3 d 4");
    EXPECT(from, "OK", "MIGRATE 127.0.0.1 %d a 0 20000 copy", port);
    EXPECT(from, "(integer) 1", "EXISTS a");
    EXPECT(from, "(error) ERR Target instance replied with error: BUSYKEY Target key name already exists.",
           "MIGRATE 127.0.0.1 %d a 0 20000", port);
    EXPECT(from, "\"1\"", "GET a");
    srv_cmd(to, "SET a old");
    EXPECT(from, "OK", "MIGRATE 127.0.0.1 %d a 3 20000 REPLACE", port);
    EXPECT(to, "\"old\"", "GET a");
    srv_cmd(from, "SET a 1");
    EXPECT(from, "OK", "MIGRATE 127.0.0.1 %d a 0 20000 REPLACE COPY", port);
    EXPECT(to, "\"1\"", "GET a");
    const char *several[] = {"MIGRATE", "127.0.0.1", "", "", "0", "20000", "KEYS", "b", "none", "a", "c"};
    char digits[16];
    snprintf(digits, sizeof digits, "%d", port);
    several[2] = digits;
    /* b and c went, a was there already */
    cr_assert_str_eq(
        srv_cmdv(from, 11, several, NULL),
        "(error) ERR Target instance replied with error: BUSYKEY Target key name already exists.");
    EXPECT(from, "[\"1\", (nil), (nil), \"4\"]", "MGET a b c d");
    EXPECT(to, "[\"2\", \"3\"]", "MGET b c");
    cr_assert_str_eq(srv_cmdv(from, 9, several, NULL), "NOKEY");
    cr_assert_str_eq(srv_cmdv(from, 7, several, NULL), "NOKEY");
    EXPECT(from, "(error) ERR Target instance replied with error: ERR DB index is out of range",
           "MIGRATE 127.0.0.1 %d d 99 20000", port);
    EXPECT(from, "\"4\"", "GET d");
    EXPECT(from, "OK", "MIGRATE 127.0.0.1 %d d 0 -1 REPLACE", port);
    srv_free(from);
    srv_free(to);
}

Test(migrate, knows_its_options) {
    options(TANDEM);
}
Test(migrate, knows_the_options_of_the_real_one) {
    options(REDIS);
}

static void refusals(enum srv_kind kind) {
    struct srv *from = srv_start(kind, " ");
    int nobody = free_port();
    srv_cmd(from, "SET a 1");
    EXPECT(from, "(error) ERR wrong number of arguments for 'migrate' command", "MIGRATE h 1 a 0");
    EXPECT(from, "(error) ERR syntax error", "MIGRATE 127.0.0.1 %d a 0 100 nonsense", nobody);
    EXPECT(from, "(error) ERR syntax error", "MIGRATE 127.0.0.1 %d a 0 100 AUTH", nobody);
    EXPECT(from, "(error) ERR syntax error", "MIGRATE 127.0.0.1 %d a 0 100 AUTH2 user", nobody);
    EXPECT(from, "(error) ERR value is not an integer or out of range", "MIGRATE 127.0.0.1 %d a x 100",
           nobody);
    EXPECT(from, "(error) ERR value is not an integer or out of range", "MIGRATE 127.0.0.1 %d a 0 x", nobody);
    EXPECT(from,
           "(error) ERR When using MIGRATE KEYS option, the key argument must be set to the empty string",
           "MIGRATE 127.0.0.1 %d a 0 100 KEYS b", nobody);
    EXPECT(from, "NOKEY", "MIGRATE 127.0.0.1 %d none 0 100", nobody);
    EXPECT(from, "(error) IOERR error or timeout writing to target instance", "MIGRATE 127.0.0.1 %d a 0 100",
           nobody);
    EXPECT(from, "\"1\"", "GET a");
    EXPECT(from, "[\"k\"]", "COMMAND GETKEYS MIGRATE h 1 k 0 100 COPY");
    const char *keys_form[] = {"COMMAND", "GETKEYS", "MIGRATE", "h", "1", "", "0", "9", "KEYS", "x", "y"};
    cr_assert_str_eq(srv_cmdv(from, 11, keys_form, NULL), "[\"x\", \"y\"]");
    srv_free(from);
}

Test(migrate, refuses) {
    refusals(TANDEM);
}
Test(migrate, refuses_as_the_real_one) {
    refusals(REDIS);
}

static void passwords(enum srv_kind kind) {
    struct srv *from = srv_start(kind, " "), *to = srv_start(REDIS, "--requirepass secret");
    srv_cmd(to, "AUTH secret");
    srv_cmd(to, "ACL SETUSER mover on >word ~* +@all");
    srv_cmd(from, "MSET a 1 b 2");
    EXPECT(from, "(error) ERR Target instance replied with error: NOAUTH Authentication required.",
           "MIGRATE 127.0.0.1 %d a 0 20000", to->port);
    const char *wrong = srv_cmd(from, "MIGRATE 127.0.0.1 %d a 0 20000 AUTH wrong", to->port);
    cr_assert(strstr(wrong, "Target instance replied with error: WRONGPASS"), "%s", wrong);
    EXPECT(from, "OK", "MIGRATE 127.0.0.1 %d a 0 20000 AUTH secret", to->port);
    EXPECT(from, "OK", "MIGRATE 127.0.0.1 %d b 0 20000 AUTH2 mover word", to->port);
    EXPECT(to, "[\"1\", \"2\"]", "MGET a b");
    srv_free(from);
    srv_free(to);
}

Test(migrate, gives_passwords) {
    passwords(TANDEM);
}
Test(migrate, gives_passwords_as_the_real_one) {
    passwords(REDIS);
}

/* --- faults --- */

Test(migrate, tries_again_when_a_kept_connection_is_gone) {
    struct srv *from = srv_start(TANDEM, " "), *to = srv_start(REDIS, " ");
    srv_cmd(from, "MSET a 1 b 2");
    EXPECT(from, "OK", "MIGRATE 127.0.0.1 %d a 0 20000", to->port);
    srv_cmd(to, "CLIENT KILL TYPE normal SKIPME yes");
    EXPECT(from, "OK", "MIGRATE 127.0.0.1 %d b 0 20000", to->port);
    EXPECT(to, "\"2\"", "GET b");
    cr_assert_eq(srv_info_int(from, "migrate_cached_sockets"), 1);
    srv_free(from);
    srv_free(to);
}

struct deaf { /* accepts and says `answer` to whatever comes, then hangs up or is silent */
    int fd, port;
    const char *answer;
    bool hangs_up;
    pthread_t thread;
};

static void *deaf_run(void *arg) {
    struct deaf *d = arg;
    char junk[4096];
    int fd;
    while ((fd = accept(d->fd, NULL, NULL)) >= 0) {
        if (recv(fd, junk, sizeof junk, 0) > 0 && d->answer)
            send(fd, d->answer, strlen(d->answer), MSG_NOSIGNAL);
        if (d->hangs_up) {
            /* Shut down before closing, so that what was received and not read makes no reset. */
            shutdown(fd, SHUT_WR);
            while (recv(fd, junk, sizeof junk, 0) > 0) {}
            close(fd);
        } /* else it stays open until the process ends */
    }
    return NULL;
}

static void deaf_start(struct deaf *d) {
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof sa;
    d->fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert(bind(d->fd, (struct sockaddr *)&sa, n) == 0 && listen(d->fd, 16) == 0);
    getsockname(d->fd, (struct sockaddr *)&sa, &n);
    d->port = ntohs(sa.sin_port);
    cr_assert_eq(pthread_create(&d->thread, NULL, deaf_run, d), 0);
}

static void faults(enum srv_kind kind) {
    struct srv *from = srv_start(kind, " "), *replica = srv_start(REDIS, " ");
    struct deaf silent = {.answer = NULL}, rude = {.hangs_up = true},
                half = {.answer = "+OK\r\n+OK\r\n-ERR no\r\n", .hangs_up = true},
                one = {.answer = "+OK\r\n+OK\r\n", .hangs_up = true};
    struct deaf *all[] = {&silent, &rude, &half, &one};
    for (int i = 0; i < 4; i++) deaf_start(all[i]);
    srv_replicate(replica, from);
    srv_cmd(from, "MSET a 1 b 2 c 3 d 4 e 5 f 6");
    EXPECT(from, "(error) IOERR error or timeout reading to target instance", "MIGRATE 127.0.0.1 %d a 0 50",
           silent.port);
    EXPECT(from, "(error) IOERR error or timeout reading to target instance",
           "MIGRATE 127.0.0.1 %d a 0 20000", rude.port);
    char port[16];
    const char *three[] = {"MIGRATE", "127.0.0.1", port, "", "0", "20000", "KEYS", "a", "b", "c"};
    /* SELECT is answered by the first line: a is taken, b refused, and c hears nothing. */
    snprintf(port, sizeof port, "%d", half.port);
    cr_assert_str_eq(srv_cmdv(from, 10, three, NULL),
                     "(error) ERR Target instance replied with error: ERR no");
    EXPECT(from, "[(nil), \"2\", \"3\"]", "MGET a b c");
    /* b is taken, c hears nothing. */
    snprintf(port, sizeof port, "%d", one.port);
    cr_assert_str_eq(srv_cmdv(from, 10, three, NULL),
                     "(error) IOERR error or timeout reading to target instance");
    EXPECT(from, "[(nil), (nil), \"3\"]", "MGET a b c");
    cr_assert_eq(srv_info_int(from, "migrate_cached_sockets"), 0);
    srv_wait_synced(replica, from);
    cr_assert(srv_same_data(replica, from));
    const char *stats = srv_cmd(replica, "INFO commandstats");
    cr_assert(strstr(stats, "cmdstat_del:calls=2,"), "%s", stats);
    cr_assert(!strstr(stats, "cmdstat_migrate"), "%s", stats);
    srv_free(replica);
    srv_free(from);
}

Test(migrate, keeps_what_was_not_acknowledged) {
    faults(TANDEM);
}
Test(migrate, keeps_what_was_not_acknowledged_to_the_real_one) {
    faults(REDIS);
}

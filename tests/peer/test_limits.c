/* Limits on connections: each scene runs against ours and against the real redis-server, and both must do the same. */
#include "support/server.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const enum srv_kind kinds[] = {TANDEM, REDIS};
#define EACH_KIND(k) for (size_t k = 0; k < 2; k++)

/* --- a plain socket --- */

static int dial(struct srv *s) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)s->port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int small = 32 * 1024; /* lest the system's buffers hide a slow reader */
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    cr_assert_eq(connect(fd, (struct sockaddr *)&a, sizeof a), 0, "%s", strerror(errno));
    return fd;
}

static void say(int fd, const char *text) {
    size_t n = strlen(text);
    cr_assert_eq(send(fd, text, n, MSG_NOSIGNAL), (ssize_t)n);
}

/* Sends n bytes, or as many as the other end takes before it hangs up. */
static void pour(int fd, size_t n) {
    static char bytes[65536];
    memset(bytes, 'x', sizeof bytes);
    while (n > 0) {
        ssize_t sent = send(fd, bytes, n < sizeof bytes ? n : sizeof bytes, MSG_NOSIGNAL);
        if (sent <= 0) return;
        n -= (size_t)sent;
    }
}

/* Reads what has come and what comes until the other end closes or text has been seen. */
static bool hears(int fd, const char *text, bool *closed) {
    static char got[1 << 16];
    size_t n = 0;
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, WAIT_MS) != 1) return false;
        if (n > sizeof got / 2) { /* a long reply: its end is what matters */
            memmove(got, got + n - 1000, 1000);
            n = 1000;
        }
        ssize_t r = recv(fd, got + n, sizeof got - 1 - n, 0);
        *closed = r <= 0;
        if (r <= 0) return false;
        n += (size_t)r;
        got[n] = '\0';
        if (text && memmem(got, n, text, strlen(text))) return true;
    }
}

static void expect_text(int fd, const char *text) {
    bool closed = false;
    cr_assert(hears(fd, text, &closed), "never heard %s%s", text, closed ? ", closed" : "");
}

static void expect_closed(int fd) {
    bool closed = false;
    hears(fd, NULL, &closed);
    cr_assert(closed, "still open");
    close(fd);
}

static bool hung_up(int fd) {
    char byte;
    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void put_value(struct srv *s, size_t n) {
    char *bytes = malloc(n);
    memset(bytes, 'v', n);
    EXPECT(s, "OK", "SET v %b", bytes, n);
    free(bytes);
}

/* --- output --- */

#define OVERCOMING     "scheduled to be closed ASAP for overcoming of output buffer limits."
#define OVERCOMING_NOW "closed for overcoming of output buffer limits."

Test(limits, output_over_the_hard_limit) {
    EACH_KIND(k) {
        struct srv *s = srv_start(kinds[k], "%s", "--client-output-buffer-limit 'normal 1000000 0 0'");
        put_value(s, 600000);
        int fd = dial(s);
        say(fd, "GET v\r\nPING\r\n");
        expect_text(fd, "+PONG"); /* whoever reads gets what is below the limit */
        say(fd, "GET v\r\nGET v\r\nGET v\r\nGET v\r\nGET v\r\nGET v\r\nGET v\r\nGET v\r\nGET v\r\nGET "
                "v\r\nGET v\r\n");
        WAIT_UNTIL(srv_logged(s, OVERCOMING));
        expect_closed(fd);
        EXPECT(s, "PONG", "PING");
        srv_free(s);
    }
}

/* Nobody makes the whole of it first. */
Test(limits, a_reply_without_end) {
    static const char *const lines[] = {"SRANDMEMBER s -1000000000000\r\n", "HRANDFIELD h -1000000000000\r\n",
                                        "ZRANDMEMBER z -1000000000000\r\n"};
    EACH_KIND(k) {
        struct srv *s = srv_start(kinds[k], "%s", "--client-output-buffer-limit 'normal 1000000 0 0'");
        EXPECT(s, "(integer) 2", "SADD s a b");
        EXPECT(s, "(integer) 1", "HSET h f v");
        EXPECT(s, "(integer) 1", "ZADD z 1 a");
        for (int i = 0; i < 3; i++) {
            int fd = dial(s);
            say(fd, lines[i]);
            expect_closed(fd);
        }
        /* The same, of what is there: 1.2 GB. */
        enum { TIMES = 2000 };
        char line[8 + 2 * TIMES] = "MGET";
        for (int i = 0; i < TIMES; i++) strcat(line + 2 * i, " v");
        put_value(s, 600000);
        strcat(line, "\r\n");
        for (int held_back = 0; held_back < 2; held_back++) {
            int fd = dial(s);
            if (held_back) EXPECT(s, "OK", "CLIENT PAUSE 200 ALL");
            say(fd, line);
            expect_closed(fd);
            cr_assert_lt(srv_info_int(s, "used_memory_peak"), 100 << 20);
        }
        EXPECT(s, "PONG", "PING");
        srv_free(s);
    }
}

/* The first chunk is within any limit: a reply that small leaves before anybody counts. */
Test(limits, a_small_reply_is_never_too_much) {
    EACH_KIND(k) {
        struct srv *s = srv_start(kinds[k], "%s", "--client-output-buffer-limit 'normal 100 0 0'");
        put_value(s, 10000);
        int fd = dial(s);
        say(fd, "GET v\r\nPING\r\n");
        expect_text(fd, "+PONG");
        put_value(s, 100000);
        say(fd, "GET v\r\n");
        expect_closed(fd);
        WAIT_UNTIL(srv_logged(s, OVERCOMING));
        srv_free(s);
    }
}

Test(limits, output_over_the_soft_limit_for_too_long) {
    EACH_KIND(k) {
        struct srv *s = srv_start(kinds[k], "%s", "--client-output-buffer-limit 'normal 0 100000 1'");
        put_value(s, 8000000);
        int fd = dial(s);
        say(fd, "GET v\r\n");
        WAIT_UNTIL(srv_logged(s, OVERCOMING_NOW));
        expect_closed(fd);
        srv_free(s);
    }
}

Test(limits, a_subscriber_who_does_not_read) {
    EACH_KIND(k) {
        struct srv *s = srv_start(kinds[k], "%s", "--client-output-buffer-limit 'pubsub 3000000 0 0'");
        int fd = dial(s);
        say(fd, "SUBSCRIBE c\r\n");
        expect_text(fd, "subscribe");
        char *bytes = malloc(1000000);
        memset(bytes, 'm', 1000000);
        for (int i = 0; i < 30; i++) srv_cmd(s, "PUBLISH c %b", bytes, (size_t)1000000);
        free(bytes);
        EXPECT(s, "(integer) 0", "PUBLISH c x");
        WAIT_UNTIL(srv_logged(s, OVERCOMING));
        expect_closed(fd);
        srv_free(s);
    }
}

/* --- input --- */

Test(limits, a_query_that_grows_too_long) {
    EACH_KIND(k) {
        struct srv *s = srv_start(kinds[k], "%s", "--client-query-buffer-limit 1mb");
        int fd = dial(s), small = dial(s);
        say(fd, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5000000\r\n");
        pour(fd, 4000000);
        WAIT_UNTIL(srv_logged(s, "Closing client that reached max query buffer length"));
        expect_closed(fd);
        say(small, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$500000\r\n");
        pour(small, 500000);
        say(small, "\r\n");
        expect_text(small, "+OK");
        close(small);
        srv_free(s);
    }
}

Test(limits, words_of_protocol_errors) {
    static const struct {
        const char *text;
        size_t and_bytes;
        const char *error;
    } cases[] = {
        {"", 70000, "-ERR Protocol error: too big inline request\r\n"},
        {"*", 70000, "-ERR Protocol error: too big mbulk count string\r\n"},
        {"*1\r\n$", 70000, "-ERR Protocol error: too big bulk count string\r\n"},
        {"*2147483648\r\n", 0, "-ERR Protocol error: invalid multibulk length\r\n"},
        {"*1\r\n$-1\r\n", 0, "-ERR Protocol error: invalid bulk length\r\n"},
        {"*1\r\n$600000000\r\n", 0, "-ERR Protocol error: invalid bulk length\r\n"},
        {"*1\r\n:1\r\n", 0, "-ERR Protocol error: expected '$', got ':'\r\n"},
        {"GET \"x\r\n", 0, "-ERR Protocol error: unbalanced quotes in request\r\n"},
    };
    EACH_KIND(k) {
        struct srv *s = srv_start(kinds[k], "%s", "");
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            int fd = dial(s);
            if (*cases[i].text) say(fd, cases[i].text);
            pour(fd, cases[i].and_bytes);
            expect_text(fd, cases[i].error);
            close(fd);
        }
        srv_free(s);
    }
}

Test(limits, strangers_get_little) {
    EACH_KIND(k) {
        struct srv *s = srv_start(kinds[k], "%s", "--requirepass secret");
        EXPECT(s, "OK", "AUTH secret");
        int fd = dial(s);
        say(fd, "*11\r\n");
        expect_text(fd, "-ERR Protocol error: unauthenticated multibulk length\r\n");
        expect_closed(fd);
        fd = dial(s);
        say(fd, "*2\r\n$4\r\nAUTH\r\n$16385\r\n");
        expect_text(fd, "-ERR Protocol error: unauthenticated bulk length\r\n");
        expect_closed(fd);
        fd = dial(s);
        say(fd, "*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n*12\r\n");
        expect_text(fd, "+OK");
        for (int i = 0; i < 12; i++) say(fd, i == 0 ? "$3\r\nDEL\r\n" : "$1\r\nk\r\n");
        expect_text(fd, ":0");
        close(fd);
        srv_free(s);
    }
}

/* --- how many, how long, how much together --- */

Test(limits, more_clients_than_allowed) {
    EACH_KIND(k) {
        struct srv *s = srv_start(kinds[k], "%s", "--maxclients 4");
        int fds[3];
        WAIT_UNTIL(srv_info_int(s, "connected_clients") ==
                   1); /* whoever asked whether the server is up has gone */
        for (int i = 0; i < 3; i++) {
            fds[i] = dial(s);
            say(fds[i], "PING\r\n");
            expect_text(fds[i], "+PONG");
        }
        int extra = dial(s);
        expect_text(extra, "-ERR max number of clients reached\r\n");
        expect_closed(extra);
        cr_assert_eq(srv_info_int(s, "rejected_connections"), 1);
        EXPECT(s, "OK", "CONFIG SET maxclients 5");
        extra = dial(s);
        say(extra, "PING\r\n");
        expect_text(extra, "+PONG");
        close(extra);
        for (int i = 0; i < 3; i++) close(fds[i]);
        srv_free(s);
    }
}

Test(limits, who_is_silent_too_long) {
    EACH_KIND(k) {
        struct srv *s = srv_start(kinds[k], "%s", "");
        int idle = dial(s), listener = dial(s), blocked = dial(s);
        say(idle, "PING\r\n");
        expect_text(idle, "+PONG");
        say(listener, "SUBSCRIBE c\r\n");
        expect_text(listener, "subscribe");
        say(blocked, "BLPOP list 0\r\n");
        WAIT_UNTIL(srv_info_int(s, "blocked_clients") == 1);
        EXPECT(s, "OK", "CONFIG SET timeout 1");
        WAIT_UNTIL(strcmp(srv_cmd(s, "PING"), "PONG") == 0 &&
                   hung_up(idle)); /* the test itself must not be silent */
        WAIT_UNTIL(strcmp(srv_cmd(s, "CONFIG SET timeout 0"), "OK") == 0);
        close(idle);
        EXPECT(s, "(integer) 1", "PUBLISH c x");
        EXPECT(s, "(integer) 1", "RPUSH list x");
        expect_text(listener, "message");
        expect_text(blocked, "list");
        close(listener);
        close(blocked);
        srv_free(s);
    }
}

Test(limits, clients_that_hold_too_much_together) {
    EACH_KIND(k) {
        struct srv *s = srv_start(kinds[k], "%s", "--maxmemory-clients 3000000 --loglevel notice");
        int large = dial(s), small = dial(s), favoured = dial(s);
        say(favoured, "CLIENT NO-EVICT ON\r\n");
        expect_text(favoured, "+OK");
        /* Less than the limit: redis counts it whenever its cron has seen it, and lets others go for it. */
        say(favoured, "*2\r\n$4\r\nECHO\r\n$2000000\r\n");
        pour(favoured, 1900000);
        say(small, "*2\r\n$4\r\nECHO\r\n$100000\r\n");
        pour(small, 80000);
        EXPECT(s, "PONG", "PING");
        say(large, "*2\r\n$4\r\nECHO\r\n$9000000\r\n");
        pour(large, 8000000);
        expect_closed(large);
        WAIT_UNTIL(srv_logged(s, "Evicting client: id="));
        cr_assert_eq(srv_info_int(s, "evicted_clients"), 1);
        pour(small, 20000);
        say(small, "\r\n");
        expect_text(small, "xxx\r\n");
        pour(favoured, 100000);
        say(favoured, "\r\n");
        expect_text(favoured, "xxx\r\n");
        close(small);
        close(favoured);
        srv_free(s);
    }
}

/* A number in the CLIENT LIST line of the client with that name; -1: none. */
static int64_t field(struct srv *s, const char *name, const char *what) {
    char named[40], wanted[40];
    snprintf(named, sizeof named, "name=%s ", name);
    snprintf(wanted, sizeof wanted, " %s=", what);
    const char *line = strstr(srv_cmd(s, "CLIENT LIST"), named);
    const char *at = line ? strstr(line, wanted) : NULL;
    return at ? atoll(at + strlen(wanted)) : -1;
}

Test(limits, client_list_tells_what_waits) {
    EACH_KIND(k) {
        struct srv *s = srv_start(kinds[k], "%s", "");
        put_value(s, 3000000);
        int slow = dial(s), half = dial(s);
        say(slow, "CLIENT SETNAME slow\r\n");
        expect_text(slow, "+OK");
        say(half, "CLIENT SETNAME half\r\n");
        expect_text(half, "+OK");
        for (int i = 0; i < 5; i++) say(slow, "GET v\r\n");
        say(half, "*2\r\n$4\r\nECHO\r\n$100\r\nabc");
        WAIT_UNTIL(field(s, "half", "qbuf") > 0 && field(s, "slow", "omem") > 3000000);
        cr_assert_gt(field(s, "slow", "oll"), 0);
        cr_assert_gt(field(s, "slow", "tot-mem"), field(s, "slow", "omem"));
        cr_assert_leq(field(s, "half", "qbuf"), 23);
        cr_assert_eq(field(s, "half", "oll") + field(s, "half", "omem") + field(s, "half", "obl"), 0);
        cr_assert_gt(field(s, "half", "tot-mem"), field(s, "half", "qbuf"));
        close(slow);
        close(half);
        srv_free(s);
    }
}

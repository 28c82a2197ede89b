/* Very many connections: ten thousand that wait and a thousand that work, and floods of those that come only to go. */
#include "support/server.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { IDLE = 10000, BUSY = 1000, ROUNDS = 3, PIPELINE = 10, SPARE_FDS = 300, GROUP = 200 };

/* Closed by a reset, so that no port waits for a minute. */
static int dial(struct srv *s) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_geq(fd, 0, "%s", strerror(errno));
    struct linger at_once = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)s->port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    cr_assert_eq(connect(fd, (struct sockaddr *)&a, sizeof a), 0, "%s", strerror(errno));
    return fd;
}

static void say(int fd, const char *text, size_t n) {
    cr_assert_eq(send(fd, text, n, MSG_NOSIGNAL), (ssize_t)n, "%s", strerror(errno));
}

static void hear_lines(int fd, int lines) {
    char got[4096];
    while (lines > 0) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        cr_assert_eq(poll(&p, 1, WAIT_MS), 1);
        ssize_t n = recv(fd, got, sizeof got, 0);
        cr_assert_gt(n, 0, "hung up");
        for (ssize_t i = 0; i < n; i++) {
            cr_assert_neq(got[i], '-', "an error");
            lines -= got[i] == '\n';
        }
    }
}

/* n connections that have been answered, in groups which the queue of those not yet accepted can hold. */
static void gather(struct srv *s, int *fds, int n) {
    for (int from = 0, to; from < n; from = to) {
        to = n - from < GROUP ? n : from + GROUP;
        for (int i = from; i < to; i++) {
            fds[i] = dial(s);
            say(fds[i], "PING\r\n", 6);
        }
        for (int i = from; i < to; i++) hear_lines(fds[i], 1);
    }
}

/* As many of the idle ones as the system lets a process have. */
static int idle_possible(void) {
    struct rlimit l;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &l), 0);
    l.rlim_cur = l.rlim_max;
    setrlimit(RLIMIT_NOFILE, &l);
    getrlimit(RLIMIT_NOFILE, &l);
    if (l.rlim_cur >= IDLE + BUSY + SPARE_FDS) return IDLE;
    return l.rlim_cur > BUSY + 2 * SPARE_FDS ? (int)l.rlim_cur - BUSY - SPARE_FDS : 0;
}

static void work(const int *busy) {
    char request[PIPELINE * 16] = "";
    for (int i = 0; i < PIPELINE; i++) strcat(request, "INCR n\r\n");
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < BUSY; i++) say(busy[i], request, strlen(request));
        for (int i = 0; i < BUSY; i++) hear_lines(busy[i], PIPELINE);
    }
}

Test(crowd, ten_thousand_wait_while_a_thousand_work) {
    static int idle[IDLE], busy[BUSY];
    int n = idle_possible();
    struct srv *s = srv_start(TANDEM, "--maxclients %d", n + BUSY + 10);
    int64_t before = srv_info_int(s, "used_memory");
    gather(s, idle, n);
    cr_assert_eq(srv_info_int(s, "connected_clients"), n + 1);
    int64_t each = n ? (srv_info_int(s, "used_memory") - before) / n : 0;
    cr_assert_lt(each, 1024, "%lld bytes for an idle connection", (long long)each);
    gather(s, busy, BUSY);
    work(busy);
    EXPECT(s, "\"30000\"", "GET n");
    for (int i = 0; i < n; i += 97) { /* none was forgotten */
        say(idle[i], "PING\r\n", 6);
        hear_lines(idle[i], 1);
    }
    for (int i = 0; i < BUSY; i++) close(busy[i]);
    for (int i = 0; i < n; i++) close(idle[i]);
    WAIT_UNTIL(srv_info_int(s, "connected_clients") == 1);
    cr_assert_eq(srv_info_int(s, "rejected_connections"), 0);
    srv_free(s);
}
_Static_assert(BUSY *ROUNDS *PIPELINE == 30000, "what GET n says");

/* Some say nothing, some half a request, some do not wait for the answer. */
Test(crowd, floods_come_and_go) {
    static const char *const words[] = {"", "*3\r\n$3\r\nSET\r\n$5\r\nab", "PING\r\nPING\r\n",
                                        "GET k\r\n*2\r\n", "*"};
    struct srv *s = srv_start(TANDEM, "%s", "--maxclients 200");
    int steady = dial(s);
    for (int round = 0; round < 5; round++) {
        static int fds[400];
        for (int i = 0; i < 400;
             i++) { /* more than may come in at once, if they are accepted before the first go */
            fds[i] = dial(s);
            const char *text = words[i % 5];
            send(fds[i], text, strlen(text), MSG_NOSIGNAL); /* may be refused already */
        }
        for (int i = 0; i < 400; i++) close(fds[i]);
        say(steady, "PING\r\n", 6);
        hear_lines(steady, 1);
    }
    close(steady);
    WAIT_UNTIL(srv_info_int(s, "connected_clients") == 1);
    EXPECT(s, "(integer) 0", "DBSIZE");
    cr_assert_eq(srv_info_int(s, "mem_clients_normal") / 1024, 0, "what came and went holds nothing");
    srv_free(s);
}

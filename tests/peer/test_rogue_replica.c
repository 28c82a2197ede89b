/* What a connection that became a replica's may still say, and what REPLCONF and PSYNC take, beside the real server. */
#include "support/server.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int dial(struct srv *s) {
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(s->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(connect(fd, (struct sockaddr *)&at, sizeof at) == 0);
    return fd;
}

static void say(int fd, const char *text) {
    send(fd, text, strlen(text), MSG_NOSIGNAL);
}

/* Reads on until `text` came (true) or the other side hung up (false). */
static bool hears(int fd, const char *text) {
    static char buf[65536];
    size_t used = 0;
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        cr_assert_eq(poll(&p, 1, WAIT_MS), 1, "neither %s nor an end", text);
        ssize_t n = recv(fd, buf + used, sizeof buf - 1 - used, 0);
        if (n <= 0) return false;
        used += (size_t)n;
        buf[used] = '\0';
        if (memmem(buf, used, text, strlen(text))) return true;
    }
}

/* A replica that follows the stream: what is written arrives. */
static int become_replica(struct srv *s) {
    int fd = dial(s);
    say(fd, "REPLCONF capa eof capa psync2\r\n");
    cr_assert(hears(fd, "+OK"));
    say(fd, "PSYNC ? -1\r\n");
    cr_assert(hears(fd, "+FULLRESYNC"));
    WAIT_UNTIL(srv_log_count(s, "Waiting for REPLCONF ACK") == srv_log_count(s, "asks for synchronization"));
    say(fd, "REPLCONF ACK 0\r\n");
    srv_cmd(s, "SET arrives here");
    cr_assert(hears(fd, "arrives"));
    return fd;
}

static bool survives(struct srv *s, const char *command) {
    int fd = become_replica(s);
    say(fd, command);
    say(fd, "\r\n");
    /* It has been taken when what follows it was: a ping from us would be one reply too many. */
    say(fd, "REPLCONF ACK 12345\r\n");
    WAIT_UNTIL(srv_info_int(s, "connected_slaves") == 0 ||
               strstr(srv_info(s, "slave0"), "offset=12345") != NULL);
    srv_cmd(s, "SET again here");
    bool alive = hears(fd, "again");
    close(fd);
    WAIT_UNTIL(srv_info_int(s, "connected_slaves") == 0);
    return alive;
}

Test(peer_rogue_replica, who_wants_an_answer_is_sent_away) {
    static const char *const commands[] = {"PING",          "GET a", "SET a b",        "FOO",
                                           "REPLCONF x",    "MULTI", "REPLCONF ACK 1", "REPLCONF GETACK *",
                                           "REPLCONF ACK x"};
    struct srv *ours = srv_start(TANDEM, "%s", ""), *real = srv_start(REDIS, "%s", "");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        cr_expect_eq(survives(ours, commands[i]), survives(real, commands[i]), "%s", commands[i]);
    cr_assert(srv_logged(ours, "Replica generated a reply to command 'get', disconnecting it: id="));
    cr_assert(srv_logged(ours, "Replica generated a reply to command '<unknown>', disconnecting it: id="));
    EXPECT(ours, "(nil)", "GET a");
    srv_free(real);
    srv_free(ours);
}

Test(peer_rogue_replica, synchronization_only_where_nothing_stands_before_it) {
    for (int kind = TANDEM; kind <= REDIS; kind++) {
        struct srv *s = srv_start(kind, "%s", "");
        int fd = dial(s);
        say(fd, "PING\r\nSYNC\r\n");
        cr_assert(hears(fd, "-ERR SYNC and PSYNC are invalid with pending output\r\n"));
        say(fd, "PING\r\nPSYNC ? -1\r\n");
        cr_assert(hears(fd, "-ERR SYNC and PSYNC are invalid with pending output\r\n"));
        cr_assert_eq(srv_info_int(s, "sync_full"), 0);
        close(fd);
        srv_free(s);
    }
}

Test(peer_rogue_replica, what_replconf_takes) {
    static const char *const commands[] = {"REPLCONF",
                                           "REPLCONF capa",
                                           "REPLCONF capa x",
                                           "REPLCONF foo x",
                                           "REPLCONF listening-port x",
                                           "REPLCONF listening-port 99999",
                                           "REPLCONF rdb-only 2",
                                           "REPLCONF rdb-filter-only keys",
                                           "REPLCONF ip-address some.host"};
    struct srv *ours = srv_start(TANDEM, "%s", ""), *real = srv_start(REDIS, "%s", "");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        const char *mine = srv_cmd(ours, commands[i]);
        cr_expect_str_eq(mine, srv_cmd(real, commands[i]), "%s", commands[i]);
    }
    /* Ours alone: what would break a line of INFO. */
    EXPECT(ours, "(error) ERR REPLCONF ip-address is not a host name or an address", "REPLCONF ip-address %s",
           "a,port=1");
    srv_free(real);
    srv_free(ours);
}

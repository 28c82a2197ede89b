/* See master.h. */
#include "support/master.h"

#include "base/digest.h"
#include "support/server.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void master_open(struct master *m) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    *m = (struct master){.listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .fd = -1};
    cr_assert_eq(bind(m->listen_fd, (struct sockaddr *)&at, n), 0);
    cr_assert_eq(listen(m->listen_fd, 8), 0);
    getsockname(m->listen_fd, (struct sockaddr *)&at, &n);
    m->port = ntohs(at.sin_port);
}

void master_hang_up(struct master *m) {
    if (m->fd >= 0) close(m->fd);
    m->fd = -1;
    m->used = 0;
}

void master_close(struct master *m) {
    master_hang_up(m);
    close(m->listen_fd);
}

static void wait_readable(int fd) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    cr_assert_eq(poll(&p, 1, WAIT_MS), 1, "the replica does not come");
}

void master_wait(struct master *m) {
    wait_readable(m->listen_fd);
}

void master_accept(struct master *m) {
    master_hang_up(m);
    master_wait(m);
    m->fd = accept(m->listen_fd, NULL, NULL);
    cr_assert_geq(m->fd, 0);
}

void master_send(struct master *m, const char *bytes, size_t n) {
    cr_assert_eq(send(m->fd, bytes, n, MSG_NOSIGNAL), (ssize_t)n);
}

void master_say(struct master *m, const char *text) {
    master_send(m, text, strlen(text));
}

/* Length of the first whole request in the buffer, its words in text; 0: not whole yet. */
static size_t parse_request(const struct master *m, char *text, size_t cap) {
    int argc, len, at = 0, used;
    text[0] = '\0';
    if (m->used && m->in[0] != '*') { /* SYNC comes inline */
        const char *end = memchr(m->in, '\n', m->used);
        if (end) snprintf(text, cap, "%.*s", (int)(end - m->in - 1), m->in);
        return end ? (size_t)(end - m->in) + 1 : 0;
    }
    if (sscanf(m->in, "*%d\r\n%n", &argc, &at) != 1 || !at) return 0;
    for (int i = 0; i < argc; i++) {
        used = 0;
        if (sscanf(m->in + at, "$%d\r\n%n", &len, &used) != 1 || !used) return 0;
        if ((size_t)(at + used + len + 2) > m->used) return 0;
        snprintf(text + strlen(text), cap - strlen(text), "%s%.*s", i ? " " : "", len, m->in + at + used);
        at += used + len + 2;
    }
    return (size_t)at;
}

const char *master_hear(struct master *m) {
    static char text[512];
    size_t n;
    while ((n = parse_request(m, text, sizeof text)) == 0) {
        wait_readable(m->fd);
        ssize_t got = recv(m->fd, m->in + m->used, sizeof m->in - 1 - m->used, 0);
        cr_assert_gt(got, 0, "the replica hung up");
        m->used += (size_t)got;
        m->in[m->used] = '\0';
    }
    memmove(m->in, m->in + n, m->used - n + 1);
    m->used -= n;
    return text;
}

const char *master_play_until(struct master *m, const char *word) {
    for (;;) {
        const char *said = master_hear(m);
        if (strncmp(said, word, strlen(word)) == 0) return said;
        if (strcmp(said, "PING") == 0)
            master_say(m, "+PONG\r\n");
        else if (strncmp(said, "REPLCONF ACK", 12) != 0)
            master_say(m, "+OK\r\n");
    }
}

size_t master_make_rdb(char *out, int keys, bool unknown_type) {
    size_t n = (size_t)sprintf(out, "REDIS0010");
    out[n++] = (char)0xfe;
    out[n++] = 0;
    for (int i = 0; i < keys; i++) {
        out[n++] = 0;
        n += (size_t)sprintf(out + n, "\x04new%d\x01v", i);
    }
    if (unknown_type) {
        out[n++] = 99;
        n += (size_t)sprintf(out + n, "\x01k\x01v");
    }
    out[n++] = (char)0xff;
    uint64_t crc = crc64(0, out, n);
    for (int i = 0; i < 8; i++) out[n++] = (char)(crc >> (8 * i));
    return n;
}

/* Sessions as bytes. See session.h. */
#include "support/session.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TRANSCRIPT_BYTES = 1 << 20, TEXTS = 8 };

int session_open(struct srv *s) {
    redisContext *c = srv_connect(s);
    struct timeval patience = {60, 0};
    int fd = dup(c->fd);
    redisFree(c);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
}

static void send_all(int fd, const char *p, size_t n) {
    while (n > 0) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        cr_assert(sent > 0, "the server hung up in the middle of a session");
        p += sent;
        n -= (size_t)sent;
    }
}

void session_say(int fd, const char *line) {
    send_all(fd, line, strlen(line));
    send_all(fd, "\r\n", 2);
}

static bool ends_with(const char *text, size_t n, const char *end) {
    size_t end_n = strlen(end);
    return n >= end_n && memcmp(text + n - end_n, end, end_n) == 0;
}

/* What comes behind `until` belongs to the next call, so bytes are taken singly; messages are few and small. */
const char *session_hear(int fd, const char *until) {
    static char texts[TEXTS][TRANSCRIPT_BYTES];
    static int next;
    char *text = texts[next++ % TEXTS];
    size_t n = 0;
    while (!ends_with(text, n, until)) {
        cr_assert(n < TRANSCRIPT_BYTES - 1 && recv(fd, text + n, 1, 0) == 1, "%s did not come; so far: %.*s",
                  until, (int)n, text);
        n++;
    }
    text[n] = '\0';
    return text;
}

const char *session_ask(int fd, const char *line) {
    session_say(fd, line);
    session_say(fd, "PING done-and-answered");
    return session_hear(fd, "$17\r\ndone-and-answered\r\n");
}

void session_hide_id(char *text) {
    static const char mark[] = "$2\r\nid\r\n:";
    for (char *p = text; (p = strstr(p, mark));) {
        p += sizeof mark - 1;
        size_t digits = strspn(p, "0123456789");
        *p = '0';
        memmove(p + 1, p + digits, strlen(p + digits) + 1);
    }
}

const char *session_transcript(struct srv *s, const char *const *lines, size_t n) {
    static char texts[2][TRANSCRIPT_BYTES];
    char *text = texts[s->kind == REDIS];
    int fd = session_open(s);
    for (size_t i = 0; i < n; i++) session_say(fd, lines[i]);
    session_say(fd, "QUIT");
    size_t len = 0;
    for (ssize_t got; (got = recv(fd, text + len, TRANSCRIPT_BYTES - 1 - len, 0)) != 0; len += (size_t)got)
        cr_assert(got > 0 && len < TRANSCRIPT_BYTES - 1, "no end of the session; so far: %.*s", (int)len,
                  text);
    text[len] = '\0';
    close(fd);
    session_hide_id(text);
    return text;
}

void session_compare(struct srv *ours, struct srv *real, const char *name, const char *const *lines,
                     size_t n) {
    const char *want = session_transcript(real, lines, n), *got = session_transcript(ours, lines, n);
    size_t at = 0;
    while (got[at] && got[at] == want[at]) at++;
    cr_expect(strcmp(got, want) == 0,
              "session %s differs at byte %zu, behind ...%.*s\n  ours:  %.200s\n  redis: %.200s", name, at,
              at < 80 ? (int)at : 80, got + (at < 80 ? 0 : at - 80), got + at, want + at);
}

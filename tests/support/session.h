/* Sessions: lines sent over a connection of their own, and what comes back as bytes, so that two servers can be compared to
 * the byte: the forms of RESP2 and RESP3, messages between replies, and the end of the connection. */
#ifndef TANDEM_TESTS_SESSION_H
#define TANDEM_TESTS_SESSION_H

#include "support/server.h"

/* Sends the lines at once (inline requests), then QUIT, and gives what came until the server closed: valid until the next
 * call for that kind of server. Numbers after "id" in HELLO's reply differ by server: they read as 0. */
const char *session_transcript(struct srv *s, const char *const *lines, size_t n);

/* The same transcript from both, or the test fails, naming the session. */
void session_compare(struct srv *ours, struct srv *real, const char *name, const char *const *lines,
                     size_t n);
#define SESSION(ours, real, name, ...)                                                                       \
    session_compare((ours), (real), (name), (const char *const[]){__VA_ARGS__},                              \
                    sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* The number behind "id" in HELLO's reply becomes 0: connections are counted differently. In place. */
void session_hide_id(char *text);

/* Step by step. A connection is a descriptor of the test's own, to be closed. */
int session_open(struct srv *s);
void session_say(int fd, const char *line);
/* The bytes that come, up to and with `until`; waits for them. Valid for the next 7 calls. */
const char *session_hear(int fd, const char *until);
/* Says the line and PING with a word after it: all that came until that was answered. */
const char *session_ask(int fd, const char *line);

#endif

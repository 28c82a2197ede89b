/* A connection of a test's own to a Unix socket. */
#ifndef TANDEM_TESTS_DIAL_H
#define TANDEM_TESTS_DIAL_H

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

/* The descriptor, non-blocking; -1: nobody listens. */
static inline int dial_unix(const char *path) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
    return connect(fd, (struct sockaddr *)&to, sizeof to) == 0 ? fd : -1;
}

#endif

/* The client's connection. Errors are kept as text, in the words that hiredis uses, because scripts look for them. */
#include "cli/link.h"
#include "base/alloc.h"
#include "resp/request.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static bool fail(struct link *l, const char *why) {
    snprintf(l->error, sizeof(l->error), "%s", why);
    return false;
}

static bool adopt(struct link *l, int fd) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on,
               sizeof(on)); /* fails on a Unix socket, which does no harm */
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    l->fd = fd;
    l->error[0] = '\0';
    return true;
}

static int connect_any(const struct addrinfo *list) {
    int why = ECONNREFUSED;
    for (const struct addrinfo *a = list; a; a = a->ai_next) {
        int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
        if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) == 0) return fd;
        why = errno;
        if (fd >= 0) close(fd);
    }
    errno = why;
    return -1;
}

bool link_open_tcp(struct link *l, const char *host, int port) {
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *list;
    char service[16];
    snprintf(service, sizeof(service), "%d", port);
    int problem = getaddrinfo(host, service, &hints, &list);
    if (problem != 0) {
        hints.ai_family = AF_INET6;
        if (getaddrinfo(host, service, &hints, &list) != 0) return fail(l, gai_strerror(problem));
    }
    int fd = connect_any(list);
    freeaddrinfo(list);
    return fd < 0 ? fail(l, strerror(errno)) : adopt(l, fd);
}

bool link_open_unix(struct link *l, const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) return fail(l, strerror(ENAMETOOLONG));
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return fail(l, strerror(errno));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) return adopt(l, fd);
    fail(l, strerror(errno));
    close(fd);
    return false;
}

void link_close(struct link *l) {
    if (l->fd >= 0) close(l->fd);
    l->fd = -1;
    resp_reader_free(&l->in);
}

bool link_send(struct link *l, const sds *argv, int argc) {
    slice *words = mem_alloc((size_t)argc * sizeof *words);
    for (int i = 0; i < argc; i++) words[i] = sds_slice(argv[i]);
    sds request = request_cat(sds_empty(), argc, words);
    mem_free(words, (size_t)argc * sizeof *words);
    bool ok = true;
    for (size_t done = 0; ok && done < sds_len(request);) {
        ssize_t n = send(l->fd, request + done, sds_len(request) - done, MSG_NOSIGNAL);
        if (n > 0) {
            done += (size_t)n;
        } else if (errno != EINTR) {
            ok = fail(l, strerror(errno));
        }
    }
    sds_free(request);
    return ok;
}

bool link_receive(struct link *l) {
    char buf[16384];
    ssize_t n;
    while ((n = read(l->fd, buf, sizeof(buf))) < 0 && errno == EINTR) {}
    if (n <= 0) return fail(l, n == 0 ? "Server closed the connection" : strerror(errno));
    resp_reader_feed(&l->in, buf, (size_t)n);
    return true;
}

const struct resp_value *link_take(struct link *l) {
    const struct resp_value *v;
    enum resp_status status = resp_reader_next(&l->in, &v);
    l->error[0] = '\0';
    if (status == RESP_BAD) snprintf(l->error, sizeof(l->error), "Protocol error, %s", l->in.scan.error);
    return status == RESP_OK ? v : NULL;
}

const struct resp_value *link_read(struct link *l) {
    const struct resp_value *v;
    while (!(v = link_take(l)) && !l->error[0])
        if (!link_receive(l)) return NULL;
    return v;
}

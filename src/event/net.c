/* Sockets: thin, uniform wrappers; see net.h. Holds no state. */
#include "event/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"

static int fail(char *err, const char *what, int code) {
    snprintf(err, NET_ERR_BYTES, "%s%s", what, strerror(code));
    errno = code;
    return -1;
}

static int fail_close(int fd, char *err, const char *what) {
    int code = errno;
    close(fd);
    return fail(err, what, code);
}

static struct addrinfo *resolve(const char *host, int port, int flags, char *err) {
    char service[16];
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags}, *list;
    snprintf(service, sizeof service, "%d", port);
    int rc = getaddrinfo(host, service, &hints, &list);
    if (rc == 0) return list;
    errno = rc == EAI_SYSTEM ? errno : ENOENT;
    snprintf(err, NET_ERR_BYTES, "%s", gai_strerror(rc));
    return NULL;
}

static int new_socket(int family) {
    return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* --- listening --- */

static int bind_and_listen(int fd, const struct sockaddr *sa, socklen_t n, int backlog, char *err) {
    if (bind(fd, sa, n) < 0) return fail_close(fd, err, "bind: ");
    if (listen(fd, backlog) < 0) return fail_close(fd, err, "listen: ");
    return fd;
}

unsigned net_listen_mark;

int net_listen_tcp(const char *addr, int port, int backlog, char *err) {
    const char *host = strcmp(addr, "*") == 0 ? "0.0.0.0" : strcmp(addr, "::*") == 0 ? "::" : addr;
    struct addrinfo *list = resolve(host, port, AI_PASSIVE, err);
    if (!list) return -1;
    int fd = -1, one = 1;
    for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
        fd = new_socket(a->ai_family);
        if (fd < 0) {
            fail(err, "creating socket: ", errno);
            continue;
        }
        if (a->ai_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        if (net_listen_mark &&
            setsockopt(fd, SOL_SOCKET, SO_MARK, &net_listen_mark, sizeof net_listen_mark) != 0)
            log_warning("Can't mark a socket with %u: %s", net_listen_mark, strerror(errno));
        fd = bind_and_listen(fd, a->ai_addr, a->ai_addrlen, backlog, err);
    }
    int code = errno;
    freeaddrinfo(list);
    errno = code;
    return fd;
}

static bool unix_address(const char *path, struct sockaddr_un *sa) {
    *sa = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof sa->sun_path) return false;
    strcpy(sa->sun_path, path);
    return true;
}

int net_listen_unix(const char *path, mode_t perm, int backlog, char *err) {
    struct sockaddr_un sa;
    if (!unix_address(path, &sa)) return fail(err, "bind: ", ENAMETOOLONG);
    int fd = new_socket(AF_UNIX);
    if (fd < 0) return fail(err, "creating socket: ", errno);
    unlink(path); /* left over from a process that was killed */
    if (bind_and_listen(fd, (struct sockaddr *)&sa, sizeof sa, backlog, err) < 0) return -1;
    if (perm) chmod(sa.sun_path, perm);
    return fd;
}

static bool format_ip(const struct sockaddr_storage *sa, char *ip, int *port) {
    const void *raw;
    int p;
    if (sa->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)sa;
        raw = &in->sin_addr;
        p = ntohs(in->sin_port);
    } else if (sa->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;
        raw = &in6->sin6_addr;
        p = ntohs(in6->sin6_port);
    } else {
        return false;
    }
    if (ip && !inet_ntop(sa->ss_family, raw, ip, NET_ADDR_BYTES)) return false;
    if (port) *port = p;
    return true;
}

int net_accept(int listen_fd, char *ip, int *port, char *err) {
    struct sockaddr_storage sa;
    int fd;
    socklen_t n;
    do {
        n = sizeof sa;
        fd = accept4(listen_fd, (struct sockaddr *)&sa, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
    } while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (fd < 0) return fail(err, "accept: ", errno);
    if (!format_ip(&sa, ip, port)) {
        if (ip) *ip = '\0';
        if (port) *port = 0;
    }
    return fd;
}

/* --- connecting --- */

static int bind_source(int fd, int family, const char *source_addr, char *err) {
    struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM}, *list;
    int rc = getaddrinfo(source_addr, NULL, &hints, &list), one = 1;
    if (rc) {
        snprintf(err, NET_ERR_BYTES, "%s", gai_strerror(rc));
        errno = EADDRNOTAVAIL;
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    rc = bind(fd, list->ai_addr, list->ai_addrlen);
    if (rc < 0) fail(err, "bind: ", errno);
    int code = errno;
    freeaddrinfo(list);
    errno = code;
    return rc;
}

static int connect_address(const struct addrinfo *a, const char *source_addr, char *err) {
    int fd = new_socket(a->ai_family);
    if (fd < 0) return fail(err, "creating socket: ", errno);
    if (source_addr && *source_addr && bind_source(fd, a->ai_family, source_addr, err) < 0) {
        int code = errno;
        close(fd);
        errno = code;
        return -1;
    }
    if (connect(fd, a->ai_addr, a->ai_addrlen) < 0 && errno != EINPROGRESS) return fail_close(fd, err, "");
    return fd;
}

int net_connect_start(const char *host, int port, const char *source_addr, char *err) {
    struct addrinfo *list = resolve(host, port, 0, err);
    int fd = -1;
    if (!list) return -1;
    for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next) fd = connect_address(a, source_addr, err);
    int code = errno;
    freeaddrinfo(list);
    errno = code;
    return fd;
}

int net_connect_error(int fd) {
    int code = 0;
    socklen_t n = sizeof code;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &n) < 0 ? errno : code;
}

/* --- options --- */

int net_set_nodelay(int fd, bool on) {
    int v = on;
    return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &v, sizeof v);
}

/* A dead peer is noticed after about two intervals: one of silence, then three probes a third apart. */
int net_set_keepalive(int fd, int interval_s) {
    int on = interval_s > 0, probes = 3, between = interval_s / 3 > 0 ? interval_s / 3 : 1;
    if (setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) < 0 || !on) return on ? -1 : 0;
    if (setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &interval_s, sizeof interval_s) < 0) return -1;
    if (setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &between, sizeof between) < 0) return -1;
    return setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

int net_set_blocking(int fd, bool blocking) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0) return -1;
    return fcntl(fd, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

/* --- addresses --- */

bool net_peer(int fd, char *ip, int *port) {
    struct sockaddr_storage sa = {0};
    socklen_t n = sizeof sa;
    return getpeername(fd, (struct sockaddr *)&sa, &n) == 0 && format_ip(&sa, ip, port);
}

bool net_local(int fd, char *ip, int *port) {
    struct sockaddr_storage sa = {0};
    socklen_t n = sizeof sa;
    return getsockname(fd, (struct sockaddr *)&sa, &n) == 0 && format_ip(&sa, ip, port);
}

size_t net_format_addr(char *buf, size_t cap, const char *ip, int port) {
    int n = snprintf(buf, cap, strchr(ip, ':') ? "[%s]:%d" : "%s:%d", ip, port);
    return n < 0 ? 0 : (size_t)n < cap ? (size_t)n : cap - 1;
}

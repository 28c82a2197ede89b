/* Listening and accepting.
 *
 * Options of connections (no delay, keep-alive) are set on the listening socket, from which Linux hands them on, so
 * that accepting costs no further system calls. When descriptors run out the listeners rest for a moment: with
 * level-triggered readiness the waiting connection would otherwise keep the loop spinning. */
#include "client/internal.h"

#include "base/log.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { LISTENERS_MAX = 18, ACCEPTS_PER_TURN = 1000, REST_MS = 100 };

static int64_t rest_is_over(void *ctx);

static struct {
    struct listener {
        struct ev_io io;
        bool is_unix;
        int keepalive_s;
    } v[LISTENERS_MAX];
    int count;
    sds unix_path;
    struct ev_timer rest;
    bool complained;
} listeners = {.rest = {.fn = rest_is_over, .heap_index = -1}};

const char *listen_unix_path(void) {
    return listeners.unix_path ? listeners.unix_path : "";
}

static int64_t rest_is_over(void *ctx) {
    (void)ctx;
    for (int i = 0; i < listeners.count; i++) ev_io_set(&listeners.v[i].io, EV_READ);
    return EV_STOP;
}

static void rest(void) {
    for (int i = 0; i < listeners.count; i++) ev_io_set(&listeners.v[i].io, 0);
    ev_timer_start(&listeners.rest, REST_MS);
}

static void refuse(int fd) {
    static const char text[] = "-ERR max number of clients reached\r\n";
    if (write(fd, text, sizeof text - 1) < 0) { /* it is closed anyway */
    }
    close(fd);
    client_stats.rejected++;
}

static void take_in(const struct listener *l, int fd) {
    if (client_count() >= (size_t)client_config.max_clients) {
        refuse(fd);
        return;
    }
    struct client *c = client_new(fd);
    if (l->is_unix) c->flags |= CLIENT_UNIX;
    client_stats.accepted++;
    if (client_hooks.may_accept && !client_hooks.may_accept(c)) client_close_after_reply(c);
}

static void log_accepted(const struct listener *l, const char *ip, int port) {
    if (l->is_unix)
        log_verbose("Accepted connection to %s", listeners.unix_path);
    else
        log_verbose("Accepted %s:%d", ip, port);
}

/* An error that is the system's rather than the one connection's: trying again at once won't help. */
static void accept_failed(int code, const char *err) {
    if (code == EAGAIN) return;
    if (!listeners.complained) log_warning("Accepting client connection: %s", err);
    listeners.complained = true;
    if (code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM) rest();
}

static bool set_options(struct listener *l) {
    if (l->keepalive_s == client_config.tcp_keepalive_s) return false;
    l->keepalive_s = client_config.tcp_keepalive_s;
    net_set_keepalive(l->io.fd, l->keepalive_s);
    return true;
}

static void on_connection(struct ev_io *io, int ready) {
    struct listener *l = io->ctx;
    (void)ready;
    bool late = !l->is_unix && set_options(l); /* those that wait already have the old setting */
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        char ip[NET_ADDR_BYTES], err[NET_ERR_BYTES];
        int port, fd = net_accept(io->fd, ip, &port, err);
        if (fd < 0) {
            accept_failed(errno, err);
            return;
        }
        listeners.complained = false;
        log_accepted(l, ip, port);
        if (late) net_set_keepalive(fd, l->keepalive_s);
        take_in(l, fd);
    }
}

static bool add_listener(int fd, bool is_unix, char *err) {
    if (listeners.count == LISTENERS_MAX) {
        close(fd);
        strcpy(err, "too many listening sockets");
        return false;
    }
    struct listener *l = &listeners.v[listeners.count++];
    *l = (struct listener){.is_unix = is_unix, .keepalive_s = 0};
    ev_io_init(&l->io, fd, on_connection, l);
    if (!is_unix) {
        net_set_nodelay(fd, true);
        set_options(l);
    }
    if (ev_io_set(&l->io, EV_READ)) return true;
    strcpy(err, strerror(errno));
    close(fd);
    listeners.count--;
    return false;
}

bool client_listen_tcp(const char *addr, int port, int backlog, char *err) {
    int fd = net_listen_tcp(addr, port, backlog, err);
    return fd >= 0 && add_listener(fd, false, err);
}

bool client_listen_unix(const char *path, unsigned perm, int backlog, char *err) {
    int fd = net_listen_unix(path, (mode_t)perm, backlog, err);
    if (fd < 0 || !add_listener(fd, true, err)) return false;
    sds_free(listeners.unix_path);
    listeners.unix_path = sds_new(path);
    return true;
}

/* The loop knows a listener by its address: one that moves into a gap is taken out and put in again. */
static void move_listener(struct listener *to, struct listener *from) {
    int mask = from->io.mask;
    ev_io_set(&from->io, 0);
    *to = *from;
    ev_io_init(&to->io, from->io.fd, on_connection, to);
    ev_io_set(&to->io, mask);
}

void client_stop_listening_tcp(void) {
    int kept = 0;
    for (int i = 0; i < listeners.count; i++) {
        struct listener *l = &listeners.v[i];
        if (!l->is_unix) {
            ev_io_set(&l->io, 0);
            close(l->io.fd);
            continue;
        }
        if (kept != i) move_listener(&listeners.v[kept], l);
        kept++;
    }
    listeners.count = kept;
}

void client_stop_listening(void) {
    for (int i = 0; i < listeners.count; i++) {
        ev_io_set(&listeners.v[i].io, 0);
        close(listeners.v[i].io.fd);
    }
    ev_timer_stop(&listeners.rest);
    listeners.count = 0;
    if (listeners.unix_path) unlink(listeners.unix_path);
    sds_free(listeners.unix_path);
    listeners.unix_path = NULL;
}

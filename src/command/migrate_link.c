/* MIGRATE's connections: see migrate_link.h. The descriptors are never in the event loop; each link has a timer there,
 * which ends it. */
#include "command/migrate_link.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/clock.h"
#include "base/sds.h"
#include "event/loop.h"
#include "event/net.h"
#include "server/server.h"

int migrate_idle_ms = 10000;

struct kept {
    struct migrate_link link; /* first */
    sds host, port;
    struct ev_timer idle;
};

static struct kept *kept[MIGRATE_LINKS_MAX];
static int n_kept;

static void count(int by) {
    n_kept += by;
    server_stats.migrate_links = n_kept;
}

void migrate_link_close(struct migrate_link *l) {
    struct kept *k = (struct kept *)l;
    int i = 0;
    while (kept[i] != k) i++;
    count(-1);
    kept[i] = kept[n_kept];
    ev_timer_stop(&k->idle);
    close(l->fd);
    sds_free(k->host);
    sds_free(k->port);
    mem_free(k, sizeof *k);
}

static int64_t was_idle(void *ctx) {
    migrate_link_close(ctx);
    return EV_STOP;
}

/* Waits until fd is ready for events, or the time is over. */
static enum migrate_io wait_ready(int fd, short events, uint64_t end_ms) {
    for (;;) {
        uint64_t now = clock_mono_ms();
        uint64_t left = end_ms > now ? end_ms - now : 0;
        struct pollfd p = {.fd = fd, .events = events};
        int n = poll(&p, 1, left > INT_MAX ? INT_MAX : (int)left);
        if (n > 0) return MIGRATE_OK;
        if (n < 0 && errno != EINTR) return MIGRATE_BROKEN;
        if (n == 0 && left <= INT_MAX) return MIGRATE_TIMEOUT;
    }
}

static uint64_t end_of(int64_t timeout_ms) {
    return clock_mono_ms() + (uint64_t)timeout_ms;
}

static int connect_to(const char *host, const char *port, int64_t timeout_ms) {
    char err[NET_ERR_BYTES];
    int fd = net_connect_start(host, atoi(port), NULL, err);
    if (fd < 0) return -1;
    /* A refusal shows when the first byte is sent: so the reference words it ("writing"). */
    if (wait_ready(fd, POLLOUT, end_of(timeout_ms)) != MIGRATE_OK) {
        close(fd);
        return -1;
    }
    net_set_nodelay(fd, true);
    return fd;
}

static struct kept *find(slice host, slice port) {
    for (int i = 0; i < n_kept; i++)
        if (slice_eq(sds_slice(kept[i]->host), host) && slice_eq(sds_slice(kept[i]->port), port))
            return kept[i];
    return NULL;
}

static struct kept *new_link(slice host, slice port, int64_t timeout_ms) {
    sds h = sds_newlen(host.p, host.n), p = sds_newlen(port.p, port.n);
    int fd = connect_to(h, p, timeout_ms);
    if (fd < 0) {
        sds_free(h);
        sds_free(p);
        return NULL;
    }
    if (n_kept == MIGRATE_LINKS_MAX) migrate_link_close(&kept[0]->link);
    struct kept *k = mem_alloc(sizeof *k);
    *k = (struct kept){.link = {.dbid = MIGRATE_NO_DB, .fd = fd}, .host = h, .port = p};
    ev_timer_init(&k->idle, was_idle, k);
    kept[n_kept] = k;
    count(+1);
    return k;
}

struct migrate_link *migrate_link_get(slice host, slice port, int64_t timeout_ms) {
    struct kept *k = find(host, port);
    if (!k) k = new_link(host, port, timeout_ms);
    if (!k) return NULL;
    ev_timer_start(&k->idle, migrate_idle_ms);
    return &k->link;
}

/* --- sending and receiving --- */

static enum migrate_io send_chunk(int fd, const char *p, size_t n, uint64_t end_ms) {
    while (n > 0) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) {
            p += sent;
            n -= (size_t)sent;
            continue;
        }
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && errno != EAGAIN) return MIGRATE_BROKEN;
        enum migrate_io ready = wait_ready(fd, POLLOUT, end_ms);
        if (ready != MIGRATE_OK) return ready;
    }
    return MIGRATE_OK;
}

enum migrate_io migrate_send(struct migrate_link *l, const char *p, size_t n, int64_t timeout_ms) {
    enum migrate_io io = MIGRATE_OK;
    for (size_t at = 0; at < n && io == MIGRATE_OK; at += MIGRATE_CHUNK_BYTES) {
        size_t chunk = n - at < MIGRATE_CHUNK_BYTES ? n - at : MIGRATE_CHUNK_BYTES;
        io = send_chunk(l->fd, p + at, chunk, end_of(timeout_ms));
    }
    return io;
}

static enum migrate_io receive(struct migrate_link *l, uint64_t end_ms) {
    for (;;) {
        ssize_t got = recv(l->fd, l->unread, sizeof l->unread, MSG_DONTWAIT);
        if (got > 0) {
            l->n_unread = (size_t)got;
            return MIGRATE_OK;
        }
        if (got == 0 || (errno != EAGAIN && errno != EINTR)) return MIGRATE_BROKEN;
        enum migrate_io ready = wait_ready(l->fd, POLLIN, end_ms);
        if (ready != MIGRATE_OK) return ready;
    }
}

enum migrate_io migrate_line(struct migrate_link *l, char line[MIGRATE_LINE_BYTES], int64_t timeout_ms) {
    uint64_t end_ms = end_of(timeout_ms);
    size_t n = 0;
    for (;;) {
        const char *lf = memchr(l->unread, '\n', l->n_unread);
        size_t part = lf ? (size_t)(lf - l->unread) : l->n_unread, room = MIGRATE_LINE_BYTES - 1 - n;
        if (part < room) room = part;
        memcpy(line + n, l->unread, room);
        n += room;
        if (lf) {
            l->n_unread -= part + 1;
            memmove(l->unread, lf + 1, l->n_unread);
            if (n > 0 && line[n - 1] == '\r') n--;
            line[n] = '\0';
            return MIGRATE_OK;
        }
        l->n_unread = 0;
        enum migrate_io got = receive(l, end_ms);
        if (got != MIGRATE_OK) return got;
    }
}

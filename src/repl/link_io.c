/* The socket of the link to our master while it is not yet a client: connecting, reading lines, sending.
 *
 * Lines end with LF, CR before it is dropped, empty ones (the master's keepalive while it makes a snapshot)
 * only show that it lives. A line goes to the machine as an event; as soon as the machine has left the states
 * that read lines, what is still in the buffer belongs to the next reader (link_io_unread).
 *
 * Requests of the handshake are small and the socket's buffer is empty, so a write that does not take all is
 * an error. */
#include "base/assert.h"
#include "base/log.h"
#include "repl/link.h"
#include "resp/request.h"
#include <ctype.h>
#include <errno.h>
#include <unistd.h>

bool link_io_send(struct link *l, const char *bytes, size_t n) {
    ssize_t took = write(l->io.fd, bytes, n);
    if (took == (ssize_t)n) return true;
    log_warning("Sending command to master in replication handshake: -Writing to master: %s",
                took < 0 ? strerror(errno) : "short write");
    return false;
}

bool link_io_send_command(struct link *l, int argc, const slice *argv) {
    sds s = request_cat(sds_empty(), argc, argv);
    bool ok = link_io_send(l, s, sds_len(s));
    sds_free(s);
    return ok;
}

/* Whether it hears that is no matter: who reads from it will find out. */
void link_io_show_life(struct link *l) {
    if (write(l->io.fd, "\n", 1) < 0) return;
}

void link_io_unread(struct link *l, slice *out) {
    *out = (slice){l->in + l->in_at, l->in_used - l->in_at};
    l->in_at = l->in_used = 0;
}

/* --- reading --- */

static bool reads_lines(const struct link *l) {
    return link_takes(l->m.state, LINK_EV_LINE);
}

static void broken(struct link *l, const char *why) {
    if (l->m.state == LINK_PSYNC)
        log_warning("Master did not reply to PSYNC, will try later");
    else if (l->m.state == LINK_PREAMBLE)
        log_warning("I/O error reading bulk count from MASTER: %s", why);
    else {
        log_warning("Failed to read response from the server: %s", why);
        log_warning("Master did not respond to command during SYNC handshake");
    }
    link_event(LINK_EV_FAILED);
}

/* The next complete line in the buffer, without its end; false when there is none. */
static bool next_line(struct link *l, slice *line) {
    char *from = l->in + l->in_at, *lf = memchr(from, '\n', l->in_used - l->in_at);
    if (!lf) return false;
    *line = (slice){from, (size_t)(lf - from)};
    if (line->n && from[line->n - 1] == '\r') line->n--;
    l->in_at += (size_t)(lf - from) + 1;
    return true;
}

static void take_lines(struct link *l) {
    slice line;
    while (reads_lines(l) && next_line(l, &line)) {
        if (line.n == 0) continue;
        /* A copy, for the step may read on into the buffer; lines get into the log, so nothing unprintable. */
        char copy[LINK_LINE_MAX];
        for (size_t i = 0; i < line.n; i++) copy[i] = isprint((unsigned char)line.p[i]) ? line.p[i] : '?';
        struct link_event ev = {.type = LINK_EV_LINE, .line = {copy, line.n}};
        link_step(&l->m, &ev);
    }
    if (l->m.state == LINK_TRANSFER) link_sync_readable(l); /* its first bytes may be here already */
    if (!reads_lines(l)) return;
    memmove(l->in, l->in + l->in_at, l->in_used - l->in_at);
    l->in_used -= l->in_at;
    l->in_at = 0;
    if (l->in_used == sizeof l->in) broken(l, "line too long");
}

static void read_lines(struct link *l) {
    ssize_t n = read(l->io.fd, l->in + l->in_used, sizeof l->in - l->in_used);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
        broken(l, n < 0 ? strerror(errno) : "Connection closed by the master");
        return;
    }
    l->last_io_s = repl_now_s();
    repl_stats.in_bytes += (uint64_t)n;
    l->in_used += (size_t)n;
    take_lines(l);
}

static void link_io_ready(struct ev_io *io, int ready) {
    (void)ready;
    struct link *l = io->ctx;
    /* While data is loaded: from this socket, then the loader reads it; or by DEBUG RELOAD, then it waits. */
    if (io->fd < 0 || rdb_loading.active) return;
    if (l->m.state == LINK_CONNECTING) {
        int err = net_connect_error(io->fd);
        if (err) log_warning("Error condition on socket for SYNC: %s", strerror(err));
        if (!err) ev_io_set(io, EV_READ);
        link_event(err ? LINK_EV_FAILED : LINK_EV_OPENED);
    } else if (l->m.state == LINK_TRANSFER) {
        link_sync_readable(l);
    } else if (reads_lines(l)) {
        read_lines(l);
    }
}

/* --- connecting, closing --- */

bool link_io_connect(struct link *l, enum link_occasion occasion) {
    char err[NET_ERR_BYTES];
    const char *verb = occasion == CONNECT_FIRST ? "Connecting" : "Reconnecting";
    log_notice("%s to MASTER %s:%d%s", verb, l->host, l->port,
               occasion == CONNECT_AFTER_FAILURE ? " after failure" : "");
    int fd = net_connect_start(l->host, l->port, repl_config.bind_source, err);
    if (fd < 0) {
        log_warning("Unable to connect to MASTER: %s", err);
        return false;
    }
    ev_io_init(&l->io, fd, link_io_ready, l);
    ev_io_set(&l->io, EV_WRITE);
    l->in_at = l->in_used = 0;
    l->last_io_s = repl_now_s();
    log_notice("MASTER <-> REPLICA sync started");
    return true;
}

void link_io_close(struct link *l) {
    if (l->io.fd < 0) return;
    ev_io_set(&l->io, 0);
    close(l->io.fd);
    l->io.fd = -1;
    l->in_at = l->in_used = 0;
}

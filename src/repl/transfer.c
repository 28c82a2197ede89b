/* Bytes into replicas' sockets: the snapshot file, the relayed diskless snapshot, the log.
 *
 * All three are sources of a client's `feed`: called when the socket may take more, they write straight from
 * where the bytes are (page cache, relay buffer, log chunks), and nothing is copied per replica.
 *
 * Invariant: `stalled` is what the last feed returned, so whoever has news for a peer knows whether the loop
 * will call the feed anyway. One call sends at most FEED_BYTES, so one fast replica cannot hold the turn.
 *
 * It does not decide when a transfer begins (fullsync.c) or what follows it (peer_machine.c). */
#include "base/assert.h"
#include "base/log.h"
#include "repl/peer.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FEED_BYTES = 1024 * 1024, FEED_VECTORS = FEED_BYTES / (64 * 1024) + 1 };

enum sent {
    SENT_ALL,
    SENT_SOME,
    SENT_FULL,
    SENT_HELD,
    SENT_FAILED
}; /* nothing left; budget used up; socket full; no bandwidth (repl-full-sync-rate); closed */

/* A write's result: counts it, or says that the socket is full or broken. */
static bool took(struct peer *p, ssize_t n, const char *what, enum sent *out) {
    if (n > 0) {
        p->c->total_out_bytes += (uint64_t)n;
        repl_stats.out_bytes += (uint64_t)n;
        p->last_progress_s = repl_now_s();
        peer_report_sent(p, (size_t)n);
        return true;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        *out = SENT_FULL;
        return false;
    }
    log_verbose("Write error sending %s to replica: %s", what, n == 0 ? "nothing taken" : strerror(errno));
    *out = SENT_FAILED;
    return false;
}

/* --- the snapshot file --- */

static bool take_file(struct peer *p, int fd) {
    struct stat st;
    p->file_fd = fd;
    if (fd < 0 || fstat(fd, &st) < 0) {
        log_warning("SYNC failed. Can't open/stat DB after BGSAVE: %s", strerror(errno));
        transfer_close_file(p);
        return false;
    }
    p->file_at = 0;
    p->file_bytes = st.st_size;
    p->preamble_at = 0;
    p->preamble_bytes = (size_t)snprintf(p->preamble, sizeof p->preamble, "$%lld\r\n",
                                         (long long)p->file_bytes);
    return true;
}

bool transfer_open_file(struct peer *p) {
    return take_file(p, open(repl_rdb_path(), O_RDONLY | O_CLOEXEC));
}

bool transfer_open_empty(struct peer *p) {
    static const char rdb[] = "REDIS0010\xff\0\0\0\0\0\0\0\0"; /* header, end, no checksum */
    int fd = memfd_create("tandem-no-keys", MFD_CLOEXEC);
    if (fd >= 0 && write(fd, rdb, sizeof rdb - 1) != (ssize_t)sizeof rdb - 1) {
        close(fd);
        fd = -1;
    }
    return take_file(p, fd);
}

void transfer_close_file(struct peer *p) {
    if (p->file_fd >= 0) close(p->file_fd);
    p->file_fd = -1;
}

static enum sent send_preamble(struct peer *p) {
    enum sent result = SENT_ALL;
    while (p->preamble_at < p->preamble_bytes) {
        ssize_t n = write(p->c->io.fd, p->preamble + p->preamble_at, p->preamble_bytes - p->preamble_at);
        if (!took(p, n, "RDB preamble", &result)) return result;
        p->preamble_at += (size_t)n;
    }
    return SENT_ALL;
}

static enum sent send_file(struct peer *p) {
    enum sent result = send_preamble(p);
    if (result != SENT_ALL) return result;
    for (size_t budget = FEED_BYTES; p->file_at < p->file_bytes;) {
        if (budget == 0) return SENT_SOME;
        uint64_t allowed = restraint_allows(1);
        if (allowed == 0) return SENT_HELD;
        ssize_t n = sendfile(p->c->io.fd, p->file_fd, &p->file_at,
                             allowed < budget ? (size_t)allowed : budget);
        if (n == 0) {
            log_warning("Read error sending DB to replica: %s", "premature EOF");
            return SENT_FAILED;
        }
        if (!took(p, n, "DB", &result)) return result;
        restraint_took((uint64_t)n);
        budget -= (size_t)n;
    }
    peer_step(&p->m, PEER_EV_SENT);
    return SENT_ALL;
}

/* --- the diskless snapshot --- */

static enum sent send_relayed(struct peer *p) {
    slice bytes;
    enum sent result = SENT_ALL;
    if (!fullsync_relay_bytes(&bytes)) return SENT_ALL;
    while (p->relay_at < bytes.n) {
        ssize_t n = write(p->c->io.fd, bytes.p + p->relay_at, bytes.n - p->relay_at);
        if (!took(p, n, "DB", &result)) return result;
        p->relay_at += (size_t)n;
    }
    fullsync_relay_taken();
    return SENT_ALL;
}

/* --- the log --- */

static enum sent send_log(struct peer *p) {
    struct iovec iov[FEED_VECTORS];
    enum sent result = SENT_ALL;
    for (size_t sent = 0; sent < FEED_BYTES;) {
        int n_iov = backlog_read_iov(&p->cursor, iov, FEED_VECTORS);
        if (n_iov == 0) return SENT_ALL;
        ssize_t n = writev(p->c->io.fd, iov, n_iov);
        if (!took(p, n, "the replication stream", &result)) return result;
        backlog_advance(&p->cursor, (size_t)n);
        sent += (size_t)n;
    }
    return backlog_lag(&p->cursor) ? SENT_SOME : SENT_ALL;
}

bool transfer_feed(struct client *c) {
    struct peer *p = c->peer;
    enum sent result = SENT_ALL;
    if (p->m.state == PEER_SEND_FILE) result = send_file(p);
    if (p->m.state == PEER_SEND_PIPE) result = send_relayed(p);
    if (p->m.state == PEER_ONLINE && result == SENT_ALL) result = send_log(p);
    if (p->resync && p->m.state == PEER_ONLINE) peer_report_fed(p);
    if (result == SENT_FAILED) peer_end(p, PEER_EV_CLOSED);
    p->stalled = result == SENT_SOME || result == SENT_FULL;
    return p->stalled;
}

/* The helper process that waits for the disk, so that the loop need not.
 *
 * It is forked once (at a start before the data is loaded), gives its copy of the data back at once, and takes requests with a
 * descriptor each (SCM_RIGHTS) from a socket: sync it, or just hold its last reference while it is closed. Each sync is
 * answered with its errno.
 * It ends when our end of the socket closes, so never outlives us for longer than one sync.
 *
 * Invariant: at most one sync is asked for and not answered. One that fails, or whose helper died, counts as not done. */
#include "aof/internal.h"

#include "base/alloc.h"
#include "base/log.h"
#include "event/child.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

enum sync_request { REQUEST_SYNC = 's', REQUEST_CLOSE = 'c' };

static struct {
    struct ev_io io;   /* our end; fd -1: no helper */
    bool busy, undone; /* undone: what was asked for last did not come about */
} helper = {.io = {.fd = -1}};

/* --- in the helper --- */

static int receive(int sock, char *what) {
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec iov = {what, 1};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control};
    ssize_t n;
    do n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n != 1) return -1;
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    int fd = -1;
    if (c && c->cmsg_type == SCM_RIGHTS) memcpy(&fd, CMSG_DATA(c), sizeof fd);
    return fd;
}

static int run_helper(void *ctx) {
    int sock = *(const int *)ctx, fd;
    char what;
    mem_abandon();
    signal(SIGINT, SIG_IGN); /* Ctrl-C reaches us too, and the server has a last sync to make */
    signal(SIGTERM, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    while ((fd = receive(sock, &what)) >= 0) {
        int error = 0;
        if (what == REQUEST_SYNC && fdatasync(fd) != 0) error = errno;
        close(fd);
        if (what == REQUEST_SYNC && send(sock, &error, sizeof error, 0) != (ssize_t)sizeof error) break;
    }
    return 0;
}

/* --- in the server --- */

static void forget_helper(void) {
    if (helper.io.fd < 0) return;
    ev_io_set(&helper.io, 0);
    close(helper.io.fd);
    helper.io.fd = -1;
    aof_status.pending_syncs = 0;
    helper.undone = helper.undone || helper.busy;
    helper.busy = false;
}

static void answered(struct ev_io *io, int ready) {
    (void)ready;
    int error;
    ssize_t n = recv(io->fd, &error, sizeof error, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n != (ssize_t)sizeof error) {
        log_warning("The AOF fsync helper has gone; another one will be started");
        forget_helper();
        return;
    }
    helper.busy = false;
    helper.undone = error != 0;
    aof_status.pending_syncs = 0;
    aof_sync_result(error);
}

/* The system tells of a page that it could not write only once, and takes it for written from then on: a sync that goes well
 * after one that failed says nothing of what the first one lost. Only new files are sure to have all. */
void aof_sync_result(int error) {
    if (error && error != aof_status.sync_error_number)
        log_warning("Fail to fsync the AOF file: %s", strerror(error));
    if (!error && aof_status.sync_error_number) {
        log_warning(
            "The AOF file can be synced again. A rewrite makes sure that nothing is missing from it.");
        aof_rewrite_schedule();
    }
    aof_status.sync_error_number = error;
}

void aof_sync_start(void) {
    static int child_end; /* read by the child right after the fork */
    int ends[2];
    if (helper.io.fd >= 0) return;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return;
    child_end = ends[1];
    struct child_spec spec = {.kind = CHILD_HELPER,
                              .title = "tandem-aof-fsync",
                              .run = run_helper,
                              .ctx = &child_end,
                              .keep = {ends[1]},
                              .keep_count = 1};
    pid_t pid = child_start(&spec);
    close(ends[1]);
    if (pid < 0) {
        log_warning("Can't start the AOF fsync helper: %s", strerror(errno));
        close(ends[0]);
        return;
    }
    ev_io_init(&helper.io, ends[0], answered, NULL);
    ev_io_set(&helper.io, EV_READ);
}

void aof_sync_stop(void) {
    helper.busy = false;
    forget_helper();
}

bool aof_sync_busy(void) {
    return helper.busy;
}

static bool send_request(enum sync_request what, int fd) {
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    char byte = (char)what;
    struct iovec iov = {&byte, 1};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    *c = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    return sendmsg(helper.io.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) == 1;
}

bool aof_sync_request(int fd) {
    if (helper.busy) return true;
    aof_sync_start();
    if (helper.io.fd < 0 || !send_request(REQUEST_SYNC, fd)) return false;
    helper.busy = true;
    aof_status.pending_syncs = 1;
    return true;
}

void aof_sync_close(int fd) {
    if (helper.io.fd >= 0) send_request(REQUEST_CLOSE, fd); /* it has the last reference then */
    close(fd);
}

bool aof_sync_undone(void) {
    bool undone = helper.undone;
    helper.undone = false;
    return undone;
}

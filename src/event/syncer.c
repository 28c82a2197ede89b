/* See syncer.h. Invariant: `busy` exactly while a sync is asked for and neither answered nor lost. */
#include "event/syncer.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/log.h"
#include "event/child.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUEST_CLOSE = 'c' };

/* --- in the process --- */

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

static int run_syncer(void *ctx) {
    int sock = *(const int *)ctx, fd;
    char what;
    mem_abandon();
    signal(SIGINT, SIG_IGN); /* Ctrl-C reaches us too, and the server has a last sync to make */
    signal(SIGTERM, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    while ((fd = receive(sock, &what)) >= 0) {
        int error = 0;
        if (what == SYNC_DATA && fdatasync(fd) != 0) error = errno;
        if (what == SYNC_ALL && fsync(fd) != 0) error = errno;
        close(fd);
        if (what != REQUEST_CLOSE && send(sock, &error, sizeof error, 0) != (ssize_t)sizeof error) break;
    }
    return 0;
}

/* --- in the server --- */

static void conclude(struct syncer *s, int error) {
    bool asked = s->busy;
    s->busy = false;
    if (asked) s->done(error);
}

static void forget_process(struct syncer *s) {
    if (s->io.fd < 0) return;
    ev_io_set(&s->io, 0);
    close(s->io.fd);
    s->io.fd = -1;
}

static void answered(struct ev_io *io, int ready) {
    (void)ready;
    struct syncer *s = io->ctx;
    int error;
    ssize_t n = recv(io->fd, &error, sizeof error, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n != (ssize_t)sizeof error) {
        log_warning("The helper process %s has gone; another one will be started", s->title);
        forget_process(s);
        error = SYNCER_LOST;
    }
    conclude(s, error);
}

void syncer_start(struct syncer *s) {
    static int child_end; /* read by the child right after the fork */
    int ends[2];
    if (s->io.fd >= 0) return;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        log_warning("Can't start the helper process %s: %s", s->title, strerror(errno));
        return;
    }
    child_end = ends[1];
    struct child_spec spec = {.kind = CHILD_HELPER,
                              .title = s->title,
                              .run = run_syncer,
                              .ctx = &child_end,
                              .keep = {ends[1]},
                              .keep_count = 1};
    pid_t pid = child_start(&spec);
    int code = errno;
    close(ends[1]);
    if (pid < 0) {
        log_warning("Can't start the helper process %s: %s", s->title, strerror(code));
        close(ends[0]);
        return;
    }
    ev_io_init(&s->io, ends[0], answered, s);
    ev_io_set(&s->io, EV_READ);
}

void syncer_stop(struct syncer *s) {
    s->busy = false;
    forget_process(s);
}

static bool send_request(struct syncer *s, int what, int fd) {
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
    return sendmsg(s->io.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) == 1;
}

bool syncer_sync(struct syncer *s, int fd, enum syncer_scope scope) {
    assert_that(!s->busy);
    syncer_start(s);
    s->busy = s->io.fd >= 0 && send_request(s, scope, fd);
    return s->busy;
}

void syncer_close(struct syncer *s, int fd) {
    if (s->io.fd >= 0) send_request(s, REQUEST_CLOSE, fd); /* it has the last reference then */
    close(fd);
}

void syncer_wait(struct syncer *s, int timeout_ms) {
    struct pollfd answer = {.fd = s->io.fd, .events = POLLIN};
    if (s->busy && poll(&answer, 1, timeout_ms) > 0) answered(&s->io, EV_READ);
}

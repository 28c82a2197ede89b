/* --pipe: requests from standard input to the server without waiting for replies, which are counted meanwhile.
 *
 * Both directions are in motion at once, because a server that can't get rid of its replies stops reading. The end is
 * known by an ECHO of random words behind all the rest: its reply is the last one. An error reply is printed; the exit
 * code is 1 when there was any. */
#include "cli/modes.h"
#include "cli/options.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK_BYTES (64 * 1024)
#define MAGIC_BYTES 20

struct pipe {
    struct link *link;
    char chunk[CHUNK_BYTES];
    size_t at, n; /* of the chunk: sent, filled */
    bool input_ended;
    char magic[MAGIC_BYTES + 1];
    unsigned long long errors, replies;
};

static void make_magic(char magic[MAGIC_BYTES + 1]) {
    unsigned char noise[MAGIC_BYTES];
    if (getrandom(noise, sizeof(noise), 0) != sizeof(noise)) memset(noise, getpid() & 0xff, sizeof(noise));
    for (int i = 0; i < MAGIC_BYTES; i++) magic[i] = (char)('a' + noise[i] % 26);
    magic[MAGIC_BYTES] = '\0';
}

/* The next chunk: what standard input has, or the ECHO when it has ended. The line end before it ends an inline command
 * that has none. False: standard input can't be read. */
static bool refill(struct pipe *p) {
    ssize_t n = read(STDIN_FILENO, p->chunk, sizeof(p->chunk));
    if (n < 0) return errno == EINTR;
    p->at = 0;
    p->n = (size_t)n;
    if (n > 0) return true;
    p->input_ended = true;
    make_magic(p->magic);
    p->n = (size_t)snprintf(p->chunk, sizeof(p->chunk), "\r\n*2\r\n$4\r\nECHO\r\n$%d\r\n%s\r\n", MAGIC_BYTES,
                            p->magic);
    puts("All data transferred. Waiting for the last reply...");
    fflush(stdout);
    return true;
}

/* As much as the socket takes at once. False: the connection is lost. */
static bool send_some(struct pipe *p) {
    ssize_t n = send(p->link->fd, p->chunk + p->at, p->n - p->at, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) p->at += (size_t)n;
    return n >= 0 || errno == EAGAIN || errno == EINTR;
}

enum progress { GOING_ON, ENDED, BROKEN };

static enum progress count_replies(struct pipe *p) {
    const struct resp_value *v;
    while ((v = link_take(p->link)) != NULL) {
        if (reply_is_error(v)) {
            fprintf(stderr, "%.*s\n", (int)v->text.n, v->text.p);
            p->errors++;
        } else if (p->input_ended && v->type == '$' && slice_is(v->text, p->magic)) {
            puts("Last reply received from server.");
            return ENDED;
        }
        p->replies++;
    }
    return p->link->error[0] ? BROKEN : GOING_ON;
}

static enum progress receive(struct pipe *p) {
    enum progress progress = link_receive(p->link) ? count_replies(p) : BROKEN;
    if (progress == BROKEN) fprintf(stderr, "Error reading from the server: %s\n", p->link->error);
    return progress;
}

/* One turn: waits until something can go on, in either direction. The server's silence counts only when all is sent. */
static enum progress turn(struct pipe *p) {
    bool full = p->at < p->n, may_read = !full && !p->input_ended;
    bool limited = !full && p->input_ended && options.pipe_timeout_s > 0;
    struct pollfd fds[2] = {{.fd = p->link->fd, .events = (short)(POLLIN | (full ? POLLOUT : 0))},
                            {.fd = may_read ? STDIN_FILENO : -1, .events = POLLIN}};
    int ready = poll(fds, 2, limited ? options.pipe_timeout_s * 1000 : -1);
    if (ready == 0) {
        fprintf(stderr, "No replies for %d seconds: exiting.\n", options.pipe_timeout_s);
        p->errors++;
        return ENDED;
    }
    if (ready < 0) return errno == EINTR ? GOING_ON : BROKEN;
    if (fds[0].revents & (POLLIN | POLLHUP | POLLERR)) {
        enum progress progress = receive(p);
        if (progress != GOING_ON) return progress;
    }
    if (fds[1].revents && !refill(p)) {
        fprintf(stderr, "Error reading from stdin: %s\n", strerror(errno));
        return BROKEN;
    }
    if (p->at < p->n && !send_some(p)) {
        fprintf(stderr, "Error writing to the server: %s\n", strerror(errno));
        return BROKEN;
    }
    return GOING_ON;
}

int pipe_run(struct session *s) {
    static struct pipe p; /* its chunk is large for a stack */
    p.link = &s->link;
    enum progress progress;
    while ((progress = turn(&p)) == GOING_ON) {}
    if (progress == BROKEN) return 1;
    printf("errors: %llu, replies: %llu\n", p.errors, p.replies);
    return p.errors > 0;
}

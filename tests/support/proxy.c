/* The fault proxy's process: a poll loop over pairs of sockets that looks at its orders in shared memory each round. */
#include "support/proxy.h"
#include "support/server.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAIRS      256
#define BUF_BYTES  65536
#define ROUND_MS   2
#define HOLD_SHIFT 40

enum fate_state { FATE_FREE, FATE_TAKEN, FATE_MET };

struct proxy_shared {
    atomic_bool refuse, stall;
    atomic_int target, split, cut_order, cut_done;
    atomic_llong cut_after, throttle, corrupt_at,
        hold; /* hold: two numbers in one, so that both change at once; -1: none */
    atomic_ullong bytes_down, connections, cuts;
    struct proxy_fate fates[PROXY_FATES];
    enum fate_state fate_states[PROXY_FATES]; /* the proxy's own, once fates_n is set */
    atomic_int fates_n, fates_met;
    char said[2][PROXY_SAID_BYTES];
    atomic_size_t said_n[2];
};

struct flow { /* one direction of a pair */
    int from, to;
    char *buf;
    size_t start, end;
    int64_t seen, passed; /* bytes read from `from`, and written to `to` */
    bool down, ended;     /* ended: of a doomed pair, `from` has hung up */
    int lines;            /* that have passed, while some are held back ... */
    int64_t bytes;        /* ... and bytes behind them */
    bool line_has_any;    /* the line that is passing is not empty */
};

struct pair {
    bool used;
    int fate;    /* index; -1: none */
    bool doomed; /* its fate has struck: nothing passes any more */
    struct flow flows[2];
};

static struct pair pairs[PAIRS];
static struct pair *newest; /* its words are kept */
static struct proxy_shared *sh;

static void pair_close(struct pair *p, bool reset) {
    if (!p->used) return;
    if (p == newest) newest = NULL;
    if (reset) {
        struct linger l = {1, 0};
        setsockopt(p->flows[0].from, SOL_SOCKET, SO_LINGER, &l, sizeof l);
        setsockopt(p->flows[0].to, SOL_SOCKET, SO_LINGER, &l, sizeof l);
    }
    close(p->flows[0].from);
    close(p->flows[0].to);
    free(p->flows[0].buf);
    free(p->flows[1].buf);
    if (p->fate >= 0) {
        sh->fate_states[p->fate] = p->doomed ? FATE_MET : FATE_FREE;
        if (p->doomed) atomic_fetch_add(&sh->fates_met, 1);
    }
    *p = (struct pair){0};
}

static void cut_all(void) {
    static int turn;
    bool any = false;
    for (int i = 0; i < PAIRS; i++) {
        any |= pairs[i].used;
        pair_close(&pairs[i], turn & 1);
    }
    turn++;
    if (any) atomic_fetch_add(&sh->cuts, 1);
}

static int connect_to(int port) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0) return fd;
    close(fd);
    return -1;
}

/* --- fates --- */

static int take_fate(void) {
    int n = sh->fates_n;
    for (int i = 0; i < n; i++) {
        if (sh->fate_states[i] != FATE_FREE) continue;
        sh->fate_states[i] = FATE_TAKEN;
        return i;
    }
    return -1;
}

static void strike(struct pair *p) {
    enum proxy_end end = sh->fates[p->fate].end;
    p->doomed = true;
    if (end == PROXY_RST) pair_close(p, true);
    if (end != PROXY_FIN) return;
    shutdown(p->flows[0].from, SHUT_WR);
    shutdown(p->flows[0].to, SHUT_WR);
}

/* How much more may pass before the fate strikes; -1: it watches the other direction, or there is none. */
static int64_t bytes_to_fate(const struct pair *p, const struct flow *f) {
    if (p->fate < 0 || sh->fates[p->fate].down != f->down) return -1;
    return sh->fates[p->fate].bytes - f->passed;
}

/* Nothing passes, until both have hung up; when we fell silent, until the client has. */
static void drain(struct pair *p) {
    for (int d = 0; d < 2; d++) {
        struct flow *f = &p->flows[d];
        ssize_t n = f->ended ? 0 : read(f->from, f->buf, BUF_BYTES);
        f->ended = n == 0 || (n < 0 && errno != EAGAIN);
    }
    bool silent = sh->fates[p->fate].end == PROXY_SILENCE;
    if (p->flows[0].ended && (silent || p->flows[1].ended)) pair_close(p, false);
}

/* --- connections --- */

static void accept_pair(int listener) {
    int client = accept(listener, NULL, NULL);
    if (client < 0) return;
    struct pair *p = NULL;
    for (int i = 0; i < PAIRS && p == NULL; i++)
        if (!pairs[i].used) p = &pairs[i];
    int server = p != NULL && !sh->refuse ? connect_to(sh->target) : -1;
    if (server < 0) {
        close(client);
        return;
    }
    fcntl(client, F_SETFL, O_NONBLOCK);
    fcntl(server, F_SETFL, O_NONBLOCK);
    *p = (struct pair){.used = true, .fate = take_fate()};
    p->flows[0] = (struct flow){.from = client, .to = server, .buf = malloc(BUF_BYTES)};
    p->flows[1] = (struct flow){.from = server, .to = client, .buf = malloc(BUF_BYTES), .down = true};
    newest = p;
    sh->said_n[0] = sh->said_n[1] = 0;
    atomic_fetch_add(&sh->connections, 1);
    if (p->fate >= 0 && sh->fates[p->fate].bytes == 0) strike(p);
}

static void note_said(const struct flow *f, const char *bytes, size_t n) {
    size_t had = sh->said_n[f->down], room = PROXY_SAID_BYTES - had;
    if (n > room) n = room;
    memcpy(sh->said[f->down] + had, bytes, n);
    sh->said_n[f->down] = had + n;
}

/* false: this side is gone. */
static bool flow_read(struct flow *f) {
    if (f->start < f->end) return true;
    f->start = f->end = 0;
    ssize_t n = read(f->from, f->buf, BUF_BYTES);
    if (n == 0 || (n < 0 && errno != EAGAIN)) return false;
    if (n < 0) return true;
    int64_t at = f->down ? sh->corrupt_at - f->seen : -1;
    if (at >= 0 && at < n) f->buf[at] ^= 0x10;
    f->seen += n;
    f->end = (size_t)n;
    return true;
}

struct hold {
    int lines;
    int64_t bytes;
};

static struct hold hold_now(void) {
    long long both = sh->hold;
    return (struct hold){both < 0 ? -1 : (int)(both >> HOLD_SHIFT), both & ((1ll << HOLD_SHIFT) - 1)};
}

/* Empty lines don't count: a primary sends them to show that it is alive. */
static void pass_byte(struct flow *f, struct hold h, char c) {
    if (f->lines >= h.lines) {
        f->bytes++;
    } else if (c == '\n') {
        f->lines += f->line_has_any;
        f->line_has_any = false;
    } else if (c != '\r') {
        f->line_has_any = true;
    }
}

/* How many of the next n bytes may pass. */
static size_t before_hold(const struct flow *f, struct hold h, size_t n) {
    struct flow at = *f;
    size_t i = 0;
    for (; i < n; i++) {
        if (at.lines >= h.lines && at.bytes >= h.bytes) break;
        pass_byte(&at, h, f->buf[f->start + i]);
    }
    return i;
}

static bool flow_write(struct pair *p, struct flow *f, int64_t *allowance) {
    size_t n = f->end - f->start;
    struct hold h = hold_now();
    bool holds = f->down && h.lines >= 0;
    if (holds) n = before_hold(f, h, n);
    if (n == 0) return true;
    int split = sh->split;
    if (split > 0 && n > (size_t)split) n = (size_t)split;
    if (*allowance >= 0 && n > (size_t)*allowance) n = (size_t)*allowance;
    int64_t cut = f->down ? sh->cut_after : -1;
    if (cut >= 0 && n > (size_t)cut) n = (size_t)cut;
    int64_t left = bytes_to_fate(p, f);
    if (left >= 0 && n > (size_t)left) n = (size_t)left;
    if (n > 0) {
        ssize_t k = write(f->to, f->buf + f->start, n);
        if (k < 0) return errno == EAGAIN;
        if (p == newest) note_said(f, f->buf + f->start, (size_t)k);
        for (ssize_t i = 0; holds && i < k; i++) pass_byte(f, h, f->buf[f->start + (size_t)i]);
        f->start += (size_t)k;
        f->passed += k;
        if (*allowance >= 0) *allowance -= k;
        if (f->down) atomic_fetch_add(&sh->bytes_down, (unsigned long long)k);
        if (cut >= 0) {
            cut -= k;
            atomic_store(&sh->cut_after, cut);
        }
    }
    if (cut == 0) {
        atomic_store(&sh->cut_after, -1);
        cut_all();
    } else if (bytes_to_fate(p, f) == 0) {
        strike(p);
    }
    return true;
}

static void move_bytes(void) {
    static uint64_t last_ms;
    uint64_t now = now_ms();
    int64_t rate = sh->throttle;
    int64_t allowance = rate > 0 ? rate * (int64_t)(last_ms != 0 ? now - last_ms : 0) / 1000 : -1;
    if (rate > 0 && allowance == 0) return;
    last_ms = now;
    for (int i = 0; i < PAIRS; i++) {
        struct pair *p = &pairs[i];
        for (int d = 0; d < 2 && p->used && !p->doomed; d++) {
            bool alive = flow_read(&p->flows[d]);
            if (alive) alive = flow_write(p, &p->flows[d], &allowance);
            if (p->used && !alive) pair_close(p, false);
        }
        if (p->used && p->doomed) drain(p);
    }
}

static void run(int listener) {
    for (;;) {
        struct pollfd fds[1 + PAIRS * 2];
        int n = 1;
        fds[0] = (struct pollfd){.fd = listener, .events = POLLIN};
        bool slow = sh->stall || sh->throttle > 0 || sh->split > 0 || sh->hold >= 0;
        for (int i = 0; i < PAIRS && !slow; i++) {
            for (int d = 0; d < 2 && pairs[i].used; d++) {
                struct flow *f = &pairs[i].flows[d];
                bool full = f->start < f->end && !pairs[i].doomed;
                if (f->ended) continue;
                fds[n++] = (struct pollfd){.fd = full ? f->to : f->from, .events = full ? POLLOUT : POLLIN};
            }
        }
        poll(fds, (nfds_t)n, ROUND_MS);
        int order = sh->cut_order;
        if (order != sh->cut_done) {
            cut_all();
            sh->cut_done = order;
        }
        if (fds[0].revents) accept_pair(listener);
        if (!sh->stall) move_bytes();
    }
}

static int listen_free(int *port) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    cr_assert(bind(fd, (struct sockaddr *)&a, n) == 0 && listen(fd, 64) == 0);
    cr_assert(getsockname(fd, (struct sockaddr *)&a, &n) == 0);
    *port = ntohs(a.sin_port);
    return fd;
}

struct proxy *proxy_start(int target_port) {
    struct proxy *p = calloc(1, sizeof *p);
    p->shared = mmap(NULL, sizeof *p->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    p->shared->cut_after = p->shared->corrupt_at = p->shared->hold = -1;
    p->shared->target = target_port;
    int listener = listen_free(&p->port);
    fflush(NULL);
    p->pid = fork();
    cr_assert(p->pid >= 0);
    if (p->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGPIPE, SIG_IGN);
        sh = p->shared;
        run(listener);
    }
    close(listener);
    return p;
}

void proxy_stop(struct proxy *p) {
    kill(p->pid, SIGKILL);
    waitpid(p->pid, NULL, 0);
    munmap(p->shared, sizeof *p->shared);
    free(p);
}

void proxy_target(struct proxy *p, int port) {
    p->shared->target = port;
}

void proxy_cut(struct proxy *p) {
    int order = p->shared->cut_order + 1;
    p->shared->cut_order = order;
    WAIT_UNTIL(p->shared->cut_done == order);
}

void proxy_cut_after(struct proxy *p, int64_t bytes) {
    p->shared->cut_after = bytes;
}

void proxy_fates(struct proxy *p, const struct proxy_fate *fates, int n) {
    struct proxy_shared *shared = p->shared;
    cr_assert(n <= PROXY_FATES && shared->fates_met == shared->fates_n);
    shared->fates_n = 0;
    for (int i = 0; i < n; i++) {
        shared->fates[i] = fates[i];
        shared->fate_states[i] = FATE_FREE;
    }
    shared->fates_met = 0;
    shared->fates_n = n;
}

int proxy_fates_met(struct proxy *p) {
    return p->shared->fates_met;
}

size_t proxy_said(struct proxy *p, bool down, char *buf, size_t cap) {
    size_t n = p->shared->said_n[down];
    if (n > cap) n = cap;
    memcpy(buf, p->shared->said[down], n);
    return n;
}

void proxy_refuse(struct proxy *p, bool on) {
    p->shared->refuse = on;
}
void proxy_stall(struct proxy *p, bool on) {
    p->shared->stall = on;
}
void proxy_split(struct proxy *p, int max_bytes) {
    p->shared->split = max_bytes;
}
void proxy_hold(struct proxy *p, int lines, int64_t bytes) {
    p->shared->hold = lines < 0 ? -1 : ((long long)lines << HOLD_SHIFT) + bytes;
}
void proxy_throttle(struct proxy *p, int64_t bytes_per_s) {
    p->shared->throttle = bytes_per_s;
}
void proxy_corrupt_at(struct proxy *p, int64_t byte) {
    p->shared->corrupt_at = byte;
}
uint64_t proxy_bytes_down(struct proxy *p) {
    return p->shared->bytes_down;
}
uint64_t proxy_connections(struct proxy *p) {
    return p->shared->connections;
}
uint64_t proxy_cuts(struct proxy *p) {
    return p->shared->cuts;
}

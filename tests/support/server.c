/* Starting, asking and ending live servers. See server.h. */
#include "support/server.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <hiredis/sds.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TEXT_BUFFERS 16
#define MAX_ARGV     64

uint64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Below the range from which the system takes ports for outgoing connections: a server that is restarted must find its port
 * free again, whatever other tests connected meanwhile. */
enum { PORT_FIRST = 10000, PORT_END = 32000 };

static bool port_is_free(int port) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    bool free = bind(fd, (struct sockaddr *)&a, sizeof a) == 0;
    close(fd);
    return free;
}

/* Two tests at once may find the same port free, and the server that comes second ends, but is answered for by the first.
 * So each port belongs to a test while that runs: by a name that only one socket can have, and that goes with the process. */
static bool claim(int port) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int n = snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "tandem-test-port-%d", port);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_geq(fd, 0);
    if (bind(fd, (struct sockaddr *)&name,
             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) == 0)
        return true; /* open until the end */
    close(fd);
    return false;
}

int free_port(void) {
    for (int tries = 0; tries < 1000; tries++) {
        unsigned r;
        cr_assert(getrandom(&r, sizeof r, 0) == sizeof r);
        int port = PORT_FIRST + (int)(r % (PORT_END - PORT_FIRST));
        if (port_is_free(port) && claim(port)) return port;
    }
    cr_assert(false, "no free port");
    return -1;
}

static const char *program(enum srv_kind kind) {
    static char path[512];
    if (kind == REDIS) return "redis-server";
    const char *build = getenv("B");
    snprintf(path, sizeof path, "%s/tandem-server", build != NULL ? build : "build");
    return path;
}

static char *next_text(size_t n) {
    static char *buffers[TEXT_BUFFERS];
    static unsigned at;
    at = (at + 1) % TEXT_BUFFERS;
    free(buffers[at]);
    return buffers[at] = malloc(n + 1);
}

/* --- processes --- */

static int build_argv(const struct srv *s, char **argv) {
    char text[2048];
    int file = s->args[0] == '/' ? (int)strcspn(s->args, " ") : 0;
    if (s->has_file)
        snprintf(text, sizeof text, "%s %s/redis.conf %s", program(s->kind), s->dir,
                 s->sentinel ? "--sentinel" : "");
    else
        snprintf(
            text, sizeof text,
            "%s %.*s --port %d --bind 127.0.0.1 --dir %s --logfile %s --save '' --enable-debug-command yes "
            "--repl-diskless-sync-delay 0 %s",
            program(s->kind), file, s->args, s->port, s->dir, s->log, s->args + file);
    int count;
    sds *words = sdssplitargs(text, &count);
    cr_assert(words != NULL && count < MAX_ARGV, "bad server words: %s", text);
    for (int i = 0; i < count; i++) argv[i] = strdup(words[i]);
    argv[count] = NULL;
    sdsfreesplitres(words, count);
    return count;
}

static pid_t spawn(char **argv, int output_fd) {
    fflush(NULL);
    pid_t parent = getpid(), pid = fork();
    cr_assert(pid >= 0, "fork: %s", strerror(errno));
    if (pid > 0) return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    int null = open("/dev/null", O_RDWR);
    dup2(null, 0);
    dup2(output_fd >= 0 ? output_fd : null, 1);
    dup2(output_fd >= 0 ? output_fd : null, 2);
    for (int fd = 3; fd < 256; fd++) close(fd);
    execvp(argv[0], argv);
    _exit(127);
}

static void drop_conn(struct srv *s) {
    if (s->conn != NULL) redisFree(s->conn);
    s->conn = NULL;
}

static bool answers(struct srv *s) {
    redisContext *c = redisConnect("127.0.0.1", s->port);
    bool ok = c != NULL && c->err == 0;
    if (ok) {
        redisReply *r = redisCommand(c, "PING");
        ok = r != NULL && !(r->type == REDIS_REPLY_ERROR && strncmp(r->str, "LOADING", 7) == 0);
        if (r != NULL) freeReplyObject(r);
    }
    if (c != NULL) redisFree(c);
    return ok;
}

static bool launch(struct srv *s) {
    char *argv[MAX_ARGV];
    int n = build_argv(s, argv);
    char out[200];
    snprintf(out, sizeof out, "%s/stderr", s->dir);
    int fd = open(out, O_CREAT | O_WRONLY | O_APPEND, 0644);
    s->pid = spawn(argv, fd);
    close(fd);
    for (int i = 0; i < n; i++) free(argv[i]);
    uint64_t end = now_ms() + WAIT_MS;
    while (now_ms() < end) {
        if (answers(s)) return true;
        if (waitpid(s->pid, NULL, WNOHANG) == s->pid) break;
        usleep(5000);
    }
    if (kill(s->pid, SIGKILL) == 0) waitpid(s->pid, NULL, 0);
    s->pid = 0;
    return false;
}

static void make_dir(struct srv *s) {
    const char *root = getenv("TEST_TMP");
    snprintf(s->dir, sizeof s->dir, "%s/tandem-test-XXXXXX", root != NULL ? root : "/tmp");
    cr_assert(mkdtemp(s->dir) != NULL, "mkdtemp %s: %s", s->dir, strerror(errno));
    snprintf(s->log, sizeof s->log, "%s/log", s->dir);
}

/* What it said last, in its log or, before it had one, on standard error: the folder is gone when somebody looks. */
static const char *last_words(const struct srv *s) {
    static char text[1500];
    char path[200];
    size_t n = 0;
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", s->dir, i == 0 ? "stderr" : "log");
        FILE *f = fopen(path, "r");
        if (f == NULL) continue;
        if (fseek(f, -(long)(sizeof text / 2 - 1), SEEK_END) != 0) rewind(f);
        n += fread(text + n, 1, sizeof text / 2 - 1, f);
        fclose(f);
    }
    text[n] = '\0';
    return text;
}

struct srv *srv_start(enum srv_kind kind, const char *args_fmt, ...) {
    struct srv *s = calloc(1, sizeof *s);
    s->kind = kind;
    va_list ap;
    va_start(ap, args_fmt);
    vsnprintf(s->args, sizeof s->args, args_fmt, ap);
    va_end(ap);
    make_dir(s);
    /* Another test may take the port between our look and the server's bind: then try the next. */
    for (int tries = 0; tries < 5; tries++) {
        s->port = free_port();
        if (launch(s)) return s;
    }
    cr_assert(false, "%s %s does not start:\n%s", program(kind), s->args, last_words(s));
    return NULL;
}

static void write_file(const struct srv *s, const char *lines) {
    char path[200];
    snprintf(path, sizeof path, "%s/redis.conf", s->dir);
    FILE *f = fopen(path, "w");
    cr_assert(f != NULL, "%s: %s", path, strerror(errno));
    fprintf(f, "port %d\nbind 127.0.0.1\ndir %s\nlogfile %s\n%s%s", s->port, s->dir, s->log,
            s->sentinel ? "" : "save \"\"\n", lines);
    fclose(f);
}

struct srv *srv_start_file(enum srv_kind kind, bool sentinel, const char *lines_fmt, ...) {
    struct srv *s = calloc(1, sizeof *s);
    s->kind = kind;
    s->has_file = true;
    s->sentinel = sentinel;
    va_list ap;
    va_start(ap, lines_fmt);
    vsnprintf(s->args, sizeof s->args, lines_fmt, ap);
    va_end(ap);
    make_dir(s);
    for (int tries = 0; tries < 5; tries++) {
        s->port = free_port();
        write_file(s, s->args);
        if (launch(s)) return s;
    }
    cr_assert(false, "%s does not start:\n%s", program(kind), last_words(s));
    return NULL;
}

bool srv_start_fails(enum srv_kind kind, const char *args, int *exit_code, char *output, size_t cap) {
    char text[2048];
    int count;
    snprintf(text, sizeof text, "%s %s", program(kind), args);
    sds *words = sdssplitargs(text, &count);
    cr_assert(words != NULL && count < MAX_ARGV);
    char *argv[MAX_ARGV];
    for (int i = 0; i < count; i++) argv[i] = words[i];
    argv[count] = NULL;
    int p[2];
    cr_assert(pipe(p) == 0);
    pid_t pid = spawn(argv, p[1]);
    close(p[1]);
    size_t got = 0;
    ssize_t k;
    while (got + 1 < cap && (k = read(p[0], output + got, cap - 1 - got)) > 0) got += (size_t)k;
    output[got] = '\0';
    close(p[0]);
    int status;
    uint64_t end = now_ms() + WAIT_MS;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (now_ms() > end) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
        }
        usleep(2000);
    }
    sdsfreesplitres(words, count);
    *exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return *exit_code != 0;
}

static void end_process(struct srv *s, int signo) {
    drop_conn(s);
    if (s->pid == 0) return;
    kill(s->pid, signo);
    uint64_t end = now_ms() + WAIT_MS;
    while (waitpid(s->pid, NULL, WNOHANG) == 0) {
        if (now_ms() > end) kill(s->pid, SIGKILL);
        usleep(2000);
    }
    s->pid = 0;
}

void srv_stop(struct srv *s) {
    end_process(s, SIGTERM);
}
void srv_kill(struct srv *s) {
    end_process(s, SIGKILL);
}

void srv_restart(struct srv *s) {
    if (s->pid != 0) srv_stop(s);
    /* While it was away, somebody's connection may have got its port for a moment. */
    for (int tries = 0; tries < 10; tries++) {
        if (launch(s)) return;
        if (!srv_logged(s, "Address already in use")) break;
        usleep(200000);
    }
    cr_assert(false, "%s does not come back:\n%s", program(s->kind), last_words(s));
}

void srv_freeze(struct srv *s) {
    int status;
    cr_assert_eq(kill(s->pid, SIGSTOP), 0);
    while (waitpid(s->pid, &status, WUNTRACED) == s->pid && !WIFSTOPPED(status)) {}
}

void srv_thaw(struct srv *s) {
    cr_assert_eq(kill(s->pid, SIGCONT), 0);
}

bool srv_alive(struct srv *s) {
    if (s->pid != 0 && waitpid(s->pid, NULL, WNOHANG) == s->pid) s->pid = 0;
    return s->pid != 0;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

void srv_free(struct srv *s) {
    end_process(s, SIGTERM);
    if (getenv("KEEP_TMP") == NULL) nftw(s->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(s);
}

/* --- asking --- */

redisContext *srv_connect(struct srv *s) {
    struct timeval timeout = {60, 0};
    redisContext *c = redisConnectWithTimeout("127.0.0.1", s->port, timeout);
    cr_assert(c != NULL && c->err == 0, "cannot connect to port %d: %s", s->port,
              c != NULL ? c->errstr : "?");
    redisSetTimeout(c, timeout);
    return c;
}

static sds text_append(sds t, const redisReply *r) {
    switch (r->type) {
    case REDIS_REPLY_STATUS: return sdscatlen(t, r->str, r->len);
    case REDIS_REPLY_ERROR: return sdscatlen(sdscat(t, "(error) "), r->str, r->len);
    case REDIS_REPLY_INTEGER: return sdscatprintf(t, "(integer) %lld", r->integer);
    case REDIS_REPLY_NIL: return sdscat(t, "(nil)");
    case REDIS_REPLY_ARRAY:
        t = sdscat(t, "[");
        for (size_t i = 0; i < r->elements; i++) {
            if (i > 0) t = sdscat(t, ", ");
            t = text_append(t, r->element[i]);
        }
        return sdscat(t, "]");
    default: return sdscatrepr(t, r->str, r->len);
    }
}

const char *reply_text(const redisReply *r) {
    if (r == NULL) return "(no reply)";
    sds t = text_append(sdsempty(), r);
    size_t n = sdslen(t);
    char *out = next_text(n);
    memcpy(out, t, n + 1);
    sdsfree(t);
    return out;
}

static redisContext *conn_of(struct srv *s) {
    if (s->conn != NULL && s->conn->err != 0) drop_conn(s);
    if (s->conn == NULL) s->conn = redisConnect("127.0.0.1", s->port);
    if (s->conn != NULL && s->conn->err == 0) {
        struct timeval timeout = {60, 0};
        redisSetTimeout(s->conn, timeout);
        return s->conn;
    }
    drop_conn(s);
    return NULL;
}

static redisReply *ask(struct srv *s, const char *fmt, va_list ap) {
    redisContext *c = conn_of(s);
    return c != NULL ? redisvCommand(c, fmt, ap) : NULL;
}

const char *srv_cmd(struct srv *s, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    redisReply *r = ask(s, fmt, ap);
    va_end(ap);
    const char *t = reply_text(r);
    if (r != NULL) freeReplyObject(r);
    return t;
}

const char *srv_cmdv(struct srv *s, int argc, const char **argv, const size_t *lens) {
    redisContext *c = conn_of(s);
    redisReply *r = c != NULL ? redisCommandArgv(c, argc, argv, lens) : NULL;
    const char *t = reply_text(r);
    if (r != NULL) freeReplyObject(r);
    return t;
}

int64_t srv_int(struct srv *s, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    redisReply *r = ask(s, fmt, ap);
    va_end(ap);
    int64_t v = r != NULL && r->type == REDIS_REPLY_INTEGER ? r->integer : -1;
    if (r != NULL) freeReplyObject(r);
    return v;
}

const char *srv_info(struct srv *s, const char *field) {
    redisContext *c = conn_of(s);
    redisReply *r = c != NULL ? redisCommand(c, "INFO everything") : NULL;
    char *out = next_text(256);
    out[0] = '\0';
    size_t n = strlen(field);
    for (const char *line = r != NULL && r->str != NULL ? r->str : NULL; line != NULL;) {
        if (strncmp(line, field, n) == 0 && line[n] == ':') {
            snprintf(out, 256, "%.*s", (int)strcspn(line + n + 1, "\r\n"), line + n + 1);
            break;
        }
        line = strchr(line, '\n');
        if (line != NULL) line++;
    }
    if (r != NULL) freeReplyObject(r);
    return out;
}

int64_t srv_info_int(struct srv *s, const char *field) {
    const char *v = srv_info(s, field);
    return v[0] != '\0' ? strtoll(v, NULL, 10) : -1;
}

int srv_log_count(struct srv *s, const char *text) {
    FILE *f = fopen(s->log, "r");
    if (f == NULL) return 0;
    char line[2048];
    int n = 0;
    while (fgets(line, sizeof line, f) != NULL) n += strstr(line, text) != NULL;
    fclose(f);
    return n;
}

bool srv_logged(struct srv *s, const char *text) {
    return srv_log_count(s, text) > 0;
}

/* --- replication --- */

bool srv_link_up(struct srv *replica) {
    return strcmp(srv_info(replica, "master_link_status"), "up") == 0;
}

void srv_wait_synced(struct srv *replica, struct srv *primary) {
    WAIT_UNTIL(srv_link_up(replica) &&
               srv_info_int(replica, "slave_repl_offset") == srv_info_int(primary, "master_repl_offset"));
}

void srv_replicate(struct srv *replica, struct srv *primary) {
    EXPECT(replica, "OK", "REPLICAOF 127.0.0.1 %d", primary->port);
    WAIT_UNTIL(srv_link_up(replica));
}

bool srv_same_data(struct srv *a, struct srv *b) {
    return strcmp(srv_cmd(a, "DEBUG DIGEST"), srv_cmd(b, "DEBUG DIGEST")) == 0;
}

/* --- randomness --- */

#define TEST_SEED_DEFAULT 20261120

static uint64_t random_state;

int test_scale(void) {
    const char *given = getenv("TEST_SCALE");
    int scale = given ? atoi(given) : 1;
    return scale > 0 ? scale : 1;
}

uint64_t test_seed(void) {
    static uint64_t seed;
    if (seed != 0) return seed;
    const char *given = getenv("TEST_SEED");
    seed = TEST_SEED_DEFAULT;
    if (given != NULL && strcmp(given, "random") != 0) seed = strtoull(given, NULL, 10);
    if (given != NULL && strcmp(given, "random") == 0)
        cr_assert(getrandom(&seed, sizeof seed, 0) == sizeof seed);
    random_state = seed;
    fprintf(stderr, "TEST_SEED=%llu repeats this run\n", (unsigned long long)seed);
    return seed;
}

uint64_t test_random(void) {
    test_seed();
    uint64_t z = (random_state += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

uint64_t test_below(uint64_t n) {
    return test_random() % n;
}

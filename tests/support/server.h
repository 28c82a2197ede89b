/* Live servers for integration and peer tests: ours (tandem-server) or the real redis-server, each on a free loopback port in a
 * directory of its own, ended with the test whatever happens to it (PR_SET_PDEATHSIG).
 *
 * A `struct srv` stays valid until srv_free. Commands go through one hiredis connection a server, opened on first use
 * and reopened when it broke. Replies are compared as text (srv_cmd): "OK", "(nil)", "(integer) 3", "\"bytes\"",
 * "(error) ERR ...", arrays as "[a, b]". Everything that waits has a deadline (WAIT_UNTIL): no sleeps as proof. */
#ifndef TANDEM_TESTS_SERVER_H
#define TANDEM_TESTS_SERVER_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum srv_kind { TANDEM, REDIS };

struct srv {
    enum srv_kind kind;
    pid_t pid; /* 0: not running */
    int port;
    char dir[128], log[160];
    char args[1024];         /* extra words, quoted as in a config file */
    bool has_file, sentinel; /* srv_start_file */
    redisContext *conn;
};

/* args: directives in redis-server's form, "--repl-backlog-size 1mb --save ''". A later one overrides our defaults
 * (loopback only, no save points, debug command on, diskless delay 0). The first word may be the path of a configuration
 * file, "/..." . Fails the test when the server doesn't answer. */
struct srv *srv_start(enum srv_kind kind, const char *args_fmt, ...) __attribute__((format(printf, 2, 3)));
/* With a configuration file of its own (dir/redis.conf: port, directory, log and these lines), which it may rewrite; as a
 * Sentinel if so wished. */
struct srv *srv_start_file(enum srv_kind kind, bool sentinel, const char *lines_fmt, ...)
    __attribute__((format(printf, 3, 4)));
bool srv_start_fails(enum srv_kind kind, const char *args, int *exit_code, char *output, size_t cap);
void srv_restart(struct srv *s); /* same port, directory and words */
void srv_stop(struct srv *s);    /* SIGTERM, waits; returns when it has ended */
void srv_kill(struct srv *s);    /* SIGKILL, waits */
void srv_free(struct srv *s);    /* stops it when needed and removes its directory */
bool srv_alive(struct srv *s);
void srv_freeze(struct srv *s); /* SIGSTOP; returns when it stands still */
void srv_thaw(struct srv *s);

/* The reply as text, in a rotating set of buffers: valid for the next 15 calls. Never fails the test by itself. */
const char *srv_cmd(struct srv *s, const char *fmt, ...);
const char *srv_cmdv(struct srv *s, int argc, const char **argv, const size_t *lens);
redisContext *srv_connect(struct srv *s); /* a connection of the test's own; redisFree it */
const char *reply_text(const redisReply *r);
int64_t srv_int(struct srv *s, const char *fmt, ...);
/* A field of INFO, "" when it is not there; same buffers. */
const char *srv_info(struct srv *s, const char *field);
int64_t srv_info_int(struct srv *s, const char *field);
bool srv_logged(struct srv *s, const char *text); /* somewhere in its log file */
int srv_log_count(struct srv *s, const char *text);

/* Replication helpers. */
void srv_replicate(struct srv *replica, struct srv *primary); /* REPLICAOF, waits for the link */
bool srv_link_up(struct srv *replica);
bool srv_same_data(struct srv *a, struct srv *b); /* DEBUG DIGEST equal, offsets caught up */
void srv_wait_synced(struct srv *replica,
                     struct srv *primary); /* link up and offsets equal; fails the test on timeout */

int free_port(void);
uint64_t now_ms(void);
/* TEST_SEED, and without it always the same, so that what passed once passes again; TEST_SEED=random looks for what no
 * run has met (`make soak`). Printed once, so that a failure can be repeated. */
uint64_t test_seed(void);
/* TEST_SCALE, without it 1: how many times longer than usual the random tests are to be. */
int test_scale(void);
uint64_t test_random(void);
uint64_t test_below(uint64_t n);

#define WAIT_MS 60000 /* a loaded machine may be very slow; what never comes true costs this once */
/* Polls until cond holds; cr_assert fails after WAIT_MS. */
#define WAIT_UNTIL(cond)                                                                                     \
    do {                                                                                                     \
        uint64_t wait_end_ = now_ms() + WAIT_MS;                                                             \
        bool so_;                                                                                            \
        while (!(so_ = (cond)) && now_ms() < wait_end_) usleep(5000);                                        \
        cr_assert(so_, "still not so after %d ms: %s", WAIT_MS, #cond);                                      \
    } while (0)

#define EXPECT(server, expected, ...)                                                                        \
    do {                                                                                                     \
        const char *got_ = srv_cmd((server), __VA_ARGS__);                                                   \
        cr_assert(strcmp(got_, (expected)) == 0, "%s: expected %s, got %s", #__VA_ARGS__, (expected), got_); \
    } while (0)

#endif

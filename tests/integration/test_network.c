/* Two hosts with a cable between them: network namespaces and a veth pair, where the test may make them (root, iproute2);
 * skipped, and said to be, where it may not. A pulled cable is what no proxy on loopback shows: nothing arrives, nothing is
 * refused, and neither side is told. */
#include "support/server.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static char netns[2][32];
static const char *const address[2] = {"10.203.7.1", "10.203.7.2"}; /* inside the two namespaces only */

struct host { /* a server in a namespace; spoken to over a Unix socket, which the cable doesn't matter to */
    pid_t pid;
    char dir[64];
    redisContext *conn;
};

static bool run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static bool run(const char *fmt, ...) {
    char command[400];
    va_list ap;
    va_start(ap, fmt);
    size_t n = (size_t)vsnprintf(command, sizeof command - 20, fmt, ap);
    va_end(ap);
    snprintf(command + n, sizeof command - n, " >/dev/null 2>&1");
    return system(command) == 0;
}

static void remove_hosts(void) {
    for (int i = 0; i < 2; i++)
        if (netns[i][0] != '\0') run("ip netns del %s", netns[i]); /* the cable goes with them */
}

static bool make_hosts(void) {
    for (int i = 0; i < 2; i++) {
        snprintf(netns[i], sizeof netns[i], "tandem-%d-%d", (int)getpid(), i);
        if (!run("ip netns add %s", netns[i])) return false;
    }
    bool ok = run("ip -n %s link add cable type veth peer name cable netns %s", netns[0], netns[1]);
    for (int i = 0; i < 2 && ok; i++)
        ok = run("ip -n %s addr add %s/30 dev cable", netns[i], address[i]) &&
             run("ip -n %s link set lo up", netns[i]) && run("ip -n %s link set cable up", netns[i]);
    return ok;
}

static void cable(bool plugged) {
    cr_assert(run("ip -n %s link set cable %s", netns[0], plugged ? "up" : "down"));
}

static const char *ask(struct host *h, const char *command) {
    redisReply *r = redisCommand(h->conn, command);
    cr_assert(r != NULL, "%s: %s", command, h->conn->errstr);
    const char *text = reply_text(r);
    freeReplyObject(r);
    return text;
}

static bool says(struct host *h, const char *section, const char *line) {
    char command[64];
    snprintf(command, sizeof command, "INFO %s", section);
    return strstr(ask(h, command), line) != NULL;
}

static const char *build_dir(void) {
    return getenv("B") != NULL ? getenv("B") : "build";
}

static pid_t spawn(const char *command) {
    pid_t pid = fork();
    if (pid != 0) return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

/* The socket's name is there before anybody listens. */
static bool reached(struct host *h, const char *path) {
    if (h->conn != NULL) redisFree(h->conn);
    h->conn = redisConnectUnix(path);
    return h->conn != NULL && h->conn->err == 0;
}

static void start_host(struct host *h, int i, const char *args) {
    char command[600], path[100];
    snprintf(h->dir, sizeof h->dir, "/tmp/tandem-test-net-XXXXXX");
    cr_assert(mkdtemp(h->dir) != NULL);
    snprintf(command, sizeof command,
             "exec ip netns exec %s %s/tandem-server --port 6379 --bind %s --dir %s "
             "--logfile %s/log --save '' "
             "--unixsocket %s/s %s >/dev/null 2>&1",
             netns[i], build_dir(), address[i], h->dir, h->dir, h->dir, args);
    h->pid = spawn(command);
    snprintf(path, sizeof path, "%s/s", h->dir);
    h->conn = NULL;
    WAIT_UNTIL(reached(h, path));
}

/* A command line by which a client on the other host asks the server on the first. */
static void client_line(char *line, size_t cap, const char *request) {
    snprintf(line, cap, "exec ip netns exec %s %s/tandem-cli -h %s %s 2>&1", netns[1], build_dir(),
             address[0], request);
}

static void client_hears(const char *request, const char *text) {
    char line[300], got[4000] = "";
    client_line(line, sizeof line, request);
    FILE *out = popen(line, "r");
    cr_assert_not_null(out);
    got[fread(got, 1, sizeof got - 1, out)] = '\0';
    pclose(out);
    cr_assert_not_null(strstr(got, text), "%s: %s", request, got);
}

static void end(pid_t pid) {
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void end_host(struct host *h) {
    redisFree(h->conn);
    end(h->pid);
    run("rm -r %s", h->dir);
}

static void write_some(struct host *h, int round) {
    for (int i = 0; i < 2000; i++) redisAppendCommand(h->conn, "SET key:%d %d:%0500d", i, round, i);
    for (int i = 0; i < 2000; i++) {
        redisReply *r = NULL;
        cr_assert(redisGetReply(h->conn, (void **)&r) == REDIS_OK);
        freeReplyObject(r);
    }
}

static bool same(struct host *a, struct host *b) {
    return strcmp(ask(a, "DEBUG DIGEST"), ask(b, "DEBUG DIGEST")) == 0;
}

Test(network, a_pulled_cable_costs_the_missing_bytes_only, .fini = remove_hosts) {
    struct host primary, replica;
    if (geteuid() != 0 || !make_hosts()) cr_skip_test("no network namespaces here");
    static const char args[] = "--protected-mode no --repl-timeout 2 --repl-ping-replica-period 1 "
                               "--repl-diskless-sync-delay 0 --repl-backlog-size 64mb "
                               "--enable-debug-command yes";
    start_host(&primary, 0, args);
    start_host(&replica, 1, args);
    cr_assert_str_eq(ask(&replica, "REPLICAOF 10.203.7.1 6379"), "OK");
    write_some(&primary, 0);
    WAIT_UNTIL(says(&replica, "replication", "master_link_status:up") && same(&primary, &replica));
    for (int round = 1; round <= 2; round++) {
        cable(false);
        write_some(&primary, round);
        /* Each finds out by the other's silence. */
        WAIT_UNTIL(says(&replica, "replication", "master_link_status:down"));
        WAIT_UNTIL(says(&primary, "replication", "connected_slaves:0"));
        write_some(&primary, round);
        cable(true);
        WAIT_UNTIL(says(&replica, "replication", "master_link_status:up") && same(&primary, &replica));
        cr_assert(says(&primary, "stats", "sync_full:1"), "round %d", round);
    }
    end_host(&replica);
    end_host(&primary);
}

/* Nobody tells the server that its client is no more: its own probes have to. */
Test(network, a_client_that_vanished_is_let_go_of, .fini = remove_hosts) {
    struct host s;
    if (geteuid() != 0 || !make_hosts()) cr_skip_test("no network namespaces here");
    start_host(&s, 0, "--protected-mode no --tcp-keepalive 1");
    char line[300];
    client_line(line, sizeof line, "BLPOP list 0");
    pid_t waits = spawn(line);
    WAIT_UNTIL(says(&s, "clients", "blocked_clients:1"));
    cable(false);
    WAIT_UNTIL(says(&s, "clients", "blocked_clients:0"));
    cr_assert(says(&s, "clients", "connected_clients:1"), "the test's own");
    end(waits);
    end_host(&s);
}

Test(network, protected_mode_keeps_strangers_out, .fini = remove_hosts) {
    struct host s;
    if (geteuid() != 0 || !make_hosts()) cr_skip_test("no network namespaces here");
    start_host(&s, 0, "--protected-mode yes");
    client_hears("PING", "DENIED Redis is running in protected mode");
    cr_assert_str_eq(ask(&s, "PING"), "PONG"); /* over the Unix socket */
    cr_assert_str_eq(ask(&s, "CONFIG SET requirepass secret"), "OK");
    client_hears("PING", "NOAUTH");
    client_hears("-a secret PING", "PONG");
    end_host(&s);
}

/* Three real Sentinels watch a trio of Tandem servers: they find each other and the replicas through it, fail over when the
 * master dies, bring the old one back as a replica, and hand over once more when told to.
 *
 * Sentinel's own periods are cut down by SENTINEL DEBUG, so that this takes seconds; nothing is concluded from time. On a slow
 * machine Sentinels may find a living master dead and elect another: the test asks for what must hold in the end,
 * whoever is master. */
#include "support/server.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MEMBERS = 3, PATIENCE_MS = 180000 };
static struct srv *members[MEMBERS], *sentinels[MEMBERS];

#define IN_THE_END(cond)                                                                                     \
    do {                                                                                                     \
        uint64_t end_ = now_ms() + PATIENCE_MS;                                                              \
        bool so_;                                                                                            \
        while (!(so_ = (cond)) && now_ms() < end_) usleep(50000);                                            \
        cr_assert(so_, "still not so: %s", #cond);                                                           \
    } while (0)

static void start_sentinel(int i) {
    sentinels[i] = srv_start_file(REDIS, true,
                                  "sentinel monitor trio 127.0.0.1 %d 2\n"
                                  "sentinel down-after-milliseconds trio 3000\n"
                                  "sentinel failover-timeout trio 6000\n",
                                  members[0]->port);
    EXPECT(sentinels[i], "OK",
           "SENTINEL DEBUG info-period 300 ping-period 200 ask-period 200 publish-period 300 "
           "min-link-reconnect-period 1000 tilt-trigger 100000");
}

static void start(void) {
    members[0] = srv_start_file(TANDEM, false, "repl-diskless-sync-delay 0\n");
    for (int i = 1; i < MEMBERS; i++)
        members[i] = srv_start_file(TANDEM, false, "repl-diskless-sync-delay 0\nreplicaof 127.0.0.1 %d\n",
                                    members[0]->port);
    for (int i = 0; i < MEMBERS; i++) start_sentinel(i);
}

static void stop(void) {
    for (int i = 0; i < MEMBERS; i++) srv_free(sentinels[i]);
    for (int i = 0; i < MEMBERS; i++) srv_free(members[i]);
}

TestSuite(sentinel, .init = start, .fini = stop);

/* The master's port as that Sentinel sees it. */
static int port_told_by(struct srv *sentinel) {
    const char *address = srv_cmd(sentinel, "SENTINEL GET-MASTER-ADDR-BY-NAME trio");
    const char *port = strstr(address, ", \"");
    return port ? atoi(port + 3) : 0;
}

static struct srv *master(void) {
    int port = port_told_by(sentinels[0]);
    for (int i = 0; i < MEMBERS; i++)
        if (members[i]->port == port) return members[i];
    return NULL;
}

static bool follows(struct srv *replica, const struct srv *primary) {
    return strcmp(srv_info(replica, "role"), "slave") == 0 &&
           srv_info_int(replica, "master_port") == primary->port && srv_link_up(replica);
}

/* All Sentinels name the same master, it is one, and every other member that runs follows it. */
static bool settled(void) {
    struct srv *m = master();
    if (!m || m->pid == 0 || strcmp(srv_info(m, "role"), "master") != 0) return false;
    for (int i = 0; i < MEMBERS; i++) {
        if (port_told_by(sentinels[i]) != m->port) return false;
        if (members[i] != m && members[i]->pid != 0 && !follows(members[i], m)) return false;
    }
    return true;
}

static bool knows_all(struct srv *sentinel) {
    const char *text = srv_cmd(sentinel, "SENTINEL MASTER trio");
    return strstr(text, "\"num-slaves\", \"2\"") && strstr(text, "\"num-other-sentinels\", \"2\"");
}

static bool all_know_all(void) {
    return knows_all(sentinels[0]) && knows_all(sentinels[1]) && knows_all(sentinels[2]);
}

/* Written to whoever is master, and there on all that run. */
static bool everywhere(const char *key) {
    struct srv *m = master();
    if (!settled() || strcmp(srv_cmd(m, "SET %s yes", key), "OK") != 0) return false;
    for (int i = 0; i < MEMBERS; i++)
        if (members[i]->pid != 0 && strcmp(srv_cmd(members[i], "GET %s", key), "\"yes\"") != 0) return false;
    return true;
}

static bool file_names_master(const struct srv *s) {
    char path[256], text[4096], line[64];
    const struct srv *m = master();
    snprintf(path, sizeof path, "%s/redis.conf", s->dir);
    int fd = open(path, O_RDONLY);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    close(fd);
    if (n < 0 || !m) return false;
    text[n] = '\0';
    snprintf(line, sizeof line, "replicaof 127.0.0.1 %d\n", m->port);
    return strstr(text, line) != NULL;
}

/* The Sentinel that is asked is the one whose master() counts. It may give a failover up, so it is asked again; while one
 * is under way it refuses. */
static bool handed_over(const struct srv *told) {
    if (master() != told) return settled();
    srv_cmd(sentinels[0], "SENTINEL FAILOVER trio");
    return false;
}

Test(sentinel, fails_over_and_brings_the_old_master_back) {
    IN_THE_END(all_know_all() && everywhere("before"));
    struct srv *old = master();
    srv_kill(old);
    IN_THE_END(master() != old && settled());
    IN_THE_END(everywhere("meanwhile"));
    cr_expect_str_eq(srv_cmd(master(), "GET before"), "\"yes\"");

    srv_restart(old); /* its file says that it is a master */
    IN_THE_END(everywhere("after"));
    if (master() != old) cr_expect_str_eq(srv_cmd(old, "GET meanwhile"), "\"yes\"");
    for (int i = 0; i < MEMBERS; i++)
        if (members[i] != master()) IN_THE_END(members[i] == master() || file_names_master(members[i]));

    struct srv *told = master();
    IN_THE_END(handed_over(told));
    IN_THE_END(everywhere("at last"));
}

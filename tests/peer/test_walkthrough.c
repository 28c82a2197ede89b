/* What operators do by their documents, as they do it: daemons by files, the real client and ours, passwords, roles that change.
 * Everything is asked by shell commands. */
#include "support/server.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NODES = 3 };

static char root[] = "/tmp/tandem-walk-XXXXXX";
static int port[NODES];

static const char *build_dir(void) {
    const char *build = getenv("B");
    return build ? build : "build";
}

/* What a shell command printed, without its last newline; the text stays for the next 7. */
__attribute__((format(printf, 1, 2))) static const char *shell(const char *fmt, ...) {
    static char texts[8][20000];
    static int next;
    char command[2000], *text = texts[next++ % 8];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(command, sizeof command, fmt, ap);
    va_end(ap);
    FILE *p = popen(command, "r");
    size_t n = fread(text, 1, sizeof texts[0] - 1, p);
    pclose(p);
    if (n && text[n - 1] == '\n') n--;
    text[n] = '\0';
    return text;
}

/* The same by the real client and by ours, or the test fails. */
static const char *cli(int node, const char *args) {
    const char *real = shell("timeout 60 redis-cli -p %d -a 123456 --no-auth-warning %s 2>&1", port[node],
                             args),
               *ours = shell("timeout 60 %s/tandem-cli -p %d -a 123456 --no-auth-warning %s 2>&1",
                             build_dir(), port[node], args);
    cr_assert_str_eq(ours, real, "%s", args);
    return ours;
}

static const char *field(int node, const char *name) {
    return shell(
        "redis-cli -p %d -a 123456 --no-auth-warning info everything | tr -d '\\r' | sed -n 's/^%s://p'",
        port[node], name);
}

static bool logged(int node, const char *text) {
    return *shell("grep -F -- '%s' %s/%d/redis.log", text, root, port[node]) != '\0';
}

static bool link_up(int node) {
    return strcmp(field(node, "master_link_status"), "up") == 0;
}

static bool in_step(int node) {
    return strcmp(field(node, "slave_repl_offset"), field(0, "master_repl_offset")) == 0;
}

static int pid_of(int node) {
    return atoi(shell("cat %s/%d/redis.pid 2>/dev/null", root, port[node]));
}

#define EXPECT_CLI(node, args, expected) cr_assert_str_eq(cli((node), (args)), (expected), "%s", (args))

static void write_file(int node, const char *more) {
    char path[100];
    snprintf(path, sizeof path, "%s/%d", root, port[node]);
    cr_assert_eq(mkdir(path, 0755), 0);
    snprintf(path, sizeof path, "%s/%d/redis.conf", root, port[node]);
    FILE *f = fopen(path, "w");
    fprintf(f,
            "# a node\nport %d\ndaemonize yes\nbind 0.0.0.0\nprotected-mode no\nrequirepass 123456\n"
            "masterauth 123456\npidfile %s/%d/redis.pid\nlogfile \"%s/%d/redis.log\"\ndir %s/%d\n"
            "dbfilename dump-%d.rdb\nrdbcompression yes\nrdbchecksum yes\nsave 10 2\nappendonly yes\n"
            "appendfsync always\ndatabases 16\nrepl-backlog-size 10mb\nrepl-diskless-sync-delay 0\n%s",
            port[node], root, port[node], root, port[node], root, port[node], port[node], more);
    fclose(f);
}

static void start(int node) {
    cr_assert_str_eq(shell("%s/tandem-server %s/%d/redis.conf; echo $?", build_dir(), root, port[node]), "0");
    WAIT_UNTIL(strcmp(shell("redis-cli -p %d -a 123456 --no-auth-warning ping 2>&1", port[node]), "PONG") ==
               0);
    cr_assert_gt(pid_of(node), 0);
}

/* Its parent, the system's first process, may take its time to notice. */
static bool has_ended(int pid) {
    const char *state = shell("cut -d ' ' -f 3 /proc/%d/stat 2>/dev/null", pid);
    return !*state || *state == 'Z';
}

static void stop(int node) {
    int pid = pid_of(node);
    cr_assert_gt(pid, 0);
    shell("redis-cli -p %d -a 123456 --no-auth-warning shutdown 2>&1", port[node]);
    WAIT_UNTIL(has_ended(pid));
    cr_assert_eq(pid_of(node), 0, "the pid file stays");
}

static void end_all(void) {
    for (int i = 0; i < NODES; i++)
        if (port[i] && pid_of(i) > 0) kill(pid_of(i), SIGKILL);
    shell("rm -rf %s", root);
}

/* The third node is none by a file: the words stand behind its other options. */
static void start_by_words(int node, int master) {
    char path[100];
    snprintf(path, sizeof path, "%s/%d", root, port[node]);
    cr_assert_eq(mkdir(path, 0755), 0);
    shell("%s/tandem-server --port %d --daemonize yes --dir %s --pidfile %s/redis.pid --logfile %s/redis.log "
          "--requirepass 123456 --masterauth wrong --slaveof 127.0.0.1 %d",
          build_dir(), port[node], path, path, path, port[master]);
    WAIT_UNTIL(strcmp(field(node, "role"), "slave") == 0);
}

static void look_at_settings(void) {
    static const char *const settings[][2] = {{"repl-backlog-size", "10485760"},
                                              {"rdbcompression", "yes"},
                                              {"rdbchecksum", "yes"},
                                              {"save", "10 2"},
                                              {"appendonly", "yes"},
                                              {"appendfsync", "always"},
                                              {"databases", "16"},
                                              {"protected-mode", "no"},
                                              {"bind", "0.0.0.0"}};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        char args[64], want[100];
        snprintf(args, sizeof args, "config get %s", settings[i][0]);
        snprintf(want, sizeof want, "%s\n%s", settings[i][0], settings[i][1]);
        EXPECT_CLI(0, args, want);
    }
}

static void write_and_read(void) {
    static const char readonly[] = "READONLY You can't write against a read only replica.\n";
    cr_assert_str_eq(shell("redis-cli -p %d get a", port[0]), "NOAUTH Authentication required.\n");
    EXPECT_CLI(0, "set a 1", "OK");
    EXPECT_CLI(0, "wait 2 60000", "2");
    for (int i = 0; i < NODES; i++) {
        if (i > 0) WAIT_UNTIL(in_step(i)); /* WAIT on a connection of its own waits for no write */
        EXPECT_CLI(i, "get a", "1");
        EXPECT_CLI(i, "keys '*'", "a");
        if (i > 0) EXPECT_CLI(i, "set a 2", readonly);
    }
}

static void look_at_passwords(void) {
    WAIT_UNTIL(logged(2, "Unable to AUTH to MASTER: -WRONGPASS invalid username-password pair"));
    EXPECT_CLI(2, "config set masterauth 123456", "OK");
    WAIT_UNTIL(link_up(2));
}

static void look_at_logs(void) {
    static const char *const of_replica[] = {"Connecting to MASTER 127.0.0.1:",
                                             "MASTER <-> REPLICA sync started",
                                             "Non blocking connect for SYNC fired the event.",
                                             "Master replied to PING, replication can continue...",
                                             "Full resync from master: ",
                                             "MASTER <-> REPLICA sync: Finished with success",
                                             "Background append only file rewriting started by pid "};
    static const char *const of_master[] = {"Replica 127.0.0.1:", "asks for synchronization",
                                            "Starting BGSAVE for SYNC with target: replicas sockets",
                                            "Synchronization with replica 127.0.0.1:"};
    for (size_t i = 0; i < sizeof of_replica / sizeof *of_replica; i++)
        cr_assert(logged(1, of_replica[i]), "%s", of_replica[i]);
    WAIT_UNTIL(logged(1, "Background AOF rewrite finished successfully"));
    for (size_t i = 0; i < sizeof of_master / sizeof *of_master; i++)
        cr_assert(logged(0, of_master[i]), "%s", of_master[i]);
    /* PID:ROLE DD Mon YYYY HH:MM:SS.mmm LEVEL text */
    cr_assert_str_eq(shell("grep -Ev '^[0-9]+:[MSC] [0-3][0-9] [A-Z][a-z]{2} 20[0-9]{2} "
                           "[0-9:]{8}\\.[0-9]{3} [.*#-] ' %s/%d/redis.log",
                           root, port[1]),
                     "");
}

static void change_roles(void) {
    char args[64];
    EXPECT_CLI(2, "slaveof no one", "OK");
    cr_assert_str_eq(field(2, "role"), "master");
    EXPECT_CLI(2, "get a", "1");
    EXPECT_CLI(2, "set of-my-own 1", "OK");
    snprintf(args, sizeof args, "slaveof 127.0.0.1 %d", port[0]);
    shell("redis-cli -p %d -a 123456 --no-auth-warning %s", port[2], args);
    WAIT_UNTIL(link_up(2));
    EXPECT_CLI(2, args, "OK Already connected to specified master");
    EXPECT_CLI(2, "exists of-my-own", "0");
    EXPECT_CLI(1, "config set slave-read-only no", "OK");
    EXPECT_CLI(1, "set mine 1", "OK");
    EXPECT_CLI(0, "exists mine", "0");
}

static void restart_master(void) {
    char id[64];
    snprintf(id, sizeof id, "%s", field(0, "run_id"));
    cr_assert_eq(strlen(id), 40);
    stop(0);
    cr_assert_str_eq(shell("cd %s/%d && ls", root, port[0]),
                     shell("printf 'appendonlydir\\ndump-%d.rdb\\nredis.conf\\nredis.log'", port[0]));
    EXPECT_CLI(1, "config set slave-serve-stale-data no", "OK");
    WAIT_UNTIL(!link_up(1));
    EXPECT_CLI(1, "get a",
               "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\n");
    start(0);
    cr_assert_eq(strlen(field(0, "run_id")), 40);
    cr_assert_str_neq(field(0, "run_id"), id);
    WAIT_UNTIL(link_up(1) && link_up(2));
    EXPECT_CLI(1, "get a", "1");
    cr_assert_str_eq(field(0, "sync_full"), "0");
    cr_assert_str_eq(field(0, "sync_partial_ok"), "2");
}

Test(walkthrough, a_master_and_two_replicas, .fini = end_all) {
    char lines[200];
    cr_assert_not_null(mkdtemp(root));
    for (int i = 0; i < NODES; i++) port[i] = free_port();
    write_file(0, "");
    start(0);
    snprintf(lines, sizeof lines, "slaveof 127.0.0.1 %d\nslave-read-only yes\nslave-serve-stale-data yes\n",
             port[0]);
    write_file(1, lines);
    start(1);
    WAIT_UNTIL(link_up(1));
    start_by_words(2, 0);
    look_at_passwords();
    look_at_settings();
    write_and_read();
    look_at_logs();
    change_roles();
    restart_master();
    for (int i = NODES - 1; i >= 0; i--) stop(i);
}

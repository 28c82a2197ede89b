/* The server as a process: from a file into the background, and out of it without leaving anything behind. */
#include "support/server.h"

#include <criterion/criterion.h>
#include <glob.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static bool any_file(const char *dir, const char *pattern) {
    char path[200];
    glob_t found;
    snprintf(path, sizeof path, "%s/%s", dir, pattern);
    bool any = glob(path, 0, NULL, &found) == 0;
    globfree(&found);
    return any;
}

Test(process, shutdown_removes_the_file_of_a_running_snapshot) {
    struct srv *s = srv_start(TANDEM, "--rdb-key-save-delay 100000");
    EXPECT(s, "OK", "DEBUG POPULATE 1000");
    EXPECT(s, "Background saving started", "BGSAVE");
    WAIT_UNTIL(any_file(s->dir, "temp-*"));
    srv_stop(s);
    cr_assert(!any_file(s->dir, "temp-*"));
    cr_assert(srv_logged(s, "There is a child saving an .rdb. Killing it!"));
    srv_free(s);
}

/* --- a daemon by the file that an operator writes --- */

static char daemon_dir[] = "/tmp/tandem-daemon-XXXXXX";

static pid_t daemon_pid(void) {
    char path[64], text[32] = "";
    snprintf(path, sizeof path, "%s/redis.pid", daemon_dir);
    FILE *f = fopen(path, "r");
    if (!f) return 0;
    if (!fgets(text, sizeof text, f)) text[0] = '\0';
    fclose(f);
    return atoi(text);
}

static void remove_daemon(void) {
    char command[64];
    if (daemon_pid() > 0) kill(daemon_pid(), SIGKILL);
    snprintf(command, sizeof command, "rm -rf %s", daemon_dir);
    cr_expect_eq(system(command), 0);
}

static int start_daemon(int port) {
    char path[64], program[512];
    const char *build = getenv("B");
    pid_t pid;
    int status;
    snprintf(path, sizeof path, "%s/redis.conf", daemon_dir);
    snprintf(program, sizeof program, "%s/tandem-server", build ? build : "build");
    FILE *f = fopen(path, "w");
    fprintf(f,
            "# master\nport %d\ndaemonize yes\nbind 127.0.0.1\nprotected-mode no\nrequirepass 123456\n"
            "masterauth 123456\npidfile %s/redis.pid\nlogfile \"%s/redis.log\"\ndir %s\n"
            "dbfilename dump-%d.rdb\nrdbcompression yes\nrdbchecksum yes\nsave 10 2\ndatabases 16\n"
            "repl-backlog-size 10mb\nslave-read-only yes\nslave-serve-stale-data yes\n",
            port, daemon_dir, daemon_dir, daemon_dir, port);
    fclose(f);
    char *argv[] = {program, path, NULL};
    cr_assert_eq(posix_spawn(&pid, program, NULL, NULL, argv, environ), 0);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static const char *ask(redisContext *c, const char *command) {
    redisReply *r = redisCommand(c, command);
    const char *text = reply_text(r);
    freeReplyObject(r);
    return text;
}

Test(process, daemon_by_the_file, .fini = remove_daemon) {
    int port = free_port();
    char dump[32];
    cr_assert_not_null(mkdtemp(daemon_dir));
    cr_assert_eq(start_daemon(port), 0, "the shell gets its prompt back");
    WAIT_UNTIL(daemon_pid() > 0);
    redisContext *c = NULL;
    WAIT_UNTIL((c = redisConnect("127.0.0.1", port)) && !c->err);
    cr_assert_str_eq(ask(c, "SET a 1"), "(error) NOAUTH Authentication required.");
    cr_assert_str_eq(ask(c, "AUTH 123456"), "OK");
    cr_assert_str_eq(ask(c, "SET a 1"), "OK");
    cr_assert_str_eq(ask(c, "CONFIG GET repl-backlog-size"), "[\"repl-backlog-size\", \"10485760\"]");
    redisFree(c);
    pid_t pid = daemon_pid();
    cr_assert_eq(kill(pid, SIGTERM), 0);
    WAIT_UNTIL(kill(pid, 0) == -1);
    snprintf(dump, sizeof dump, "dump-%d.rdb", port);
    cr_assert(any_file(daemon_dir, dump) && any_file(daemon_dir, "redis.log"));
    cr_assert(!any_file(daemon_dir, "redis.pid"));
}

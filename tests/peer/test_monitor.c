/* MONITOR beside the real redis-server: the same lines for the same commands, but for times and ports. */
#include "support/both.h"
#include "support/session.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(monitor, .init = both_start, .fini = both_stop);

/* "+1795185507.328407 [3 127.0.0.1:48322] ..." becomes "+T [3 A] ..."; the form of what goes is checked. */
static void hide_time_and_port(char *text) {
    char *to = text;
    for (char *from = text; *from;) {
        long long s, us;
        int db, port, n = 0;
        if (sscanf(from, "+%10lld.%6lld [%d 127.0.0.1:%d]%n", &s, &us, &db, &port, &n) == 4 && n > 0) {
            from += n;
            to += sprintf(to, "+T [%d A]", db);
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
}

static char *lines_of(struct srv *s, const char *const *lines, size_t n) {
    int monitor = session_open(s);
    session_say(monitor, "MONITOR");
    session_hear(monitor, "+OK\r\n");
    session_transcript(s, lines, n);
    EXPECT(s, "\"the end\"", "ECHO %s", "the end");
    char *text = strdup(session_hear(monitor, "\"the end\"\r\n"));
    close(monitor);
    hide_time_and_port(text);
    return text;
}

static void same_lines(const char *const *lines, size_t n) {
    char *want = lines_of(real, lines, n), *got = lines_of(ours, lines, n);
    cr_expect_str_eq(got, want);
    free(want);
    free(got);
}
#define SAME(...)                                                                                            \
    same_lines((const char *const[]){__VA_ARGS__},                                                           \
               sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

Test(monitor, lines_are_the_same) {
    SAME("SELECT 3", "set k v", "MULTI", "INCR a", "GET k", "EXEC", "GET", "FOO bar", "PUBLISH a b",
         "SET \"bin\\x00\\xff\\n\" \"q\\\"uote\"", "MULTI", "SET k", "EXEC", "MULTI", "DISCARD", "WATCH k",
         "PING", "PFCOUNT x", "EXPIRE k 100", "BLPOP nolist 0.01", "CONFIG GET port", "CLIENT LIST",
         "DEBUG SLEEP 0", "SLOWLOG GET", "ECHO \"\"", "SUBSCRIBE x", "RESET");
}

Test(monitor, secrets_are_blotted_out) {
    SAME("AUTH secret", "AUTH default secret", "HELLO 3 AUTH default secret SETNAME x",
         "MIGRATE 127.0.0.1 1 nokey 0 10 AUTH secret", "CONFIG SET requirepass secret",
         "CONFIG SET requirepass \"\"", "PING");
}

Test(monitor, a_monitoring_connection) {
    struct srv *both[] = {ours, real};
    char *texts[2];
    for (int i = 0; i < 2; i++) {
        int fd = session_open(both[i]);
        session_say(fd, "MONITOR");
        session_say(fd, "PING");
        session_say(fd, "GET x");
        session_say(fd, "MONITOR");
        session_say(fd, "PSYNC ? -1");
        session_say(fd, "SYNC");
        session_say(fd, "MULTI");
        session_say(fd, "MONITOR");
        session_say(fd, "DISCARD");
        session_say(fd, "HELLO 3");
        session_say(fd, "RESET");
        session_say(fd, "GET x");
        session_say(fd, "ECHO end");
        texts[i] = strdup(session_hear(fd, "$3\r\nend\r\n"));
        hide_time_and_port(texts[i]);
        session_hide_id(texts[i]);
        cr_expect_str_eq(srv_cmd(both[i], "CLIENT KILL TYPE replica"), "(integer) 0");
        close(fd);
    }
    cr_expect_str_eq(texts[0], texts[1]);
    free(texts[0]);
    free(texts[1]);
}

Test(monitor, shows_what_comes_from_the_master) {
    struct srv *pairs[][2] = {{ours, real}, {real, ours}};
    for (int i = 0; i < 2; i++) {
        struct srv *primary = pairs[i][0], *replica = pairs[i][1];
        srv_replicate(replica, primary);
        int fd = session_open(replica);
        session_say(fd, "MONITOR");
        session_hear(fd, "+OK\r\n");
        srv_cmd(primary, "SET k from-master");
        session_hear(fd, "\"SET\" \"k\" \"from-master\"\r\n");
        close(fd);
        srv_cmd(replica, "REPLICAOF NO ONE");
    }
}

Test(monitor, the_real_client_shows_lines) {
    char line[256], out[256];
    snprintf(line, sizeof line, "timeout 20 redis-cli -p %d MONITOR 2>/dev/null | sed -n '/shown/{p;q}'",
             ours->port);
    FILE *f = popen(line, "r");
    WAIT_UNTIL(strstr(srv_cmd(ours, "CLIENT LIST"), "flags=O") != NULL);
    EXPECT(ours, "OK", "SET shown yes");
    cr_assert_not_null(fgets(out, sizeof out, f));
    cr_assert(strstr(out, "\"SET\" \"shown\" \"yes\"") != NULL, "%s", out);
    srv_cmd(ours, "CLIENT KILL TYPE normal SKIPME yes"); /* it waits for more lines */
    pclose(f);
}

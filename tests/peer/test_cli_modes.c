/* The modes of tandem-cli that watch, follow or take a snapshot, against our server and the real one. Their output has
 * times and counts in it, so that its form is compared, with the digits taken out. */
#include "support/server.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static char output[20000];

/* What the line of shell prints, both streams; $at is "tandem-cli -p port", $dir the server's directory. */
static const char *shell(struct srv *s, const char *line) {
    char at[300], command[1200], port[16];
    const char *build = getenv("B");
    snprintf(at, sizeof at, "%s/tandem-cli -p %d", build ? build : "build", s->port);
    snprintf(port, sizeof port, "%d", s->port);
    setenv("at", at, 1);
    setenv("port", port, 1);
    setenv("dir", s->dir, 1);
    snprintf(command, sizeof command, "{ %s\n} 2>&1 </dev/null", line);
    FILE *f = popen(command, "r");
    cr_assert_not_null(f);
    output[fread(output, 1, sizeof output - 1, f)] = '\0';
    pclose(f);
    return output;
}

#define PRINTS(server, text, line)                                                                           \
    cr_assert_str_eq(shell((server), (line)), (text), "%s prints:\n%s", (line), output)

static void each_server(void (*look)(struct srv *s)) {
    for (enum srv_kind kind = TANDEM; kind <= REDIS; kind++) {
        struct srv *s = srv_start(kind, "--databases 16");
        EXPECT(s, "OK", "SET key value");
        look(s);
        srv_free(s);
    }
}

#define NO_DIGITS " | tr -d 0-9KM | tr -s ' '"

static void see_stat(struct srv *s) {
    PRINTS(s,
           "------- data ------ --------------------- load -------------------- - child -\n"
           "keys mem clients blocked requests connections \n"
           " . (+) \n"
           " . (+) \n",
           "$at --stat -i 0.01 | head -4" NO_DIGITS);
    shell(s, "$at --stat -i 0.01 | head -3 | tail -1");
    cr_assert_eq(output[0], '1', "one key: %s", output);
}

Test(cli_modes, stat_counts_keys_and_requests) {
    each_server(see_stat);
}

static void see_latency(struct srv *s) {
    PRINTS(s, " . \n", "$at --latency -i 0.01" NO_DIGITS);
    PRINTS(s, ",,.,\n", "$at --latency --csv -i 0.01 | tr -d 0-9");
    PRINTS(s, "{\"min\": , \"max\": , \"avg\": ., \"count\": }\n",
           "$at --latency --json -i 0.01 | tr -d 0-9");
    PRINTS(s, " . \n . \n", "$at --latency-history -i 0.01 | head -2" NO_DIGITS);
    shell(s, "$at --latency-history --no-raw -i 0.01 | head -1");
    cr_assert(strstr(output, " samples) -- 0."), "%s", output);
    cr_assert(strstr(output, "\x1b[0G\x1b[2Kmin: "), "%s", output);
}

Test(cli_modes, latency_in_each_form) {
    each_server(see_latency);
}

/* Writes until the follower has seen it: it may come at any time after the snapshot, which the real server ends with a mark,
 * while ours tells its length. */
static void see_replica(struct srv *s) {
    PRINTS(s, "\"SET\",\"seen\",\"a \\\"b\\\"\"\n",
           ": >$dir/stream; $at --replica >$dir/stream 2>$dir/errors & until grep -q seen $dir/stream; do "
           "$at SET seen 'a "
           "\"b\"' "
           ">/dev/null; sleep 0.05; done; kill $!; grep -m 1 seen $dir/stream");
    PRINTS(s, "SYNC done. Logging commands from master.\n", "tail -1 $dir/errors");
}

Test(cli_modes, replica_prints_what_is_written) {
    each_server(see_replica);
}

static void see_snapshots(struct srv *s) {
    static const char *const diskless[] = {"yes", "no"};
    static char value[100000]; /* more than one read */
    memset(value, 'v', sizeof value);
    EXPECT(s, "OK", "SET large %b", value, sizeof value);
    EXPECT(s, "OK", "CONFIG SET rdbcompression no");
    for (int i = 0; i < 2; i++) {
        EXPECT(s, "OK", "CONFIG SET repl-diskless-sync %s", diskless[i]);
        shell(s, "$at --rdb $dir/copy.rdb; echo code $?; ls $dir | grep -c part");
        cr_assert(strstr(output, "Transfer finished with success after 10"), "%s", output);
        cr_assert(strstr(output, "code 0\n0\n"), "%s", output);
        PRINTS(s, "[info] 2 keys read\n", "redis-check-rdb $dir/copy.rdb | grep keys");
        PRINTS(s, "REDIS0010\n", "$at --rdb - 2>$dir/errors | head -c 9; echo");
    }
}

Test(cli_modes, snapshots_are_whole) {
    each_server(see_snapshots);
}

/* A snapshot that can't be had leaves the older one alone. */
static void see_failures(struct srv *s) {
    shell(s, "$at --rdb /no/such/place; echo code $?");
    cr_assert(strstr(output, "Error opening '/no/such/place': No such file or directory\ncode 1"), "%s",
              output);
    EXPECT(s, "OK", "CONFIG SET requirepass pw");
    shell(s, "echo old >$dir/copy.rdb; $at --rdb $dir/copy.rdb; echo code $?; cat $dir/copy.rdb");
    cr_assert(strstr(output, "SYNC with master failed: -NOAUTH Authentication required.\ncode 1\nold\n"),
              "%s", output);
    shell(s, "$at --replica; echo code $?");
    cr_assert(strstr(output, "SYNC with master failed: -NOAUTH Authentication required.\ncode 1\n"), "%s",
              output);
    PRINTS(s, "ERROR: NOAUTH Authentication required.\ncode 1\n", "$at --latency; echo code $?");
    PRINTS(s, "ERROR: NOAUTH Authentication required.\ncode 1\n", "$at --stat; echo code $?");
}

Test(cli_modes, refusals_are_told) {
    each_server(see_failures);
}

/* --- servers that lie --- */

static int listen_somewhere(int *port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert(bind(fd, (struct sockaddr *)&a, n) == 0 && listen(fd, 1) == 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    *port = ntohs(a.sin_port);
    return fd;
}

/* A child that accepts REPLCONF twice and answers SYNC with these bytes, in two parts, and the end. */
static pid_t fake_master(int listener, const char *answer, size_t n, size_t first) {
    char request[1024];
    pid_t pid = fork();
    if (pid != 0) return pid;
    int fd = accept(listener, NULL, NULL);
    for (int i = 0; i < 2; i++)
        if (read(fd, request, sizeof request) <= 0 || write(fd, "+OK\r\n", 5) != 5) _exit(1);
    bool ok = read(fd, request, sizeof request) > 0 && write(fd, answer, first) == (ssize_t)first;
    usleep(1000); /* makes two reads of it, mostly; either way the outcome is the same */
    ok = ok && write(fd, answer + first, n - first) == (ssize_t)(n - first);
    shutdown(fd, SHUT_WR);
    while (ok && read(fd, request, sizeof request) > 0) {}
    _exit(!ok);
}

static const char *snapshot_from(const char *answer, size_t first) {
    struct srv nobody = {.dir = "."};
    int listener = listen_somewhere(&nobody.port);
    pid_t pid = fake_master(listener, answer, strlen(answer), first);
    shell(&nobody, "to=$(mktemp); echo old >$to; $at --rdb $to; echo \"code $?\"; cat $to; rm $to");
    close(listener);
    cr_assert_eq(waitpid(pid, NULL, 0), pid);
    return output;
}

#define MARK "0123456789012345678901234567890123456789"

Test(cli_modes, a_snapshot_that_is_none_replaces_nothing) {
    static const char *const answers[] = {
        "-ERR no\r\n",
        "$-5\r\n",
        "$x\r\n",
        "$99999999999999999999\r\nREDIS",
        "$EOF:short\r\nREDIS",
        "$0\r\n",
        "$9\r\nREDIS001",
        "$EOF:" MARK "\r\nREDIS0123456789",
        "$EOF:" MARK "\r\n" MARK,
        "+OK\r\n",
        "",
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        cr_assert(strstr(snapshot_from(answers[i], 0), "\ncode 1\nold\n"), "%s: %s", answers[i], output);
}

Test(cli_modes, a_mark_is_found_wherever_it_is_split) {
    static const char answer[] = "\n\r\n$EOF:" MARK "\r\nREDIS01234" MARK "behind";
    for (size_t first = 40; first < sizeof answer - 1; first += 3)
        cr_assert(strstr(snapshot_from(answer, first), "code 0\nREDIS01234"), "%zu: %s", first, output);
    cr_assert(strstr(output, "success after 10 bytes"), "%s", output);
}

Test(cli_modes, the_prompt_helps) {
    struct srv nobody = {.dir = ".", .port = 1};
    cr_assert(strstr(shell(&nobody, "echo help | $at"), "connect <host> <port>"), "%s", output);
}

Test(cli_modes, what_only_redis_cli_has_is_named) {
    struct srv *s = srv_start(TANDEM, "%s", "");
    PRINTS(s, "tandem-cli has no '--bigkeys'; Redis's own redis-cli has.\ncode 1\n",
           "$at --bigkeys; echo code $?");
    PRINTS(s, "tandem-cli has no TLS\ncode 1\n", "$at -u rediss://127.0.0.1 PING; echo code $?");
    PRINTS(s, "Unknown --show-pushes value 'x' (valid: '[y]es', '[n]o')\ncode 1\n",
           "$at --show-pushes x PING; echo code $?");
    srv_free(s);
}

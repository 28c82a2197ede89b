/* Publish and subscribe beside the real redis-server: forms and texts to the byte, who gets what among many subscribers, and
 * messages across replication either way. */
#include "support/both.h"
#include "support/session.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

TestSuite(pubsub, .init = both_start, .fini = both_stop);

/* What differs on purpose is left out: a message to the publisher itself comes behind the reply to PUBLISH, so
 * that it never stands inside of EXEC's. */
Test(pubsub, sessions_are_the_same_to_the_byte) {
    SESSION(ours, real, "resp2", "SUBSCRIBE a b a", "SSUBSCRIBE s1", "PSUBSCRIBE p*", "PING", "PING hello",
            "PING a b", "GET x", "CLIENT LIST", "HELLO 3", "MULTI", "FOO", "SUBSCRIBE", "SUNSUBSCRIBE",
            "UNSUBSCRIBE zz b", "UNSUBSCRIBE", "PUNSUBSCRIBE x p*", "GET x", "UNSUBSCRIBE", "PUNSUBSCRIBE",
            "SUNSUBSCRIBE", "PING", "SUBSCRIBE q", "RESET", "PING", "SUBSCRIBE q");
    SESSION(ours, real, "resp3", "HELLO 3", "SUBSCRIBE a", "PSUBSCRIBE p*", "SSUBSCRIBE s", "PING", "PING x",
            "GET nokey", "PUBSUB CHANNELS", "PUBSUB NUMSUB a b", "PUBSUB NUMPAT", "PUBSUB SHARDCHANNELS",
            "PUBSUB SHARDNUMSUB s t", "UNSUBSCRIBE", "UNSUBSCRIBE", "SUNSUBSCRIBE", "HELLO 2", "GET nokey",
            "PUNSUBSCRIBE");
    SESSION(ours, real, "transaction", "MULTI", "SUBSCRIBE a", "SET k 2", "UNSUBSCRIBE", "EXEC", "GET k",
            "MULTI", "PSUBSCRIBE x*", "EXEC", "GET k");
    SESSION(ours, real, "reply off", "CLIENT REPLY OFF", "SUBSCRIBE q", "PING", "UNSUBSCRIBE", "PING",
            "CLIENT REPLY ON", "CLIENT REPLY SKIP", "SUBSCRIBE x", "PING");
    SESSION(ours, real, "errors", "PUBLISH a", "PUBLISH a b c", "SPUBLISH a b", "PUBLISH a b", "SUBSCRIBE",
            "PSUBSCRIBE", "PUBSUB", "PUBSUB FOO", "PUBSUB CHANNELS a b", "PUBSUB NUMPAT x", "PUBSUB NUMSUB",
            "PUBSUB SHARDCHANNELS a b", "PUBSUB CHANNELS", "PUBSUB NUMSUB a");
    SESSION(ours, real, "table", "COMMAND INFO subscribe unsubscribe psubscribe punsubscribe publish",
            "COMMAND INFO ssubscribe sunsubscribe spublish pubsub|numpat pubsub|numsub pubsub|channels",
            "COMMAND GETKEYS SUBSCRIBE a");
}

/* --- random subscribers: the same to both servers --- */

enum { SUBSCRIBERS = 6, STEPS = 400 };
static const char *const names[] = {"a", "b", "ab", "news.x", "news.y", "c"};
static const char *const patterns[] = {"*", "news.*", "[ab]*", "?", "nothing"};

/* At most one pattern each, because the order of several matches is free. */
static void make_subscription(char *line, size_t cap, int *pattern) {
    const char *name = names[test_below(6)];
    int which = (int)test_below(8);
    if (which == 0) {
        bool leave = *pattern >= 0;
        if (!leave) *pattern = (int)test_below(5);
        snprintf(line, cap, "%s %s", leave ? "PUNSUBSCRIBE" : "PSUBSCRIBE", patterns[*pattern]);
        if (leave) *pattern = -1;
    } else if (which < 4) {
        static const char *const commands[] = {"UNSUBSCRIBE", "SSUBSCRIBE", "SUNSUBSCRIBE"};
        snprintf(line, cap, "%s %s", commands[which - 1], name);
    } else {
        snprintf(line, cap, "SUBSCRIBE %s %s", name, names[test_below(6)]);
    }
}

static void publish_to_both(void) {
    static char message[3000];
    size_t n = test_below(10) ? test_below(60) : test_below(sizeof message);
    memset(message, 'a' + (int)test_below(26), n);
    const char *channel = names[test_below(6)], *command = test_below(5) ? "PUBLISH" : "SPUBLISH";
    int64_t a = srv_int(ours, "%s %s %b", command, channel, message, n),
            b = srv_int(real, "%s %s %b", command, channel, message, n);
    cr_assert_eq(a, b, "TEST_SEED=%llu: %s %s: %lld receivers, redis %lld", (unsigned long long)test_seed(),
                 command, channel, (long long)a, (long long)b);
}

static void ask_both(const int *fds, const char *line) {
    const char *got = session_ask(fds[0], line), *want = session_ask(fds[1], line);
    cr_assert(strcmp(got, want) == 0, "TEST_SEED=%llu: up to %s\n  ours:  %s\n  redis: %s",
              (unsigned long long)test_seed(), line, got, want);
}

Test(pubsub, many_subscribers_get_what_they_get_of_redis) {
    int fds[SUBSCRIBERS][2], pattern[SUBSCRIBERS];
    for (int i = 0; i < SUBSCRIBERS; i++) {
        pattern[i] = -1;
        fds[i][0] = session_open(ours);
        fds[i][1] = session_open(real);
        for (int s = 0; s < 2 && i % 2; s++) session_ask(fds[i][s], "HELLO 3");
        ask_both(fds[i], "SUBSCRIBE always");
    }
    for (int step = 0; step < STEPS; step++) {
        char line[128];
        int i = (int)test_below(SUBSCRIBERS);
        if (test_below(3)) {
            publish_to_both();
        } else {
            make_subscription(line, sizeof line, &pattern[i]);
            ask_both(fds[i], line);
        }
    }
    for (int i = 0; i < SUBSCRIBERS; i++) {
        ask_both(fds[i], "UNSUBSCRIBE always");
        close(fds[i][0]);
        close(fds[i][1]);
    }
    WAIT_UNTIL(srv_info_int(ours, "pubsub_channels") == 0 && srv_info_int(ours, "pubsub_patterns") == 0 &&
               srv_info_int(ours, "pubsubshard_channels") == 0);
}

/* --- replication --- */

static void hears_over_replication(struct srv *primary, struct srv *replica) {
    int fd = session_open(replica);
    session_ask(fd, "SUBSCRIBE news end");
    session_ask(fd, "SSUBSCRIBE shard");
    srv_replicate(replica, primary);
    EXPECT(primary, "(integer) 0", "PUBLISH news one");
    EXPECT(primary, "OK", "MULTI");
    EXPECT(primary, "QUEUED", "PUBLISH news two");
    EXPECT(primary, "QUEUED", "SPUBLISH shard three");
    srv_cmd(primary, "EXEC");
    EXPECT(primary, "(integer) 0", "PUBLISH end x");
    const char *got = session_hear(fd, "$3\r\nend\r\n$1\r\nx\r\n");
    cr_assert_str_eq(got, "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$3\r\none\r\n"
                          "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$3\r\ntwo\r\n"
                          "*3\r\n$8\r\nsmessage\r\n$5\r\nshard\r\n$5\r\nthree\r\n"
                          "*3\r\n$7\r\nmessage\r\n$3\r\nend\r\n$1\r\nx\r\n");
    EXPECT(replica, "(integer) 1", "PUBLISH news own"); /* heard here only */
    srv_wait_synced(replica, primary);
    close(fd);
    srv_cmd(replica, "REPLICAOF NO ONE");
}

Test(pubsub, messages_reach_replicas_of_either_kind) {
    struct srv *other = srv_start(TANDEM, "--databases 16");
    hears_over_replication(ours, real);
    hears_over_replication(real, ours);
    hears_over_replication(ours, other);
    srv_free(other);
}

/* --- clients --- */

static const char *field_of(struct srv *s, const char *type, const char *field) {
    static char text[64];
    const char *list = srv_cmd(s, "CLIENT LIST TYPE %s", type), *at = strstr(list, field);
    snprintf(text, sizeof text, "%.*s", at ? (int)strcspn(at, " ") : 0, at ? at : "");
    return text;
}

Test(pubsub, client_list_and_kill_know_subscribers) {
    struct srv *both[] = {ours, real};
    for (int i = 0; i < 2; i++) {
        int fd = session_open(both[i]);
        char byte;
        session_ask(fd, "SUBSCRIBE a");
        session_ask(fd, "PSUBSCRIBE b*");
        session_ask(fd, "SSUBSCRIBE c");
        cr_expect_str_eq(field_of(both[i], "pubsub", "sub="), "sub=1");
        cr_expect_str_eq(field_of(both[i], "pubsub", "psub="), "psub=1");
        cr_expect_str_eq(field_of(both[i], "pubsub", "ssub="), "ssub=1");
        cr_expect_str_eq(field_of(both[i], "pubsub", "flags="), "flags=P");
        cr_expect_str_eq(field_of(both[i], "normal", "flags="), "flags=N");
        EXPECT(both[i], "(integer) 1", "CLIENT KILL TYPE pubsub");
        cr_expect(recv(fd, &byte, 1, 0) <= 0, "still connected");
        WAIT_UNTIL(strcmp(srv_cmd(both[i], "PUBSUB NUMSUB a"), "[\"a\", (integer) 0]") == 0);
        close(fd);
    }
}

Test(pubsub, a_subscriber_that_does_not_read_is_dropped) {
    static char megabyte[1 << 20];
    EXPECT(ours, "OK", "CONFIG SET client-output-buffer-limit %s", "pubsub 4mb 0 0");
    int slow = session_open(ours), fast = session_open(ours);
    session_ask(slow, "SUBSCRIBE big small");
    session_ask(fast, "SUBSCRIBE small");
    memset(megabyte, 'x', sizeof megabyte);
    WAIT_UNTIL(srv_int(ours, "PUBLISH big %b", megabyte, sizeof megabyte) == 0);
    cr_assert(srv_logged(ours, "scheduled to be closed ASAP for overcoming of output buffer limits"));
    EXPECT(ours, "(integer) 1", "PUBLISH small x");
    cr_assert_str_eq(session_hear(fast, "x\r\n"), "*3\r\n$7\r\nmessage\r\n$5\r\nsmall\r\n$1\r\nx\r\n");
    close(slow);
    close(fast);
}

Test(pubsub, the_real_clients_listen_and_publish) {
    char line[256], out[256];
    snprintf(line, sizeof line,
             "timeout 60 redis-cli -p %d SUBSCRIBE news 2>/dev/null | head -n 6 | tr '\\n' ' '", ours->port);
    FILE *f = popen(line, "r");
    WAIT_UNTIL(srv_int(ours, "PUBLISH news hello") == 1);
    cr_assert_not_null(fgets(out, sizeof out, f));
    cr_assert_str_eq(out, "subscribe news 1 message news hello ");
    srv_cmd(ours, "CLIENT KILL TYPE pubsub"); /* it waits for more messages */
    pclose(f);
    snprintf(line, sizeof line, "redis-benchmark -p %d -q -n 100 -c 5 PUBLISH news x >/dev/null", ours->port);
    cr_assert_eq(system(line), 0);
}

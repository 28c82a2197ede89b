/* What clients do to each other: pauses, kills, silence. Several connections to one live server. */
#include "support/scenarios.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *ask(redisContext *c, const char *command) {
    redisReply *r = redisCommand(c, command);
    cr_assert_not_null(r, "%s: %s", command, c->errstr);
    const char *text = reply_text(r);
    freeReplyObject(r);
    return text;
}

/* A pause is to hold the data still, so that a replica can be promoted meanwhile. */
Test(clients, nothing_expires_while_writes_are_paused) {
    struct srv *p = srv_start(TANDEM, "%s", "");
    redisContext *writer = srv_connect(p);
    EXPECT(p, "OK", "SET e 1 PX 1000");
    EXPECT(p, "OK", "CLIENT PAUSE 60000 WRITE");
    WAIT_UNTIL(strcmp(srv_cmd(p, "GET e"), "(nil)") == 0);
    EXPECT(p, "(integer) 1", "DBSIZE");
    redisAppendCommand(writer, "SET a 1");
    int done = 0;
    cr_assert_eq(redisBufferWrite(writer, &done), REDIS_OK);
    WAIT_UNTIL(srv_info_int(p, "blocked_clients") == 1);
    EXPECT(p, "(nil)", "GET a");
    EXPECT(p, "OK", "CLIENT UNPAUSE");
    redisReply *r = NULL;
    cr_assert_eq(redisGetReply(writer, (void **)&r), REDIS_OK);
    cr_assert_str_eq(reply_text(r), "OK");
    freeReplyObject(r);
    WAIT_UNTIL(strcmp(srv_cmd(p, "DBSIZE"), "(integer) 1") == 0);
    cr_assert_str_eq(ask(writer, "GET a"), "\"1\"");
    redisFree(writer);
    srv_free(p);
}

/* What a pause on a replica holds back of its master's stream has not been applied, and must not be counted as if. */
Test(clients, a_paused_replica_loses_nothing_of_the_stream) {
    struct srv *p = srv_start(TANDEM, "%s", ""), *r = srv_start(TANDEM, "--replicaof 127.0.0.1 %d", p->port);
    WAIT_UNTIL(srv_link_up(r));
    EXPECT(p, "OK", "SET a 1");
    srv_wait_synced(r, p);
    EXPECT(r, "OK", "CLIENT PAUSE 60000 WRITE");
    EXPECT(p, "OK", "SET b 2");
    EXPECT(p, "OK", "SET c 3");
    EXPECT(p, "(integer) 0", "WAIT 1 200");
    cr_assert_lt(srv_info_int(r, "slave_repl_offset"), srv_info_int(p, "master_repl_offset"));
    EXPECT(r, "OK", "REPLICAOF NO ONE"); /* what it held goes with the link */
    EXPECT(r, "OK", "CLIENT UNPAUSE");
    EXPECT(r, "(nil)", "GET b");
    EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", p->port);
    wait_same(r, p);
    EXPECT(r, "OK", "CLIENT PAUSE 300 ALL");
    EXPECT(p, "OK", "SET b 4");
    wait_same(r, p);
    cr_assert_eq(srv_info_int(p, "sync_full"), 1);
    srv_free(r);
    srv_free(p);
}

Test(clients, own_keys_of_a_writable_replica_end) {
    struct srv *p = srv_start(TANDEM, "%s", ""),
               *r = srv_start(TANDEM, "--replicaof 127.0.0.1 %d --replica-read-only no", p->port);
    WAIT_UNTIL(srv_link_up(r));
    EXPECT(r, "OK", "SET own 1 PX 50");
    EXPECT(r, "OK", "SET other 1");
    EXPECT(r, "(integer) 1", "PEXPIRE other 60");
    WAIT_UNTIL(strcmp(srv_cmd(r, "DBSIZE"), "(integer) 0") == 0);
    cr_assert_eq(srv_info_int(r, "expired_keys"), 2);
    srv_free(r);
    srv_free(p);
}

/* All requests at once, in one turn of the loop. */
static const char *ask_together(redisContext *c, const char *const *commands, int n) {
    redisReply *r;
    for (int i = 0; i < n; i++) redisAppendCommand(c, commands[i]);
    const char *last = NULL;
    for (int i = 0; i < n; i++) {
        cr_assert_eq(redisGetReply(c, (void **)&r), REDIS_OK);
        last = reply_text(r);
        freeReplyObject(r);
    }
    return last;
}

static char *kill_of(redisContext *c) {
    static char command[64];
    snprintf(command, sizeof command, "CLIENT KILL ID %s", ask(c, "CLIENT ID") + strlen("(integer) "));
    return command;
}

static void send_only(redisContext *c, const char *command) {
    int done = 0;
    redisAppendCommand(c, command);
    cr_assert_eq(redisBufferWrite(c, &done), REDIS_OK);
}

/* A connection that was killed is there until the end of the turn, but nobody hears what it gets. */
Test(clients, who_was_killed_while_it_waited_takes_nothing) {
    struct srv *p = srv_start(TANDEM, "%s", "");
    redisContext *waiter = srv_connect(p), *other = srv_connect(p);
    const char *kill = kill_of(waiter);
    send_only(waiter, "BLPOP list 0");
    WAIT_UNTIL(srv_info_int(p, "blocked_clients") == 1);
    const char *together[] = {kill, "RPUSH list element", "LLEN list"};
    cr_assert_str_eq(ask_together(other, together, 3), "(integer) 1");
    EXPECT(p, "\"element\"", "LPOP list");
    redisFree(waiter);
    redisFree(other);
    srv_free(p);
}

Test(clients, who_was_killed_while_paused_writes_nothing) {
    struct srv *p = srv_start(TANDEM, "%s", "");
    redisContext *writer = srv_connect(p), *other = srv_connect(p);
    const char *kill = kill_of(writer);
    EXPECT(p, "OK", "CLIENT PAUSE 60000 WRITE");
    send_only(writer, "SET key value");
    WAIT_UNTIL(srv_info_int(p, "blocked_clients") == 1);
    const char *together[] = {kill, "CLIENT UNPAUSE"};
    cr_assert_str_eq(ask_together(other, together, 2), "OK");
    EXPECT(p, "OK", "SET other value"); /* behind what was held back */
    EXPECT(p, "(integer) 0", "EXISTS key");
    redisFree(writer);
    redisFree(other);
    srv_free(p);
}

/* CLIENT REPLY SKIP is about one command, however long that waits. */
Test(clients, the_reply_of_what_waited_is_skipped) {
    struct srv *p = srv_start(TANDEM, "%s", "");
    redisContext *c = srv_connect(p);
    static const char *const waiting[] = {"BLPOP list 0", "BLPOP list 0.01", "WAIT 1 10", "SET key value"};
    static const char *const pauses[] = {"WRITE", "ALL"};
    for (size_t i = 0; i < sizeof waiting / sizeof *waiting + 1; i++) {
        bool paused = i >= 3;
        redisReply *r;
        if (paused) EXPECT(p, "OK", "CLIENT PAUSE 100 %s", pauses[i - 3]);
        send_only(c, "CLIENT REPLY SKIP");
        send_only(c, waiting[paused ? 3 : i]);
        if (i == 0) {
            WAIT_UNTIL(srv_info_int(p, "blocked_clients") == 1);
            EXPECT(p, "(integer) 1", "RPUSH list element");
        }
        send_only(c, "ECHO heard");
        cr_assert_eq(redisGetReply(c, (void **)&r), REDIS_OK);
        cr_assert_str_eq(reply_text(r), "\"heard\"", "%zu", i);
        freeReplyObject(r);
    }
    redisFree(c);
    srv_free(p);
}

/* For the requests behind CLIENT KILL in the same turn the connection is gone. */
Test(clients, who_was_killed_is_no_more) {
    struct srv *p = srv_start(TANDEM, "%s", "");
    redisContext *subscriber = srv_connect(p), *waiter = srv_connect(p), *other = srv_connect(p);
    char kill[64], unblock[64], list[64];
    snprintf(kill, sizeof kill, "%s", kill_of(subscriber));
    ask(subscriber, "SUBSCRIBE channel");
    cr_assert_str_eq(ask_together(other, (const char *[]){kill, "PUBLISH channel message"}, 2),
                     "(integer) 0");
    snprintf(kill, sizeof kill, "%s", kill_of(waiter));
    int id = atoi(kill + strlen("CLIENT KILL ID "));
    snprintf(unblock, sizeof unblock, "CLIENT UNBLOCK %d", id);
    snprintf(list, sizeof list, "CLIENT LIST ID %d", id);
    send_only(waiter, "BLPOP list 0");
    WAIT_UNTIL(srv_info_int(p, "blocked_clients") == 1);
    cr_assert_not_null(strstr(ask(other, list), "cmd=blpop"));
    cr_assert_str_eq(ask_together(other, (const char *[]){kill, list, unblock}, 3), "(integer) 0");
    redisFree(subscriber);
    redisFree(waiter);
    redisFree(other);
    srv_free(p);
}

Test(clients, neither_replicas_nor_masters_are_told_of_when_killed) {
    struct srv *p = srv_start(TANDEM, "%s", ""), *r = srv_start(TANDEM, "%s", "");
    srv_replicate(r, p);
    redisContext *c = srv_connect(p), *d = srv_connect(r);
    const char *role = ask_together(c, (const char *[]){"CLIENT KILL TYPE replica", "ROLE"}, 2);
    cr_assert(strncmp(role, "[\"master\", ", 11) == 0 && strstr(role, ", []]"), "%s", role);
    WAIT_UNTIL(srv_link_up(r)); /* it comes back */
    role = ask_together(d, (const char *[]){"CLIENT KILL TYPE master", "ROLE"}, 2);
    cr_assert_not_null(strstr(role, "\"connect\""), "%s", role);
    srv_wait_synced(r, p);
    redisFree(c);
    redisFree(d);
    srv_free(r);
    srv_free(p);
}

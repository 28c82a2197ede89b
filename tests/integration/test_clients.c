/* What clients do to each other: pauses, kills, silence. Several connections to one live server. */
#include "support/scenarios.h"

#include <criterion/criterion.h>
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

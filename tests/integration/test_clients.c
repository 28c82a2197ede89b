/* What clients do to each other: pauses, kills, silence. Several connections to one live server. */
#include "support/server.h"

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
    EXPECT(p, "OK", "SET e 1 PX 100");
    EXPECT(p, "OK", "CLIENT PAUSE 60000 WRITE");
    usleep(200000);
    EXPECT(p, "(nil)", "GET e");
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

/* Users at work, beside the real redis-server: transactions and waiting clients, connections that are hung up on, files that
 * either server wrote and the other reads, starts that fail, and a replica that may do nothing but replicate. */
#include "support/descriptions.h"
#include "support/pair.h"
#include "support/room.h"
#include "support/session.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- scenes --- */

Test(acl_live, permissions_are_looked_at_again_by_exec) {
    PLAY("0: ACL SETUSER u on nopass +@all ~a* %R~r* &a*", "1: AUTH u x", "1: MULTI", "1: SET a1 1",
         "1: GET r1", "1: PUBLISH a1 x", "0: ACL SETUSER u -set", "1: EXEC", "1: MULTI", "1: GET r1",
         "1: GET a1", "0: ACL SETUSER u resetkeys ~a*", "1: EXEC", "1: MULTI", "1: PUBLISH a1 x", "1: ECHO x",
         "0: ACL SETUSER u resetchannels", "1: EXEC", "1: MULTI", "1: SET a1 1", "1: GET a1", "1: EXEC",
         "1: MULTI", "1: GET b1", "1: DISCARD", "0: ACL SETUSER u -multi", "1: MULTI", "1: EXEC",
         "0: ACL SETUSER u +multi -exec", "1: MULTI", "1: PING", "1: EXEC", "1: PING", "0: INFO errorstats");
}

Test(acl_live, a_transaction_may_change_its_own_permissions) {
    PLAY("0: ACL SETUSER u on nopass +@all ~*", "1: AUTH u x", "1: MULTI", "1: SET a 1",
         "1: ACL SETUSER u -set", "1: SET a 2", "1: GET a", "1: EXEC", "1: MULTI", "1: AUTH default x",
         "1: SET a 3", "1: ACL WHOAMI", "1: EXEC", "1: AUTH nobody x", "1: MULTI", "1: AUTH nobody x",
         "1: EXEC");
}

Test(acl_live, who_waits_gets_what_it_was_allowed_to_wait_for) {
    PLAY("0: ACL SETUSER u on nopass +@all ~a*", "1: AUTH u x", "1: BLPOP b 0", "1: BLPOP a1 b 0",
         "1: BLPOP a1 a2 0", "0: ACL SETUSER u -blpop resetkeys", "0: RPUSH a2 x y", "1: BLPOP a2 0",
         "0: LRANGE a2 0 -1");
}

Test(acl_live, sort_by_and_get_need_all_keys) {
    PLAY("0: RPUSH a1 1 2 3", "0: MSET w1 3 w2 2 w3 1", "0: ACL SETUSER u on nopass +@all ~a*", "1: AUTH u x",
         "1: SORT a1 BY w*", "1: SORT a1 BY nosort", "1: SORT a1 GET #", "1: SORT_RO a1 GET w*",
         "1: SORT a1 STORE w9", "1: SORT a1 BY w* LIMIT x", "0: ACL SETUSER u %R~*",
         "1: SORT a1 BY w* GET # GET w*", "1: SORT a1 STORE w9",
         "0: ACL SETUSER u resetkeys ~a* (+sort %R~*)", "1: SORT a1 BY w*", "1: SORT_RO a1 BY w*",
         "0: ACL SETUSER u clearselectors (+sort_ro allkeys)", "1: SORT a1 BY w*", "1: SORT_RO a1 BY w*");
}

Test(acl_live, first_arguments_and_databases) {
    PLAY("0: ACL SETUSER u on nopass +@read +set +select|1 ~*", "1: AUTH u x", "1: SELECT 0", "1: SELECT 1",
         "1: SET a 1", "1: SELECT 01", "0: ACL SETUSER u -select", "1: SELECT 1", "1: GET a", "0: GET a",
         "1: MOVE a 0");
}

Test(acl_live, clients_by_user) {
    PLAY("0: ACL SETUSER u on nopass +@all ~*", "1: AUTH u x", "2: AUTH u x", "2: ACL WHOAMI",
         "0: CLIENT KILL USER nobody", "0: CLIENT KILL USER u SKIPME maybe", "0: CLIENT KILL ID %0 USER u",
         "1: CLIENT KILL USER u ID 99999", "1: RESET", "1: ACL WHOAMI");
}

/* --- replies as bytes --- */

Test(acl_live, replies_of_both_protocols) {
    struct pair p = pair_start("");
    SESSION(p.ours, p.real, "users", "ACL SETUSER u on nopass +get ~a %R~b &c (+set ~x)", "ACL GETUSER u",
            "ACL USERS", "ACL WHOAMI", "ACL GETUSER nobody", "HELLO 3", "ACL GETUSER u", "ACL USERS",
            "ACL LIST", "ACL GETUSER nobody", "ACL LOG", "ACL LOG 0", "ACL LOG -1", "ACL LOG x",
            "ACL LOG RESET", "ACL LOG 1 2", "ACL DELUSER u nobody");
    SESSION(p.ours, p.real, "errors", "ACL", "ACL FOO", "ACL GETUSER", "ACL GENPASS 0", "ACL GENPASS 4097",
            "ACL GENPASS x", "ACL GENPASS 1 2", "ACL CAT nosuch", "ACL CAT a b", "ACL DELUSER a default",
            "ACL DRYRUN default", "ACL LOAD", "ACL DRYRUN nobody get a", "ACL DRYRUN default nosuch",
            "ACL DRYRUN default get", "ACL DRYRUN default get a", "ACL DRYRUN default config nosuch",
            "ACL SAVE", "ACL SETUSER \"a b\"", "ACL SETUSER", "HELLO 3 AUTH nobody x",
            "HELLO 2 AUTH default x SETNAME me", "ACL SETUSER v on >p +@all ~*", "HELLO 3 AUTH v p",
            "ACL WHOAMI", "HELLO 2 AUTH v x SETNAME \"a b\"", "HELLO 2 SETNAME \"a b\" AUTH v x",
            "HELLO 2 SETNAME me FOO", "CLIENT GETNAME", "HELLO 2 AUTH default x FOO", "ACL WHOAMI", "HELLO 4",
            "HELLO x", "HELLO 3 AUTH v", "HELLO 2 SETNAME a SETNAME b", "CLIENT GETNAME");
    pair_free(&p);
}

Test(acl_live, passwords_of_the_default_user) {
    struct pair p = pair_start("");
    SESSION(p.ours, p.real, "requirepass", "CONFIG SET requirepass foo", "ACL GETUSER default", "RESET",
            "PING", "AUTH bar", "AUTH foo", "PING", "ACL SETUSER default >bar", "AUTH bar",
            "CONFIG GET requirepass", "RESET", "HELLO 3", "AUTH bar", "ACL SETUSER default nopass", "RESET",
            "AUTH foo", "AUTH default foo", "AUTH a b c", "AUTH", "CONFIG SET requirepass x",
            "CONFIG SET requirepass \"\"", "ACL LIST");
    SESSION(p.ours, p.real, "off", "ACL SETUSER admin on nopass +@all ~* &*", "AUTH admin x",
            "ACL SETUSER default off", "RESET", "ECHO x", "AUTH foo", "AUTH default foo", "AUTH admin x",
            "ACL SETUSER default on", "RESET", "ECHO x");
    pair_free(&p);
}

/* --- the log --- */

/* Entries without their age and what is told of the client. */
static void forget_details(redisReply *log) {
    for (size_t i = 0; log->type == REDIS_REPLY_ARRAY && i < log->elements; i++) {
        redisReply *e = log->element[i];
        cr_assert(e->type == REDIS_REPLY_ARRAY && e->elements == 14, "%s", reply_text(e));
        for (size_t k = 11; k < 14; k += 2) e->element[k]->len = 0;
    }
}

static sds log_of(struct srv *s) {
    redisContext *c = srv_connect(s);
    redisReply *r = redisCommand(c, "ACL LOG 100");
    forget_details(r);
    sds text = sdsnew(reply_text(r));
    freeReplyObject(r);
    redisFree(c);
    return text;
}

Test(acl_live, refusals_are_logged_alike) {
    static const char *const requests[] = {
        "AUTH nobody x", "AUTH nobody y", "auth u wrong", "HELLO 3 AUTH nobody x",
        "AUTH u p",      "GET b",         "GET b",        "SET a 1",
        "GET c",         "CONFIG GET x",  "PUBLISH z m",  "MULTI",
        "GET b",         "SET a 1",       "EXEC",         "GET b",
        "MGET a b c"};
    struct pair p = pair_start("--acllog-max-len 8");
    PAIR_SAME(&p, "ACL SETUSER u on >p +@all -set -config ~a");
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) pair_same(&p, requests[i]);
    sds ours = log_of(p.ours), real = log_of(p.real);
    cr_assert(strcmp(ours, real) == 0, "ours:  %s\nredis: %s", ours, real);
    cr_assert(strstr(ours, "\"context\", \"multi\""));
    sdsfree(ours);
    sdsfree(real);
    pair_free(&p);
}

/* --- hanging up --- */

static bool hung_up(redisContext *c) {
    redisReply *r = redisCommand(c, "PING");
    bool gone = r == NULL;
    if (r) freeReplyObject(r);
    return gone;
}

static redisContext *connect_as(struct srv *s, const char *user) {
    redisContext *c = srv_connect(s);
    redisReply *r = redisCommand(c, "AUTH %s x", user);
    cr_assert(r && r->type == REDIS_REPLY_STATUS, "%s", r ? reply_text(r) : c->errstr);
    freeReplyObject(r);
    return c;
}

static void expect_reply(redisContext *c, const char *request, const char *expected) {
    redisReply *r = redisCommand(c, request);
    cr_assert(r && strcmp(reply_text(r), expected) == 0, "%s: %s", request, r ? reply_text(r) : c->errstr);
    freeReplyObject(r);
}

static void check_deleted(enum srv_kind kind) {
    struct srv *s = srv_start(kind, "%s", "");
    EXPECT(s, "OK", "ACL SETUSER u on nopass +@all ~* &*");
    EXPECT(s, "OK", "ACL SETUSER v on nopass +@all ~* &*");
    redisContext *u = connect_as(s, "u"), *v = connect_as(s, "v"), *self = connect_as(s, "u");
    EXPECT(s, "OK", "ACL SETUSER u off resetpass -get"); /* who is in stays in */
    expect_reply(u, "PING", "PONG");
    expect_reply(self, "ACL DELUSER u", "(integer) 1");
    cr_assert(hung_up(self));
    cr_assert(hung_up(u));
    cr_assert_not(hung_up(v));
    redisFree(u);
    redisFree(v);
    redisFree(self);
    srv_free(s);
}

Test(acl_live, deleted_users_are_hung_up_on) {
    check_deleted(TANDEM);
    check_deleted(REDIS);
}

static void subscribe(redisContext *c, const char *command, const char *channel) {
    redisReply *r = redisCommand(c, "%s %s", command, channel);
    cr_assert(r && r->type == REDIS_REPLY_ARRAY, "%s", r ? reply_text(r) : c->errstr);
    freeReplyObject(r);
}

static void check_subscribers(enum srv_kind kind) {
    struct srv *s = srv_start(kind, "%s", "");
    EXPECT(s, "OK", "ACL SETUSER u on nopass +@all ~* &a* &b* &c");
    redisContext *a = connect_as(s, "u"), *b = connect_as(s, "u"), *c = connect_as(s, "u"),
                 *none = connect_as(s, "u");
    subscribe(a, "SUBSCRIBE", "a1");
    subscribe(b, "PSUBSCRIBE", "b*");
    subscribe(c, "SSUBSCRIBE", "c");
    expect_reply(
        none, "SUBSCRIBE x",
        "(error) NOPERM this user has no permissions to access one of the channels used as arguments");
    EXPECT(s, "OK", "ACL SETUSER u &d");
    EXPECT(s, "OK", "ACL SETUSER u resetchannels &a1 &b* &c");
    EXPECT(s, "(integer) 1", "PUBSUB NUMPAT");
    cr_assert_not(hung_up(a) || hung_up(b) || hung_up(c));
    EXPECT(s, "OK", "ACL SETUSER u resetchannels &a1 &b1 &c");
    cr_assert(hung_up(b));
    cr_assert_not(hung_up(a) || hung_up(c));
    EXPECT(s, "OK", "ACL SETUSER u resetchannels &c");
    cr_assert(hung_up(a));
    EXPECT(s, "OK", "ACL SETUSER u resetchannels (&d)");
    cr_assert(hung_up(c));
    cr_assert_not(hung_up(none));
    redisFree(a);
    redisFree(b);
    redisFree(c);
    redisFree(none);
    srv_free(s);
}

Test(acl_live, subscribers_whose_channels_are_taken_are_hung_up_on) {
    check_subscribers(TANDEM);
    check_subscribers(REDIS);
}

/* --- files --- */

static void write_file(const char *path, const char *text) {
    FILE *f = fopen(path, "w");
    cr_assert(f, "%s", path);
    fputs(text, f);
    fclose(f);
}

static sds users_of(struct srv *s) {
    redisContext *c = srv_connect(s);
    redisReply *r = redisCommand(c, "ACL LIST");
    sort_descriptions(r);
    sds text = sdsnew(reply_text(r));
    freeReplyObject(r);
    redisFree(c);
    return text;
}

static void expect_same_users(struct srv *a, struct srv *b) {
    sds x = users_of(a), y = users_of(b);
    cr_assert(strcmp(x, y) == 0, "%s\n%s", x, y);
    sdsfree(x);
    sdsfree(y);
}

static void add_users(struct srv *s) {
    EXPECT(s, "OK", "ACL SETUSER worker on >one >two +@list +@connection -lpush ~jobs:* %%R~conf:* &news.*");
    EXPECT(s, "OK",
           "ACL SETUSER reader on nopass +@read -@dangerous +select|0 +config|get allkeys (+set ~x* &*)");
    EXPECT(
        s, "OK",
        "ACL SETUSER admin on #9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 +@all ~* &*");
    EXPECT(s, "OK",
           "ACL SETUSER nolua reset +@all -@scripting -cluster -debug -latency skip-sanitize-payload");
}

static void exchange_acl_files(enum srv_kind writer, enum srv_kind reader) {
    char dir[] = "/tmp/tandem-acl-XXXXXX", path[64];
    cr_assert(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/users.acl", dir);
    write_file(path, "user default on nopass ~* &* +@all\n\nuser old on\n");
    struct srv *a = srv_start(writer, "--aclfile %s", path);
    add_users(a);
    redisContext *old = NULL;
    EXPECT(a, "OK", "ACL SETUSER old nopass +ping");
    EXPECT(a, "OK", "ACL SAVE");
    struct srv *b = srv_start(reader, "--aclfile %s", path);
    expect_same_users(a, b);
    old = connect_as(a, "old");
    EXPECT(b, "OK", "ACL SETUSER worker clearselectors -@connection +del");
    EXPECT(b, "(integer) 1", "ACL DELUSER reader");
    EXPECT(b, "OK", "ACL SAVE");
    EXPECT(a, "OK", "ACL LOAD");
    expect_same_users(a, b);
    cr_assert(hung_up(old));
    write_file(
        path,
        "user default on\nuser x +nosuch -@nosuch ~* ~b bogus\n\nuser x on\nbad\nuser y (+get\nuser  z on\n");
    sds wrong = sdsnew(srv_cmd(a, "ACL LOAD"));
    EXPECT(b, wrong, "ACL LOAD");
    cr_assert(strstr(wrong, "no change to the previously active ACL rules"), "%s", wrong);
    expect_same_users(a, b);
    sdsfree(wrong);
    redisFree(old);
    srv_free(a);
    srv_free(b);
    unlink(path);
    rmdir(dir);
}

Test(acl_live, an_acl_file_of_either_is_read_by_the_other) {
    exchange_acl_files(TANDEM, REDIS);
    exchange_acl_files(REDIS, TANDEM);
}

static void exchange_config_files(enum srv_kind writer, enum srv_kind reader) {
    char dir[] = "/tmp/tandem-acl-XXXXXX", path[64];
    cr_assert(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/a.conf", dir);
    write_file(path,
               "# users\nuser gone on\nuser worker on\nmaxclients 200\nuser default on nopass +@all ~* &*\n");
    struct srv *a = srv_start(writer, "%s", path);
    add_users(a);
    EXPECT(a, "(integer) 1", "ACL DELUSER gone");
    EXPECT(a, "OK", "CONFIG REWRITE");
    struct srv *b = srv_start(reader, "%s", path);
    expect_same_users(a, b);
    srv_free(a);
    srv_free(b);
    unlink(path);
    rmdir(dir);
}

Test(acl_live, users_in_a_rewritten_configuration_are_read_by_the_other) {
    exchange_config_files(TANDEM, REDIS);
    exchange_config_files(REDIS, TANDEM);
}

static void expect_no_start(const char *words, const char *why) {
    for (int kind = TANDEM; kind <= REDIS; kind++) {
        int code;
        char text[8192], args[400];
        snprintf(args, sizeof args, "--port %d %s", free_port(), words);
        cr_assert(srv_start_fails((enum srv_kind)kind, args, &code, text, sizeof text), "%s", args);
        cr_assert(strstr(text, why), "%s: %s", args, text);
        cr_assert_eq(code, 1);
    }
}

Test(acl_live, wrong_users_do_not_start) {
    expect_no_start(
        "--user a on +nosuch",
        "Error loading ACL rule '+nosuch' for the user named 'a': Unknown command or category name in ACL");
    expect_no_start("--user a on +nosuch", "Critical error while loading ACLs. Exiting.");
    expect_no_start("--user a on bogus", "': Syntax error");
    expect_no_start("--user a on --user a off",
                    "Error in user declaration 'a': Duplicate user found. A user can only be defined once in "
                    "config files");
    expect_no_start("--user a on --aclfile /nonexistent",
                    "please define either an ACL file or declare users");
    expect_no_start(
        "--aclfile /nonexistent/x",
        "Aborting Redis startup because of ACL errors: Error loading ACLs, opening file '/nonexistent/x': No "
        "such file or directory");
}

/* --- replication --- */

static void check_replication(enum srv_kind primary, enum srv_kind replica) {
    struct srv *p = srv_start(primary, "%s", ""),
               *r = srv_start(replica, "--masteruser repl --masterauth secret");
    EXPECT(p, "OK", "ACL SETUSER repl on >secret +psync +replconf +ping");
    EXPECT(p, "OK", "SET a 1");
    srv_replicate(r, p);
    cr_assert(strstr(srv_cmd(p, "CLIENT LIST TYPE replica"), " user=repl "));
    cr_assert(strstr(srv_cmd(r, "CLIENT LIST TYPE master"), " user=(superuser) "));
    EXPECT(p, "OK", "SET b 2");
    srv_wait_synced(r, p);
    EXPECT(r, "\"2\"", "GET b");
    EXPECT(p, "[]", "ACL LOG");
    EXPECT(p, "(integer) 1", "ACL DELUSER repl"); /* the link is cut, and comes back when it may */
    WAIT_UNTIL(strstr(srv_cmd(p, "ACL LOG"), "\"auth\"") != NULL);
    EXPECT(p, "OK", "SET c 3");
    EXPECT(p, "OK", "ACL SETUSER repl on >secret +psync +replconf +ping");
    srv_wait_synced(r, p);
    EXPECT(r, "\"3\"", "GET c");
    srv_free(p);
    srv_free(r);
}

Test(acl_live, a_replica_needs_no_more_than_its_own_commands) {
    check_replication(TANDEM, TANDEM);
    check_replication(TANDEM, REDIS);
    check_replication(REDIS, TANDEM);
}

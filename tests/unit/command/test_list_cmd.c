/* List commands: what enters the log (as a raw replica of redis-server 7.0.15 receives it), waiting, and events. Replies
 * and data are compared with the real one in tests/peer. */
#include "fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include "command/blocking.h"
#include "command/dispatch.h"
#include "command/propagate.h"

TestSuite(list_cmd, .init = command_setup, .fini = command_teardown);

static void expect_log(const char *want) {
    const char *got = logged();
    cr_assert_str_eq(got, want, "got: %s", got);
}

/* A client that may wait. */
static struct client *waiter(void) {
    struct client *c = new_client();
    c->flags &= ~(uint32_t)CLIENT_FAKE;
    return c;
}

static void wait_with(struct client *c, const char *line) {
    expect(c, line, "");
    cr_assert(c->flags & CLIENT_BLOCKED, "%s", line);
}

/* The reply that came while it waited. */
static void expect_served(struct client *c, const char *reply) {
    struct iovec iov;
    cr_assert_not(c->flags & CLIENT_BLOCKED);
    int n = reply_iov(&c->out, &iov, 1);
    cr_assert(n == 1 && iov.iov_len == strlen(reply) && memcmp(iov.iov_base, reply, iov.iov_len) == 0,
              "got: %.*s", n ? (int)iov.iov_len : 0, n ? (char *)iov.iov_base : "");
    reply_consume(&c->out, iov.iov_len);
}

Test(list_cmd, pops_of_many_leave_as_counts) {
    struct client *c = new_client();
    ask(c, "rpush a 1 2 3 4 5");
    expect_log("SELECT 0; rpush a 1 2 3 4 5");
    ask(c, "lmpop 2 nokey a left count 2");
    expect_log("LPOP a 2");
    ask(c, "blmpop 0 1 a right count 100");
    expect_log("RPOP a 3");
    ask(c, "lmpop 1 a left");
    ask(c, "lpop a");
    ask(c, "lrem a 0 x");
    ask(c, "ltrim a 0 -1");
    expect_log("");
}

Test(list_cmd, waiting_commands_leave_as_their_sisters) {
    struct client *c = new_client();
    ask(c, "rpush a 1 2 3 4 5");
    logged();
    ask(c, "blpop nokey a 0");
    ask(c, "brpop a 0");
    ask(c, "blmove a b left right 0");
    ask(c, "brpoplpush a b 0");
    expect_log("LPOP a; RPOP a; LMOVE a b left right; RPOPLPUSH a b");
    ask(c, "set s x");
    logged();
    ask(c, "blmove a s left left 0");
    ask(c, "blpop nokey 0"); /* fake clients never wait */
    expect_log("");
}

Test(list_cmd, effects_of_serving_follow_the_cause) {
    struct client *c = new_client(), *one = waiter(), *two = waiter(), *three = waiter();
    wait_with(one, "blmove a b left right 0");
    wait_with(two, "blmpop 0 2 x b left count 7");
    wait_with(three, "brpop c a 0");
    ask(c, "multi");
    ask(c, "rpush a 1");
    ask(c, "rpush a 2 3");
    expect(c, "exec", "*2\r\n:1\r\n:3\r\n");
    expect_served(one, "$1\r\n1\r\n");
    expect_served(two, "*2\r\n$1\r\nb\r\n*1\r\n$1\r\n1\r\n");
    expect_served(three, "*2\r\n$1\r\na\r\n$1\r\n3\r\n");
    expect_log("MULTI; SELECT 0; rpush a 1; rpush a 2 3; EXEC; LMOVE a b left right; RPOP a; LPOP b 1");
    cr_assert(one->write_offset > 0);
}

Test(list_cmd, a_wait_for_a_key_in_another_database) {
    struct client *c = new_client(), *other = waiter();
    ask(other, "select 3");
    wait_with(other, "brpoplpush k k2 0");
    ask(c, "rpush k 1");
    cr_assert(other->flags & CLIENT_BLOCKED);
    logged();
    ask(c, "move k 3");
    expect_served(other, "$1\r\n1\r\n");
    expect_log("move k 3; SELECT 3; RPOPLPUSH k k2");
}

Test(list_cmd, a_wait_ends_by_time) {
    struct client *c = waiter();
    wait_with(c, "blpop k 0.01");
    pass_ms(20);
    ev_turn(0);
    cr_assert_not(c->flags & CLIENT_BLOCKED);
}

Test(list_cmd, canceled_waits_leave_nothing_behind) {
    struct client *c = new_client(), *one = waiter();
    wait_with(one, "blmove k l left left 0");
    cr_assert(block_cancel(one, false));
    expect_served(one, "*-1\r\n");
    wait_with(one, "blpop k k l 0");
    cr_assert(block_cancel(one, true));
    expect_served(one, "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
    cr_assert_not(block_cancel(one, true));
    expect(c, "rpush k 1", ":1\r\n");
    expect(c, "llen k", ":1\r\n");
}

/* --- events, in the order in which redis-server 7.0.15 publishes them --- */

static char events[1024];

static void note(enum ks_notify_class cls, const char *event, slice key, int dbid) {
    size_t n = strlen(events);
    (void)dbid;
    cr_assert(cls == (strcmp(event, "del") == 0 ? NOTIFY_GENERIC : NOTIFY_LIST), "%s", event);
    snprintf(events + n, sizeof events - n, "%s%s:%.*s", n ? " " : "", event, (int)key.n, key.p);
}

static void expect_events(struct client *c, const char *line, const char *want) {
    events[0] = '\0';
    ask(c, line);
    cr_assert_str_eq(events, want, "%s: %s", line, events);
}

Test(list_cmd, notifies) {
    static const struct ks_hooks hooks = {.modified = blocking_key_modified, .notify = note};
    struct client *c = new_client(), *one = waiter(), *two = waiter();
    ks_set_hooks(&hooks);
    ks_config.notify_events = NOTIFY_ALL;
    expect_events(c, "rpush a 1 2 3", "rpush:a");
    expect_events(c, "lpush a 0", "lpush:a");
    expect_events(c, "lpushx nokey 0", "");
    expect_events(c, "lpop a", "lpop:a");
    expect_events(c, "lmove a b left right", "rpush:b lpop:a");
    expect_events(c, "lmove b b left left", "lpush:b lpop:b");
    expect_events(c, "rpoplpush a b", "lpush:b rpop:a");
    expect_events(c, "lset b 0 x", "lset:b");
    expect_events(c, "linsert b before x y", "linsert:b");
    expect_events(c, "linsert b before nothing y", "");
    expect_events(c, "lrem b 0 nothing", "");
    expect_events(c, "lrem b 1 x", "lrem:b");
    expect_events(c, "ltrim b 0 -1", "ltrim:b");
    expect_events(c, "ltrim b 1 0", "ltrim:b del:b");
    expect_events(c, "lmove a b right left", "lpush:b rpop:a del:a");
    expect_events(c, "lmpop 1 b left count 5", "lpop:b del:b");
    ask(c, "rpush c 1 1");
    expect_events(c, "lrem c 0 1", "lrem:c del:c");
    ask(c, "rpush c 1");
    expect_events(c, "blmove c d left right 0", "rpush:d lpop:c del:c");
    ask(c, "del d");
    wait_with(one, "blmove s d left right 0");
    wait_with(two, "brpop d 0");
    expect_events(c, "rpush s v", "rpush:s rpush:d lpop:s del:s rpop:d del:d");
}

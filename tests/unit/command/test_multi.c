/* MULTI, EXEC, DISCARD, WATCH, UNWATCH. */
#include "fixture.h"

#include <criterion/criterion.h>

#define ABORTED "-EXECABORT Transaction discarded because of previous errors.\r\n"

TestSuite(multi, .init = command_setup, .fini = command_teardown);
TestSuite(watch, .init = command_setup, .fini = command_teardown);

static void exec_gives(struct client *c, const char *reply) {
    expect(c, "multi", "+OK\r\n");
    expect(c, "ping", "+QUEUED\r\n");
    expect(c, "exec", reply);
}
static void exec_succeeds(struct client *c) {
    exec_gives(c, "*1\r\n+PONG\r\n");
}
static void exec_fails(struct client *c) {
    exec_gives(c, "*-1\r\n");
}

Test(multi, queues_then_runs) {
    struct client *c = new_client(), *other = new_client();
    expect(c, "multi", "+OK\r\n");
    expect(c, "set a 1", "+QUEUED\r\n");
    expect(c, "incr a", "+QUEUED\r\n");
    expect(c, "get a", "+QUEUED\r\n");
    expect(other, "get a", "$-1\r\n");
    expect(c, "exec", "*3\r\n+OK\r\n:2\r\n$1\r\n2\r\n");
    cr_assert_null(c->txn);
    expect(c, "exec", "-ERR EXEC without MULTI\r\n");
}

Test(multi, empty_and_nested) {
    struct client *c = new_client();
    expect(c, "multi", "+OK\r\n");
    expect(c, "multi", "-ERR MULTI calls can not be nested\r\n");
    expect(c, "watch a", "-ERR WATCH inside MULTI is not allowed\r\n");
    expect(c, "exec", "*0\r\n");
}

Test(multi, a_failing_command_does_not_stop_the_others) {
    struct client *c = new_client();
    expect(c, "multi", "+OK\r\n");
    expect(c, "set a x", "+QUEUED\r\n");
    expect(c, "incr a", "+QUEUED\r\n");
    expect(c, "set b 1", "+QUEUED\r\n");
    expect(c, "exec", "*3\r\n+OK\r\n-ERR value is not an integer or out of range\r\n+OK\r\n");
}

Test(multi, a_refused_command_aborts) {
    struct client *c = new_client();
    static const char *const refused[] = {"nosuch", "get", "config nosuch x", "save", "shutdown"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        expect(c, "multi", "+OK\r\n");
        cr_assert_eq(ask(c, refused[i])[0], '-');
        expect(c, "set a 1", "+QUEUED\r\n");
        expect(c, "exec", ABORTED);
        cr_assert_null(c->txn);
    }
    expect(c, "get a", "$-1\r\n");
}

Test(multi, discard_drops_queue_and_watches) {
    struct client *c = new_client();
    expect(c, "watch a", "+OK\r\n");
    expect(c, "multi", "+OK\r\n");
    expect(c, "set b 1", "+QUEUED\r\n");
    expect(c, "discard", "+OK\r\n");
    expect(c, "discard", "-ERR DISCARD without MULTI\r\n");
    expect(c, "set a 1", "+OK\r\n");
    exec_succeeds(c);
    expect(c, "get b", "$-1\r\n");
}

Test(multi, reset_ends_it) {
    struct client *c = new_client();
    expect(c, "watch a", "+OK\r\n");
    expect(c, "multi", "+OK\r\n");
    expect(c, "reset", "+RESET\r\n");
    expect(c, "exec", "-ERR EXEC without MULTI\r\n");
    cr_assert_null(c->txn);
}

Test(multi, arguments_survive_binary_and_empty) {
    struct client *c = new_client();
    expect(c, "multi", "+OK\r\n");
    expect(c, "set \"\" \"a\\r\\n\\x00b\"", "+QUEUED\r\n");
    expect(c, "strlen \"\"", "+QUEUED\r\n");
    expect(c, "exec", "*2\r\n+OK\r\n:5\r\n");
}

Test(watch, a_change_by_anybody_fails_exec_once) {
    struct client *c = new_client(), *other = new_client();
    expect(c, "watch a b", "+OK\r\n");
    expect(other, "set b 1", "+OK\r\n");
    exec_fails(c);
    exec_succeeds(c);
    expect(c, "watch a", "+OK\r\n");
    expect(c, "set a 1", "+OK\r\n");
    exec_fails(c);
}

Test(watch, other_keys_databases_and_reads_don_t_matter) {
    struct client *c = new_client(), *other = new_client();
    expect(c, "watch a", "+OK\r\n");
    expect(other, "set b 1", "+OK\r\n");
    expect(other, "get a", "$-1\r\n");
    expect(other, "del a", ":0\r\n");
    expect(other, "select 1", "+OK\r\n");
    expect(other, "set a 1", "+OK\r\n");
    exec_succeeds(c);
}

Test(watch, many_watchers_of_one_key) {
    struct client *c[3], *other = new_client();
    for (int i = 0; i < 3; i++) {
        c[i] = new_client();
        expect(c[i], "watch k k x", "+OK\r\n");
    }
    expect(c[1], "unwatch", "+OK\r\n");
    expect(other, "set k 1", "+OK\r\n");
    exec_fails(c[0]);
    exec_succeeds(c[1]);
    exec_fails(c[2]);
}

Test(watch, unwatch_forgives) {
    struct client *c = new_client();
    expect(c, "watch a", "+OK\r\n");
    expect(c, "set a 1", "+OK\r\n");
    expect(c, "unwatch", "+OK\r\n");
    exec_succeeds(c);
}

Test(watch, a_key_that_expires_after_watch_changed) {
    struct client *c = new_client();
    expect(c, "set a 1 px 5", "+OK\r\n");
    expect(c, "watch a", "+OK\r\n");
    pass_ms(10);
    exec_fails(c);
}

Test(watch, a_key_that_had_expired_before_did_not) {
    struct client *c = new_client(), *other = new_client();
    expect(c, "set a 1 px 5", "+OK\r\n");
    pass_ms(10);
    expect(c, "watch a", "+OK\r\n");
    expect(other, "get a", "$-1\r\n"); /* deletes it */
    exec_succeeds(c);
}

/* As with Redis, where such a key is there until somebody looks. */
Test(watch, a_key_that_is_set_with_a_time_in_the_past_changed) {
    struct client *c = new_client(), *other = new_client();
    expect(c, "watch a", "+OK\r\n");
    expect(other, "set a 1 pxat 5", "+OK\r\n");
    exec_fails(c);
    expect(other, "set a 1 pxat 5", "+OK\r\n");
    expect(c, "watch a", "+OK\r\n");
    expect(other, "del a", ":0\r\n");
    exec_succeeds(c);
}

Test(watch, a_flush_changes_only_what_was_there) {
    struct client *c = new_client(), *other = new_client();
    expect(c, "set a 1", "+OK\r\n");
    expect(c, "watch a", "+OK\r\n");
    expect(other, "watch nokey", "+OK\r\n");
    ask(c, "flushall");
    exec_fails(c);
    exec_succeeds(other);
    expect(c, "set a 1", "+OK\r\n");
    expect(c, "watch a", "+OK\r\n");
    expect(other, "select 1", "+OK\r\n");
    expect(other, "flushdb", "+OK\r\n");
    exec_succeeds(c);
}

Test(watch, a_swap_changes_what_either_database_has) {
    struct client *c = new_client(), *other = new_client(), *third = new_client();
    expect(c, "set a 1", "+OK\r\n");
    expect(c, "watch a", "+OK\r\n");
    expect(other, "select 1", "+OK\r\n");
    expect(other, "watch a", "+OK\r\n");
    expect(third, "select 1", "+OK\r\n");
    expect(third, "watch b", "+OK\r\n");
    expect(third, "swapdb 0 1", "+OK\r\n");
    exec_fails(c);
    exec_fails(other);
    exec_succeeds(third);
}

Test(watch, a_client_that_goes_leaves_nothing) {
    struct client *c = new_client(), *other = new_client();
    expect(c, "watch a b", "+OK\r\n");
    expect(c, "multi", "+OK\r\n");
    expect(c, "set a 1", "+QUEUED\r\n");
    dispatch_closed(c);
    cr_assert_null(c->txn);
    expect(other, "set a 1", "+OK\r\n");
}

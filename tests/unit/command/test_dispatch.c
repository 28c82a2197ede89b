/* Dispatch and its gate: who may run what, and what is counted. */
#include "fixture.h"

#include "command/access.h"

#include <criterion/criterion.h>
#include "base/sds.h"
#include "rdb/rdb.h"
#include "repl/repl.h"
#include "server/config.h"
#include "server/info.h"
#include "server/server.h"

#define READONLY "READONLY You can't write against a read only replica."

TestSuite(dispatch, .init = command_setup, .fini = command_teardown);

Test(dispatch, unknown_command_names_its_arguments) {
    struct client *c = new_client();
    expect(c, "nosuch", "-ERR unknown command 'nosuch', with args beginning with: \r\n");
    expect(c, "nosuch 'a b' c", "-ERR unknown command 'nosuch', with args beginning with: 'a b' 'c' \r\n");
}

Test(dispatch, arguments_of_an_unknown_command_are_cut) {
    struct client *c = new_client();
    char line[400] = "x ", shown[200] = "";
    memset(line + 2, 'a', 300);
    line[302] = '\0';
    memset(shown, 'a', 128);
    sds want = sds_cat_printf(sds_empty(), "-ERR unknown command 'x', with args beginning with: '%s' \r\n",
                              shown);
    expect(c, line, want);
    sds_free(want);
}

Test(dispatch, arity_is_checked_before_the_handler) {
    struct client *c = new_client();
    expect(c, "GET", "-ERR wrong number of arguments for 'get' command\r\n");
    expect(c, "get a b", "-ERR wrong number of arguments for 'get' command\r\n");
    expect(c, "config get", "-ERR wrong number of arguments for 'config|get' command\r\n");
    expect(c, "config", "-ERR wrong number of arguments for 'config' command\r\n");
    expect(c, "config nosuch x", "-ERR unknown subcommand 'nosuch'. Try CONFIG HELP.\r\n");
}

Test(dispatch, http_is_hung_up_on) {
    struct client *c = new_client();
    expect(c, "POST / HTTP/1.1", "");
    cr_assert(c->flags & CLIENT_CLOSE_ASAP);
}

Test(dispatch, without_password_nothing_but_the_door) {
    struct client *c = new_client();
    expect(c, "config set requirepass secret", "+OK\r\n");
    access_begin(c);
    expect(c, "get a", "-NOAUTH Authentication required.\r\n");
    expect(c, "nosuch", "-ERR unknown command 'nosuch', with args beginning with: \r\n");
    expect(c, "exec", "-EXECABORT Transaction discarded because of: NOAUTH Authentication required.\r\n");
    expect(c, "auth wrong", "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    expect(c, "auth nobody secret", "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    expect(c, "auth secret", "+OK\r\n");
    expect(c, "get a", "$-1\r\n");
    expect(c, "reset", "+RESET\r\n");
    cr_assert_not(c->authenticated);
    cr_assert_eq(strncmp(ask(c, "hello 3"), "-NOAUTH HELLO must", 18), 0);
    cr_assert_eq(strncmp(ask(c, "hello 3 auth default secret"), "%7\r\n", 4), 0);
}

Test(dispatch, a_replica_refuses_writes_but_not_its_master) {
    struct client *c = new_client(), *master = new_client();
    master->flags |= CLIENT_MASTER;
    repl_replicaof("127.0.0.1", 1);
    expect(c, "set a 1", "-" READONLY "\r\n");
    expect(c, "get a", "$-1\r\n");
    expect(c, "ping", "+PONG\r\n");
    expect(master, "set a 1", "+OK\r\n");
    expect(c, "get a", "$1\r\n1\r\n");
    repl_config.replica_read_only = false;
    expect(c, "set a 2", "+OK\r\n");
    cr_assert_str_empty(logged(), "a replica writes nothing of its own to the log");
}

Test(dispatch, a_replica_without_link_may_refuse_reads) {
    struct client *c = new_client();
    repl_replicaof("127.0.0.1", 1);
    repl_config.replica_serve_stale_data = false;
    const char
        *down = "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n";
    expect(c, "get a", down);
    expect(c, "set a 1", "-" READONLY "\r\n");
    cr_assert_eq(ask(c, "info replication")[0], '$');
    expect(c, "psync ? -1", "-NOMASTERLINK Can't SYNC while not connected with my master\r\n");
    expect(c, "sync", down);
    expect(c, "multi", "+OK\r\n");
    expect(c, "get a", down);
    expect(c, "exec", "-EXECABORT Transaction discarded because of previous errors.\r\n");
}

Test(dispatch, exec_is_judged_by_its_queue) {
    struct client *c = new_client();
    expect(c, "multi", "+OK\r\n");
    expect(c, "set a 1", "+QUEUED\r\n");
    repl_replicaof("127.0.0.1", 1);
    expect(c, "exec", "-EXECABORT Transaction discarded because of: " READONLY "\r\n");
    expect(c, "exec", "-ERR EXEC without MULTI\r\n");
}

Test(dispatch, loading_answers_few) {
    struct client *c = new_client();
    rdb_loading.active = true;
    expect(c, "get a", "-LOADING Redis is loading the dataset in memory\r\n");
    cr_assert_eq(ask(c, "info server")[0], '$');
    rdb_loading.active = false;
    expect(c, "get a", "$-1\r\n");
}

Test(dispatch, a_failed_snapshot_stops_writes) {
    struct client *c = new_client();
    expect(c, "config set save '60 1'", "+OK\r\n");
    rdb_config.stop_writes_on_error = true;
    snapshot_state.last_ok = false;
    cr_assert_eq(strncmp(ask(c, "set a 1"), "-MISCONF Redis is configured to save RDB snapshots", 50), 0);
    cr_assert_eq(strncmp(ask(c, "ping"), "-MISCONF ", 9), 0);
    expect(c, "get a", "$-1\r\n");
    expect(c, "config set save ''", "+OK\r\n");
    expect(c, "set a 1", "+OK\r\n");
}

Test(dispatch, too_few_good_replicas_stop_writes) {
    struct client *c = new_client();
    repl_config.min_replicas_to_write = 1;
    repl_config.min_replicas_max_lag_s = 10;
    expect(c, "set a 1", "-NOREPLICAS Not enough good replicas to write.\r\n");
    expect(c, "get a", "$-1\r\n");
    repl_config.min_replicas_max_lag_s = 0;
    expect(c, "set a 1", "+OK\r\n");
}

Test(dispatch, debug_needs_permission) {
    struct client *c = new_client();
    server_config.enable_debug_command = PROTECTED_NO;
    cr_assert_eq(strncmp(ask(c, "debug sleep 0"), "-ERR DEBUG command not allowed. ", 32), 0);
    server_config.enable_debug_command = PROTECTED_YES;
    expect(c, "debug sleep 0", "+OK\r\n");
    expect(c, "debug sleep",
           "-ERR unknown subcommand or wrong number of arguments for 'sleep'. Try DEBUG HELP.\r\n");
}

Test(dispatch, counts_calls_failures_and_refusals) {
    struct client *c = new_client();
    const struct command_stats *incr = &command_lookup(SLICE("incr"))->stats;
    ask(c, "set s x");
    ask(c, "incr n");
    ask(c, "incr s");
    ask(c, "incr");
    cr_assert_eq(incr->calls, 2);
    cr_assert_eq(incr->failed, 1);
    cr_assert_eq(incr->rejected, 1);
    cr_assert_gt(incr->ticks, 0);
    cr_assert_eq(server_stats.total_error_replies, 2);
    ask(c, "nosuch");
    ask(c, "auth x y");
    slice section = SLICE("errorstats");
    sds info = info_build(&section, 1);
    cr_assert(strstr(info, "errorstat_ERR:count=3\r\nerrorstat_WRONGPASS:count=1\r\n"), "%s", info);
    command_stats_reset();
    cr_assert_eq(incr->calls, 0);
    sds_free(info);
}

Test(dispatch, prepare_handles_groups_with_and_without_keys) {
    struct client *c = new_client();
    static const slice argvs[4][2] = {{{"get", 3}, {"a", 1}}, {{"ping", 4}}, {{"nosuch", 6}}, {{"get", 3}}};
    static const int argcs[4] = {2, 1, 1, 1};
    struct request reqs[4];
    for (int i = 0; i < 4; i++) reqs[i] = (struct request){.c = c, .argv = argvs[i], .argc = argcs[i]};
    dispatch_prepare(reqs, 4);
    cr_assert_eq(reqs[0].command, command_lookup(SLICE("get")));
    cr_assert_null(reqs[2].command);
    cr_assert_eq(reqs[3].command, command_lookup(SLICE("get")));
}

Test(dispatch, pause_holds_writes_back) {
    struct client *c = new_client(), *other = new_client();
    expect(c, "client pause 10000 write", "+OK\r\n");
    expect(other, "set a 1", "");
    cr_assert(other->flags & CLIENT_BLOCKED);
    expect(c, "get a", "$-1\r\n");
}

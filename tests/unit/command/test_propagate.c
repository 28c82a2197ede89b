/* What enters the log. The expectations are what a raw replica of redis-server 7.0.15 receives, but for
 * the letter case of commands that were rewritten. */
#include "fixture.h"

#include <criterion/criterion.h>
#include "base/sds.h"
#include "rdb/rdb.h"
#include "repl/repl.h"

TestSuite(propagate, .init = command_setup, .fini = command_teardown);

static void expect_log(const char *want) {
    const char *got = logged();
    cr_assert_str_eq(got, want, "got: %s", got);
}

Test(propagate, a_write_goes_verbatim_a_read_does_not) {
    struct client *c = new_client();
    ask(c, "SeT a 1");
    expect_log("SELECT 0; SeT a 1");
    ask(c, "get a");
    ask(c, "del nokey");
    ask(c, "set a 1 nx");
    ask(c, "incr");
    expect_log("");
    ask_inline(c, "set b 2");
    expect_log("set b 2");
    ask(c, "select 3");
    ask(c, "set c 3");
    expect_log("SELECT 3; set c 3");
}

Test(propagate, a_transaction_is_wrapped_when_it_wrote_more_than_once) {
    struct client *c = new_client();
    ask(c, "set z 0");
    logged();
    static const char *const one[] = {"multi", "get a", "set a 1", "exec"};
    for (int i = 0; i < 4; i++) ask(c, one[i]);
    expect_log("set a 1");
    static const char *const two[] = {"multi", "set a 2", "get a", "incr a", "exec"};
    for (int i = 0; i < 5; i++) ask(c, two[i]);
    expect_log("MULTI; set a 2; incr a; EXEC");
    static const char *const none[] = {"multi", "get a", "exec"};
    for (int i = 0; i < 3; i++) ask(c, none[i]);
    expect_log("");
    static const char *const dbs[] = {"multi", "set i 1", "select 5", "set i 2", "exec"};
    for (int i = 0; i < 5; i++) ask(c, dbs[i]);
    expect_log("MULTI; set i 1; SELECT 5; set i 2; EXEC");
}

Test(propagate, time_becomes_absolute) {
    struct client *c = new_client();
    ask(c, "set a 1");
    logged();
    ask(c, "set a 1 pxat 99999999999999");
    expect_log("SET a 1 PXAT 99999999999999");
    ask(c, "pexpireat a 99999999999998");
    expect_log("PEXPIREAT a 99999999999998");
    ask(c, "expire a 100");
    cr_assert_eq(strncmp(logged(), "PEXPIREAT a 1", 13), 0);
    ask(c, "expire a -1");
    expect_log("DEL a");
}

Test(propagate, options_that_are_repeated_leave_none_out) {
    struct client *c = new_client();
    ask(c, "set a 1 px 100000");
    logged();
    ask(c, "set a 2 xx xx xx xx xx xx get keepttl");
    expect_log("set a 2 XX KEEPTTL");
    ask(c, "set b 1 get");
    expect_log("set b 1");
    ask(c, "set c 1 get nx");
    expect_log("set c 1 NX");
    ask(c, "restore d 100000 \"\\x00\\x01v\\n\\x00\\x91\\x08\\xce\\xb2\\x198\\x8a\\xce\" "
           "replace replace replace replace replace idletime 3 idletime 7");
    const char *got = logged(), want[] = " REPLACE IDLETIME 7 ABSTTL";
    cr_assert_geq(sds_len(got), sizeof want - 1);
    cr_assert_str_eq(got + sds_len(got) - (sizeof want - 1), want);
}

Test(propagate, chance_and_floats_become_effects) {
    struct client *c = new_client();
    ask(c, "set n 1.5");
    logged();
    ask(c, "incrbyfloat n 1");
    expect_log("SET n 2.5 KEEPTTL");
    ask(c, "getdel n");
    expect_log("DEL n");
}

Test(propagate, an_expired_key_goes_first) {
    struct client *c = new_client();
    ask(c, "set a 1 px 5");
    ask(c, "set b 1 px 5");
    pass_ms(10);
    logged();
    ask(c, "get a");
    expect_log("DEL a");
    ask(c, "incr b");
    expect_log("MULTI; DEL b; incr b; EXEC");
}

Test(propagate, flushes_go_even_when_nothing_was_there) {
    struct client *c = new_client();
    ask(c, "flushdb");
    expect_log("SELECT 0; flushdb");
    ask(c, "flushall");
    expect_log("flushall");
}

Test(propagate, nothing_while_loading) {
    struct client *c = new_client();
    rdb_loading.active = true;
    ask(c, "replicaof no one");
    ask(c, "config set maxclients 100");
    expect_log("");
}

Test(propagate, debug_is_not_propagated) {
    struct client *c = new_client();
    ask(c, "debug populate 3");
    expect_log("");
}

Test(propagate, a_replica_adds_nothing) {
    struct client *c = new_client();
    repl_replicaof("127.0.0.1", 1); /* a replica's log is its master's */
    repl_config.replica_read_only = false;
    static const char *const lines[] = {"multi", "set a 1", "set a 2", "del a", "exec"};
    for (int i = 0; i < 5; i++) ask(c, lines[i]);
    expect_log("");
}

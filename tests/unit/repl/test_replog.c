/* The log's writers: what a reader of the log sees. */
#include <criterion/criterion.h>
#include "event/loop.h"
#include "repl/link.h"
#include "support/log_bytes.h"

#include <string.h>

static struct backlog_cursor reader;

static void setup(void) {
    ev_init();
    repl_config.backlog_size_bytes = 1 << 20;
    repl_init();
    backlog_start(0);
    backlog_attach(&reader, 1);
}

static void expect_log(const char *text) {
    slice s = log_bytes(&reader);
    cr_assert_eq(s.n, strlen(text), "got %.*s", (int)s.n, s.p);
    if (s.n) cr_assert_arr_eq(s.p, text, s.n);
    backlog_advance(&reader, s.n);
}

Test(replog, select_is_said_once_for_each_change, .init = setup) {
    static const slice set[] = {{"SET", 3}, {"k", 1}, {"", 0}};
    repl_append_command(0, 3, set);
    expect_log("*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n");
    repl_append_raw(0, SLICE("*1\r\n$4\r\nPING\r\n"));
    expect_log("*1\r\n$4\r\nPING\r\n");
    repl_append_command(12, 1, set);
    expect_log("*2\r\n$6\r\nSELECT\r\n$2\r\n12\r\n*1\r\n$3\r\nSET\r\n");
    repl_append_command(-1, 1, set);
    expect_log("*1\r\n$3\r\nSET\r\n");
    replog_force_select();
    repl_append_command(12, 1, set);
    expect_log("*2\r\n$6\r\nSELECT\r\n$2\r\n12\r\n*1\r\n$3\r\nSET\r\n");
}

Test(replog, without_a_log_nothing_counts, .init = setup) {
    static const slice ping[] = {{"PING", 4}};
    backlog_detach(&reader);
    backlog_stop();
    cr_assert_not(repl_wants_log());
    repl_append_command(0, 1, ping);
    cr_assert_eq(repl_offset(), 0);
}

Test(replog, a_replica_says_nothing_of_its_own, .init = setup) {
    static const slice ping[] = {{"PING", 4}};
    repl_replicaof("127.0.0.1", 1);
    cr_assert_not(repl_wants_log());
    repl_append_command(0, 1, ping);
    repl_append_raw(0, SLICE("*1\r\n$4\r\nPING\r\n"));
    cr_assert_eq(repl_offset(), 0);
}

Test(replog, getack_goes_in_once_a_turn, .init = setup) {
    repl_request_acks();
    repl_request_acks();
    acks_before_wait();
    expect_log("*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n");
    acks_before_wait();
    cr_assert_eq(backlog_lag(&reader), 0);
}

/* --- the master's stream --- */

static struct client master;

static void setup_replica(void) {
    setup();
    repl_replicaof("127.0.0.1", 1);
    the_link.client = &master;
}

static void apply(const char *raw) {
    repl_applied(&master, slice_of(raw));
}

Test(replog, a_replica_passes_bytes_on_as_they_came, .init = setup_replica) {
    apply("*1\r\n$4\r\nping\r\n");
    expect_log("*1\r\n$4\r\nping\r\n");
    apply("\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n7\r\n");
    expect_log("\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n7\r\n");
    cr_assert_eq(repl_offset(), 14 + 2 + 23);
}

Test(replog, no_offset_lies_inside_a_transaction, .init = setup_replica) {
    master.flags |= CLIENT_MULTI;
    apply("MULTI.");
    apply("SET.");
    cr_assert_eq(repl_offset(), 0);
    cr_assert_eq(replog_held_bytes(), 10);
    expect_log("");
    master.flags &= ~(uint32_t)CLIENT_MULTI;
    apply("EXEC.");
    cr_assert_eq(replog_held_bytes(), 0);
    expect_log("MULTI.SET.EXEC.");
    cr_assert_eq(repl_offset(), 15);
}

Test(replog, a_cut_transaction_is_asked_for_again, .init = setup_replica) {
    master.flags |= CLIENT_MULTI;
    apply("MULTI.");
    replog_forget_held();
    master.flags &= ~(uint32_t)CLIENT_MULTI;
    apply("PING.");
    expect_log("PING.");
}

Test(replog, what_a_former_master_still_says_is_ignored, .init = setup_replica) {
    struct client former = {0};
    repl_applied(&former, SLICE("SET."));
    cr_assert_eq(repl_offset(), 0);
}

/* Names of histories: who may go on from our log, at a promotion, a new master's name, after a restart. */
#include <criterion/criterion.h>
#include "event/loop.h"
#include "repl/internal.h"

#include <string.h>

#define ID    "0123456789abcdef0123456789abcdef01234567"
#define ID2   "89abcdef0123456789abcdef0123456789abcdef"
#define NO_ID "0000000000000000000000000000000000000000"

static void setup(void) {
    ev_init();
    repl_config.backlog_size_bytes = 1 << 20;
    repl_init();
}

static bool may_continue(const char *id, int64_t offset) {
    return identity_matches(slice_of(id), offset);
}

Test(identity, a_fresh_server_has_one_name, .init = setup) {
    cr_assert_eq(strlen(repl_id()), REPLID_CHARS);
    cr_assert_str_eq(repl_id2(), NO_ID);
    cr_assert_eq(repl_second_offset(), -1);
    cr_assert_eq(repl_offset(), 0);
    cr_assert(may_continue(repl_id(), 1));
    cr_assert_not(may_continue(NO_ID, 0), "no second history, even if somebody names it");
    cr_assert_not(may_continue(ID, 1));
}

Test(identity, ids_compare_without_case_and_in_full, .init = setup) {
    identity_adopt(ID);
    cr_assert(may_continue("0123456789ABCDEF0123456789ABCDEF01234567", 1));
    cr_assert_not(may_continue("0123456789abcdef", 1));
    cr_assert_not(may_continue(ID "00", 1));
    cr_assert_not(may_continue("", 1));
    cr_assert_not(may_continue("?", -1));
}

Test(identity, promotion_keeps_the_past_up_to_its_end, .init = setup) {
    identity_adopt(ID);
    backlog_start(100);
    repl_shift_id();
    cr_assert_str_eq(repl_id2(), ID);
    cr_assert_str_neq(repl_id(), ID);
    cr_assert_eq(repl_second_offset(), 101);
    cr_assert(may_continue(ID, 101), "somebody who has all of it asks for the next byte");
    cr_assert(may_continue(ID, 50));
    cr_assert_not(may_continue(ID, 102), "what ID says beyond that is not ours");
    cr_assert(may_continue(repl_id(), 5000));
}

Test(identity, older_pasts_count_too, .init = setup) {
    identity_adopt(ID);
    backlog_start(100);
    repl_shift_id();
    backlog_append("0123456789", 10);
    identity_continue_as(ID2, NULL, 0);
    for (int i = 0; i < REPL_PAST_MAX - 2; i++) {
        cr_assert(may_continue(ID, 101) && may_continue(ID, 1), "%d names later", i);
        cr_assert_not(may_continue(ID, 102));
        backlog_append("x", 1);
        repl_shift_id();
    }
    repl_shift_id();
    cr_assert_not(may_continue(ID, 101), "the oldest goes when there are too many");
    cr_assert(may_continue(ID2, 111));
}

Test(identity, the_old_name_comes_back_while_the_new_one_means_nothing, .init = setup) {
    int dbid = -1;
    cr_assert_not(identity_reclaim(&dbid), "there is no old one");
    struct rdb_info info = {.has_repl = true, .repl_offset = 100, .repl_stream_db = 3};
    strcpy(info.repl_id, ID);
    repl_restore_identity(&info);
    cr_assert_str_eq(repl_id2(), ID);
    cr_assert(identity_reclaim(&dbid));
    cr_assert_str_eq(repl_id(), ID);
    cr_assert_str_eq(repl_id2(), NO_ID);
    cr_assert_eq(dbid, 3);
    repl_recover_done(true, 7); /* the same from append-only files */
    cr_assert_str_eq(repl_id2(), ID);
    cr_assert(identity_reclaim(&dbid));
    cr_assert_eq(dbid, 7);

    repl_shift_id();
    identity_tell();
    cr_assert_not(identity_reclaim(&dbid), "somebody follows the new name");
    repl_shift_id();
    backlog_append("x", 1);
    cr_assert_not(identity_reclaim(&dbid), "what we hold is not the old history's any more");
}

Test(identity, the_master_gets_a_new_name, .init = setup) {
    identity_adopt(ID);
    backlog_start(7);
    identity_continue_as(ID2, NULL, 0);
    cr_assert_str_eq(repl_id(), ID2);
    cr_assert_str_eq(repl_id2(), ID);
    cr_assert_eq(repl_second_offset(), 8);
}

Test(identity, a_full_resync_leaves_no_past, .init = setup) {
    identity_adopt(ID);
    repl_shift_id();
    identity_adopt(ID2);
    cr_assert_str_eq(repl_id(), ID2);
    cr_assert_str_eq(repl_id2(), NO_ID);
    cr_assert_eq(repl_second_offset(), -1);
}

Test(identity, a_new_history_shares_nothing, .init = setup) {
    identity_adopt(ID);
    repl_shift_id();
    repl_change_id();
    cr_assert_not(may_continue(ID, 0));
    cr_assert_str_eq(repl_id2(), NO_ID);
}

static struct rdb_info info_of(const char *id, int64_t offset) {
    struct rdb_info info = {.has_repl = true, .repl_stream_db = 3, .repl_offset = offset};
    memcpy(info.repl_id, id, strlen(id) + 1);
    return info;
}

Test(identity, a_restarted_master_takes_back_those_who_have_it_all, .init = setup) {
    struct rdb_info info = info_of(ID, 1000);
    repl_restore_identity(&info);
    cr_assert_str_eq(repl_id2(), ID);
    cr_assert_str_neq(repl_id(), ID);
    cr_assert_eq(repl_offset(), 1000);
    cr_assert(backlog_active());
    cr_assert(may_continue(ID, 1001) && backlog_holds(1001));
    cr_assert_not(may_continue(ID, 1002));
    cr_assert_not(backlog_holds(1000), "older bytes were not saved");
}

Test(identity, a_restarted_replica_goes_on_where_it_was, .init = setup) {
    struct rdb_info info = info_of(ID, 1000), saved;
    repl_replicaof("127.0.0.1", 1);
    repl_restore_identity(&info);
    cr_assert_str_eq(repl_id(), ID);
    cr_assert_eq(repl_offset(), 1000);
    repl_fill_rdb_info(&saved);
    cr_assert(saved.has_repl);
    cr_assert_str_eq(saved.repl_id, ID);
    cr_assert_eq(saved.repl_offset, 1000);
    cr_assert_eq(saved.repl_stream_db, 3);
}

Test(identity, a_file_knows_the_former_names_too, .init = setup) {
    struct rdb_info info = info_of(ID, 1000), saved;
    repl_restore_identity(&info); /* a master that was restarted, */
    repl_fill_rdb_info(&saved);   /* saved, */
    cr_assert_str_neq(saved.repl_id, ID);
    char second[41];
    strcpy(second, saved.repl_id);
    repl_change_id();
    repl_restore_identity(&saved); /* and restarted again */
    cr_assert_str_eq(repl_id2(), second);
    cr_assert(may_continue(ID, 1001) && may_continue(second, 1001));
    cr_assert_not(may_continue(ID, 1002));
    strcpy(saved.repl_past, " what");
    repl_restore_identity(&saved);
    cr_assert(may_continue(second, 1001));
    cr_assert_not(may_continue(ID, 1001));
}

Test(identity, nonsense_in_a_file_is_no_identity, .init = setup) {
    struct rdb_info info = info_of(ID, -5);
    repl_restore_identity(&info);
    cr_assert_not(backlog_active());
    info = info_of("short", 10);
    repl_restore_identity(&info);
    cr_assert_not(backlog_active());
    info = info_of(ID, 10);
    info.has_repl = false;
    repl_restore_identity(&info);
    cr_assert_not(backlog_active());
}

Test(identity, a_save_tells_the_stream_only_when_there_is_one, .init = setup) {
    struct rdb_info info;
    repl_fill_rdb_info(&info);
    cr_assert_not(info.has_repl);
    backlog_start(0);
    repl_append_raw(5, SLICE("*1\r\n$4\r\nPING\r\n"));
    repl_fill_rdb_info(&info);
    cr_assert(info.has_repl);
    cr_assert_eq(info.repl_stream_db, 5);
    cr_assert_eq(info.repl_offset, repl_offset());
}

/* The forked snapshot, with real children: what it saves is the moment of the fork, and its end settles the state. */
#include "event/child.h"
#include "event/loop.h"
#include "fixture.h"
#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64], path[80];
static const struct rdb_load_options plain_options;
static int ended;
static bool ended_ok;
static enum snapshot_target ended_target;

static void note_end(enum snapshot_target target, bool ok) {
    ended++;
    ended_ok = ok;
    ended_target = target;
}

static void begin(void) {
    static const struct snapshot_hooks hooks = {note_end};
    fixture_begin(2);
    ev_init();
    snapshot_set_hooks(&hooks);
    snprintf(dir, sizeof dir, "/tmp/tandem-rdb-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/dump.rdb", dir);
    rdb_config.filename = path;
}

static void finish(void) {
    unlink(path);
    cr_assert_eq(rmdir(dir), 0, "something was left in %s", dir);
}

static void wait_end(void) {
    int before = ended;
    for (int i = 0; i < 2000 && ended == before; i++) {
        child_reap();
        if (ended == before) poll(NULL, 0, 5);
    }
    cr_assert_eq(ended, before + 1, "the child did not end");
}

Test(rdb_snapshot, a_background_save_is_the_moment_of_the_fork) {
    unsigned char before[20], after[20];
    char err[256];
    begin();
    fixture_fill(9, 500);
    ks_dirty = 500;
    ks_digest(before);
    cr_assert(snapshot_start_disk(NULL));
    cr_assert(snapshot_running());
    cr_assert_eq(snapshot_target(), SNAPSHOT_DISK);
    cr_assert_eq(snapshot_state.current_keys_total, 500);
    cr_assert_eq(snapshot_state.saves, 1);
    cr_assert_gt(snapshot_state.last_try_s, 0);
    cr_assert_not(snapshot_start_disk(NULL), "one at a time");
    db_set_string(ks_db(0), SLICE("later"), SLICE("not in the file"), NO_EXPIRE);
    ks_dirty++;
    wait_end();
    cr_assert(ended_ok && ended_target == SNAPSHOT_DISK);
    cr_assert_not(snapshot_running());
    cr_assert_eq(snapshot_changes(), 1);
    cr_assert(snapshot_state.last_ok);
    cr_assert_gt(snapshot_state.last_save_s, 0);
    cr_assert_geq(snapshot_state.last_duration_s, 0);
    cr_assert_eq(snapshot_state.current_start_s, -1);
    fixture_empty();
    cr_assert_eq(rdb_load_file(path, &plain_options, err, sizeof err), RDB_LOADED, "%s", err);
    ks_digest(after);
    cr_assert_arr_eq(before, after, 20);
    finish();
}

Test(rdb_snapshot, a_background_save_that_fails) {
    begin();
    ks_dirty = 7;
    cr_assert_eq(mkdir(path, 0700), 0);
    cr_assert(snapshot_start_disk(NULL));
    wait_end();
    cr_assert_not(ended_ok);
    cr_assert_not(snapshot_state.last_ok);
    cr_assert_eq(snapshot_changes(), 7);
    cr_assert_eq(rmdir(path), 0);
    cr_assert(snapshot_start_disk(NULL));
    wait_end();
    cr_assert(ended_ok && snapshot_state.last_ok);
    finish();
}

static void assert_killed(bool by_us) {
    begin();
    fixture_fill(9, 200);
    rdb_config.key_save_delay_us = 1000000;
    cr_assert(snapshot_start_disk(NULL));
    char temp[128];
    rdb_temp_path(temp, sizeof temp, path, child_pid());
    for (int i = 0; i < 1000 && access(temp, F_OK) != 0; i++) poll(NULL, 0, 5);
    cr_assert_eq(access(temp, F_OK), 0, "%s", temp);
    if (by_us)
        snapshot_kill();
    else
        child_kill(SIGKILL);
    wait_end();
    cr_assert_not(ended_ok);
    cr_assert_eq(snapshot_state.last_ok, by_us);
    finish(); /* fails when the temporary file is still there */
}

Test(rdb_snapshot, one_that_we_kill_leaves_the_status) {
    assert_killed(true);
}

Test(rdb_snapshot, one_that_is_killed_is_a_failure) {
    assert_killed(false);
}

static sds read_all(int fd) {
    sds all = sds_empty();
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        cr_assert_eq(poll(&p, 1, 10000), 1);
        all = sds_reserve(all, 65536);
        ssize_t n = read(fd, all + sds_len(all), 65536);
        cr_assert_geq(n, 0);
        if (n == 0) return all;
        sds_set_len(all, sds_len(all) + (size_t)n);
    }
}

Test(rdb_snapshot, into_a_pipe_between_marks) {
    unsigned char before[20], after[20];
    char mark[41];
    struct rdb_info info = {.has_repl = true, .repl_offset = 5}, back;
    struct rdb_load_options o = {.info = &back};
    memset(info.repl_id, 'b', 40);
    begin();
    snapshot_state.last_save_s = 123;
    fixture_fill(9, 2000);
    ks_digest(before);
    int fd = snapshot_start_pipe(&info, mark);
    cr_assert_geq(fd, 0);
    cr_assert_eq(snapshot_target(), SNAPSHOT_PIPE);
    sds all = read_all(fd);
    close(fd);
    wait_end();
    cr_assert(ended_ok && ended_target == SNAPSHOT_PIPE);
    cr_assert_eq(snapshot_state.last_save_s, 123, "a transfer is no save");
    cr_assert_eq(snapshot_state.saves, 0);
    cr_assert_eq(snapshot_state.last_try_s, 0);

    cr_assert_eq(strlen(mark), 40);
    cr_assert(memcmp(all, "$EOF:", 5) == 0 && memcmp(all + 5, mark, 40) == 0 &&
              memcmp(all + 45, "\r\n", 2) == 0);
    struct rdb_reader r;
    char end[40];
    rdb_reader_memory(&r, (slice){all + 47, sds_len(all) - 47});
    fixture_empty();
    cr_assert(rdb_load_stream(&r, &o, NULL), "%s", r.error);
    cr_assert(rdb_read(&r, end, 40) && memcmp(end, mark, 40) == 0);
    cr_assert_eq(rdb_reader_rest(&r).n, 0);
    ks_digest(after);
    cr_assert_arr_eq(before, after, 20);
    cr_assert(back.has_repl && back.repl_offset == 5);
    sds_free(all);
    finish();
}

Test(rdb_snapshot, a_pipe_that_nobody_reads_is_an_error_of_the_child) {
    char mark[41];
    begin();
    rdb_config.compression = false;
    sds big = sds_grow_zero(sds_empty(), 8 << 20);
    db_set_string(ks_db(0), SLICE("big"), sds_slice(big), NO_EXPIRE);
    int fd = snapshot_start_pipe(NULL, mark);
    cr_assert_geq(fd, 0);
    close(fd);
    wait_end();
    cr_assert_not(ended_ok);
    cr_assert(snapshot_state.last_ok, "the status speaks of saves to disk");
    sds_free(big);
    finish();
}

/* Files: at every moment the old one or the new one is there, whole; failures leave nothing behind. */
#include "event/loop.h"
#include "fixture.h"
#include <criterion/criterion.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64], path[80];
static const struct rdb_load_options plain_options;

static void begin(void) {
    fixture_begin(2);
    ev_init();
    snprintf(dir, sizeof dir, "/tmp/tandem-rdb-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/dump.rdb", dir);
}

static int files_in_dir(void) {
    DIR *d = opendir(dir);
    int n = 0;
    for (struct dirent *e; (e = readdir(d));) n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static void finish(void) {
    unlink(path);
    cr_assert_eq(rmdir(dir), 0, "something was left in %s", dir);
}

Test(rdb_save_file, a_file_comes_back) {
    unsigned char before[20], after[20];
    char err[256];
    begin();
    fixture_fill(5, 3000);
    ks_digest(before);
    cr_assert(rdb_save_file(path, NULL));
    cr_assert_eq(files_in_dir(), 1);
    fixture_empty();
    cr_assert_eq(rdb_load_file(path, &plain_options, err, sizeof err), RDB_LOADED, "%s", err);
    ks_digest(after);
    cr_assert_arr_eq(before, after, 20);
    cr_assert_not(rdb_loading.active);
    cr_assert_eq(rdb_loading.loaded_bytes, rdb_loading.total_bytes);
    finish();
}

Test(rdb_save_file, no_file_and_no_access_are_told_apart) {
    char err[256];
    begin();
    cr_assert_eq(rdb_load_file(path, &plain_options, err, sizeof err), RDB_NO_FILE);
    cr_assert_eq(rdb_load_file("/proc/self/mem/x", &plain_options, err, sizeof err), RDB_FAILED);
    cr_assert_eq(rdb_load_file(dir, &plain_options, err, sizeof err), RDB_FAILED);
    cr_assert(strstr(err, "directory"), "%s", err);
    finish();
}

Test(rdb_save_file, a_cut_file_says_where) {
    char err[256], want[64];
    begin();
    fixture_fill(5, 300);
    cr_assert(rdb_save_file(path, NULL));
    cr_assert_eq(truncate(path, 5000), 0);
    fixture_empty();
    cr_assert_eq(rdb_load_file(path, &plain_options, err, sizeof err), RDB_FAILED);
    snprintf(want, sizeof want, "at offset ");
    cr_assert(strstr(err, want), "%s", err);
    finish();
}

/* The disk is full: here, a limit on the size of files. */
Test(rdb_save_file, a_write_that_fails_leaves_the_old_file) {
    struct stat was, is;
    begin();
    cr_assert(rdb_save_file(path, NULL));
    cr_assert_eq(stat(path, &was), 0);
    fixture_fill(6, 3000);
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = {20000, 20000};
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_assert_not(rdb_save_file(path, NULL));
    cr_assert_eq(stat(path, &is), 0);
    cr_assert_eq(is.st_ino, was.st_ino);
    cr_assert_eq(is.st_size, was.st_size);
    cr_assert_eq(files_in_dir(), 1);
    finish();
}

Test(rdb_save_file, a_directory_that_is_gone) {
    begin();
    fixture_fill(6, 10);
    rdb_config.filename = path;
    uint64_t dirty = ks_dirty += 5;
    int64_t last_s = snapshot_state.last_save_s;
    cr_assert_eq(rmdir(dir), 0);
    cr_assert_not(rdb_save_file(path, NULL));
    cr_assert_not(rdb_save_now(NULL));
    cr_assert_eq(snapshot_changes(), dirty);
    cr_assert_eq(snapshot_state.last_save_s, last_s);
    cr_assert_eq(mkdir(dir, 0700), 0);
    cr_assert(rdb_save_now(NULL));
    cr_assert_eq(snapshot_changes(), 0);
    cr_assert_gt(snapshot_state.last_save_s, 0);
    finish();
}

Test(rdb_save_file, the_target_is_a_directory) {
    begin();
    cr_assert_eq(mkdir(path, 0700), 0);
    cr_assert_not(rdb_save_file(path, NULL));
    cr_assert_eq(files_in_dir(), 1);
    cr_assert_eq(rmdir(path), 0);
    finish();
}

Test(rdb_save_file, incremental_write_back_changes_nothing) {
    unsigned char before[20], after[20];
    char err[256];
    begin();
    rdb_config.compression = false;
    sds big = sds_grow_zero(sds_empty(), 1 << 20);
    for (char c = 'a'; c < 'a' + 13; c++) {
        memset(big, c, sds_len(big));
        db_set_string(ks_db(0), (slice){&c, 1}, sds_slice(big), NO_EXPIRE);
    }
    fixture_fill(5, 300);
    ks_digest(before);
    for (int on = 0; on < 2; on++) {
        rdb_config.save_incremental_fsync = on;
        cr_assert(rdb_save_file(path, NULL));
        fixture_empty();
        cr_assert_eq(rdb_load_file(path, &plain_options, err, sizeof err), RDB_LOADED, "%s", err);
        ks_digest(after);
        cr_assert_arr_eq(before, after, 20);
    }
    sds_free(big);
    finish();
}

Test(rdb_save_file, bytes_behind_the_trailer_are_left_alone) {
    char err[256];
    begin();
    fixture_fill(5, 30);
    cr_assert(rdb_save_file(path, NULL));
    FILE *f = fopen(path, "a");
    fputs("tail", f);
    fclose(f);
    fixture_empty();
    cr_assert_eq(rdb_load_file(path, &plain_options, err, sizeof err), RDB_LOADED, "%s", err);
    finish();
}

static int turns_while_loading;
static uint64_t bytes_seen;

static void watch_loading(void) {
    if (!rdb_loading.active) return;
    cr_assert_geq(rdb_loading.loaded_bytes, bytes_seen + 5000);
    cr_assert_leq(rdb_loading.loaded_bytes, rdb_loading.total_bytes);
    cr_assert_gt(rdb_loading.start_ms, 0);
    bytes_seen = rdb_loading.loaded_bytes;
    turns_while_loading++;
}

Test(rdb_save_file, the_loop_turns_while_a_file_loads) {
    char err[256];
    begin();
    rdb_config.compression = false;
    sds value = sds_grow_zero(sds_empty(), 1000);
    for (int i = 0; i < 100; i++) {
        char key[8];
        db_set_string(ks_db(0), (slice){key, (size_t)snprintf(key, sizeof key, "%d", i)}, sds_slice(value),
                      NO_EXPIRE);
    }
    cr_assert(rdb_save_file(path, NULL));
    fixture_empty();
    rdb_config.loading_events_interval_bytes = 5000;
    ev_hook_add(EV_BEFORE_WAIT, watch_loading);
    cr_assert_eq(rdb_load_file(path, &plain_options, err, sizeof err), RDB_LOADED, "%s", err);
    cr_assert_geq(turns_while_loading, 15);
    cr_assert_leq(turns_while_loading, 21);
    sds_free(value);
    finish();
}

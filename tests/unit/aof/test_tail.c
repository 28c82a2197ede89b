/* The log's tail beside a base: what is written is taken up again, byte for byte; what is not whole is not taken at all. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aof/marks.h"
#include "log_fixture.h"
#include "repl/internal.h"
#include "support/log_bytes.h"

#define TAIL  "d/f.1.tail"
#define BYTES 1000

static char id[REPLID_CHARS + 1];

static void setup(void) {
    log_fixture_begin();
    manifest_new_base(&aof_manifest, "f", true);
    manifest_new_tail(&aof_manifest, "f");
    manifest_add(&aof_manifest, SLICE("one"), 1, AOF_FILE_INCR);
}

static void teardown(void) {
    unlink(TAIL);
    log_fixture_end();
}

TestSuite(aof_tail, .init = setup, .fini = teardown);

static char byte_at(int64_t offset) {
    return (char)(offset * 31 + offset / 256);
}

static void append(int n) {
    for (int i = 0; i < n; i++) {
        char byte = byte_at(backlog_end() + 1);
        backlog_append(&byte, 1);
    }
}

/* As a process that starts. */
static void forget_log(void) {
    aof_writer_close();
    repl_recover_done(false, 0);
}

/* BYTES of history that a replica knows of, its tail, an incr file from there on; then the process ends. */
static void make_files(void) {
    repl_open_log();
    snprintf(id, sizeof id, "%s", identity_tell());
    append(BYTES);
    aof_write_tail(TAIL);
    log_fixture_file("one");
    forget_log();
}

static off_t bytes_of(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 ? st.st_size : -1;
}

static void expect_log(int64_t first, int64_t end) {
    struct backlog_cursor reader = {0};
    cr_assert_eq(backlog_first(), first);
    cr_assert_eq(backlog_end(), end);
    cr_assert_str_eq(repl_id(), id);
    cr_assert(backlog_attach(&reader, first));
    while (backlog_lag(&reader)) {
        cr_assert_eq(*log_bytes(&reader).p, byte_at(reader.offset));
        backlog_advance(&reader, 1);
    }
    backlog_detach(&reader);
}

static void expect_none(const char *why, long n) {
    cr_assert_null(aof_tail(), "%s %ld", why, n);
    cr_assert_not(backlog_active(), "%s %ld", why, n);
    cr_assert_eq(backlog_end(), 0, "%s %ld", why, n);
}

Test(aof_tail, comes_back) {
    make_files();
    aof_load_tail();
    expect_log(1, BYTES);
    cr_assert_eq(aof_tail(), manifest_tail(&aof_manifest));
}

Test(aof_tail, holds_no_more_than_the_log_is_to_hold) {
    backlog_set_size(BYTES - 300);
    make_files();
    backlog_set_size(1 << 20);
    aof_load_tail();
    expect_log(301, BYTES);
}

Test(aof_tail, of_a_log_that_was_longer_the_end_is_taken) {
    make_files();
    backlog_set_size(10);
    aof_load_tail();
    expect_log(BYTES - 9, BYTES);
}

Test(aof_tail, is_not_written_without_need) {
    repl_open_log();
    aof_write_tail(TAIL);
    cr_assert_eq(bytes_of(TAIL), -1, "there is no history");
    append(BYTES);
    aof_write_tail(TAIL);
    cr_assert_eq(bytes_of(TAIL), -1, "nobody knows it");
    identity_tell();
    aof_status.state = AOF_OFF;
    aof_write_tail(TAIL);
    cr_assert_eq(bytes_of(TAIL), -1, "no append-only file goes on from there");
    aof_status.state = AOF_ON;
    aof_write_tail(TAIL);
    cr_assert_gt(bytes_of(TAIL), BYTES);
}

Test(aof_tail, cut_anywhere_is_not_taken) {
    make_files();
    for (off_t n = bytes_of(TAIL) - 1; n >= 0; n--) {
        cr_assert_eq(truncate(TAIL, n), 0);
        aof_load_tail();
        expect_none("cut at", (long)n);
    }
    cr_assert_eq(unlink(TAIL), 0);
    aof_load_tail();
    expect_none("missing", 0);
}

static void flip(int fd, off_t at) {
    char byte;
    cr_assert_eq(pread(fd, &byte, 1, at), 1);
    byte ^= 4;
    cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
}

Test(aof_tail, damaged_anywhere_is_not_taken) {
    make_files();
    int fd = open(TAIL, O_RDWR);
    for (off_t n = 0; n < bytes_of(TAIL); n++) {
        flip(fd, n);
        aof_load_tail();
        expect_none("damaged at", (long)n);
        flip(fd, n);
    }
    close(fd);
    aof_load_tail();
    expect_log(1, BYTES);
}

Test(aof_tail, of_another_history_is_not_taken) {
    make_files();
    backlog_set_end(BYTES);
    log_fixture_file("one"); /* the same offset, another name */
    forget_log();
    aof_load_tail();
    expect_none("another name", 0);
    cr_assert_eq(truncate("d/one", 0), 0);
    aof_load_tail();
    expect_none("nothing joins it", 0);
    cr_assert_eq(unlink("d/one"), 0);
    aof_load_tail();
    expect_none("nothing joins it", 1);
}

/* It goes when the incr files have as much as the log is to hold, the bytes that are not written yet left out. */
Test(aof_tail, goes_when_it_is_not_needed) {
    make_files();
    backlog_set_size(100);
    aof_load_tail();
    log_fixture_file("one");
    append(100);
    aof_tail_cron();
    cr_assert_not_null(aof_tail(), "nothing is written");
    aof_writer_flush(true);
    backlog_set_size(101);
    aof_tail_cron();
    cr_assert_not_null(aof_tail(), "one byte is missing");
    backlog_set_size(100);
    aof_tail_cron();
    cr_assert_null(aof_tail());
    cr_assert_null(manifest_tail(&aof_manifest));
    cr_assert_eq(bytes_of(TAIL), -1);
    cr_assert_eq(unlink("d/f.manifest"), 0);
}

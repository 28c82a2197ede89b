/* The writer: the log's bytes in the file, and marks at the byte where the history changes. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "aof/marks.h"
#include "base/clock.h"
#include "log_fixture.h"
#include "repl/internal.h"

TestSuite(aof_writer, .init = log_fixture_begin, .fini = log_fixture_end);

static const char *file_text(const char *path) {
    static char text[4096];
    FILE *f = fopen(path, "r");
    cr_assert_not_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    return text;
}

static const char *mark_now(int64_t offset) {
    static char buf[2][MARK_BYTES_MAX];
    static int at;
    struct repl_history h;
    repl_history_now(&h);
    h.offset = offset;
    at = !at;
    buf[at][mark_format(buf[at], &h)] = '\0';
    return buf[at];
}

static void expect_file(const char *path, const char *wanted) {
    const char *got = file_text(path);
    cr_assert_str_eq(got, wanted, "got:\n%s\nwanted:\n%s", got, wanted);
    cr_assert_eq(aof_writer_bytes(), strlen(wanted));
}

Test(aof_writer, begins_with_database_and_place) {
    char wanted[1024];
    log_fixture_file("one");
    log_fixture_ping();
    cr_assert_eq(aof_unwritten_bytes(), strlen(PING));
    aof_writer_flush(false);
    cr_assert_eq(aof_unwritten_bytes(), 0);
    snprintf(wanted, sizeof wanted, "%s%s%s", SELECT_0, mark_now(0), PING);
    expect_file("d/one", wanted);
}

/* The promotion comes between two commands of one turn: the mark stands between them. */
Test(aof_writer, a_new_name_is_said_where_it_begins) {
    char wanted[1024];
    log_fixture_file("one");
    snprintf(wanted, sizeof wanted, "%s%s%s", SELECT_0, mark_now(0), PING);
    log_fixture_ping();
    repl_shift_id();
    log_fixture_ping();
    aof_writer_flush(false);
    strcat(wanted, mark_now((int64_t)strlen(PING)));
    strcat(wanted, PING);
    expect_file("d/one", wanted);
    aof_writer_flush(false);
    expect_file("d/one", wanted); /* said once */
}

Test(aof_writer, the_next_file_goes_on_where_the_first_ends) {
    char wanted[1024];
    log_fixture_file("one");
    log_fixture_ping();
    aof_writer_flush(false);
    log_fixture_file("two");
    log_fixture_ping();
    aof_writer_flush(false);
    snprintf(wanted, sizeof wanted, "%s%s%s", SELECT_0, mark_now((int64_t)strlen(PING)), PING);
    expect_file("d/two", wanted);
}

Test(aof_writer, goes_on_in_a_file_that_was_loaded) {
    char wanted[1024];
    log_fixture_file("one");
    log_fixture_ping();
    aof_writer_flush(false);
    snprintf(wanted, sizeof wanted, "%s", file_text("d/one"));
    aof_writer_close();
    cr_assert(aof_writer_append("one"));
    log_fixture_ping();
    aof_writer_flush(false);
    strcat(wanted, mark_now((int64_t)strlen(PING)));
    strcat(wanted, PING);
    expect_file("d/one", wanted);
}

Test(aof_writer, the_time_stands_before_what_came_then) {
    char wanted[1024], stamp[MARK_BYTES_MAX];
    aof_config.timestamps = true;
    log_fixture_file("one");
    snprintf(wanted, sizeof wanted, "%s%s", SELECT_0, mark_now(0));
    aof_writer_flush(false);
    expect_file("d/one", wanted); /* nothing came yet */
    clock_set_for_test(1700000000123);
    log_fixture_ping();
    log_fixture_ping();
    aof_writer_flush(false);
    stamp[mark_format_time(stamp, 1700000000)] = '\0';
    strcat(strcat(wanted, stamp), PING PING);
    expect_file("d/one", wanted);
    log_fixture_ping(); /* the same second */
    aof_writer_flush(false);
    strcat(wanted, PING);
    expect_file("d/one", wanted);
}

/* More than one write's worth, in chunks of the log. */
Test(aof_writer, a_long_log) {
    log_fixture_file("one");
    size_t before = aof_writer_bytes();
    sds big = sds_grow_zero(sds_empty(), 3000000);
    repl_append_raw(-1, sds_slice(big));
    aof_writer_flush(false);
    cr_assert_eq(aof_writer_bytes(), before + 3000000);
    cr_assert_eq(aof_unwritten_bytes(), 0);
    sds_free(big);
}

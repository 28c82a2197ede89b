/* Marks: what one says comes back, and nothing else passes for one. */
#include <criterion/criterion.h>

#include "aof/marks.h"

static const struct repl_history history = {.id = "0123456789abcdef0123456789abcdef01234567",
                                            .offset = 123456789012345};

Test(marks, written_and_read) {
    char buf[MARK_BYTES_MAX];
    struct repl_history h;
    size_t n = mark_format(buf, &history);
    cr_assert_lt(n, MARK_BYTES_MAX);
    cr_assert_arr_eq(buf + n - 2, "\r\n", 2);
    cr_assert(mark_parse((slice){buf, n - 2}, &h));
    cr_assert_str_eq(h.id, history.id);
    cr_assert_eq(h.offset, history.offset);
    cr_assert_eq(h.past_n, 0);
}

Test(marks, the_past_is_kept_whole) {
    char buf[MARK_BYTES_MAX];
    struct repl_history h, full = history;
    full.offset = INT64_MAX;
    full.past_n = REPL_PAST_MAX;
    for (int i = 0; i < REPL_PAST_MAX; i++) {
        strcpy(full.past[i].id, history.id);
        full.past[i].id[0] = (char)('1' + i);
        full.past[i].end = INT64_MAX - i;
    }
    size_t n = mark_format(buf, &full);
    cr_assert_lt(n, MARK_LINE_MAX);
    cr_assert(mark_parse((slice){buf, n - 2}, &h));
    cr_assert_eq(h.past_n, REPL_PAST_MAX);
    for (int i = 0; i < REPL_PAST_MAX; i++) {
        cr_assert_str_eq(h.past[i].id, full.past[i].id);
        cr_assert_eq(h.past[i].end, full.past[i].end);
    }
}

Test(marks, cut_off_anywhere_it_is_none) {
    char buf[MARK_BYTES_MAX];
    struct repl_history h;
    size_t n = mark_format(buf, &history) - 2;
    for (size_t k = 0; k < n - 1; k++) { /* without "-1", or with "-" only */
        cr_assert_not(mark_parse((slice){buf, k}, &h), "%zu of %zu bytes", k, n);
    }
}

Test(marks, other_annotations_are_none) {
    struct repl_history h;
    cr_assert_not(mark_parse(SLICE("#TS:1700000000"), &h));
    cr_assert_not(mark_parse(SLICE("#TANDEM:2 x"), &h));
    cr_assert_not(mark_parse(SLICE("#TANDEM:1 0123456789ABCDEF0123456789abcdef01234567 1 "
                                   "0000000000000000000000000000000000000000 -1"),
                             &h));
    cr_assert_not(mark_parse(SLICE("#TANDEM:1 0123456789abcdef0123456789abcdef01234567 -1 "
                                   "0000000000000000000000000000000000000000 -1"),
                             &h));
    cr_assert_not(mark_parse(SLICE("#TANDEM:1 0123456789abcdef0123456789abcdef01234567 1 "
                                   "0000000000000000000000000000000000000000 -1 more"),
                             &h));
}

Test(marks, time) {
    char buf[MARK_BYTES_MAX];
    size_t n = mark_format_time(buf, 1700000000);
    cr_assert_eq(n, strlen("#TS:1700000000\r\n"));
    cr_assert_arr_eq(buf, "#TS:1700000000\r\n", n);
}

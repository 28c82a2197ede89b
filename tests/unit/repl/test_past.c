/* The text of former names: what is written is read, and nothing else is. */
#include <criterion/criterion.h>
#include "repl/past.h"

#include <stdio.h>
#include <string.h>

#define ID "0123456789abcdef0123456789abcdef01234567"

static int parse(const char *text, struct repl_past *past) {
    return past_parse((slice){text, strlen(text)}, past, REPL_PAST_MAX);
}

Test(past, written_and_read) {
    struct repl_past past[REPL_PAST_MAX], back[REPL_PAST_MAX];
    char text[REPL_PAST_TEXTS_MAX];
    for (int i = 0; i < REPL_PAST_MAX; i++) {
        strcpy(past[i].id, ID);
        past[i].id[5] = (char)('0' + i);
        past[i].end = INT64_MAX - i;
    }
    for (int n = 0; n <= REPL_PAST_MAX; n++) {
        size_t len = past_format(text, past, n);
        cr_assert_lt(len, sizeof text);
        cr_assert_eq(past_parse((slice){text, len}, back, REPL_PAST_MAX), n);
        for (int i = 0; i < n; i++) {
            cr_assert_str_eq(back[i].id, past[i].id);
            cr_assert_eq(back[i].end, past[i].end);
        }
        if (n) cr_assert_eq(past_parse((slice){text, len}, back, n - 1), -1, "no room for the last");
    }
}

Test(past, anything_else_is_refused) {
    struct repl_past past[REPL_PAST_MAX];
    cr_assert_eq(parse("", past), 0);
    cr_assert_eq(parse(" " ID " 7", past), 1);
    cr_assert_eq(parse(" " ID " -1", past), 1);
    static const char *const bad[] = {" ",
                                      " " ID,
                                      " " ID " ",
                                      " " ID " x",
                                      ID " 7",
                                      " " ID " -2",
                                      " " ID "0 7",
                                      " " ID " 7 ",
                                      " 012 7",
                                      " " ID " 7 " ID,
                                      " " ID "  7",
                                      " " ID " 7 x 8",
                                      "  " ID " 7",
                                      " " ID " 07",
                                      " " ID " 99999999999999999999",
                                      " 0123456789ABCDEF0123456789abcdef01234567 7"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_eq(parse(bad[i], past), -1, "'%s'", bad[i]);
}

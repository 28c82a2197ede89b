/* The slow log: how requests are cut, how many are kept, what dispatch is told to look at. */
#include "server/slowlog.h"

#include <criterion/criterion.h>

#include "base/latency.h"
#include "base/ticks.h"

static void start(void) {
    slowlog_config = (struct slowlog_config){.slower_than_us = 0, .max_entries = 4};
    slowlog_settings_changed();
}

TestSuite(slowlog, .init = start);

static void add(int argc) {
    static slice argv[100];
    for (int i = 0; i < argc; i++) argv[i] = SLICE("arg");
    slowlog_add(argv, argc, 0, 7, "1.2.3.4:5", SLICE("me"));
}

Test(slowlog, keeps_the_newest) {
    for (int i = 0; i < 10; i++) add(1);
    cr_assert_eq(slowlog_length(), 4);
    const struct slowlog_entry *e = slowlog_newest();
    for (int i = 9; i > 5; i--, e = e->next) cr_assert_eq(e->id, i);
    cr_assert_null(e);
    slowlog_config.max_entries = 2;
    slowlog_settings_changed();
    cr_assert_eq(slowlog_length(), 2);
    slowlog_reset();
    cr_assert(slowlog_length() == 0 && !slowlog_newest());
    add(1);
    cr_assert_eq(slowlog_newest()->id, 10); /* numbers go on */
}

Test(slowlog, cuts_many_arguments) {
    add(SLOWLOG_ARGS_MAX);
    cr_assert_str_eq(slowlog_newest()->argv[SLOWLOG_ARGS_MAX - 1], "arg");
    add(SLOWLOG_ARGS_MAX + 1);
    cr_assert_eq(slowlog_newest()->argc, SLOWLOG_ARGS_MAX);
    cr_assert_str_eq(slowlog_newest()->argv[SLOWLOG_ARGS_MAX - 1], "... (2 more arguments)");
}

Test(slowlog, cuts_long_arguments_and_hides_secrets) {
    char big[200];
    memset(big, 'x', sizeof big);
    slice argv[] = {SLICE("set"), {big, 128}, {big, 129}, SLICE("password")};
    slowlog_add(argv, 4, 1 << 3, 7, "", SLICE(""));
    const struct slowlog_entry *e = slowlog_newest();
    cr_assert_eq(sds_len(e->argv[1]), 128);
    cr_assert_str_eq(e->argv[2] + 128, "... (1 more bytes)");
    cr_assert_str_eq(e->argv[3], "(redacted)");
}

Test(slowlog, tells_dispatch_what_is_of_interest) {
    cr_assert_eq(slow_command_ticks, 0);
    slowlog_config.slower_than_us = -1;
    slowlog_settings_changed();
    cr_assert_eq(slow_command_ticks, UINT64_MAX);
    latency_threshold_ms = 5;
    slowlog_settings_changed();
    cr_assert_eq(slow_command_ticks, ticks_at_least(5000));
    slowlog_config.slower_than_us = 10000;
    slowlog_settings_changed();
    cr_assert_eq(slow_command_ticks, ticks_at_least(5000));
    slowlog_config.slower_than_us = INT64_MAX;
    latency_threshold_ms = 0;
    slowlog_settings_changed();
    cr_assert_eq(slow_command_ticks, UINT64_MAX);
}

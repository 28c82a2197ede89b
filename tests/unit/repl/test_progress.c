/* Phases, percent, rate and time left of a synchronisation, by a clock of the test's. */
#include <criterion/criterion.h>
#include "repl/progress.h"

#include <string.h>

#define MB ((uint64_t)1 << 20)

Test(progress, none_is_none) {
    struct progress p = {0};
    struct progress_view v = progress_view(&p, 5000);
    cr_assert_str_eq(v.phase, "none");
    cr_assert_eq(v.elapsed_ms, 0);
    cr_assert_eq(v.left_ms, -1);
}

Test(progress, phases_add_up) {
    struct progress p;
    char text[200];
    progress_begin(&p, 1000);
    cr_assert_eq(progress_view(&p, 1700).elapsed_ms, 700);
    progress_enter(&p, SYNC_TRANSFER, 100, 2000);
    progress_enter(&p, SYNC_LOADING, 0, 5000);
    struct progress_view v = progress_view(&p, 5500);
    cr_assert_str_eq(v.phase, "loading");
    cr_assert_eq(v.phase_ms, 500);
    cr_assert_eq(v.elapsed_ms, 4500);
    progress_enter(&p, SYNC_DONE, 0, 6000);
    cr_assert_eq(progress_view(&p, 99000).elapsed_ms, 5000, "done is done");
    progress_summary(text, sizeof text, &p);
    cr_assert_str_eq(text, "waiting 1 s, transfer 3 s, loading 1 s");
}

Test(progress, rate_and_time_left) {
    struct progress p;
    char text[200];
    progress_begin(&p, 0);
    progress_enter(&p, SYNC_TRANSFER, 100 * MB, 0);
    for (int64_t ms = 0; ms <= 4000; ms += 100) progress_at(&p, (uint64_t)ms * MB / 100, 100 * MB, ms);
    struct progress_view v = progress_view(&p, 4000);
    cr_assert_float_eq(v.percent, 40, 0.01);
    cr_assert_eq(v.rate, 10 * MB);
    cr_assert_eq(v.left_ms, 6000);
    progress_sentence(text, sizeof text, &p, 4000);
    cr_assert_str_eq(text, "transfer for 4 s, 40mb of 100mb (40%), 10mb/s, 6 s left");
}

Test(progress, the_rate_follows_and_a_stall_shows) {
    struct progress p;
    char text[200];
    progress_begin(&p, 0);
    progress_enter(&p, SYNC_TRANSFER, 0, 0);
    for (int64_t ms = 0; ms <= 1000; ms += 250) progress_at(&p, (uint64_t)ms * 1000, 0, ms);
    cr_assert_eq(progress_view(&p, 1000).rate, 1000000);
    for (int64_t ms = 1250; ms <= 11000; ms += 250)
        progress_at(&p, 1000000 + (uint64_t)(ms - 1000) * 10, 0, ms);
    cr_assert_lt(progress_view(&p, 11000).rate, 20000, "it is slow now");
    cr_assert_eq(progress_view(&p, 20000).rate, 0);
    progress_sentence(text, sizeof text, &p, 20000);
    cr_assert(strstr(text, ", stalled"), "%s", text);
    cr_assert_eq(progress_view(&p, 11000).left_ms, -1, "of an unknown length");
    cr_assert_eq(progress_view(&p, 11000).percent, -1);
}

Test(progress, before_the_first_mark_the_average_is_told) {
    struct progress p;
    progress_begin(&p, 0);
    progress_enter(&p, SYNC_TRANSFER, 1000, 0);
    progress_at(&p, 500, 1000, 100);
    cr_assert_eq(progress_view(&p, 100).rate, 5000);
    cr_assert_eq(progress_view(&p, 100).left_ms, 100);
}

Test(progress, more_than_announced_is_all) {
    struct progress p;
    progress_begin(&p, 0);
    progress_enter(&p, SYNC_TRANSFER, 1000, 0);
    progress_at(&p, 1500, 1000, 300);
    cr_assert_float_eq(progress_view(&p, 300).percent, 100, 0.01);
    cr_assert_eq(progress_view(&p, 300).left_ms, 0);
}

Test(progress, a_clock_that_goes_back_does_no_harm) {
    struct progress p;
    progress_begin(&p, 100000);
    progress_enter(&p, SYNC_TRANSFER, 1000, 100000);
    progress_at(&p, 100, 1000, 50000);
    progress_at(&p, 200, 1000, 51000);
    struct progress_view v = progress_view(&p, 51000);
    cr_assert_eq(v.rate, 100);
    cr_assert_eq(v.phase_ms, 0);
    progress_enter(&p, SYNC_DONE, 0, 51000);
    cr_assert_eq(progress_view(&p, 51000).elapsed_ms, 0);
}

Test(progress, sentences_fit_what_they_are_given) {
    struct progress p;
    char text[16];
    progress_begin(&p, 0);
    progress_enter(&p, SYNC_TRANSFER, 100 * MB, 10);
    progress_at(&p, MB, 100 * MB, 1000);
    progress_sentence(text, sizeof text, &p, 1000);
    cr_assert_eq(strlen(text), sizeof text - 1);
    progress_summary(text, sizeof text, &p);
    cr_assert_str_eq(text, "waiting 0.01 s");
}

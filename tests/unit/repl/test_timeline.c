/* When which byte was written: lags in time, and rates. */
#include <criterion/criterion.h>
#include "repl/timeline.h"

static struct timeline t; /* each test has a process of its own */

Test(timeline, empty_knows_nothing) {
    cr_assert_eq(timeline_age_ms(&t, 5, 1000), 0);
    cr_assert_eq(timeline_rate(&t, 60000, 1000), 0);
    cr_assert_eq(timeline_peak_rate(&t, 60000), 0);
}

/* 100 bytes every 20 ms. */
static void steady(int64_t from_ms, int64_t to_ms) {
    for (int64_t ms = from_ms; ms <= to_ms; ms += 20) timeline_note(&t, ms * 5, ms);
}

Test(timeline, age_of_a_byte) {
    steady(0, 3000);
    cr_assert_eq(timeline_age_ms(&t, 15000, 3000), 0);
    cr_assert_eq(timeline_age_ms(&t, 15000, 3500), 500);
    cr_assert_eq(timeline_age_ms(&t, 15001, 3500), 0, "not written yet");
    cr_assert_eq(timeline_age_ms(&t, 10000, 3000), 1000);
    cr_assert_eq(timeline_age_ms(&t, 9999, 3000), 1000, "it came with the sample that first had it");
}

Test(timeline, older_than_the_fine_samples) {
    steady(0, 60000);
    cr_assert_eq(timeline_age_ms(&t, 50000, 60000), 50000);
    cr_assert_eq(timeline_age_ms(&t, 50001, 60000), 49000, "to the second");
    cr_assert_eq(timeline_age_ms(&t, 1, 60000), 59000);
}

Test(timeline, older_than_all) {
    for (int64_t s = 0; s < 5000; s++) timeline_note(&t, s * 10, s * 1000);
    cr_assert_eq(timeline_age_ms(&t, 1, 4999000), 4095000, "at least");
}

Test(timeline, rates) {
    steady(0, 10000);
    cr_assert_eq(timeline_rate(&t, 60000, 10000), 5000, "less than the window is there");
    for (int64_t s = 11; s <= 100; s++) timeline_note(&t, 50000, s * 1000);
    cr_assert_eq(timeline_rate(&t, 60000, 100000), 0, "idle for a minute");
    cr_assert_eq(timeline_peak_rate(&t, 5000), 5000);
    cr_assert_eq(timeline_peak_rate(&t, 20000), 2500);
    cr_assert_eq(timeline_peak_rate(&t, 200000), 0, "no window that long");
}

Test(timeline, a_burst_before_a_gap_was_the_busiest_minute) {
    for (int64_t s = 0; s <= 30; s++) timeline_note(&t, s < 6 ? s * 1000 : 6000, s * 1000);
    timeline_note(&t, 6000, 130000); /* the loop was blocked by long work */
    cr_assert_eq(timeline_peak_rate(&t, 60000), 100);
    timeline_note(&t, 26000, 230000);
    cr_assert_eq(timeline_peak_rate(&t, 60000), 200);
}

Test(timeline, another_history_begins_anew) {
    steady(0, 3000);
    timeline_note(&t, 7, 4000);
    timeline_note(&t, 1007, 5000);
    cr_assert_eq(timeline_rate(&t, 60000, 5000), 1000);
    cr_assert_eq(timeline_age_ms(&t, 1000, 6000), 1000);
    timeline_forget(&t);
    timeline_note(&t, 1000000, 6000);
    timeline_note(&t, 1000500, 7000);
    cr_assert_eq(timeline_rate(&t, 60000, 7000), 500, "the way to its offset was not written");
    cr_assert_eq(timeline_age_ms(&t, 1000, 7000), 1000, "no more is known");
    timeline_note(&t, 2007, 4500); /* the clock was set back */
    cr_assert_eq(timeline_rate(&t, 60000, 5000), 0);
}

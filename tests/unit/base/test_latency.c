/* The latency monitor: its threshold, one sample a second, the ring, forgetting. */
#include "base/latency.h"

#include <criterion/criterion.h>

Test(latency, off_means_nothing_is_kept) {
    latency_note("fork", 1000);
    cr_assert_eq(latency_start(), 0);
    cr_assert_null(latency_at(0));
}

Test(latency, keeps_what_reaches_the_threshold) {
    latency_threshold_ms = 10;
    latency_note("fork", 9);
    cr_assert_null(latency_find(SLICE("fork")));
    latency_note("fork", 10);
    latency_note("command", 11);
    const struct latency_event *e = latency_find(SLICE("fork"));
    cr_assert_eq(e, latency_at(0));
    cr_assert_eq(latency_last(e)->ms, 10);
    cr_assert_null(latency_find(SLICE("FORK")));
    cr_assert_str_eq(latency_at(1)->name, "command");
    cr_assert_null(latency_at(2));
}

/* However many seconds this test takes: what is kept are the worst of each. */
Test(latency, keeps_the_worst_of_a_second) {
    latency_threshold_ms = 1;
    for (int i = 1; i <= 1000; i++) latency_note("command", i);
    const struct latency_event *e = latency_at(0);
    cr_assert_eq(e->worst_ms, 1000);
    cr_assert_eq(latency_last(e)->ms, 1000);
    struct latency_summary s = latency_summarize(e, latency_last(e)->time_s);
    cr_assert(s.samples < 1000 && s.max_ms == 1000 && s.all_time_ms == 1000);
    cr_assert(s.average_ms >= s.min_ms && s.average_ms <= s.max_ms && s.period_s > 0);
}

Test(latency, samples_come_oldest_first_from_a_full_ring) {
    struct latency_event e = {.name = "x"};
    cr_assert_null(latency_sample_at(&e, 0));
    for (int i = 0; i < LATENCY_SAMPLES + 5; i++) {
        e.ring[e.next] = (struct latency_sample){1000 + i, (uint32_t)i};
        e.next = (e.next + 1) % LATENCY_SAMPLES;
        cr_assert_eq(latency_last(&e)->ms, (uint32_t)i);
    }
    for (int i = 0; i < LATENCY_SAMPLES; i++) cr_assert_eq(latency_sample_at(&e, i)->ms, (uint32_t)i + 5);
    cr_assert_null(latency_sample_at(&e, LATENCY_SAMPLES));
    struct latency_summary s = latency_summarize(&e, 1005 + LATENCY_SAMPLES);
    cr_assert(s.samples == LATENCY_SAMPLES && s.min_ms == 5 && s.max_ms == LATENCY_SAMPLES + 4);
    cr_assert_float_eq(s.period_s, 1.0, 0.01);
}

Test(latency, forgets) {
    latency_threshold_ms = 1;
    latency_note("a", 1);
    latency_note("b", 2);
    latency_note("c", 3);
    cr_assert(latency_forget(SLICE("b")));
    cr_assert(!latency_forget(SLICE("b")));
    cr_assert_str_eq(latency_at(1)->name, "c");
    cr_assert_eq(latency_forget_all(), 2);
    cr_assert_null(latency_at(0));
}

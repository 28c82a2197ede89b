/* What is held back for the sake of others: a token bucket, back-pressure, the standstill of a snapshot child. By clocks of
 * the test's. */
#include <criterion/criterion.h>
#include "repl/pressure.h"
#include "repl/throttle.h"
#include "repl/standstill.h"

#define MB ((uint64_t)1 << 20)

/* How much goes through in `ms`, when all that is allowed is taken as soon as it is. */
static uint64_t through(struct throttle *t, uint64_t rate, uint64_t ms) {
    uint64_t sum = 0, now_us = 1000000;
    for (uint64_t end = now_us + ms * 1000; now_us < end;) {
        uint64_t n = throttle_allows(t, rate, now_us);
        throttle_take(t, n);
        sum += n;
        now_us += (uint64_t)throttle_wait_ms(t, rate) * 1000;
    }
    return sum;
}

Test(throttle, gives_its_rate) {
    static const uint64_t rates[] = {2000, 100000, 10 * MB, 5000 * MB};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        struct throttle t = {0};
        uint64_t got = through(&t, rates[i], 10000);
        cr_assert(got <= rates[i] * 10 + rates[i] / 10 + 2048, "%llu", (unsigned long long)got);
        cr_assert(got >= rates[i] * 9, "%llu of %llu", (unsigned long long)got, (unsigned long long)rates[i]);
    }
}

Test(throttle, what_was_not_used_is_not_saved_up) {
    struct throttle t = {0};
    throttle_take(&t, throttle_allows(&t, MB, 1));
    cr_assert_leq(throttle_allows(&t, MB, 3600000000), MB / 50 + 1);
}

Test(throttle, what_was_taken_beyond_is_waited_for) {
    struct throttle t = {0};
    throttle_allows(&t, MB, 1);
    throttle_take(&t, 2 * MB);
    cr_assert_eq(throttle_allows(&t, MB, 1000001), 0);
    cr_assert_geq(throttle_wait_ms(&t, MB), 900);
    cr_assert_gt(throttle_allows(&t, MB, 3000001), 0);
}

static int64_t once(uint64_t lag, uint64_t limit, int percent, uint64_t written) {
    struct pressure p = {0};
    return pressure_pause_ms(&p, lag, limit, percent, written, 1000);
}

Test(pressure, nobody_is_slowed_without_need) {
    cr_assert_eq(once(100 * MB, 0, 50, MB), 0, "no limit");
    cr_assert_eq(once(100 * MB, 200 * MB, 0, MB), 0, "off");
    cr_assert_eq(once(99 * MB, 200 * MB, 50, MB), 0, "below");
    cr_assert_eq(once(101 * MB, 200 * MB, 50, 0), 0, "nothing was written");
}

Test(pressure, the_nearer_the_slower) {
    int64_t before = 0;
    for (uint64_t lag = 100; lag <= 210; lag += 10) {
        int64_t ms = once(lag * MB, 200 * MB, 50, 20000);
        cr_assert_geq(ms, before, "%d", (int)lag);
        before = ms;
    }
    cr_assert_eq(before, PRESSURE_PAUSE_MS_MAX, "and never longer at once");
}

Test(pressure, small_writes_add_up) {
    struct pressure p = {0};
    int paused = 0;
    for (int i = 0; i < 1000; i++) paused += pressure_pause_ms(&p, 150 * MB, 200 * MB, 50, 500, 10) > 0;
    cr_assert_gt(paused, 500);
    for (int i = 0; i < 20; i++) pressure_pause_ms(&p, 150 * MB, 200 * MB, 50, 0, 1000000);
    cr_assert_eq(pressure_pause_ms(&p, 150 * MB, 200 * MB, 50, 500, 10), 0, "time pays it off");
}

Test(pressure, one_burst_is_not_held_against_writers_for_ever) {
    struct pressure p = {0};
    pressure_pause_ms(&p, 150 * MB, 200 * MB, 50, 100000 * MB, 10);
    cr_assert_gt(pressure_pause_ms(&p, 150 * MB, 200 * MB, 50, 0, 1000000), 0);
    cr_assert_eq(pressure_pause_ms(&p, 150 * MB, 200 * MB, 50, 0, 2000000), 0);
}

/* A replica that takes nothing at all, and writers that write what they may: it takes them longer than repl-timeout, which
 * drops such a replica, to come near the limit. */
Test(pressure, the_limit_is_far_for_long) {
    struct pressure p = {0};
    uint64_t lag = 90 * MB, now_us = 0, last_us = 0, limit = 200 * MB;
    while (lag < limit - 2 * MB) {
        uint64_t written = 50000; /* one turn's */
        lag += written;
        int64_t ms = pressure_pause_ms(&p, lag, limit, 50, written, now_us - last_us);
        last_us = now_us;
        now_us += 100 + (uint64_t)ms * 1000;
    }
    cr_assert_gt(now_us, 60000000, "%d ms", (int)(now_us / 1000));
}

static struct standstill_sample child(uint64_t keys, uint64_t bytes) {
    return (struct standstill_sample){.pid = 7, .keys = keys, .bytes = bytes};
}

Test(standstill, ends_who_stands_still) {
    struct standstill w = {0};
    struct standstill_sample s = child(0, 0);
    cr_assert_not(standstill_seen(&w, &s, 1000, 5000));
    cr_assert_not(standstill_seen(&w, &s, 5999, 5000));
    cr_assert(standstill_seen(&w, &s, 6000, 5000));
}

Test(standstill, any_progress_counts) {
    struct standstill w = {0};
    for (int i = 0; i < 20; i++) {
        struct standstill_sample s = child((uint64_t)i / 2, (uint64_t)(i + 1) / 2);
        cr_assert_not(standstill_seen(&w, &s, 1000 + i * 4000, 5000));
    }
}

Test(standstill, who_waits_for_us_is_not_to_blame) {
    struct standstill w = {0};
    struct standstill_sample s = child(5, 5);
    s.waits_for_us = true;
    for (int i = 0; i < 20; i++) cr_assert_not(standstill_seen(&w, &s, 1000 + i * 4000, 5000));
    s.waits_for_us = false;
    cr_assert_not(standstill_seen(&w, &s, 81000, 5000));
    cr_assert(standstill_seen(&w, &s, 83000, 5000));
}

Test(standstill, another_child_begins_anew) {
    struct standstill w = {0};
    struct standstill_sample s = child(5, 5), none = {.pid = -1};
    standstill_seen(&w, &s, 1000, 5000);
    s.pid = 8;
    cr_assert_not(standstill_seen(&w, &s, 7000, 5000));
    cr_assert_not(standstill_seen(&w, &none, 90000, 5000));
    cr_assert_not(standstill_seen(&w, &none, 190000, 5000));
    cr_assert_not(standstill_seen(&w, &s, 190000, 5000));
}

Test(standstill, zero_is_never) {
    struct standstill w = {0};
    struct standstill_sample s = child(5, 5);
    for (int i = 0; i < 5; i++) cr_assert_not(standstill_seen(&w, &s, i * 1000000, 0));
}

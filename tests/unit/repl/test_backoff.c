/* When to try again: delays, their bounds, their jitter. */
#include <criterion/criterion.h>
#include "repl/backoff.h"

enum { MAX_MS = 10000 };

static uint64_t fails(struct backoff *b, bool costly, uint64_t chance) {
    backoff_failed(b, costly, MAX_MS, chance, 1000000);
    return b->due_ms ? b->due_ms - 1000000 : 0;
}

Test(backoff, the_first_retry_is_at_once) {
    struct backoff b = {0};
    cr_assert(backoff_due(&b, 0));
    cr_assert_eq(fails(&b, true, 0), 0);
    cr_assert(backoff_due(&b, 1000000));
}

/* chance 25 is the middle: no jitter. */
Test(backoff, what_cost_the_master_a_snapshot_waits_from_the_second_on) {
    static const uint64_t delays[] = {0, 1000, 2000, 4000, 8000, 10000, 10000};
    struct backoff b = {0};
    for (int i = 0; i < 7; i++) cr_assert_eq(fails(&b, true, 25), delays[i], "%d", i);
    cr_assert_not(backoff_due(&b, 1000000));
    cr_assert_not(backoff_due(&b, 1009999));
    cr_assert(backoff_due(&b, 1010000));
    backoff_reset(&b);
    cr_assert_eq(fails(&b, true, 25), 0);
}

Test(backoff, a_closed_door_is_tried_a_few_times_first) {
    static const uint64_t delays[] = {0, 0, 0, 0, 0, 1000, 2000, 4000, 8000, 10000};
    struct backoff b = {0};
    for (int i = 0; i < 10; i++) cr_assert_eq(fails(&b, false, 25), delays[i], "%d", i);
    for (int i = 0; i < 1000; i++) cr_assert_leq(fails(&b, false, (uint64_t)i), MAX_MS);
}

Test(backoff, jitter_stays_within_a_quarter_and_the_bound) {
    for (uint64_t chance = 0; chance < 1000; chance++) {
        struct backoff b = {.costly = 2};
        uint64_t ms = fails(&b, true, chance);
        cr_assert(ms >= 1500 && ms <= 2500, "%d", (int)ms);
        b.costly = 10;
        ms = fails(&b, true, chance);
        cr_assert(ms >= 7500 && ms <= MAX_MS, "%d", (int)ms);
    }
}

Test(backoff, without_a_bound_nobody_waits) {
    struct backoff b = {0};
    for (int i = 0; i < 20; i++) {
        backoff_failed(&b, i & 1, 0, 7, 5);
        cr_assert(backoff_due(&b, 5));
    }
}

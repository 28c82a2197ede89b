/* Advice: which facts lead to which sentences. */
#include <criterion/criterion.h>
#include "repl/advice.h"

#include <string.h>

#define MB ((uint64_t)1 << 20)

static char out[ADVICE_MAX][ADVICE_BYTES];

Test(advice, nothing_to_say) {
    struct advice_facts f = {0};
    cr_assert_eq(advise(&f, out), 0);
    f.rate = 1000; /* no log: nobody follows */
    cr_assert_eq(advise(&f, out), 0);
}

Test(advice, how_long_the_backlog_lasts) {
    struct advice_facts f = {.backlog_active = true, .backlog_bytes = 14 * MB, .rate = MB};
    cr_assert_eq(advise(&f, out), 1);
    cr_assert_str_eq(out[0],
                     "the backlog covers 14 s of writes at today's rate (1.0mb/s); 300mb would cover 5 min");
    f.backlog_bytes = 600 * MB;
    cr_assert_eq(advise(&f, out), 1);
    cr_assert_str_eq(out[0], "the backlog covers 10 min of writes at today's rate (1.0mb/s)");
    f.peak_rate = 2 * MB;
    advise(&f, out);
    cr_assert_str_eq(out[0], "the backlog covers 5 min of writes at the busiest minute's rate (2.0mb/s)");
}

Test(advice, a_history_that_was_too_short) {
    struct advice_facts f = {
        .backlog_active = true, .backlog_bytes = MB, .too_old = 1, .too_old_bytes = 40 * MB};
    cr_assert_eq(advise(&f, out), 1);
    cr_assert_str_eq(
        out[0], "1 full resynchronisation was because the backlog of 1.0mb was too short, by up to 40mb: "
                "repl-backlog-size 50mb would have made it partial");
}

Test(advice, a_limit_that_ends_full_syncs) {
    struct advice_facts f = {.backlog_active = true,
                             .backlog_bytes = 100 * MB,
                             .rate = 10 * MB,
                             .full_sync_ms = 30000,
                             .hard_limit = 256 * MB};
    cr_assert_eq(advise(&f, out), 2);
    cr_assert(strstr(out[0], "in which 300mb are written"), "%s", out[0]);
    cr_assert(strstr(out[0], "would end it"), "%s", out[0]);
    f.hard_limit = 512 * MB;
    advise(&f, out);
    cr_assert(strstr(out[0], "is close to ending it"), "%s", out[0]);
    f.hard_limit = 0;
    cr_assert_eq(advise(&f, out), 1, "no limit, no danger");
    f.soft_limit = 64 * MB;
    f.soft_seconds = 60;
    cr_assert_eq(advise(&f, out), 1, "it is over before the soft limit's seconds are");
    f.soft_seconds = 10;
    cr_assert_eq(advise(&f, out), 2);
}

Test(advice, the_most_urgent_comes_first) {
    struct advice_facts f = {.backlog_active = true,
                             .backlog_bytes = MB,
                             .rate = MB,
                             .too_old = 3,
                             .too_old_bytes = MB,
                             .over_limit = 2,
                             .over_limit_bytes = 256 * MB};
    cr_assert_eq(advise(&f, out), 3);
    cr_assert_str_eq(
        out[0], "2 replicas were dropped at the output limit, up to 256mb behind: client-output-buffer-limit "
                "replica 550mb 0 0 would have kept them, repl-backpressure slows writers instead");
}

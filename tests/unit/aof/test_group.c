/* Group commit: when a turn that wrote waits for others, and when it doesn't. */
#include <criterion/criterion.h>

#include "client/client.h"
#include "event/loop.h"
#include "log_fixture.h"

static void setup(void) {
    log_fixture_begin();
    aof_config.fsync = AOF_FSYNC_ALWAYS;
    log_fixture_file("one");
    aof_writer_flush(false);
    client_stats.reads = 0;
    aof_group_synced(1000000); /* a slow disk: the clock does not decide */
    log_fixture_ping();
}

TestSuite(aof_group, .init = setup, .fini = log_fixture_end);

/* A group of so many reads; what it would still wait for when all have come. */
static bool waits_after(int reads) {
    client_stats.reads += (uint64_t)reads;
    return aof_group_wait_us() >= 0;
}

Test(aof_group, one_client_never_waits) {
    for (int i = 0; i < 5; i++) {
        cr_assert_not(waits_after(1));
        aof_group_synced(1000000);
    }
}

Test(aof_group, as_many_as_last_time_are_waited_for) {
    client_stats.reads += 10;
    aof_group_synced(1000000);
    cr_assert(waits_after(9));
    cr_assert_not(waits_after(1));
    aof_group_synced(1000000);
    cr_assert(waits_after(9), "they came, so it is worth it again");
    cr_assert_not(waits_after(1));
}

Test(aof_group, not_for_long) {
    client_stats.reads += 10;
    aof_group_synced(1000000);
    cr_assert(waits_after(1));
    cr_assert_leq(aof_group_wait_us(), 2000);
    while (aof_group_wait_us() >= 0) continue; /* it ends */
}

/* Each time that they don't come, more groups go ahead before the next that waits. */
Test(aof_group, gives_up_when_nobody_comes) {
    int waited = 0;
    for (int i = 0; i < 1 + 1 + 1 + 3 + 1 + 7; i++) {
        client_stats.reads += 10;
        aof_group_synced(1000000); /* expects ten... */
        waited += waits_after(1);  /* ...and one came */
        aof_group_synced(1000000);
    }
    cr_assert_lt(waited, 8);
    cr_assert_gt(waited, 2);
}

Test(aof_group, only_with_always_and_only_for_writes) {
    client_stats.reads += 10;
    aof_group_synced(1000000);
    cr_assert(waits_after(1));
    aof_config.fsync = AOF_FSYNC_EVERYSEC;
    cr_assert_not(waits_after(1));
    aof_config.fsync = AOF_FSYNC_ALWAYS;
    aof_writer_flush(false);
    cr_assert_eq(aof_unwritten_bytes(), 0);
    cr_assert_not(waits_after(1), "nothing to commit");
}

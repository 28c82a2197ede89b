/* Replication with the real redis-server on either side and in the middle. */
#include "support/scenarios.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

Test(peer_full_sync, real_follows_ours_from_disk) {
    scenario_full_sync(TANDEM, REDIS, false);
}
Test(peer_full_sync, real_follows_ours_diskless) {
    scenario_full_sync(TANDEM, REDIS, true);
}
Test(peer_full_sync, ours_follows_real_from_disk) {
    scenario_full_sync(REDIS, TANDEM, false);
}
Test(peer_full_sync, ours_follows_real_diskless) {
    scenario_full_sync(REDIS, TANDEM, true);
}

Test(peer_partial, real_follows_ours) {
    scenario_partial_after_cut(TANDEM, REDIS);
}
Test(peer_partial, ours_follows_real) {
    scenario_partial_after_cut(REDIS, TANDEM);
}
Test(peer_partial, real_past_our_backlog) {
    scenario_full_past_backlog(TANDEM, REDIS);
}
Test(peer_partial, ours_past_real_backlog) {
    scenario_full_past_backlog(REDIS, TANDEM);
}
Test(peer_partial, cuts_real_follows_ours) {
    scenario_random_cuts(TANDEM, REDIS, 30);
}
Test(peer_partial, cuts_ours_follows_real) {
    scenario_random_cuts(REDIS, TANDEM, 30);
}

/* A real master that comes back without its data: ours keeps what it has, until told otherwise. */
Test(peer_full_sync, ours_does_not_follow_a_real_one_into_emptiness) {
    struct srv *p = srv_start(REDIS, "%s", ""), *r = srv_start(TANDEM, "%s", "");
    EXPECT(p, "OK", "SET precious data");
    srv_replicate(r, p);
    wait_same(r, p);
    srv_kill(p);
    srv_restart(p);
    EXPECT(p, "(integer) 0", "DBSIZE");
    WAIT_UNTIL(strcmp(srv_info(r, "master_link_held"), "empty-master") == 0);
    EXPECT(r, "\"data\"", "GET precious");
    EXPECT(r, "OK", "CONFIG SET replica-guard-empty-master no");
    wait_same(r, p);
    EXPECT(r, "(integer) 0", "DBSIZE");
    srv_free(r);
    srv_free(p);
}

Test(peer_chain, real_ours_real) {
    scenario_chain(REDIS, TANDEM, REDIS);
}
Test(peer_chain, ours_real_ours) {
    scenario_chain(TANDEM, REDIS, TANDEM);
}
Test(peer_chain, ours_ours_real) {
    scenario_chain(TANDEM, TANDEM, REDIS);
}

Test(peer_promotion, ours_promoted_over_real) {
    scenario_promotion(REDIS, TANDEM, REDIS);
}
Test(peer_promotion, real_promoted_over_ours) {
    scenario_promotion(TANDEM, REDIS, TANDEM);
}

Test(peer_expiry, real_follows_ours) {
    scenario_expiry(TANDEM, REDIS);
}
Test(peer_expiry, ours_follows_real) {
    scenario_expiry(REDIS, TANDEM);
}

/* Both ways to receive it: a file with its length (to disk) or the stream with its mark, beside the old data. */
Test(peer_full_sync, ours_swaps_in_what_the_real_one_sends) {
    for (int diskless = 0; diskless < 2; diskless++) {
        struct srv *p = srv_start(REDIS, "--repl-backlog-size 16kb --repl-diskless-sync %s",
                                  diskless ? "yes" : "no"),
                   *r = srv_start(TANDEM, "--repl-diskless-load swapdb");
        write_load(p, 500);
        EXPECT(r, "OK", "SET own data");
        srv_replicate(r, p);
        wait_same(r, p);
        EXPECT(r, "(nil)", "GET own");
        EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", free_port()); /* away, but no master itself */
        for (int i = 0; i < 20; i++) EXPECT(p, "OK", "SET big:%d %02000d", i, i);
        srv_replicate(r, p);
        wait_same(r, p);
        cr_assert_eq(srv_info_int(p, "sync_full"), 2);
        cr_assert_eq(srv_log_count(r, "Swapping active DB with loaded DB"), 2);
        srv_free(r);
        srv_free(p);
    }
}

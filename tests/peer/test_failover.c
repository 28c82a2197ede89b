/* FAILOVER with the real redis-server as the one that hands over, as the target, or as a bystander; and every refusal of
 * the command, side by side. */
#include "support/scenarios.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

Test(peer_failover, real_hands_over_to_ours) {
    scenario_failover(REDIS, TANDEM, REDIS);
}
Test(peer_failover, ours_hands_over_to_real) {
    scenario_failover(TANDEM, REDIS, TANDEM);
}

struct rig { /* a primary of either kind, its replica, and a replica of that */
    struct srv *p, *r, *sub;
};

static struct rig rig_start(enum srv_kind kind) {
    struct rig g = {srv_start(kind, "%s", ""), srv_start(TANDEM, "%s", ""), srv_start(kind, "%s", "")};
    return g;
}

static void rig_free(struct rig *g) {
    srv_free(g->sub);
    srv_free(g->r);
    srv_free(g->p);
}

/* In each command %d stands for the replica's port. */
static void expect_same_answers(struct rig *ours, struct rig *real, bool to_sub,
                                const char *const *commands) {
    for (; *commands; commands++) {
        char mine[256], command[2][256];
        snprintf(command[0], sizeof command[0], "%s", *commands);
        snprintf(command[1], sizeof command[1], "%s", *commands);
        char *at = strstr(command[0], "PORT");
        if (at) {
            snprintf(at, 16, "%d", ours->r->port);
            strcat(command[0], *commands + (at - command[0]) + 4);
            snprintf(command[1] + (at - command[0]), 16, "%d", real->r->port);
            strcat(command[1], *commands + (at - command[0]) + 4);
        }
        snprintf(mine, sizeof mine, "%s", srv_cmd(to_sub ? ours->sub : ours->p, command[0]));
        const char *theirs = srv_cmd(to_sub ? real->sub : real->p, command[1]);
        cr_expect_str_eq(mine, theirs, "%s: %s, but really %s", *commands, mine, theirs);
    }
}

Test(peer_failover, every_refusal) {
    static const char *const alone[] = {"FAILOVER",
                                        "FAILOVER FORCE",
                                        "FAILOVER TO 127.0.0.1 1 FORCE",
                                        "FAILOVER ABORT",
                                        "FAILOVER ABORT ABORT",
                                        "FAILOVER ABORT TIMEOUT 1",
                                        "FAILOVER TIMEOUT",
                                        "FAILOVER TIMEOUT 0",
                                        "FAILOVER TIMEOUT -1",
                                        "FAILOVER TIMEOUT x",
                                        "FAILOVER TIMEOUT 1 TIMEOUT 2",
                                        "FAILOVER TO",
                                        "FAILOVER TO a",
                                        "FAILOVER TO a b",
                                        "FAILOVER TO a 99999999999999999999",
                                        "FAILOVER TO a 1 TO b 2",
                                        "FAILOVER FORCE FORCE",
                                        "FAILOVER NOW",
                                        "PSYNC a 1 FAILOVER",
                                        "PSYNC a x FAILOVER",
                                        NULL},
                             *with_replica[] = {"FAILOVER FORCE",
                                                "FAILOVER FORCE TIMEOUT 10",
                                                "FAILOVER FORCE TO 127.0.0.1 PORT",
                                                "FAILOVER TO 127.0.0.1 1",
                                                "FAILOVER TO 127.0.0.2 PORT",
                                                "FAILOVER TO nowhere 70000",
                                                "FAILOVER TO nowhere -1",
                                                NULL},
                             *on_replica[] = {"FAILOVER", "FAILOVER ABORT", "FAILOVER TIMEOUT 0",
                                              "PSYNC a 1 FAILOVER", NULL},
                             *meanwhile[] = {"SET x behind",
                                             "FAILOVER TO 127.0.0.1 PORT TIMEOUT 100000",
                                             "FAILOVER TO 127.0.0.1 PORT",
                                             "FAILOVER TIMEOUT 0",
                                             "FAILOVER FORCE",
                                             "REPLICAOF NO ONE",
                                             "REPLICAOF 127.0.0.1 1",
                                             "REPLICAOF a b",
                                             "PSYNC ? -1",
                                             "SYNC",
                                             "GET x",
                                             "CLIENT UNPAUSE",
                                             "FAILOVER ABORT",
                                             "FAILOVER ABORT",
                                             "SET x y",
                                             NULL};
    struct rig ours = rig_start(TANDEM), real = rig_start(REDIS);
    expect_same_answers(&ours, &real, false, alone);
    srv_replicate(ours.r, ours.p);
    srv_replicate(real.r, real.p);
    srv_replicate(ours.sub, ours.p);
    srv_replicate(real.sub, real.p);
    EXPECT(ours.p, "(integer) 2", "WAIT 2 60000"); /* online */
    EXPECT(real.p, "(integer) 2", "WAIT 2 60000");
    expect_same_answers(&ours, &real, false, with_replica);
    expect_same_answers(&ours, &real, true, on_replica);
    srv_freeze(ours.r);
    srv_freeze(real.r);
    expect_same_answers(&ours, &real, false, meanwhile);
    srv_thaw(ours.r);
    srv_thaw(real.r);
    rig_free(&real);
    rig_free(&ours);
}

/* The handshake between a replica and its primary, ended at every byte: the scenario of tests/integration/
 * test_handshake_cuts.c and tests/peer/test_peer_cuts.c.
 *
 * Many replicas follow one primary through one proxy. In each wave all links are cut, and the new connections are ended
 * after so many bytes up or down, each at another byte, while the primary writes. A replica comes again with its next tick;
 * then all must be together again by themselves, with no full resync but those that the primary had already decided. */
#ifndef TANDEM_TESTS_CUTS_H
#define TANDEM_TESTS_CUTS_H

#include "support/proxy.h"
#include "support/server.h"

struct cuts_case {
    enum srv_kind primary, replica;
    const char *primary_args, *replica_args; /* besides those of the scenario; NULL: none */
    bool full;                               /* every handshake of a wave ends in a full resync, else none */
    bool restart; /* full: the replicas are started anew, and cut off when they ask for what they never had */
    bool past;    /* the primary's history has a name of before */
    bool auth;    /* the primary wants a password */
    enum proxy_end end;
    bool by_turns; /* `end` is PROXY_FIN, but every other connection is reset */
    int replicas;  /* = bytes of one wave */
    int step;      /* every step-th byte; when TEST_SCALE is above 1 all of them, by_turns in both ways */
};

/* Fails the test when anything is not so. */
void cut_handshakes(const struct cuts_case *of);

#endif

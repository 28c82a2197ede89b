/* Links that end at every byte of the handshake, and of the snapshot's begin and end. See support/cuts.h; with the real
 * redis-server on one side: tests/peer/test_peer_cuts.c. */
#include "support/cuts.h"

#include <criterion/criterion.h>

/* Replicas of one wave: it lasts a second, however many they are. */
#ifdef __SANITIZE_ADDRESS__
#define MANY 64 /* they are large */
#else
#define MANY 96
#endif

Test(handshake_cuts, partial_ended) {
    cut_handshakes(&(struct cuts_case){.end = PROXY_FIN, .auth = true, .replicas = MANY, .step = 1});
}

Test(handshake_cuts, partial_reset) {
    cut_handshakes(&(struct cuts_case){.end = PROXY_RST,
                                       .past = true,
                                       .replica_args = "--replica-announce-ip 127.0.0.1",
                                       .replicas = MANY,
                                       .step = 1});
}

Test(handshake_cuts, full_by_file) {
    cut_handshakes(&(struct cuts_case){.full = true,
                                       .primary_args = "--repl-diskless-sync no",
                                       .auth = true,
                                       .by_turns = true,
                                       .replicas = MANY,
                                       .step = 1});
}

Test(handshake_cuts, full_diskless) {
    cut_handshakes(&(struct cuts_case){.full = true,
                                       .primary_args = "--repl-diskless-sync yes",
                                       .replica_args = "--repl-diskless-load swapdb",
                                       .by_turns = true,
                                       .replicas = MANY,
                                       .step = 1});
}

Test(handshake_cuts, full_after_start) {
    cut_handshakes(
        &(struct cuts_case){.full = true, .restart = true, .by_turns = true, .replicas = 48, .step = 5});
}

Test(handshake_cuts, silence_instead_of_a_partial_resync) {
    cut_handshakes(&(struct cuts_case){.end = PROXY_SILENCE, .auth = true, .replicas = 64, .step = 7});
}

Test(handshake_cuts, silence_instead_of_a_full_resync) {
    cut_handshakes(&(struct cuts_case){.end = PROXY_SILENCE,
                                       .full = true,
                                       .replica_args = "--repl-diskless-load swapdb",
                                       .replicas = 64,
                                       .step = 8});
}

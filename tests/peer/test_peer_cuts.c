/* Links between ours and the real redis-server that end at every few bytes of the handshake (TEST_SCALE=2: at every byte).
 * See support/cuts.h. */
#include "support/cuts.h"

#include <criterion/criterion.h>

Test(peer_cuts, ours_goes_on_with_a_real_primary) {
    cut_handshakes(&(struct cuts_case){
        .primary = REDIS, .replica = TANDEM, .auth = true, .by_turns = true, .replicas = 64, .step = 2});
}

Test(peer_cuts, ours_takes_all_from_a_real_primary) {
    cut_handshakes(&(struct cuts_case){
        .primary = REDIS, .replica = TANDEM, .full = true, .by_turns = true, .replicas = 48, .step = 4});
}

Test(peer_cuts, a_real_one_goes_on_with_ours) {
    cut_handshakes(&(struct cuts_case){
        .primary = TANDEM, .replica = REDIS, .auth = true, .by_turns = true, .replicas = 40, .step = 3});
}

Test(peer_cuts, a_real_one_takes_all_from_ours) {
    cut_handshakes(&(struct cuts_case){
        .primary = TANDEM, .replica = REDIS, .full = true, .by_turns = true, .replicas = 40, .step = 4});
}

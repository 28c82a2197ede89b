/* Acknowledgements: who has applied how much, for WAIT and min-replicas-to-write.
 *
 * The commands themselves are in command/. Asking costs each replica one round trip, so requests of one turn
 * share one GETACK, which goes into the log behind all that the turn wrote. */
#include "repl/peer.h"

static bool acks_wanted;
static void (*acked_hook)(void);

void repl_set_ack_hook(void (*acked)(void)) {
    acked_hook = acked;
}

void acks_heard(void) {
    if (acked_hook) acked_hook();
}

size_t repl_acked_by(int64_t offset) {
    size_t n = 0;
    for (const struct peer *p = peer_first(); p; p = p->next)
        n += p->m.state == PEER_ONLINE && p->ack_offset >= offset;
    return n;
}

size_t repl_good_replicas(void) {
    size_t n = 0;
    for (const struct peer *p = peer_first(); p; p = p->next)
        n += p->m.state == PEER_ONLINE && repl_now_s() - p->ack_s <= repl_config.min_replicas_max_lag_s;
    return n;
}

void repl_request_acks(void) {
    acks_wanted = true;
}

void acks_ask(void) {
    static const slice getack[] = {{"REPLCONF", 8}, {"GETACK", 6}, {"*", 1}};
    repl_append_command(-1, 3, getack);
}

bool acks_before_wait(void) {
    if (!acks_wanted || repl_failing_over()) return false; /* the request itself would move our offset */
    acks_wanted = false;
    acks_ask();
    return true;
}

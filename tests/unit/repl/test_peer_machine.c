/* The primary's view of a replica: every pair of state and event, legal or not. */
#include <criterion/criterion.h>
#include "repl/peer_machine.h"

#include <signal.h>

static struct {
    int entered;
    enum peer_state from;
} seen;

static void entered(void *ctx, enum peer_state from) {
    cr_assert_eq(ctx, &seen);
    seen.entered++;
    seen.from = from;
}

static bool holds(void *ctx, enum peer_state state) {
    (void)ctx;
    return state < PEER_STATES;
}

static bool holds_not(void *ctx, enum peer_state state) {
    (void)ctx;
    (void)state;
    return false;
}

static const struct peer_ops ops = {.entered = entered, .holds = holds};

struct expectation {
    enum peer_state in;
    enum peer_event ev;
    enum peer_state to; /* the same: taken without a move */
};

/* The table of peer_machine.c's comment, written out. Pairs not in it are refused. */
static const struct expectation table[] = {
    {PEER_HANDSHAKE, PEER_EV_PARTIAL, PEER_ONLINE},
    {PEER_HANDSHAKE, PEER_EV_FULL, PEER_WAIT_START},
    {PEER_HANDSHAKE, PEER_EV_CLOSED, PEER_GONE},
    {PEER_WAIT_START, PEER_EV_SNAPSHOT_DISK, PEER_WAIT_END},
    {PEER_WAIT_START, PEER_EV_SNAPSHOT_PIPE, PEER_SEND_PIPE},
    {PEER_WAIT_START, PEER_EV_SNAPSHOT_FAILED, PEER_GONE},
    {PEER_WAIT_START, PEER_EV_ACK, PEER_WAIT_START},
    {PEER_WAIT_START, PEER_EV_CLOSED, PEER_GONE},
    {PEER_WAIT_END, PEER_EV_SNAPSHOT_READY, PEER_SEND_FILE},
    {PEER_WAIT_END, PEER_EV_SNAPSHOT_FAILED, PEER_GONE},
    {PEER_WAIT_END, PEER_EV_ACK, PEER_WAIT_END},
    {PEER_WAIT_END, PEER_EV_CLOSED, PEER_GONE},
    {PEER_SEND_FILE, PEER_EV_SENT, PEER_ONLINE},
    {PEER_SEND_FILE, PEER_EV_ACK, PEER_SEND_FILE},
    {PEER_SEND_FILE, PEER_EV_CLOSED, PEER_GONE},
    {PEER_SEND_PIPE, PEER_EV_SNAPSHOT_READY, PEER_WAIT_ACK},
    {PEER_SEND_PIPE, PEER_EV_SNAPSHOT_FAILED, PEER_GONE},
    {PEER_SEND_PIPE, PEER_EV_ACK, PEER_SEND_PIPE},
    {PEER_SEND_PIPE, PEER_EV_CLOSED, PEER_GONE},
    {PEER_WAIT_ACK, PEER_EV_ACK, PEER_ONLINE},
    {PEER_WAIT_ACK, PEER_EV_CLOSED, PEER_GONE},
    {PEER_ONLINE, PEER_EV_ACK, PEER_ONLINE},
    {PEER_ONLINE, PEER_EV_CLOSED, PEER_GONE},
    {PEER_RDB_SENT, PEER_EV_ACK, PEER_RDB_SENT},
    {PEER_RDB_SENT, PEER_EV_CLOSED, PEER_GONE},
};

static const struct expectation *expected(enum peer_state s, enum peer_event ev) {
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].in == s && table[i].ev == ev) return &table[i];
    return NULL;
}

static struct peer_machine machine_in(enum peer_state s) {
    struct peer_machine m;
    peer_machine_init(&m, &ops, &seen);
    cr_assert_eq(m.state, PEER_HANDSHAKE);
    m.state = s;
    seen.entered = 0;
    return m;
}

Test(peer_machine, every_state_and_event) {
    int taken = 0;
    for (int s = 0; s < PEER_STATES; s++) {
        for (int ev = 0; ev < PEER_EVENTS; ev++) {
            struct peer_machine m = machine_in((enum peer_state)s);
            const struct expectation *e = expected(m.state, (enum peer_event)ev);
            cr_assert_eq(peer_step(&m, (enum peer_event)ev), e != NULL, "state %s event %d",
                         peer_state_name(s), ev);
            enum peer_state to = e ? e->to : (enum peer_state)s;
            cr_assert_eq(m.state, to, "state %s event %d", peer_state_name(s), ev);
            cr_assert_eq(seen.entered, to != (enum peer_state)s, "effects run exactly on a move");
            if (seen.entered) cr_assert_eq(seen.from, (enum peer_state)s);
            taken += e != NULL;
        }
    }
    cr_assert_eq((size_t)taken, sizeof table / sizeof *table);
}

Test(peer_machine, moves_are_those_of_the_table) {
    for (int from = 0; from < PEER_STATES; from++) {
        for (int to = 0; to < PEER_STATES; to++) {
            bool wanted = to == PEER_RDB_SENT && (from == PEER_SEND_FILE || from == PEER_SEND_PIPE);
            for (size_t i = 0; i < sizeof table / sizeof *table; i++)
                if ((int)table[i].in == from && (int)table[i].to == to && from != to) wanted = true;
            cr_assert_eq(peer_may_move((enum peer_state)from, (enum peer_state)to), wanted, "%s -> %s",
                         peer_state_name(from), peer_state_name(to));
        }
    }
}

Test(peer_machine, rdb_only_never_streams) {
    struct peer_machine m = machine_in(PEER_SEND_FILE);
    m.rdb_only = true;
    cr_assert(peer_step(&m, PEER_EV_SENT));
    cr_assert_eq(m.state, PEER_RDB_SENT);
    m = machine_in(PEER_SEND_PIPE);
    m.rdb_only = true;
    cr_assert(peer_step(&m, PEER_EV_SNAPSHOT_READY));
    cr_assert_eq(m.state, PEER_RDB_SENT);
    m = machine_in(PEER_WAIT_END);
    m.rdb_only = true;
    cr_assert(peer_step(&m, PEER_EV_SNAPSHOT_READY));
    cr_assert_eq(m.state, PEER_SEND_FILE, "the file is still to be sent");
}

Test(peer_machine, a_broken_guarantee_aborts, .signal = SIGABRT) {
    static const struct peer_ops liar = {.entered = entered, .holds = holds_not};
    struct peer_machine m = machine_in(PEER_HANDSHAKE);
    m.ops = &liar;
    peer_step(&m, PEER_EV_FULL);
}

/* Effects may step on: a socket that breaks while the state is entered. */
static struct peer_machine *inner;
static void entered_and_closed(void *ctx, enum peer_state from) {
    (void)ctx;
    (void)from;
    if (inner->state != PEER_GONE) cr_assert(peer_step(inner, PEER_EV_CLOSED));
}

Test(peer_machine, an_effect_may_end_it) {
    static const struct peer_ops fragile = {.entered = entered_and_closed, .holds = holds};
    struct peer_machine m = machine_in(PEER_WAIT_END);
    m.ops = &fragile;
    inner = &m;
    cr_assert(peer_step(&m, PEER_EV_SNAPSHOT_READY));
    cr_assert_eq(m.state, PEER_GONE);
}

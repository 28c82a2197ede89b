/* What clients hold together, and who goes when it is too much. */
#include "base/alloc.h"
#include "fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void fini(void) {
    client_limit_memory(0);
    fx_fini();
}
TestSuite(client_memory, .init = fx_init, .fini = fini);

/* The beginning of a request that is longer than what comes: n bytes have to be kept. */
static void send_part(int peer, size_t n) {
    char *bytes = mem_alloc(n);
    memset(bytes, 'x', n);
    fx_say(peer, "*2\r\n$3\r\nLEN\r\n$9000000\r\n");
    fx_send(peer, bytes, n);
    fx_turns(2);
    mem_free(bytes, n);
}

static bool is_there(uint64_t id) {
    return client_by_id(id) != NULL;
}

struct three {
    int peer[3];
    struct client *c[3];
    uint64_t id[3];
};

static struct three connect_three(void) {
    struct three t;
    for (int i = 0; i < 3; i++) {
        t.c[i] = fx_connect(&t.peer[i]);
        t.id[i] = t.c[i]->id;
    }
    return t;
}

Test(client_memory, counts_what_is_held) {
    struct three t = connect_three();
    size_t idle = client_memory(t.c[0]);
    cr_assert_lt(idle, 1024);
    send_part(t.peer[0], 300000);
    cr_assert_geq(client_memory(t.c[0]), idle + 300000);
    cr_assert_leq(client_memory(t.c[0]), idle + 700000);
    fx_say(t.peer[1], "BIG 5000000\r\n");
    cr_assert_gt(client_memory(t.c[1]), idle + 1000000, "what the socket does not take");
    cr_assert_eq(client_memory(t.c[2]), idle);
}

Test(client_memory, without_a_limit_nobody_goes) {
    struct three t = connect_three();
    for (int i = 0; i < 3; i++) send_part(t.peer[i], 500000);
    cr_assert_eq(fx.closed, 0);
    cr_assert_eq(t.c[0]->charged_bytes, 0);
}

Test(client_memory, the_largest_goes) {
    struct three t = connect_three();
    client_limit_memory(1500000);
    send_part(t.peer[0], 100000);
    send_part(t.peer[1], 520000);
    cr_assert_eq(fx.closed, 0);
    send_part(t.peer[2], 220000);
    send_part(t.peer[1], 800000);
    cr_assert_eq(fx.closed, 1);
    cr_assert(is_there(t.id[0]) && !is_there(t.id[1]) && is_there(t.id[2]));
    cr_assert_eq(client_stats.evicted, 1);
    fx_say(t.peer[0], ""); /* and the others are served as before */
    cr_assert_not(fx_hung_up(t.peer[0]));
}

Test(client_memory, who_asked_for_it_stays) {
    struct three t = connect_three();
    client_limit_memory(1500000);
    t.c[1]->flags |= CLIENT_NO_EVICT;
    send_part(t.peer[0], 100000);
    send_part(t.peer[2], 300000);
    send_part(t.peer[1], 4000000);
    cr_assert_eq(fx.closed, 0, "nor does it count");
    t.c[1]->flags &= ~(uint32_t)CLIENT_NO_EVICT;
    send_part(t.peer[1], 1000);
    cr_assert_not(is_there(t.id[1]));
    cr_assert(is_there(t.id[0]) && is_there(t.id[2]));
}

Test(client_memory, a_slow_reader_goes) {
    struct three t = connect_three();
    client_limit_memory(3000000);
    fx_say(t.peer[1], "BIG 9000000\r\nPING\r\n");
    fx_turns(2);
    cr_assert_not(is_there(t.id[1]));
    cr_assert_eq(fx.executed, 1, "what comes behind is not executed");
    cr_assert(is_there(t.id[0]) && is_there(t.id[2]));
}

Test(client_memory, what_was_given_back_counts_no_more) {
    struct three t = connect_three();
    client_limit_memory(4000000);
    for (int i = 0; i < 20; i++) {
        fx_say(t.peer[i % 3], "BIG 900000\r\n");
        sds heard = fx_hear(t.peer[i % 3]);
        cr_assert_eq(sds_len(heard), 900000 + 11);
        sds_free(heard);
    }
    cr_assert_eq(fx.closed, 0);
    fx_turns(2);
    for (int i = 0; i < 3; i++) cr_assert_lt(t.c[i]->charged_bytes, 1024);
}

Test(client_memory, a_limit_set_later_meets_who_is_there) {
    struct three t = connect_three();
    send_part(t.peer[1], 900000);
    client_limit_memory(500000);
    fx_say(t.peer[0], "PING\r\n");
    fx_turns(2);
    cr_assert_not(is_there(t.id[1]));
    cr_assert(is_there(t.id[0]));
    client_limit_memory(0);
    send_part(t.peer[2], 900000);
    cr_assert(is_there(t.id[2]));
}

/* kill -9 in every state of a synchronisation (support/kills.h): the states of the replica's link (repl/link_machine.h), of the
 * primary's view of it (repl/peer_machine.h), and of a failover. The replica is killed once more with a replica of its own, as
 * the middle of a chain.
 *
 * A state without a scene fails the test `every_state_has_a_scene`. */
#include "support/kills.h"
#include "support/scenarios.h"
#include "support/session.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- ways into a state that are a scene's own --- */

static void be_a_master(struct stage *t) {
    EXPECT(t->r, "OK", "REPLICAOF NO ONE");
}

/* connect(2) itself fails. */
static void follow_nowhere(struct stage *t) {
    EXPECT(t->r, "OK", "REPLICAOF 255.255.255.255 1");
}

/* A listener whose queue is full answers no more SYN. */
static void follow_the_deaf(struct stage *t) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    t->fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert(bind(t->fd, (struct sockaddr *)&at, n) == 0 && listen(t->fd, 0) == 0);
    cr_assert_eq(getsockname(t->fd, (struct sockaddr *)&at, &n), 0);
    for (size_t i = 0; i < sizeof t->fd_more / sizeof *t->fd_more; i++) {
        t->fd_more[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        int failed = connect(t->fd_more[i], (struct sockaddr *)&at, n);
        cr_assert(failed == 0 || errno == EINPROGRESS);
    }
    EXPECT(t->r, "OK", "REPLICAOF 127.0.0.1 %d", ntohs(at.sin_port));
}

static void follow_itself(struct stage *t) {
    EXPECT(t->r, "OK", "REPLICAOF 127.0.0.1 %d", t->r->port);
}

/* One that was started again does so by itself. */
static void follow_again(struct stage *t) {
    if (t->run->victim != REPLICA) EXPECT(t->r, "OK", "REPLICAOF 127.0.0.1 %d", t->x->port);
}

/* Another one, that wanted the data only and does not hang up. */
static void fetch_data_only(struct stage *t) {
    t->fd = session_open(t->p);
    session_ask(t->fd, "REPLCONF rdb-only 1");
    session_say(t->fd, "SYNC");
    session_hear(t->fd, "REDIS0010");
}

static void fail_over_to_the_deaf(struct stage *t) {
    srv_freeze(t->r);
    kill_count(t, 1);
    EXPECT(t->p, "OK", "FAILOVER");
}

static void abort_failover(struct stage *t) {
    if (t->run->victim == REPLICA)
        EXPECT(t->p, "OK", "FAILOVER ABORT");
    else
        srv_thaw(t->r);
}

static void fail_over_by_a_slow_way(struct stage *t) {
    t->back = proxy_start(t->r->port);
    proxy_hold(t->back, 0, 0);
    EXPECT(t->r, "OK", "CONFIG SET replica-announce-port %d", t->back->port);
    char announced[64];
    snprintf(announced, sizeof announced, "port=%d,state=online", t->back->port);
    proxy_cut(t->x);
    WAIT_UNTIL(strstr(srv_info(t->p, "slave0"), announced));
    wait_same(t->r, t->p);
    EXPECT(t->p, "(integer) 1", "WAIT 1 60000");
    EXPECT(t->p, "OK", "FAILOVER");
    WAIT_UNTIL(strcmp(kill_moved_to(t->p, "Master link", "none"), "ping") == 0);
}

/* The target takes the role also after a restart, but not without the history whose master it is to be. */
static void settle_failover(struct stage *t) {
    WAIT_UNTIL(strcmp(srv_info(t->p, "master_failover_state"), "no-failover") == 0);
    bool taken = t->run->victim == REPLICA && t->run->keeps != NOTHING;
    cr_assert_str_eq(srv_info(t->r, "role"), taken ? "master" : "slave");
    cr_assert_str_eq(srv_info(t->p, "role"), taken ? "slave" : "master");
}

/* --- the scenes --- */

/* clang-format off */
#define SCENE(id, ...)                                                                                       \
    static const struct scene id = {.name = #id, __VA_ARGS__};                                               \
    Test(kill_states, id) { kill_play(&id); }                                                                     \
    Test(kill_states_of_a_middle, id) { kill_play_chain(&id); }

#define FOR_MINUTES "1000000" /* us, of each key */
#define SLOW_SAVE {"rdb-key-save-delay", FOR_MINUTES, "0"}
#define TO_DISK   "--repl-diskless-sync no"
#define BY_PIPE   "--repl-diskless-sync yes"
#define TO_FILE   "--repl-diskless-load disabled"
#define PARTIAL   {{REPLICA, AOF, 0}, {PRIMARY, AOF, 0}}
#define FULL      {{REPLICA, AOF, 1}, {PRIMARY, AOF, 1}}
#define FULL_FORKED {{REPLICA, AOF, 1}, {PRIMARY, AOF, 1}, {CHILD, AOF, 1}}

/* Without a connection. */
SCENE(no_master, .link = LINK_NONE, .peer = PEER_STATES, .role = "master", .lines = ALL,
      .enter = be_a_master, .leave = follow_again, .runs = PARTIAL)
SCENE(not_connected, .link = LINK_CONNECT, .peer = PEER_STATES, .role = "\"connect\"", .lines = ALL,
      .enter = follow_nowhere, .leave = follow_again, .runs = PARTIAL)
SCENE(link_held, .link = LINK_HELD, .peer = PEER_STATES, .role = "\"connect\"", .lines = ALL,
      .enter = follow_itself, .leave = follow_again, .runs = PARTIAL)
SCENE(connecting, .link = LINK_CONNECTING, .peer = PEER_STATES, .role = "\"connecting\"", .lines = ALL,
      .enter = follow_the_deaf, .leave = follow_again, .runs = PARTIAL)

/* In the handshake. */
SCENE(ping_sent, .link = LINK_PING, .peer = PEER_STATES, .role = "\"handshake\"", .lines = 0, .runs = PARTIAL)
SCENE(auth_sent, .link = LINK_AUTH, .peer = PEER_STATES, .role = "\"handshake\"", .lines = PONG, .runs = PARTIAL)
SCENE(port_sent, .link = LINK_PORT, .peer = PEER_HANDSHAKE, .role = "\"handshake\"", .lines = AUTHED, .runs = PARTIAL)
SCENE(ip_sent, .link = LINK_IP, .peer = PEER_HANDSHAKE, .role = "\"handshake\"", .lines = PORT_TAKEN, .runs = PARTIAL)
SCENE(capa_sent, .link = LINK_CAPA, .peer = PEER_HANDSHAKE, .role = "\"handshake\"", .lines = IP_TAKEN, .runs = PARTIAL)
SCENE(psync_sent, .link = LINK_PSYNC, .peer = PEER_ONLINE, .role = "\"handshake\"", .shown = "state=online",
      .lines = CAPA_TAKEN,
      .runs = {{REPLICA, AOF, 0}, {PRIMARY, AOF, 0}, {REPLICA, RDB, 0}, {PRIMARY, RDB, 0}, {REPLICA, NOTHING, 1},
               {PRIMARY, NOTHING, 1}})

/* Waiting for a snapshot. */
SCENE(snapshot_delayed, .link = LINK_PSYNC, .peer = PEER_WAIT_START, .role = "\"handshake\"", .shown = "state=wait_bgsave",
      .before = BEHIND, .lines = ALL, .p_args = BY_PIPE, .on_p = {"repl-diskless-sync-delay", "3600", "0"}, .runs = FULL)
SCENE(snapshot_to_disk, .link = LINK_PREAMBLE, .peer = PEER_WAIT_END, .role = "\"sync\"", .shown = "state=wait_bgsave",
      .before = BEHIND, .lines = ALL, .p_args = TO_DISK, .on_p = SLOW_SAVE, .runs = FULL_FORKED)
SCENE(snapshot_not_announced, .link = LINK_PREAMBLE, .peer = PEER_SEND_PIPE, .role = "\"sync\"", .shown = "state=wait_bgsave",
      .before = BEHIND, .lines = ANSWERED, .p_args = BY_PIPE, .on_p = SLOW_SAVE, .runs = FULL_FORKED)

/* Receiving it. */
SCENE(file_being_sent, .link = LINK_TRANSFER, .peer = PEER_SEND_FILE, .role = "\"sync\"", .shown = "state=send_bulk",
      .before = BEHIND, .lines = ALL, .p_args = TO_DISK, .on_p = {"repl-full-sync-rate", "100", "0"},
      .runs = {{REPLICA, AOF, 1}, {PRIMARY, AOF, 1}, {REPLICA, RDB, 1}, {PRIMARY, RDB, 1}, {REPLICA, NOTHING, 1},
               {PRIMARY, NOTHING, 1}})
SCENE(file_on_the_way, .link = LINK_TRANSFER, .peer = PEER_ONLINE, .role = "\"sync\"", .shown = "state=online",
      .before = BEHIND, .lines = ANNOUNCED, .bytes = 1000, .p_args = TO_DISK, .runs = FULL)
SCENE(pipe_being_sent, .link = LINK_TRANSFER, .peer = PEER_SEND_PIPE, .role = "\"sync\"", .shown = "state=wait_bgsave",
      .before = BEHIND, .lines = ALL, .p_args = BY_PIPE, .r_args = TO_FILE, .on_p = SLOW_SAVE, .runs = FULL_FORKED)
SCENE(pipe_on_the_way, .link = LINK_TRANSFER, .peer = PEER_WAIT_ACK, .role = "\"sync\"", .shown = "state=online",
      .before = BEHIND, .lines = ANNOUNCED, .bytes = 1000, .p_args = BY_PIPE, .r_args = TO_FILE,
      .runs = {{REPLICA, AOF, 1}, {PRIMARY, AOF, 1}, {PRIMARY, RDB, 0}})

/* Loading it. A file that has come whole needs no primary to be loaded. */
SCENE(file_loading, .link = LINK_LOADING, .peer = PEER_ONLINE, .role = "\"sync\"", .shown = "state=online",
      .before = BEHIND, .lines = ALL, .p_args = TO_DISK, .r_args = "--loading-process-events-interval-bytes 1024",
      .on_r = {"key-load-delay", "100000", "0"},
      .runs = {{REPLICA, AOF, 1}, {PRIMARY, AOF, 0}, {REPLICA, RDB, 1}, {REPLICA, NOTHING, 1}, {PRIMARY, NOTHING, 1}})
SCENE(pipe_loading_first, .link = LINK_LOADING, .peer = PEER_WAIT_ACK, .role = "\"sync\"", .shown = "state=online",
      .before = NEW, .lines = ANNOUNCED, .bytes = 1000, .p_args = BY_PIPE,
      .r_args = "--repl-diskless-load on-empty-db", .runs = FULL)
SCENE(pipe_loading_beside, .link = LINK_LOADING, .peer = PEER_WAIT_ACK, .role = "\"sync\"", .shown = "state=online",
      .before = BEHIND, .lines = ANNOUNCED, .bytes = 1000, .p_args = BY_PIPE, .r_args = "--repl-diskless-load swapdb",
      .runs = {{REPLICA, AOF, 1}, {PRIMARY, AOF, 1}, {REPLICA, RDB, 1}, {PRIMARY, RDB, 0}})

/* In step. With an RDB file only, the primary forgets what the replica has got since. */
SCENE(in_step, .link = LINK_CONNECTED, .peer = PEER_ONLINE, .role = "\"connected\"", .shown = "state=online", .lines = ALL,
      .runs = {{REPLICA, AOF, 0}, {PRIMARY, AOF, 0}, {REPLICA, RDB, 0}, {PRIMARY, RDB, 1}, {REPLICA, NOTHING, 1},
               {PRIMARY, NOTHING, 1}})
SCENE(data_only, .link = LINK_CONNECTED, .peer = PEER_RDB_SENT, .role = "\"connected\"", .lines = ALL, .p_args = TO_DISK,
      .enter = fetch_data_only, .runs = PARTIAL)

/* Handing over. */
SCENE(failover_waits, .link = LINK_CONNECTED, .peer = PEER_ONLINE, .shown = "state=online", .lines = ALL,
      .enter = fail_over_to_the_deaf, .leave = abort_failover, .failover = FAILOVER_WAIT_FOR_SYNC, .runs = PARTIAL)
SCENE(failover_under_way, .link = LINK_CONNECT, .peer = PEER_STATES, .lines = ALL, .enter = fail_over_by_a_slow_way,
      .leave = settle_failover, .failover = FAILOVER_IN_PROGRESS,
      .runs = {{REPLICA, AOF, 0}, {PRIMARY, AOF, 0}, {REPLICA, NOTHING, 1}})

static const struct scene *const scenes[] = {
    &no_master, &not_connected, &link_held, &connecting, &ping_sent, &auth_sent, &port_sent, &ip_sent, &capa_sent,
    &psync_sent, &snapshot_delayed, &snapshot_to_disk, &snapshot_not_announced, &file_being_sent, &file_on_the_way,
    &pipe_being_sent, &pipe_on_the_way, &file_loading, &pipe_loading_first, &pipe_loading_beside, &in_step, &data_only,
    &failover_waits, &failover_under_way,
};
/* clang-format on */

/* A peer that is gone holds nothing any more, and is freed in the same turn. */
static bool has_none(enum peer_state s) {
    return s == PEER_GONE;
}

/* How many scenes have `field` at s. */
#define SCENES_WITH(n, field, s)                                                                             \
    for (size_t i_ = 0; i_ < sizeof scenes / sizeof *scenes; i_++) n += (int)scenes[i_]->field == (s)

Test(kill_states, every_state_has_a_scene) {
    for (int s = 0, n = 0; s < LINK_STATES; s++, n = 0) {
        SCENES_WITH(n, link, s);
        cr_expect_gt(n, 0, "no scene for the link's state %s", link_state_name((enum link_state)s));
    }
    for (int s = 0, n = 0; s < PEER_STATES; s++, n = 0) {
        SCENES_WITH(n, peer, s);
        cr_expect(n > 0 || has_none((enum peer_state)s), "no scene for the primary's state %s",
                  peer_state_name((enum peer_state)s));
    }
    for (int s = 0, n = 0; s < FAILOVER_STATES; s++, n = 0) {
        SCENES_WITH(n, failover, s);
        cr_expect_gt(n, 0, "no scene for a failover's state %s", failover_state_name((enum failover_state)s));
    }
}

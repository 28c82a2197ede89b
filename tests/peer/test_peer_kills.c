/* kill -9 with a real redis-server on either side (support/kills.h). It keeps its history in RDB files only: with an append-only
 * file it comes back with the data and another history, so that a full synchronisation can't be avoided. */
#include "support/kills.h"

#include <criterion/criterion.h>

/* clang-format off */
#define SCENE(id, ...)                                                                                       \
    static const struct scene id = {.name = #id, __VA_ARGS__};                                               \
    Test(peer_kills, id) { kill_play(&id); }

#define OURS .p_kind = TANDEM, .r_kind = REDIS
#define REAL .p_kind = REDIS, .r_kind = TANDEM
#define SLOW_SAVE {"rdb-key-save-delay", "1000000", "0"}

/* Ours is the primary; of the replica only ROLE is seen. */
SCENE(real_in_handshake, OURS, .peer = PEER_HANDSHAKE, .role = "\"handshake\"", .lines = AUTHED,
      .runs = {{REPLICA, RDB, 0}, {REPLICA, AOF, 1}, {PRIMARY, AOF, 0}, {PRIMARY, RDB, 0}})
SCENE(real_waits_for_a_file, OURS, .peer = PEER_WAIT_END, .role = "\"sync\"", .shown = "state=wait_bgsave", .before = BEHIND,
      .lines = ALL, .p_args = "--repl-diskless-sync no", .on_p = SLOW_SAVE,
      .runs = {{REPLICA, RDB, 1}, {PRIMARY, AOF, 1}, {CHILD, AOF, 1}})
SCENE(real_is_sent_a_pipe, OURS, .peer = PEER_SEND_PIPE, .role = "\"sync\"", .shown = "state=wait_bgsave", .before = BEHIND,
      .lines = ALL, .p_args = "--repl-diskless-sync yes", .on_p = SLOW_SAVE,
      .runs = {{REPLICA, RDB, 1}, {PRIMARY, AOF, 1}, {CHILD, AOF, 1}})
SCENE(real_has_a_pipe_on_the_way, OURS, .peer = PEER_WAIT_ACK, .role = "\"sync\"", .shown = "state=online", .before = BEHIND,
      .lines = ANNOUNCED, .bytes = 1000, .p_args = "--repl-diskless-sync yes",
      .runs = {{REPLICA, RDB, 1}, {PRIMARY, AOF, 1}})
SCENE(real_in_step, OURS, .peer = PEER_ONLINE, .role = "\"connected\"", .shown = "state=online", .lines = ALL,
      .runs = {{REPLICA, RDB, 0}, {REPLICA, AOF, 1}, {PRIMARY, AOF, 0}, {PRIMARY, RDB, 1}})

/* Ours is the replica; of the primary only INFO is seen. */
SCENE(of_a_real_one_in_handshake, REAL, .link = LINK_CAPA, .role = "\"handshake\"", .lines = IP_TAKEN,
      .runs = {{REPLICA, AOF, 0}, {PRIMARY, AOF, 1}, {PRIMARY, RDB, 0}})
SCENE(of_a_real_one_before_its_file, REAL, .link = LINK_PREAMBLE, .role = "\"sync\"", .shown = "state=wait_bgsave",
      .before = BEHIND, .lines = ALL, .p_args = "--repl-diskless-sync no", .on_p = SLOW_SAVE,
      .runs = {{REPLICA, AOF, 1}, {PRIMARY, AOF, 1}, {CHILD, AOF, 1}})
SCENE(of_a_real_one_in_its_file, REAL, .link = LINK_TRANSFER, .role = "\"sync\"", .shown = "state=online", .before = BEHIND,
      .lines = ANNOUNCED, .bytes = 1000, .p_args = "--repl-diskless-sync no",
      .runs = {{REPLICA, AOF, 1}, {PRIMARY, AOF, 1}})
SCENE(of_a_real_one_loading, REAL, .link = LINK_LOADING, .role = "\"sync\"", .shown = "state=", .before = BEHIND,
      .lines = ANNOUNCED, .bytes = 1000, .p_args = "--repl-diskless-sync yes", .r_args = "--repl-diskless-load swapdb",
      .runs = {{REPLICA, AOF, 1}, {PRIMARY, AOF, 1}, {PRIMARY, RDB, 0}})
SCENE(of_a_real_one_in_step, REAL, .link = LINK_CONNECTED, .role = "\"connected\"", .shown = "state=online", .lines = ALL,
      .runs = {{REPLICA, AOF, 0}, {REPLICA, RDB, 0}, {PRIMARY, AOF, 1}, {PRIMARY, RDB, 1}})
/* clang-format on */

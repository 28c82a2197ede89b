/* The primary's side over a socket pair: the log and a snapshot file into a replica that reads as it likes. */
#include <criterion/criterion.h>
#include "base/clock.h"
#include "repl/link.h"
#include "repl/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ID "0123456789abcdef0123456789abcdef01234567"

static int far_end = -1; /* the replica's end, non-blocking */
static struct client *replica;

static void closed(struct client *c) {
    repl_client_closed(c);
    if (c == replica) replica = NULL;
}

static void setup(void) {
    static const struct client_hooks hooks = {.closing = repl_client_closing, .closed = closed};
    int pair[2];
    clock_update();
    ev_init();
    client_room_init();
    client_set_hooks(&hooks);
    repl_config.backlog_size_bytes = 16 << 20;
    repl_init();
    identity_adopt(ID);
    backlog_start(0);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    far_end = pair[0];
    replica = client_new(pair[1]);
}

static char byte_at(int64_t offset) {
    uint64_t x = (uint64_t)offset * 0x9e3779b97f4a7c15ull;
    return (char)(x >> 56);
}

static void append_n(size_t n) {
    char *p = malloc(n);
    for (size_t i = 0; i < n; i++) p[i] = byte_at(backlog_end() + 1 + (int64_t)i);
    backlog_append(p, n);
    free(p);
}

/* Turns the loop and reads until n bytes are there; false when nothing comes for many turns. */
static bool read_n(char *buf, size_t n, size_t most_at_once) {
    for (int idle = 0; n > 0 && idle < 100;) {
        ssize_t got = read(far_end, buf, n < most_at_once ? n : most_at_once);
        if (got > 0) {
            buf += got;
            n -= (size_t)got;
            idle = 0;
        } else {
            idle++;
        }
        ev_turn(0);
    }
    return n == 0;
}

static void expect_text(const char *text) {
    char buf[256];
    cr_assert(read_n(buf, strlen(text), sizeof buf), "nothing more came");
    cr_assert_arr_eq(buf, text, strlen(text));
}

static void expect_log(int64_t from, size_t n, size_t most_at_once) {
    char *buf = malloc(n);
    cr_assert(read_n(buf, n, most_at_once));
    for (size_t i = 0; i < n; i++) cr_assert_eq(buf[i], byte_at(from + (int64_t)i));
    free(buf);
}

static void nothing_more(void) {
    char c;
    for (int i = 0; i < 20; i++) ev_turn(0);
    cr_assert_eq(read(far_end, &c, 1), -1);
    cr_assert_eq(errno, EAGAIN);
}

static void psync2(void) {
    slice capa[] = {SLICE("REPLCONF"), SLICE("capa"), SLICE("eof"), SLICE("capa"), SLICE("psync2")};
    repl_replconf_command(replica, 5, capa);
    client_want_write(replica);
    expect_text("+OK\r\n");
}

static void replconf(const char *option, const char *value) {
    slice argv[] = {SLICE("REPLCONF"), slice_of(option), slice_of(value)};
    repl_replconf_command(replica, 3, argv);
    client_want_write(replica);
}

static enum peer_state state(void) {
    return ((struct peer *)replica->peer)->m.state;
}

Test(transfer, partial_resync_sends_what_is_missing, .init = setup) {
    append_n(1000);
    psync2();
    cr_assert_eq(repl_peer_count(), 0);
    repl_psync_command(replica, SLICE(ID), SLICE("901"), false);
    cr_assert_eq(state(), PEER_ONLINE);
    cr_assert_eq(repl_peer_count(), 1);
    expect_text("+CONTINUE " ID "\r\n");
    expect_log(901, 100, 1000);
    nothing_more();
    append_n(50);
    expect_log(1001, 50, 1000);
    cr_assert_eq(repl_stats.sync_partial_ok, 1);
}

#define STRANGE "fedcba9876543210fedcba9876543210fedcba98"

/* Its name is new to us, but up to its end it was our history. */
Test(transfer, a_replica_is_known_by_a_former_name, .init = setup) {
    append_n(1000);
    psync2();
    replconf("capa", "tandem-was 1111111111111111111111111111111111111111 901 " ID " 901");
    expect_text("+OK\r\n");
    repl_psync_command(replica, SLICE(STRANGE), SLICE("901"), false);
    expect_text("+CONTINUE " ID "\r\n");
    expect_log(901, 100, 1000);
    cr_assert_eq(repl_stats.sync_partial_ok, 1);
}

/* It has written a byte since. */
Test(transfer, a_former_name_is_good_up_to_its_end_only, .init = setup) {
    append_n(1000);
    psync2();
    replconf("capa", "tandem-was " ID " 900");
    expect_text("+OK\r\n");
    repl_config.diskless_sync = true;
    repl_config.diskless_sync_delay_s = 3600; /* no snapshot yet */
    repl_psync_command(replica, SLICE(STRANGE), SLICE("901"), false);
    cr_assert_eq(state(), PEER_WAIT_START);
    cr_assert_eq(repl_stats.sync_full, 1);
}

Test(transfer, an_old_replica_is_told_no_id, .init = setup) {
    append_n(10);
    repl_psync_command(replica, SLICE(ID), SLICE("11"), false);
    expect_text("+CONTINUE\r\n");
    nothing_more();
}

Test(transfer, a_slow_reader_gets_every_byte_in_order, .init = setup) {
    psync2();
    repl_psync_command(replica, SLICE(ID), SLICE("1"), false);
    expect_text("+CONTINUE " ID "\r\n");
    for (int i = 0; i < 40; i++) {
        append_n(150000);
        ev_turn(0);
    }
    cr_assert(backlog_lag(&((struct peer *)replica->peer)->cursor) > 4000000,
              "it cannot all be in the socket");
    expect_log(1, 6000000, 3001);
    nothing_more();
}

static void does_nothing(struct ev_io *io, int ready) {
    (void)io, (void)ready;
}

static size_t came(void) {
    char buf[65536];
    ssize_t n = read(far_end, buf, sizeof buf);
    return n > 0 ? (size_t)n : 0;
}

Test(transfer, small_turns_of_a_busy_loop_share_a_send, .init = setup) {
    static struct ev_io busy[2];
    repl_psync_command(replica, SLICE(ID), SLICE("1"), false);
    expect_text("+CONTINUE\r\n");
    nothing_more();
    append_n(10);
    ev_turn(0);
    cr_assert_eq(came(), 10, "an idle loop sends at once");
    for (int i = 0; i < 2; i++) {
        int pair[2];
        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        ev_io_init(&busy[i], pair[0], does_nothing, NULL);
        cr_assert(ev_io_set(&busy[i], EV_WRITE)); /* ready in every turn */
    }
    for (int i = 0; i < 3; i++) {
        append_n(10);
        ev_turn(0);
        cr_assert_eq(came(), 0);
    }
    ev_turn(0);
    cr_assert_eq(came(), 30, "nothing waits for more than a few turns");
    append_n(40000);
    ev_turn(0);
    cr_assert_eq(came(), 40000, "much is sent at once");
    append_n(10);
    repl_request_acks();
    ev_turn(0);
    cr_assert(came() > 10, "and so is what WAIT waits for");
    ev_io_set(&busy[0], 0);
    append_n(10);
    ev_turn(-1);
    cr_assert_eq(came(), 10, "and what a lone client did");
}

Test(transfer, the_log_waits_for_a_slow_reader_and_then_lets_go, .init = setup) {
    backlog_set_size(1000);
    repl_psync_command(replica, SLICE(ID), SLICE("1"), false);
    expect_text("+CONTINUE\r\n");
    append_n(3000000);
    ev_turn(0);
    cr_assert(backlog_history_bytes() > 1000);
    expect_log(1, 3000000, 100000);
    ev_turn(0);
    cr_assert_eq(backlog_history_bytes(), 1000);
}

Test(transfer, a_reader_that_lags_too_far_is_closed, .init = setup) {
    client_config.limits[CLASS_REPLICA].hard_bytes = 2000000;
    backlog_set_size(100000);
    repl_psync_command(replica, SLICE(ID), SLICE("1"), false);
    expect_text("+CONTINUE\r\n");
    for (int i = 0; i < 30 && replica; i++) {
        append_n(200000);
        ev_turn(0);
        client_cron();
    }
    for (int i = 0; i < 3; i++) ev_turn(0);
    cr_assert_null(replica, "closed");
    cr_assert_eq(repl_peer_count(), 0);
    cr_assert_not(backlog_has_reader(), "its cursor does not hold the log any more");
    cr_assert_eq(backlog_history_bytes(), 100000);
}

Test(transfer, a_limit_below_the_backlog_does_not_cut_off_who_comes_back, .init = setup) {
    client_config.limits[CLASS_REPLICA].hard_bytes = 1000;
    append_n(4000000);
    repl_psync_command(replica, SLICE(ID), SLICE("1"), false);
    expect_text("+CONTINUE\r\n");
    client_cron();
    expect_log(1, 4000000, 50000);
    cr_assert_not_null(replica);
}

Test(transfer, who_hangs_up_holds_nothing, .init = setup) {
    repl_psync_command(replica, SLICE(ID), SLICE("1"), false);
    expect_text("+CONTINUE\r\n");
    close(far_end);
    append_n(100);
    for (int i = 0; i < 5; i++) ev_turn(0);
    cr_assert_null(replica);
    cr_assert_not(backlog_has_reader());
}

Test(transfer, who_is_killed_is_no_replica_any_more, .init = setup) {
    repl_psync_command(replica, SLICE(ID), SLICE("1"), false);
    expect_text("+CONTINUE\r\n");
    client_close(replica);
    cr_assert_eq(repl_peer_count(), 0, "in the same turn");
    cr_assert_eq(repl_acked_by(0), 0);
    cr_assert_not(backlog_has_reader());
    ev_turn(0);
    cr_assert_null(replica);
}

Test(transfer, acks_count_for_wait, .init = setup) {
    append_n(100);
    repl_psync_command(replica, SLICE(ID), SLICE("51"), false);
    slice ack[] = {SLICE("REPLCONF"), SLICE("ACK"), SLICE("100")};
    cr_assert_eq(repl_acked_by(50), 1, "it asked for the byte after");
    cr_assert_eq(repl_acked_by(51), 0);
    repl_replconf_command(replica, 3, ack);
    cr_assert_eq(repl_acked_by(100), 1);
    cr_assert_eq(repl_acked_by(101), 0);
    cr_assert_eq(repl_good_replicas(), 1);
    ack[2] = SLICE("50");
    repl_replconf_command(replica, 3, ack);
    cr_assert_eq(repl_acked_by(100), 1, "an older ACK takes nothing back");
    expect_text("+CONTINUE\r\n");
    expect_log(51, 50, 50);
    nothing_more();
}

Test(transfer, an_ack_of_a_stranger_is_ignored, .init = setup) {
    slice ack[] = {SLICE("REPLCONF"), SLICE("ACK"), SLICE("100")};
    repl_replconf_command(replica, 3, ack);
    cr_assert_eq(repl_acked_by(100), 0);
    nothing_more();
}

/* --- a long pipeline of a client --- */

static int executed;

static void execute(struct client *c, struct request *r) {
    if (c == replica) return;
    backlog_append(r->raw.p, r->raw.n);
    executed++;
}

Test(transfer, replicas_are_fed_in_the_middle_of_a_pipeline, .init = setup) {
    static const struct client_hooks hooks = {.closed = closed, .execute = execute};
    static const char request[] = "*1\r\n$4\r\nPING\r\n";
    enum { REQUESTS = 2000, BUDGET = 100, BYTES = sizeof request - 1 };
    int pair[2];
    size_t total = 0;
    bool in_the_middle = false;
    client_set_hooks(&hooks);
    client_config.pipeline_budget = BUDGET;
    repl_psync_command(replica, SLICE(ID), SLICE("1"), false);
    expect_text("+CONTINUE\r\n");
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    fcntl(pair[1], F_SETFL, O_NONBLOCK);
    struct client *c = client_new(pair[1]);
    c->authenticated = true;
    static char all[REQUESTS * BYTES];
    for (int i = 0; i < REQUESTS; i++) memcpy(all + i * BYTES, request, BYTES);
    cr_assert_eq(write(pair[0], all, sizeof all), (ssize_t)sizeof all);
    for (int turns = 0; executed < REQUESTS && turns < 10 * REQUESTS; turns++) {
        ev_turn(0);
        total += came();
        in_the_middle |= total > 0 && executed < REQUESTS / 2;
    }
    for (size_t n; (n = came()) > 0;) total += n;
    cr_assert_eq(executed, REQUESTS);
    cr_assert(in_the_middle, "nothing went out before the pipeline was done");
    cr_assert_eq(total, (size_t)REQUESTS * BYTES);
}

/* --- the file --- */

static char dir[] = "/tmp/tandem-transfer-XXXXXX";

static void enter_dir(void) {
    cr_assert_not_null(mkdtemp(dir));
    cr_assert_eq(chdir(dir), 0);
}

static void remove_dir(void) {
    unlink("dump.rdb");
    cr_assert_eq(rmdir(dir), 0);
}

static void write_file(size_t n) {
    char *p = malloc(n);
    for (size_t i = 0; i < n; i++) p[i] = byte_at((int64_t)i);
    int fd = open("dump.rdb", O_CREAT | O_WRONLY | O_TRUNC, 0600);
    cr_assert_eq(write(fd, p, n), (ssize_t)n);
    close(fd);
    free(p);
}

/* A peer as it is when its snapshot has just ended: what fullsync.c does, without the child. */
static struct peer *awaiting_snapshot(void) {
    snapshot_state.current_start_s = -1;
    repl_config.diskless_sync_delay_s = 1000;
    repl_config.diskless_sync = true;
    psync2(); /* capable of EOF: so it is made to wait */
    repl_psync_command(replica, SLICE("?"), SLICE("-1"), false);
    cr_assert_eq(state(), PEER_WAIT_START);
    struct peer *p = replica->peer;
    cr_assert(backlog_attach(&p->cursor, backlog_end() + 1));
    cr_assert(peer_step(&p->m, PEER_EV_SNAPSHOT_DISK));
    return p;
}

Test(transfer, the_file_and_then_the_log, .init = setup) {
    enter_dir();
    write_file(3000000);
    append_n(500);
    struct peer *p = awaiting_snapshot();
    append_n(700); /* written while the snapshot was made */
    cr_assert(transfer_open_file(p));
    cr_assert(peer_step(&p->m, PEER_EV_SNAPSHOT_READY));
    peer_kick(p);
    cr_assert_eq(state(), PEER_SEND_FILE);
    expect_text("$3000000\r\n");
    expect_log(0, 3000000, 70000);
    expect_log(501, 700, 1000);
    cr_assert_eq(state(), PEER_ONLINE);
    cr_assert_eq(p->file_fd, -1);
    nothing_more();
    remove_dir();
}

Test(transfer, a_replica_that_wants_the_data_only, .init = setup) {
    enter_dir();
    write_file(10);
    struct peer *p = awaiting_snapshot();
    p->m.rdb_only = true;
    append_n(100);
    cr_assert(transfer_open_file(p));
    cr_assert(peer_step(&p->m, PEER_EV_SNAPSHOT_READY));
    peer_kick(p);
    expect_text("$10\r\n");
    expect_log(0, 10, 10);
    cr_assert_eq(state(), PEER_RDB_SENT);
    cr_assert_not(backlog_has_reader());
    char c;
    cr_assert_eq(read(far_end, &c, 1), 0, "it is told that this was all");
    remove_dir();
}

Test(transfer, keepalives_while_it_waits, .init = setup) {
    psync2();
    repl_config.diskless_sync = true;
    repl_config.diskless_sync_delay_s = 1000;
    repl_psync_command(replica, SLICE("?"), SLICE("-1"), false);
    repl_cron();
    repl_cron();
    expect_text("\n\n");
    nothing_more();
}

/* --- REPLCONF --- */

Test(transfer, who_wants_no_keys_gets_none, .init = setup) {
    append_n(100);
    replconf("rdb-filter-only", "");
    expect_text("+OK\r\n");
    repl_psync_command(replica, SLICE("?"), SLICE("-1"), false);
    expect_text("+FULLRESYNC " ID " 100\r\n$18\r\nREDIS0010\xff");
    char checksum[8];
    cr_assert(read_n(checksum, 8, 8));
    cr_assert_eq(state(), PEER_ONLINE);
    append_n(10);
    expect_log(101, 10, 10);
    nothing_more();
}

Test(transfer, options_are_checked, .init = setup) {
    replconf("rdb-filter-only", "functions nonsense");
    expect_text("-ERR Unsupported rdb-filter-only option: nonsense\r\n");
    replconf("rdb-filter-only", "\"");
    expect_text("-ERR Missing rdb-filter-only values\r\n");
    replconf("listening-port", "x");
    expect_text("-ERR value is not an integer or out of range\r\n");
    replconf("nonsense", "x");
    expect_text("-ERR Unrecognized REPLCONF option: nonsense\r\n");
    replconf("capa", "not-yet-invented");
    expect_text("+OK\r\n");
    slice half[] = {SLICE("REPLCONF"), SLICE("capa")};
    repl_replconf_command(replica, 2, half);
    client_want_write(replica);
    expect_text("-ERR syntax error\r\n");
}

/* --- who is ahead of us --- */

#define NEW_ID "fedcba9876543210fedcba9876543210fedcba98"

/* A replica with a master that is up, at offset 100 of ID. */
static void follow_somebody(void) {
    int pair[2];
    repl_replicaof("127.0.0.1", 1);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    the_link.io.fd = pair[0];
    link_make_client(0, NULL, 0);
    append_n(100);
}

#define AHEAD "-NOMASTERLINK Can't SYNC yet: I am still behind the offset that is asked for\r\n"

Test(transfer, who_is_ahead_by_a_name_we_have_not_heard_of_is_to_ask_again, .init = setup) {
    follow_somebody();
    replconf("capa", "tandem-was " NEW_ID " 5 " ID " 101");
    expect_text("+OK\r\n");
    repl_psync_command(replica, SLICE(NEW_ID), SLICE("501"), false);
    client_want_write(replica);
    expect_text(AHEAD);
    cr_assert_eq(repl_peer_count(), 0);
}

static void expect_full(const char *names) {
    setup();
    follow_somebody();
    replconf("capa", names);
    expect_text("+OK\r\n");
    repl_config.diskless_sync_delay_s = 1000;
    replconf("capa", "eof");
    expect_text("+OK\r\n");
    repl_psync_command(replica, SLICE(NEW_ID), SLICE("501"), false);
    cr_assert_eq(state(), PEER_WAIT_START, "%s", names);
}

Test(transfer, who_left_our_history_behind_us_gets_all) {
    expect_full("tandem-was " ID " 100");
}

Test(transfer, who_was_never_of_our_history_gets_all) {
    expect_full("tandem-was " NEW_ID " 1000");
}

Test(transfer, nonsense_about_former_names_is_none) {
    expect_full("tandem-was " ID " 1000 and more");
}

Test(transfer, a_name_that_is_none_is_not_told, .init = setup) {
    append_n(10);
    repl_config.diskless_sync_delay_s = 1000;
    replconf("capa", "eof");
    expect_text("+OK\r\n");
    repl_psync_command(replica, SLICE("0123456789abcdef\r\nrole:sentinel\r\n0123456"), SLICE("5"), false);
    cr_assert_eq(state(), PEER_WAIT_START);
    cr_assert_null(strpbrk(resync_nth(0)->why, "\r\n"), "INFO tells it in a line");
}

Test(transfer, a_wrong_offset_is_an_error, .init = setup) {
    repl_psync_command(replica, SLICE(ID), SLICE("x"), false);
    client_want_write(replica);
    expect_text("-ERR value is not an integer or out of range\r\n");
    cr_assert_eq(repl_peer_count(), 0);
}

/* The relay of a diskless snapshot, with a real child: every replica gets every byte, however each of them reads. */
#include <criterion/criterion.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "event/child.h"
#include "repl/peer.h"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REPLICAS = 3, VALUES = 40, VALUE_BYTES = 100000 };

struct far {
    int fd;
    struct client *c;
    sds got;
};

static struct far replicas[REPLICAS];
static int listening = REPLICAS;

static void fill(void) {
    sds value = sds_grow_zero(sds_empty(), VALUE_BYTES);
    for (int i = 0; i < VALUES; i++) {
        for (size_t at = 0; at < VALUE_BYTES; at++) value[at] = (char)random_u64();
        sds key = sds_cat_printf(sds_empty(), "key:%d", i);
        db_set_string(ks_db(0), sds_slice(key), sds_slice(value), NO_EXPIRE);
        sds_free(key);
    }
    sds_free(value);
}

static void setup(void) {
    static const struct client_hooks hooks = {.closing = repl_client_closing, .closed = repl_client_closed};
    log_set_level(LOG_LEVEL_NOTHING);
    signal(SIGPIPE, SIG_IGN); /* as in the server */
    clock_update();
    ev_init();
    ks_init(1);
    fill();
    repl_init();
    client_room_init();
    client_set_hooks(&hooks);
    repl_config.diskless_sync = true;
    repl_config.diskless_sync_delay_s = 1000;
    slice capa[] = {SLICE("REPLCONF"), SLICE("capa"), SLICE("eof"), SLICE("capa"), SLICE("psync2")};
    for (int i = 0; i < REPLICAS; i++) {
        int pair[2];
        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
        replicas[i] = (struct far){pair[0], client_new(pair[1]), sds_empty()};
        repl_replconf_command(replicas[i].c, 5, capa);
        client_flush(replicas[i].c);
        repl_psync_command(replicas[i].c, SLICE("?"), SLICE("-1"), false);
    }
    repl_config.diskless_sync_delay_s = 0;
    fullsync_start_due(true);
}

static void turn(void) {
    child_reap();
    ev_turn(1);
}

static void take(struct far *f, size_t most) {
    char buf[256 * 1024];
    ssize_t n = read(f->fd, buf, most < sizeof buf ? most : sizeof buf);
    if (n > 0) f->got = sds_cat(f->got, buf, (size_t)n);
}

static bool awaits_ack(const struct far *f) {
    return ((struct peer *)f->c->peer)->m.state == PEER_WAIT_ACK;
}

static bool all_sent(void) {
    for (int i = 0; i < listening; i++)
        if (!awaits_ack(&replicas[i])) return false;
    return true;
}

#define TURN_UNTIL(cond)                                                                                     \
    for (uint64_t end_ms = clock_mono_ms() + 60000; !(cond); turn())                                         \
    cr_assert(clock_mono_ms() < end_ms, "still not so: %s", #cond)

/* Each reads so many bytes at once. */
static size_t turn_and_take(const size_t most[REPLICAS]) {
    size_t bytes = 0;
    turn();
    for (int i = 0; i < listening; i++) {
        take(&replicas[i], most[i]);
        bytes += sds_len(replicas[i].got);
    }
    return bytes;
}

static void receive(const size_t most[REPLICAS]) {
    TURN_UNTIL((turn_and_take(most), all_sent()));
    for (int i = 0; i < listening; i++)
        for (size_t had = 0; had != sds_len(replicas[i].got);) {
            had = sds_len(replicas[i].got);
            take(&replicas[i], SIZE_MAX);
        }
}

static void expect_same_bytes(void) {
    cr_assert_gt(sds_len(replicas[0].got), (size_t)VALUES * VALUE_BYTES);
    for (int i = 1; i < listening; i++) {
        cr_assert_eq(sds_len(replicas[i].got), sds_len(replicas[0].got), "replica %d", i);
        cr_assert_eq(memcmp(replicas[i].got, replicas[0].got, sds_len(replicas[0].got)), 0, "replica %d", i);
    }
}

Test(fullsync, who_reads_slowly_loses_nothing, .init = setup) {
    receive((const size_t[REPLICAS]){SIZE_MAX, 30000, SIZE_MAX});
    expect_same_bytes();
}

/* The one in the middle goes, with half of it in its socket: the others get all. */
Test(fullsync, who_hangs_up_holds_nobody_up, .init = setup) {
    static const size_t most[REPLICAS] = {SIZE_MAX, 1000, SIZE_MAX};
    TURN_UNTIL(turn_and_take(most) > VALUE_BYTES);
    close(replicas[1].fd);
    replicas[1] = replicas[--listening];
    receive((const size_t[REPLICAS]){SIZE_MAX, SIZE_MAX});
    expect_same_bytes();
}

Test(fullsync, when_all_hang_up_the_child_goes, .init = setup) {
    for (int i = 0; i < 3; i++) turn();
    for (int k = 0; k < REPLICAS; k++) close(replicas[k].fd);
    TURN_UNTIL(!fullsync_relaying() && !snapshot_running());
    cr_assert_eq(repl_peer_count(), 0);
}

/* What is allowed at once is shared by all: less than a byte for each is no reason to stop for good. */
Test(fullsync, a_low_rate_is_a_rate, .init = setup) {
    static const size_t most[REPLICAS] = {SIZE_MAX, SIZE_MAX, SIZE_MAX};
    repl_config.full_sync_rate = 300000;
    TURN_UNTIL(turn_and_take(most) > VALUE_BYTES);
    repl_config.full_sync_rate = 1 << 30;
    receive(most);
    expect_same_bytes();
}

/* A replica to which its master's writes are of no use: they fail, or can't be saved. Each on ours and on the real server. */
#include "support/server.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct pair {
    struct srv *p, *r;
};

static struct pair pair_start(enum srv_kind kind, const char *args) {
    struct pair x = {srv_start(TANDEM, "%s", ""), srv_start(kind, "%s", args)};
    srv_replicate(x.r, x.p);
    return x;
}

static void pair_free(struct pair *x) {
    srv_free(x->r);
    srv_free(x->p);
}

/* The same key has two types: what the master does next fails on the replica. */
static void drift_apart(struct pair *x) {
    EXPECT(x->r, "OK", "CONFIG SET replica-read-only no");
    EXPECT(x->r, "OK", "SET k string");
    EXPECT(x->r, "OK", "CONFIG SET replica-read-only yes");
    EXPECT(x->p, "(integer) 1", "LPUSH k element");
}

static const enum srv_kind both[] = {TANDEM, REDIS};

Test(peer_replica_errors, a_failing_command_is_told_of) {
    for (int i = 0; i < 2; i++) {
        struct pair x = pair_start(both[i], "");
        drift_apart(&x);
        srv_wait_synced(x.r, x.p);
        cr_assert(srv_logged(x.r, "== CRITICAL == This replica is sending an error to its master: "));
        cr_assert(srv_logged(x.r, "after processing the command 'lpush'"));
        cr_assert_eq(srv_info_int(x.r, "unexpected_error_replies"), 1);
        pair_free(&x);
    }
}

Test(peer_replica_errors, or_it_is_the_end) {
    static const char *const words[] = {"panic", "panic-on-replicas"};
    for (int i = 0; i < 4; i++) {
        char args[64];
        snprintf(args, sizeof args, "--propagation-error-behavior %s", words[i / 2]);
        struct pair x = pair_start(both[i % 2], args);
        drift_apart(&x);
        WAIT_UNTIL(!srv_alive(x.r));
        cr_assert(srv_logged(x.r, "This replica panicked sending an error to its master after processing the "
                                  "command 'lpush'"));
        pair_free(&x);
    }
}

Test(peer_replica_errors, but_not_of_one_that_writes_itself) {
    for (int i = 0; i < 2; i++) {
        struct pair x = pair_start(both[i], "--propagation-error-behavior panic --replica-read-only no");
        EXPECT(x.r, "OK", "SET k string");
        EXPECT(x.p, "(integer) 1", "LPUSH k element");
        srv_wait_synced(x.r, x.p);
        pair_free(&x);
    }
}

/* Snapshots fail, because a folder stands where the file should be. */
static struct pair with_bad_disk(enum srv_kind kind, const char *args) {
    struct pair x = pair_start(kind, args);
    char path[200];
    snprintf(path, sizeof path, "%s/folder", x.r->dir);
    cr_assert_eq(mkdir(path, 0755), 0);
    srv_cmd(x.r, "CONFIG SET dbfilename folder");
    static const size_t lens[] = {6, 3, 4, 8};
    cr_assert_str_eq(srv_cmdv(x.r, 4, (const char *[]){"CONFIG", "SET", "save", "900 1000"}, lens), "OK");
    srv_cmd(x.r, "BGSAVE");
    WAIT_UNTIL(strcmp(srv_info(x.r, "rdb_last_bgsave_status"), "err") == 0);
    return x;
}

Test(peer_replica_errors, without_a_disk_it_ends_with_the_next_write) {
    for (int i = 0; i < 2; i++) {
        struct pair x = with_bad_disk(both[i], "--enable-protected-configs yes");
        EXPECT(x.p, "OK", "SET a b");
        WAIT_UNTIL(!srv_alive(x.r));
        cr_assert(srv_logged(x.r, "Replica was unable to write command to disk."));
        pair_free(&x);
    }
}

Test(peer_replica_errors, or_goes_on) {
    for (int i = 0; i < 2; i++) {
        struct pair x = with_bad_disk(
            both[i], "--enable-protected-configs yes --replica-ignore-disk-write-errors yes");
        EXPECT(x.p, "OK", "SET a b");
        EXPECT(x.p, "OK", "SET a c");
        srv_wait_synced(x.r, x.p);
        EXPECT(x.r, "\"c\"", "GET a");
        cr_assert_eq(
            srv_log_count(x.r, "Replica is applying a command even though it is unable to write to disk."),
            1);
        srv_kill(x.r); /* it would not stop without having saved */
        pair_free(&x);
    }
}

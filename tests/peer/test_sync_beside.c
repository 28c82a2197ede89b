/* Synchronisations beside other work: snapshots by hand, rewrites, counters of what is to be saved, and what CLIENT LIST and other
 * requests say of links. */
#include "support/session.h"
#include "support/transcript.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int replica_open(struct srv *p) {
    int fd = session_open(p);
    session_say(fd, "REPLCONF listening-port 11111 capa eof capa psync2");
    session_hear(fd, "+OK\r\n");
    session_say(fd, "PSYNC ? -1");
    return fd;
}

static void note_children(struct srv *s) {
    static const char *const fields[] = {"rdb_bgsave_in_progress", "aof_rewrite_in_progress",
                                         "aof_rewrite_scheduled", "rdb_last_bgsave_status"};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) note_field(s, fields[i]);
}

/* While a child makes a snapshot for a replica. */
static void requests_meanwhile(enum srv_kind kind) {
    static const char *const diskless[] = {"no", "yes"};
    for (int i = 0; i < 2; i++) {
        struct srv *p = srv_start(kind, "--repl-diskless-sync %s --rdb-key-save-delay 1000000", diskless[i]);
        EXPECT(p, "OK", "DEBUG POPULATE 100");
        int a = replica_open(p);
        session_hear(a, "+FULLRESYNC");
        note("--- %s\n", diskless[i]);
        ASK(p, "BGSAVE");
        ASK(p, "SAVE");
        ASK(p, "BGSAVE SCHEDULE");
        ASK(p, "BGREWRITEAOF");
        ASK(p, "BGREWRITEAOF");
        note_children(p);
        int b = replica_open(p);
        WAIT_UNTIL(srv_info_int(p, "connected_slaves") == 2);
        WAIT_UNTIL(srv_logged(p, "of BGSAVE for SYNC") || srv_logged(p, "Waiting for next BGSAVE for SYNC"));
        note_logged(p, "Waiting for end of BGSAVE for SYNC");
        note_logged(p, "Current BGSAVE has socket target. Waiting for next BGSAVE for SYNC");
        ASK(p, "SHUTDOWN ABORT");
        close(a);
        close(b);
        srv_free(p);
    }
}

Test(peer_sync_beside, requests_during_a_snapshot) {
    transcript_play(requests_meanwhile);
}

/* A replica that comes while another child runs. */
static void replicas_meanwhile(enum srv_kind kind) {
    struct srv *p = srv_start(kind, "--repl-diskless-sync no --rdb-key-save-delay 1000000");
    EXPECT(p, "OK", "DEBUG POPULATE 100");
    ASK(p, "BGSAVE");
    int a = replica_open(p);
    WAIT_UNTIL(srv_info_int(p, "connected_slaves") == 1);
    note_log(p, "Replica 127.0.0.1", (const char *const[]){"* Full resynchronization ", NULL});
    close(a);
    srv_free(p);
    p = srv_start(kind, "--repl-diskless-sync no --rdb-key-save-delay 1000000");
    EXPECT(p, "OK", "DEBUG POPULATE 100");
    ASK(p, "BGREWRITEAOF");
    WAIT_UNTIL(srv_info_int(p, "aof_rewrite_in_progress") == 1);
    a = replica_open(p);
    WAIT_UNTIL(srv_logged(p, "BGSAVE for replication delayed"));
    note_log(p, "Replica 127.0.0.1", (const char *const[]){"* Full resynchronization ", NULL});
    ASK(p, "BGSAVE");
    ASK(p, "BGSAVE SCHEDULE");
    note_children(p);
    close(a);
    srv_free(p);
}

Test(peer_sync_beside, a_snapshot_behind_other_children) {
    transcript_play(replicas_meanwhile);
}

/* Snapshots for replicas that fail: a folder stands where the file should be. By pipe none is needed. */
static void failures(enum srv_kind kind) {
    char path[200], rest[256];
    struct srv *p = srv_start(kind,
                              "--repl-diskless-sync no --enable-protected-configs yes --save '900 1000000'");
    snprintf(path, sizeof path, "%s/folder", p->dir);
    cr_assert_eq(mkdir(path, 0755), 0);
    EXPECT(p, "OK", "SET k v");
    EXPECT(p, "OK", "CONFIG SET dbfilename folder");
    int fd = replica_open(p);
    session_hear(fd, "+FULLRESYNC");
    while (recv(fd, rest, sizeof rest, 0) > 0) {}
    close(fd);
    WAIT_UNTIL(srv_info_int(p, "rdb_bgsave_in_progress") == 0);
    note_logged(p, "SYNC failed. BGSAVE child returned an error");
    note_children(p);
    note_field(p, "connected_slaves");
    note_field(p, "sync_full");
    ASK(p, "SET k w");
    ASK(p, "PING"); /* so no replica can come, either */
    EXPECT(p, "OK", "CONFIG SET repl-diskless-sync yes");
    ASK(p, "CONFIG SET stop-writes-on-bgsave-error no");
    struct srv *r = srv_start(kind, "%s", "");
    srv_replicate(r, p);
    WAIT_UNTIL(srv_info_int(p, "rdb_bgsave_in_progress") == 0);
    ASK(p, "CONFIG SET stop-writes-on-bgsave-error yes");
    note_children(p);
    ASK(p, "SET k w");
    srv_free(r);
    srv_kill(p); /* it would not stop without having saved */
    srv_free(p);
}

Test(peer_sync_beside, a_snapshot_that_fails) {
    transcript_play(failures);
}

static void note_changes(struct srv *p, struct srv *r, const char *what) {
    note("--- %s\n", what);
    note_field(p, "rdb_changes_since_last_save");
    note_field(p, "rdb_saves");
    note_field(r, "rdb_changes_since_last_save");
    note_field(r, "rdb_saves");
    note_field(r, "rdb_last_load_keys_loaded");
}

/* What counts as saved. */
static void changes(enum srv_kind kind) {
    static const char *const diskless[] = {"no", "yes"};
    for (int i = 0; i < 2; i++) {
        struct srv *p = srv_start(kind, "--repl-diskless-sync %s", diskless[i]),
                   *r = srv_start(kind, "%s", "");
        for (int k = 0; k < 5; k++) EXPECT(p, "OK", "SET k%d v", k);
        EXPECT(r, "OK", "SET old v");
        note_changes(p, r, diskless[i]);
        srv_replicate(r, p);
        WAIT_UNTIL(srv_info_int(p, "rdb_bgsave_in_progress") == 0);
        note_changes(p, r, "in step");
        EXPECT(p, "(integer) 2", "DEL k0 k1");
        EXPECT(p, "OK", "MSET a 1 b 2");
        srv_wait_synced(r, p);
        note_changes(p, r, "some more");
        EXPECT(r, "OK", "SLAVEOF NO ONE");
        EXPECT(r, "OK", "SET c 3");
        note_changes(p, r, "promoted");
        srv_free(r);
        srv_free(p);
    }
}

Test(peer_sync_beside, changes_that_are_not_saved) {
    transcript_play(changes);
}

/* Of each line the fields that neither chance nor the way of building decides. */
static void note_clients(struct srv *s, const char *type) {
    static const char *const fields[] = {" name=", " flags=",  " db=",  " sub=",  " psub=",  " multi=",
                                         " obl=",  " events=", " cmd=", " user=", " redir=", " resp="};
    char *list = strdup(srv_cmd(s, "CLIENT LIST TYPE %s", type));
    note("%s:", type);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const char *at = strstr(list, fields[i]);
        note("%.*s", at ? 1 + (int)strcspn(at + 1, " \\\"") : 0, at ? at : "");
    }
    note("\n");
    free(list);
}

static void clients(enum srv_kind kind) {
    struct srv *p = srv_start(kind, "--repl-ping-replica-period 3600%s", ""), *r = srv_start(kind, "%s", "");
    EXPECT(r, "OK", "SLAVEOF localhost %d", p->port);
    WAIT_UNTIL(srv_link_up(r));
    note_field(r, "master_host");
    EXPECT(p, "OK", "SELECT 3");
    EXPECT(p, "OK", "SET k v");
    EXPECT(p, "(integer) 1", "WAIT 1 60000");
    WAIT_UNTIL(strstr(srv_cmd(p, "CLIENT LIST TYPE replica"), "cmd=replconf"));
    note_clients(p, "replica");
    note_clients(p, "slave");
    WAIT_UNTIL(strstr(srv_cmd(r, "CLIENT LIST TYPE master"), "db=3"));
    note_clients(r, "master");
    note_field(p, "connected_clients");
    note_field(r, "connected_clients");
    ASK(p, "CLIENT KILL TYPE pubsub");
    ASK(r, "CLIENT KILL TYPE replica");
    srv_free(r);
    srv_free(p);
}

Test(peer_sync_beside, links_in_lists_of_clients) {
    transcript_play(clients);
}

/* Own keys with a time on a writable replica are counted, because it has to see to them itself. */
static void own_keys(enum srv_kind kind) {
    struct srv *p = srv_start(kind, "%s", ""), *r = srv_start(kind, "--slave-read-only no%s", "");
    EXPECT(p, "OK", "SET theirs v EX 1000");
    srv_replicate(r, p);
    EXPECT(r, "OK", "SET mine v EX 1000");
    EXPECT(r, "OK", "SET also v");
    EXPECT(r, "(integer) 1", "EXPIRE also 1000");
    EXPECT(r, "(integer) 1", "EXPIRE theirs 2000");
    note_field(r, "slave_expires_tracked_keys");
    EXPECT(r, "(integer) 1", "DEL mine");
    EXPECT(r, "OK", "SELECT 5");
    EXPECT(r, "OK", "SET mine v EX 1000");
    ASK(r, "DBSIZE");
    EXPECT(p, "OK", "SET also theirs");
    srv_wait_synced(r, p);
    EXPECT(r, "OK", "SELECT 0");
    ASK(r, "TTL also");
    EXPECT(p, "OK", "FLUSHALL");
    srv_wait_synced(r, p);
    note_field(r, "slave_expires_tracked_keys");
    ASK(r, "DBSIZE");
    srv_free(r);
    srv_free(p);
}

Test(peer_sync_beside, own_keys_of_a_writable_replica) {
    transcript_play(own_keys);
}

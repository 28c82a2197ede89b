/* What replication's directives, commands and fields do and say. */
#include "support/transcript.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* --- the primary's side --- */

static void min_replicas(enum srv_kind kind) {
    struct srv *p = srv_start(kind, "--min-replicas-to-write 1 --min-slaves-max-lag 1"),
               *r = srv_start(kind, "%s", "");
    ASK(p, "SET k v");
    ASK(p, "GET k");
    ASK(p, "SET k"); /* a wrong number of arguments comes first */
    note_field(p, "min_slaves_good_slaves");
    ASK(p, "MULTI");
    ASK(p, "SET k v");
    ASK(p, "EXEC");
    srv_replicate(r, p);
    WAIT_UNTIL(replies(p, "SET k v", "OK"));
    WAIT_UNTIL(srv_info_int(p, "min_slaves_good_slaves") == 1);
    srv_freeze(r);
    WAIT_UNTIL(replies(p, "SET k w", "(error) NOREPLICAS Not enough good replicas to write."));
    note_field(p, "min_slaves_good_slaves");
    note_field(p, "connected_slaves");
    srv_thaw(r);
    WAIT_UNTIL(replies(p, "SET k w", "OK"));
    ASK(p, "CONFIG SET min-slaves-to-write 2");
    ASK(p, "SET k x");
    ASK(p, "CONFIG SET min-replicas-max-lag 0");
    ASK(p, "SET k x");
    note_field(p, "min_slaves_good_slaves");
    srv_free(r);
    srv_free(p);
}

Test(peer_replication_settings, min_replicas_to_write) {
    transcript_play(min_replicas);
}

static void announced(enum srv_kind kind) {
    struct srv *p = srv_start(kind, "%s", ""),
               *r = srv_start(
                   kind, "--slave-announce-ip some.name --replica-announce-port 1234 --replica-announced no "
                         "--slave-priority 7");
    srv_replicate(r, p);
    WAIT_UNTIL(strstr(srv_info(p, "slave0"), "state=online") != NULL);
    note("%d\n", strstr(srv_info(p, "slave0"), "ip=some.name,port=1234,") != NULL);
    WAIT_UNTIL(strstr(srv_cmd(p, "ROLE"), "\"some.name\", \"1234\"") != NULL);
    note_field(r, "replica_announced");
    note_field(r, "slave_priority");
    note_field(r, "slave_read_only");
    ASK(p, "WAIT 1 60000");
    ASK(p, "CLIENT KILL TYPE replica");
    WAIT_UNTIL(srv_info_int(p, "sync_partial_ok") == 1);
    WAIT_UNTIL(srv_link_up(r));
    ASK(r, "CLIENT KILL TYPE master");
    WAIT_UNTIL(srv_info_int(p, "sync_partial_ok") == 2);
    WAIT_UNTIL(srv_link_up(r));
    ASK(p, "CLIENT KILL TYPE slave SKIPME yes");
    ASK(p, "CLIENT KILL TYPE nobody");
    ASK(p, "CLIENT LIST TYPE nobody");
    ASK(p, "CLIENT LIST TYPE master");
    ASK(r, "CLIENT LIST TYPE replica");
    note("%d\n", strstr(srv_cmd(r, "CLIENT LIST TYPE normal"), "flags=N") != NULL);
    WAIT_UNTIL(srv_info_int(p, "sync_partial_ok") == 3);
    note_field(p, "sync_full");
    note_field(p, "sync_partial_err");
    srv_free(r);
    srv_free(p);
}

Test(peer_replication_settings, announced_names_and_killed_links) {
    transcript_play(announced);
}

static void new_identity(enum srv_kind kind) {
    struct srv *p = srv_start(kind, "%s", ""), *r = srv_start(kind, "%s", "");
    srv_replicate(r, p);
    ASK(p, "SET k v");
    ASK(p, "DEBUG CHANGE-REPL-ID");
    note_field(p, "master_replid2");
    note_field(p, "second_repl_offset");
    srv_wait_synced(r, p);
    ASK(r, "CLIENT KILL TYPE master");
    WAIT_UNTIL(srv_info_int(p, "sync_full") == 2);
    note_field(p, "sync_partial_err");
    WAIT_UNTIL(srv_link_up(r));
    ASK(r, "GET k");
    srv_free(r);
    srv_free(p);
}

Test(peer_replication_settings, debug_change_repl_id) {
    transcript_play(new_identity);
}

/* --- the replica's side --- */

static void without_master(enum srv_kind kind) {
    struct srv *p = srv_start(kind, "%s", ""), *r = srv_start(kind, "%s", "");
    int nobody = free_port();
    ASK(r, "ROLE");
    ASK(r, "SET k v");
    srv_replicate(r, p);
    WAIT_UNTIL(strstr(srv_cmd(r, "ROLE"), "\"connected\"") != NULL);
    srv_kill(p);
    WAIT_UNTIL(!srv_link_up(r));
    ASK(r, "PSYNC ? -1");
    ASK(r, "SYNC");
    ASK(r, "SET a b");
    ASK(r, "GET k");
    ASK(r, "WAIT 1 0");
    ASK(r, "CONFIG SET slave-serve-stale-data no");
    ASK(r, "GET k");
    ASK(r, "SET a b");
    ASK(r, "PING");
    ASK(r, "ECHO x");
    ASK(r, "CONFIG SET slave-read-only no");
    ASK(r, "SET a b");
    ASK(r, "CONFIG SET slave-serve-stale-data yes");
    ASK(r, "SET a b");
    note_field(r, "master_link_status");
    note_field(r, "master_sync_in_progress");
    note_field(r, "slave_read_only");
    WAIT_UNTIL(replies(r, "REPLICAOF NO ONE", "OK"));
    ASK(r, "REPLICAOF 127.0.0.1 x");
    ASK(r, "REPLICAOF 127.0.0.1 70000");
    ASK(r, "REPLICAOF 127.0.0.1 -1");
    ASK(r, "SLAVEOF no ONE");
    note("%s\n", srv_cmd(r, "REPLICAOF 127.0.0.1 %d", nobody));
    note("%s\n", srv_cmd(r, "REPLICAOF 127.0.0.1 %d", nobody));
    WAIT_UNTIL(strstr(srv_cmd(r, "ROLE"), "\"connect\", (integer) -1]") != NULL);
    note_field(r, "master_link_status");
    note_field(r, "slave_repl_offset");
    srv_free(r);
    srv_free(p);
}

Test(peer_replication_settings, without_a_master) {
    transcript_play(without_master);
}

/* Of a key whose time has come the master has not yet said so. */
static void expired_there(enum srv_kind kind) {
    struct srv *p = srv_start(kind, "%s", ""), *r = srv_start(kind, "--replica-read-only no");
    ASK(p, "DEBUG SET-ACTIVE-EXPIRE 0");
    srv_replicate(r, p);
    ASK(p, "SET gone v PX 20");
    ASK(p, "SADD stays a b");
    ASK(p, "RPUSH list c");
    ASK(p, "PEXPIRE list 20");
    srv_wait_synced(r, p);
    WAIT_UNTIL(replies(r, "EXISTS gone", "(integer) 0") && replies(r, "EXISTS list", "(integer) 0"));
    ASK(r, "GET gone");
    ASK(r, "TTL gone");
    ASK(r, "TYPE gone");
    ASK(r, "DBSIZE");
    ASK(r, "KEYS *");
    ASK(r, "SCAN 0");
    ASK(r, "STRLEN gone");
    ASK(r, "LRANGE list 0 -1");
    ASK(r, "OBJECT ENCODING gone");
    ASK(r, "DUMP gone");
    ASK(r, "SORT list");
    ASK(p, "GET gone");
    srv_wait_synced(r, p);
    ASK(r, "DBSIZE");
    /* Of its own it disposes by itself, and over the hidden it writes. */
    ASK(r, "SET own v PX 20");
    ASK(r, "SET list string");
    ASK(r, "GET list");
    WAIT_UNTIL(replies(r, "DBSIZE", "(integer) 2"));
    ASK(r, "APPEND gone x");
    ASK(r, "TTL gone");
    srv_free(r);
    srv_free(p);
}

Test(peer_replication_settings, expired_keys_on_a_replica) {
    transcript_play(expired_there);
}

/* The same where nobody writes, up to the promotion that makes an end of them. */
static void expired_for_readers(enum srv_kind kind) {
    static const char *const reads[] = {"GET gone",
                                        "MGET gone stays",
                                        "EXISTS gone stays gone",
                                        "STRLEN gone",
                                        "TTL gone",
                                        "PTTL gone",
                                        "EXPIRETIME gone",
                                        "TYPE gone",
                                        "TOUCH gone stays",
                                        "OBJECT ENCODING gone",
                                        "DUMP gone",
                                        "LRANGE list 0 -1",
                                        "LLEN list",
                                        "LPOS list c",
                                        "SORT list",
                                        "RANDOMKEY",
                                        "KEYS *",
                                        "SCAN 0",
                                        "SCAN 0 TYPE list",
                                        "SUNION stays none",
                                        "XLEN gone",
                                        "GETRANGE gone 0 -1",
                                        "BITCOUNT gone",
                                        "DBSIZE",
                                        "SET gone x",
                                        "GETEX gone",
                                        "DEL gone"};
    struct srv *p = srv_start(kind, "%s", ""), *r = srv_start(kind, "%s", "");
    ASK(p, "DEBUG SET-ACTIVE-EXPIRE 0");
    srv_replicate(r, p);
    EXPECT(p, "OK", "SET gone v PX 20");
    EXPECT(p, "(integer) 1", "RPUSH list c");
    EXPECT(p, "(integer) 1", "PEXPIRE list 20");
    EXPECT(p, "(integer) 1", "SADD stays a");
    srv_wait_synced(r, p);
    WAIT_UNTIL(replies(r, "EXISTS gone", "(integer) 0") && replies(r, "EXISTS list", "(integer) 0"));
    for (size_t i = 0; i < sizeof reads / sizeof *reads; i++) {
        const char *reply = srv_cmd(r, reads[i]);
        note("%s -> %s\n", reads[i], reply);
    }
    ASK(r, "CONFIG RESETSTAT");
    ASK(r, "GET gone");
    note_field(r, "keyspace_misses");
    note_field(r, "expired_keys");
    ASK(r, "SLAVEOF NO ONE");
    ASK(r, "DEBUG SET-ACTIVE-EXPIRE 0");
    ASK(r, "GET gone");
    ASK(r, "RPUSH list d");
    ASK(r, "LRANGE list 0 -1");
    ASK(r, "DBSIZE");
    srv_free(r);
    srv_free(p);
}

Test(peer_replication_settings, expired_keys_for_readers) {
    transcript_play(expired_for_readers);
}

static void aliases(enum srv_kind kind) {
    struct srv *s = srv_start(kind, "%s", "");
    static const char *const names[] = {"announce-ip",      "announce-port", "ignore-maxmemory",
                                        "lazy-flush",       "priority",      "read-only",
                                        "serve-stale-data", "announced",     "ignore-disk-write-errors"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        ASK(s, "CONFIG GET replica-%s", names[i]);
        ASK(s, "CONFIG GET slave-%s", names[i]);
    }
    static const char *const others[] = {"min-slaves-to-write",       "min-slaves-max-lag",
                                         "min-replicas-max-lag",      "repl-ping-slave-period",
                                         "repl-ping-replica-period",  "propagation-error-behavior",
                                         "repl-diskless-load",        "repl-diskless-sync-max-replicas",
                                         "rdb-del-sync-files",        "shutdown-timeout",
                                         "client-output-buffer-limit"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) ASK(s, "CONFIG GET %s", others[i]);
    ASK(s, "CONFIG SET client-output-buffer-limit replica%s", "");
    static const char *const limits[] = {"replica 1mb 512kb 30", "slave 2mb 1mb 10", "master 1 1 1",
                                         "replica 1 2"};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        const char *argv[] = {"CONFIG", "SET", "client-output-buffer-limit", limits[i]};
        size_t lens[] = {6, 3, 26, strlen(limits[i])};
        note("%s -> %s\n", limits[i], srv_cmdv(s, 4, argv, lens));
        ASK(s, "CONFIG GET client-output-buffer-limit");
    }
    srv_free(s);
}

Test(peer_replication_settings, names_old_and_new) {
    transcript_play(aliases);
}

/* A pause of writes holds what changes data, and nothing else. */
static void paused(enum srv_kind kind) {
    struct srv *p = srv_start(kind, "%s", ""), *r = srv_start(kind, "%s", "");
    srv_replicate(r, p);
    ASK(p, "SET k v");
    srv_wait_synced(r, p);
    ASK(p, "CLIENT PAUSE 100000 WRITE");
    ASK(p, "GET k");
    ASK(p, "PING");
    ASK(p, "PSYNC x");
    ASK(p, "CLIENT PAUSE x");
    ASK(p, "CLIENT PAUSE -1");
    ASK(p, "CLIENT PAUSE 1 READ");
    redisContext *c = srv_connect(p);
    redisAppendCommand(c, "INCR n");
    int done = 0;
    redisBufferWrite(c, &done);
    WAIT_UNTIL(srv_info_int(p, "blocked_clients") == 1);
    ASK(p, "GET n");
    ASK(p, "CLIENT UNPAUSE");
    redisReply *reply;
    cr_assert_eq(redisGetReply(c, (void **)&reply), REDIS_OK);
    note("%s\n", reply_text(reply));
    freeReplyObject(reply);
    redisFree(c);
    srv_free(r);
    srv_free(p);
}

Test(peer_replication_settings, client_pause_write) {
    transcript_play(paused);
}

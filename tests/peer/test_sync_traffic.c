/* What INFO counts of replication: bytes that travelled, rates, and memory that waits for replicas. */
#include "support/master.h"
#include "support/session.h"
#include "support/transcript.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A connection that takes what a replica gets. */
struct taker {
    int fd;
    int64_t bytes;   /* taken since SYNC */
    char last[4096]; /* the end of it */
    size_t used;
};

static void take_until(struct taker *t, const char *text) {
    size_t n = strlen(text);
    while (t->used < n || memcmp(t->last + t->used - n, text, n) != 0) {
        if (t->used == sizeof t->last) {
            memmove(t->last, t->last + 2048, 2048);
            t->used = 2048;
        }
        cr_assert_eq(recv(t->fd, t->last + t->used, 1, 0), 1);
        t->used++;
        t->bytes++;
    }
}

/* A replica of before PSYNC: a length, the file, the stream; it acknowledges nothing, and nobody expects it to. */
static void old_replica(enum srv_kind kind) {
    struct srv *p = srv_start(kind, "--repl-diskless-sync no --repl-ping-replica-period 3600 "
                                    "--min-replicas-to-write 1 --min-replicas-max-lag 3600");
    struct taker t = {.fd = session_open(p)};
    session_say(t.fd, "SYNC");
    take_until(&t, "$");
    take_until(&t, "\r\n");
    take_until(&t, "REDIS0010");
    WAIT_UNTIL(strstr(srv_info(p, "slave0"), "state=online"));
    EXPECT(p, "OK", "SET k v");
    take_until(&t, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n");
    note("%d\n", memmem(t.last, t.used, "SELECT", 6) != NULL);
    int64_t uncounted = t.bytes - srv_info_int(p, "total_net_repl_output_bytes");
    note("counted: %d\n", llabs(uncounted) <= 3); /* newlines say that it is alive, if it comes to that */
    note_field(p, "total_net_repl_input_bytes");
    note_field(p, "sync_full");
    note_field(p, "sync_partial_ok");
    note_field(p, "sync_partial_err");
    note_field(p, "min_slaves_good_slaves");
    ASK(p, "WAIT 1 10");
    note("flags: %d\n", strstr(srv_cmd(p, "CLIENT LIST TYPE replica"), " flags=S ") != NULL);
    note_field(p, "connected_slaves");
    note_field(p, "connected_clients");
    ASK(p, "CONFIG RESETSTAT");
    note_field(p, "total_net_repl_output_bytes");
    note_field(p, "sync_full");
    close(t.fd);
    WAIT_UNTIL(srv_info_int(p, "connected_slaves") == 0);
    srv_free(p);
}

Test(peer_sync_traffic, of_a_replica_that_knows_only_sync) {
    transcript_play(old_replica);
}

/* It is not hung up on for its silence. */
Test(peer_sync_traffic, a_replica_that_knows_only_sync_is_silent) {
    struct srv *p = srv_start(TANDEM, "--repl-timeout 1 --repl-ping-replica-period 1");
    struct taker t = {.fd = session_open(p)};
    session_say(t.fd, "SYNC");
    for (int i = 0; i < 4; i++) take_until(&t, "*1\r\n$4\r\nping\r\n");
    cr_assert_eq(srv_info_int(p, "connected_slaves"), 1);
    EXPECT(p, "OK", "SET k v");
    take_until(&t, "SET\r\n$1\r\nk\r\n$1\r\nv\r\n");
    close(t.fd);
    srv_free(p);
}

/* From the master's words to the counters of the replica. */
static void received(enum srv_kind kind) {
    static const char write[] = "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n";
    char rdb[512], head[32];
    size_t n = master_make_rdb(rdb, 3, false);
    struct master m;
    struct srv *r = srv_start(kind, "%s", "");
    master_open(&m);
    EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", m.port);
    master_accept(&m);
    master_play_until(&m, "PSYNC");
    master_say(&m, "+FULLRESYNC " MASTER_ID " 1000\r\n");
    snprintf(head, sizeof head, "$%zu\r\n", n);
    master_say(&m, head);
    master_send(&m, rdb, n);
    WAIT_UNTIL(srv_link_up(r));
    int64_t file = srv_info_int(r, "total_net_repl_input_bytes");
    /* Ours counts the lines before it, too. */
    note("file: %d\n", file >= (int64_t)n && file <= (int64_t)n + 300);
    master_say(&m, write);
    WAIT_UNTIL(srv_info_int(r, "slave_repl_offset") == 1000 + (int64_t)strlen(write));
    note("stream: %lld\n", (long long)(srv_info_int(r, "total_net_repl_input_bytes") - file));
    note("in all: %d\n",
         srv_info_int(r, "total_net_input_bytes") > srv_info_int(r, "total_net_repl_input_bytes"));
    note_field(r, "total_net_repl_output_bytes");
    master_close(&m);
    srv_free(r);
}

Test(peer_sync_traffic, of_a_replica) {
    transcript_play(received);
}

/* What comes in one piece is counted once, wherever the file ends in it. */
static void received_at_once(enum srv_kind kind) {
    static const char *const loads[] = {"disabled", "on-empty-db"};
    for (int i = 0; i < 2; i++) {
        char all[4096], rdb[512];
        size_t n = master_make_rdb(rdb, 3, false);
        struct master m;
        struct srv *r = srv_start(kind, "--repl-diskless-load %s", loads[i]);
        master_open(&m);
        EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", m.port);
        master_accept(&m);
        master_play_until(&m, "PSYNC");
        size_t head = (size_t)sprintf(all, "+FULLRESYNC " MASTER_ID " 1000\r\n$%zu\r\n", n);
        memcpy(all + head, rdb, n);
        size_t write = (size_t)sprintf(all + head + n, "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1000\r\n%01000d\r\n",
                                       1);
        master_send(&m, all, head + n + write);
        WAIT_UNTIL(srv_link_up(r) && srv_info_int(r, "slave_repl_offset") == 1000 + (int64_t)write);
        int64_t beyond = srv_info_int(r, "total_net_repl_input_bytes") - (int64_t)(n + write);
        note("%s: %d\n", loads[i], beyond >= 0 && beyond <= 300); /* what came before is counted by ours */
        master_close(&m);
        srv_free(r);
    }
}

Test(peer_sync_traffic, of_a_replica_that_is_sent_all_at_once) {
    transcript_play(received_at_once);
}

static double rate(struct srv *s, const char *field) {
    return atof(srv_info(s, field));
}

static void rates(enum srv_kind kind) {
    struct srv *p = srv_start(kind, "--repl-ping-replica-period 3600%s", ""), *r = srv_start(kind, "%s", "");
    srv_replicate(r, p);
    redisContext *c = srv_connect(p);
    bool out = false, in = false;
    for (uint64_t end = now_ms() + WAIT_MS; !(out && in) && now_ms() < end;) {
        freeReplyObject(redisCommand(c, "SET k %010000d", 1));
        out = out || rate(p, "instantaneous_output_repl_kbps") >= 1;
        in = in || rate(r, "instantaneous_input_repl_kbps") >= 1;
    }
    note("out: %d, in: %d\n", out, in);
    note_field(p, "instantaneous_input_repl_kbps");
    redisFree(c);
    srv_free(r);
    WAIT_UNTIL(rate(p, "instantaneous_output_repl_kbps") == 0);
    srv_free(p);
}

Test(peer_sync_traffic, rates) {
    transcript_play(rates);
}

/* --- memory --- */

enum { MB = 1024 * 1024 };

static void note_memory(struct srv *p, const char *what) {
    int64_t all = srv_info_int(p, "mem_total_replication_buffers"),
            backlog = srv_info_int(p, "mem_replication_backlog"),
            replicas = srv_info_int(p, "mem_clients_slaves");
    note("--- %s\nall: %lld MB, backlog: %lld MB, replicas: %lld MB\n", what, (long long)(all + MB / 2) / MB,
         (long long)(backlog + MB / 2) / MB, (long long)(replicas + MB / 2) / MB);
}

static void memory(enum srv_kind kind) {
    struct srv *p = srv_start(kind, "--repl-backlog-size 4mb --repl-ping-replica-period 3600"),
               *a = srv_start(kind, "%s", ""), *b = srv_start(kind, "%s", "");
    note_memory(p, "no replica");
    note("%s %s\n", srv_info(p, "mem_replication_backlog"), srv_info(p, "mem_total_replication_buffers"));
    srv_replicate(a, p);
    srv_replicate(b, p);
    WAIT_UNTIL(srv_info_int(p, "connected_slaves") == 2 && strstr(srv_info(p, "slave1"), "online"));
    srv_freeze(a);
    srv_freeze(b);
    redisContext *c = srv_connect(p);
    for (int i = 0; i < 48; i++) freeReplyObject(redisCommand(c, "SET k %01000000d", i));
    redisFree(c);
    /* Sockets hold some of it (14 MB and more, on a busy machine); the rest is held once for both. */
    int64_t all = srv_info_int(p, "mem_total_replication_buffers"),
            backlog = srv_info_int(p, "mem_replication_backlog"),
            replicas = srv_info_int(p, "mem_clients_slaves");
    note("all: %d, ", all > 20 * MB && all < 52 * MB);
    note("backlog: %d, ", backlog < 5 * MB);
    note("replicas: %d, ", replicas > 16 * MB && replicas < 52 * MB);
    note("both: %d\n", llabs(all - backlog - replicas) < MB);
    srv_thaw(a);
    srv_thaw(b);
    srv_wait_synced(a, p);
    srv_wait_synced(b, p);
    WAIT_UNTIL(srv_info_int(p, "mem_total_replication_buffers") < 6 * MB);
    srv_free(a);
    srv_free(b);
    srv_free(p);
}

Test(peer_sync_traffic, memory) {
    transcript_play(memory);
}

/* It is hung up on, and takes all anew. */
static void over(enum srv_kind kind, const char *limit) {
    struct srv *p = srv_start(kind, "--repl-backlog-size 1mb --client-output-buffer-limit %s", limit),
               *r = srv_start(kind, "%s", "");
    srv_replicate(r, p);
    WAIT_UNTIL(strstr(srv_info(p, "slave0"), "state=online"));
    srv_freeze(r);
    redisContext *c = srv_connect(p);
    for (int k = 0; k < 32; k++) freeReplyObject(redisCommand(c, "SET k %01000000d", k));
    redisFree(c);
    WAIT_UNTIL(srv_info_int(p, "connected_slaves") == 0);
    note_logged(p, "for overcoming of output buffer limits.");
    srv_thaw(r);
    srv_wait_synced(r, p);
    note_field(p, "sync_full");
    note_field(p, "sync_partial_err");
    srv_free(r);
    srv_free(p);
}

static void over_hard(enum srv_kind kind) {
    over(kind, "replica 4mb 0 0");
}

static void over_soft(enum srv_kind kind) {
    over(kind, "slave 0 4mb 1");
}

Test(peer_sync_traffic, beyond_the_hard_limit) {
    transcript_play(over_hard);
}

Test(peer_sync_traffic, beyond_the_soft_limit_for_too_long) {
    transcript_play(over_soft);
}

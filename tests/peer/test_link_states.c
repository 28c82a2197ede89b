/* What INFO replication and ROLE say in each state of a link, seen from either end: the same fields in the same order, with the
 * same values, as the real server's. Ours adds fields of its own behind them. */
#include "support/master.h"
#include "support/session.h"
#include "support/transcript.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Ports, names of histories and seconds as #; a minus stays. */
static void note_masked(const char *name, const char *value) {
    note("%s:", name);
    bool seconds = strstr(name, "seconds"), port = strcmp(name, "master_port") == 0;
    bool history = strncmp(name, "master_replid", 13) == 0 && strspn(value, "0") != strlen(value);
    bool peer = strncmp(name, "slave", 5) == 0 && isdigit((unsigned char)name[5]);
    if (!seconds && !port && !history && !peer) {
        note("%s\n", value);
        return;
    }
    for (; *value; value++)
        if (!isalnum((unsigned char)*value) || (peer && !isdigit((unsigned char)*value)))
            note("%c", *value);
        else if (!isalnum((unsigned char)value[1]))
            note("#");
    note("\n");
}

/* All of INFO replication, up to the last of the real server's fields. */
static void note_info(struct srv *s) {
    redisContext *c = srv_connect(s);
    redisReply *r = redisCommand(c, "INFO replication");
    char *save = NULL;
    for (char *line = strtok_r(r->str, "\r\n", &save); line; line = strtok_r(NULL, "\r\n", &save)) {
        char *value = strchr(line, ':');
        if (!value) continue; /* the section's name */
        *value++ = '\0';
        note_masked(line, value);
        if (strcmp(line, "repl_backlog_histlen") == 0) break;
    }
    freeReplyObject(r);
    redisFree(c);
}

/* What it says once that names the state; the others may pass for a moment (each try to connect is one). Ports as #:
 * numbers above 9999, which no offset here reaches. */
static void note_role(struct srv *s, const char *state) {
    const char *role;
    char quoted[32];
    snprintf(quoted, sizeof quoted, "\"%s\"", state);
    WAIT_UNTIL(strstr(role = srv_cmd(s, "ROLE"), quoted));
    for (; *role; role++) {
        size_t digits = strspn(role, "0123456789");
        if (digits == 5) role += 4;
        note("%c", digits == 5 ? '#' : *role);
    }
    note("\n");
}

static void note_all(struct srv *s, const char *state, const char *what) {
    note("--- %s %s\n", state, what);
    note_role(s, state);
    note_info(s);
}

/* --- the replica's end --- */

/* A port at which connections neither come about nor fail: what listens there has no room for another. */
struct full_port {
    int listen_fd, waiting[4], port;
};

static void full_port_open(struct full_port *f) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    f->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(f->listen_fd, (struct sockaddr *)&at, n), 0);
    cr_assert_eq(listen(f->listen_fd, 0), 0);
    getsockname(f->listen_fd, (struct sockaddr *)&at, &n);
    f->port = ntohs(at.sin_port);
    for (int i = 0; i < 4; i++) {
        f->waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        connect(f->waiting[i], (struct sockaddr *)&at, n);
    }
}

static void full_port_close(struct full_port *f) {
    for (int i = 0; i < 4; i++) close(f->waiting[i]);
    close(f->listen_fd);
}

static void of_a_link(enum srv_kind kind) {
    char rdb[512], text[64];
    size_t n = master_make_rdb(rdb, 3, false);
    struct full_port full;
    struct master m;
    struct srv *r = srv_start(kind, "--repl-diskless-load disabled%s", "");
    note_all(r, "master", "alone");
    EXPECT(r, "OK", "REPLICAOF 127.0.0.1 1");
    note_all(r, "connect", "refused");
    full_port_open(&full);
    EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", full.port);
    note_all(r, "connecting", "");
    master_open(&m);
    EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", m.port);
    master_accept(&m);
    note_all(r, "handshake", "");
    master_play_until(&m, "PSYNC");
    master_say(&m, "+FULLRESYNC " MASTER_ID " 1000\r\n");
    note_all(r, "sync", "awaited");
    snprintf(text, sizeof text, "$%zu\r\n", n);
    master_say(&m, text);
    WAIT_UNTIL(srv_info_int(r, "master_sync_total_bytes") > 0);
    note_all(r, "sync", "of a known length");
    master_send(&m, rdb, 20);
    WAIT_UNTIL(srv_info_int(r, "master_sync_read_bytes") == 20);
    note_all(r, "sync", "in part");
    master_send(&m, rdb + 20, n - 20);
    WAIT_UNTIL(srv_link_up(r));
    note_all(r, "connected", "");
    static const char one_and_a_half[] = "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n*2\r\n$4\r\nIN";
    master_say(&m, one_and_a_half);
    WAIT_UNTIL(srv_info_int(r, "slave_read_repl_offset") == 1000 + (int64_t)strlen(one_and_a_half));
    note_all(r, "connected", "and told a request and a half");
    full_port_close(&full);
    EXPECT(r, "OK", "CONFIG SET replica-announced no");
    close(m.listen_fd); /* nobody is there for another try */
    master_hang_up(&m);
    WAIT_UNTIL(!srv_link_up(r));
    note_all(r, "connect", "lost");
    EXPECT(r, "OK", "REPLICAOF NO ONE");
    note_all(r, "master", "promoted");
    srv_free(r);
}

Test(peer_link_states, of_the_replica) {
    transcript_play(of_a_link);
}

/* Without a length nobody knows how much is to come. */
static void of_a_stream(enum srv_kind kind) {
    char rdb[512];
    size_t n = master_make_rdb(rdb, 3, false);
    struct master m;
    struct srv *r = srv_start(kind, "%s", "");
    master_open(&m);
    EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", m.port);
    master_accept(&m);
    master_play_until(&m, "PSYNC");
    master_say(&m, "+FULLRESYNC " MASTER_ID " 1000\r\n$EOF:" MASTER_MARK "\r\n");
    master_send(&m, rdb, 20);
    WAIT_UNTIL(srv_info_int(r, "master_sync_read_bytes") == 20);
    note_all(r, "sync", "in part");
    master_send(&m, rdb + 20, n - 20);
    master_say(&m, MASTER_MARK);
    WAIT_UNTIL(srv_link_up(r));
    note_all(r, "connected", "");
    master_close(&m);
    srv_free(r);
}

Test(peer_link_states, of_a_replica_that_reads_to_a_mark) {
    transcript_play(of_a_stream);
}

/* --- the master's end: replicas that are connections of the test --- */

static bool peer_is(struct srv *p, int i, const char *state) {
    char field[16], want[32];
    snprintf(field, sizeof field, "slave%d", i);
    snprintf(want, sizeof want, "state=%s,", state);
    return strstr(srv_info(p, field), want) != NULL;
}

static int peer_open(struct srv *p, int port, const char *request) {
    int fd = session_open(p);
    char line[64];
    snprintf(line, sizeof line, "REPLCONF listening-port %d capa eof capa psync2", port);
    session_say(fd, line);
    session_hear(fd, "+OK\r\n");
    session_say(fd, request);
    return fd;
}

/* It sends no pings: the first look at its replicas, which may find one, is over. */
static struct srv *silent_primary(enum srv_kind kind, const char *args) {
    struct srv *p = srv_start(kind, "--repl-ping-replica-period 3600 %s", args);
    WAIT_UNTIL(srv_info_int(p, "uptime_in_seconds") >= 1);
    return p;
}

/* More than sockets hold. */
static struct srv *big_primary(enum srv_kind kind, const char *args) {
    struct srv *p = silent_primary(kind, args);
    EXPECT(p, "OK", "CONFIG SET rdbcompression no");
    EXPECT(p, "OK", "DEBUG POPULATE 20000 key 1000");
    return p;
}

static void of_a_snapshot(enum srv_kind kind) {
    struct srv *p = silent_primary(
        kind, "--repl-diskless-sync no --min-replicas-to-write 2 --rdb-key-save-delay 1000000");
    EXPECT(p, "OK", "DEBUG POPULATE 100");
    note_all(p, "master", "no replica");
    int a = peer_open(p, 11111, "PSYNC ? -1");
    session_hear(a, "+FULLRESYNC");
    WAIT_UNTIL(peer_is(p, 0, "wait_bgsave"));
    note_all(p, "master", "the snapshot is made");
    int b = peer_open(p, 22222, "PSYNC ? -1");
    session_hear(b, "+FULLRESYNC");
    note_all(p, "master", "for two");
    close(a);
    WAIT_UNTIL(srv_info_int(p, "connected_slaves") == 1);
    note_all(p, "master", "the first has left");
    close(b);
    WAIT_UNTIL(srv_info_int(p, "connected_slaves") == 0);
    note_all(p, "master", "all have left");
    srv_free(p);
}

Test(peer_link_states, of_a_master_that_makes_a_snapshot) {
    transcript_play(of_a_snapshot);
}

static void of_a_file(enum srv_kind kind) {
    struct srv *p = big_primary(kind, "--repl-diskless-sync no");
    int a = peer_open(p, 11111, "PSYNC ? -1");
    WAIT_UNTIL(peer_is(p, 0, "send_bulk"));
    note_all(p, "master", "the file is sent");
    close(a);
    struct srv *r = srv_start(kind, "--replica-announced no%s", "");
    srv_replicate(r, p);
    WAIT_UNTIL(srv_info_int(p, "connected_slaves") == 1 && peer_is(p, 0, "online"));
    EXPECT(p, "OK", "SET k v");
    EXPECT(p, "(integer) 1", "WAIT 1 60000");
    WAIT_UNTIL(strstr(srv_info(p, "slave0"), "offset=87,")); /* REPLCONF GETACK counts */
    note_all(p, "master", "online");
    note_all(r, "connected", "at last");
    struct srv *sub = srv_start(kind, "%s", "");
    srv_replicate(sub, r);
    WAIT_UNTIL(peer_is(r, 0, "online"));
    note_all(r, "connected", "with a replica of its own");
    srv_free(sub);
    srv_freeze(r);
    EXPECT(p, "OK", "SET k w");
    EXPECT(p, "OK", "FAILOVER TIMEOUT 100000");
    note_field(p, "master_failover_state");
    EXPECT(p, "OK", "FAILOVER ABORT");
    srv_thaw(r);
    srv_free(r);
    srv_free(p);
}

Test(peer_link_states, of_a_master_that_sends_a_file) {
    transcript_play(of_a_file);
}

static void of_a_pipe(enum srv_kind kind) {
    struct srv *p = big_primary(kind, "--repl-diskless-sync yes --repl-diskless-sync-delay 3600 "
                                      "--repl-diskless-sync-max-replicas 2");
    int a = peer_open(p, 11111, "PSYNC ? -1");
    WAIT_UNTIL(peer_is(p, 0, "wait_bgsave"));
    note_all(p, "master", "one waits for the delay to end");
    note_field(p, "rdb_bgsave_in_progress");
    int b = peer_open(p, 22222, "PSYNC ? -1");
    WAIT_UNTIL(srv_info_int(p, "rdb_bgsave_in_progress") == 1);
    session_hear(a, "$EOF:");
    session_hear(b, "$EOF:");
    note_all(p, "master", "two are enough, before its end");
    note("%d\n", srv_log_count(p, "Starting BGSAVE for SYNC with target: replicas sockets"));
    close(a);
    close(b);
    srv_free(p);
}

Test(peer_link_states, of_a_master_that_relays_a_pipe) {
    transcript_play(of_a_pipe);
}

static void hear_the_end(int fd) {
    char bytes[4096];
    ssize_t n;
    while ((n = recv(fd, bytes, sizeof bytes, 0)) > 0) {}
    cr_assert_eq(n, 0, "it did not hang up, or not nicely");
}

/* As redis-cli --rdb: who wants no stream is hung up on when it has all, by file and by pipe. */
static void of_one_that_wants_the_data_only(enum srv_kind kind) {
    static const char *const requests[] = {"SYNC", "PSYNC ? -1"};
    struct srv *p = silent_primary(kind, "--repl-diskless-sync no");
    for (int i = 0; i < 4; i++) {
        int fd = session_open(p);
        EXPECT(p, "OK", "CONFIG SET repl-diskless-sync %s", i < 2 ? "no" : "yes");
        session_say(fd, "REPLCONF rdb-only 1 capa eof");
        session_hear(fd, "+OK\r\n");
        session_say(fd, requests[i % 2]);
        session_hear(fd, "REDIS0010");
        hear_the_end(fd);
        close(fd);
        WAIT_UNTIL(srv_info_int(p, "connected_slaves") == 0);
        note_all(p, "master", requests[i % 2]);
    }
    srv_free(p);
}

Test(peer_link_states, of_a_replica_that_wants_the_data_only) {
    transcript_play(of_one_that_wants_the_data_only);
}

/* A snapshot of the same history that ends in the middle: beside the old data (swapdb) it costs nothing. */
static void of_a_broken_load(enum srv_kind kind) {
    char rdb[512], text[128];
    size_t n = master_make_rdb(rdb, 3, false);
    struct master m;
    struct srv *r = srv_start(kind, "--repl-diskless-load swapdb%s", "");
    master_open(&m);
    EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", m.port);
    for (int i = 0; i < 2; i++) {
        master_accept(&m);
        master_play_until(&m, "PSYNC");
        snprintf(text, sizeof text, "+FULLRESYNC " MASTER_ID " %d\r\n$%zu\r\n", 1000 * (i + 1), n);
        master_say(&m, text);
        if (i == 1) break;
        master_send(&m, rdb, n);
        WAIT_UNTIL(srv_link_up(r));
        master_hang_up(&m);
    }
    close(m.listen_fd); /* nobody is there for another try */
    master_send(&m, rdb, n / 2);
    master_hang_up(&m);
    WAIT_UNTIL(srv_logged(r, "Discarding temporary DB in background"));
    note_all(r, "connect", "after a load that broke");
    note_field(r, "loading");
    note_field(r, "async_loading");
    ASK(r, "DBSIZE");
    ASK(r, "GET new0");
    ASK(r, "SET a b");
    note_logged(r, "Failed trying to load the MASTER synchronization DB from socket");
    srv_free(r);
}

Test(peer_link_states, of_a_replica_whose_load_breaks) {
    transcript_play(of_a_broken_load);
}

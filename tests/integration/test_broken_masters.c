/* A replica and masters that answer nonsense at each step, stop in the middle, or send a file that is none: each time a
 * clear line in the log, another try, and what the replica had is still there. The master is this test itself. */
#include "base/digest.h"
#include "rdb/format.h"
#include "support/master.h"
#include "support/server.h"

#include <criterion/criterion.h>
#include <endian.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ID   MASTER_ID
#define MARK MASTER_MARK

/* --- faults --- */

struct fault {
    const char *name;
    const char *at;    /* the request that is answered so */
    const char *reply; /* "": hang up at once */
    const char *file;  /* sent after reply: "good", "flipped", "no rdb", "twice" (a key is), or NULL */
    const char *logged;
};

static const struct fault faults[] = {
    {"hang up at once", "PING", "", NULL, "Master did not respond to command during SYNC handshake"},
    {"not our protocol", "PING", "HTTP/1.1 400 Bad Request\r\n\r\n", NULL,
     "Error reply to PING from master: 'HTTP"},
    {"full", "PING", "-ERR max number of clients reached\r\n", NULL,
     "Error reply to PING from master: '-ERR max"},
    {"hang up at REPLCONF", "REPLCONF", "", NULL, "Failed to read response from the server"},
    {"hang up at PSYNC", "PSYNC", "", NULL, "Master did not reply to PSYNC, will try later"},
    {"nonsense to PSYNC", "PSYNC", "+WHATEVER\r\n", NULL, "Unexpected reply to PSYNC from master: +WHATEVER"},
    {"no identity", "PSYNC", "+FULLRESYNC\r\n", NULL, "Master replied with wrong +FULLRESYNC syntax."},
    {"negative offset", "PSYNC", "+FULLRESYNC " ID " -7\r\n", NULL, "wrong +FULLRESYNC syntax"},
    {"loading", "PSYNC", "-LOADING Redis is loading\r\n", NULL,
     "unable to PSYNC but should be in the future: -LOADING"},
    {"no link", "PSYNC", "-NOMASTERLINK Can't SYNC\r\n", NULL, "should be in the future: -NOMASTERLINK"},
    {"no length", "PSYNC", "+FULLRESYNC " ID " 9\r\nhello\r\n", NULL,
     "the first byte is not '$' (we received 'hello')"},
    {"snapshot failed", "PSYNC", "+FULLRESYNC " ID " 9\r\n\n\n-ERR BGSAVE failed\r\n", NULL,
     "MASTER aborted replication with an error: ERR BGSAVE failed"},
    {"bad length", "PSYNC", "+FULLRESYNC " ID " 9\r\n$-3\r\n", NULL, "we received '$-3'"},
    {"nothing", "PSYNC", "+FULLRESYNC " ID " 9\r\n$0\r\n", NULL,
     "Wrong signature trying to load DB from file"},
    {"cut short", "PSYNC", "+FULLRESYNC " ID " 9\r\n$500\r\n", "good",
     "I/O error trying to sync with MASTER"},
    {"no mark", "PSYNC", "+FULLRESYNC " ID " 9\r\n$EOF:" MARK "\r\n", "good",
     "I/O error trying to sync with MASTER"},
    {"flipped bit", "PSYNC", "+FULLRESYNC " ID " 9\r\n$", "flipped", "Wrong RDB checksum"},
    {"not a snapshot", "PSYNC", "+FULLRESYNC " ID " 9\r\n$", "no rdb",
     "Wrong signature trying to load DB from file"},
    {"flipped bit before the mark", "PSYNC", "+FULLRESYNC " ID " 9\r\n$EOF:" MARK "\r\n", "flipped",
     "Wrong RDB checksum"},
    {"a key twice", "PSYNC", "+FULLRESYNC " ID " 9\r\n$", "twice",
     "from disk: duplicated key at offset 27 (old data is kept)"},
};

/* The third key gets the name of the second, and the checksum is right. */
static void repeat_key(char *rdb, size_t n) {
    memcpy(memmem(rdb, n, "new2", 4), "new1", 4);
    uint64_t crc = htole64(crc64(0, rdb, n - RDB_CRC_BYTES));
    memcpy(rdb + n - RDB_CRC_BYTES, &crc, sizeof crc);
}

static void send_file(struct master *m, const struct fault *f) {
    char rdb[512];
    bool counted = f->reply[strlen(f->reply) - 1] == '$', marked = strstr(f->reply, "EOF") != NULL;
    size_t n = master_make_rdb(rdb, 3, false);
    if (strcmp(f->file, "flipped") == 0) rdb[12] ^= 0x10;
    if (strcmp(f->file, "twice") == 0) repeat_key(rdb, n);
    if (strcmp(f->file, "no rdb") == 0) memcpy(rdb, "GIF89a", 6);
    if (counted) {
        char length[32];
        snprintf(length, sizeof length, "%zu\r\n", n);
        master_say(m, length);
    }
    master_send(m, rdb, n);
    if (marked && strcmp(f->file, "flipped") == 0) master_say(m, MARK);
}

static bool leftovers(const struct srv *r) {
    char pattern[200];
    glob_t found;
    snprintf(pattern, sizeof pattern, "%s/temp-*", r->dir);
    bool any = glob(pattern, 0, NULL, &found) == 0;
    globfree(&found);
    return any;
}

static void old_data_is_there(struct srv *r, const char *after) {
    cr_assert(srv_alive(r), "it died of: %s", after);
    cr_assert_str_eq(srv_cmd(r, "DBSIZE"), "(integer) 2", "after: %s", after);
    cr_assert_str_eq(srv_cmd(r, "GET precious"), "\"data\"", "after: %s", after);
}

Test(broken_masters, cost_nothing_but_the_attempt) {
    struct master m;
    struct srv *r = srv_start(TANDEM, "%s", "");
    master_open(&m);
    EXPECT(r, "OK", "SET precious data");
    EXPECT(r, "OK", "SET more data");
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        const struct fault *f = &faults[i];
        int before = srv_log_count(r, f->logged);
        srv_cmd(r, "REPLICAOF NO ONE");
        EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", m.port);
        master_accept(&m);
        master_play_until(&m, f->at);
        master_say(&m, f->reply);
        if (f->file) send_file(&m, f);
        /* It gives up by itself where it can know better; a cut is the fault in the other cases. */
        if (f->file && strcmp(f->file, "good") == 0) master_hang_up(&m);
        if (!f->reply[0]) master_hang_up(&m);
        WAIT_UNTIL(srv_log_count(r, f->logged) > before);
        old_data_is_there(r, f->name);
        master_accept(&m); /* it tries again */
        cr_assert_str_eq(master_hear(&m), "PING", "after: %s", f->name);
        master_hang_up(&m);
    }
    WAIT_UNTIL(!leftovers(r));
    master_close(&m);
    srv_free(r);
}

Test(broken_masters, one_that_falls_silent_is_left) {
    struct master m;
    struct srv *r = srv_start(TANDEM, "--repl-timeout 1");
    static const char *const stops[] = {"", "+FULLRESYNC " ID " 9\r\n",
                                        "+FULLRESYNC " ID " 9\r\n$500\r\nREDIS0010"};
    master_open(&m);
    EXPECT(r, "OK", "SET precious data");
    EXPECT(r, "OK", "SET more data");
    EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", m.port);
    for (size_t i = 0; i < 3; i++) {
        master_accept(&m);
        master_play_until(&m, "PSYNC");
        master_say(&m, stops[i]);
        old_data_is_there(r, stops[i]);
        master_wait(&m); /* it comes back while this connection is open */
    }
    cr_assert(srv_logged(r, "Timeout connecting to the MASTER..."));
    cr_assert(srv_logged(r, "Timeout receiving bulk data from MASTER..."));
    old_data_is_there(r, "silence");
    master_close(&m);
    srv_free(r);
}

Test(broken_masters, info_while_the_snapshot_is_awaited) {
    struct master m;
    struct srv *r = srv_start(TANDEM, "%s", "");
    master_open(&m);
    EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", m.port);
    master_accept(&m);
    master_play_until(&m, "PSYNC");
    master_say(&m, "+FULLRESYNC " ID " 9\r\n");
    WAIT_UNTIL(srv_info_int(r, "master_sync_in_progress") == 1);
    cr_assert_str_eq(srv_info(r, "master_link_down_since_seconds"), "-1", "it was never up");
    cr_assert_str_eq(srv_info(r, "master_sync_total_bytes"), "-1");
    cr_assert_str_eq(srv_info(r, "master_sync_left_bytes"), "-1");
    cr_assert_str_eq(srv_info(r, "master_sync_perc"), "-0.00");
    cr_assert_leq(srv_info_int(r, "master_sync_last_io_seconds_ago"), 5);
    master_close(&m);
    srv_free(r);
}

/* DEBUG RELOAD serves others meanwhile, but two loads at once would mix their data. */
Test(broken_masters, a_snapshot_that_is_complete_during_a_reload_waits_for_its_end) {
    char rdb[512], head[80];
    struct master m;
    struct srv *r = srv_start(TANDEM, "--rdbcompression no --key-load-delay 100 "
                                      "--loading-process-events-interval-bytes 1024");
    size_t n = master_make_rdb(rdb, 3, false);
    EXPECT(r, "OK", "DEBUG POPULATE 10000 key 100");
    master_open(&m);
    EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", m.port);
    master_accept(&m);
    master_play_until(&m, "PSYNC");
    snprintf(head, sizeof head, "+FULLRESYNC " ID " 9\r\n$%zu\r\n", n);
    master_say(&m, head);
    WAIT_UNTIL(leftovers(r));
    redisContext *reloader = srv_connect(r);
    redisAppendCommand(reloader, "DEBUG RELOAD");
    int done = 0;
    cr_assert_eq(redisBufferWrite(reloader, &done), REDIS_OK);
    /* Not INFO: asked in the same turn as the reload, it would be answered only after it. */
    WAIT_UNTIL(srv_logged(r, "Loading RDB produced by"));
    master_send(&m, rdb, n);
    redisReply *reply;
    cr_assert_eq(redisGetReply(reloader, (void **)&reply), REDIS_OK, "it died");
    cr_assert_str_eq(reply->str, "OK");
    freeReplyObject(reply);
    redisFree(reloader);
    WAIT_UNTIL(srv_link_up(r));
    EXPECT(r, "(integer) 3", "DBSIZE");
    master_close(&m);
    srv_free(r);
}

Test(broken_masters, a_server_that_stops_leaves_no_half_received_file) {
    struct master m;
    struct srv *r = srv_start(TANDEM, "%s", "");
    master_open(&m);
    EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", m.port);
    master_accept(&m);
    master_play_until(&m, "PSYNC");
    master_say(&m, "+FULLRESYNC " ID " 9\r\n$500\r\nREDIS0010");
    WAIT_UNTIL(leftovers(r));
    srv_stop(r);
    cr_assert(!leftovers(r));
    master_close(&m);
    srv_free(r);
}

/* The checksum is right and the content is not. */
Test(broken_masters, a_liar_costs_nothing_but_the_attempt) {
    char rdb[512], head[80];
    struct master m;
    struct srv *r = srv_start(TANDEM, "%s", "");
    master_open(&m);
    EXPECT(r, "OK", "SET precious data");
    EXPECT(r, "OK", "SAVE");
    EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", m.port);
    master_accept(&m);
    master_play_until(&m, "PSYNC");
    size_t n = master_make_rdb(rdb, 3, true);
    snprintf(head, sizeof head, "+FULLRESYNC " ID " 9\r\n$%zu\r\n", n);
    master_say(&m, head);
    master_send(&m, rdb, n);
    master_accept(&m);
    char wanted[80];
    snprintf(wanted, sizeof wanted, "PSYNC %s 1", srv_info(r, "master_replid"));
    cr_assert_str_eq(master_play_until(&m, "PSYNC"), wanted);
    cr_assert(srv_logged(r, "Failed trying to load the MASTER synchronization DB from disk: "));
    EXPECT(r, "\"data\"", "GET precious");
    srv_kill(r);
    master_close(&m);
    srv_restart(r);
    EXPECT(r, "\"data\"", "GET precious");
    srv_free(r);
}

/* --- and a good one, byte by byte and all at once --- */

static const char stream[] = "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$1\r\ny\r\n"
                             "*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n";

static void good_sync(struct srv *r, struct master *m, bool marked, bool by_bytes) {
    char all[1024], rdb[512], wanted[64];
    size_t rdb_n = master_make_rdb(rdb, 3, false);
    master_accept(m);
    master_play_until(m, "PSYNC");
    size_t n = marked ? (size_t)sprintf(all, "\n+FULLRESYNC " ID " 1000\r\n\n\n$EOF:" MARK "\r\n")
                      : (size_t)sprintf(all, "+FULLRESYNC " ID " 1000\r\n$%zu\r\n", rdb_n);
    memcpy(all + n, rdb, rdb_n);
    n += rdb_n;
    if (marked) {
        memcpy(all + n, MARK, 40);
        n += 40;
    } else { /* the stream may follow at once: the length tells where it begins */
        memcpy(all + n, stream, sizeof stream - 1);
        n += sizeof stream - 1;
    }
    for (size_t at = 0; at < n; at += by_bytes ? 1 : n) master_send(m, all + at, by_bytes ? 1 : n);
    if (marked) {
        cr_assert_str_eq(master_play_until(m, "REPLCONF ACK"), "REPLCONF ACK 1000",
                         "at once: the master waits for it");
        master_send(m, stream, sizeof stream - 1);
    }
    snprintf(wanted, sizeof wanted, "REPLCONF ACK %d", 1000 + (int)sizeof stream - 1);
    while (strcmp(master_hear(m), wanted) != 0) {}
    EXPECT(r, "(integer) 3", "DBSIZE");
    cr_assert_str_eq(srv_info(r, "master_replid"), ID);
    WAIT_UNTIL(srv_info_int(r, "slave_repl_offset") == 1000 + (int)sizeof stream - 1);
    /* A cut: it asks for the very next byte. */
    master_hang_up(m);
    master_accept(m);
    snprintf(wanted, sizeof wanted, "PSYNC " ID " %d", 1000 + (int)sizeof stream);
    cr_assert_str_eq(master_play_until(m, "PSYNC"), wanted);
    master_say(m, "+CONTINUE\r\n*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$1\r\nz\r\n");
    WAIT_UNTIL(srv_link_up(r));
    EXPECT(r, "OK", "SELECT 3");
    WAIT_UNTIL(strcmp(srv_cmd(r, "GET x"), "\"z\"") == 0);
    EXPECT(r, "OK", "SELECT 0");
}

Test(broken_masters, a_good_one_is_followed_to_the_byte) {
    for (int form = 0; form < 8; form++) {
        struct master m;
        bool to_parser = form & 4;
        struct srv *r = srv_start(TANDEM, "--repl-diskless-load %s", to_parser ? "on-empty-db" : "disabled");
        master_open(&m);
        if (!to_parser) EXPECT(r, "OK", "SET old data");
        EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", m.port);
        good_sync(r, &m, form & 1, form & 2);
        master_close(&m);
        srv_free(r);
    }
}

Test(broken_masters, one_that_knows_no_psync) {
    char rdb[512], head[32];
    struct master m;
    struct srv *r = srv_start(TANDEM, "%s", "");
    size_t n = master_make_rdb(rdb, 3, false);
    master_open(&m);
    EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", m.port);
    master_accept(&m);
    master_play_until(&m, "PSYNC");
    master_say(&m, "-ERR unknown command 'PSYNC'\r\n");
    cr_assert_str_eq(master_hear(&m), "SYNC");
    snprintf(head, sizeof head, "$%zu\r\n", n);
    master_say(&m, head);
    master_send(&m, rdb, n);
    WAIT_UNTIL(srv_link_up(r));
    EXPECT(r, "(integer) 3", "DBSIZE");
    master_hang_up(&m);
    master_accept(&m);
    cr_assert_str_eq(master_play_until(&m, "PSYNC"), "PSYNC ? -1", "its history has no name to go on with");
    master_close(&m);
    srv_free(r);
}

/* What operators read in the logs of master and replica: the lines that the documents name, in their order, in the real server's
 * words and with its levels. */
#include "support/session.h"
#include "support/transcript.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Lines of a child, which come when they like; those that may come in either order; and at last our own. */
static const char *const but[] = {"Fork CoW for ",
                                  "DB saved on disk",
                                  "Successfully created the temporary AOF base file",
                                  "Removing the history file",
                                  "Background RDB transfer terminated with success",
                                  "* Full resynchronization ",
                                  NULL};

/* They were not left out for nothing. */
static void note_but(struct srv *s) {
    for (size_t i = 0; i < 5; i++) note_logged(s, but[i]);
}

static bool rewritten(struct srv *s) {
    return srv_logged(s, "Background AOF rewrite finished successfully");
}

static void by_file(enum srv_kind kind) {
    struct srv *p = srv_start(kind, "--repl-diskless-sync no%s", ""),
               *r = srv_start(kind, "--appendonly yes");
    EXPECT(p, "OK", "SET k v");
    srv_replicate(r, p);
    WAIT_UNTIL(rewritten(r));
    WAIT_UNTIL(srv_logged(p, "Synchronization with replica"));
    note("--- master\n");
    note_log(p, "asks for synchronization", but);
    note_but(p);
    note("--- replica\n");
    note_log(r, "Connecting to MASTER", but);
    note_but(r);
    srv_free(r);
    srv_free(p);
}

Test(peer_log_lines, of_a_file) {
    transcript_play(by_file);
}

static void by_pipe(enum srv_kind kind) {
    static const char *const loads[] = {"disabled", "on-empty-db", "swapdb"};
    for (size_t i = 0; i < sizeof loads / sizeof *loads; i++) {
        struct srv *p = srv_start(kind, "--repl-diskless-sync yes%s", ""),
                   *r = srv_start(kind, "--repl-diskless-load %s", loads[i]);
        EXPECT(p, "OK", "SET k v");
        srv_replicate(r, p);
        WAIT_UNTIL(strstr(srv_info(p, "slave0"), "state=online"));
        WAIT_UNTIL(srv_info_int(p, "rdb_bgsave_in_progress") == 0);
        note("--- %s, master\n", loads[i]);
        note_log(p, "asks for synchronization", but);
        note_but(p);
        note("--- replica\n");
        note_log(r, "Connecting to MASTER", but);
        srv_free(r);
        srv_free(p);
    }
}

Test(peer_log_lines, of_a_pipe) {
    transcript_play(by_pipe);
}

static void cut(enum srv_kind kind) {
    struct srv *p = srv_start(kind, "%s", ""), *r = srv_start(kind, "%s", "");
    srv_replicate(r, p);
    EXPECT(p, "OK", "SET k v");
    srv_wait_synced(r, p);
    EXPECT(p, "(integer) 1", "CLIENT KILL TYPE replica");
    WAIT_UNTIL(srv_info_int(p, "sync_partial_ok") == 1);
    WAIT_UNTIL(srv_link_up(r));
    note("--- master\n");
    note_log(p, "Connection with replica", but);
    note("--- replica\n");
    note_log(r, "Connection with master lost", but);
    EXPECT(r, "OK", "SLAVEOF NO ONE");
    note("--- promoted\n");
    note_log(r, "Discarding previously cached master state", but);
    EXPECT(r, "OK", "SLAVEOF 127.0.0.1 %d", p->port);
    WAIT_UNTIL(srv_link_up(r));
    note("--- demoted\n"); /* whether that is partial is another matter */
    note_log_part(r, "Before turning into a replica", "Trying a partial resynchronization", but);
    srv_free(r);
    srv_free(p);
}

Test(peer_log_lines, of_a_cut_and_of_new_roles) {
    transcript_play(cut);
}

static void passwords(enum srv_kind kind) {
    struct srv *p = srv_start(kind, "--requirepass secret"), *none = srv_start(kind, "%s", ""),
               *wrong = srv_start(kind, "--masterauth wrong");
    EXPECT(none, "OK", "SLAVEOF 127.0.0.1 %d", p->port);
    WAIT_UNTIL(srv_logged(none, "MASTER aborted replication with an error"));
    EXPECT(none, "OK",
           "CONFIG SET masterauth secret"); /* the real one tries again and again without a pause */
    note_log_part(none, "Connecting to MASTER", "MASTER aborted replication with an error", but);
    EXPECT(wrong, "OK", "SLAVEOF 127.0.0.1 %d", p->port);
    WAIT_UNTIL(srv_logged(wrong, "Unable to AUTH to MASTER"));
    note_log_part(wrong, "Connecting to MASTER", "Unable to AUTH to MASTER", but);
    EXPECT(wrong, "OK", "CONFIG SET masterauth secret");
    WAIT_UNTIL(srv_link_up(none) && srv_link_up(wrong));
    srv_free(wrong);
    srv_free(none);
    srv_free(p);
}

Test(peer_log_lines, of_passwords) {
    transcript_play(passwords);
}

/* Nobody is there, or not any more. */
static void refused(enum srv_kind kind) {
    static const char nobody_there[] = "Error condition on socket for SYNC: Connection refused";
    struct srv *p = srv_start(kind, "%s", ""), *r = srv_start(kind, "%s", "");
    srv_replicate(r, p);
    EXPECT(p, "OK", "SET k v");
    srv_wait_synced(r, p);
    srv_kill(p);
    WAIT_UNTIL(srv_logged(r, nobody_there));
    /* The first try may still find the dying one. */
    note_log_part(r, "Connection with master lost", "Reconnecting to MASTER", but);
    note_log_part(r, nobody_there, nobody_there, but);
    srv_free(p);
    p = srv_start(kind, "%s", "");
    int nobody = free_port();
    EXPECT(p, "OK", "SLAVEOF 127.0.0.1 %d", nobody);
    WAIT_UNTIL(srv_logged(p, nobody_there));
    note_log_part(p, "Connecting to MASTER", nobody_there, but);
    srv_free(r);
    srv_free(p);
}

Test(peer_log_lines, of_a_master_that_is_not_there) {
    transcript_play(refused);
}

/* What is asked for, and why it is not to be had. */
static void ask_for(struct srv *p, const char *id, int64_t offset, const char *what) {
    char line[120];
    int fd = session_open(p);
    session_say(fd, "REPLCONF listening-port 11111 capa eof capa psync2");
    session_hear(fd, "+OK\r\n");
    snprintf(line, sizeof line, "PSYNC %s %lld", id, (long long)offset);
    session_say(fd, line);
    while (*(snprintf(line, sizeof line, "%s", session_hear(fd, "\n")), line) == '\n') {}
    bool same = strstr(line, srv_info(p, "master_replid")) != NULL;
    note("%s -> %.*s, our history: %d\n", what, (int)strcspn(line, " \r"), line, same);
    close(fd);
    WAIT_UNTIL(srv_info_int(p, "connected_slaves") == 0);
}

static void requests(enum srv_kind kind) {
    static const char *const words[] = {
        "Partial resynchronization request from 127.0.0.1:11111 accepted. Sending ",
        "Partial resynchronization not accepted: Replication ID mismatch",
        "Partial resynchronization not accepted: Requested offset for second ID was ",
        "Unable to partial resync with replica 127.0.0.1:11111 for lack of backlog",
        "with an offset that is greater than the master replication offset.",
        "Full resync requested by replica 127.0.0.1:11111"};
    char id[64], upper[64], old[64];
    struct srv *p = srv_start(kind, "--repl-diskless-sync no --repl-backlog-size 16kb "
                                    "--repl-ping-replica-period 3600");
    WAIT_UNTIL(srv_info_int(p, "uptime_in_seconds") >= 1); /* its first look at replicas is over */
    ask_for(p, "?", -1, "anything");
    EXPECT(p, "OK", "SET k v");
    snprintf(id, sizeof id, "%s", srv_info(p, "master_replid"));
    for (int i = 0; i <= 40; i++) upper[i] = id[i] >= 'a' ? (char)(id[i] - 'a' + 'A') : id[i];
    int64_t end = srv_info_int(p, "master_repl_offset");
    ask_for(p, id, 1, "from the beginning");
    ask_for(p, upper, 1, "in capitals");
    ask_for(p, id, end + 1, "the next byte");
    ask_for(p, id, end + 2, "a byte beyond");
    ask_for(p, id, 0, "none");
    ask_for(p, id, -1, "less than none");
    ask_for(p, "0123456789abcdef0123456789abcdef01234567", 1, "another history");
    ask_for(p, "short", 1, "no name of a history");
    for (int i = 0; i < 40; i++) EXPECT(p, "OK", "SET k %01000d", i);
    ask_for(p, id, 1, "what is forgotten");
    ask_for(p, id, srv_info_int(p, "repl_backlog_first_byte_offset"), "the oldest that is known");
    snprintf(old, sizeof old, "%s", id);
    EXPECT(p, "OK", "SLAVEOF 127.0.0.1 1");
    EXPECT(p, "OK", "SLAVEOF NO ONE");
    end = srv_info_int(p, "master_repl_offset");
    note("%d\n", strcmp(srv_info(p, "master_replid2"), old) == 0);
    ask_for(p, old, end + 1, "the former history up to its end");
    ask_for(p, old, end + 2, "and beyond");
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) note_logged(p, words[i]);
    note_field(p, "sync_full");
    note_field(p, "sync_partial_ok");
    note_field(p, "sync_partial_err");
    srv_free(p);
}

Test(peer_log_lines, of_what_is_asked_for) {
    transcript_play(requests);
}

/* What operators read in the logs of master and replica: the lines that the documents name, in their order, in the real server's
 * words and with its levels. */
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

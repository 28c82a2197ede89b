/* What a full synchronisation leaves behind: snapshot files on either side (rdb-del-sync-files), and the old data
 * (replica-lazy-flush). */
#include "support/session.h"
#include "support/transcript.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool has_file(struct srv *s) {
    char path[200];
    snprintf(path, sizeof path, "%s/dump.rdb", s->dir);
    return access(path, F_OK) == 0;
}

static const char removed_sent[] =
    "Removing the RDB file used to feed replicas in a persistence-less instance";
static const char removed_received[] =
    "Removing the RDB file obtained from the master. This replica has persistence disabled";

static void note_files(struct srv *p, struct srv *r, const char *what) {
    note("--- %s\nmaster: file %d, removed %d\n", what, has_file(p), srv_log_count(p, removed_sent));
    if (r) note("replica: file %d, removed %d\n", has_file(r), srv_log_count(r, removed_received));
}

/* Both crons have looked at what there is to remove since all was in step. */
static void pass_a_second(struct srv *s) {
    int64_t since = srv_info_int(s, "uptime_in_seconds");
    WAIT_UNTIL(srv_info_int(s, "uptime_in_seconds") >= since + 2);
}

static void nothing_persists(enum srv_kind kind) {
    struct srv *p = srv_start(kind, "--repl-diskless-sync no --rdb-del-sync-files yes"),
               *r = srv_start(kind, "--rdb-del-sync-files yes%s", "");
    EXPECT(r, "OK", "SET old data");
    EXPECT(r, "OK", "SAVE"); /* by hand; the received file takes its place, and goes */
    EXPECT(p, "OK", "SET k v");
    srv_replicate(r, p);
    srv_wait_synced(r, p);
    WAIT_UNTIL(!has_file(p));
    note_files(p, r, "by file");
    EXPECT(r, "OK", "REPLICAOF NO ONE");
    EXPECT(p, "OK", "CONFIG SET repl-diskless-sync yes");
    EXPECT(p, "OK", "DEBUG CHANGE-REPL-ID");
    srv_replicate(r, p);
    srv_wait_synced(r, p);
    WAIT_UNTIL(!has_file(r));
    note_files(p, r, "by pipe");
    WAIT_UNTIL(srv_info_int(p, "rdb_bgsave_in_progress") == 0);
    EXPECT(p, "OK", "SAVE"); /* a file of the user's own */
    EXPECT(r, "OK", "SAVE");
    pass_a_second(p);
    note_files(p, r, "saved by hand");
    srv_free(r);
    srv_free(p);
}

Test(peer_sync_files, go_where_nothing_persists) {
    transcript_play(nothing_persists);
}

static const char *config_set(struct srv *s, const char *name, const char *value) {
    size_t lens[] = {6, 3, strlen(name), strlen(value)};
    return srv_cmdv(s, 4, (const char *[]){"CONFIG", "SET", name, value}, lens);
}

static void something_persists(enum srv_kind kind) {
    static const char *const persistence[] = {"--save '900 1000000'", "--appendonly yes"};
    /* A real replica is not compared: it turns its append-only files off for the load, and takes that for no persistence. */
    struct srv *p[2], *r[2];
    for (int i = 0; i < 2; i++) {
        p[i] = srv_start(kind, "--repl-diskless-sync no --rdb-del-sync-files yes %s", persistence[i]);
        r[i] = srv_start(kind, "--rdb-del-sync-files yes %s", persistence[i]);
        srv_replicate(r[i], p[i]);
        srv_wait_synced(r[i], p[i]);
    }
    pass_a_second(p[1]);
    WAIT_UNTIL(has_file(r[0]));
    for (int i = 0; i < 2; i++) note_files(p[i], i ? NULL : r[i], persistence[i]);
    if (kind == TANDEM) WAIT_UNTIL(has_file(r[1]));
    /* As soon as nothing persists, what was made for replicas only goes. */
    for (int i = 0; i < 2; i++) {
        cr_assert_str_eq(config_set(p[i], i ? "appendonly" : "save", i ? "no" : ""), "OK");
        cr_assert_str_eq(config_set(r[i], i ? "appendonly" : "save", i ? "no" : ""), "OK");
        WAIT_UNTIL(!has_file(p[i]));
        note_files(p[i], i ? NULL : r[i], "not any more");
        srv_free(r[i]);
        srv_free(p[i]);
    }
}

Test(peer_sync_files, stay_where_something_persists) {
    transcript_play(something_persists);
}

/* Turned on later, it is about later files only: this one may be a user's by now. */
static void turned_on_later(enum srv_kind kind) {
    struct srv *p = srv_start(kind, "--repl-diskless-sync no%s", ""), *r = srv_start(kind, "%s", "");
    srv_replicate(r, p);
    srv_wait_synced(r, p);
    WAIT_UNTIL(has_file(r));
    note_files(p, r, "off");
    EXPECT(p, "OK", "CONFIG SET rdb-del-sync-files yes");
    EXPECT(r, "OK", "CONFIG SET rdb-del-sync-files yes");
    pass_a_second(p);
    note_files(p, r, "on");
    srv_free(r);
    srv_free(p);
}

Test(peer_sync_files, of_the_time_before_stay) {
    transcript_play(turned_on_later);
}

/* --- replica-lazy-flush --- */

static void old_data_goes(enum srv_kind kind) {
    static const char *const lazily[] = {"no", "yes"};
    for (int i = 0; i < 2; i++) {
        struct srv *p = srv_start(kind, "%s", ""), *r = srv_start(kind, "--replica-lazy-flush %s", lazily[i]);
        EXPECT(r, "OK", "DEBUG POPULATE 5000");
        EXPECT(r, "OK", "SELECT 3");
        EXPECT(r, "OK", "DEBUG POPULATE 700");
        EXPECT(p, "OK", "SET k v");
        srv_replicate(r, p);
        srv_wait_synced(r, p);
        WAIT_UNTIL(srv_info_int(r, "lazyfree_pending_objects") == 0);
        note("--- %s\n", lazily[i]);
        note_field(r, "lazyfreed_objects");
        note_field(r, "db0");
        note_field(r, "db3");
        srv_free(r);
        srv_free(p);
    }
}

Test(peer_sync_files, old_data_goes_at_once_or_lazily) {
    transcript_play(old_data_goes);
}

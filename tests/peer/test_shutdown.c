/* Ending a server whose replicas lag: shutdown-timeout, SHUTDOWN's words, and what the log says of it. */
#include "support/transcript.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What differs by its build or by chance. */
static const char *const but[] = {"Connection with replica", NULL}, *const but_directory[] = {
                                                                        "(in server root dir ", NULL};

struct pair {
    struct srv *p, *r;
};

/* A replica that stands still, and a write that it has not. */
static struct pair lagging(enum srv_kind kind, const char *args) {
    struct pair x = {srv_start(kind, "--repl-ping-replica-period 3600 %s", args), srv_start(kind, "%s", "")};
    srv_replicate(x.r, x.p);
    EXPECT(x.p, "OK", "SET k v");
    EXPECT(x.p, "(integer) 1", "WAIT 1 60000");
    srv_freeze(x.r);
    EXPECT(x.p, "OK", "SET k w");
    return x;
}

static void lagging_free(struct pair *x) {
    srv_free(x->r);
    srv_free(x->p);
}

static void send_only(redisContext *c, const char *command) {
    int done = 0;
    redisAppendCommand(c, command);
    cr_assert_eq(redisBufferWrite(c, &done), REDIS_OK);
}

static void note_reply(redisContext *c) {
    redisReply *r = NULL;
    if (redisGetReply(c, (void **)&r) != REDIS_OK) {
        note("(hung up)\n");
        return;
    }
    note("%s\n", reply_text(r));
    freeReplyObject(r);
}

static bool waits(struct srv *s) {
    return srv_info_int(s, "shutdown_in_milliseconds") > 0;
}

/* It waits, serves readers, holds writers back, and goes when the replica has all. */
static void until_in_step(enum srv_kind kind) {
    struct pair x = lagging(kind, "--shutdown-timeout 3600");
    redisContext *c = srv_connect(x.p), *writer = srv_connect(x.p);
    note("before: %s\n", srv_info(x.p, "shutdown_in_milliseconds"));
    send_only(c, "SHUTDOWN");
    WAIT_UNTIL(waits(x.p));
    ASK(x.p, "GET k");
    send_only(writer, "SET k too-late");
    WAIT_UNTIL(srv_info_int(x.p, "blocked_clients") == 2);
    srv_thaw(x.r);
    note_reply(c);
    note_reply(writer);
    WAIT_UNTIL(!srv_alive(x.p));
    note_log(x.p, "User requested shutdown...", but);
    ASK(x.r, "GET k");
    redisFree(c);
    redisFree(writer);
    lagging_free(&x);
}

Test(peer_shutdown, waits_for_replicas) {
    transcript_play(until_in_step);
}

static void time_is_up(enum srv_kind kind) {
    struct pair x = lagging(kind, "--shutdown-timeout 1 --save '900 1000000'");
    cr_assert_eq(kill(x.p->pid, SIGTERM), 0);
    WAIT_UNTIL(!srv_alive(x.p));
    note_log(x.p, "User requested shutdown...", but);
    srv_thaw(x.r);
    lagging_free(&x);
}

Test(peer_shutdown, but_not_longer_than_told) {
    transcript_play(time_is_up);
}

static void aborted(enum srv_kind kind) {
    struct pair x = lagging(kind, "--shutdown-timeout 3600");
    redisContext *c = srv_connect(x.p), *writer = srv_connect(x.p);
    ASK(x.p, "SHUTDOWN ABORT");
    send_only(c, "SHUTDOWN NOSAVE");
    WAIT_UNTIL(waits(x.p));
    send_only(writer, "SET k not-too-late");
    WAIT_UNTIL(srv_info_int(x.p, "blocked_clients") == 2);
    ASK(x.p, "SHUTDOWN ABORT NOW");
    ASK(x.p, "SHUTDOWN ABORT");
    note_reply(c);
    note_reply(writer);
    note_field(x.p, "shutdown_in_milliseconds");
    ASK(x.p, "SHUTDOWN ABORT");
    ASK(x.p, "SET k w");
    cr_assert_eq(kill(x.p->pid, SIGINT), 0);
    WAIT_UNTIL(waits(x.p));
    ASK(x.p, "SHUTDOWN ABORT");
    note_log(x.p, "User requested shutdown...", but);
    srv_thaw(x.r);
    srv_wait_synced(x.r, x.p);
    redisFree(c);
    redisFree(writer);
    lagging_free(&x);
}

Test(peer_shutdown, is_taken_back) {
    transcript_play(aborted);
}

static void now(enum srv_kind kind) {
    static const char *const words[] = {"SHUTDOWN NOW", "SHUTDOWN NOW FORCE NOSAVE", "SHUTDOWN SAVE NOW"};
    struct pair x = lagging(kind, "--shutdown-timeout 3600");
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        redisContext *c = srv_connect(x.p);
        note("--- %s\n", words[i]);
        send_only(c, words[i]);
        note_reply(c);
        redisFree(c);
        WAIT_UNTIL(!srv_alive(x.p));
        note_log(x.p, "User requested shutdown...", but);
        srv_restart(x.p);
    }
    srv_thaw(x.r);
    lagging_free(&x);
}

Test(peer_shutdown, does_not_wait_when_told_now) {
    transcript_play(now);
}

static void without_timeout(enum srv_kind kind) {
    struct pair x = lagging(kind, "--shutdown-timeout 0");
    cr_assert_eq(kill(x.p->pid, SIGTERM), 0);
    WAIT_UNTIL(!srv_alive(x.p));
    note_log(x.p, "User requested shutdown...", but);
    srv_thaw(x.r);
    lagging_free(&x);
}

Test(peer_shutdown, nor_with_no_time_to_wait) {
    transcript_play(without_timeout);
}

/* Snapshots fail from now on: a folder stands where the file should be. */
static void spoil_disk(struct srv *s) {
    char path[200];
    snprintf(path, sizeof path, "%s/folder", s->dir);
    cr_assert_eq(mkdir(path, 0755), 0);
    EXPECT(s, "OK", "CONFIG SET dbfilename folder");
}

#define SAVES "--save '900 1000000' --enable-protected-configs yes"

static void unsaved(enum srv_kind kind) {
    static const char *const words[] = {"SHUTDOWN", "SHUTDOWN NOW", "SHUTDOWN FORCE"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) { /* the real one survives one failure only */
        struct srv *s = srv_start(kind, SAVES "%s", "");
        redisContext *c = srv_connect(s);
        note("--- %s\n", words[i]);
        spoil_disk(s);
        send_only(c, words[i]);
        note_reply(c);
        if (i < 2)
            ASK(s, "SET k v");
        else
            WAIT_UNTIL(!srv_alive(s));
        note_log(s, "User requested shutdown...", but_directory);
        redisFree(c);
        srv_kill(s);
        srv_free(s);
    }
}

Test(peer_shutdown, of_what_cannot_be_saved) {
    transcript_play(unsaved);
}

/* Here the real one dies of an assertion of its own. */
Test(peer_shutdown, of_what_cannot_be_saved_when_replicas_have_all) {
    struct pair x = lagging(TANDEM, "--shutdown-timeout 3600 " SAVES);
    redisContext *c = srv_connect(x.p), *writer = srv_connect(x.p);
    redisReply *r;
    spoil_disk(x.p);
    send_only(c, "SHUTDOWN");
    WAIT_UNTIL(waits(x.p));
    send_only(writer, "SET k not-too-late");
    WAIT_UNTIL(srv_info_int(x.p, "blocked_clients") == 2);
    srv_thaw(x.r);
    cr_assert_eq(redisGetReply(c, (void **)&r), REDIS_OK);
    cr_assert_str_eq(reply_text(r), "(error) ERR Errors trying to SHUTDOWN. Check logs.");
    freeReplyObject(r);
    cr_assert_eq(redisGetReply(writer, (void **)&r), REDIS_OK);
    cr_assert_str_eq(reply_text(r), "OK");
    freeReplyObject(r);
    cr_assert(srv_logged(x.p, "Errors trying to shut down the server. Check the logs for more information."));
    srv_wait_synced(x.r, x.p);
    EXPECT(x.r, "\"not-too-late\"", "GET k");
    redisFree(c);
    redisFree(writer);
    srv_kill(x.p); /* it would not stop without having saved */
    lagging_free(&x);
}

/* A rewrite takes no history: who lagged behind it goes on after a crash of the primary as if there had been none. */
#include "support/aof.h"
#include "support/proxy.h"
#include "support/scenarios.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NO_PINGS "--repl-ping-replica-period 3600 "

/* No key of a short life: what expires while a primary is down is news of its restart. */
static void write_some(struct srv *p, int n) {
    for (int i = 0; i < n; i++) EXPECT(p, "OK", "SET key:%d %d", (int)test_below(100), i);
}

static bool exists(const struct srv *s, const char *name) {
    char path[300];
    aof_path_of(path, s, name);
    return access(path, F_OK) == 0;
}

/* --- a replica that lags --- */

struct lagging {
    struct srv *p, *r;
    struct proxy *way;
};

static struct lagging lagging_start(const char *args) {
    struct lagging l = {.p = srv_start(TANDEM, AOF_ALWAYS NO_PINGS "%s", args),
                        .r = srv_start(TANDEM, "%s", "")};
    l.way = proxy_start(l.p->port);
    EXPECT(l.r, "OK", "REPLICAOF 127.0.0.1 %d", l.way->port);
    WAIT_UNTIL(srv_link_up(l.r));
    write_some(l.p, 50);
    wait_same(l.r, l.p);
    return l;
}

static void lagging_free(struct lagging *l) {
    proxy_stop(l->way);
    srv_free(l->r);
    srv_free(l->p);
}

static void send_away(struct lagging *l) {
    proxy_refuse(l->way, true);
    proxy_cut(l->way);
    WAIT_UNTIL(!srv_link_up(l->r));
}

/* The primary has been started anew meanwhile. */
static void expect_partial(struct lagging *l) {
    proxy_refuse(l->way, false);
    WAIT_UNTIL(srv_link_up(l->r));
    wait_same(l->r, l->p);
    cr_assert_eq(srv_info_int(l->p, "sync_full"), 0);
    cr_assert_eq(srv_info_int(l->p, "sync_partial_ok"), 1);
}

static void lag_behind_rewrites(const char *args, int rewrites, bool kill_it, int restarts) {
    struct lagging l = lagging_start(args);
    send_away(&l);
    for (int i = 0; i < rewrites; i++) {
        write_some(l.p, 50);
        aof_rewrite(l.p);
    }
    cr_assert(strstr(aof_files_of(l.p), ".tail"), "%s", aof_files_of(l.p));
    write_some(l.p, 20);
    for (int i = 0; i < restarts; i++) {
        if (kill_it)
            srv_kill(l.p);
        else
            srv_stop(l.p);
        srv_restart(l.p);
    }
    expect_partial(&l);
    lagging_free(&l);
}

Test(aof_history, killed) {
    lag_behind_rewrites("", 1, true, 1);
}
Test(aof_history, stopped) {
    lag_behind_rewrites("", 1, false, 1);
}
Test(aof_history, rewritten_and_killed_again_and_again) {
    lag_behind_rewrites("--aof-use-rdb-preamble no --aof-timestamp-enabled yes", 3, true, 3);
}

/* The base of a new start, in a new directory: the history comes along. */
Test(aof_history, turned_off_and_on_elsewhere) {
    struct lagging l = lagging_start("--enable-protected-configs yes");
    char there[300];
    snprintf(there, sizeof there, "%s/there", l.p->dir);
    cr_assert_eq(mkdir(there, 0755), 0);
    send_away(&l);
    write_some(l.p, 50);
    EXPECT(l.p, "OK", "CONFIG SET appendonly no");
    write_some(l.p, 50);
    EXPECT(l.p, "OK", "CONFIG SET dir %s", there);
    EXPECT(l.p, "OK", "CONFIG SET appendonly yes");
    WAIT_UNTIL(srv_logged(l.p, "Background AOF rewrite finished successfully"));
    write_some(l.p, 20);
    srv_kill(l.p);
    snprintf(l.p->args + strlen(l.p->args), sizeof l.p->args - strlen(l.p->args), " --dir %s", there);
    srv_restart(l.p);
    expect_partial(&l);
    lagging_free(&l);
}

/* The tail goes when the files have enough without it, and they do. */
Test(aof_history, no_more_than_the_log_is_to_hold) {
    struct lagging l = lagging_start("--repl-backlog-size 16kb");
    send_away(&l);
    aof_rewrite(l.p);
    WAIT_UNTIL(exists(l.p, "appendonly.aof.2.tail"));
    proxy_refuse(l.way, false);
    WAIT_UNTIL(srv_link_up(l.r));
    for (int i = 0; i < 20; i++) EXPECT(l.p, "OK", "SET big:%d %01000d", i, i);
    wait_same(l.r, l.p);
    send_away(&l);
    WAIT_UNTIL(!exists(l.p, "appendonly.aof.2.tail"));
    WAIT_UNTIL(!strstr(aof_text_of(l.p, "appendonly.aof.manifest"), "tail"));
    for (int i = 0; i < 12; i++) EXPECT(l.p, "OK", "SET big:%d %01000d", i, i + 1);
    srv_kill(l.p);
    srv_restart(l.p);
    expect_partial(&l);
    lagging_free(&l);
}

/* A full synchronisation ends a replica's history, on the disk too. */
Test(aof_history, void_after_a_full_sync) {
    struct srv *one = srv_start(TANDEM, NO_PINGS), *other = srv_start(TANDEM, NO_PINGS);
    struct srv *r = srv_start(TANDEM, "%s", AOF_ALWAYS);
    char before[64], after[64];
    srv_replicate(r, one);
    WAIT_UNTIL(srv_log_count(r, "Background AOF rewrite finished successfully") == 1);
    write_some(one, 50);
    wait_same(r, one);
    aof_rewrite(r);
    cr_assert(exists(r, "appendonly.aof.3.tail"), "%s", aof_files_of(r));
    write_some(other, 20);
    EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", other->port);
    WAIT_UNTIL(srv_log_count(r, "Background AOF rewrite finished successfully") == 3);
    cr_assert_not(exists(r, "appendonly.aof.3.tail"), "%s", aof_files_of(r));
    write_some(other, 20);
    wait_same(r, other);
    digest_of(other, before);
    srv_kill(r);
    srv_restart(r);
    digest_of(r, after);
    cr_assert_str_eq(after, before);
    srv_replicate(r, other);
    cr_assert_eq(srv_info_int(other, "sync_full"), 1);
    srv_free(r);
    srv_free(other);
    srv_free(one);
}

/* --- crashes --- */

struct place { /* where a replica has stopped to read */
    char id[64], offset[32];
};

static struct place place_of(struct srv *s) {
    struct place at;
    snprintf(at.id, sizeof at.id, "%s", srv_info(s, "master_replid"));
    snprintf(at.offset, sizeof at.offset, "%s", srv_info(s, "master_repl_offset"));
    return at;
}

static bool goes_on_from(struct srv *s, const struct place *at) {
    redisContext *c = srv_connect(s); /* it is a replica's from then on */
    redisReply *r = redisCommand(c, "PSYNC %s %s", at->id, at->offset);
    cr_assert_not_null(r);
    bool so = strncmp(r->str, "CONTINUE", 8) == 0;
    freeReplyObject(r);
    redisFree(c);
    return so;
}

static struct srv *start_with_history(const char *args) {
    struct srv *s = srv_start(TANDEM, AOF_ALWAYS NO_PINGS "%s", args), *r = srv_start(TANDEM, "%s", "");
    srv_replicate(r, s); /* without a replica ever, nobody could ask for it */
    srv_free(r);
    return s;
}

/* One client writes, another makes it rewrite; the kill may hit anything. */
Test(aof_history, kill_at_random_moments) {
    struct srv *s = start_with_history("--rdb-key-save-delay 100");
    test_seed();
    for (int i = 0, kills = 10 * test_scale(); i < kills; i++) {
        write_some(s, 50);
        struct place at = place_of(s);
        redisContext *c = srv_connect(s);
        uint64_t end = now_ms() + test_below(60);
        EXPECT(s, "Background append only file rewriting started", "BGREWRITEAOF");
        for (bool killed = false; !killed;) {
            redisReply *r = redisCommand(c, "SET key:%d %d", (int)test_below(100), i);
            cr_assert_not_null(r);
            freeReplyObject(r);
            if (now_ms() >= end) killed = kill(s->pid, SIGKILL) == 0;
        }
        redisFree(c);
        srv_kill(s);
        srv_restart(s);
        cr_assert(goes_on_from(s, &at), "kill %d", i);
    }
    srv_free(s);
}

/* All that a crash may leave of a rewrite, step by step, made by hand out of what is there before and after one. */
enum { PARTIAL, FULL };
static const struct left {
    const char *step, *commands, *manifest; /* what a shell does in the directory; what the manifest says */
    int outcome;
} lefts[] = {
    {"the next incr file is there", "rm *.2.base.rdb *.tail", "b1 i1", PARTIAL},
    {"the manifest names it", "rm *.2.base.rdb *.tail", "b1 i1 i2", PARTIAL},
    {"the child is writing", "rm *.2.base.rdb; head -c 99 *.tail > temp-rewriteaof-bg-1.tail; rm *.2.tail",
     "b1 i1 i2", PARTIAL},
    {"the child has written",
     "mv *.2.base.rdb temp-rewriteaof-bg-1.aof; mv *.2.tail temp-rewriteaof-bg-1.tail", "b1 i1 i2", PARTIAL},
    {"what it wrote has its names", "", "b1 i1 i2", PARTIAL},
    {"the manifest names the new files", "", "b2 hb1 hi1 ht2 i2", PARTIAL},
    {"one of the old ones is removed", "rm *.1.base.rdb", "b2 hb1 hi1 ht2 i2", PARTIAL},
    {"the manifest is rid of them", "rm *.1.*", "b2 ht2 i2", PARTIAL},
    {"the tail is removed later", "rm *.1.* *.tail", "b2 ht2 i2", FULL},
    {"it is cut off", "rm *.1.*; truncate -s -1 *.tail", "b2 ht2 i2", FULL},
    {"it is damaged", "rm *.1.*; printf x | dd of=$(ls *.tail) bs=1 seek=300 conv=notrunc 2>/dev/null",
     "b2 ht2 i2", FULL},
    {"it is something else", "rm *.1.*; echo hello > $(ls *.tail)", "b2 ht2 i2", FULL},
};

static void write_manifest(const struct srv *s, const char *rows) {
    char path[300], words[64], *save;
    aof_path_of(path, s, "appendonly.aof.manifest");
    FILE *f = fopen(path, "w");
    snprintf(words, sizeof words, "%s", rows);
    for (char *row = strtok_r(words, " ", &save); row; row = strtok_r(NULL, " ", &save)) {
        bool history = row[0] == 'h';
        const char *kind = row + history;
        const char *suffix = *kind == 'b' ? ".base.rdb" : *kind == 'i' ? ".incr.aof" : ".tail";
        fprintf(f, "file appendonly.aof.%c%s seq %c type %c\n", kind[1], suffix, kind[1],
                history ? 'h' : *kind);
    }
    fclose(f);
}

static void shell(const char *dir, const char *commands) {
    char line[1024];
    snprintf(line, sizeof line, "cd %s && { %s\n}", dir, commands[0] ? commands : ":");
    cr_assert_eq(system(line), 0, "%s", line);
}

Test(aof_history, every_step_of_a_rewrite) {
    struct srv *s = start_with_history("");
    char before[64], after[64], dir[300];
    write_some(s, 50);
    struct place at = place_of(s);
    write_some(s, 50);
    digest_of(s, before);
    shell(s->dir, "cp -r appendonlydir both");
    aof_rewrite(s);
    srv_kill(s);
    shell(s->dir, "cp appendonlydir/* both/");
    aof_path_of(dir, s, "");
    for (size_t i = 0; i < sizeof lefts / sizeof *lefts; i++) {
        const struct left *left = &lefts[i];
        shell(s->dir, "rm -r appendonlydir && cp -r both appendonlydir");
        shell(dir, left->commands);
        write_manifest(s, left->manifest);
        srv_restart(s);
        digest_of(s, after);
        cr_assert_str_eq(after, before, "%s", left->step);
        cr_assert_eq(goes_on_from(s, &at), left->outcome == PARTIAL, "%s", left->step);
        cr_assert_null(strstr(aof_files_of(s), "temp-"), "%s: %s", left->step, aof_files_of(s));
        if (left->outcome == FULL) cr_assert_null(strstr(aof_files_of(s), "tail"), "%s", left->step);
        srv_kill(s);
    }
    srv_free(s);
}

/* Append-only files that change hands between ours and the real redis-server: same directory, same data. */
#include "support/scenarios.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The real one counts keys that have expired until somebody looks at them. */
static void digest_of(struct srv *s, char out[64]) {
    for (int db = 2; db >= 0; db--) {
        srv_cmd(s, "SELECT %d", db);
        srv_cmd(s, "SCAN 0 COUNT 100000");
    }
    snprintf(out, 64, "%s", srv_cmd(s, "DEBUG DIGEST"));
}

/* Values of the types that ours has. */
static void write_types(struct srv *s, int salt) {
    srv_cmd(s, "SELECT 1");
    for (int i = 0; i < 150; i++) {
        srv_cmd(s, "RPUSH list:%d a%d %d b", i % 5, salt, i);
        srv_cmd(s, "LPOP list:%d", i % 3);
        srv_cmd(s, "ZADD zset:%d %d.5 m%d %d n%d", i % 4, i * salt, i, i, salt);
        srv_cmd(s, "ZPOPMIN zset:%d", i % 2);
        srv_cmd(s, "HSET hash:%d f%d v%d g %d", i % 4, i, salt, i);
    }
    srv_cmd(s, "PEXPIREAT list:1 9999999999999");
}

/* The directory goes from one kind to the other and back, each adding to it; rewrite: in between. */
static void hand_over(enum srv_kind first, const char *args, bool rewrite) {
    struct srv *s = srv_start(first, "--appendonly yes %s", args);
    char before[64], after[64];
    for (int turn = 0; turn < 4; turn++) {
        write_load(s, 700);
        write_types(s, turn);
        if (rewrite && turn > 0) {
            EXPECT(s, "Background append only file rewriting started", "BGREWRITEAOF");
            WAIT_UNTIL(srv_info_int(s, "aof_rewrite_in_progress") == 0);
            write_load(s, 100);
        }
        usleep(100000); /* the shortest TTLs pass */
        if (s->kind == REDIS)
            srv_restart(s); /* with short TTLs its memory is not always what its own files say */
        digest_of(s, before);
        srv_stop(s);
        s->kind = s->kind == TANDEM ? REDIS : TANDEM;
        srv_restart(s);
        digest_of(s, after);
        cr_assert_str_eq(after, before, "turn %d", turn);
    }
    srv_free(s);
}

Test(peer_aof, from_ours) {
    hand_over(TANDEM, "", false);
}
Test(peer_aof, from_the_real_one) {
    hand_over(REDIS, "", false);
}
Test(peer_aof, rewritten) {
    hand_over(TANDEM, "", true);
}
Test(peer_aof, rewritten_as_commands) {
    hand_over(REDIS, "--aof-use-rdb-preamble no", true);
}
Test(peer_aof, with_timestamps) {
    hand_over(TANDEM, "--aof-timestamp-enabled yes", true);
}

/* What a replica of ours writes is its master's stream, PINGs and GETACKs included. */
Test(peer_aof, a_replicas_files) {
    struct srv *p = srv_start(REDIS, "--repl-ping-replica-period 1");
    struct srv *r = srv_start(TANDEM, "--appendonly yes --replicaof 127.0.0.1 %d", p->port);
    char before[64], after[64];
    WAIT_UNTIL(srv_link_up(r));
    WAIT_UNTIL(srv_logged(r, "Background AOF rewrite finished successfully"));
    write_load(p, 500);
    EXPECT(p, "(integer) 1", "WAIT 1 5000");
    usleep(1200000); /* a PING passes */
    wait_same(r, p);
    srv_kill(p);
    digest_of(r, before);
    srv_stop(r);
    r->kind = REDIS;
    srv_restart(r);
    digest_of(r, after);
    cr_assert_str_eq(after, before);
    srv_free(r);
    srv_free(p);
}

/* Killed and back, ours goes on where its files end: below a real primary, and above a real replica. */
Test(peer_aof, ours_resumes_below_the_real_one) {
    struct srv *p = srv_start(REDIS, "%s", "");
    struct srv *r = srv_start(TANDEM, "--appendonly yes --replicaof 127.0.0.1 %d", p->port);
    WAIT_UNTIL(srv_link_up(r));
    WAIT_UNTIL(srv_logged(r, "Background AOF rewrite finished successfully"));
    for (int i = 0; i < 3; i++) {
        write_load(p, 300);
        srv_kill(r);
        write_load(p, 300);
        srv_restart(r);
        WAIT_UNTIL(srv_link_up(r));
    }
    wait_same(r, p);
    cr_assert_eq(srv_info_int(p, "sync_full"), 1);
    cr_assert_eq(srv_info_int(p, "sync_partial_ok"), 3);
    srv_free(r);
    srv_free(p);
}

Test(peer_aof, the_real_one_resumes_below_ours) {
    struct srv *p = srv_start(TANDEM, "--appendonly yes --appendfsync always");
    struct srv *r = srv_start(REDIS, "--replicaof 127.0.0.1 %d", p->port);
    WAIT_UNTIL(srv_link_up(r));
    for (int i = 0; i < 3; i++) {
        write_load(p, 300);
        srv_kill(p);
        srv_restart(p);
        WAIT_UNTIL(srv_link_up(r));
        cr_assert_eq(srv_info_int(p, "sync_full"), 0);
        cr_assert_eq(srv_info_int(p, "sync_partial_ok"), 1);
    }
    write_load(p, 300);
    wait_same(r, p);
    srv_free(r);
    srv_free(p);
}

static int run(const char *fmt, const char *dir) {
    char line[400];
    snprintf(line, sizeof line, fmt, dir);
    return system(line);
}

Test(peer_aof, the_real_checker_finds_nothing_wrong) {
    struct srv *s = srv_start(TANDEM, "--appendonly yes --aof-timestamp-enabled yes");
    write_load(s, 300);
    EXPECT(s, "Background append only file rewriting started", "BGREWRITEAOF");
    WAIT_UNTIL(srv_info_int(s, "aof_rewrite_in_progress") == 0);
    write_load(s, 300);
    srv_restart(s);
    write_load(s, 300);
    srv_stop(s);
    cr_assert_eq(run("redis-check-aof %s/appendonlydir/appendonly.aof.manifest >/dev/null", s->dir), 0);
    srv_free(s);
}

/* What ours keeps beside a base for replicas that lag is to the real ones a file that can be deleted. */
Test(peer_aof, with_history_beside_the_base) {
    struct srv *s = srv_start(TANDEM, "--appendonly yes"), *r = srv_start(TANDEM, "%s", "");
    char before[64], after[64], path[300];
    srv_replicate(r, s);
    srv_free(r);
    write_load(s, 300);
    EXPECT(s, "Background append only file rewriting started", "BGREWRITEAOF");
    WAIT_UNTIL(srv_info_int(s, "aof_rewrite_in_progress") == 0);
    write_load(s, 300);
    usleep(100000); /* the shortest TTLs pass */
    digest_of(s, before);
    srv_stop(s);
    snprintf(path, sizeof path, "%s/appendonlydir/appendonly.aof.2.tail", s->dir);
    cr_assert_eq(access(path, F_OK), 0);
    cr_assert_eq(run("grep -q 'tail seq 2 type h' %s/appendonlydir/appendonly.aof.manifest", s->dir), 0);
    cr_assert_eq(run("redis-check-aof %s/appendonlydir/appendonly.aof.manifest >/dev/null", s->dir), 0);
    s->kind = REDIS;
    srv_restart(s);
    digest_of(s, after);
    cr_assert_str_eq(after, before);
    WAIT_UNTIL(access(path, F_OK) != 0);
    cr_assert_neq(run("grep -q tail %s/appendonlydir/appendonly.aof.manifest", s->dir), 0);
    srv_stop(s);
    s->kind = TANDEM;
    srv_restart(s);
    digest_of(s, after);
    cr_assert_str_eq(after, before);
    srv_free(s);
}

/* One file as Redis 4 to 6 wrote it: an RDB, and commands behind it. */
Test(peer_aof, an_old_file_with_a_preamble) {
    struct srv *s = srv_start(REDIS, "--appendonly yes");
    char before[64], after[64];
    write_load(s, 500);
    EXPECT(s, "Background append only file rewriting started", "BGREWRITEAOF");
    WAIT_UNTIL(srv_info_int(s, "aof_rewrite_in_progress") == 0);
    write_load(s, 500);
    usleep(100000);
    digest_of(s, before);
    srv_stop(s);
    cr_assert_eq(
        run("cd %s && cat appendonlydir/*.base.rdb appendonlydir/*.incr.aof > appendonly.aof && rm -r "
            "appendonlydir",
            s->dir),
        0);
    s->kind = TANDEM;
    srv_restart(s);
    digest_of(s, after);
    cr_assert_str_eq(after, before);
    cr_assert(
        srv_logged(s, "Successfully migrated an old-style AOF file (appendonly.aof) into the AOF directory"));
    cr_assert(srv_logged(s, "Reading the remaining AOF tail..."));
    srv_free(s);
}

/* A manifest that is wrong is described by both in the same words. */
Test(peer_aof, errors_of_the_manifest) {
    static const char *const texts[] = {
        "file a seq 1 type b\nfile b seq 2 type b\n",
        "file a seq 2 type i\nfile b seq 1 type i\n",
        "file a seq 1\n",
        "nonsense\n",
        "\n",
        "file a seq 1 type x\n",
        "file a/b seq 1 type b\n",
        "file a seq 0 type b\n",
        "",
    };
    static const char *const known[] = {
        "Found duplicate base file information", "Found a non-monotonic sequence number",
        "Invalid AOF manifest file format",      "Unknown AOF file type",
        "File can't be a path, just a filename", "Found an empty AOF manifest",
    };
    struct srv *s = srv_start(TANDEM, "--appendonly yes");
    srv_stop(s);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char path[300], args[500], out[2][4096];
        int code[2];
        snprintf(path, sizeof path, "%s/appendonlydir/appendonly.aof.manifest", s->dir);
        FILE *f = fopen(path, "w");
        fputs(texts[i], f);
        fclose(f);
        for (int kind = 0; kind < 2; kind++) {
            snprintf(args, sizeof args, "--port %d --dir %s --appendonly yes", free_port(), s->dir);
            srv_start_fails(kind ? REDIS : TANDEM, args, &code[kind], out[kind], sizeof out[kind]);
        }
        cr_assert_eq(code[0], code[1], "%s", texts[i]);
        for (size_t k = 0; k < sizeof known / sizeof *known; k++)
            cr_assert_eq(strstr(out[0], known[k]) != NULL, strstr(out[1], known[k]) != NULL,
                         "%s: %s\nours: %s\ntheirs: %s", texts[i], known[k], out[0], out[1]);
    }
    srv_free(s);
}

/* Every synchronisation is explained: its reason in numbers, its phases while it runs, its end; on both sides. */
#include "support/proxy.h"
#include "support/scenarios.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void fill(struct srv *p, int n, size_t bytes) {
    char value[4001];
    for (int i = 0; i < n; i++) {
        for (size_t j = 0; j < bytes; j++) value[j] = (char)('!' + test_below(90));
        const char *argv[] = {"SET", NULL, value};
        char key[32];
        size_t lens[] = {3, (size_t)snprintf(key, sizeof key, "key:%d", i), bytes};
        argv[1] = key;
        srv_cmdv(p, 3, argv, lens);
    }
}

/* A field of the newest record, as TANDEM RESYNCS tells it. */
static const char *newest(struct srv *s, const char *field) {
    static char value[16][400];
    static int at;
    char *out = value[at++ % 16];
    out[0] = '\0';
    redisContext *c = srv_connect(s);
    redisReply *r = redisCommand(c, "TANDEM RESYNCS 1");
    cr_assert(r && r->type == REDIS_REPLY_ARRAY, "TANDEM RESYNCS");
    for (size_t i = 0; r->elements == 1 && i + 1 < r->element[0]->elements; i += 2) {
        redisReply *v = r->element[0]->element[i + 1];
        if (strcmp(r->element[0]->element[i]->str, field) != 0) continue;
        if (v->type == REDIS_REPLY_INTEGER)
            snprintf(out, sizeof value[0], "%lld", v->integer);
        else
            snprintf(out, sizeof value[0], "%s", v->str);
    }
    freeReplyObject(r);
    redisFree(c);
    return out;
}

static bool newest_is(struct srv *s, const char *field, const char *value) {
    return strcmp(newest(s, field), value) == 0;
}

static void expect_newest(struct srv *s, const char *kind, const char *cause) {
    WAIT_UNTIL(newest_is(s, "state", "ok"));
    cr_assert_str_eq(newest(s, "kind"), kind);
    cr_assert_str_eq(newest(s, "cause"), cause);
}

Test(resyncs, first_then_partial_then_too_old) {
    struct srv *p = srv_start(TANDEM, "--repl-backlog-size 16kb --repl-ping-replica-period 3600"),
               *r = srv_start(TANDEM, "%s", "");
    struct proxy *x = proxy_start(p->port);
    fill(p, 10, 1000);
    EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", x->port);
    wait_same(r, p);
    expect_newest(p, "full", "first");
    expect_newest(r, "full", "first");
    cr_assert_geq(atoll(newest(p, "bytes")), 10000);
    cr_assert_geq(atoll(newest(r, "bytes")), 10000);
    /* A cut with nothing lost. */
    uint64_t connections = proxy_connections(x);
    proxy_cut(x);
    WAIT_UNTIL(proxy_connections(x) > connections && srv_link_up(r));
    expect_newest(p, "partial", "held");
    expect_newest(r, "partial", "held");
    /* More is written than is kept. */
    proxy_refuse(x, true);
    proxy_cut(x);
    WAIT_UNTIL(!srv_link_up(r) && srv_info_int(p, "connected_slaves") == 0);
    int64_t has = srv_info_int(r, "slave_repl_offset");
    fill(p, 60, 1000);
    int64_t oldest = srv_info_int(p, "repl_backlog_first_byte_offset");
    cr_assert_gt(oldest, has + 1);
    proxy_refuse(x, false);
    wait_same(r, p);
    expect_newest(p, "full", "too-old");
    expect_newest(r, "full", "too-old");
    char number[64];
    snprintf(number, sizeof number, "%lld", (long long)(oldest - has - 1));
    cr_assert_str_eq(newest(p, "missing-bytes"), number);
    snprintf(number, sizeof number, "missing by %lld bytes", (long long)(oldest - has - 1));
    cr_assert(srv_logged(p, number), "the log says so too");
    cr_assert(strstr(srv_cmd(p, "TANDEM ADVICE"), "repl-backlog-size"), "and what would help");
    cr_assert(strstr(srv_info(p, "replication_advice0"), "repl-backlog-size"));
    /* INFO tells the same: the last in one line, all of them in a section. */
    cr_assert(strncmp(srv_info(p, "last_resync"), "full with replica 127.0.0.1:", 28) == 0);
    cr_assert(strstr(srv_info(p, "last_resync"), number));
    cr_assert(strncmp(srv_info(r, "last_resync"), "full with master 127.0.0.1:", 27) == 0);
    for (int i = 0; i < 3; i++) {
        static const char *const kinds[] = {",kind=full,state=ok,cause=first,",
                                            ",kind=partial,state=ok,cause=held,",
                                            ",kind=full,state=ok,cause=too-old,"};
        char field[16];
        snprintf(field, sizeof field, "resync%d", i + 1);
        cr_assert(strstr(srv_info(p, field), kinds[i]), "%s: %s", field, srv_info(p, field));
        cr_assert(strstr(srv_info(r, field), kinds[i]), "%s: %s", field, srv_info(r, field));
    }
    EXPECT(p, "[]", "TANDEM RESYNCS 0");
    srv_free(r);
    proxy_stop(x);
    srv_free(p);
}

/* A number behind `name` in a list, -1 without it. */
static double part(const char *list, const char *name) {
    const char *at = strstr(list, name);
    return at ? atof(at + strlen(name)) : -1;
}

static bool is_under_way(double bytes, double total, double percent, double rate, double left_ms) {
    return bytes > 0 && total > bytes && percent > 0 && percent < 100 && rate > 0 && left_ms > 0;
}

/* Bytes, percent, rate and time left, on either side. */
static bool replica_tells(struct srv *r) {
    return is_under_way(atof(srv_info(r, "master_sync_phase_bytes")),
                        atof(srv_info(r, "master_sync_phase_total_bytes")),
                        atof(srv_info(r, "master_sync_phase_percent")),
                        atof(srv_info(r, "master_sync_phase_bytes_per_second")),
                        atof(srv_info(r, "master_sync_phase_left_ms")));
}

static bool master_tells(struct srv *p) {
    const char *sync = srv_info(p, "replica0_sync");
    return is_under_way(part(sync, ",phase_bytes="), part(sync, ",phase_total_bytes="),
                        part(sync, ",phase_percent="), part(sync, ",phase_bytes_per_second="),
                        part(sync, ",phase_left_ms="));
}

static void phases_of(const char *diskless) {
    struct srv *p = srv_start(TANDEM, "--repl-diskless-sync %s", diskless), *r = srv_start(TANDEM, "%s", "");
    bool by_file = strcmp(diskless, "no") == 0;
    struct proxy *x = proxy_start(p->port);
    fill(p, 2000, 4000);
    proxy_throttle(x, 150000);
    EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", x->port);
    WAIT_UNTIL(strcmp(srv_info(r, "master_sync_phase_name"), "transfer") == 0);
    WAIT_UNTIL(srv_info_int(r, "master_sync_phase_bytes") > 0);
    WAIT_UNTIL(strncmp(srv_info(p, "replica0_sync"), "phase_name=", 11) == 0);
    if (by_file) WAIT_UNTIL(replica_tells(r)); /* a pipe's end is not known to it */
    WAIT_UNTIL(master_tells(p));
    if (by_file) { /* each ten seconds */
        WAIT_UNTIL(srv_logged(r, "Full resynchronization with our master: transfer for "));
        WAIT_UNTIL(srv_logged(p, ": transfer for "));
    }
    cr_assert(newest_is(p, "state", "running"));
    cr_assert(newest_is(r, "state", "running"));
    proxy_cut(x); /* and it fails */
    WAIT_UNTIL(srv_logged(p, "ended: its connection ended"));
    WAIT_UNTIL(srv_logged(r, "Full resynchronization with our master ended: "));
    proxy_throttle(x, 0);
    wait_same(r, p);
    expect_newest(p, "full", "first");
    cr_assert_str_eq(srv_info(r, "master_sync_phase_name"), "");
    cr_assert_str_eq(srv_info(p, "replica0_sync"), "");
    srv_free(r);
    proxy_stop(x);
    srv_free(p);
}

Test(resyncs, the_phases_are_visible_while_a_file_is_sent) {
    phases_of("no");
}

Test(resyncs, the_phases_are_visible_while_a_pipe_is_relayed) {
    phases_of("yes");
}

Test(resyncs, lag_in_bytes_and_time) {
    struct srv *p = srv_start(TANDEM, "--repl-ping-replica-period 3600"), *r = srv_start(TANDEM, "%s", "");
    struct proxy *x = proxy_start(p->port);
    EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", x->port);
    wait_same(r, p);
    WAIT_UNTIL(strcmp(srv_info(p, "replica0_lag"), "bytes=0,unsent_bytes=0,ms=0") == 0);
    proxy_stall(x, true);
    fill(p, 1, 1000);
    WAIT_UNTIL(strncmp(srv_info(p, "replica0_lag"), "bytes=10", 8) == 0);
    WAIT_UNTIL(atoi(strstr(srv_info(p, "replica0_lag"), ",ms=") + 4) > 1000);
    proxy_stall(x, false);
    WAIT_UNTIL(strcmp(srv_info(p, "replica0_lag"), "bytes=0,unsent_bytes=0,ms=0") == 0);
    srv_free(r);
    proxy_stop(x);
    srv_free(p);
}

Test(resyncs, one_that_is_dropped_at_the_limit_is_counted) {
    struct srv *p = srv_start(TANDEM, "--client-output-buffer-limit replica 2mb 0 0 --repl-backlog-size 1mb "
                                      "--repl-diskless-sync no");
    struct srv *r = srv_start(TANDEM, "%s", "");
    struct proxy *x = proxy_start(p->port);
    fill(p, 2000, 4000);
    proxy_throttle(x, 100000);
    EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", x->port);
    WAIT_UNTIL(strncmp(srv_info(p, "replica0_sync"), "phase_name=", 11) == 0);
    fill(p, 600, 4000);
    WAIT_UNTIL(srv_logged(p, "behind: over client-output-buffer-limit replica"));
    cr_assert(strstr(srv_cmd(p, "TANDEM ADVICE"), "dropped at the output limit"));
    proxy_throttle(x, 0);
    wait_same(r, p);
    srv_free(r);
    proxy_stop(x);
    srv_free(p);
}

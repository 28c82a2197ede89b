/* See cuts.h.
 *
 * Where a handshake's words end is learned from one that is not cut. All that could change its length keeps its length: the
 * replicas' ports and the offset have a fixed number of digits, the data a fixed number of bytes when snapshots are made.
 *
 * Nothing depends on which replica meets which fate: when one of them is so quick that it takes two in one wave, another
 * one takes none. */
#include "support/cuts.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REPLICAS_MAX 128
#define PASSWORD     "open-sesame"
#define COUNT_FROM   100000 /* an integer of the same size in all snapshots */
#define COMMON       "--repl-ping-replica-period 3600 --repl-timeout 600 "
#define LINE_END     "\r\n"
#define MARK_BYTES   40
#define WRITES       3 /* a wave */

/* Of the snapshot: so many bytes at its begin and at its end. */
enum { HEAD_BYTES = 12, TAIL_BYTES = 12 };

struct words { /* of one direction */
    char *text;
    size_t n;
};

struct run {
    const struct cuts_case *of;
    struct srv *primary, *replica[REPLICAS_MAX];
    struct proxy *way;
    int64_t ask, asked;          /* up: where PSYNC begins and ends */
    int64_t answer_from, answer; /* down: where PSYNC's answer begins and ends */
    int64_t snapshot, end;       /* down: where the snapshot begins and ends */
    bool marked;                 /* the end is a mark */
    struct proxy_fate *fates;
    int fates_n, joined, polls, increments;
};

/* --- start --- */

/* The primary's history has a name of before, which ours tell each other: that makes the handshake longer. */
static void give_a_past(struct srv *primary) {
    struct srv *before = srv_start(TANDEM, "%s", "");
    srv_replicate(primary, before);
    EXPECT(primary, "OK", "REPLICAOF NO ONE");
    srv_free(before);
}

static void start_primary(struct run *r) {
    const struct cuts_case *of = r->of;
    r->primary = srv_start(of->primary, COMMON "--rdbcompression no %s %s",
                           of->primary == TANDEM ? "--repl-max-full-syncs 0" : "",
                           of->primary_args ? of->primary_args : "");
    if (of->past) give_a_past(r->primary);
    EXPECT(r->primary, "OK", "SET keep this");
    EXPECT(r->primary, "OK", "SET counter %d", COUNT_FROM);
    EXPECT(r->primary, "OK", "SET last %d", COUNT_FROM);
    if (of->auth) EXPECT(r->primary, "OK", "CONFIG SET requirepass " PASSWORD);
    r->way = proxy_start(r->primary->port);
}

static void start_replica(struct run *r, int i) {
    const struct cuts_case *of = r->of;
    char master[64] = "";
    if (of->restart) snprintf(master, sizeof master, "--replicaof 127.0.0.1 %d", r->way->port);
    r->replica[i] = srv_start(of->replica, COMMON "%s --masterauth '%s' %s",
                              of->replica_args ? of->replica_args : "", of->auth ? PASSWORD : "", master);
    if (!of->restart) EXPECT(r->replica[i], "OK", "REPLICAOF 127.0.0.1 %d", r->way->port);
}

/* By now the log is there: its offset gets six digits and keeps them. */
static void make_offset_long(struct run *r) {
    static char much[COUNT_FROM];
    memset(much, 'x', sizeof much);
    const char *argv[] = {"SET", "much", much};
    const size_t lens[] = {3, 4, sizeof much};
    cr_assert_str_eq(srv_cmdv(r->primary, 3, argv, lens), "OK");
    EXPECT(r->primary, "(integer) 1", "DEL much");
    EXPECT(r->primary, "(integer) 2", "APPEND log go");
}

/* --- together --- */

static bool is_together(struct run *r, int i) {
    char wanted[128];
    snprintf(wanted, sizeof wanted, "[\"slave\", \"127.0.0.1\", (integer) %d, \"connected\", (integer) %s]",
             r->way->port, srv_info(r->primary, "master_repl_offset"));
    return strcmp(srv_cmd(r->replica[i], "ROLE"), wanted) == 0;
}

/* At no moment is the data gone: what a full resync brings takes its place while nobody may read. */
static void expect_kept(struct run *r, int i) {
    if (r->of->restart) return; /* it begins with nothing */
    const char *got = srv_cmd(r->replica[i], "GET keep");
    bool loading = r->of->full && strncmp(got, "(error) LOADING", 15) == 0;
    cr_assert(loading || strcmp(got, "\"this\"") == 0, "replica %d, port %d: %s", i, r->replica[i]->port,
              got);
}

/* Those that have joined stay. */
static bool all_together(struct run *r, int n) {
    while (r->joined < n && is_together(r, r->joined)) r->joined++;
    expect_kept(r, r->polls++ % n);
    return r->joined == n;
}

static void wait_all_together(struct run *r) {
    r->joined = 0;
    WAIT_UNTIL(all_together(r, r->of->replicas));
    char wanted[64];
    snprintf(wanted, sizeof wanted, "%s", srv_cmd(r->primary, "DEBUG DIGEST"));
    for (int i = 0; i < r->of->replicas; i++) {
        cr_assert_str_eq(srv_cmd(r->replica[i], "DEBUG DIGEST"), wanted);
        WAIT_UNTIL(srv_link_up(r->replica[i]));
    }
}

/* --- what a handshake says --- */

static struct words said(struct run *r, bool down) {
    struct words w = {.text = malloc(PROXY_SAID_BYTES)};
    w.n = proxy_said(r->way, down, w.text, PROXY_SAID_BYTES);
    return w;
}

static int64_t find(const struct words *w, int64_t from, const char *what, size_t n) {
    const char *at = memmem(w->text + from, w->n - (size_t)from, what, n);
    cr_assert(at != NULL, "no %.*s in what was said: %.*s", (int)n, what, (int)w->n, w->text);
    return at - w->text;
}

static int64_t line_end(const struct words *w, int64_t from) {
    return find(w, from, LINE_END, 2) + 2;
}

static void learn_up(struct run *r) {
    static const char psync[] = "$5\r\nPSYNC\r\n";
    enum { LINES = 6 }; /* its name and two arguments, each with its length */
    struct words w = said(r, false);
    r->ask = r->asked = find(&w, 0, psync, sizeof psync - 1);
    for (int i = 0; i < LINES; i++) r->asked = line_end(&w, r->asked);
    free(w.text);
}

/* A primary at work on a snapshot sends some, to show that it lives: at other moments each time. */
static void drop_empty_lines(struct words *w) {
    size_t to = 0, from = 0;
    while (from < w->n && w->text[from] != '$') {
        bool empty = w->text[from] == '\n' && to > 0 && w->text[to - 1] == '\n';
        if (!empty) w->text[to++] = w->text[from];
        from++;
    }
    memmove(w->text + to, w->text + from, w->n - from);
    w->n -= from - to;
}

static void learn_down(struct run *r) {
    struct words w = said(r, true);
    drop_empty_lines(&w);
    const char *answer = r->of->full ? "+FULLRESYNC " : "+CONTINUE";
    r->answer_from = find(&w, 0, answer, strlen(answer));
    r->answer = line_end(&w, r->answer_from);
    if (r->of->full) {
        int64_t preamble = r->answer;
        r->snapshot = line_end(&w, preamble);
        r->marked = memcmp(w.text + preamble, "$EOF:", 5) == 0;
        r->end = r->snapshot + (r->marked ? 0 : strtoll(w.text + preamble + 1, NULL, 10));
        if (r->marked) r->end = find(&w, r->snapshot, w.text + preamble + 5, MARK_BYTES) + MARK_BYTES;
        cr_assert_leq(r->end, PROXY_SAID_BYTES);
    }
    free(w.text);
}

/* With nothing: neither its data nor the file that brought it. */
static void start_anew(struct srv *replica) {
    char file[160];
    srv_stop(replica);
    snprintf(file, sizeof file, "%s/dump.rdb", replica->dir);
    unlink(file);
    srv_restart(replica);
}

/* Of the first n replicas. What comes next is a full resync, or none. */
static void lose_links(struct run *r, int n) {
    if (r->of->restart) {
        for (int i = 0; i < n; i++) start_anew(r->replica[i]);
        return;
    }
    if (r->of->full) EXPECT(r->primary, "OK", "DEBUG CHANGE-REPL-ID");
    proxy_cut(r->way);
}

static bool heard_to_the_end(struct run *r) {
    return r->joined = 0, all_together(r, 1);
}

static void learn(struct run *r) {
    start_replica(r, 0);
    WAIT_UNTIL(srv_link_up(r->replica[0]));
    make_offset_long(r);
    WAIT_UNTIL(heard_to_the_end(r));
    uint64_t before = proxy_connections(r->way);
    lose_links(r, 1);
    WAIT_UNTIL(proxy_connections(r->way) > before);
    WAIT_UNTIL(heard_to_the_end(r));
    learn_up(r);
    learn_down(r);
    for (int i = 1; i < r->of->replicas; i++) start_replica(r, i);
    for (int i = 1; i < r->of->replicas; i++) WAIT_UNTIL(srv_link_up(r->replica[i]));
    wait_all_together(r);
}

/* --- what is to be cut --- */

static void add_fate(struct run *r, enum proxy_end end, bool down, int64_t bytes) {
    r->fates = realloc(r->fates, (size_t)(r->fates_n + 1) * sizeof *r->fates);
    r->fates[r->fates_n++] = (struct proxy_fate){end, down, bytes};
}

static void add_fates(struct run *r, bool down, int64_t from, int64_t to) {
    bool all = test_scale() > 1;
    int step = all ? 1 : r->of->step;
    for (int64_t n = from; n <= to; n++) {
        if (n % step != 0 && n != to) continue;
        bool resets = r->of->by_turns && (all || r->fates_n % 2);
        if (resets) add_fate(r, PROXY_RST, down, n);
        if (!resets || all) add_fate(r, r->of->end, down, n);
    }
}

/* A server that has just started asks for other things than one that was cut off; all before is the same. */
static void choose_fates(struct run *r) {
    bool restart = r->of->restart;
    add_fates(r, false, restart ? r->ask : 0, r->asked);
    add_fates(r, true, restart ? r->answer_from : 1, r->of->full ? r->snapshot + HEAD_BYTES : r->answer);
    if (r->of->full) add_fates(r, true, r->end - (r->marked ? MARK_BYTES : 0) - TAIL_BYTES, r->end);
}

/* How many full resyncs a connection costs that ends so: none when the primary has not heard all of PSYNC, or when the
 * replica has all of the snapshot. With the very last byte it may hear of the end first. */
static void add_costs(const struct run *r, const struct proxy_fate *f, int64_t *least, int64_t *most) {
    if (!r->of->full) return;
    bool sure = f->down && f->bytes > r->answer_from && f->bytes < r->end;
    bool perhaps = f->down ? f->bytes == r->end : f->bytes == r->asked;
    *least += sure;
    *most += sure || perhaps;
}

/* --- waves --- */

static void write_meanwhile(struct run *r) {
    for (int i = 0; i < WRITES; i++) {
        EXPECT(r->primary, "OK", "SET last %d", COUNT_FROM + r->increments);
        srv_int(r->primary, "INCR counter");
        r->increments++;
        if (!r->of->full) srv_int(r->primary, "APPEND log %d,", r->increments);
    }
}

/* Silence is ended by the replica; who is well hears the primary often enough. */
static void set_patience(struct run *r, bool little) {
    if (r->of->end != PROXY_SILENCE) return;
    for (int i = 0; i < r->of->replicas; i++)
        EXPECT(r->replica[i], "OK", "CONFIG SET repl-timeout %d", little ? 2 : 600);
    EXPECT(r->primary, "OK", "CONFIG SET repl-ping-replica-period %d", little ? 1 : 3600);
}

static bool all_met(struct run *r, int n) {
    expect_kept(r, r->polls++ % r->of->replicas);
    return proxy_fates_met(r->way) == n;
}

static void wave(struct run *r, const struct proxy_fate *fates, int n) {
    int64_t before = srv_info_int(r->primary, "sync_full"), least = r->of->full ? r->of->replicas : 0;
    int64_t most = least;
    for (int i = 0; i < n; i++) add_costs(r, &fates[i], &least, &most);
    proxy_fates(r->way, fates, n);
    set_patience(r, true);
    lose_links(r, r->of->replicas);
    write_meanwhile(r);
    WAIT_UNTIL(all_met(r, n));
    set_patience(r, false);
    wait_all_together(r);
    char count[32];
    snprintf(count, sizeof count, "\"%d\"", COUNT_FROM + r->increments);
    EXPECT(r->replica[0], count, "GET counter");
    int64_t full = srv_info_int(r->primary, "sync_full") - before;
    cr_assert(full >= least, "%ld full resyncs, at least %ld had to be", (long)full, (long)least);
    /* On a slow machine a silent second may end a healthy link, too: then even a full one costs another. */
    bool exact = r->of->end != PROXY_SILENCE || !r->of->full;
    cr_assert(!exact || full <= most, "%ld full resyncs, at most %ld had to be", (long)full, (long)most);
}

static void finish(struct run *r) {
    cr_assert(srv_alive(r->primary));
    for (int i = 0; i < r->of->replicas; i++) {
        cr_assert(srv_alive(r->replica[i]));
        cr_assert_eq(srv_info_int(r->replica[i], "sync_full"), 0);
        srv_free(r->replica[i]);
    }
    proxy_stop(r->way);
    srv_free(r->primary);
    free(r->fates);
}

void cut_handshakes(const struct cuts_case *of) {
    struct run r = {.of = of};
    cr_assert_leq(of->replicas, REPLICAS_MAX);
    start_primary(&r);
    learn(&r);
    choose_fates(&r);
    for (int at = 0; at < r.fates_n; at += of->replicas)
        wave(&r, r.fates + at, r.fates_n - at < of->replicas ? r.fates_n - at : of->replicas);
    finish(&r);
}

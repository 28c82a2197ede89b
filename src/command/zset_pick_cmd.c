/* Sorted sets: random members, and ZSCAN. */
#include "base/alloc.h"
#include "base/random.h"
#include "command/families.h"
#include "command/handlers.h"
#include "command/scan.h"
#include "command/zset_cmd.h"

#include <stdlib.h>

/* --- random members --- */

static void reply_at(struct client *c, const struct zset *z, size_t rank, bool with_scores) {
    struct zset_iter it;
    zset_walk(&it, z, (struct zset_span){rank, rank + 1}, false);
    zset_next(&it);
    zset_reply_member(c, it.member, it.score, with_scores);
}

static void reply_with_repeats(struct client *c, const struct zset *z, uint64_t n, bool with_scores) {
    size_t count = zset_count(z);
    zset_reply_header(c, n, with_scores);
    for (uint64_t batch; (batch = cmd_next_batch(c, &n));)
        for (; batch > 0; batch--) reply_at(c, z, random_below(count), with_scores);
}

static bool mark(uint64_t *marks, size_t i) {
    bool was = marks[i / 64] >> i % 64 & 1;
    marks[i / 64] |= (uint64_t)1 << i % 64;
    return !was;
}

/* n different ones of more than n: up to half of the set is drawn, of more the rest that stays out. */
static void reply_distinct(struct client *c, const struct zset *z, size_t n, bool with_scores) {
    size_t count = zset_count(z), bytes = (count + 63) / 64 * sizeof(uint64_t);
    uint64_t *marks = mem_zalloc(bytes);
    bool few = n <= count / 2;
    zset_reply_header(c, n, with_scores);
    for (size_t left = few ? n : count - n; left > 0;) {
        size_t rank = random_below(count);
        if (!mark(marks, rank)) continue;
        if (few) reply_at(c, z, rank, with_scores);
        left--;
    }
    struct zset_iter it;
    zset_walk(&it, z, few ? (struct zset_span){0, 0} : zset_all(z), false);
    for (size_t rank = 0; zset_next(&it); rank++)
        if (mark(marks, rank)) zset_reply_member(c, it.member, it.score, with_scores);
    mem_free(marks, bytes);
}

static void reply_random(struct client *c, slice key, int64_t count, bool with_scores) {
    struct entry *e = db_read(client_db(c), key, 0);
    if (!cmd_type_is(c, e, TYPE_ZSET)) return;
    if (!e || count == 0) {
        reply_array(&c->out, 0);
        return;
    }
    struct zset z = zset_of(e);
    if (count < 0)
        reply_with_repeats(c, &z, (uint64_t)-count, with_scores);
    else if ((uint64_t)count >= zset_count(&z))
        zset_reply_span(c, &z, zset_all(&z), true, with_scores); /* downwards, as Redis */
    else
        reply_distinct(c, &z, (size_t)count, with_scores);
}

void zrandmember_command(struct client *c, const slice *argv, int argc) {
    int64_t count;
    if (argc == 2) {
        struct entry *e = db_read(client_db(c), argv[1], 0);
        if (!cmd_type_is(c, e, TYPE_ZSET)) return;
        if (!e) {
            reply_null(&c->out);
            return;
        }
        struct zset z = zset_of(e);
        reply_at(c, &z, random_below(zset_count(&z)), false);
        return;
    }
    if (!cmd_int_in(c, argv[2], -INT64_MAX, INT64_MAX, &count, NULL)) return;
    if (argc > 4 || (argc == 4 && !slice_is(argv[3], "withscores"))) {
        cmd_syntax_error(c);
    } else if (argc == 4 && (count < -INT64_MAX / 2 || count > INT64_MAX / 2)) {
        reply_error(&c->out, "ERR value is out of range");
    } else {
        reply_random(c, argv[1], count, argc == 4);
    }
}

/* --- ZSCAN --- */

/* A small set is told at once, whatever the cursor and COUNT. */
static void scan_small(struct client *c, const struct zset *z, const struct scan *w) {
    struct zset_iter it;
    char text[ZSET_SCORE_BYTES];
    int64_t n = 0;
    scan_reply_cursor(c, 0);
    struct reply_mark header = reply_defer(&c->out);
    zset_walk(&it, z, zset_all(z), false);
    while (zset_next(&it)) {
        if (!scan_matches(w, it.member)) continue;
        reply_bulk(&c->out, it.member.p, it.member.n);
        reply_bulk(&c->out, text, zset_packed_score(text, it.score));
        n += 2;
    }
    reply_defer_array(&c->out, header, n);
}

struct scored {
    slice member; /* in the set */
    double score;
};
struct zscan {
    const struct zset *z;
    struct scan *w;
    struct scored *found;
    size_t n, cap;
};

static void scan_member(void *ctx, slice member, double score) {
    struct zscan *s = ctx;
    s->w->visited++;
    if (!scan_matches(s->w, member)) return;
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 32;
        s->found = mem_resize(s->found, s->cap * sizeof *s->found, cap * sizeof *s->found);
        s->cap = cap;
    }
    s->found[s->n++] = (struct scored){member, score};
}

static uint64_t scan_step(void *of, uint64_t cursor, struct scan *w) {
    struct zscan *s = of;
    (void)w;
    return zset_scan(s->z, cursor, scan_member, s);
}

void zscan_command(struct client *c, const slice *argv, int argc) {
    struct scan w;
    struct entry *e = scan_entry(c, argv, argc, TYPE_ZSET, &w);
    if (!e) return;
    struct zset z = zset_of(e);
    if (z.encoding == ZSET_LISTPACK) {
        scan_small(c, &z, &w);
        return;
    }
    struct zscan s = {.z = &z, .w = &w};
    scan_walk(&w, scan_step, &s);
    scan_reply_cursor(c, w.cursor);
    reply_array(&c->out, (int64_t)(2 * s.n));
    for (size_t i = 0; i < s.n; i++) {
        char text[ZSET_SCORE_BYTES];
        reply_bulk(&c->out, s.found[i].member.p, s.found[i].member.n);
        reply_bulk(&c->out, text, num_format_double(text, sizeof text, s.found[i].score));
    }
    mem_free(s.found, s.cap * sizeof *s.found);
}

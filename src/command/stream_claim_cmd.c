/* XCLAIM and XAUTOCLAIM: a consumer takes over what others hold.
 *
 * Each change leaves for replicas as an XCLAIM that states all of it. An entry that is gone from the stream leaves the
 * group on the way. */
#include "command/stream_cmd.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "command/handlers.h"
#include "command/propagate.h"

struct claim {
    slice key, consumer_name;
    struct stream *s;
    struct stream_group *g;
    struct stream_consumer *consumer;              /* NULL until it takes the first entry */
    int64_t min_idle_ms, delivered_ms, deliveries; /* deliveries -1: one more, but for JUSTID */
    bool force, just_id;
};

/* NULL: replied. */
static bool find_group(struct client *c, const slice *argv, struct claim *k) {
    if (!stream_to_read(c, argv[1], &k->s)) return false;
    k->g = k->s ? stream_group_find(k->s, argv[2]) : NULL;
    k->key = argv[1];
    k->consumer_name = argv[3];
    if (!k->g) stream_reply_no_group(c, argv[1], argv[2], "");
    return k->g != NULL;
}

static bool is_idle(const struct claim *k, const struct stream_pending *p) {
    return k->min_idle_ms == 0 || clock_ms() - p->delivered_ms >= k->min_idle_ms;
}

static void drop(struct client *c, const struct claim *k, struct stream_pending *p) {
    stream_propagate_claim(c, k->key, k->g, p);
    stream_pending_remove(k->g, p);
    ks_dirty++;
}

static void take(struct client *c, struct claim *k, struct stream_pending *p) {
    if (!k->consumer) k->consumer = stream_consumer_get(c, k->key, k->g, k->consumer_name, NULL);
    stream_pending_give(p, k->consumer);
    p->delivered_ms = k->delivered_ms;
    if (k->deliveries >= 0)
        p->deliveries = (uint64_t)k->deliveries;
    else if (!k->just_id)
        p->deliveries++;
    stream_propagate_claim(c, k->key, k->g, p);
    ks_dirty++;
}

static void reply_taken(struct client *c, const struct claim *k, struct stream_id id) {
    if (k->just_id)
        stream_reply_id(c, id);
    else
        stream_reply_one(c, k->s, id);
}

/* --- XCLAIM --- */

/* The options from argv[i] on. *last is LASTID's. */
static bool claim_options(struct client *c, const slice *argv, int argc, int i, struct claim *k,
                          struct stream_id *last) {
    int64_t now = clock_ms();
    k->delivered_ms = k->deliveries = -1;
    for (; i < argc; i++) {
        bool more = i + 1 < argc;
        if (slice_is(argv[i], "force")) {
            k->force = true;
        } else if (slice_is(argv[i], "justid")) {
            k->just_id = true;
        } else if (more && slice_is(argv[i], "idle")) {
            if (!cmd_i64(c, argv[++i], &k->delivered_ms, "ERR Invalid IDLE option argument for XCLAIM"))
                return false;
            k->delivered_ms = (int64_t)((uint64_t)now - (uint64_t)k->delivered_ms);
        } else if (more && slice_is(argv[i], "time")) {
            if (!cmd_i64(c, argv[++i], &k->delivered_ms, "ERR Invalid TIME option argument for XCLAIM"))
                return false;
        } else if (more && slice_is(argv[i], "retrycount")) {
            if (!cmd_i64(c, argv[++i], &k->deliveries, "ERR Invalid RETRYCOUNT option argument for XCLAIM"))
                return false;
        } else if (more && slice_is(argv[i], "lastid")) {
            if (!stream_id_arg(c, argv[++i], 0, last, NULL)) return false;
        } else {
            reply_errorf(&c->out, "ERR Unrecognized XCLAIM option '%.*s'", SLICE_ARGS(argv[i]));
            return false;
        }
    }
    /* A clock that is ahead of ours is no reason to fail. */
    if (k->delivered_ms < 0 || k->delivered_ms > now) k->delivered_ms = now;
    return true;
}

/* True: it was taken, and replied. */
static bool claim_one(struct client *c, struct claim *k, struct stream_id id) {
    struct stream_pending *p = stream_pending_find(k->g, id);
    if (!stream_exists(k->s, id)) {
        if (p) drop(c, k, p);
        return false;
    }
    if (!p && !k->force) return false;
    if (p && !is_idle(k, p)) return false;
    if (!p) p = stream_pending_add(k->g, id, clock_ms());
    take(c, k, p);
    reply_taken(c, k, id);
    return true;
}

void xclaim_command(struct client *c, const slice *argv, int argc) {
    struct claim k = {.force = false};
    struct stream_id id, last = {0, 0};
    int ids_end = 5;
    if (!find_group(c, argv, &k)) return;
    if (!cmd_i64(c, argv[4], &k.min_idle_ms, "ERR Invalid min-idle-time argument for XCLAIM")) return;
    if (k.min_idle_ms < 0) k.min_idle_ms = 0;
    while (ids_end < argc && stream_id_arg(NULL, argv[ids_end], 0, &id, NULL)) ids_end++;
    if (!claim_options(c, argv, argc, ids_end, &k, &last)) return;
    bool advanced = stream_id_cmp(last, k.g->last) > 0;
    if (advanced) k.g->last = last;
    struct reply_mark mark = reply_defer(&c->out);
    int64_t taken = 0;
    for (int i = 5; i < ids_end; i++) {
        stream_id_arg(NULL, argv[i], 0, &id, NULL);
        taken += claim_one(c, &k, id);
    }
    if (advanced && taken == 0) { /* else each XCLAIM tells it */
        stream_propagate_group(c, k.key, k.g);
        ks_dirty++;
    }
    reply_defer_array(&c->out, mark, taken);
    propagate_none();
}

/* --- XAUTOCLAIM --- */

/* Ids in the order in which they are to be replied, after where to go on is known. */
struct id_list {
    struct stream_id *ids;
    size_t n, cap;
};

static void add_id(struct id_list *l, struct stream_id id) {
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 64;
        l->ids = mem_resize(l->ids, l->cap * sizeof id, cap * sizeof id);
        l->cap = cap;
    }
    l->ids[l->n++] = id;
}

enum { ID_BYTES = sizeof(struct stream_id), ADDRESS_BITS = 47 };

static bool autoclaim_options(struct client *c, const slice *argv, int argc, struct claim *k,
                              int64_t *count) {
    for (int i = 6; i < argc; i++) {
        if (i + 1 < argc && slice_is(argv[i], "count")) {
            if (!cmd_int_in(c, argv[++i], 1, INT64_MAX / ID_BYTES, count, "ERR COUNT must be > 0"))
                return false;
        } else if (slice_is(argv[i], "justid")) {
            k->just_id = true;
        } else {
            cmd_syntax_error(c);
            return false;
        }
    }
    return true;
}

/* Goes through what is pending from *at on; *at becomes where the next call goes on, 0-0 at the end. */
static void autoclaim(struct client *c, struct claim *k, struct stream_id *at, int64_t count,
                      struct id_list *taken, struct id_list *gone) {
    enum { LOOKED_AT_EACH = 10 };
    int64_t looks = count * LOOKED_AT_EACH;
    struct btree_pos pos = stream_pending_from(k->g->pending, *at);
    for (; looks > 0 && count > 0 && btree_ok(pos); looks--) {
        struct stream_pending *p = btree_item(pos);
        struct stream_id id = p->id;
        if (!stream_exists(k->s, id)) {
            drop(c, k, p);
            add_id(gone, id);
            count--;
            pos = stream_pending_from(k->g->pending, id);
            continue;
        }
        if (is_idle(k, p)) {
            take(c, k, p);
            add_id(taken, id);
            count--;
        }
        pos = btree_next(pos);
    }
    *at = btree_ok(pos) ? ((const struct stream_pending *)btree_item(pos))->id : (struct stream_id){0, 0};
}

void xautoclaim_command(struct client *c, const slice *argv, int argc) {
    struct claim k = {.deliveries = -1, .delivered_ms = clock_ms()};
    struct stream_id at;
    struct id_list taken = {0}, gone = {0};
    int64_t count = 100;
    if (!cmd_i64(c, argv[4], &k.min_idle_ms, "ERR Invalid min-idle-time argument for XAUTOCLAIM")) return;
    if (k.min_idle_ms < 0) k.min_idle_ms = 0;
    if (!stream_start_arg(c, argv[5], &at) || !autoclaim_options(c, argv, argc, &k, &count) ||
        !find_group(c, argv, &k))
        return;
    if (count >= ((int64_t)1 << ADDRESS_BITS) / ID_BYTES) { /* the reference begins with memory for all ids */
        reply_error(&c->out, "ERR Insufficient memory, failed allocating transient memory, COUNT too high.");
        return;
    }
    autoclaim(c, &k, &at, count, &taken, &gone);
    reply_array(&c->out, 3);
    stream_reply_id(c, at);
    reply_array(&c->out, (int64_t)taken.n);
    for (size_t i = 0; i < taken.n; i++) reply_taken(c, &k, taken.ids[i]);
    reply_array(&c->out, (int64_t)gone.n);
    for (size_t i = 0; i < gone.n; i++) stream_reply_id(c, gone.ids[i]);
    mem_free(taken.ids, taken.cap * sizeof *taken.ids);
    mem_free(gone.ids, gone.cap * sizeof *gone.ids);
    propagate_none();
}

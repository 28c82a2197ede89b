/* XREAD and XREADGROUP: what was added to streams after an id, to anybody or to the consumers of a group.
 *
 * What a group gives to a consumer leaves for replicas as XCLAIM of each entry, or with NOACK as XGROUP SETID; reading
 * what a consumer holds already leaves as nothing. */
#include "command/stream_cmd.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "command/blocking.h"
#include "command/handlers.h"
#include "command/propagate.h"

/* One request's options. ids and groups run beside keys. */
struct read_options {
    bool grouped, no_ack, waits;
    slice group, consumer;
    int64_t count, timeout_ms;
    const slice *keys, *ids;
    int n;
};

static bool refuse(struct client *c, const char *error) {
    reply_error(&c->out, error);
    return false;
}

/* The option at argv[*i] other than STREAMS; leaves *i on its last word. */
static bool parse_option(struct client *c, const slice *argv, int argc, int *i, struct read_options *o) {
    int more = argc - *i - 1;
    if (more && slice_is(argv[*i], "block")) {
        o->waits = true;
        return blocking_timeout_in_ms(c, argv[++*i], &o->timeout_ms);
    }
    if (more && slice_is(argv[*i], "count")) {
        if (!cmd_i64(c, argv[++*i], &o->count, NULL)) return false;
        if (o->count < 0) o->count = 0;
        return true;
    }
    if (more >= 2 && slice_is(argv[*i], "group")) {
        if (!o->grouped)
            return refuse(c,
                          "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.");
        o->group = argv[*i + 1];
        o->consumer = argv[*i + 2];
        *i += 2;
        return true;
    }
    if (slice_is(argv[*i], "noack")) {
        if (!o->grouped)
            return refuse(c,
                          "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.");
        o->no_ack = true;
        return true;
    }
    cmd_syntax_error(c);
    return false;
}

static bool parse_options(struct client *c, const slice *argv, int argc, struct read_options *o) {
    for (int i = 1; i < argc && !o->keys; i++) {
        if (i + 1 == argc || !slice_is(argv[i], "streams")) {
            if (!parse_option(c, argv, argc, &i, o)) return false;
            continue;
        }
        int words = argc - i - 1;
        if (words % 2) {
            reply_error(&c->out,
                        "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be "
                        "specified.");
            return false;
        }
        o->n = words / 2;
        o->keys = argv + i + 1;
        o->ids = o->keys + o->n;
    }
    if (!o->keys) {
        cmd_syntax_error(c);
        return false;
    }
    return !o->grouped || o->group.p || refuse(c, "ERR Missing GROUP option for XREADGROUP");
}

/* What to read of one stream. */
struct source {
    struct stream_id after;
    bool fresh; /* ">": what no consumer of the group was given */
};

/* The id argument of a stream that may not be there. */
static bool parse_source(struct client *c, const struct read_options *o, int i, struct source *src) {
    struct stream *s;
    if (!stream_to_read(c, o->keys[i], &s)) return false;
    if (o->grouped && (!s || !stream_group_find(s, o->group))) {
        stream_reply_no_group(c, o->keys[i], o->group, " in XREADGROUP with GROUP option");
        return false;
    }
    *src = (struct source){.fresh = false};
    if (slice_is(o->ids[i], "$")) {
        if (o->grouped)
            return refuse(c, "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the "
                             "history of this consumer by specifying a proper ID, or use the > ID to get new "
                             "messages. The $ ID would just return an empty result set.");
        if (s) src->after = s->last;
        return true;
    }
    if (slice_is(o->ids[i], ">")) {
        if (!o->grouped)
            return refuse(c, "ERR The > ID can be specified only when calling XREADGROUP using the GROUP "
                             "<group> <consumer> option.");
        src->after = STREAM_ID_MAX;
    } else if (!stream_id_arg(c, o->ids[i], 0, &src->after, NULL)) {
        return false;
    }
    src->fresh = o->grouped && stream_id_cmp(src->after, STREAM_ID_MAX) == 0;
    return true;
}

/* --- serving --- */

/* What the consumer holds behind `from`, given once more. Entries that are gone show as their ids alone. */
static void reply_history(struct client *c, const struct stream *s, const struct stream_consumer *consumer,
                          struct stream_id from, uint64_t count) {
    struct reply_mark mark = reply_defer(&c->out);
    uint64_t n = 0;
    struct btree_pos pos = stream_pending_from(consumer->pending, from);
    for (; btree_ok(pos) && (count == 0 || n < count); pos = btree_next(pos), n++) {
        struct stream_pending *p = btree_item(pos);
        if (stream_reply_one(c, s, p->id)) {
            p->delivered_ms = clock_ms();
            p->deliveries++;
        } else {
            reply_array(&c->out, 2);
            stream_reply_id(c, p->id);
            reply_null_array(&c->out);
        }
    }
    reply_defer_array(&c->out, mark, (int64_t)n);
}

/* The entry may be pending already, after XGROUP SETID to an earlier id. */
static void give(struct client *c, slice key, struct stream_group *g, struct stream_consumer *consumer,
                 struct stream_id id) {
    struct stream_pending *p = stream_pending_find(g, id);
    if (!p) p = stream_pending_add(g, id, clock_ms());
    stream_pending_give(p, consumer);
    p->delivered_ms = clock_ms();
    p->deliveries = 1;
    stream_propagate_claim(c, key, g, p);
}

static void reply_fresh(struct client *c, slice key, struct stream *s, struct stream_group *g,
                        struct stream_consumer *consumer, struct stream_id from, uint64_t count,
                        bool no_ack) {
    struct stream_cursor cur;
    struct reply_mark mark = reply_defer(&c->out);
    struct stream_id before = g->last;
    uint64_t n = 0;
    stream_cursor_start(&cur, s, from, STREAM_ID_MAX, false);
    for (; (count == 0 || n < count) && stream_cursor_next(&cur); n++) {
        stream_group_advance(s, g, cur.id);
        stream_reply_entry(c, &cur);
        if (!no_ack) give(c, key, g, consumer, cur.id);
    }
    if (no_ack && stream_id_cmp(before, g->last) != 0) stream_propagate_group(c, key, g);
    reply_defer_array(&c->out, mark, (int64_t)n);
}

/* Whether the stream has something to answer with now. For ">" *after becomes where to start. */
static bool has_news(const struct stream *s, const struct stream_group *g, const struct source *src,
                     struct stream_id *after) {
    *after = src->after;
    if (src->fresh)
        *after = g->last;
    else if (g)
        return true; /* history is answered even when there is none */
    return s->length && stream_id_cmp(stream_edge(s, false, false), *after) > 0;
}

static void serve_group(struct client *c, const struct read_options *o, slice key, struct stream *s,
                        struct stream_group *g, bool fresh, struct stream_id from) {
    bool created;
    struct stream_consumer *consumer = stream_consumer_get(c, key, g, o->consumer, &created);
    if (created && o->no_ack) stream_propagate_consumer(c, key, g, consumer);
    if (fresh)
        reply_fresh(c, key, s, g, consumer, from, (uint64_t)o->count, o->no_ack);
    else
        reply_history(c, s, consumer, from, (uint64_t)o->count);
    ks_dirty++;
}

/* True: it answered, with [key, entries] as one part of a reply whose frame is the caller's. */
static bool serve_stream(struct client *c, const struct read_options *o, int i, const struct source *src,
                         struct reply_mark *mark, int64_t served) {
    struct stream *s;
    struct stream_id from;
    if (!stream_to_read(c, o->keys[i], &s) || !s) return false;
    struct stream_group *g = o->grouped ? stream_group_find(s, o->group) : NULL;
    if (!has_news(s, g, src, &from)) return false;
    stream_id_next(&from);
    if (served == 0) *mark = reply_defer(&c->out);
    if (c->out.proto == 2) reply_array(&c->out, 2);
    reply_bulk(&c->out, o->keys[i].p, o->keys[i].n);
    if (g)
        serve_group(c, o, o->keys[i], s, g, src->fresh, from);
    else
        stream_reply_range(c, s, from, STREAM_ID_MAX, (uint64_t)o->count, false);
    return true;
}

/* The frame of a reply of one stream, but for its entries. */
static void reply_one_stream(struct client *c, slice key) {
    if (c->out.proto == 2) {
        reply_array(&c->out, 1);
        reply_array(&c->out, 2);
    } else {
        reply_map(&c->out, 1);
    }
    reply_bulk(&c->out, key.p, key.n);
}

/* --- waiting --- */

/* What a client asked for, kept while it waits: one block with all that the options point to. */
struct read_wait {
    size_t bytes;
    struct read_options o;
    struct stream_id *after; /* for each of o.keys; groups go by their own last id */
};

static slice keep(char **at, slice s) {
    slice kept = {*at, s.n};
    if (s.n) memcpy(*at, s.p, s.n);
    *at += s.n;
    return kept;
}

static void free_wait(void *state) {
    mem_free(state, ((struct read_wait *)state)->bytes);
}

static bool serve_waiting_group(struct client *c, const struct read_options *o, slice key, struct entry *e) {
    if (!e) {
        reply_error(&c->out, "UNBLOCKED the stream key no longer exists");
        return true;
    }
    struct stream *s = entry_ptr(e);
    struct stream_group *g = stream_group_find(s, o->group);
    if (!g) {
        reply_error(&c->out, "NOGROUP the consumer group this client was blocked on no longer exists");
        return true;
    }
    struct stream_id from = g->last;
    if (stream_id_cmp(s->last, from) <= 0) return false;
    stream_id_next(&from);
    reply_one_stream(c, key);
    serve_group(c, o, key, s, g, true, from);
    return true;
}

static bool serve_waiting(struct client *c, slice key, struct entry *e, void *state) {
    const struct read_wait *w = state;
    if (w->o.grouped) return serve_waiting_group(c, &w->o, key, e);
    struct stream *s = entry_ptr(e);
    int i = 0;
    while (!slice_eq(w->o.keys[i], key)) i++;
    struct stream_id from = w->after[i];
    if (stream_id_cmp(s->last, from) <= 0) return false;
    stream_id_next(&from);
    reply_one_stream(c, key);
    stream_reply_range(c, s, from, STREAM_ID_MAX, (uint64_t)w->o.count, false);
    return true;
}

static const struct blocking_way way = {.type = TYPE_STREAM, .serve = serve_waiting, .free_state = free_wait};
static const struct blocking_way group_way = {
    .type = TYPE_STREAM, .also_when_gone = true, .serve = serve_waiting, .free_state = free_wait};

static void wait_for_news(struct client *c, const struct read_options *o, const struct source *sources) {
    enum { COUNT_STANDARD = 1000 }; /* who waits is not flooded with all there is behind an old id */
    size_t n = (size_t)o->n,
           bytes = sizeof(struct read_wait) + n * (sizeof(struct stream_id) + sizeof(slice));
    bytes += o->group.n + o->consumer.n;
    for (size_t i = 0; i < n; i++) bytes += o->keys[i].n;
    struct read_wait *w = mem_alloc(bytes);
    w->bytes = bytes;
    w->o = *o;
    if (o->count == 0) w->o.count = COUNT_STANDARD;
    w->after = (struct stream_id *)(w + 1);
    slice *keys = (slice *)(w->after + n);
    char *at = (char *)(keys + n);
    w->o.group = keep(&at, o->group);
    w->o.consumer = keep(&at, o->consumer);
    w->o.keys = keys;
    w->o.ids = NULL;
    for (size_t i = 0; i < n; i++) {
        keys[i] = keep(&at, o->keys[i]);
        w->after[i] = sources[i].after;
    }
    block_for_keys(c, o->grouped ? &group_way : &way, o->keys, o->n, o->timeout_ms, w);
}

/* --- the commands --- */

static void serve(struct client *c, const struct read_options *o, const struct source *sources) {
    struct reply_mark mark;
    int64_t served = 0;
    for (int i = 0; i < o->n; i++) served += serve_stream(c, o, i, &sources[i], &mark, served);
    if (served == 0 && o->waits && blocking_allowed(c))
        wait_for_news(c, o, sources);
    else if (served == 0)
        reply_null_array(&c->out);
    else if (c->out.proto == 2)
        reply_defer_array(&c->out, mark, served);
    else
        reply_defer_map(&c->out, mark, served);
}

static void read_streams(struct client *c, const slice *argv, int argc, bool grouped) {
    enum { FEW = 8 };
    struct read_options o = {.grouped = grouped};
    if (!parse_options(c, argv, argc, &o)) return;
    struct source few[FEW], *sources = o.n <= FEW ? few : mem_alloc((size_t)o.n * sizeof *sources);
    bool ok = true;
    for (int i = 0; i < o.n && ok; i++) ok = parse_source(c, &o, i, &sources[i]);
    if (ok) serve(c, &o, sources);
    if (grouped) propagate_none();
    if (sources != few) mem_free(sources, (size_t)o.n * sizeof *sources);
}

void xread_command(struct client *c, const slice *argv, int argc) {
    read_streams(c, argv, argc, false);
}

void xreadgroup_command(struct client *c, const slice *argv, int argc) {
    read_streams(c, argv, argc, true);
}

/* XINFO: what there is to know of a stream, its groups and their consumers. */
#include "command/stream_cmd.h"

#include "base/clock.h"
#include "command/handlers.h"

static bool stream_to_inspect(struct client *c, slice key, struct stream **s) {
    if (!stream_to_read(c, key, s)) return false;
    if (!*s) reply_error(&c->out, "ERR no such key");
    return *s != NULL;
}

static void name_id(struct client *c, const char *name, struct stream_id id) {
    reply_bulk_str(&c->out, name);
    stream_reply_id(c, id);
}

static void name_int(struct client *c, const char *name, uint64_t v) {
    reply_bulk_str(&c->out, name);
    reply_int(&c->out, (int64_t)v);
}

static void name_name(struct client *c, const char *sds_name) {
    reply_bulk_str(&c->out, "name");
    reply_bulk(&c->out, sds_name, sds_len(sds_name));
}

static void name_known(struct client *c, const char *name, bool known, int64_t v) {
    reply_bulk_str(&c->out, name);
    if (known)
        reply_int(&c->out, v);
    else
        reply_null(&c->out);
}

static void name_progress(struct client *c, const struct stream *s, const struct stream_group *g) {
    int64_t lag;
    bool known = stream_group_lag(s, g, &lag);
    name_known(c, "entries-read", g->entries_read != STREAM_READ_UNKNOWN, g->entries_read);
    name_known(c, "lag", known, lag);
}

/* --- XINFO STREAM --- */

/* with_consumer: as the group lists them. count 0: all. */
static void list_pending(struct client *c, const struct btree *pending, uint64_t count, bool with_consumer) {
    size_t n = btree_count(pending);
    if (count && count < n) n = count;
    reply_bulk_str(&c->out, "pending");
    reply_array(&c->out, (int64_t)n);
    for (struct btree_pos pos = btree_first(pending); n-- > 0; pos = btree_next(pos)) {
        const struct stream_pending *p = btree_item(pos);
        reply_array(&c->out, with_consumer ? 4 : 3);
        stream_reply_id(c, p->id);
        if (with_consumer) reply_bulk(&c->out, p->consumer->name, sds_len(p->consumer->name));
        reply_int(&c->out, p->delivered_ms);
        reply_int(&c->out, (int64_t)p->deliveries);
    }
}

static void reply_group(struct client *c, const struct stream *s, const struct stream_group *g,
                        uint64_t count) {
    reply_map(&c->out, 7);
    name_name(c, g->name);
    name_id(c, "last-delivered-id", g->last);
    name_progress(c, s, g);
    name_int(c, "pel-count", btree_count(g->pending));
    list_pending(c, g->pending, count, true);
    reply_bulk_str(&c->out, "consumers");
    reply_array(&c->out, (int64_t)g->n_consumers);
    for (size_t i = 0; i < g->n_consumers; i++) {
        const struct stream_consumer *consumer = g->consumers[i];
        reply_map(&c->out, 4);
        name_name(c, consumer->name);
        name_int(c, "seen-time", (uint64_t)consumer->seen_ms);
        name_int(c, "pel-count", btree_count(consumer->pending));
        list_pending(c, consumer->pending, count, false);
    }
}

static void reply_edge_entry(struct client *c, const struct stream *s, const char *name, bool first) {
    reply_bulk_str(&c->out, name);
    if (s->length == 0 || !stream_reply_one(c, s, stream_edge(s, first, false))) reply_null(&c->out);
}

static void reply_stream(struct client *c, const struct stream *s, bool full, uint64_t count) {
    size_t nodes = btree_count(s->nodes);
    reply_map(&c->out, full ? 9 : 10);
    name_int(c, "length", s->length);
    name_int(c, "radix-tree-keys", nodes);
    name_int(c, "radix-tree-nodes", nodes + 1); /* ours is no radix tree: what one needs at least */
    name_id(c, "last-generated-id", s->last);
    name_id(c, "max-deleted-entry-id", s->max_deleted);
    name_int(c, "entries-added", s->added);
    name_id(c, "recorded-first-entry-id", s->first);
    if (!full) {
        name_int(c, "groups", s->n_groups);
        reply_edge_entry(c, s, "first-entry", true);
        reply_edge_entry(c, s, "last-entry", false);
        return;
    }
    reply_bulk_str(&c->out, "entries");
    stream_reply_range(c, s, (struct stream_id){0, 0}, STREAM_ID_MAX, count, false);
    reply_bulk_str(&c->out, "groups");
    reply_array(&c->out, (int64_t)s->n_groups);
    for (size_t i = 0; i < s->n_groups; i++) reply_group(c, s, s->groups[i], count);
}

void xinfo_stream_command(struct client *c, const slice *argv, int argc) {
    enum { COUNT_STANDARD = 10 };
    struct stream *s;
    int64_t count = COUNT_STANDARD;
    if (!stream_to_inspect(c, argv[2], &s)) return;
    bool fits = argc == 3 || argc == 4 || argc == 6;
    if (!fits || (argc > 3 && !slice_is(argv[3], "full")) || (argc > 4 && !slice_is(argv[4], "count"))) {
        cmd_subcommand_syntax(c, argv);
        return;
    }
    if (argc == 6 && !cmd_i64(c, argv[5], &count, NULL)) return;
    reply_stream(c, s, argc > 3, count < 0 ? COUNT_STANDARD : (uint64_t)count);
}

/* --- XINFO GROUPS, CONSUMERS, HELP --- */

void xinfo_groups_command(struct client *c, const slice *argv, int argc) {
    struct stream *s;
    (void)argc;
    if (!stream_to_inspect(c, argv[2], &s)) return;
    reply_array(&c->out, (int64_t)s->n_groups);
    for (size_t i = 0; i < s->n_groups; i++) {
        const struct stream_group *g = s->groups[i];
        reply_map(&c->out, 6);
        name_name(c, g->name);
        name_int(c, "consumers", g->n_consumers);
        name_int(c, "pending", btree_count(g->pending));
        name_id(c, "last-delivered-id", g->last);
        name_progress(c, s, g);
    }
}

void xinfo_consumers_command(struct client *c, const slice *argv, int argc) {
    struct stream *s;
    (void)argc;
    if (!stream_to_inspect(c, argv[2], &s)) return;
    const struct stream_group *g = stream_group_find(s, argv[3]);
    if (!g) {
        reply_errorf(&c->out, "NOGROUP No such consumer group '%.*s' for key name '%.*s'",
                     SLICE_ARGS(argv[3]), SLICE_ARGS(argv[2]));
        return;
    }
    reply_array(&c->out, (int64_t)g->n_consumers);
    for (size_t i = 0; i < g->n_consumers; i++) {
        const struct stream_consumer *consumer = g->consumers[i];
        int64_t idle_ms = clock_ms() - consumer->seen_ms;
        reply_map(&c->out, 3);
        name_name(c, consumer->name);
        name_int(c, "pending", btree_count(consumer->pending));
        name_int(c, "idle", idle_ms < 0 ? 0 : (uint64_t)idle_ms);
    }
}

void xinfo_help_command(struct client *c, const slice *argv, int argc) {
    static const char *const lines[] = {"CONSUMERS <key> <groupname>",
                                        "    Show consumers of <groupname>.",
                                        "GROUPS <key>",
                                        "    Show the stream consumer groups.",
                                        "STREAM <key> [FULL [COUNT <count>]",
                                        "    Show information about the stream.",
                                        NULL};
    (void)argv, (void)argc;
    cmd_help(c, "xinfo", lines);
}

/* Consumer groups: XGROUP *, XACK, XPENDING. Changing who holds an entry is in stream_claim_cmd.c. */
#include "command/stream_cmd.h"

#include "base/clock.h"
#include "command/blocking.h"
#include "command/handlers.h"

/* --- XGROUP --- */

static bool stream_must_be(struct client *c, const struct stream *s) {
    if (!s)
        reply_error(&c->out, "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you "
                             "may want to use the MKSTREAM option to create an empty stream automatically.");
    return s != NULL;
}

static struct stream_group *group_of(struct client *c, const slice *argv, struct stream **s) {
    if (!stream_to_change(c, argv[2], s) || !stream_must_be(c, *s)) return NULL;
    struct stream_group *g = stream_group_find(*s, argv[3]);
    if (!g)
        reply_errorf(&c->out, "NOGROUP No such consumer group '%.*s' for key name '%.*s'",
                     SLICE_ARGS(argv[3]), SLICE_ARGS(argv[2]));
    return g;
}

/* The options behind the id; mkstream NULL: CREATE's is not one of them. */
static bool group_options(struct client *c, const slice *argv, int argc, bool *mkstream, int64_t *read) {
    *read = STREAM_READ_UNKNOWN;
    for (int i = 5; i < argc; i++) {
        if (mkstream && slice_is(argv[i], "mkstream")) {
            *mkstream = true;
        } else if (i + 1 < argc && slice_is(argv[i], "entriesread")) {
            if (!cmd_i64(c, argv[++i], read, NULL)) return false;
            if (*read < 0 && *read != STREAM_READ_UNKNOWN) {
                reply_error(&c->out, "ERR value for ENTRIESREAD must be positive or -1");
                return false;
            }
        } else {
            cmd_subcommand_syntax(c, argv);
            return false;
        }
    }
    return true;
}

void xgroup_create_command(struct client *c, const slice *argv, int argc) {
    enum { ARGS_MAX = 8 };
    struct stream *s;
    struct stream_id id = {0, 0};
    bool mkstream = false;
    int64_t read;
    if (!group_options(c, argv, argc, &mkstream, &read) || !stream_to_change(c, argv[2], &s)) return;
    if (!mkstream && !stream_must_be(c, s)) return;
    if (argc > ARGS_MAX) {
        cmd_subcommand_syntax(c, argv);
        return;
    }
    if (slice_is(argv[4], "$")) {
        if (s) id = s->last;
    } else if (!stream_id_arg(c, argv[4], 0, &id, NULL)) {
        return;
    }
    if (!s) {
        s = stream_create(c, argv[2]);
        db_modified(client_db(c), argv[2]);
    }
    if (!stream_group_add(s, argv[3], id, read)) {
        reply_error(&c->out, "BUSYGROUP Consumer Group name already exists");
        return;
    }
    reply_ok(&c->out);
    ks_dirty++;
    ks_notify(NOTIFY_STREAM, "xgroup-create", argv[2], c->db);
}

void xgroup_setid_command(struct client *c, const slice *argv, int argc) {
    struct stream *s;
    struct stream_id id;
    int64_t read;
    if (!group_options(c, argv, argc, NULL, &read)) return;
    struct stream_group *g = group_of(c, argv, &s);
    if (!g) return;
    if (argc != 5 && argc != 7) {
        cmd_subcommand_syntax(c, argv);
        return;
    }
    if (slice_is(argv[4], "$"))
        id = s->last;
    else if (!stream_id_or_edge_arg(c, argv[4], 0, &id))
        return;
    g->last = id;
    g->entries_read = read;
    reply_ok(&c->out);
    ks_dirty++;
    ks_notify(NOTIFY_STREAM, "xgroup-setid", argv[2], c->db);
}

void xgroup_destroy_command(struct client *c, const slice *argv, int argc) {
    struct stream *s;
    (void)argc;
    if (!stream_to_change(c, argv[2], &s) || !stream_must_be(c, s)) return;
    struct stream_group *g = stream_group_find(s, argv[3]);
    reply_int(&c->out, g != NULL);
    if (!g) return;
    stream_group_remove(s, g);
    ks_dirty++;
    ks_notify(NOTIFY_STREAM, "xgroup-destroy", argv[2], c->db);
    blocking_key_modified(client_db(c), argv[2]); /* who waits as its consumer is told */
}

void xgroup_createconsumer_command(struct client *c, const slice *argv, int argc) {
    struct stream *s;
    (void)argc;
    struct stream_group *g = group_of(c, argv, &s);
    if (!g) return;
    bool is_new = !stream_consumer_find(g, argv[4]);
    if (is_new) stream_consumer_get(c, argv[2], g, argv[4], NULL);
    reply_int(&c->out, is_new);
}

void xgroup_delconsumer_command(struct client *c, const slice *argv, int argc) {
    struct stream *s;
    size_t held = 0;
    (void)argc;
    struct stream_group *g = group_of(c, argv, &s);
    if (!g) return;
    struct stream_consumer *consumer = stream_consumer_find(g, argv[4]);
    if (consumer) {
        held = btree_count(consumer->pending);
        stream_consumer_remove(g, consumer);
        ks_dirty++;
        ks_notify(NOTIFY_STREAM, "xgroup-delconsumer", argv[2], c->db);
    }
    reply_int(&c->out, (int64_t)held);
}

void xgroup_help_command(struct client *c, const slice *argv, int argc) {
    static const char *const lines[] = {"CREATE <key> <groupname> <id|$> [option]",
                                        "    Create a new consumer group. Options are:",
                                        "    * MKSTREAM",
                                        "      Create the empty stream if it does not exist.",
                                        "    * ENTRIESREAD entries_read",
                                        "      Set the group's entries_read counter (internal use).",
                                        "CREATECONSUMER <key> <groupname> <consumer>",
                                        "    Create a new consumer in the specified group.",
                                        "DELCONSUMER <key> <groupname> <consumer>",
                                        "    Remove the specified consumer.",
                                        "DESTROY <key> <groupname>",
                                        "    Remove the specified group.",
                                        "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
                                        "    Set the current group ID and entries_read counter.",
                                        NULL};
    (void)argv, (void)argc;
    cmd_help(c, "xgroup", lines);
}

/* --- XACK --- */

void xack_command(struct client *c, const slice *argv, int argc) {
    struct stream *s;
    struct stream_id id;
    int64_t acknowledged = 0;
    if (!stream_to_read(c, argv[1], &s)) return;
    struct stream_group *g = s ? stream_group_find(s, argv[2]) : NULL;
    for (int i = 3; g && i < argc; i++) /* all or nothing */
        if (!stream_id_arg(c, argv[i], 0, &id, NULL)) return;
    for (int i = 3; g && i < argc; i++) {
        stream_id_arg(NULL, argv[i], 0, &id, NULL);
        struct stream_pending *p = stream_pending_find(g, id);
        if (!p) continue;
        stream_pending_remove(g, p);
        acknowledged++;
        ks_dirty++;
    }
    reply_int(&c->out, acknowledged);
}

/* --- XPENDING --- */

struct pending_options {
    struct stream_id from, to;
    int64_t count, idle_ms;
    slice consumer; /* p NULL: all */
};

static bool pending_options(struct client *c, const slice *argv, int argc, struct pending_options *o) {
    int at = 3;
    *o = (struct pending_options){.idle_ms = 0};
    if (slice_is(argv[3], "idle")) {
        if (!cmd_i64(c, argv[4], &o->idle_ms, NULL)) return false;
        if (argc < 8) {
            cmd_syntax_error(c);
            return false;
        }
        at += 2;
    }
    if (!cmd_i64(c, argv[at + 2], &o->count, NULL) || !stream_start_arg(c, argv[at], &o->from) ||
        !stream_end_arg(c, argv[at + 1], &o->to))
        return false;
    if (at + 3 < argc) o->consumer = argv[at + 3];
    return true;
}

static void reply_summary(struct client *c, const struct stream_group *g) {
    size_t n = btree_count(g->pending), holding = 0;
    reply_array(&c->out, 4);
    reply_int(&c->out, (int64_t)n);
    if (n == 0) {
        reply_null(&c->out);
        reply_null(&c->out);
        reply_null_array(&c->out);
        return;
    }
    stream_reply_id(c, ((const struct stream_pending *)btree_item(btree_first(g->pending)))->id);
    stream_reply_id(c, ((const struct stream_pending *)btree_item(btree_last(g->pending)))->id);
    struct reply_mark mark = reply_defer(&c->out);
    for (size_t i = 0; i < g->n_consumers; i++) {
        const struct stream_consumer *consumer = g->consumers[i];
        if (btree_count(consumer->pending) == 0) continue;
        reply_array(&c->out, 2);
        reply_bulk(&c->out, consumer->name, sds_len(consumer->name));
        reply_bulk_int(&c->out, (int64_t)btree_count(consumer->pending));
        holding++;
    }
    reply_defer_array(&c->out, mark, (int64_t)holding);
}

static void list_pending(struct client *c, const struct btree *pending, const struct pending_options *o) {
    struct reply_mark mark = reply_defer(&c->out);
    int64_t n = 0;
    struct btree_pos pos = stream_pending_from(pending, o->from);
    for (; btree_ok(pos) && n < o->count; pos = btree_next(pos)) {
        const struct stream_pending *p = btree_item(pos);
        int64_t idle_ms = clock_ms() - p->delivered_ms;
        if (stream_id_cmp(p->id, o->to) > 0) break;
        if (o->idle_ms && idle_ms < o->idle_ms) continue;
        reply_array(&c->out, 4);
        stream_reply_id(c, p->id);
        reply_bulk(&c->out, p->consumer->name, sds_len(p->consumer->name));
        reply_int(&c->out, idle_ms < 0 ? 0 : idle_ms);
        reply_int(&c->out, (int64_t)p->deliveries);
        n++;
    }
    reply_defer_array(&c->out, mark, n);
}

void xpending_command(struct client *c, const slice *argv, int argc) {
    struct stream *s;
    struct pending_options o;
    if (argc != 3 && (argc < 6 || argc > 9)) {
        cmd_syntax_error(c);
        return;
    }
    if (argc != 3 && !pending_options(c, argv, argc, &o)) return;
    if (!stream_to_read(c, argv[1], &s)) return;
    struct stream_group *g = s ? stream_group_find(s, argv[2]) : NULL;
    if (!g) {
        stream_reply_no_group(c, argv[1], argv[2], "");
    } else if (argc == 3) {
        reply_summary(c, g);
    } else if (!o.consumer.p) {
        list_pending(c, g->pending, &o);
    } else {
        struct stream_consumer *consumer = stream_consumer_find(g, o.consumer);
        if (consumer)
            list_pending(c, consumer->pending, &o);
        else
            reply_array(&c->out, 0);
    }
}

/* Commands of publish and subscribe. What they change and how messages travel is pubsub.c's; this file parses and replies.
 *
 * Each name that is subscribed to or left is answered by a message of its own, which is sent even where replies are
 * turned off. The count in it is of channels and patterns together, or of shard channels. */
#include "command/dispatch.h"

#include "base/glob.h"
#include "command/handlers.h"
#include "command/propagate.h"
#include "command/pubsub.h"

static const char *const subscribed[] = {"subscribe", "psubscribe", "ssubscribe"};
static const char *const unsubscribed[] = {"unsubscribe", "punsubscribe", "sunsubscribe"};

static int64_t count_told(const struct client *c, enum pubsub_kind kind) {
    if (kind == PUBSUB_SHARD) return (int64_t)pubsub_count(c, PUBSUB_SHARD);
    return (int64_t)(pubsub_count(c, PUBSUB_CHANNEL) + pubsub_count(c, PUBSUB_PATTERN));
}

/* name.p NULL: there was nothing to leave. */
static void tell(struct client *c, enum pubsub_kind kind, const char *what, slice name) {
    struct reply_buf *b = &c->out;
    bool muted = b->muted;
    b->muted = false;
    reply_push(b, 3);
    reply_bulk_str(b, what);
    if (name.p)
        reply_bulk(b, name.p, name.n);
    else
        reply_null(b);
    reply_int(b, count_told(c, kind));
    b->muted = muted;
}

static void subscribe(struct client *c, enum pubsub_kind kind, const slice *names, int n) {
    for (int i = 0; i < n; i++) {
        pubsub_subscribe(c, kind, names[i]);
        tell(c, kind, subscribed[kind], names[i]);
    }
}

struct leaving {
    struct client *c;
    enum pubsub_kind kind;
};

/* The name lives in the topic, which may end with this. */
static void leave_one(void *ctx, slice name) {
    const struct leaving *l = ctx;
    sds copy = sds_newlen(name.p, name.n);
    pubsub_unsubscribe(l->c, l->kind, name);
    tell(l->c, l->kind, unsubscribed[l->kind], sds_slice(copy));
    sds_free(copy);
}

static void unsubscribe(struct client *c, enum pubsub_kind kind, const slice *names, int n) {
    for (int i = 0; i < n; i++) {
        pubsub_unsubscribe(c, kind, names[i]);
        tell(c, kind, unsubscribed[kind], names[i]);
    }
    if (n > 0) return;
    struct leaving l = {c, kind};
    if (pubsub_count(c, kind) == 0)
        tell(c, kind, unsubscribed[kind], (slice){NULL, 0});
    else
        pubsub_each_of(c, kind, leave_one, &l);
}

void subscribe_command(struct client *c, const slice *argv, int argc) {
    subscribe(c, PUBSUB_CHANNEL, argv + 1, argc - 1);
}

void psubscribe_command(struct client *c, const slice *argv, int argc) {
    subscribe(c, PUBSUB_PATTERN, argv + 1, argc - 1);
}

void ssubscribe_command(struct client *c, const slice *argv, int argc) {
    subscribe(c, PUBSUB_SHARD, argv + 1, argc - 1);
}

void unsubscribe_command(struct client *c, const slice *argv, int argc) {
    unsubscribe(c, PUBSUB_CHANNEL, argv + 1, argc - 1);
}

void punsubscribe_command(struct client *c, const slice *argv, int argc) {
    unsubscribe(c, PUBSUB_PATTERN, argv + 1, argc - 1);
}

void sunsubscribe_command(struct client *c, const slice *argv, int argc) {
    unsubscribe(c, PUBSUB_SHARD, argv + 1, argc - 1);
}

/* Listeners of our replicas hear it too: it travels in the log, though it changes nothing. */
static void publish(struct client *c, const slice *argv, bool shard) {
    int64_t receivers = pubsub_publish(argv[1], argv[2], shard);
    propagate_force();
    reply_int(&c->out, receivers);
}

void publish_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    publish(c, argv, false);
}

void spublish_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    publish(c, argv, true);
}

/* --- PUBSUB --- */

struct listing {
    struct reply_buf *b;
    slice pattern; /* p NULL: all */
    int64_t n;
};

static void list_topic(void *ctx, slice name, size_t listeners) {
    struct listing *l = ctx;
    (void)listeners;
    if (l->pattern.p && !glob_match(l->pattern, name, false)) return;
    reply_bulk(l->b, name.p, name.n);
    l->n++;
}

static void list_topics(struct client *c, enum pubsub_kind kind, const slice *argv, int argc) {
    if (argc > 3) {
        cmd_subcommand_syntax(c, argv);
        return;
    }
    struct listing l = {.b = &c->out, .pattern = argc == 3 ? argv[2] : (slice){NULL, 0}};
    struct reply_mark m = reply_defer(&c->out);
    pubsub_each(kind, list_topic, &l);
    reply_defer_array(&c->out, m, l.n);
}

static void count_listeners(struct client *c, enum pubsub_kind kind, const slice *names, int n) {
    reply_array(&c->out, 2 * (int64_t)n);
    for (int i = 0; i < n; i++) {
        reply_bulk(&c->out, names[i].p, names[i].n);
        reply_int(&c->out, (int64_t)pubsub_listeners(kind, names[i]));
    }
}

void pubsub_channels_command(struct client *c, const slice *argv, int argc) {
    list_topics(c, PUBSUB_CHANNEL, argv, argc);
}

void pubsub_shardchannels_command(struct client *c, const slice *argv, int argc) {
    list_topics(c, PUBSUB_SHARD, argv, argc);
}

void pubsub_numsub_command(struct client *c, const slice *argv, int argc) {
    count_listeners(c, PUBSUB_CHANNEL, argv + 2, argc - 2);
}

void pubsub_shardnumsub_command(struct client *c, const slice *argv, int argc) {
    count_listeners(c, PUBSUB_SHARD, argv + 2, argc - 2);
}

static void count_one(void *ctx, slice name, size_t listeners) {
    (void)name, (void)listeners;
    ++*(int64_t *)ctx;
}

void pubsub_numpat_command(struct client *c, const slice *argv, int argc) {
    int64_t n = 0;
    (void)argv, (void)argc;
    pubsub_each(PUBSUB_PATTERN, count_one, &n);
    reply_int(&c->out, n);
}

void pubsub_help_command(struct client *c, const slice *argv, int argc) {
    static const char *const lines[] = {"CHANNELS [<pattern>]",
                                        "    Channels with subscribers, all or those that match.",
                                        "NUMPAT",
                                        "    How many patterns are subscribed to.",
                                        "NUMSUB [<channel> ...]",
                                        "    How many subscribers each channel has, patterns left aside.",
                                        "SHARDCHANNELS [<pattern>]",
                                        "    Shard channels with subscribers, all or those that match.",
                                        "SHARDNUMSUB [<shardchannel> ...]",
                                        "    How many subscribers each shard channel has.",
                                        NULL};
    (void)argv, (void)argc;
    cmd_help(c, "PUBSUB", lines);
}

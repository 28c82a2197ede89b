/* Subscriptions and fan-out; see pubsub.h.
 *
 * A subscription stands in two places: in its client's dict of that kind (found by name) and in its topic's vector
 * (walked when a message comes); it knows its place in the vector, so that it leaves without a search.
 *
 * Invariants: a topic exists exactly while somebody listens to it. client.pubsub is set exactly while the client has a
 * subscription, and so is CLIENT_PUBSUB. What each command replies is pubsub_cmd.c's. */
#include "command/pubsub.h"

#include "base/alloc.h"
#include "base/dict.h"
#include "base/glob.h"
#include "base/sds.h"
#include "command/dispatch.h"
#include "resp/request.h"
#include "server/server.h"

struct topic {
    sds name;
    struct subscription **listeners;
    size_t n, cap;
};

struct subscription {
    struct topic *topic;
    struct client *c;
    size_t at; /* in topic.listeners */
};

struct subscriber {
    struct dict *by_name[PUBSUB_KINDS]; /* struct subscription; NULL while none */
};

static slice topic_name(const void *item) {
    return sds_slice(((const struct topic *)item)->name);
}
static const struct dict_type topic_type = {.key = topic_name};

static slice subscription_name(const void *item) {
    return sds_slice(((const struct subscription *)item)->topic->name);
}
static const struct dict_type subscription_type = {.key = subscription_name};

static struct dict *topics[PUBSUB_KINDS]; /* NULL before the first */

static struct topic *find_topic(enum pubsub_kind kind, slice name) {
    return topics[kind] ? dict_find(topics[kind], name) : NULL;
}

static size_t count_topics(enum pubsub_kind kind) {
    return topics[kind] ? dict_size(topics[kind]) : 0;
}

bool pubsub_is_heard(void) {
    return count_topics(PUBSUB_CHANNEL) > 0 || count_topics(PUBSUB_PATTERN) > 0;
}

size_t pubsub_listeners(enum pubsub_kind kind, slice name) {
    const struct topic *t = find_topic(kind, name);
    return t ? t->n : 0;
}

size_t pubsub_count(const struct client *c, enum pubsub_kind kind) {
    const struct subscriber *s = c->pubsub;
    return s && s->by_name[kind] ? dict_size(s->by_name[kind]) : 0;
}

static void count_for_info(void) {
    server_gauges.pubsub_channels = count_topics(PUBSUB_CHANNEL);
    server_gauges.pubsub_patterns = count_topics(PUBSUB_PATTERN);
    server_gauges.pubsub_shard_channels = count_topics(PUBSUB_SHARD);
}

/* --- subscribing --- */

size_t pubsub_memory(const struct client *c) {
    const struct subscriber *s = c->pubsub;
    if (!s) return 0;
    size_t bytes = sizeof *s;
    for (int k = 0; k < PUBSUB_KINDS; k++)
        if (s->by_name[k])
            bytes += dict_table_bytes(s->by_name[k]) + dict_size(s->by_name[k]) * sizeof(struct subscription);
    return bytes;
}

static struct topic *get_topic(enum pubsub_kind kind, slice name) {
    struct topic *t = find_topic(kind, name);
    if (t) return t;
    if (!topics[kind]) topics[kind] = dict_new(&topic_type);
    t = mem_alloc(sizeof *t);
    *t = (struct topic){.name = sds_newlen(name.p, name.n)};
    dict_insert(topics[kind], t);
    count_for_info();
    return t;
}

static void drop_topic(enum pubsub_kind kind, struct topic *t) {
    dict_take(topics[kind], sds_slice(t->name));
    sds_free(t->name);
    mem_free(t->listeners, t->cap * sizeof *t->listeners);
    mem_free(t, sizeof *t);
    count_for_info();
}

static void join(struct subscription *s) {
    struct topic *t = s->topic;
    if (t->n == t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 1;
        t->listeners = mem_resize(t->listeners, t->cap * sizeof *t->listeners, cap * sizeof *t->listeners);
        t->cap = cap;
    }
    s->at = t->n;
    t->listeners[t->n++] = s;
}

bool pubsub_subscribe(struct client *c, enum pubsub_kind kind, slice name) {
    struct subscriber *of = c->pubsub;
    if (!of) of = c->pubsub = mem_zalloc(sizeof *of);
    c->flags |= CLIENT_PUBSUB;
    if (!of->by_name[kind]) of->by_name[kind] = dict_new(&subscription_type);
    if (dict_find(of->by_name[kind], name)) return false;
    struct subscription *s = mem_alloc(sizeof *s);
    *s = (struct subscription){.topic = get_topic(kind, name), .c = c};
    join(s);
    dict_insert(of->by_name[kind], s);
    return true;
}

static void release_when_idle(struct client *c) {
    struct subscriber *of = c->pubsub;
    for (int kind = 0; kind < PUBSUB_KINDS; kind++)
        if (of->by_name[kind]) return;
    mem_free(of, sizeof *of);
    c->pubsub = NULL;
    c->flags &= ~(uint32_t)CLIENT_PUBSUB;
}

static void leave(enum pubsub_kind kind, struct subscription *s) {
    struct topic *t = s->topic;
    struct subscription *last = t->listeners[--t->n];
    t->listeners[s->at] = last;
    last->at = s->at;
    mem_free(s, sizeof *s);
    if (t->n == 0) drop_topic(kind, t);
}

bool pubsub_unsubscribe(struct client *c, enum pubsub_kind kind, slice name) {
    struct subscriber *of = c->pubsub;
    struct subscription *s = of && of->by_name[kind] ? dict_take(of->by_name[kind], name) : NULL;
    if (!s) return false;
    leave(kind, s);
    if (dict_size(of->by_name[kind]) == 0) {
        dict_free(of->by_name[kind]);
        of->by_name[kind] = NULL;
        release_when_idle(c);
    }
    return true;
}

struct gathered {
    struct subscription **v;
    size_t n;
};

static void gather(void *ctx, void *item) {
    struct gathered *g = ctx;
    g->v[g->n++] = item;
}

/* The subscriptions are listed first, because fn may end them. */
void pubsub_each_of(struct client *c, enum pubsub_kind kind, void (*fn)(void *ctx, slice name), void *ctx) {
    size_t n = pubsub_count(c, kind);
    if (n == 0) return;
    struct gathered g = {.v = mem_alloc(n * sizeof *g.v)};
    dict_each(((struct subscriber *)c->pubsub)->by_name[kind], gather, &g);
    for (size_t i = 0; i < n; i++) fn(ctx, sds_slice(g.v[i]->topic->name));
    mem_free(g.v, n * sizeof *g.v);
}

struct ending {
    struct client *c;
    enum pubsub_kind kind;
};

static void end_one(void *ctx, slice name) {
    const struct ending *e = ctx;
    pubsub_unsubscribe(e->c, e->kind, name);
}

void pubsub_forget(struct client *c) {
    for (int kind = 0; kind < PUBSUB_KINDS && c->pubsub; kind++) {
        struct ending e = {c, (enum pubsub_kind)kind};
        pubsub_each_of(c, e.kind, end_one, &e);
    }
}

struct walk {
    void (*fn)(void *ctx, slice name, size_t listeners);
    void *ctx;
};

static void walk_topic(void *ctx, void *item) {
    const struct walk *w = ctx;
    const struct topic *t = item;
    w->fn(w->ctx, sds_slice(t->name), t->n);
}

void pubsub_each(enum pubsub_kind kind, void (*fn)(void *ctx, slice name, size_t listeners), void *ctx) {
    struct walk w = {fn, ctx};
    if (topics[kind]) dict_each(topics[kind], walk_topic, &w);
}

/* --- messages to a client --- */

/* What came for the client whose request is being executed. One request at a time has messages waiting here: those for
 * another's, which a turn of the loop inside of the first executes, go out at once. */
static struct reply_buf waiting;
static const struct client *waiting_for;
bool push_waits;

static void copy_parts(struct reply_buf *to, const struct reply_buf *from) {
    struct iovec iov[16];
    struct reply_buf rest = *from;
    bool muted = to->muted;
    to->muted = false;
    for (int n; (n = reply_iov(&rest, iov, 16)) > 0;) {
        size_t bytes = 0;
        for (int i = 0; i < n; i++) {
            reply_raw(to, iov[i].iov_base, iov[i].iov_len);
            bytes += iov[i].iov_len;
        }
        reply_consume(&rest, bytes);
    }
    to->muted = muted;
}

void push_piece(struct client *c, const struct reply_piece *piece) {
    bool executing = c == stats_client && (!push_waits || waiting_for == c);
    if (likely(!executing)) {
        client_push(c, piece);
        return;
    }
    reply_share(&waiting, piece, true);
    waiting_for = c;
    push_waits = true;
}

void push_settle(struct client *c) {
    if (c != waiting_for) return;
    push_waits = false;
    waiting_for = NULL;
    copy_parts(&c->out, &waiting);
    reply_init(&waiting);
    client_want_write(c);
}

/* A message that is a list of strings: `*n` or `>n` by the receiver's protocol version. Encoded at the first receiver
 * of each version. */
struct push {
    const slice *words;
    int n;
    struct reply_piece pieces[2]; /* by version */
};

static void push_begin(struct push *p, const slice *words, int n) {
    *p = (struct push){.words = words, .n = n};
}

static char *put(char *to, slice bytes) {
    to += request_head(to, '$', bytes.n);
    memcpy(to, bytes.p, bytes.n);
    memcpy(to + bytes.n, "\r\n", 2);
    return to + bytes.n + 2;
}

static void encode(const struct push *p, int version, struct reply_piece *piece) {
    char head[REQUEST_HEAD_BYTES];
    size_t n = request_head(head, version ? '>' : '*', (size_t)p->n), head_n = n;
    for (int i = 0; i < p->n; i++) n += 1 + (size_t)num_digits_u64(p->words[i].n) + 2 + p->words[i].n + 2;
    *piece = reply_piece_new(version, n);
    memcpy(piece->p, head, head_n);
    char *at = piece->p + head_n;
    for (int i = 0; i < p->n; i++) at = put(at, p->words[i]);
}

static void push_to(struct push *p, struct client *c) {
    int version = c->out.proto == 3;
    struct reply_piece *piece = &p->pieces[version];
    if (!piece->block) encode(p, version, piece);
    push_piece(c, piece);
}

static void push_end(struct push *p) {
    for (int i = 0; i < 2; i++)
        if (p->pieces[i].block) reply_piece_done(&p->pieces[i]);
}

/* --- publishing --- */

enum { AHEAD = 4 };

static void deliver(const struct topic *t, const slice *words, int n) {
    struct push p;
    push_begin(&p, words, n);
    for (size_t i = 0; i < t->n; i++) {
        if (i + AHEAD < t->n) __builtin_prefetch(t->listeners[i + AHEAD]->c);
        push_to(&p, t->listeners[i]->c);
    }
    push_end(&p);
}

struct publishing {
    slice channel, message;
    int64_t receivers;
};

static void match_pattern(void *ctx, void *item) {
    struct publishing *p = ctx;
    const struct topic *t = item;
    slice pattern = sds_slice(t->name), words[] = {SLICE("pmessage"), pattern, p->channel, p->message};
    if (!glob_match(pattern, p->channel, false)) return;
    deliver(t, words, 4);
    p->receivers += (int64_t)t->n;
}

int64_t pubsub_publish(slice channel, slice message, bool shard) {
    struct publishing p = {.channel = channel, .message = message};
    slice words[] = {shard ? SLICE("smessage") : SLICE("message"), channel, message};
    const struct topic *t = find_topic(shard ? PUBSUB_SHARD : PUBSUB_CHANNEL, channel);
    if (t) {
        deliver(t, words, 3);
        p.receivers = (int64_t)t->n;
    }
    if (!shard && count_topics(PUBSUB_PATTERN) > 0) dict_each(topics[PUBSUB_PATTERN], match_pattern, &p);
    return p.receivers;
}

/* Streams: ids, adding, deleting, trimming, and what the key space asks of a value.
 *
 * Invariants: every node holds an entry, marked or not; `length` is the sum of their live counts; `first` is the first
 * live entry's id, 0-0 when there is none; only the last node has spare room. */
#include "keyspace/stream_node.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "keyspace/digest.h"
#include "keyspace/stream_group.h"

/* --- ids --- */

bool stream_id_next(struct stream_id *id) {
    if (++id->seq != 0) return true;
    return ++id->ms != 0;
}

bool stream_id_prev(struct stream_id *id) {
    if (id->seq-- != 0) return true;
    return id->ms-- != 0;
}

size_t stream_id_format(char *buf, struct stream_id id) {
    size_t n = num_format_u64(buf, id.ms);
    buf[n++] = '-';
    return n + num_format_u64(buf + n, id.seq);
}

/* --- the whole --- */

struct stream *stream_new(void) {
    struct stream *s = mem_zalloc(sizeof *s);
    s->nodes = btree_new(stream_order);
    return s;
}

static void free_item(void *ctx, void *item) {
    (void)ctx;
    snode_free(item);
}

void stream_free(struct stream *s) {
    btree_remove_range(s->nodes, 0, btree_count(s->nodes), free_item, NULL);
    btree_free(s->nodes);
    stream_groups_free(s);
    mem_free(s, sizeof *s);
}

struct stream_id stream_edge(const struct stream *s, bool first, bool deleted) {
    struct stream_cursor cur;
    stream_cursor_start(&cur, s, (struct stream_id){0, 0}, STREAM_ID_MAX, !first);
    cur.with_deleted = deleted;
    if (stream_cursor_next(&cur)) return cur.id;
    return first ? STREAM_ID_MAX : (struct stream_id){0, 0};
}

static void note_first(struct stream *s) {
    s->first = s->length ? stream_edge(s, true, false) : (struct stream_id){0, 0};
}

/* --- adding --- */

void stream_append(struct stream *s, struct stream_id id, const slice *argv, size_t n_fields) {
    assert_that(stream_id_cmp(id, s->last) > 0);
    struct btree_pos pos = btree_last(s->nodes);
    struct stream_node *n = btree_ok(pos) ? btree_item(pos) : NULL;
    size_t text_bytes = 0;
    for (size_t i = 0; i < 2 * n_fields; i++) text_bytes += argv[i].n;
    if (n && snode_is_full(n, text_bytes)) {
        snode_close(n);
        /* XSETID may have set the last id back below that of a node of deleted entries: then it takes them up again. */
        pos = btree_find(s->nodes, stream_key(id), &id);
        n = btree_ok(pos) ? btree_item(pos) : NULL;
    }
    if (n)
        snode_append(n, id, argv, n_fields);
    else
        btree_insert(s->nodes, stream_key(id), snode_new(id, argv, n_fields));
    s->length++;
    s->added++;
    s->last = id;
    if (s->length == 1) s->first = id;
}

bool stream_add_node(struct stream *s, struct stream_id id, slice lp) {
    uint64_t live;
    if (btree_ok(btree_find(s->nodes, stream_key(id), &id)) || !snode_valid(lp, &live)) return false;
    btree_insert(s->nodes, stream_key(id), snode_from_bytes(id, lp));
    s->length += live;
    return true;
}

slice stream_node_bytes(struct btree_pos pos, struct stream_id *id) {
    const struct stream_node *n = btree_item(pos);
    *id = n->id;
    return (slice){(const char *)n->lp, lp_bytes(n->lp)};
}

/* --- deleting --- */

bool stream_exists(const struct stream *s, struct stream_id id) {
    struct stream_cursor cur;
    stream_cursor_start(&cur, s, id, id, false);
    return stream_cursor_next(&cur);
}

static void remove_node(struct stream *s, struct stream_node *n) {
    btree_remove(s->nodes, stream_key(n->id), n);
    snode_free(n);
}

bool stream_delete(struct stream *s, struct stream_id id) {
    struct stream_cursor cur;
    stream_cursor_start(&cur, s, id, id, false);
    if (!stream_cursor_next(&cur)) return false;
    struct stream_node *n = btree_item(cur.pos);
    snode_mark(n, cur.entry);
    snode_count_deleted(n, 1);
    if (snode_head(n->lp).live == 0) remove_node(s, n);
    s->length--;
    if (stream_id_cmp(id, s->max_deleted) > 0) s->max_deleted = id;
    if (s->length == 0 || stream_id_cmp(id, s->first) == 0) note_first(s);
    return true;
}

/* --- trimming --- */

/* Whether nothing of the node is to stay. */
static bool goes_whole(const struct stream *s, const struct stream_node *n, int64_t live,
                       const struct stream_trim *t) {
    if (t->by == TRIM_MAXLEN) return s->length - (uint64_t)live >= t->max_length;
    lp_pos at = lp_last(n->lp);
    for (int64_t elements = snode_int(at); elements > 0; elements--) at = lp_prev(n->lp, at);
    at = snode_skip(at, 1);
    struct stream_id last = {n->id.ms + (uint64_t)snode_int(at), 0};
    last.seq = n->id.seq + (uint64_t)snode_int(snode_skip(at, 1));
    return stream_id_cmp(last, t->min_id) < 0;
}

/* Marks entries of the first node, which partly stays. */
static uint64_t trim_first_node(struct stream *s, const struct stream_trim *t) {
    struct stream_cursor cur;
    uint64_t gone = 0;
    stream_cursor_start(&cur, s, (struct stream_id){0, 0}, STREAM_ID_MAX, false);
    cur.with_deleted = true;
    struct btree_pos first = cur.pos;
    struct stream_node *n = btree_item(first);
    while (stream_cursor_next(&cur) && cur.pos.leaf == first.leaf && cur.pos.slot == first.slot) {
        bool stop = t->by == TRIM_MAXLEN ? s->length <= t->max_length : stream_id_cmp(cur.id, t->min_id) >= 0;
        if (stop) break;
        if (snode_int(cur.entry) & NODE_DELETED) continue;
        snode_mark(n, cur.entry);
        s->length--;
        gone++;
    }
    snode_count_deleted(n, (int64_t)gone);
    return gone;
}

uint64_t stream_trim(struct stream *s, const struct stream_trim *t) {
    uint64_t gone = 0;
    if (t->by == TRIM_NOT) return 0;
    while (btree_count(s->nodes) > 0) {
        struct stream_node *n = btree_item(btree_first(s->nodes));
        int64_t live = snode_head(n->lp).live;
        if (t->by == TRIM_MAXLEN && s->length <= t->max_length) break;
        if (t->limit && (int64_t)gone + live > t->limit) break;
        if (!goes_whole(s, n, live, t)) {
            if (!t->whole_nodes) gone += trim_first_node(s, t);
            break;
        }
        remove_node(s, n);
        s->length -= (uint64_t)live;
        gone += (uint64_t)live;
    }
    if (gone || s->length == 0) note_first(s);
    return gone;
}

/* --- as a value of the key space --- */

static const char *encoding_name(unsigned encoding) {
    (void)encoding;
    return "stream";
}

static void free_value(unsigned encoding, void *ptr) {
    (void)encoding;
    stream_free(ptr);
}

static size_t free_effort(unsigned encoding, const void *ptr) {
    const struct stream *s = ptr;
    (void)encoding;
    return btree_count(s->nodes) + stream_groups_effort(s);
}

static bool free_some(unsigned encoding, void *ptr, size_t n) {
    struct stream *s = ptr;
    (void)encoding;
    if (btree_remove_range(s->nodes, 0, n, free_item, NULL) == n) return true;
    return stream_groups_free_some(s, n);
}

static void *copy(unsigned encoding, const void *ptr) {
    const struct stream *from = ptr;
    struct stream *to = stream_new();
    (void)encoding;
    for (struct btree_pos p = btree_first(from->nodes); btree_ok(p); p = btree_next(p))
        btree_insert(to->nodes, btree_key(p), snode_copy(btree_item(p)));
    to->length = from->length;
    to->added = from->added;
    to->last = from->last;
    to->first = from->first;
    to->max_deleted = from->max_deleted;
    stream_groups_copy(from, to);
    return to;
}

static size_t memory(unsigned encoding, const void *ptr) {
    const struct stream *s = ptr;
    size_t bytes = mem_good_size(sizeof *s) + btree_bytes(s->nodes) + stream_groups_bytes(s);
    (void)encoding;
    for (struct btree_pos p = btree_first(s->nodes); btree_ok(p); p = btree_next(p))
        bytes += snode_memory(btree_item(p));
    return bytes;
}

static void mix_value(uint8_t out[SHA1_BYTES], struct lp_value v) {
    char buf[LP_INT_BYTES];
    slice s = lp_value_text(v, buf);
    digest_mix(out, s.p, s.n);
}

static void digest(unsigned encoding, const void *ptr, uint8_t out[SHA1_BYTES]) {
    struct stream_cursor cur;
    struct lp_value field, value;
    char buf[STREAM_ID_TEXT_BYTES];
    (void)encoding;
    stream_cursor_start(&cur, ptr, (struct stream_id){0, 0}, STREAM_ID_MAX, false);
    while (stream_cursor_next(&cur)) {
        size_t n = num_format_u64(buf, cur.id.ms);
        buf[n++] = '.';
        n += num_format_u64(buf + n, cur.id.seq);
        digest_mix(out, buf, n);
        for (uint64_t i = 0; i < cur.n_fields; i++) {
            stream_cursor_pair(&cur, &field, &value);
            mix_value(out, field);
            mix_value(out, value);
        }
    }
}

const struct value_type_ops stream_value_ops = {.encoding_name = encoding_name,
                                                .free = free_value,
                                                .free_effort = free_effort,
                                                .free_some = free_some,
                                                .copy = copy,
                                                .bytes = memory,
                                                .digest = digest};

/* Consumer groups (stream_group.h).
 *
 * Invariants: names are distinct and ascending; a pending entry stands in its group's index and, when it has a
 * consumer, in that one's, and nowhere else. */
#include "keyspace/stream_group.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "keyspace/stream_node.h"

/* --- vectors of things that begin with their name, ascending --- */

static slice name_of(const void *item) {
    return sds_slice(*(const sds *)item);
}

/* Where the item of that name is, or belongs; *found tells which. */
static size_t place_of(void *const *v, size_t n, slice name, bool *found) {
    size_t from = 0;
    *found = false;
    while (n > 0) {
        size_t half = n / 2;
        int c = slice_cmp(name_of(v[from + half]), name);
        if (c == 0) {
            *found = true;
            return from + half;
        }
        from += c < 0 ? half + 1 : 0;
        n = c < 0 ? n - half - 1 : half;
    }
    return from;
}

static void *find(void *const *v, size_t n, slice name) {
    bool found;
    size_t at = place_of(v, n, name, &found);
    return found ? v[at] : NULL;
}

/* The room is a power of two, so it is known from the number alone. */
static size_t room_for(size_t n) {
    size_t room = n ? 1 : 0;
    while (room < n) room *= 2;
    return room;
}

static void **insert_at(void **v, size_t *n, size_t at, void *item) {
    size_t had = room_for(*n), want = room_for(*n + 1);
    if (had != want) v = mem_resize(v, had * sizeof *v, want * sizeof *v);
    memmove(v + at + 1, v + at, (*n - at) * sizeof *v);
    v[at] = item;
    ++*n;
    return v;
}

static void **remove_item(void **v, size_t *n, const void *item) {
    bool found;
    size_t at = place_of(v, *n, name_of(item), &found), had = room_for(*n), want = room_for(*n - 1);
    assert_that(found);
    memmove(v + at, v + at + 1, (*n - at - 1) * sizeof *v);
    --*n;
    if (want == 0) {
        mem_free(v, had * sizeof *v);
        return NULL;
    }
    return had == want ? v : mem_resize(v, had * sizeof *v, want * sizeof *v);
}

/* --- groups and consumers --- */

struct stream_group *stream_group_find(const struct stream *s, slice name) {
    return find((void *const *)s->groups, s->n_groups, name);
}

struct stream_group *stream_group_add(struct stream *s, slice name, struct stream_id last,
                                      int64_t entries_read) {
    bool found;
    size_t at = place_of((void *const *)s->groups, s->n_groups, name, &found);
    if (found) return NULL;
    struct stream_group *g = mem_alloc(sizeof *g);
    *g = (struct stream_group){.name = sds_newlen(name.p, name.n),
                               .last = last,
                               .entries_read = entries_read,
                               .pending = btree_new(stream_order)};
    s->groups = (struct stream_group **)insert_at((void **)s->groups, &s->n_groups, at, g);
    return g;
}

static void free_pending(void *ctx, void *item) {
    (void)ctx;
    mem_free(item, sizeof(struct stream_pending));
}

static void free_consumer(struct stream_consumer *c) {
    sds_free(c->name);
    btree_free(c->pending);
    mem_free(c, sizeof *c);
}

static void free_group(struct stream_group *g) {
    btree_remove_range(g->pending, 0, btree_count(g->pending), free_pending, NULL);
    btree_free(g->pending);
    for (size_t i = 0; i < g->n_consumers; i++) free_consumer(g->consumers[i]);
    mem_free(g->consumers, room_for(g->n_consumers) * sizeof *g->consumers);
    sds_free(g->name);
    mem_free(g, sizeof *g);
}

void stream_group_remove(struct stream *s, struct stream_group *g) {
    s->groups = (struct stream_group **)remove_item((void **)s->groups, &s->n_groups, g);
    free_group(g);
}

struct stream_consumer *stream_consumer_find(const struct stream_group *g, slice name) {
    return find((void *const *)g->consumers, g->n_consumers, name);
}

struct stream_consumer *stream_consumer_add(struct stream_group *g, slice name, int64_t seen_ms) {
    bool found;
    size_t at = place_of((void *const *)g->consumers, g->n_consumers, name, &found);
    if (found) return NULL;
    struct stream_consumer *c = mem_alloc(sizeof *c);
    *c = (struct stream_consumer){sds_newlen(name.p, name.n), seen_ms, btree_new(stream_order)};
    g->consumers = (struct stream_consumer **)insert_at((void **)g->consumers, &g->n_consumers, at, c);
    return c;
}

void stream_consumer_remove(struct stream_group *g, struct stream_consumer *c) {
    for (struct btree_pos p = btree_first(c->pending); btree_ok(p); p = btree_next(p)) {
        struct stream_pending *item = btree_item(p);
        btree_remove(g->pending, btree_key(p), item);
    }
    btree_remove_range(c->pending, 0, btree_count(c->pending), free_pending, NULL);
    g->consumers = (struct stream_consumer **)remove_item((void **)g->consumers, &g->n_consumers, c);
    free_consumer(c);
}

/* --- pending entries --- */

struct stream_pending *stream_pending_find(const struct stream_group *g, struct stream_id id) {
    struct btree_pos p = btree_find(g->pending, stream_key(id), &id);
    return btree_ok(p) ? btree_item(p) : NULL;
}

struct stream_pending *stream_pending_add(struct stream_group *g, struct stream_id id, int64_t delivered_ms) {
    struct stream_pending *p = mem_alloc(sizeof *p);
    *p = (struct stream_pending){.id = id, .delivered_ms = delivered_ms, .deliveries = 1};
    btree_insert(g->pending, stream_key(id), p);
    return p;
}

void stream_pending_give(struct stream_pending *p, struct stream_consumer *c) {
    if (p->consumer == c) return;
    if (p->consumer) btree_remove(p->consumer->pending, stream_key(p->id), p);
    btree_insert(c->pending, stream_key(p->id), p);
    p->consumer = c;
}

void stream_pending_remove(struct stream_group *g, struct stream_pending *p) {
    btree_remove(g->pending, stream_key(p->id), p);
    if (p->consumer) btree_remove(p->consumer->pending, stream_key(p->id), p);
    mem_free(p, sizeof *p);
}

struct btree_pos stream_pending_from(const struct btree *pending, struct stream_id id) {
    return btree_lower(pending, stream_key(id), &id, NULL);
}

/* --- how far a group has come --- */

bool stream_has_tombstones(const struct stream *s, struct stream_id from) {
    if (s->length == 0 || stream_id_is_zero(s->max_deleted)) return false;
    /* The last one is before the first entry. */
    if (stream_id_cmp(s->first, s->max_deleted) > 0) return false;
    return stream_id_cmp(from, s->max_deleted) <= 0;
}

int64_t stream_entries_up_to(const struct stream *s, struct stream_id id) {
    if (s->added == 0) return 0;
    int to_last = stream_id_cmp(id, s->last), to_first = stream_id_cmp(id, s->first);
    if (s->length == 0 && to_last <= 0) return (int64_t)s->added;
    if (to_last == 0) return (int64_t)s->added;
    if (to_last > 0) return STREAM_READ_UNKNOWN;
    bool whole = stream_id_is_zero(s->max_deleted) || stream_id_cmp(s->max_deleted, s->first) < 0;
    if (whole && to_first < 0) return (int64_t)(s->added - s->length);
    if (whole && to_first == 0) return (int64_t)(s->added - s->length + 1);
    return STREAM_READ_UNKNOWN;
}

bool stream_group_lag(const struct stream *s, const struct stream_group *g, int64_t *lag) {
    int64_t read = g->entries_read;
    *lag = 0;
    if (s->added == 0) return true;
    if (read == STREAM_READ_UNKNOWN || stream_has_tombstones(s, g->last))
        read = stream_entries_up_to(s, g->last);
    *lag = (int64_t)(s->added - (uint64_t)read);
    return read != STREAM_READ_UNKNOWN;
}

void stream_group_advance(const struct stream *s, struct stream_group *g, struct stream_id id) {
    if (stream_id_cmp(id, g->last) <= 0) return;
    if (g->entries_read != STREAM_READ_UNKNOWN && !stream_has_tombstones(s, id))
        g->entries_read = (int64_t)((uint64_t)g->entries_read + 1); /* ENTRIESREAD may be any number */
    else if (s->added)
        g->entries_read = stream_entries_up_to(s, id);
    g->last = id;
}

/* --- as part of a value --- */

void stream_groups_free(struct stream *s) {
    for (size_t i = 0; i < s->n_groups; i++) free_group(s->groups[i]);
    mem_free(s->groups, room_for(s->n_groups) * sizeof *s->groups);
    s->groups = NULL;
    s->n_groups = 0;
}

bool stream_groups_free_some(struct stream *s, size_t n) {
    if (s->n_groups == 0) return false;
    struct stream_group *g = s->groups[s->n_groups - 1];
    /* Consumers' indexes keep pointers to what is freed, but are never asked again. */
    if (btree_remove_range(g->pending, 0, n, free_pending, NULL) < n) stream_group_remove(s, g);
    return s->n_groups > 0;
}

static void copy_pending(const struct stream_group *from, struct stream_group *to) {
    for (struct btree_pos p = btree_first(from->pending); btree_ok(p); p = btree_next(p)) {
        const struct stream_pending *item = btree_item(p);
        struct stream_pending *copy = stream_pending_add(to, item->id, item->delivered_ms);
        copy->deliveries = item->deliveries;
        stream_pending_give(copy, stream_consumer_find(to, sds_slice(item->consumer->name)));
    }
}

void stream_groups_copy(const struct stream *from, struct stream *to) {
    for (size_t i = 0; i < from->n_groups; i++) {
        const struct stream_group *g = from->groups[i];
        struct stream_group *copy = stream_group_add(to, sds_slice(g->name), g->last, g->entries_read);
        for (size_t k = 0; k < g->n_consumers; k++)
            stream_consumer_add(copy, sds_slice(g->consumers[k]->name), g->consumers[k]->seen_ms);
        copy_pending(g, copy);
    }
}

static size_t consumer_bytes(const struct stream_consumer *c) {
    return mem_good_size(sizeof *c) + sds_alloc_bytes(c->name) + btree_bytes(c->pending);
}

size_t stream_groups_bytes(const struct stream *s) {
    size_t bytes = s->n_groups ? mem_good_size(room_for(s->n_groups) * sizeof *s->groups) : 0;
    for (size_t i = 0; i < s->n_groups; i++) {
        const struct stream_group *g = s->groups[i];
        bytes += mem_good_size(sizeof *g) + sds_alloc_bytes(g->name) + btree_bytes(g->pending);
        bytes += btree_count(g->pending) * mem_good_size(sizeof(struct stream_pending));
        if (g->n_consumers) bytes += mem_good_size(room_for(g->n_consumers) * sizeof *g->consumers);
        for (size_t k = 0; k < g->n_consumers; k++) bytes += consumer_bytes(g->consumers[k]);
    }
    return bytes;
}

size_t stream_groups_effort(const struct stream *s) {
    size_t n = 0;
    for (size_t i = 0; i < s->n_groups; i++)
        n += 1 + btree_count(s->groups[i]->pending) + s->groups[i]->n_consumers;
    return n;
}

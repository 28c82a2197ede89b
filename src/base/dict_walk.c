/* Walks over a dict: all items, a SCAN step, a random item, and freeing, at one go or in slices.
 *
 * None of them changes where an item lives, except that freeing empties buckets in the order in which rehash
 * would have moved them, so that an interrupted drain leaves a valid dict. */
#include "base/dict_internal.h"

#include "base/alloc.h"
#include "base/random.h"

static void node_each(const struct node *node, void (*fn)(void *ctx, void *item), void *ctx) {
    unsigned slots = BUCKET_SLOTS;
    for (; node; node = node_next(node, slots), slots = SPILL_SLOTS)
        for (unsigned i = 0, n = node_count(node); i < n; i++) fn(ctx, slot_item(node->slot[i]));
}

void dict_each(struct dict *d, void (*fn)(void *ctx, void *item), void *ctx) {
    size_t live = buckets_live(d);
    for (size_t k = 0; k < live; k++) {
        if (k + 2 < live) node_prefetch_items(bucket_live(d, k + 2), BUCKET_SLOTS);
        node_each(bucket_live(d, k), fn, ctx);
    }
}

void dict_near(struct dict *d, uint64_t h, void (*fn)(void *ctx, void *item), void *ctx) {
    node_each(bucket_of(d, h), fn, ctx);
}

/* A call reports the whole bucket of the cursor's position, in the table where that position lives now, and
 * goes on at the first position that neither this bucket nor, while rehashing, this table covers. */
uint64_t dict_scan(struct dict *d, uint64_t cursor, void (*fn)(void *ctx, void *item), void *ctx) {
    if (cursor >> POSITION_BITS || d->t[0].n == 0) return 0;
    bool moved = cursor < d->split;
    const struct table *t = &d->t[moved];
    size_t i = bucket_index(t->n, cursor);
    node_each(bucket_at(t, i), fn, ctx);
    uint64_t end = bucket_start(t->n, i + 1);
    if (moved && end > d->split) end = d->split;
    return end >> POSITION_BITS ? 0 : end;
}

static unsigned chain_count(const struct node *node) {
    unsigned total = 0, slots = BUCKET_SLOTS;
    for (; node; node = node_next(node, slots), slots = SPILL_SLOTS) total += node_count(node);
    return total;
}

bool dict_stats(const struct dict *d, int table, struct dict_stats *out) {
    const struct table *t = &d->t[table];
    if (t->n == 0) return false;
    /* What has moved out of the first table is given back, what has not moved into the second is not yet there. */
    size_t from = table == 0 && d->t[1].n ? d->next : 0, to = table == 0 ? t->n : buckets_moved(d);
    *out = (struct dict_stats){.buckets = t->n};
    out->holding[0] = t->n - (to - from);
    for (size_t i = from; i < to; i++) {
        size_t n = chain_count(bucket_at(t, i));
        out->items += n;
        if (n > out->fullest) out->fullest = n;
        out->holding[n < DICT_CHAIN_MAX ? n : DICT_CHAIN_MAX - 1]++;
    }
    return true;
}

static void *chain_item(const struct node *node, unsigned i) {
    unsigned slots = BUCKET_SLOTS, n;
    for (; i >= (n = node_count(node)); i -= n, slots = SPILL_SLOTS) node = node_next(node, slots);
    return slot_item(node->slot[i]);
}

/* Uniform by rejection: a random slot out of DRAW_SLOTS of a random bucket, until one holds an item. Chains
 * longer than that are all but impossible. A table that is nearly empty (presized, or about to shrink) would
 * need many draws: then the next item in hash order is taken. */
#define DRAW_SLOTS 16
#define DRAWS_MAX  128
void *dict_random(struct dict *d) {
    if (d->size == 0) return NULL;
    size_t live = buckets_live(d), k = 0;
    for (int draw = 0; draw < DRAWS_MAX; draw++) {
        uint64_t r = random_below(live * DRAW_SLOTS);
        k = r / DRAW_SLOTS;
        unsigned n = chain_count(bucket_live(d, k));
        if (n > DRAW_SLOTS) return chain_item(bucket_live(d, k), (unsigned)random_below(n));
        if (r % DRAW_SLOTS < n) return chain_item(bucket_live(d, k), r % DRAW_SLOTS);
    }
    while (!bucket_live(d, k)->meta) k = (k + 1) % live;
    return slot_item(bucket_live(d, k)->slot[0]);
}

/* Selection sampling: an item is taken with the chance (still wanted) / (still to come). */
struct selecting {
    size_t wanted, to_come;
    void (*fn)(void *ctx, void *item);
    void *ctx;
};

static void select_item(void *ctx, void *item) {
    struct selecting *s = ctx;
    if (random_below(s->to_come--) >= s->wanted) return;
    s->wanted--;
    s->fn(s->ctx, item);
}

/* n different ones by drawing again what was drawn before, noted in an open table of at least 2n slots. */
static void draw_distinct(struct dict *d, size_t n, void (*fn)(void *ctx, void *item), void *ctx) {
    size_t slots = 16;
    while (slots < 2 * n) slots *= 2;
    void **seen = mem_zalloc(slots * sizeof(*seen));
    while (n > 0) {
        void *item = dict_random(d);
        size_t i = (size_t)(((uintptr_t)item * 0x9e3779b97f4a7c15ull) >> 32) & (slots - 1);
        while (seen[i] && seen[i] != item) i = (i + 1) & (slots - 1);
        if (seen[i]) continue;
        seen[i] = item;
        n--;
        fn(ctx, item);
    }
    mem_free(seen, slots * sizeof(*seen));
}

/* Drawing costs little while few of many are wanted; else one walk over all is cheaper. */
#define WALK_RATIO 8
void dict_pick(struct dict *d, size_t n, void (*fn)(void *ctx, void *item), void *ctx) {
    if (n < d->size / WALK_RATIO) {
        draw_distinct(d, n, fn, ctx);
        return;
    }
    struct selecting s = {n < d->size ? n : d->size, d->size, fn, ctx};
    dict_each(d, select_item, &s);
}

static void free_bucket(struct dict *d, struct node *bucket) {
    unsigned slots = BUCKET_SLOTS;
    for (struct node *node = bucket, *next; node; node = next, slots = SPILL_SLOTS) {
        next = node_next(node, slots);
        unsigned n = node_count(node);
        if (d->type->free_item)
            for (unsigned i = 0; i < n; i++) d->type->free_item(slot_item(node->slot[i]));
        d->size -= n;
        if (node != bucket) {
            mem_free(node, SPILL_BYTES);
            d->spills--;
        }
    }
    bucket->meta = 0;
}

bool dict_free_some(struct dict *d, size_t n) {
    size_t goal = d->size > n ? d->size - n : 0;
    size_t visits_max = n * 4 + 64; /* empty buckets cost time too */
    while (d->size > goal && visits_max-- > 0) {
        dict_drain_start(d);
        if (d->next + 2 < d->t[0].n) node_prefetch_items(bucket_at(&d->t[0], d->next + 2), BUCKET_SLOTS);
        free_bucket(d, bucket_at(&d->t[0], d->next));
        dict_bucket_done(d);
    }
    return d->size > 0;
}

void dict_clear(struct dict *d) {
    while (dict_free_some(d, 1024)) continue;
    dict_drop_tables(d);
}

void dict_free(struct dict *d) {
    if (!d) return;
    dict_clear(d);
    mem_free(d, sizeof(*d));
}

/* The hash table: finding, inserting, taking, and moving to a larger or smaller table step by step.
 * Walks over all items (scan, random, each, freeing) are in dict_walk.c.
 *
 * Invariant: an item's home is one bucket, told by its position alone: in t[1] when below split, else in t[0].
 * See dict_internal.h for the form of a bucket. */
#include "base/dict_internal.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/hash.h"

/* Load: a table grows by a quarter when it holds 6.6 items a bucket, so it starts again at 5.3. Bucket and spill
 * bytes together then cost 12 to 14 bytes an item at any size. A spill node is small because two of three
 * overflowing buckets need room for no more than two items. */
#define SMALL_BUCKETS 8 /* up to here tables double, and are rehashed at one go */
static size_t items_max(size_t buckets) {
    return (buckets * 33 + 4) / 5;
}
static size_t buckets_for(size_t items) {
    return items / 16 * 3 + (items % 16 * 3 + 15) / 16; /* 5.33 items a bucket */
}
static size_t buckets_next(size_t buckets) {
    return buckets < SMALL_BUCKETS ? buckets * 2 : buckets + buckets / 4;
}

/* Old buckets are given back to the system in pieces of this size as they empty. */
#define DISCARD_BYTES ((size_t)64 * 1024)

/* An empty dict has a table of no buckets, of which this is the first: a lookup needs no test for it. */
static const uint64_t no_bucket[BUCKET_BYTES / 8] __attribute__((aligned(BUCKET_BYTES)));

static struct table table_new(size_t n) {
    return (struct table){mem_zalloc(n * BUCKET_BYTES), n};
}

static struct table table_none(void) {
    return (struct table){(char *)no_bucket, 0};
}

static void table_free(struct table *t) {
    if (t->n) mem_free(t->base, t->n * BUCKET_BYTES);
    *t = table_none();
}

struct dict *dict_new(const struct dict_type *type) {
    struct dict *d = mem_zalloc(sizeof(*d));
    d->type = type;
    d->t[0] = d->t[1] = table_none();
    d->blur[0] = 1;
    return d;
}

size_t dict_size(const struct dict *d) {
    return d->size;
}

size_t dict_table_bytes(const struct dict *d) {
    return sizeof(*d) + (d->t[0].n + d->t[1].n) * BUCKET_BYTES + d->spills * SPILL_BYTES;
}

size_t dict_spare_bytes(const struct dict *d) {
    return (d->t[0].n < d->t[1].n ? d->t[0].n : d->t[1].n) * BUCKET_BYTES;
}

bool dict_rehashing(const struct dict *d) {
    return d->t[1].n != 0;
}

uint64_t dict_hash(const struct dict *d, slice key) {
    if (d->type->hash) return d->type->hash(key.p, key.n);
    return d->type->nocase ? hash_bytes_nocase(key.p, key.n) : hash_bytes(key.p, key.n);
}

/* --- chains --- */

static void chain_add(struct dict *d, struct node *node, uint64_t slot, uint64_t tag) {
    unsigned slots = BUCKET_SLOTS;
    while (node->meta & CHAINED) {
        node = slot_item(node->slot[slots - 1]);
        slots = SPILL_SLOTS;
    }
    unsigned n = node_count(node);
    if (n < slots) {
        node->slot[n] = slot;
        node->meta |= tag << 8 * n;
        return;
    }
    /* The last item makes room for the link and moves along. */
    struct node *spill = mem_alloc(SPILL_BYTES);
    unsigned last_shift = 8 * (slots - 1);
    spill->slot[0] = node->slot[slots - 1];
    spill->slot[1] = slot;
    spill->meta = (node->meta >> last_shift & 0xff) | tag << 8;
    node->slot[slots - 1] = (uintptr_t)spill;
    node->meta = (node->meta & ~(0xffull << last_shift)) | CHAINED;
    d->spills++;
}

/* Removes slot i of node, in the chain that starts at bucket: the chain's last item fills the hole, and a spill
 * node left with a single item gives it back to the slot of its link. */
static void chain_remove(struct dict *d, struct node *bucket, struct node *node, unsigned i) {
    struct node *before = NULL, *last = bucket;
    unsigned before_slots = 0, slots = BUCKET_SLOTS;
    for (struct node *next; (next = node_next(last, slots)); slots = SPILL_SLOTS) {
        before = last;
        before_slots = slots;
        last = next;
    }
    unsigned n = node_count(last) - 1;
    uint64_t tag = last->meta >> 8 * n & 0xff;
    node->slot[i] = last->slot[n];
    node->meta = (node->meta & ~(0xffull << 8 * i)) | tag << 8 * i;
    last->meta &= ~(0xffull << 8 * n);
    if (before && n == 1) {
        before->slot[before_slots - 1] = last->slot[0];
        before->meta = (before->meta & TAGS) | (last->meta & 0xff) << 8 * (before_slots - 1);
        mem_free(last, SPILL_BYTES);
        d->spills--;
    }
}

/* --- rehash ---
 *
 * To move an item one has to know its new bucket, and reading its key to hash it again would be a cache miss an item.
 * So a slot carries a hint: with x = position * n / 2^63 an item's place among n buckets, floor(x) is its bucket,
 * and the next 16 bits of x are the hint. Bucket and hint together tell x to 2^-16, and x * n1 / n0 is
 * the place in the new table, to a little less. When that leaves no doubt about the bucket, the item moves by its
 * hint, and takes the new one with it; only near a bucket's edge the key is read.
 *
 * Precision is lost by each rehash: `blur` bounds how far, in units of the hint, the true x may lie above the hint.
 * When it would exceed BLUR_MAX (3 % of items in doubt), the rehash reads all keys and starts afresh. */
#define BLUR_MAX      2048
#define RATIO_BITS    60
#define RATIO_MAX_LOG 3

struct home {
    struct node *bucket;
    uint64_t hint; /* in its place in the slot */
};

static inline struct home home_in(const struct table *t, uint64_t h) {
    unsigned __int128 x = (unsigned __int128)position_of(h) * t->n;
    uint64_t hint = (uint64_t)(x >> (POSITION_BITS - HINT_BITS)) << ADDRESS_BITS;
    return (struct home){bucket_at(t, (size_t)(x >> POSITION_BITS)), SLOT_HINTS ? hint : 0};
}

static inline void item_add(struct dict *d, const struct table *t, void *item, uint64_t h) {
    assert_that(((uintptr_t)item & ~ADDRESS_MASK) == 0);
    struct home home = home_in(t, h);
    chain_add(d, home.bucket, (uintptr_t)item | home.hint, tag_of(h));
}

static uint64_t blur_after(const struct dict *d) {
    return (uint64_t)((unsigned __int128)d->blur[0] * d->ratio >> RATIO_BITS) + 3;
}

static void rehash_plan(struct dict *d) {
    d->ratio = 0;
    d->blur[1] = 1;
    if (!SLOT_HINTS || d->t[1].n >> RATIO_MAX_LOG >= d->t[0].n) return;
    d->ratio = (uint64_t)(((unsigned __int128)d->t[1].n << RATIO_BITS) / d->t[0].n);
    uint64_t blur = blur_after(d);
    if (blur <= BLUR_MAX)
        d->blur[1] = (uint16_t)blur;
    else
        d->ratio = 0;
}

/* By the hint alone; false when it leaves two buckets possible. */
static inline bool move_by_hint(struct dict *d, uint64_t slot, uint64_t tag) {
    uint64_t x = (uint64_t)d->next << HINT_BITS | slot >> ADDRESS_BITS;
    uint64_t low = (uint64_t)((unsigned __int128)x * d->ratio >> RATIO_BITS);
    size_t bucket = low >> HINT_BITS;
    if (!d->ratio || (low + d->blur[1] - 1) >> HINT_BITS != bucket) return false;
    chain_add(d, bucket_at(&d->t[1], bucket), (slot & ADDRESS_MASK) | low << ADDRESS_BITS, tag);
    return true;
}

static void rehash_end(struct dict *d) {
    table_free(&d->t[0]);
    d->t[0] = d->t[1];
    d->t[1] = table_none();
    d->blur[0] = d->blur[1];
    d->split = 0;
}

static void move_bucket(struct dict *d, struct node *bucket) {
    unsigned slots = BUCKET_SLOTS;
    for (struct node *node = bucket, *next; node; node = next, slots = SPILL_SLOTS) {
        next = node_next(node, slots);
        for (unsigned i = 0, n = node_count(node); i < n; i++) {
            if (move_by_hint(d, node->slot[i], node->meta >> 8 * i & 0xff)) continue;
            void *item = slot_item(node->slot[i]);
            item_add(d, &d->t[1], item, dict_hash(d, d->type->key(item)));
        }
        if (node != bucket) {
            mem_free(node, SPILL_BYTES);
            d->spills--;
        }
    }
    bucket->meta = 0;
}

/* So that the next step finds what it needs in cache. */
static void prefetch_next(const struct dict *d) {
    const struct node *bucket = bucket_at(&d->t[0], d->next);
    if (!d->ratio)
        node_prefetch_items(bucket, BUCKET_SLOTS);
    else if (bucket->meta & CHAINED)
        __builtin_prefetch(slot_item(bucket->slot[BUCKET_SLOTS - 1]));
    if (d->next + 1 < d->t[0].n) __builtin_prefetch((const char *)bucket + BUCKET_BYTES);
}

/* Moves up to n buckets that hold items, passing a bounded number of empty ones; false when nothing is left. */
static bool rehash_step(struct dict *d, unsigned n) {
    for (unsigned visits = 0; n > 0 && visits < 32; visits++) {
        struct node *bucket = bucket_at(&d->t[0], d->next);
        if (bucket->meta) {
            move_bucket(d, bucket);
            n--;
        }
        if (dict_bucket_done(d)) return false;
        prefetch_next(d);
    }
    return true;
}

bool dict_bucket_done(struct dict *d) {
    d->next++;
    if (d->next == d->t[0].n) {
        d->next = 0;
        if (!dict_rehashing(d)) return false; /* a small table is drained in rounds */
        rehash_end(d);
        return true;
    }
    if (d->t[1].n) d->split = bucket_start(d->t[0].n, d->next);
    size_t done = d->next * BUCKET_BYTES;
    if (done % DISCARD_BYTES == 0) mem_discard(d->t[0].base, done - DISCARD_BYTES, done);
    return false;
}

void dict_drop_tables(struct dict *d) {
    table_free(&d->t[0]);
    table_free(&d->t[1]);
    d->blur[0] = 1;
    d->next = 0;
    d->split = 0;
}

static void rehash_start(struct dict *d, size_t buckets) {
    d->t[1] = table_new(buckets);
    rehash_plan(d);
    d->next = 0;
    d->split = 0;
    if (d->t[0].n <= SMALL_BUCKETS)
        while (rehash_step(d, SMALL_BUCKETS)) continue;
}

/* A drain is a rehash to almost nothing that frees items instead of moving them: what is inserted meanwhile finds its
 * place, and the old table's pages are given back on the way. */
void dict_drain_start(struct dict *d) {
    if (d->t[0].n > SMALL_BUCKETS && !dict_rehashing(d)) rehash_start(d, 1);
}

/* Part of every insert and take. A shrinking table has many buckets to pass for few items. */
static void rehash_some(struct dict *d) {
    if (unlikely(dict_rehashing(d))) rehash_step(d, d->t[1].n < d->t[0].n ? 4 : 1);
}

bool dict_rehash_us(struct dict *d, uint64_t budget_us) {
    if (!dict_rehashing(d)) return false;
    uint64_t end_us = clock_mono_us() + budget_us;
    while (rehash_step(d, 16))
        if (clock_mono_us() >= end_us) return true;
    return false;
}

void dict_reserve(struct dict *d, size_t n) {
    size_t buckets = buckets_for(n);
    if (items_max(d->t[0].n) >= n || items_max(d->t[1].n) >= n) return;
    while (dict_rehashing(d)) rehash_step(d, 16);
    if (d->size == 0) {
        table_free(&d->t[0]);
        d->t[0] = table_new(buckets);
        d->blur[0] = 1;
        d->next = 0;
    } else {
        rehash_start(d, buckets);
    }
}

/* --- finding --- */

/* Bytes of meta equal to tag, as a 0x80 in each; exact, without the false hits of the shorter formula, because
 * a hit on a free slot would follow a null pointer. */
static inline uint64_t match_tag(uint64_t meta, uint8_t tag) {
    const uint64_t ones = 0x0101010101010101;
    uint64_t x = (meta ^ tag * ones) | 0xffull << 56;
    return ~(((x & ones * 0x7f) + ones * 0x7f) | x | ones * 0x7f);
}

static bool equal_nocase(slice a, slice b) {
    if (a.n != b.n) return false;
    for (size_t i = 0; i < a.n; i++) {
        unsigned char x = (unsigned char)a.p[i], y = (unsigned char)b.p[i];
        if (x != y && (x >= 'A' && x <= 'Z' ? x + 32 : x) != (y >= 'A' && y <= 'Z' ? y + 32 : y))
            return false;
    }
    return true;
}

static inline bool item_is(const struct dict *d, const void *item, slice key) {
    slice k = d->type->key(item);
    return unlikely(d->type->nocase) ? equal_nocase(k, key) : slice_eq(k, key);
}

struct place {
    struct node *node;
    unsigned i;
};

static inline bool find_place(const struct dict *d, struct node *bucket, slice key, uint64_t h,
                              struct place *at) {
    unsigned slots = BUCKET_SLOTS;
    for (struct node *node = bucket; node; node = node_next(node, slots), slots = SPILL_SLOTS) {
        for (uint64_t m = match_tag(node->meta, tag_of(h)); m; m &= m - 1) {
            unsigned i = (unsigned)__builtin_ctzll(m) / 8;
            if (likely(item_is(d, slot_item(node->slot[i]), key))) {
                *at = (struct place){node, i};
                return true;
            }
        }
    }
    return false;
}

void *dict_find_hashed(struct dict *d, slice key, uint64_t h) {
    struct place at;
    return find_place(d, bucket_of(d, h), key, h, &at) ? slot_item(at.node->slot[at.i]) : NULL;
}

void *dict_find(struct dict *d, slice key) {
    return dict_find_hashed(d, key, dict_hash(d, key));
}

bool dict_holds(const struct dict *d, const void *item, uint64_t h) {
    unsigned slots = BUCKET_SLOTS;
    for (struct node *node = bucket_of(d, h); node; node = node_next(node, slots), slots = SPILL_SLOTS)
        for (unsigned i = 0, n = node_count(node); i < n; i++)
            if (slot_item(node->slot[i]) == item) return true;
    return false;
}

void dict_insert_hashed(struct dict *d, void *item, uint64_t h) {
    rehash_some(d);
    if (unlikely(d->size >= items_max(d->t[0].n)) && !dict_rehashing(d)) {
        if (d->t[0].n == 0)
            d->t[0] = table_new(1);
        else
            rehash_start(d, buckets_next(d->t[0].n));
    }
    item_add(d, &d->t[position_of(h) < d->split], item, h);
    d->size++;
}

void dict_insert(struct dict *d, void *item) {
    dict_insert_hashed(d, item, dict_hash(d, d->type->key(item)));
}

/* Below one item in eight slots most of the table is air: move to one of the usual load. */
static void shrink_if_sparse(struct dict *d) {
    if (d->size * 8 >= d->t[0].n * BUCKET_SLOTS || d->t[0].n <= SMALL_BUCKETS || dict_rehashing(d)) return;
    rehash_start(d, buckets_for(d->size) + 1);
}

void *dict_take_hashed(struct dict *d, slice key, uint64_t h) {
    rehash_some(d);
    struct node *bucket = bucket_of(d, h);
    struct place at;
    if (!find_place(d, bucket, key, h, &at)) return NULL;
    void *item = slot_item(at.node->slot[at.i]);
    chain_remove(d, bucket, at.node, at.i);
    d->size--;
    shrink_if_sparse(d);
    return item;
}

void *dict_take(struct dict *d, slice key) {
    return dict_take_hashed(d, key, dict_hash(d, key));
}

void dict_replace(struct dict *d, const void *old, void *item, uint64_t h) {
    unsigned slots = BUCKET_SLOTS;
    for (struct node *node = bucket_of(d, h); node; node = node_next(node, slots), slots = SPILL_SLOTS) {
        for (uint64_t m = match_tag(node->meta, tag_of(h)); m; m &= m - 1) {
            unsigned i = (unsigned)__builtin_ctzll(m) / 8;
            if (slot_item(node->slot[i]) != old) continue;
            node->slot[i] = (node->slot[i] & ~ADDRESS_MASK) | (uintptr_t)item;
            return;
        }
    }
    assert_that(!"dict_replace: the old item is in the dict");
}

/* A function that only prefetches counts as one without effects, and link-time optimisation drops calls of those. */
static inline void has_effect(void) {
    __asm__ volatile("");
}

void dict_prefetch_bucket(const struct dict *d, uint64_t h) {
    has_effect();
    __builtin_prefetch(bucket_of(d, h));
}

void dict_prefetch_item(const struct dict *d, uint64_t h) {
    has_effect();
    const struct node *bucket = bucket_of(d, h);
    for (uint64_t m = match_tag(bucket->meta, tag_of(h)); m; m &= m - 1) {
        const char *item = slot_item(bucket->slot[__builtin_ctzll(m) / 8]);
        __builtin_prefetch(item);
        __builtin_prefetch(item + 32); /* a small item may straddle two lines */
    }
    if (bucket->meta & CHAINED) __builtin_prefetch(slot_item(bucket->slot[BUCKET_SLOTS - 1]));
}

void dict_prefetch_near(const struct dict *d, uint64_t h) {
    has_effect();
    node_prefetch_items(bucket_of(d, h), BUCKET_SLOTS);
}

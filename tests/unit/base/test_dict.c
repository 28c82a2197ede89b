/* The dict against a model: an array of items by number, of which some are in the dict. */
#include "base/alloc.h"
#include "base/dict.h"
#include "base/hash.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

struct item {
    uint32_t id;
    uint32_t seen;
    uint8_t key_len;
    char key[15];
};

static slice item_key(const void *p) {
    const struct item *it = p;
    return (slice){it->key, it->key_len};
}

static size_t freed_items;
static void item_free(void *p) {
    freed_items++;
    mem_free(p, sizeof(struct item));
}

static const struct dict_type plain = {.key = item_key};
static const struct dict_type owning = {.key = item_key, .free_item = item_free};
static const struct dict_type nocase = {.key = item_key, .nocase = true};

/* A hash that puts everything in a few places: long chains, equal tags. */
static uint64_t bad_hash(const void *p, size_t n) {
    return (hash_bytes(p, n) & 3) << 62;
}
static const struct dict_type colliding = {.key = item_key, .hash = bad_hash};

static void item_init(struct item *it, uint32_t id) {
    it->id = id;
    it->seen = 0;
    it->key_len = (uint8_t)snprintf(it->key, sizeof(it->key), "key:%u", id);
}

static uint64_t rng_state;
static uint64_t rng(void) {
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    return rng_state ^= rng_state << 17;
}

struct model {
    struct dict *d;
    struct item *items;
    bool *present;
    uint32_t n;
    size_t size;
};

static struct model model_new(const struct dict_type *type, uint32_t n) {
    struct model m = {dict_new(type), mem_alloc(n * sizeof(struct item)), mem_zalloc(n), n, 0};
    for (uint32_t i = 0; i < n; i++) item_init(&m.items[i], i);
    return m;
}

static void model_free(struct model *m) {
    dict_free(m->d);
    mem_free(m->items, m->n * sizeof(struct item));
    mem_free(m->present, m->n);
}

static void model_add(struct model *m, uint32_t i) {
    if (m->present[i]) return;
    dict_insert(m->d, &m->items[i]);
    m->present[i] = true;
    m->size++;
}

static void model_take(struct model *m, uint32_t i) {
    struct item *got = dict_take(m->d, item_key(&m->items[i]));
    cr_assert_eq(got, m->present[i] ? &m->items[i] : NULL, "take %u", i);
    if (got) m->size--;
    m->present[i] = false;
}

static void count_seen(void *ctx, void *p) {
    (void)ctx;
    ((struct item *)p)->seen++;
}

static void check_stats(const struct dict *d) {
    struct dict_stats t;
    size_t items = 0;
    for (int table = 0; table < 2 && dict_stats(d, table, &t); table++) {
        size_t buckets = 0, held = 0;
        for (size_t i = 0; i < DICT_CHAIN_MAX; i++) buckets += t.holding[i], held += i * t.holding[i];
        cr_assert_eq(buckets, t.buckets);
        if (t.fullest < DICT_CHAIN_MAX) cr_assert_eq(held, t.items);
        items += t.items;
    }
    cr_assert_eq(items, dict_size(d));
}

static void model_check(struct model *m) {
    cr_assert_eq(dict_size(m->d), m->size);
    check_stats(m->d);
    for (uint32_t i = 0; i < m->n; i++) {
        struct item *got = dict_find(m->d, item_key(&m->items[i]));
        cr_assert_eq(got, m->present[i] ? &m->items[i] : NULL, "find %u", i);
        m->items[i].seen = 0;
    }
    dict_each(m->d, count_seen, NULL);
    for (uint32_t i = 0; i < m->n; i++) cr_assert_eq(m->items[i].seen, m->present[i] ? 1 : 0, "each %u", i);
}

/* Random operations; the share of inserts swings between 90 % and 10 %, so the table grows and shrinks. */
static void churn(struct model *m, int ops) {
    for (int op = 0; op < ops; op++) {
        bool growing = op / (int)(m->n * 2) % 2 == 0;
        uint32_t i = (uint32_t)(rng() % m->n);
        if (rng() % 10 < (growing ? 9u : 1u))
            model_add(m, i);
        else
            model_take(m, i);
        if (op % 977 == 0) dict_rehash_us(m->d, 0);
        if (op % (int)(m->n / 2 + 1) == 0) model_check(m);
    }
    model_check(m);
}

Test(dict, follows_the_model_at_every_size) {
    static const uint32_t sizes[] = {1, 3, 7, 8, 20, 50, 200, 1000, 6000};
    for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
        rng_state = 88172645463325252u + k;
        struct model m = model_new(&plain, sizes[k]);
        churn(&m, (int)sizes[k] * 8 + 100);
        model_free(&m);
    }
}

Test(dict, follows_the_model_when_hashes_collide) {
    rng_state = 4711;
    struct model m = model_new(&colliding, 150);
    churn(&m, 4000);
    model_free(&m);
}

Test(dict, shrinks_when_it_empties) {
    struct model m = model_new(&plain, 50000);
    for (uint32_t i = 0; i < m.n; i++) model_add(&m, i);
    while (dict_rehash_us(m.d, 1000)) continue;
    size_t full = dict_table_bytes(m.d);
    cr_assert_lt(full, m.n * 15);
    for (uint32_t i = 100; i < m.n; i++) model_take(&m, i);
    while (dict_rehash_us(m.d, 1000)) continue;
    cr_assert_lt(dict_table_bytes(m.d), full / 20);
    model_check(&m);
    model_free(&m);
}

Test(dict, table_costs_12_to_15_bytes_an_item_at_any_size) {
    struct model m = model_new(&plain, 200000);
    for (uint32_t i = 0; i < m.n; i++) {
        model_add(&m, i);
        if (i < 2000 || dict_rehashing(m.d)) continue;
        double per_item = (double)dict_table_bytes(m.d) / (i + 1);
        cr_assert(per_item > 10 && per_item < 15, "%.2f bytes an item at %u", per_item, i + 1);
    }
    model_free(&m);
}

enum { SLOTS = 7 }; /* of a bucket */

/* Of both tables. */
static size_t buckets(const struct dict *d) {
    struct dict_stats s[2] = {0};
    for (int table = 0; table < 2; table++) dict_stats(d, table, &s[table]);
    return s[0].buckets + s[1].buckets;
}

/* Rehash moves items by what their slots remember of the hash, which gets blurred from one table to the next: after many
 * tables, up and down, every item must still be where its full hash says. */
Test(dict, items_stay_findable_through_many_tables) {
    struct model m = model_new(&plain, 20000);
    rng_state = 99;
    for (uint32_t i = 0; i < m.n; i++) model_add(&m, i);
    for (int table = 0; table < 120; table++) {
        size_t before = buckets(m.d);
        dict_reserve(m.d, before * SLOTS); /* a bit more than it holds now: the next table */
        while (dict_rehash_us(m.d, 1000)) continue;
        cr_assert_gt(buckets(m.d), before);
        if (table % 10 == 0) model_check(&m);
        if (buckets(m.d) * SLOTS < 60 * m.n) continue;
        for (uint32_t i = 1000; i < m.n; i++) model_take(&m, i); /* shrinks */
        while (dict_rehash_us(m.d, 1000)) continue;
        cr_assert_lt(buckets(m.d), before);
        for (uint32_t i = 1000; i < m.n; i++) model_add(&m, i);
        while (dict_rehash_us(m.d, 1000)) continue;
    }
    model_check(&m);
    model_free(&m);
}

Test(dict, an_empty_dict_costs_one_small_block) {
    size_t before = mem_used_bytes();
    struct dict *d = dict_new(&plain);
    cr_assert_leq(mem_used_bytes() - before, 80);
    cr_assert_null(dict_find(d, SLICE("nothing")));
    cr_assert_null(dict_take(d, SLICE("nothing")));
    cr_assert_null(dict_random(d));
    cr_assert_eq(dict_scan(d, 0, count_seen, NULL), 0);
    dict_prefetch_bucket(d, 5);
    dict_prefetch_item(d, 5);
    dict_clear(d);
    dict_free(d);
    cr_assert_eq(mem_used_bytes(), before);
}

Test(dict, reserve_makes_room_without_rehash) {
    struct model m = model_new(&plain, 10000);
    dict_reserve(m.d, m.n);
    size_t reserved = buckets(m.d);
    for (uint32_t i = 0; i < m.n; i++) {
        model_add(&m, i);
        cr_assert(!dict_rehashing(m.d));
    }
    cr_assert_eq(buckets(m.d), reserved);
    dict_reserve(m.d, 20000); /* with items inside */
    model_check(&m);
    while (dict_rehash_us(m.d, 1000)) continue;
    model_check(&m);
    model_free(&m);
}

Test(dict, replace_puts_the_new_pointer_in_place) {
    struct model m = model_new(&plain, 500);
    for (uint32_t i = 0; i < m.n; i++) model_add(&m, i);
    for (uint32_t i = 0; i < m.n; i += 3) {
        struct item twin = m.items[i];
        slice key = item_key(&m.items[i]);
        uint64_t h = dict_hash(m.d, key);
        dict_replace(m.d, &m.items[i], &twin, h);
        cr_assert_eq(dict_find_hashed(m.d, key, h), &twin);
        dict_replace(m.d, &twin, &m.items[i], h);
    }
    model_check(&m);
    model_free(&m);
}

Test(dict, nocase_keys) {
    struct item it = {.key_len = 8, .key = "ExPiReAt"};
    struct dict *d = dict_new(&nocase);
    dict_insert(d, &it);
    cr_assert_eq(dict_find(d, SLICE("expireat")), &it);
    cr_assert_eq(dict_find(d, SLICE("EXPIREAT")), &it);
    cr_assert_null(dict_find(d, SLICE("expirea")));
    cr_assert_eq(dict_take(d, SLICE("Expireat")), &it);
    dict_free(d);
}

Test(dict, binary_keys_are_told_apart_by_length_and_content) {
    struct item a = {.key_len = 0}, b = {.key_len = 1}, c = {.key_len = 2}, e = {.key_len = 2, .key = {0, 1}};
    struct dict *d = dict_new(&plain);
    dict_insert(d, &a);
    dict_insert(d, &b);
    dict_insert(d, &c);
    dict_insert(d, &e);
    cr_assert_eq(dict_find(d, (slice){"", 0}), &a);
    cr_assert_eq(dict_find(d, (slice){"\0", 1}), &b);
    cr_assert_eq(dict_find(d, (slice){"\0\0", 2}), &c);
    cr_assert_eq(dict_find(d, (slice){"\0\1", 2}), &e);
    dict_free(d);
}

/* --- scan --- */

static uint64_t scan_all(struct dict *d) {
    uint64_t calls = 0, cursor = 0;
    do {
        cursor = dict_scan(d, cursor, count_seen, NULL);
        cr_assert_leq(cursor, (uint64_t)INT64_MAX);
        calls++;
    } while (cursor);
    return calls;
}

Test(dict, scan_of_a_dict_at_rest_reports_each_item_once) {
    for (uint32_t n = 1; n < 3000; n = n * 3 / 2 + 1) {
        struct model m = model_new(&plain, n);
        for (uint32_t i = 0; i < n; i++) model_add(&m, i);
        while (dict_rehash_us(m.d, 1000)) continue;
        cr_assert_leq(scan_all(m.d), buckets(m.d));
        for (uint32_t i = 0; i < n; i++) cr_assert_eq(m.items[i].seen, 1, "%u of %u", i, n);
        model_free(&m);
    }
}

/* The first third of the items stays; the rest comes and goes between the steps, so fast that tables grow and
 * shrink under the cursor several times. */
static void scan_under_change(uint64_t seed, const struct dict_type *type) {
    rng_state = seed * 0x9e3779b97f4a7c15 + 1;
    struct model m = model_new(type, 300 + (uint32_t)(rng() % 20000));
    uint32_t stay = m.n / 30;
    for (uint32_t i = 0; i < stay; i++) model_add(&m, i);
    if (rng() % 2)
        for (uint32_t i = stay; i < m.n; i++) model_add(&m, i);
    uint64_t cursor = 0;
    bool adding = rng() % 2;
    do {
        cursor = dict_scan(m.d, cursor, count_seen, NULL);
        for (uint64_t k = rng() % 64; k > 0; k--) {
            uint32_t i = stay + (uint32_t)(rng() % (m.n - stay));
            if (adding)
                model_add(&m, i);
            else
                model_take(&m, i);
        }
        if (rng() % 128 == 0) adding = !adding;
        if (rng() % 16 == 0) dict_rehash_us(m.d, 0);
    } while (cursor);
    for (uint32_t i = 0; i < stay; i++) cr_assert_geq(m.items[i].seen, 1, "seed %lu: %u missed", seed, i);
    model_free(&m);
}

Test(dict, scan_under_change_reports_all_that_stay) {
    for (uint64_t seed = 1; seed <= 60; seed++) scan_under_change(seed, &plain);
}

Test(dict, scan_refuses_cursors_that_it_never_gave) {
    struct model m = model_new(&plain, 100);
    for (uint32_t i = 0; i < m.n; i++) model_add(&m, i);
    cr_assert_eq(dict_scan(m.d, UINT64_MAX, count_seen, NULL), 0);
    cr_assert_eq(dict_scan(m.d, 1ull << 63, count_seen, NULL), 0);
    cr_assert_eq(dict_scan(m.d, (1ull << 63) - 1, count_seen, NULL), 0); /* the last position */
    model_free(&m);
}

/* --- random --- */

Test(dict, random_is_uniform) {
    struct model m = model_new(&plain, 2000);
    for (uint32_t i = 0; i < m.n; i++) model_add(&m, i);
    for (int k = 0; k < 200000; k++) ((struct item *)dict_random(m.d))->seen++;
    for (uint32_t i = 0; i < m.n; i++) /* mean 100, standard deviation 10 */
        cr_assert(m.items[i].seen > 30 && m.items[i].seen < 190, "%u drawn %u times", i, m.items[i].seen);
    model_free(&m);
}

Test(dict, random_finds_the_only_item_of_a_large_table) {
    struct model m = model_new(&plain, 10);
    dict_reserve(m.d, 100000);
    model_add(&m, 3);
    for (int k = 0; k < 10; k++) cr_assert_eq(dict_random(m.d), &m.items[3]);
    model_free(&m);
}

static void see_near(void *ctx, void *item) {
    cr_assert_eq(((struct item *)item)->key_len > 0, true);
    ++*(uint32_t *)ctx;
    ((struct item *)item)->seen++;
}

/* Eviction's samples: a look at an item's own hash shows it, in whichever table it is just now. */
Test(dict, near_and_holds_find_where_an_item_lives) {
    static const struct dict_type *types[] = {&plain, &colliding};
    for (size_t t = 0; t < 2; t++) {
        const uint32_t n = t ? 60 : 6000;
        struct model m = model_new(types[t], n);
        bool moved = false;
        for (uint32_t i = 0; i < n; i++) {
            model_add(&m, i);
            moved |= dict_spare_bytes(m.d) > 0;
            cr_assert_eq(dict_spare_bytes(m.d) > 0, dict_rehashing(m.d));
            uint32_t k = (uint32_t)(rng_state % (i + 1)), found = 0;
            uint64_t h = dict_hash(m.d, item_key(&m.items[k]));
            m.items[k].seen = 0;
            dict_prefetch_near(m.d, h);
            dict_near(m.d, h, see_near, &found);
            cr_assert_eq(m.items[k].seen, 1);
            cr_assert(dict_holds(m.d, &m.items[k], h));
            cr_assert_not(dict_holds(m.d, &m.items[n - 1] + 1, h));
            rng();
        }
        cr_assert(moved || t);
        uint64_t h = dict_hash(m.d, item_key(&m.items[5]));
        dict_take(m.d, item_key(&m.items[5]));
        cr_assert_not(dict_holds(m.d, &m.items[5], h));
        m.present[5] = false;
        m.size--;
        model_free(&m);
    }
    uint32_t found = 0;
    struct dict *empty = dict_new(&plain);
    dict_near(empty, 77, see_near, &found);
    cr_assert_eq(found, 0);
    dict_free(empty);
}

/* --- freeing --- */

static struct dict *owned_items(uint32_t n, size_t *used_before) {
    *used_before = mem_used_bytes();
    freed_items = 0;
    struct dict *d = dict_new(&owning);
    for (uint32_t i = 0; i < n; i++) {
        struct item *it = mem_alloc(sizeof(*it));
        item_init(it, i);
        dict_insert(d, it);
    }
    return d;
}

Test(dict, clear_and_free_give_everything_back) {
    for (uint32_t n = 0; n < 5000; n = n * 2 + 1) {
        size_t before;
        struct dict *d = owned_items(n, &before);
        dict_clear(d);
        cr_assert_eq(freed_items, n);
        cr_assert_eq(dict_size(d), 0);
        struct item *it = mem_alloc(sizeof(*it));
        item_init(it, 1);
        dict_insert(d, it); /* still of use */
        cr_assert_eq(dict_find(d, item_key(it)), it);
        dict_free(d);
        cr_assert_eq(freed_items, n + 1);
        cr_assert_eq(mem_used_bytes(), before);
    }
}

Test(dict, free_some_works_in_slices_and_leaves_a_valid_dict) {
    size_t before;
    struct dict *d = owned_items(10000, &before);
    size_t left = dict_size(d), added = 10000;
    for (uint32_t round = 0; dict_free_some(d, 50); round++) {
        cr_assert_lt(left - dict_size(d), 100);
        left = dict_size(d);
        cr_assert_eq(freed_items + left, added);
        cr_assert_lt(round, 1000);
        if (round >= 100) continue;
        struct item *it = mem_alloc(sizeof(*it)); /* a late comer, before or behind the front */
        item_init(it, 1000000 + round);
        dict_insert(d, it);
        cr_assert_eq(dict_find(d, item_key(it)), it);
        left++;
        added++;
    }
    cr_assert_eq(dict_size(d), 0);
    dict_free(d);
    cr_assert_eq(mem_used_bytes(), before);
}

/* Databases as wholes: making, sizes, walking, flushing, swapping, a second set for loads, and the periodic rehash.
 *
 * Invariant: a database keeps its struct and id for the life of the process; flush and swap exchange what it holds. */
#include "keyspace/db_internal.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "keyspace/lazy.h"

/* Below this a lazy flush costs more to queue than to do. */
#define LAZY_FLUSH_MIN 64
#define RANDOM_TRIES   100

struct ks_hooks ks_hooks;
static struct db *dbs;
static int db_count;

static slice item_key(const void *item) {
    return entry_key_at(item);
}

/* For dict_free and dict_free_some alone: the expiry index of such a database goes as a whole. */
static void item_free(void *item) {
    entry_release(item, lazy_freeing_db());
    entry_free_block(item);
}

static const struct dict_type entries_type = {.key = item_key, .free_item = item_free};

void ks_set_hooks(const struct ks_hooks *hooks) {
    ks_hooks = *hooks;
}

static struct db *new_dbs(void) {
    struct db *set = mem_zalloc((size_t)db_count * sizeof *set);
    for (int i = 0; i < db_count; i++) {
        set[i].id = i;
        set[i].entries = dict_new(&entries_type);
    }
    return set;
}

static void free_dbs(struct db *set) {
    for (int i = 0; i < db_count; i++) {
        dict_free(set[i].entries);
        if (set[i].expiry) expiry_free(set[i].expiry);
    }
    mem_free(set, (size_t)db_count * sizeof *set);
}

void ks_init(int databases) {
    assert_that(!dbs && databases > 0);
    db_count = databases;
    dbs = new_dbs();
}

void ks_shutdown(void) {
    lazy_finish();
    local_ttl_forget_all();
    free_dbs(dbs);
    dbs = NULL;
    db_count = 0;
}

int ks_count(void) {
    return db_count;
}

struct db *ks_db(int id) {
    return id >= 0 && id < db_count ? &dbs[id] : NULL;
}

int db_id(const struct db *db) {
    return db->id;
}

/* --- sizes --- */

size_t db_size(const struct db *db) {
    return dict_size(db->entries);
}

size_t db_table_bytes(const struct db *db) {
    return dict_table_bytes(db->entries);
}

const struct dict *db_table(const struct db *db) {
    return db->entries;
}

size_t db_expiry_bytes(const struct db *db) {
    return db->expiry ? expiry_bytes(db->expiry) : 0;
}

void db_reserve(struct db *db, size_t keys) {
    dict_reserve(db->entries, keys);
}

bool ks_rehash_us(uint64_t budget_us) {
    uint64_t deadline_us = clock_mono_us() + budget_us;
    for (int i = 0; i < db_count; i++) {
        if (!dict_rehashing(dbs[i].entries)) continue;
        uint64_t now_us = clock_mono_us();
        if (now_us >= deadline_us || dict_rehash_us(dbs[i].entries, deadline_us - now_us)) return true;
    }
    return false;
}

/* --- flushing and swapping --- */

static void empty(struct db *db, bool lazily) {
    if (dict_size(db->entries) == 0) return;
    struct dict *entries = db->entries;
    struct expiry *expiry = db->expiry;
    db->entries = dict_new(&entries_type);
    db->expiry = NULL;
    db->expire_sum_ms = 0;
    if (lazily && dict_size(entries) > LAZY_FLUSH_MIN) {
        lazy_add_db(entries, expiry);
        return;
    }
    dict_free(entries);
    if (expiry) expiry_free(expiry);
}

void db_flush(struct db *db, bool lazily) {
    if (ks_hooks.flushed) ks_hooks.flushed(db->id);
    empty(db, lazily);
    if (!lazily) mem_trim();
}

static uint64_t keys_of(const struct db *set) {
    uint64_t n = 0;
    for (int i = 0; i < db_count; i++) n += db_size(&set[i]);
    return n;
}

uint64_t ks_keys(void) {
    return keys_of(dbs);
}

void ks_flush_all(bool lazily) {
    if (ks_hooks.flushed) ks_hooks.flushed(-1);
    for (int i = 0; i < db_count; i++) empty(&dbs[i], lazily);
    local_ttl_forget_all();
    if (!lazily) mem_trim();
}

void ks_swap(int a, int b) {
    assert_that(ks_db(a) && ks_db(b));
    if (a == b) return;
    if (ks_hooks.swapped) ks_hooks.swapped(a, b);
    struct db held = dbs[a];
    dbs[a] = dbs[b];
    dbs[b] = held;
    dbs[a].id = a;
    dbs[b].id = b;
}

/* --- a second set --- */

static struct db *beside; /* NULL: there is none */

void ks_beside_begin(void) {
    assert_that(!beside);
    beside = new_dbs();
}

struct db *ks_beside_db(int id) {
    assert_that(beside);
    return id >= 0 && id < db_count ? &beside[id] : NULL;
}

uint64_t ks_beside_keys(void) {
    assert_that(beside);
    return keys_of(beside);
}

void ks_beside_drop(void) {
    for (int i = 0; i < db_count; i++) empty(&beside[i], true);
    free_dbs(beside);
    beside = NULL;
}

void ks_beside_swap(void) {
    if (ks_hooks.flushed) ks_hooks.flushed(-1);
    for (int i = 0; i < db_count; i++) {
        struct db held = dbs[i];
        dbs[i] = beside[i];
        beside[i] = held;
    }
    local_ttl_forget_all();
    ks_beside_drop();
}

/* --- walking --- */

struct walk {
    void (*fn)(void *ctx, struct entry *e);
    void *ctx;
};

static void walk_all(void *walk, void *item) {
    const struct walk *w = walk;
    w->fn(w->ctx, item);
}

static void walk_live(void *walk, void *item) {
    if (!is_expired(item)) walk_all(walk, item);
}

void db_each(struct db *db, void (*fn)(void *ctx, struct entry *e), void *ctx) {
    struct walk w = {fn, ctx};
    dict_each(db->entries, walk_all, &w);
}

uint64_t db_scan(struct db *db, uint64_t cursor, void (*fn)(void *ctx, struct entry *e), void *ctx) {
    struct walk w = {fn, ctx};
    return dict_scan(db->entries, cursor, walk_live, &w);
}

/* Expired entries on the way are deleted where that is ours to do, so the loop ends. Where they only hide, a database
 * that holds little else may give one of them after all, as Redis does, rather than search it all. */
struct entry *db_random(struct db *db) {
    struct entry *e = NULL;
    for (int tries = 0; tries < RANDOM_TRIES || !ttl_hides(); tries++) {
        e = dict_random(db->entries);
        if (!e || !is_expired(e)) return e;
        ttl_expire_on_access(db, e, db_hash(entry_key_at(e)));
    }
    return e;
}

/* The pool of candidates, and where they come from.
 *
 * A candidate is remembered by address and hash, without a copy of its key. Its entry may have gone, moved or been used since,
 * so before it is evicted the table is asked whether that very entry is (still) there, and its score is taken anew: who
 * was used meanwhile is let go. An address that was given to another key of the same bucket does no harm: that one has a score too.
 *
 * Samples of all keys are whole buckets at random places: one cache line tells of half a dozen entries, whose own lines are then
 * fetched at once. The place after the next is drawn early, so that its bucket, and the next one's entries, are on their
 * way while an eviction does its work. Samples of keys with a TTL are drawn one by one from the expiry index, because keys that lie
 * together there were often made together.
 *
 * Invariant: pool.v is ordered by score, the best to go last; all scores are by the present policy. */
#include "keyspace/evict.h"

#include "base/assert.h"
#include "base/latency.h"
#include "base/random.h"
#include "keyspace/db_internal.h"
#include "keyspace/lru.h"

enum {
    POOL_MAX = 24,
    SAMPLES_MAX = 64,   /* maxmemory-samples beyond that adds nothing */
    BUCKETS_EXTRA = 16, /* looked at beyond `samples` of them, when many are empty */
    TTL_LOOKS = 32,     /* entries that expire soonest, by slot */
    SPOTS = 4,
    SOLE_DRAWS = 64,
    ROUNDS_MAX = 16 /* samplings without an outcome: then any key will do */
};

struct evict_config evict_config = {.samples = 5};

struct candidate {
    struct entry *e;
    uint64_t hash, score;
    int db;
};

static struct {
    struct candidate v[POOL_MAX];
    int n;
} pool;

static struct spot { /* a random bucket */
    int db;
    uint64_t hash;
} ahead[SPOTS]; /* the buckets of all, and the entries of the first half, have been prefetched */

/* Most servers use one database: while that goes on holding something, the others are asked only now and then. */
static struct {
    struct db *db; /* NULL: several hold keys */
    int draws;
} sole;

static bool volatile_only(void) {
    int p = evict_config.policy;
    return p >= POLICY_VOLATILE_LRU && p <= POLICY_VOLATILE_TTL;
}

void evict_policy_changed(void) {
    int p = evict_config.policy;
    ks_config.lru = p == POLICY_VOLATILE_LRU || p == POLICY_ALLKEYS_LRU;
    ks_config.lfu = p == POLICY_VOLATILE_LFU || p == POLICY_ALLKEYS_LFU;
    pool.n = 0;
    sole.db = NULL;
}

size_t evict_spare_bytes(void) {
    size_t bytes = 0;
    for (int i = 0; i < ks_count(); i++) bytes += dict_spare_bytes(ks_db(i)->entries);
    return bytes;
}

/* --- the pool --- */

/* The higher, the sooner it goes. Of equally rare keys the one that was not used for longer. */
static uint64_t score_of(const struct entry *e) {
    if (evict_config.policy == POLICY_VOLATILE_TTL)
        return ~((uint64_t)entry_expire_at(e) ^ (uint64_t)1 << 63); /* the order of signed times, reversed */
    if (ks_config.lfu) return (uint64_t)(UINT8_MAX - entry_freq(e)) << 16 | lfu_idle_minutes(e);
    return entry_idle_ms(e);
}

static bool pooled(const struct entry *e) {
    for (int i = 0; i < pool.n; i++)
        if (pool.v[i].e == e) return true;
    return false;
}

static void offer(const struct db *db, struct entry *e) {
    uint64_t score = score_of(e);
    if (pool.n == POOL_MAX && score <= pool.v[0].score) return;
    if (pooled(e)) return;
    int at = pool.n;
    if (pool.n < POOL_MAX) {
        for (; at > 0 && pool.v[at - 1].score > score; at--) pool.v[at] = pool.v[at - 1];
        pool.n++;
    } else { /* the least of them makes room */
        for (at = 0; at + 1 < pool.n && pool.v[at + 1].score < score; at++) pool.v[at] = pool.v[at + 1];
    }
    pool.v[at] = (struct candidate){e, db_hash(entry_key_at(e)), score, db->id};
}

/* Takes the best candidate that still is one. */
static struct entry *take_best(struct db **db, uint64_t *hash) {
    while (pool.n > 0) {
        const struct candidate *c = &pool.v[--pool.n];
        struct db *home = ks_db(c->db);
        if (!home || !dict_holds(home->entries, c->e, c->hash)) continue;
        if (volatile_only() && !entry_has_expire(c->e)) continue;
        if (score_of(c->e) < c->score) continue;
        *db = home;
        *hash = db_hash(entry_key_at(c->e)); /* c's own may be that of a key which had this address before */
        return c->e;
    }
    return NULL;
}

/* --- samples --- */

static size_t held_by(const struct db *db) {
    return volatile_only() ? db_expires(db) : db_size(db);
}

/* A database, by chance in proportion to what it holds of what may go; NULL when there is nothing. */
static struct db *draw_db(void) {
    if (sole.db && --sole.draws > 0 && held_by(sole.db)) return sole.db;
    size_t total = 0;
    struct db *last = NULL;
    for (int i = 0; i < ks_count(); i++) {
        size_t held = held_by(ks_db(i));
        total += held;
        if (held) last = ks_db(i);
    }
    sole.db = NULL;
    if (total == 0) return NULL;
    if (held_by(last) == total) {
        sole.db = last;
        sole.draws = SOLE_DRAWS;
        return last;
    }
    uint64_t r = random_below(total);
    for (int i = 0; i < ks_count(); i++) {
        size_t held = held_by(ks_db(i));
        if (r < held) return ks_db(i);
        r -= held;
    }
    return NULL;
}

static int samples_wanted(void) {
    return evict_config.samples < SAMPLES_MAX ? evict_config.samples : SAMPLES_MAX;
}

struct look {
    const struct db *db;
    int seen;
};

static void look_at(void *ctx, void *item) {
    struct look *l = ctx;
    l->seen++;
    offer(l->db, item);
}

/* The next random bucket, whose entries are on their way to the cache. */
static struct spot next_spot(struct db *drawn) {
    struct spot next = ahead[0];
    for (int i = 0; i + 1 < SPOTS; i++) ahead[i] = ahead[i + 1];
    ahead[SPOTS - 1] = (struct spot){drawn->id, random_u64()};
    dict_prefetch_bucket(drawn->entries, ahead[SPOTS - 1].hash);
    struct db *soon = ks_db(ahead[SPOTS / 2].db);
    if (soon) dict_prefetch_near(soon->entries, ahead[SPOTS / 2].hash);
    return next;
}

/* A bucket may give more samples than are wanted: they count for the next eviction. */
static void sample_buckets(void) {
    static int due;
    struct db *drawn;
    due += samples_wanted();
    for (int buckets = due + BUCKETS_EXTRA; due > 0 && buckets > 0 && (drawn = draw_db()); buckets--) {
        struct spot spot = next_spot(drawn);
        struct look l = {ks_db(spot.db), 0};
        if (!l.db) continue;
        dict_near(ks_db(spot.db)->entries, spot.hash, look_at, &l);
        due -= l.seen;
    }
    if (due > 0) due = 0;
}

static void sample_volatile(void) {
    struct entry *found[SAMPLES_MAX];
    const struct db *db = draw_db();
    size_t n = db ? expiry_sample(db->expiry, found, (size_t)samples_wanted()) : 0;
    for (size_t i = 0; i < n; i++) offer(db, found[i]);
}

/* Time knows no chance: all databases are asked. */
static void sample_soonest(void) {
    struct entry *found[TTL_LOOKS];
    for (int i = 0; i < ks_count(); i++) {
        const struct db *db = ks_db(i);
        size_t n = db->expiry ? expiry_earliest(db->expiry, found, TTL_LOOKS) : 0;
        for (size_t k = 0; k < n; k++) offer(db, found[k]);
    }
}

static struct entry *random_key(struct db **db, uint64_t *hash) {
    struct entry *e = NULL;
    *db = draw_db();
    if (!*db) return NULL;
    if (volatile_only())
        expiry_sample((*db)->expiry, &e, 1);
    else
        e = dict_random((*db)->entries);
    *hash = db_hash(entry_key_at(e));
    return e;
}

static struct entry *choose(struct db **db, uint64_t *hash) {
    int p = evict_config.policy;
    if (p == POLICY_ALLKEYS_RANDOM || p == POLICY_VOLATILE_RANDOM) return random_key(db, hash);
    for (int round = 0; round < ROUNDS_MAX; round++) {
        if (p == POLICY_VOLATILE_TTL)
            sample_soonest();
        else if (volatile_only())
            sample_volatile();
        else
            sample_buckets();
        struct entry *e = take_best(db, hash);
        if (e) return e;
    }
    return random_key(db, hash);
}

/* --- going --- */

/* The key's bytes live in the entry, so it is freed only after everybody has been told. */
static void evict(struct db *db, struct entry *e, uint64_t hash) {
    slice key = entry_key_at(e);
    uint64_t start_us = latency_start();
    if (ks_hooks.evicted) ks_hooks.evicted(db, key);
    void *taken = dict_take_hashed(db->entries, key, hash);
    assert_that(taken == e);
    if (entry_has_expire(e)) ttl_unindex(db, e);
    ks_stats.evicted_keys++;
    db_modified_unasked(db, key);
    ks_notify(NOTIFY_EVICTED, "evicted", key, db->id);
    entry_release(e, true);
    entry_free_block(e);
    latency_end("eviction-del", start_us);
}

bool evict_one(void) {
    if (evict_config.policy == POLICY_NOEVICTION) return false;
    struct db *db;
    uint64_t hash;
    struct entry *e = choose(&db, &hash);
    if (!e) return false;
    if (is_expired(e) && !ttl_hides())
        ttl_expire(db, e, hash);
    else
        evict(db, e, hash);
    return true;
}

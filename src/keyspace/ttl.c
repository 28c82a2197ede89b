/* Expiry: when an entry is expired, what happens to it then, and the sweep that gives expired memory back.
 *
 * Invariant: a database's expire_sum_ms is the sum of the expire times of the entries in its index. A key is expired from the
 * first millisecond after its time, on access and in the sweep alike. Not here: the index itself (expiry.c). */
#include "keyspace/db_internal.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/latency.h"

#define DELETES_PER_CLOCK_LOOK 32

bool ks_active_expire_on = true;
static enum ks_expire_mode mode = KS_EXPIRE_DELETE;
static bool applying;
static int holds;

void ks_set_expire_mode(enum ks_expire_mode m) {
    if (m != mode) local_ttl_forget_all();
    mode = m;
}

void ks_set_applying(bool on) {
    applying = on;
}

void ks_hold_expiry(bool on) {
    holds += on ? 1 : -1;
    assert_that(holds >= 0);
}

bool ks_expiry_held(void) {
    return holds > 0;
}

bool ttl_hides(void) {
    return mode == KS_EXPIRE_HIDE || holds > 0;
}

bool ttl_is_past(const struct entry *e) {
    return !applying && clock_ms() > entry_expire_at(e);
}

bool entry_is_expired(const struct entry *e) {
    return is_expired(e);
}

/* --- the index --- */

void ttl_index(struct db *db, struct entry *e, int64_t at_ms) {
    if (!db->expiry) db->expiry = expiry_new();
    entry_set_expire_at(e, at_ms);
    entry_set_cell(e, expiry_add(db->expiry, e, at_ms));
    db->expire_sum_ms += at_ms;
    if (unlikely(local_ttl_watches)) local_ttl_indexed(db, entry_key(e));
}

void ttl_unindex(struct db *db, struct entry *e) {
    expiry_remove(db->expiry, entry_cell(e));
    db->expire_sum_ms -= entry_expire_at(e);
}

size_t db_expires(const struct db *db) {
    return db->expiry ? expiry_count(db->expiry) : 0;
}

int64_t db_avg_ttl_ms(const struct db *db) {
    size_t n = db_expires(db);
    if (n == 0) return 0;
    __int128 left_ms = db->expire_sum_ms / (__int128)n - clock_ms();
    return left_ms > 0 ? (int64_t)left_ms : 0;
}

/* --- deleting what has expired --- */

/* The key's bytes live in the entry, so it is freed only after everybody has been told. */
void ttl_expire(struct db *db, struct entry *e, uint64_t hash) {
    slice key = entry_key_at(e);
    uint64_t start_us = latency_start();
    if (ks_hooks.expired) ks_hooks.expired(db, key);
    dict_take_hashed(db->entries, key, hash);
    ttl_unindex(db, e);
    ks_stats.expired_keys++;
    ks_notify(NOTIFY_EXPIRED, "expired", key, db->id);
    db_modified_unasked(db, key);
    entry_release(e, ks_config.lazyfree_expire);
    entry_free_block(e);
    latency_end("expire-del", start_us);
}

void ttl_expire_on_access(struct db *db, struct entry *e, uint64_t hash) {
    if (!ttl_hides()) ttl_expire(db, e, hash);
}

static bool sweeping_now(void) {
    return ks_active_expire_on && !ttl_hides() && !applying;
}

/* Budgets are for turns of the loop; a database must not starve the next, so each call starts after the last one's. */
bool ks_expire_due(uint64_t budget_us) {
    static int start;
    if (!sweeping_now()) return false;
    uint64_t deadline_us = clock_mono_us() + budget_us;
    int64_t due_ms = clock_ms() - 1;
    unsigned deleted = 0;
    start = start < ks_count() ? start : 0;
    for (int i = 0; i < ks_count(); i++) {
        struct db *db = ks_db((start + i) % ks_count());
        while (db->expiry) {
            struct entry *e = expiry_due(db->expiry, due_ms);
            if (!e && !expiry_pending(db->expiry, due_ms)) break;
            if ((!e || ++deleted % DELETES_PER_CLOCK_LOOK == 0) && clock_mono_us() >= deadline_us) {
                ks_stats.expired_time_cap_reached++;
                start = (start + i + 1) % ks_count();
                return true;
            }
            if (e) ttl_expire(db, e, db_hash(entry_key_at(e)));
        }
    }
    return false;
}

int64_t ks_next_expire_ms(void) {
    int64_t next_ms = NO_EXPIRE;
    for (int i = 0; i < ks_count(); i++) {
        const struct db *db = ks_db(i);
        int64_t at_ms = db->expiry ? expiry_next_ms(db->expiry) : NO_EXPIRE;
        if (at_ms != NO_EXPIRE && (next_ms == NO_EXPIRE || at_ms < next_ms)) next_ms = at_ms;
    }
    return next_ms == NO_EXPIRE || next_ms == INT64_MAX ? next_ms : next_ms + 1;
}

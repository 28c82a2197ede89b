/* Keys on their way from the stream into the key space, in batches: see load_keys.h.
 *
 * Invariant: pending[0, count) are whole keys of `db` whose values are intact: they are put into the key space before the
 * reader moves the bytes that they may lie in (its `moving` callback). */
#include "rdb/load_keys.h"
#include "base/clock.h"
#include "base/log.h"
#include "rdb/codec.h"
#include <unistd.h>

static void put_pending(void *ctx) {
    load_keys_flush(ctx);
}

struct db *load_keys_db(const struct load_keys *k, int id) {
    return k->o->beside ? ks_beside_db(id) : ks_db(id);
}

void load_keys_init(struct load_keys *k, struct rdb_reader *r, const struct rdb_load_options *o) {
    *k = (struct load_keys){.r = r, .o = o, .now_ms = clock_wall_us() / 1000};
    k->db = load_keys_db(k, 0);
    for (int i = 0; i < LOAD_BATCH; i++) k->pending[i].key = sds_empty();
    r->moving = put_pending;
    r->moving_ctx = k;
}

void load_keys_free(struct load_keys *k) {
    k->r->moving = NULL;
    for (int i = 0; i < LOAD_BATCH; i++) {
        if (i < k->count) value_free(&k->pending[i].v);
        sds_free(k->pending[i].key);
        sds_free(k->pending[i].hold);
    }
}

/* --- out of the batch --- */

/* The key for the log: quoted, and cut. The caller frees it. */
static sds shown_key(const struct pending *p) {
    enum { SHOWN_MAX = 128 };
    return sds_cat_repr(sds_empty(), p->key, sds_len(p->key) < SHOWN_MAX ? sds_len(p->key) : SHOWN_MAX);
}

static bool duplicate(struct load_keys *k, struct pending *p) {
    sds name = shown_key(p);
    log_warning("RDB has duplicated key %s in DB %d", name, db_id(k->db));
    sds_free(name);
    value_free(&p->v);
    rdb_reader_fail(k->r, "duplicated key"); /* V9 */
    k->r->fail_offset = p->offset;
    return false;
}

static bool put_key(struct load_keys *k, struct pending *p) {
    slice key = sds_slice(p->key);
    struct entry *e = db_add(k->db, key, p->hash, &p->v, p->hints.expire_ms);
    if (!e && !k->o->allow_overwrite_dup) return duplicate(k, p);
    if (!e) e = db_set(k->db, key, &p->v, p->hints.expire_ms);
    if (ks_config.lfu && p->hints.freq >= 0) entry_set_freq(e, (uint8_t)p->hints.freq);
    if (!ks_config.lfu && p->hints.idle_s >= 0) entry_set_idle_s(e, (uint64_t)p->hints.idle_s);
    k->stats.keys_loaded++;
    return true;
}

bool load_keys_flush(struct load_keys *k) {
    bool ok = true;
    for (int i = 0; i < k->count; i++) {
        if (ok)
            ok = put_key(k, &k->pending[i]);
        else
            value_free(&k->pending[i].v);
    }
    k->count = 0;
    return ok;
}

/* --- into the batch --- */

static bool read_key(struct load_keys *k, sds *into, sds *hold) {
    slice key;
    if (!rdb_get_key(k->r, &key, hold)) return false;
    sds_set_len(*into, 0);
    *into = sds_cat(*into, key.p, key.n);
    return true;
}

static bool has_expired(const struct load_keys *k, const struct key_hints *hints) {
    return hints->expire_ms != NO_EXPIRE && hints->expire_ms < k->now_ms && !k->o->replica;
}

/* Reading may move the buffer, which empties the batch: so the new key's place in it is known only afterwards. */
static void append(struct load_keys *k, struct pending *p) {
    struct pending *slot = &k->pending[k->count];
    if (slot != p) {
        struct pending swap = *slot;
        *slot = *p;
        *p = swap;
    }
    k->count++;
}

static void skip_empty(struct load_keys *k, const struct pending *p) {
    enum { LOGGED_MAX = 10 };
    if (k->stats.empty_keys_skipped++ >= LOGGED_MAX) return;
    sds name = shown_key(p);
    log_notice("rdbLoadObject skipping empty key: %s", name);
    sds_free(name);
}

bool load_keys_read(struct load_keys *k, uint8_t type, const struct key_hints *hints) {
    struct pending *p = &k->pending[k->count];
    p->offset = rdb_reader_offset(k->r) - 1;
    p->hints = *hints;
    if (!read_key(k, &p->key, &p->hold)) return false;
    p->hash = db_hash(sds_slice(p->key));
    db_prefetch_bucket(k->db, p->hash);
    if (!rdb_load_value(k->r, type, &p->v, &p->hold)) {
        value_free(&p->v);
        if (k->r->empty_value) skip_empty(k, p);
        return k->r->empty_value;
    }
    if (has_expired(k, hints)) {
        value_free(&p->v);
        k->stats.keys_expired++;
        if (k->o->key_expired) k->o->key_expired(db_id(k->db), sds_slice(p->key));
    } else {
        append(k, p);
    }
    if (rdb_config.key_load_delay_us > 0) usleep((useconds_t)rdb_config.key_load_delay_us);
    return k->count < LOAD_BATCH || load_keys_flush(k);
}

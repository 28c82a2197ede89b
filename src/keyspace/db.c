/* One database: lookup, set, delete, move and copy of single keys.
 *
 * Invariant: every entry of the table that has an expire time is in the expiry index under the cell that it carries,
 * and the index points at no other entry; each step that moves a block keeps both pointers true (db_adopt).
 * Not here: databases as wholes (whole.c), time (ttl.c), reading and changing values (str.c and the other types). */
#include "keyspace/db_internal.h"

#include "base/assert.h"
#include "base/hash.h"
#include "keyspace/lru.h"

uint64_t ks_dirty;
struct ks_stats ks_stats;

uint64_t db_hash(slice key) {
    return hash_bytes(key.p, key.n);
}

/* --- looking up --- */

/* An expired entry counts as none, and is deleted where that is ours to do. */
static struct entry *find(struct db *db, slice key, uint64_t hash, int flags) {
    struct entry *e = dict_find_hashed(db->entries, key, hash);
    if (e && unlikely(is_expired(e))) {
        if (!(flags & LOOKUP_NOEXPIRE)) ttl_expire_on_access(db, e, hash);
        return NULL;
    }
    return e;
}

struct entry *db_read(struct db *db, slice key, int flags) {
    struct entry *e = find(db, key, db_hash(key), flags);
    if (!e) {
        if (!(flags & LOOKUP_NONOTIFY)) ks_notify(NOTIFY_KEY_MISS, "keymiss", key, db->id);
        if (!(flags & LOOKUP_NOSTATS)) ks_stats.misses++;
        return NULL;
    }
    if (!(flags & LOOKUP_NOSTATS)) ks_stats.hits++;
    if (!(flags & LOOKUP_NOTOUCH)) lru_touch(e);
    return e;
}

struct entry *db_write(struct db *db, slice key, int flags) {
    struct entry *e = find(db, key, db_hash(key), flags);
    if (e && !(flags & LOOKUP_NOTOUCH)) lru_touch(e);
    return e;
}

bool db_holds(const struct db *db, slice key) {
    return dict_find(db->entries, key) != NULL;
}

void db_prefetch_bucket(struct db *db, uint64_t hash) {
    dict_prefetch_bucket(db->entries, hash);
}

void db_prefetch_entry(struct db *db, uint64_t hash) {
    dict_prefetch_item(db->entries, hash);
}

struct dict *db_prefetch_element(struct db *db, slice key, uint64_t hash, slice element,
                                 uint64_t *element_hash) {
    const struct entry *e = dict_find_hashed(db->entries, key, hash);
    if (!e || entry_type(e) == TYPE_STRING) return NULL;
    const struct value_type_ops *ops = value_ops(entry_type(e));
    struct dict *d = ops->table ? ops->table(entry_encoding(e), entry_ptr(e)) : NULL;
    if (d) {
        *element_hash = dict_hash(d, element);
        dict_prefetch_bucket(d, *element_hash);
    } else {
        __builtin_prefetch(entry_ptr(e));
    }
    return d;
}

/* --- changing --- */

void db_adopt(struct db *db, struct entry *old, struct entry *fresh, uint64_t hash, bool indexed) {
    dict_replace(db->entries, old, fresh, hash);
    if (indexed) expiry_moved(db->expiry, entry_cell(fresh), fresh);
    entry_free_block(old);
}

static void insert(struct db *db, struct entry *e, uint64_t hash, int64_t expire_ms) {
    dict_insert_hashed(db->entries, e, hash);
    if (expire_ms != NO_EXPIRE) ttl_index(db, e, expire_ms);
}

static void insert_new(struct db *db, slice key, struct entry *e, uint64_t hash, int64_t expire_ms) {
    insert(db, e, hash, expire_ms);
    ks_notify(NOTIFY_NEW, "new", key, db->id);
}

void db_drop(struct db *db, struct entry *e, uint64_t hash, bool lazily) {
    void *taken = dict_take_hashed(db->entries, entry_key_at(e), hash);
    assert_that(taken == e);
    if (entry_has_expire(e)) ttl_unindex(db, e);
    entry_release(e, lazily);
    entry_free_block(e);
}

/* Gives `old` another payload and expire time, in place when the block's class allows it. What the old value points to
 * is freed last: the new payload may have been read from it. */
static struct entry *overwrite(struct db *db, struct entry *old, uint64_t hash, const struct payload *p,
                               int64_t expire_ms) {
    int64_t was_ms = entry_expire_ms(old), at_ms = expire_ms == KEEP_TTL ? was_ms : expire_ms;
    bool reindex = at_ms != was_ms;
    if (reindex && was_ms != NO_EXPIRE) ttl_unindex(db, old);
    enum value_type was_type = entry_type(old);
    unsigned was_encoding = entry_encoding(old);
    void *was = entry_has_ptr(old) ? entry_ptr(old) : NULL;
    struct entry *e = old;
    if (entry_fits(old, at_ms, p)) {
        entry_write(old, p);
    } else {
        e = entry_rebuild(old, at_ms, p);
        db_adopt(db, old, e, hash, !reindex && was_ms != NO_EXPIRE);
    }
    if (reindex && at_ms != NO_EXPIRE) ttl_index(db, e, at_ms);
    if (was) value_release(was_type, was_encoding, was, ks_config.lazyfree_server_del);
    lru_stamp(e);
    return e;
}

static struct entry *store(struct db *db, slice key, const struct payload *p, int64_t expire_ms) {
    uint64_t hash = db_hash(key);
    struct entry *old = dict_find_hashed(db->entries, key, hash);
    if (old && unlikely(is_expired(old))) {
        ttl_expire_on_access(db, old, hash);
        if (expire_ms == KEEP_TTL) expire_ms = NO_EXPIRE;
        if (!ttl_hides()) old = NULL;
    }
    if (old) return overwrite(db, old, hash, p, expire_ms);
    if (expire_ms == KEEP_TTL) expire_ms = NO_EXPIRE;
    struct entry *e = entry_new(key, expire_ms, p, lru_of_new());
    insert_new(db, key, e, hash, expire_ms);
    return e;
}

struct entry *db_set_string(struct db *db, slice key, slice bytes, int64_t expire_ms) {
    struct payload p = payload_of_bytes(bytes, VALUE_AUTO);
    return store(db, key, &p, expire_ms);
}

static struct payload payload_of_value(const struct value *v) {
    if (v->type != TYPE_STRING)
        return (struct payload){.type = v->type, .encoding = v->encoding, .ptr = v->ptr};
    if (!v->ptr) return payload_of_bytes(v->bytes, v->encoding);
    if (sds_len(v->ptr) > STR_EMBED_BYTES_MAX) /* the caller's sds becomes the value */
        return (struct payload){.type = TYPE_STRING, .encoding = STR_HEAP, .ptr = v->ptr};
    return payload_of_bytes(sds_slice(v->ptr), v->encoding);
}

/* The value is stored: frees an sds whose bytes were copied. */
static void value_stored(const struct value *v, const struct payload *p) {
    if (v->type == TYPE_STRING && v->ptr != p->ptr) sds_free(v->ptr);
}

struct entry *db_set(struct db *db, slice key, const struct value *v, int64_t expire_ms) {
    struct payload p = payload_of_value(v);
    struct entry *e = store(db, key, &p, expire_ms);
    value_stored(v, &p);
    return e;
}

struct entry *db_add(struct db *db, slice key, uint64_t hash, const struct value *v, int64_t expire_ms) {
    if (dict_find_hashed(db->entries, key, hash)) return NULL;
    struct payload p = payload_of_value(v);
    struct entry *e = entry_new(key, expire_ms, &p, lru_of_new());
    insert(db, e, hash, expire_ms);
    value_stored(v, &p);
    return e;
}

static bool remove_key(struct db *db, slice key, bool lazily) {
    uint64_t hash = db_hash(key);
    struct entry *e = find(db, key, hash, 0);
    if (!e) return false;
    db_drop(db, e, hash, lazily);
    return true;
}

bool db_delete(struct db *db, slice key) {
    return remove_key(db, key, false);
}

bool db_delete_lazy(struct db *db, slice key) {
    return remove_key(db, key, true);
}

struct entry *db_set_expire(struct db *db, struct entry *e, int64_t expire_ms) {
    int64_t was_ms = entry_expire_ms(e);
    if (expire_ms == was_ms) return e;
    if (was_ms != NO_EXPIRE) ttl_unindex(db, e);
    if (entry_expire_bytes(e) != entry_expire_span(expire_ms)) {
        struct payload same = payload_of_entry(e);
        struct entry *fresh = entry_rebuild(e, expire_ms, &same);
        db_adopt(db, e, fresh, db_hash(entry_key_at(e)), false);
        e = fresh;
    }
    if (expire_ms != NO_EXPIRE) ttl_index(db, e, expire_ms);
    return e;
}

/* The place where a moved or copied entry goes; an expired entry that only hides there makes room. */
static uint64_t clear_target(struct db *db, slice key) {
    uint64_t hash = db_hash(key);
    struct entry *there = dict_find_hashed(db->entries, key, hash);
    if (there) {
        assert_that(is_expired(there));
        db_drop(db, there, hash, ks_config.lazyfree_server_del);
    }
    return hash;
}

struct entry *db_move_entry(struct db *from, slice key, struct db *to, slice new_key) {
    uint64_t hash = db_hash(key);
    struct entry *e = find(from, key, hash, LOOKUP_NOEXPIRE);
    if (!e) return NULL;
    uint64_t new_hash = clear_target(to, new_key);
    struct payload same = payload_of_entry(e);
    int64_t expire_ms = entry_expire_ms(e);
    struct entry *moved = entry_new(new_key, expire_ms, &same, entry_lru(e));
    dict_take_hashed(from->entries, key, hash);
    if (entry_has_expire(e)) ttl_unindex(from, e);
    insert_new(to, new_key, moved, new_hash, expire_ms);
    entry_free_block(e);
    return moved;
}

struct entry *db_copy_entry(struct db *from, slice key, struct db *to, slice new_key) {
    struct entry *e = find(from, key, db_hash(key), LOOKUP_NOEXPIRE);
    if (!e) return NULL;
    uint64_t new_hash = clear_target(to, new_key);
    struct payload twin = payload_of_entry(e);
    if (twin.type != TYPE_STRING)
        twin.ptr = value_ops(twin.type)->copy(twin.encoding, twin.ptr);
    else if (twin.encoding == STR_HEAP)
        twin.ptr = sds_dup(twin.ptr);
    struct entry *copy = entry_new(new_key, entry_expire_ms(e), &twin, lru_of_new());
    insert_new(to, new_key, copy, new_hash, entry_expire_ms(e));
    return copy;
}

/* --- telling others --- */

void db_modified(struct db *db, slice key) {
    if (ks_hooks.modified) ks_hooks.modified(db, key);
}

static bool unasked;

bool ks_change_is_unasked(void) {
    return unasked;
}

void db_modified_unasked(struct db *db, slice key) {
    unasked = true;
    db_modified(db, key);
    unasked = false;
}

void ks_notify_wanted(enum ks_notify_class cls, const char *event, slice key, int dbid) {
    if (ks_hooks.notify) ks_hooks.notify(cls, event, key, dbid);
}

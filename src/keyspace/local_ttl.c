/* Keys that a writable replica's own clients gave a TTL: no master will ever delete them, so the replica does.
 *
 * Names are kept, not entries: a name means nothing once the key is gone, has no TTL any more, or was written by the
 * master's stream. Names that mean nothing are dropped when the sweep meets them.
 *
 * Invariant: empty unless expired keys are hidden (ks_expire_mode); a full synchronisation and a change of role empty it. */
#include "keyspace/db_internal.h"

#include "base/sds.h"

enum { SWEEP_NAMES = 64, PREFIX_BYTES = sizeof(int) };

/* Items: sds, the database's number and the key's bytes; NULL while there is none. */
static struct dict *names;
static uint64_t cursor;
static bool remembering;
bool local_ttl_watches;

static slice name_key(const void *item) {
    return sds_slice((sds)(uintptr_t)item);
}

static void name_free(void *item) {
    sds_free(item);
}

static sds name_of(const struct db *db, slice key) {
    return sds_cat(sds_newlen(&db->id, PREFIX_BYTES), key.p, key.n);
}

void ks_remember_ttls(bool on) {
    remembering = on;
    local_ttl_watches = on || names;
}

size_t ks_local_ttls(void) {
    return names ? dict_size(names) : 0;
}

void local_ttl_forget_all(void) {
    if (names) dict_free(names);
    names = NULL;
    cursor = 0;
    local_ttl_watches = remembering;
}

void local_ttl_indexed(const struct db *db, slice key) {
    static const struct dict_type type = {.key = name_key, .free_item = name_free};
    if (db != ks_db(db->id)) return; /* of a second set, which nobody writes to yet */
    sds name = name_of(db, key);
    if (!names) names = dict_new(&type);
    sds_free(dict_take(names, sds_slice(name)));
    if (remembering)
        dict_insert(names, name);
    else
        sds_free(name);
}

struct finds {
    sds names[SWEEP_NAMES];
    size_t n;
};

static void find(void *ctx, void *item) {
    struct finds *f = ctx;
    if (f->n < SWEEP_NAMES) f->names[f->n++] = item;
}

/* False: the name is still of use. */
static bool settle(slice name) {
    int id;
    memcpy(&id, name.p, PREFIX_BYTES);
    struct db *db = ks_db(id);
    slice key = {name.p + PREFIX_BYTES, name.n - PREFIX_BYTES};
    uint64_t hash = db_hash(key);
    struct entry *e = dict_find_hashed(db->entries, key, hash);
    if (e && entry_has_expire(e) && !is_expired(e)) return false;
    if (e && entry_has_expire(e)) ttl_expire(db, e, hash);
    return true;
}

void ks_expire_local(void) {
    struct finds f = {.n = 0};
    if (!names) return;
    cursor = dict_scan(names, cursor, find, &f);
    for (size_t i = 0; i < f.n; i++)
        if (settle(sds_slice(f.names[i]))) sds_free(dict_take(names, sds_slice(f.names[i])));
    if (dict_size(names) == 0) local_ttl_forget_all();
}

/* WATCH: a client's next EXEC fails when a watched key changed in between.
 *
 * A watch is in two lists: its client's and its key's. Keys are found by (database, key) in one dict for each database,
 * which exists only while somebody watches there; with no watch at all a write pays one comparison.
 *
 * What "changed" means for keys that were not there (or had expired, which is the same to a reader) at WATCH:
 *   - an expired key's removal changes nothing; a key that appears does;
 *   - a flush changes only keys that were there;
 *   - a swap changes keys that were there, and those that the other database has.
 * A key that was there and whose time has come since counts as changed, whether or not it has been deleted (EXEC looks).
 *
 * Invariant: a client with CLIENT_DIRTY_CAS has no watches: it is sure to fail, nothing more is to be learnt. */
#include "command/dispatch.h"

#include "base/alloc.h"
#include "base/dict.h"
#include "base/sds.h"
#include "command/handlers.h"

struct watched_key {
    sds key;
    struct watch *watches;
};

struct watch {
    struct client *c;
    struct watched_key *key;
    int dbid;
    bool was_there;
    struct watch *next_of_client;
    struct watch *prev_of_key, *next_of_key;
};

static slice key_of(const void *item) {
    return sds_slice(((const struct watched_key *)item)->key);
}
static const struct dict_type watched_type = {.key = key_of};

static struct dict **watched; /* for each database; NULL where nobody watches */
static size_t watch_count;

static bool is_there(int dbid, slice key) {
    return db_write(ks_db(dbid), key, LOOKUP_NOEFFECTS) != NULL;
}

static struct watched_key *find_key(int dbid, slice key) {
    return watched && watched[dbid] ? dict_find(watched[dbid], key) : NULL;
}

static void add(struct client *c, slice key) {
    if (!watched) watched = mem_zalloc((size_t)ks_count() * sizeof *watched);
    if (!watched[c->db]) watched[c->db] = dict_new(&watched_type);
    struct watched_key *k = find_key(c->db, key);
    if (!k) {
        k = mem_alloc(sizeof *k);
        *k = (struct watched_key){.key = sds_newlen(key.p, key.n)};
        dict_insert(watched[c->db], k);
    }
    struct txn *t = txn_of(c);
    struct watch *w = mem_alloc(sizeof *w);
    *w = (struct watch){.c = c,
                        .key = k,
                        .dbid = c->db,
                        .was_there = is_there(c->db, key),
                        .next_of_client = t->watches,
                        .next_of_key = k->watches};
    if (k->watches) k->watches->prev_of_key = w;
    k->watches = t->watches = w;
    watch_count++;
}

static void forget_key(struct watched_key *k, int dbid) {
    dict_take(watched[dbid], sds_slice(k->key));
    sds_free(k->key);
    mem_free(k, sizeof *k);
    if (dict_size(watched[dbid]) > 0) return;
    dict_free(watched[dbid]);
    watched[dbid] = NULL;
}

static void remove_watch(struct watch *w) {
    struct watched_key *k = w->key;
    if (w->prev_of_key)
        w->prev_of_key->next_of_key = w->next_of_key;
    else
        k->watches = w->next_of_key;
    if (w->next_of_key) w->next_of_key->prev_of_key = w->prev_of_key;
    if (!k->watches) forget_key(k, w->dbid);
    mem_free(w, sizeof *w);
    watch_count--;
}

void watch_forget(struct client *c) {
    struct txn *t = c->txn;
    if (!t) return;
    for (struct watch *w = t->watches, *next; w; w = next) {
        next = w->next_of_client;
        remove_watch(w);
    }
    t->watches = NULL;
    txn_release(c);
}

static bool watches_key(const struct client *c, slice key) {
    const struct txn *t = txn_peek(c);
    for (const struct watch *w = t ? t->watches : NULL; w; w = w->next_of_client)
        if (w->dbid == c->db && slice_eq(sds_slice(w->key->key), key)) return true;
    return false;
}

bool watch_has_expired(const struct client *c) {
    const struct txn *t = txn_peek(c);
    for (const struct watch *w = t ? t->watches : NULL; w; w = w->next_of_client)
        if (w->was_there && !is_there(w->dbid, sds_slice(w->key->key))) return true;
    return false;
}

/* --- changes --- */

static void spoil(struct client *c) {
    c->flags |= CLIENT_DIRTY_CAS;
    watch_forget(c);
}

void watch_key_modified(struct db *db, slice key) {
    if (watch_count == 0) return;
    struct watched_key *k = find_key(db_id(db), key);
    if (!k) return;
    bool there = db_holds(db, key); /* one that is set with a time in the past counts, as with Redis */
    for (struct watch *w = k->watches, *next; w; w = next) {
        next = w->next_of_key;
        /* Its client watches this key once, so `next` outlives it; the key goes with its last watch. */
        if (w->was_there || there) spoil(w->c);
    }
}

/* A sweep over all watches of a database. Spoiling changes lists and dict, so the clients are collected first. */
struct sweep {
    bool (*changed)(const struct watch *w, int other);
    int other;
    struct client **hit; /* may name a client twice */
    size_t n, cap;
};

static void sweep_key(void *ctx, void *item) {
    struct sweep *s = ctx;
    for (const struct watch *w = ((struct watched_key *)item)->watches; w; w = w->next_of_key) {
        if (!s->changed(w, s->other)) continue;
        if (s->n == s->cap) {
            size_t cap = s->cap ? s->cap * 2 : 16;
            s->hit = mem_resize(s->hit, s->cap * sizeof *s->hit, cap * sizeof *s->hit);
            s->cap = cap;
        }
        s->hit[s->n++] = w->c;
    }
}

static void spoil_where(int dbid, bool (*changed)(const struct watch *w, int other), int other) {
    struct sweep s = {.changed = changed, .other = other};
    if (!watched || !watched[dbid]) return;
    dict_each(watched[dbid], sweep_key, &s);
    for (size_t i = 0; i < s.n; i++) spoil(s.hit[i]);
    mem_free(s.hit, s.cap * sizeof *s.hit);
}

static bool flush_changes(const struct watch *w, int other) {
    (void)other;
    return w->was_there;
}

static bool swap_changes(const struct watch *w, int other) {
    return w->was_there || is_there(other, sds_slice(w->key->key));
}

void watch_before_flush(int dbid) {
    if (watch_count == 0) return;
    for (int i = dbid < 0 ? 0 : dbid; i < (dbid < 0 ? ks_count() : dbid + 1); i++)
        spoil_where(i, flush_changes, 0);
}

void watch_before_swap(int a, int b) {
    if (watch_count == 0) return;
    spoil_where(a, swap_changes, b);
    spoil_where(b, swap_changes, a);
}

void watch_all_replaced(void) {
    for (int i = 0; watch_count > 0 && i < ks_count(); i++) spoil_where(i, swap_changes, i);
}

/* --- commands --- */

void watch_command(struct client *c, const slice *argv, int argc) {
    if (c->flags & CLIENT_MULTI) {
        reply_error(&c->out, "ERR WATCH inside MULTI is not allowed");
        return;
    }
    /* Already sure to fail: nothing to be watched for. */
    if (!(c->flags & CLIENT_DIRTY_CAS))
        for (int i = 1; i < argc; i++)
            if (!watches_key(c, argv[i])) add(c, argv[i]);
    reply_ok(&c->out);
}

void unwatch_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    watch_forget(c);
    c->flags &= ~(uint32_t)CLIENT_DIRTY_CAS;
    reply_ok(&c->out);
}

/* Waiting for keys: who waits for what, which keys have changed, and serving (blocking.h tells the rules).
 *
 * A wait stands in its key's queue; all waits of a client lie in one array of its client_block. Keys waited for are
 * found by (database, name); with nobody waiting, a write pays one comparison.
 *
 * Invariants: a key is known here exactly while somebody waits for it or it is marked as ready. A client waits for a
 * key at most once. Serving never happens inside a command: changes only mark keys. */
#include "command/blocking.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/dict.h"
#include "base/latency.h"
#include "base/sds.h"
#include "command/blocked.h"
#include "command/propagate.h"
#include "command/pubsub.h"
#include "repl/repl.h"

#include <math.h>

struct awaited_key {
    sds name;
    int dbid;
    struct key_wait *first, *last; /* in the order of arrival */
    size_t of_type[VALUE_TYPES];   /* how many of them wait for each type */
    size_t also_when_gone;         /* and how many whatever it holds */
    bool ready;
    struct awaited_key *next_ready;
};

struct key_wait {
    struct client_block *block;
    struct awaited_key *key;
    struct key_wait *prev, *next; /* of the same key */
};

static slice name_of(const void *item) {
    return sds_slice(((const struct awaited_key *)item)->name);
}
static const struct dict_type awaited_type = {.key = name_of};

static struct dict **awaited; /* for each database; NULL where nobody waits */
static size_t waiting;        /* waits, of all clients */
static struct awaited_key *first_ready, **last_ready = &first_ready;
bool blocking_has_ready;

static struct awaited_key *find_key(int dbid, slice name) {
    return awaited && awaited[dbid] ? dict_find(awaited[dbid], name) : NULL;
}

static struct awaited_key *get_key(int dbid, slice name) {
    struct awaited_key *k = find_key(dbid, name);
    if (k) return k;
    if (!awaited) awaited = mem_zalloc((size_t)ks_count() * sizeof *awaited);
    if (!awaited[dbid]) awaited[dbid] = dict_new(&awaited_type);
    k = mem_alloc(sizeof *k);
    *k = (struct awaited_key){.name = sds_newlen(name.p, name.n), .dbid = dbid};
    dict_insert(awaited[dbid], k);
    return k;
}

static void drop_key_when_idle(struct awaited_key *k) {
    if (k->first || k->ready) return;
    dict_take(awaited[k->dbid], sds_slice(k->name));
    if (dict_size(awaited[k->dbid]) == 0) {
        dict_free(awaited[k->dbid]);
        awaited[k->dbid] = NULL;
    }
    sds_free(k->name);
    mem_free(k, sizeof *k);
}

/* --- beginning and ending to wait --- */

bool blocking_allowed(const struct client *c) {
    return !(c->flags & (CLIENT_MULTI | CLIENT_MASTER | CLIENT_FAKE));
}

static bool timeout_ok(struct client *c, int64_t ms) {
    if (ms >= 0) return true;
    reply_error(&c->out, "ERR timeout is negative");
    return false;
}

/* What is too large counts as negative: so it does in the reference, whose conversion overflows. */
bool blocking_timeout(struct client *c, slice s, int64_t *ms) {
    long double seconds;
    if (!num_parse_long_double(s, &seconds)) {
        reply_error(&c->out, "ERR timeout is not a float or out of range");
        return false;
    }
    long double exact_ms = ceill(seconds * 1000);
    *ms = exact_ms >= (long double)INT64_MAX ? -1 : exact_ms < 0 ? -1 : (int64_t)exact_ms;
    return timeout_ok(c, *ms);
}

bool blocking_timeout_in_ms(struct client *c, slice s, int64_t *ms) {
    return cmd_i64(c, s, ms, "ERR timeout is not an integer or out of range") && timeout_ok(c, *ms);
}

static void enqueue(struct client_block *b, struct awaited_key *k) {
    struct key_wait *w = &b->waits[b->n_waits++];
    *w = (struct key_wait){.block = b, .key = k, .prev = k->last};
    if (k->last)
        k->last->next = w;
    else
        k->first = w;
    k->last = w;
    k->of_type[b->way->type]++;
    k->also_when_gone += b->way->also_when_gone;
    waiting++;
}

void block_for_keys(struct client *c, const struct blocking_way *way, const slice *keys, int n,
                    int64_t timeout_ms, void *state) {
    struct client_block *b = block_start(c, WAITS_FOR_KEYS, timeout_ms);
    b->way = way;
    b->state = state;
    b->bytes = (size_t)n * sizeof *b->waits;
    b->waits = mem_alloc(b->bytes);
    for (int i = 0; i < n; i++) {
        struct awaited_key *k = get_key(c->db, keys[i]);
        /* The same key again: then c is the last that came. */
        if (!k->last || k->last->block != b) enqueue(b, k);
    }
}

static void dequeue(struct key_wait *w) {
    struct awaited_key *k = w->key;
    if (w->prev)
        w->prev->next = w->next;
    else
        k->first = w->next;
    if (w->next)
        w->next->prev = w->prev;
    else
        k->last = w->prev;
    k->of_type[w->block->way->type]--;
    k->also_when_gone -= w->block->way->also_when_gone;
    waiting--;
    drop_key_when_idle(k);
}

void blocking_forget(struct client_block *b) {
    for (size_t i = 0; i < b->n_waits; i++) dequeue(&b->waits[i]);
    mem_free(b->waits, b->bytes);
    if (b->way->free_state) b->way->free_state(b->state);
}

/* --- changes --- */

/* Whether anybody would be served, were the key of that database under this name here. */
static bool of_use(const struct awaited_key *k, int dbid) {
    if (k->also_when_gone) return true;
    struct entry *e = db_write(ks_db(dbid), sds_slice(k->name), LOOKUP_NOEFFECTS);
    return e && k->of_type[entry_type(e)] > 0;
}

/* Keys are served in the order in which they came to hold what is waited for, so a key that holds nothing of use is
 * not marked: it may yet, after others. */
static void mark_ready(struct awaited_key *k, int dbid) {
    if (k->ready || !of_use(k, dbid)) return;
    k->ready = true;
    k->next_ready = NULL;
    *last_ready = k;
    last_ready = &k->next_ready;
    blocking_has_ready = true;
}

void blocking_key_modified(struct db *db, slice key) {
    if (waiting == 0) return;
    struct awaited_key *k = find_key(db_id(db), key);
    if (k) mark_ready(k, db_id(db));
}

static void mark_item(void *ctx, void *item) {
    mark_ready(item, *(const int *)ctx);
}

void blocking_before_swap(int a, int b) {
    if (waiting == 0) return;
    if (awaited[a]) dict_each(awaited[a], mark_item, &b);
    if (awaited[b]) dict_each(awaited[b], mark_item, &a);
}

void blocking_all_replaced(void) {
    for (int i = 0; waiting > 0 && i < ks_count(); i++)
        if (awaited[i]) dict_each(awaited[i], mark_item, &i);
    if (blocking_has_ready) blocking_serve();
}

static void mark_if_gone(void *ctx, void *item) {
    struct awaited_key *k = item;
    if (k->also_when_gone) mark_ready(k, *(const int *)ctx);
}

void blocking_before_flush(int dbid) {
    if (waiting == 0) return;
    for (int i = dbid < 0 ? 0 : dbid; i < (dbid < 0 ? ks_count() : dbid + 1); i++)
        if (awaited[i]) dict_each(awaited[i], mark_if_gone, &i);
}

/* --- serving --- */

static bool serve_one(struct client_block *b, slice key, struct entry *e) {
    struct client *c = b->c, *outer = stats_client;
    stats_client = c;
    propagate_unit_begin();
    uint64_t start_us = latency_start();
    bool served = b->way->serve(c, key, e, b->state);
    latency_end("command-unblocking", start_us);
    propagate_unit_end();
    stats_client = outer;
    if (push_waits) push_settle(c);
    if (!served) return false;
    c->write_offset = repl_offset();
    block_wake(b);
    return true;
}

/* `ready` is still set, so the key outlives its last wait. Serving a client ends no wait but its own. */
static void serve_key(struct awaited_key *k) {
    slice name = sds_slice(k->name);
    for (struct key_wait *w = k->first, *next; w; w = next) {
        const struct blocking_way *way = w->block->way;
        struct entry *e = db_write(ks_db(k->dbid), name, LOOKUP_NOEFFECTS);
        bool fits = e && entry_type(e) == way->type;
        if (!fits && !of_use(k, k->dbid)) return;
        next = w->next;
        if (w->block->c->flags & CLIENT_CLOSE_ASAP)
            continue; /* killed in this turn: what it got would be lost */
        if (fits || way->also_when_gone) serve_one(w->block, name, fits ? e : NULL);
    }
}

void blocking_serve(void) {
    static bool serving;
    if (serving) return;
    serving = true;
    while (first_ready) {
        struct awaited_key *k = first_ready;
        first_ready = k->next_ready;
        if (!first_ready) last_ready = &first_ready;
        serve_key(k);
        k->ready = false;
        drop_key_when_idle(k);
    }
    blocking_has_ready = false;
    serving = false;
}

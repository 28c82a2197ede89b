/* Who has read what, and telling them; see tracking.h.
 *
 * The table has an item for each key that is remembered: its name and the IDs of the clients that have read it, in ascending
 * order. A client that goes, or turns tracking off, leaves its IDs behind: they are found to mean nobody when the key changes.
 * The table's size is bounded by forgetting keys at random, which is told like a change.
 *
 * Invariants: client.tracking is set exactly while tracking is on. A prefix exists exactly while a client names it;
 * its pending keys are told at the end of the turn. */
#include "command/tracking.h"

#include <stdlib.h>
#include "base/alloc.h"
#include "base/dict.h"
#include "base/num.h"
#include "base/sds.h"
#include "command/dispatch.h"
#include "command/keys.h"
#include "command/pubsub.h"
#include "command/tracking_send.h"
#include "event/loop.h"
#include "server/config.h"
#include "server/server.h"

struct tracked { /* a key that is remembered */
    size_t key_n;
    uint32_t n, cap;
    uint64_t one, *many; /* the IDs: `one` alone while cap is 1 */
    char key[];
};

struct changed { /* a key of a prefix's, to be told */
    size_t key_n;
    uint64_t by; /* the client's ID that changed it, 0: nobody */
    char key[];
};

struct prefix {
    sds text;
    struct tracker **trackers;
    size_t n, cap;
    struct dict *pending; /* struct changed; NULL while none */
};

static slice tracked_key(const void *item) {
    const struct tracked *k = item;
    return (slice){k->key, k->key_n};
}

static void free_tracked(void *item) {
    struct tracked *k = item;
    if (k->cap > 1) mem_free(k->many, k->cap * sizeof *k->many);
    mem_free(k, mem_tailed(sizeof *k + k->key_n));
}
static const struct dict_type tracked_type = {.key = tracked_key, .free_item = free_tracked};

static slice changed_key(const void *item) {
    const struct changed *k = item;
    return (slice){k->key, k->key_n};
}

static void free_changed(void *item) {
    struct changed *k = item;
    mem_free(k, mem_tailed(sizeof *k + k->key_n));
}
static const struct dict_type changed_type = {.key = changed_key, .free_item = free_changed};

static slice tracker_id(const void *item) {
    return (slice){(const char *)&((const struct tracker *)item)->c->id, sizeof(uint64_t)};
}
static const struct dict_type tracker_type = {.key = tracker_id};

static struct dict *table, *trackers; /* NULL before the first */
static size_t redirects;              /* trackers with one */
static struct {
    struct prefix **v; /* sorted by text */
    size_t n, cap;
} prefixes;

static struct tracker *tracker_by_id(uint64_t id) {
    return dict_find(trackers, (slice){(const char *)&id, sizeof id});
}

static void count_for_info(void) {
    server_gauges.tracking_clients = trackers ? dict_size(trackers) : 0;
    server_gauges.tracking_keys = table ? dict_size(table) : 0;
    server_gauges.tracking_prefixes = prefixes.n;
}

/* --- prefixes --- */

static struct prefix *get_prefix(slice text) {
    size_t at = 0;
    int d = 1;
    while (at < prefixes.n && (d = slice_cmp(sds_slice(prefixes.v[at]->text), text)) < 0) at++;
    if (at < prefixes.n && d == 0) return prefixes.v[at];
    if (prefixes.n == prefixes.cap) {
        size_t cap = prefixes.cap ? prefixes.cap * 2 : 4;
        prefixes.v = mem_resize(prefixes.v, prefixes.cap * sizeof *prefixes.v, cap * sizeof *prefixes.v);
        prefixes.cap = cap;
    }
    memmove(prefixes.v + at + 1, prefixes.v + at, (prefixes.n - at) * sizeof *prefixes.v);
    prefixes.n++;
    struct prefix *p = mem_zalloc(sizeof *p);
    p->text = sds_newlen(text.p, text.n);
    return prefixes.v[at] = p;
}

static void drop_prefix(struct prefix *p) {
    size_t at = 0;
    while (prefixes.v[at] != p) at++;
    memmove(prefixes.v + at, prefixes.v + at + 1, (--prefixes.n - at) * sizeof *prefixes.v);
    sds_free(p->text);
    mem_free(p->trackers, p->cap * sizeof *p->trackers);
    if (p->pending) dict_free(p->pending);
    mem_free(p, sizeof *p);
}

static bool names(const struct tracker *t, const struct prefix *p) {
    for (int i = 0; i < t->n_prefixes; i++)
        if (t->prefixes[i] == p) return true;
    return false;
}

static void add_prefix(struct tracker *t, slice text) {
    struct prefix *p = get_prefix(text);
    if (names(t, p)) return;
    if (p->n == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 1;
        p->trackers = mem_resize(p->trackers, p->cap * sizeof *p->trackers, cap * sizeof *p->trackers);
        p->cap = cap;
    }
    p->trackers[p->n++] = t;
    size_t old = (size_t)t->n_prefixes * sizeof *t->prefixes;
    t->prefixes = mem_resize(t->prefixes, old, old + sizeof *t->prefixes);
    int at = t->n_prefixes++;
    for (; at > 0 && slice_cmp(sds_slice(t->prefixes[at - 1]->text), text) > 0; at--)
        t->prefixes[at] = t->prefixes[at - 1];
    t->prefixes[at] = p;
}

static void leave_prefixes(struct tracker *t) {
    for (int i = 0; i < t->n_prefixes; i++) {
        struct prefix *p = t->prefixes[i];
        size_t at = 0;
        while (p->trackers[at] != t) at++;
        p->trackers[at] = p->trackers[--p->n];
        if (p->n == 0) drop_prefix(p);
    }
    mem_free(t->prefixes, (size_t)t->n_prefixes * sizeof *t->prefixes);
    t->prefixes = NULL;
    t->n_prefixes = 0;
}

slice tracking_prefix(const struct tracker *t, int i) {
    return sds_slice(t->prefixes[i]->text);
}

/* --- on and off --- */

static void set_target(struct tracker *t, struct client *target) {
    if (t->redirect) redirects--;
    t->redirect = target ? target->id : 0;
    t->target = target;
    t->broken = false;
    if (t->redirect) redirects++;
}

void tracking_on(struct client *c, unsigned options, struct client *target, const slice *texts, int n) {
    struct tracker *t = c->tracking;
    if (!t) {
        t = c->tracking = mem_zalloc(sizeof *t);
        t->c = c;
        if (!trackers) trackers = dict_new(&tracker_type);
        dict_insert(trackers, t);
        command_observers |= OBSERVE_TRACKING;
    }
    t->options = options;
    t->caching = false;
    set_target(t, target);
    c->flags &= ~(uint32_t)(CLIENT_TRACKING_BROKEN | CLIENT_TRACKING_BCAST);
    c->flags |= CLIENT_TRACKING | (options & TRACK_BCAST ? CLIENT_TRACKING_BCAST : 0);
    if ((options & TRACK_BCAST) && n == 0) add_prefix(t, SLICE(""));
    for (int i = 0; i < n; i++) add_prefix(t, texts[i]);
    count_for_info();
}

static void clear_table(void) {
    if (!table) return;
    dict_free(table);
    table = NULL;
    server_gauges.tracking_items = 0;
}

void tracking_off(struct client *c) {
    struct tracker *t = c->tracking;
    if (!t) return;
    leave_prefixes(t);
    set_target(t, NULL);
    dict_take(trackers, tracker_id(t));
    mem_free(t, sizeof *t);
    c->tracking = NULL;
    c->flags &= ~(uint32_t)(CLIENT_TRACKING | CLIENT_TRACKING_BROKEN | CLIENT_TRACKING_BCAST);
    if (dict_size(trackers) == 0) {
        command_observers &= ~(unsigned)OBSERVE_TRACKING;
        clear_table();
    }
    count_for_info();
}

static void lose_target(void *ctx, void *item) {
    struct tracker *t = item;
    if (t->target == ctx) t->target = NULL;
}

void tracking_forget(struct client *c) {
    tracking_off(c);
    if (redirects > 0) dict_each(trackers, lose_target, c);
}

/* --- remembering --- */

static bool has_id(const struct tracked *k, uint64_t id, uint32_t *at) {
    const uint64_t *ids = k->cap == 1 ? &k->one : k->many;
    uint32_t low = 0, high = k->n;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (ids[mid] < id)
            low = mid + 1;
        else
            high = mid;
    }
    *at = low;
    return low < k->n && ids[low] == id;
}

static void add_id(struct tracked *k, uint64_t id) {
    uint32_t at;
    if (has_id(k, id, &at)) return;
    if (k->n == k->cap) {
        uint32_t cap = k->cap * 2;
        if (k->cap == 1) {
            k->many = mem_alloc(cap * sizeof *k->many);
            k->many[0] = k->one;
        } else {
            k->many = mem_resize(k->many, k->cap * sizeof *k->many, cap * sizeof *k->many);
        }
        k->cap = cap;
    }
    memmove(k->many + at + 1, k->many + at, (k->n - at) * sizeof *k->many);
    k->many[at] = id;
    k->n++;
    server_gauges.tracking_items++;
}

static void remember(slice key, uint64_t id) {
    if (!table) table = dict_new(&tracked_type);
    uint64_t hash = dict_hash(table, key);
    struct tracked *k = dict_find_hashed(table, key, hash);
    if (likely(k != NULL)) {
        add_id(k, id);
        return;
    }
    k = mem_alloc(mem_tailed(sizeof *k + key.n));
    *k = (struct tracked){.key_n = key.n, .n = 1, .cap = 1, .one = id};
    memcpy(k->key, key.p, key.n);
    dict_insert_hashed(table, k, hash);
    server_gauges.tracking_keys++;
    server_gauges.tracking_items++;
}

static void remember_read(const struct tracker *t, const struct command *cmd, const slice *argv, int argc) {
    unsigned chosen = t->options & (TRACK_OPTIN | TRACK_OPTOUT);
    if ((t->options & TRACK_BCAST) || (cmd->flags & CMD_PUBSUB)) return;
    if (chosen && (chosen == TRACK_OPTIN) != t->caching) return;
    if (likely(cmd->first_key == 1 && cmd->last_key == 1 && cmd->n_keys == 1)) {
        remember(argv[1], t->c->id);
        return;
    }
    if (cmd->n_keys == 0) return;
    struct command_keys keys;
    command_keys_find(cmd, argv, argc, &keys);
    for (int i = 0; i < keys.n; i++) remember(argv[keys.v[i].pos], t->c->id);
    command_keys_free(&keys);
}

/* CACHING counts for the command behind it, or for the whole transaction. */
void tracking_observe(struct client *c, const struct command *cmd, const slice *argv, int argc) {
    struct tracker *t = c->tracking;
    if (!t) return;
    if (cmd->flags & CMD_READONLY) remember_read(t, cmd, argv, argc);
    bool about_clients = cmd->parent && strcmp(cmd->parent->name, "client") == 0;
    if (t->caching && !(c->flags & CLIENT_MULTI) && !about_clients) t->caching = false;
}

/* --- telling --- */

static void forget_key(struct tracked *k, uint64_t by) {
    struct telling telling;
    telling_begin(&telling, tracked_key(k));
    const uint64_t *ids = k->cap == 1 ? &k->one : k->many;
    for (uint32_t i = 0; i < k->n; i++) {
        struct tracker *t = tracker_by_id(ids[i]);
        if (!t || (t->options & TRACK_BCAST)) continue; /* it has changed its mind since */
        if ((t->options & TRACK_NOLOOP) && ids[i] == by) continue;
        tell(&telling, t);
    }
    telling_end(&telling);
    server_gauges.tracking_items -= k->n;
    server_gauges.tracking_keys--;
    free_tracked(k);
}

static void add_change(struct prefix *p, slice key, uint64_t by) {
    if (!p->pending) p->pending = dict_new(&changed_type);
    if (dict_find(p->pending, key)) return;
    struct changed *k = mem_alloc(mem_tailed(sizeof *k + key.n));
    *k = (struct changed){.key_n = key.n, .by = by};
    memcpy(k->key, key.p, key.n);
    dict_insert(p->pending, k);
}

void tracking_key_modified(struct db *db, slice key) {
    (void)db;
    if (likely(!(command_observers & OBSERVE_TRACKING))) return;
    uint64_t by = stats_client && !ks_change_is_unasked() ? stats_client->id : 0;
    for (size_t i = 0; i < prefixes.n; i++) {
        slice text = sds_slice(prefixes.v[i]->text);
        if (text.n <= key.n && memcmp(text.p, key.p, text.n) == 0) add_change(prefixes.v[i], key, by);
    }
    struct tracked *k = table ? dict_take(table, key) : NULL;
    if (k) forget_key(k, by);
}

static void tell_all_gone(void *ctx, void *item) {
    tell(ctx, item);
}

void tracking_flushed(void) {
    if (likely(!(command_observers & OBSERVE_TRACKING))) return;
    struct telling telling;
    telling_begin_all(&telling);
    dict_each(trackers, tell_all_gone, &telling);
    telling_end(&telling);
    clear_table();
    count_for_info();
}

/* --- at the end of a turn --- */

static void bound_table(void) {
    enum { AT_ONCE = 1000 };
    size_t most = server_config.tracking_table_max_keys;
    if (!table || most == 0) return;
    for (int n = 0; dict_size(table) > most; n++) {
        if (n == AT_ONCE) {
            ev_want_turn();
            return;
        }
        struct tracked *k = dict_random(table);
        dict_take(table, tracked_key(k));
        forget_key(k, 0);
    }
}

struct gathered {
    struct changed **v;
    size_t n;
};

static void gather(void *ctx, void *item) {
    struct gathered *g = ctx;
    g->v[g->n++] = item;
}

static int by_key(const void *a, const void *b) {
    return slice_cmp(changed_key(*(struct changed *const *)a), changed_key(*(struct changed *const *)b));
}

/* The keys that a client with this ID is to be told of, as an array; but: those it changed itself are left out. 0: none. */
static sds keys_but_of(const struct gathered *g, uint64_t but) {
    sds body = sds_empty();
    size_t n = 0;
    for (size_t i = 0; i < g->n; i++) {
        if (but && g->v[i]->by == but) continue;
        body = telling_cat_key(body, changed_key(g->v[i]));
        n++;
    }
    if (n == 0) {
        sds_free(body);
        return NULL;
    }
    sds whole = sds_cat_printf(sds_empty(), "*%zu\r\n", n);
    whole = sds_cat(whole, body, sds_len(body));
    sds_free(body);
    return whole;
}

static void tell_body(struct tracker *t, sds body) {
    struct telling one;
    if (!body) return;
    telling_begin_body(&one, sds_slice(body));
    tell(&one, t);
    telling_end(&one);
}

static void tell_prefix(struct prefix *p) {
    struct gathered g = {.v = mem_alloc(dict_size(p->pending) * sizeof *g.v)};
    struct telling all;
    dict_each(p->pending, gather, &g);
    qsort(g.v, g.n, sizeof *g.v, by_key);
    sds body = keys_but_of(&g, 0);
    telling_begin_body(&all, sds_slice(body));
    for (size_t i = 0; i < p->n; i++) {
        struct tracker *t = p->trackers[i];
        if (!(t->options & TRACK_NOLOOP)) {
            tell(&all, t);
            continue;
        }
        sds others = keys_but_of(&g, t->c->id);
        tell_body(t, others);
        sds_free(others);
    }
    telling_end(&all);
    sds_free(body);
    mem_free(g.v, g.n * sizeof *g.v);
    dict_free(p->pending);
    p->pending = NULL;
}

static void end_of_turn(void) {
    if (likely(!(command_observers & OBSERVE_TRACKING))) return;
    bound_table();
    for (size_t i = 0; i < prefixes.n; i++)
        if (prefixes.v[i]->pending) tell_prefix(prefixes.v[i]);
}

void tracking_init(void) {
    ev_hook_add(EV_BEFORE_WAIT, end_of_turn);
}

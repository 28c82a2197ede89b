/* Sorted sets: taking members off either end: ZPOPMIN ZPOPMAX ZMPOP, and those that wait for some: BZPOPMIN BZPOPMAX
 * BZMPOP. Replicas never wait and never choose: whatever popped leaves as ZPOPMIN or ZPOPMAX of the key that was popped. */
#include "command/blocking.h"

#include "base/alloc.h"
#include "command/handlers.h"
#include "command/propagate.h"
#include "command/zset_cmd.h"

static const char *const pop_events[] = {"zpopmin", "zpopmax"};

/* Replies the elements (their array's header is out already) and removes them. */
static void pop(struct client *c, slice key, struct entry *e, size_t n, bool max, bool nested) {
    struct zset z = zset_of(e);
    size_t count = zset_count(&z);
    struct zset_span span = max ? (struct zset_span){count - n, count} : (struct zset_span){0, n};
    struct zset_iter it;
    zset_walk(&it, &z, span, max);
    while (zset_next(&it)) {
        if (nested) reply_array(&c->out, 2);
        reply_bulk(&c->out, it.member.p, it.member.n);
        reply_double(&c->out, it.score);
    }
    zset_remove_span(&z, span);
    ks_dirty += n;
    zset_changed(c, key, e, &z, pop_events[max]);
}

static size_t pop_count(const struct entry *e, int64_t count) {
    struct zset z = zset_of(e);
    size_t n = zset_count(&z);
    return (uint64_t)count < n ? (size_t)count : n;
}

/* --- ZPOPMIN, ZPOPMAX --- */

static void pop_command(struct client *c, const slice *argv, int argc, bool max) {
    int64_t count = 1;
    if (argc > 3) {
        cmd_syntax_error(c);
        return;
    }
    if (argc == 3 && !cmd_int_in(c, argv[2], 0, INT64_MAX, &count, NULL)) return;
    struct entry *e = db_write(client_db(c), argv[1], 0);
    if (!cmd_type_is(c, e, TYPE_ZSET)) return;
    if (!e || count == 0) {
        reply_array(&c->out, 0);
        return;
    }
    size_t n = pop_count(e, count);
    bool nested = c->out.proto > 2 && argc == 3;
    reply_array(&c->out, (int64_t)(nested ? n : 2 * n));
    pop(c, argv[1], e, n, max, nested);
}

void zpopmin_command(struct client *c, const slice *argv, int argc) {
    pop_command(c, argv, argc, false);
}

void zpopmax_command(struct client *c, const slice *argv, int argc) {
    pop_command(c, argv, argc, true);
}

/* --- from the first of several keys --- */

struct pop_request { /* also what is kept of a client that waits */
    bool max;
    int64_t count; /* 0: one member, in a flat reply (BZPOPMIN, BZPOPMAX) */
};

struct effect { /* what replicas get */
    slice words[3];
    int n;
    char digits[NUM_INT_BYTES];
};

static void take(struct client *c, const struct pop_request *r, slice key, struct entry *e,
                 struct effect *out) {
    size_t n = pop_count(e, r->count ? r->count : 1);
    out->words[0] = r->max ? SLICE("ZPOPMAX") : SLICE("ZPOPMIN");
    out->words[1] = key;
    out->words[2] = (slice){out->digits, num_format_u64(out->digits, n)};
    out->n = r->count ? 3 : 2;
    reply_array(&c->out, r->count ? 2 : 3);
    reply_bulk(&c->out, key.p, key.n);
    if (r->count) reply_array(&c->out, (int64_t)n);
    pop(c, key, e, n, r->max, r->count != 0);
}

/* False when none of the keys has members; true: replied, if only with an error. */
static bool take_first(struct client *c, const struct pop_request *r, const slice *keys, int n_keys) {
    for (int i = 0; i < n_keys; i++) {
        struct entry *e = db_write(client_db(c), keys[i], 0);
        if (!e) continue;
        if (!cmd_type_is(c, e, TYPE_ZSET)) return true;
        struct effect effect;
        take(c, r, keys[i], e, &effect);
        propagate_instead(effect.n, effect.words);
        return true;
    }
    return false;
}

/* numkeys key... MIN|MAX [COUNT count] from argv[at] on. */
static bool parse_mpop(struct client *c, const slice *argv, int argc, int at, struct pop_request *r,
                       int *n_keys) {
    int64_t n;
    if (!cmd_int_in(c, argv[at], 1, INT64_MAX, &n, "ERR numkeys should be greater than 0")) return false;
    int64_t where = n < argc ? at + 1 + n : argc;
    bool ok = where < argc && (slice_is(argv[where], "min") || slice_is(argv[where], "max"));
    r->max = ok && slice_is(argv[where], "max");
    r->count = 0;
    for (int i = (int)where + 1; ok && i < argc; i += 2) {
        ok = r->count == 0 && i + 1 < argc && slice_is(argv[i], "count");
        if (ok && !cmd_int_in(c, argv[i + 1], 1, INT64_MAX, &r->count, "ERR count should be greater than 0"))
            return false;
    }
    if (!ok) cmd_syntax_error(c);
    if (r->count == 0) r->count = 1;
    *n_keys = (int)n;
    return ok;
}

void zmpop_command(struct client *c, const slice *argv, int argc) {
    struct pop_request r;
    int n_keys;
    if (parse_mpop(c, argv, argc, 1, &r, &n_keys) && !take_first(c, &r, argv + 2, n_keys))
        reply_null_array(&c->out);
}

/* --- waiting --- */

static bool serve(struct client *c, slice key, struct entry *e, void *state) {
    struct effect effect;
    take(c, state, key, e, &effect);
    propagate_also(c->db, effect.n, effect.words);
    return true;
}

static void free_request(void *state) {
    mem_free(state, sizeof(struct pop_request));
}

static const struct blocking_way way = {.type = TYPE_ZSET, .serve = serve, .free_state = free_request};

static void take_or_wait(struct client *c, const struct pop_request *r, const slice *keys, int n_keys,
                         slice timeout) {
    int64_t timeout_ms;
    if (!blocking_timeout(c, timeout, &timeout_ms) || take_first(c, r, keys, n_keys)) return;
    if (!blocking_allowed(c)) {
        reply_null_array(&c->out);
        return;
    }
    struct pop_request *state = mem_alloc(sizeof *state);
    *state = *r;
    block_for_keys(c, &way, keys, n_keys, timeout_ms, state);
}

void bzpopmin_command(struct client *c, const slice *argv, int argc) {
    take_or_wait(c, &(struct pop_request){.max = false}, argv + 1, argc - 2, argv[argc - 1]);
}

void bzpopmax_command(struct client *c, const slice *argv, int argc) {
    take_or_wait(c, &(struct pop_request){.max = true}, argv + 1, argc - 2, argv[argc - 1]);
}

void bzmpop_command(struct client *c, const slice *argv, int argc) {
    struct pop_request r;
    int n_keys;
    if (parse_mpop(c, argv, argc, 2, &r, &n_keys)) take_or_wait(c, &r, argv + 3, n_keys, argv[1]);
}

/* List commands that wait: BLPOP BRPOP BLMPOP BLMOVE BRPOPLPUSH.
 *
 * When there is an element they do what their sisters without B do, and leave as those for replicas, now as well as
 * after a wait: replicas never wait. */
#include "command/blocking.h"

#include "base/alloc.h"
#include "command/handlers.h"
#include "command/list_cmd.h"
#include "command/propagate.h"

/* What a client asked for, kept while it waits. */
struct list_wait {
    enum { POP, POP_MANY, MOVE } how;
    enum list_end from, to;
    int64_t count;
    bool as_rpoplpush; /* BRPOPLPUSH leaves in its own words */
    size_t dst_n;
    char dst[];
};

static size_t wait_bytes(size_t dst_n) {
    return sizeof(struct list_wait) + dst_n;
}

static void free_wait(void *state) {
    mem_free(state, wait_bytes(((struct list_wait *)state)->dst_n));
}

/* --- doing it --- */

struct effect { /* what replicas get */
    slice words[5];
    int n;
    char digits[NUM_INT_BYTES];
};

/* Takes from the key's list and replies. False: an error was replied instead. */
static bool take(struct client *c, const struct list_wait *w, slice key, struct list *l, slice dst,
                 struct effect *out) {
    if (w->how == MOVE) {
        out->n = list_move_words(out->words, key, dst, w->from, w->to);
        if (w->as_rpoplpush) {
            out->words[0] = SLICE("RPOPLPUSH");
            out->n = 3;
        }
        return list_move(c, key, l, dst, w->from, w->to);
    }
    out->n = list_pop_words(out->words, key, w->from);
    if (w->how == POP_MANY) {
        size_t taken = list_pop_with_key(c, key, l, w->from, w->count);
        out->words[out->n++] = (slice){out->digits, num_format_u64(out->digits, taken)};
        return true;
    }
    reply_array(&c->out, 2);
    reply_bulk(&c->out, key.p, key.n);
    list_pop_one(c, key, l, w->from);
    return true;
}

static bool serve(struct client *c, slice key, struct entry *e, void *state) {
    const struct list_wait *w = state;
    struct effect effect;
    if (take(c, w, key, entry_ptr(e), (slice){w->dst, w->dst_n}, &effect))
        propagate_also(c->db, effect.n, effect.words);
    return true;
}

static const struct blocking_way way = {.type = TYPE_LIST, .serve = serve, .free_state = free_wait};

/* Takes from the first key that has something, else waits. */
static void take_or_wait(struct client *c, const slice *keys, int n_keys, slice dst, slice timeout,
                         const struct list_wait *w) {
    struct list *l = NULL;
    int64_t timeout_ms;
    if (!blocking_timeout(c, timeout, &timeout_ms)) return;
    for (int i = 0; i < n_keys; i++) {
        struct effect effect;
        if (!list_to_change(c, keys[i], &l)) return;
        if (!l) continue;
        if (take(c, w, keys[i], l, dst, &effect)) propagate_instead(effect.n, effect.words);
        return;
    }
    if (blocking_allowed(c)) {
        struct list_wait *state = mem_alloc(wait_bytes(dst.n));
        *state = *w;
        state->dst_n = dst.n;
        if (dst.n) memcpy(state->dst, dst.p, dst.n);
        block_for_keys(c, &way, keys, n_keys, timeout_ms, state);
    } else if (w->how == MOVE) {
        reply_null(&c->out);
    } else {
        reply_null_array(&c->out);
    }
}

/* --- commands --- */

static void pop(struct client *c, const slice *argv, int argc, enum list_end end) {
    struct list_wait w = {.how = POP, .from = end};
    take_or_wait(c, argv + 1, argc - 2, (slice){0}, argv[argc - 1], &w);
}

void blpop_command(struct client *c, const slice *argv, int argc) {
    pop(c, argv, argc, LIST_HEAD);
}

void brpop_command(struct client *c, const slice *argv, int argc) {
    pop(c, argv, argc, LIST_TAIL);
}

void blmpop_command(struct client *c, const slice *argv, int argc) {
    struct list_mpop m;
    if (!list_mpop_args(c, argv, argc, 2, &m)) return;
    struct list_wait w = {.how = POP_MANY, .from = m.end, .count = m.count};
    take_or_wait(c, m.keys, m.n_keys, (slice){0}, argv[1], &w);
}

void blmove_command(struct client *c, const slice *argv, int argc) {
    struct list_wait w = {.how = MOVE};
    (void)argc;
    if (list_end_arg(c, argv[3], &w.from) && list_end_arg(c, argv[4], &w.to))
        take_or_wait(c, argv + 1, 1, argv[2], argv[5], &w);
}

void brpoplpush_command(struct client *c, const slice *argv, int argc) {
    struct list_wait w = {.how = MOVE, .from = LIST_TAIL, .to = LIST_HEAD, .as_rpoplpush = true};
    (void)argc;
    take_or_wait(c, argv + 1, 1, argv[2], argv[3], &w);
}

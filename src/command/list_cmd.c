/* List commands at the ends: pushing, popping, moving from list to list. Reads and changes in the middle are in
 * list_range_cmd.c, waiting for elements in list_block_cmd.c.
 *
 * Invariant: a key's list is never left empty (list_shrunk deletes the key), and every change is signalled, notified
 * and counted in the order of the reference, which clients of keyspace events see. */
#include "command/list_cmd.h"

#include "base/alloc.h"
#include "command/handlers.h"
#include "command/propagate.h"

/* --- shared by the family --- */

static bool list_of(struct client *c, const struct entry *e, struct list **l) {
    if (!cmd_type_is(c, e, TYPE_LIST)) return false;
    *l = e ? entry_ptr(e) : NULL;
    return true;
}

bool list_to_change(struct client *c, slice key, struct list **l) {
    return list_of(c, db_write(client_db(c), key, 0), l);
}

bool list_to_read(struct client *c, slice key, struct list **l) {
    return list_of(c, db_read(client_db(c), key, 0), l);
}

bool list_end_arg(struct client *c, slice s, enum list_end *end) {
    bool left = slice_is(s, "left");
    if (!left && !slice_is(s, "right")) {
        cmd_syntax_error(c);
        return false;
    }
    *end = left ? LIST_HEAD : LIST_TAIL;
    return true;
}

bool list_element_ok(struct client *c, slice s) {
    if (likely(s.n <= LIST_ELEMENT_BYTES_MAX)) return true;
    reply_error(&c->out, "ERR Element too large");
    return false;
}

void list_reply_element(struct client *c, struct lp_value v) {
    if (v.text.p)
        reply_bulk(&c->out, v.text.p, v.text.n);
    else
        reply_bulk_int(&c->out, v.integer);
}

void list_reply_range(struct client *c, struct list *l, int64_t index, size_t n, enum list_end toward) {
    struct list_cursor cur;
    reply_array(&c->out, (int64_t)n);
    if (n == 0) return;
    list_cursor_start(&cur, l, index, toward);
    list_reply_element(c, list_cursor_value(&cur));
    while (--n > 0) {
        list_cursor_step(&cur);
        list_reply_element(c, list_cursor_value(&cur));
    }
    list_cursor_done(&cur);
}

void list_shrunk(struct client *c, slice key, const struct list *l, const char *event, size_t n) {
    ks_notify(NOTIFY_LIST, event, key, c->db);
    if (list_length(l) == 0) {
        db_delete(client_db(c), key);
        ks_notify(NOTIFY_GENERIC, "del", key, c->db);
    }
    db_modified(client_db(c), key);
    ks_dirty += n;
}

static void list_taken(struct client *c, slice key, const struct list *l, enum list_end end, size_t n) {
    list_shrunk(c, key, l, end == LIST_HEAD ? "lpop" : "rpop", n);
}

void list_pop_one(struct client *c, slice key, struct list *l, enum list_end end) {
    list_reply_element(c, list_peek(l, end));
    list_drop(l, end, 1);
    list_taken(c, key, l, end, 1);
}

static size_t pop_range(struct client *c, slice key, struct list *l, enum list_end end, int64_t count) {
    size_t length = list_length(l), n = (uint64_t)count < length ? (size_t)count : length;
    list_reply_range(c, l, end == LIST_HEAD ? 0 : -1, n, end == LIST_HEAD ? LIST_TAIL : LIST_HEAD);
    list_drop(l, end, n);
    list_taken(c, key, l, end, n);
    return n;
}

size_t list_pop_with_key(struct client *c, slice key, struct list *l, enum list_end end, int64_t count) {
    reply_array(&c->out, 2);
    reply_bulk(&c->out, key.p, key.n);
    return pop_range(c, key, l, end, count);
}

int list_pop_words(slice *v, slice key, enum list_end end) {
    v[0] = end == LIST_HEAD ? SLICE("LPOP") : SLICE("RPOP");
    v[1] = key;
    return 2;
}

int list_move_words(slice *v, slice src, slice dst, enum list_end from, enum list_end to) {
    v[0] = SLICE("LMOVE");
    v[1] = src;
    v[2] = dst;
    v[3] = from == LIST_HEAD ? SLICE("left") : SLICE("right");
    v[4] = to == LIST_HEAD ? SLICE("left") : SLICE("right");
    return 5;
}

/* list_pop_with_key as the whole effect of the running command, which leaves as [LR]POP key count. */
static void list_mpop_key(struct client *c, slice key, struct list *l, enum list_end end, int64_t count) {
    slice words[3];
    char digits[NUM_INT_BYTES];
    list_pop_words(words, key, end);
    words[2] = (slice){digits, num_format_u64(digits, list_pop_with_key(c, key, l, end, count))};
    propagate_instead(3, words);
}

/* --- pushing --- */

static struct list *add_list(struct client *c, slice key) {
    struct value v = {.type = TYPE_LIST, .ptr = list_new()};
    db_set(client_db(c), key, &v, NO_EXPIRE);
    return v.ptr;
}

static void push(struct client *c, const slice *argv, int argc, enum list_end end, bool only_existing) {
    struct list *l;
    for (int i = 2; i < argc; i++)
        if (!list_element_ok(c, argv[i])) return;
    if (!list_to_change(c, argv[1], &l)) return;
    if (!l && only_existing) {
        reply_int(&c->out, 0);
        return;
    }
    if (!l) l = add_list(c, argv[1]);
    for (int i = 2; i < argc; i++) list_push(l, end, argv[i]);
    ks_dirty += (uint64_t)argc - 2;
    reply_int(&c->out, (int64_t)list_length(l));
    cmd_changed(c, argv[1], NOTIFY_LIST, end == LIST_HEAD ? "lpush" : "rpush");
}

void lpush_command(struct client *c, const slice *argv, int argc) {
    push(c, argv, argc, LIST_HEAD, false);
}

void rpush_command(struct client *c, const slice *argv, int argc) {
    push(c, argv, argc, LIST_TAIL, false);
}

void lpushx_command(struct client *c, const slice *argv, int argc) {
    push(c, argv, argc, LIST_HEAD, true);
}

void rpushx_command(struct client *c, const slice *argv, int argc) {
    push(c, argv, argc, LIST_TAIL, true);
}

/* --- popping --- */

static void pop(struct client *c, const slice *argv, int argc, enum list_end end) {
    struct list *l;
    int64_t count = 0;
    if (argc > 3) {
        cmd_arity_error(c, argv);
        return;
    }
    if (argc == 3 && !cmd_int_in(c, argv[2], 0, INT64_MAX, &count, NULL)) return;
    if (!list_to_change(c, argv[1], &l)) return;
    if (!l && argc == 3)
        reply_null_array(&c->out);
    else if (!l)
        reply_null(&c->out);
    else if (argc == 2)
        list_pop_one(c, argv[1], l, end);
    else if (count == 0)
        reply_array(&c->out, 0);
    else
        pop_range(c, argv[1], l, end, count);
}

void lpop_command(struct client *c, const slice *argv, int argc) {
    pop(c, argv, argc, LIST_HEAD);
}

void rpop_command(struct client *c, const slice *argv, int argc) {
    pop(c, argv, argc, LIST_TAIL);
}

bool list_mpop_args(struct client *c, const slice *argv, int argc, int at, struct list_mpop *m) {
    int64_t n;
    bool counted = false;
    if (!cmd_int_in(c, argv[at], 1, INT64_MAX, &n, "ERR numkeys should be greater than 0")) return false;
    if (n >= argc - at - 1) {
        cmd_syntax_error(c);
        return false;
    }
    *m = (struct list_mpop){.keys = argv + at + 1, .n_keys = (int)n, .count = 1};
    int i = at + 1 + (int)n;
    if (!list_end_arg(c, argv[i], &m->end)) return false;
    for (i++; i < argc; i += 2) {
        if (counted || i + 1 == argc || !slice_is(argv[i], "count")) {
            cmd_syntax_error(c);
            return false;
        }
        counted = true;
        if (!cmd_int_in(c, argv[i + 1], 1, INT64_MAX, &m->count, "ERR count should be greater than 0"))
            return false;
    }
    return true;
}

void lmpop_command(struct client *c, const slice *argv, int argc) {
    struct list_mpop m;
    struct list *l;
    if (!list_mpop_args(c, argv, argc, 1, &m)) return;
    for (int i = 0; i < m.n_keys; i++) {
        if (!list_to_change(c, m.keys[i], &l)) return;
        if (!l) continue;
        list_mpop_key(c, m.keys[i], l, m.end, m.count);
        return;
    }
    reply_null_array(&c->out);
}

/* --- from list to list --- */

/* The element's bytes must survive the push when both lists are the same. */
static void move_element(struct client *c, struct list *l, struct list *to_list, enum list_end from,
                         enum list_end to) {
    struct lp_value v = list_peek(l, from);
    char digits[NUM_INT_BYTES];
    slice s = lp_value_text(v, digits);
    char *copy = NULL;
    if (l == to_list && v.text.p) s.p = copy = memcpy(mem_alloc(s.n), s.p, s.n);
    if (l == to_list) list_drop(l, from, 1);
    list_push(to_list, to, s);
    reply_bulk(&c->out, s.p, s.n);
    if (l != to_list) list_drop(l, from, 1);
    mem_free(copy, s.n);
}

bool list_move(struct client *c, slice src, struct list *l, slice dst, enum list_end from, enum list_end to) {
    struct list *to_list;
    if (!list_to_change(c, dst, &to_list)) return false;
    if (!to_list) to_list = add_list(c, dst);
    move_element(c, l, to_list, from, to);
    cmd_changed(c, dst, NOTIFY_LIST, to == LIST_HEAD ? "lpush" : "rpush");
    list_taken(c, src, l, from, 1);
    return true;
}

static void move(struct client *c, slice src, slice dst, enum list_end from, enum list_end to) {
    struct list *l;
    if (!list_to_change(c, src, &l)) return;
    if (l)
        list_move(c, src, l, dst, from, to);
    else
        reply_null(&c->out);
}

void lmove_command(struct client *c, const slice *argv, int argc) {
    enum list_end from, to;
    (void)argc;
    if (list_end_arg(c, argv[3], &from) && list_end_arg(c, argv[4], &to)) move(c, argv[1], argv[2], from, to);
}

void rpoplpush_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    move(c, argv[1], argv[2], LIST_TAIL, LIST_HEAD);
}

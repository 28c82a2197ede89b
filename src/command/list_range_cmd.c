/* List commands by index, range and value: LINDEX LSET LRANGE LTRIM LREM LINSERT LPOS LLEN.
 *
 * The order of checks (arguments, key, type) differs from command to command as it does in the reference. */
#include "command/handlers.h"
#include "command/list_cmd.h"

void llen_command(struct client *c, const slice *argv, int argc) {
    struct list *l;
    (void)argc;
    if (list_to_read(c, argv[1], &l)) reply_int(&c->out, l ? (int64_t)list_length(l) : 0);
}

void lindex_command(struct client *c, const slice *argv, int argc) {
    struct list *l;
    struct list_cursor cur;
    int64_t index;
    (void)argc;
    if (!list_to_read(c, argv[1], &l)) return;
    if (!l) {
        reply_null(&c->out);
        return;
    }
    if (!cmd_i64(c, argv[2], &index, NULL)) return;
    if (!list_cursor_start(&cur, l, index, LIST_TAIL)) {
        reply_null(&c->out);
        return;
    }
    list_reply_element(c, list_cursor_value(&cur));
    list_cursor_done(&cur);
}

void lset_command(struct client *c, const slice *argv, int argc) {
    struct list *l;
    struct list_cursor cur;
    int64_t index;
    (void)argc;
    if (!list_to_change(c, argv[1], &l)) return;
    if (!l) {
        reply_error(&c->out, "ERR no such key");
        return;
    }
    if (!list_element_ok(c, argv[3]) || !cmd_i64(c, argv[2], &index, NULL)) return;
    if (!list_cursor_start(&cur, l, index, LIST_TAIL)) {
        reply_error(&c->out, "ERR index out of range");
        return;
    }
    list_cursor_replace(&cur, argv[3]);
    reply_ok(&c->out);
    cmd_changed(c, argv[1], NOTIFY_LIST, "lset");
    ks_dirty++;
}

/* --- ranges --- */

/* [start, stop], where negative ones count from the tail, as first index and number of elements. */
static size_t range_of(int64_t start, int64_t stop, int64_t length, int64_t *first) {
    if (start < 0) start += length;
    if (stop < 0) stop += length;
    if (start < 0) start = 0;
    if (stop >= length) stop = length - 1;
    *first = start;
    return start <= stop ? (size_t)(stop - start + 1) : 0;
}

void lrange_command(struct client *c, const slice *argv, int argc) {
    struct list *l;
    int64_t start, stop, first;
    (void)argc;
    if (!cmd_i64(c, argv[2], &start, NULL) || !cmd_i64(c, argv[3], &stop, NULL)) return;
    if (!list_to_read(c, argv[1], &l)) return;
    size_t n = l ? range_of(start, stop, (int64_t)list_length(l), &first) : 0;
    if (n)
        list_reply_range(c, l, first, n, LIST_TAIL);
    else
        reply_array(&c->out, 0);
}

void ltrim_command(struct client *c, const slice *argv, int argc) {
    struct list *l;
    int64_t start, stop, first;
    (void)argc;
    if (!cmd_i64(c, argv[2], &start, NULL) || !cmd_i64(c, argv[3], &stop, NULL)) return;
    if (!list_to_change(c, argv[1], &l)) return;
    if (l) {
        size_t length = list_length(l), n = range_of(start, stop, (int64_t)length, &first);
        list_drop(l, LIST_HEAD, n ? (size_t)first : length);
        list_drop(l, LIST_TAIL, n ? list_length(l) - n : 0);
        list_shrunk(c, argv[1], l, "ltrim", length - n);
    }
    reply_ok(&c->out);
}

/* --- by value --- */

static size_t remove_matches(struct list *l, slice s, size_t most, enum list_end toward) {
    struct list_needle needle = list_needle(s);
    struct list_cursor cur;
    size_t removed = 0;
    bool more = list_cursor_start(&cur, l, toward == LIST_TAIL ? 0 : -1, toward);
    while (more && removed < most) {
        if (list_matches(&needle, list_cursor_value(&cur))) {
            more = list_cursor_remove(&cur);
            removed++;
        } else {
            more = list_cursor_step(&cur);
        }
    }
    list_cursor_done(&cur);
    return removed;
}

void lrem_command(struct client *c, const slice *argv, int argc) {
    struct list *l;
    int64_t count;
    size_t removed = 0;
    (void)argc;
    if (!cmd_i64(c, argv[2], &count, NULL) || !list_to_change(c, argv[1], &l)) return;
    if (l) {
        size_t most = count == 0 ? SIZE_MAX : count > 0 ? (size_t)count : -(size_t)count;
        removed = remove_matches(l, argv[3], most, count < 0 ? LIST_HEAD : LIST_TAIL);
    }
    if (removed) list_shrunk(c, argv[1], l, "lrem", removed);
    reply_int(&c->out, (int64_t)removed);
}

static bool find_first(struct list *l, slice s, struct list_cursor *cur) {
    struct list_needle needle = list_needle(s);
    bool more = list_cursor_start(cur, l, 0, LIST_TAIL);
    while (more && !list_matches(&needle, list_cursor_value(cur))) more = list_cursor_step(cur);
    return more;
}

void linsert_command(struct client *c, const slice *argv, int argc) {
    struct list *l;
    struct list_cursor cur;
    bool after = slice_is(argv[2], "after");
    (void)argc;
    if (!after && !slice_is(argv[2], "before")) {
        cmd_syntax_error(c);
        return;
    }
    if (!list_element_ok(c, argv[4]) || !list_to_change(c, argv[1], &l)) return;
    if (!l) {
        reply_int(&c->out, 0);
        return;
    }
    if (!find_first(l, argv[3], &cur)) {
        reply_int(&c->out, -1);
        return;
    }
    list_cursor_insert(&cur, after, argv[4]);
    cmd_changed(c, argv[1], NOTIFY_LIST, "linsert");
    ks_dirty++;
    reply_int(&c->out, (int64_t)list_length(l));
}

/* --- LPOS --- */

struct lpos {
    int64_t rank;   /* which match is the first to be told, from 1 */
    int64_t count;  /* -1: one, not as an array; 0: all */
    int64_t maxlen; /* how many elements to look at; 0: all */
    bool from_tail;
};

static bool parse_lpos(struct client *c, const slice *argv, int argc, struct lpos *o) {
    *o = (struct lpos){.rank = 1, .count = -1};
    for (int i = 3; i < argc; i += 2) {
        bool has_value = i + 1 < argc;
        if (has_value && slice_is(argv[i], "rank")) {
            if (!cmd_i64(c, argv[i + 1], &o->rank, NULL)) return false;
            if (o->rank == 0) {
                reply_error(&c->out, "ERR RANK can't be zero: use 1 to start from the first match, 2 from "
                                     "the second ... or use negative to start from the end of the list");
                return false;
            }
        } else if (has_value && slice_is(argv[i], "count")) {
            if (!cmd_int_in(c, argv[i + 1], 0, INT64_MAX, &o->count, "ERR COUNT can't be negative"))
                return false;
        } else if (has_value && slice_is(argv[i], "maxlen")) {
            if (!cmd_int_in(c, argv[i + 1], 0, INT64_MAX, &o->maxlen, "ERR MAXLEN can't be negative"))
                return false;
        } else {
            cmd_syntax_error(c);
            return false;
        }
    }
    if (o->rank < 0) {
        o->from_tail = true;
        o->rank = o->rank == INT64_MIN ? 1 : -o->rank; /* which the reference takes for any match, too */
    }
    return true;
}

/* Replies each position told; returns how many. */
static int64_t tell_matches(struct client *c, struct list *l, slice s, const struct lpos *o) {
    struct list_needle needle = list_needle(s);
    struct list_cursor cur;
    int64_t length = (int64_t)list_length(l), seen = 0, told = 0;
    int64_t most = o->count > 0 ? o->count : o->count < 0 ? 1 : INT64_MAX;
    int64_t look_at = o->maxlen && o->maxlen < length ? o->maxlen : length;
    list_cursor_start(&cur, l, o->from_tail ? -1 : 0, o->from_tail ? LIST_HEAD : LIST_TAIL);
    for (int64_t i = 0; i < look_at && told < most; i++) {
        if (list_matches(&needle, list_cursor_value(&cur)) && ++seen >= o->rank) {
            reply_int(&c->out, o->from_tail ? length - 1 - i : i);
            told++;
        }
        if (!list_cursor_step(&cur)) break;
    }
    list_cursor_done(&cur);
    return told;
}

void lpos_command(struct client *c, const slice *argv, int argc) {
    struct lpos o;
    struct list *l;
    if (!parse_lpos(c, argv, argc, &o) || !list_to_read(c, argv[1], &l)) return;
    if (o.count >= 0) {
        struct reply_mark mark = reply_defer(&c->out);
        reply_defer_array(&c->out, mark, l ? tell_matches(c, l, argv[2], &o) : 0);
    } else if (!l || tell_matches(c, l, argv[2], &o) == 0) {
        reply_null(&c->out);
    }
}

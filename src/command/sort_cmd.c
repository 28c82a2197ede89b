/* SORT and SORT_RO: the elements of a list, set or sorted set in an order of their own or of other keys, and what
 * other keys hold for each of them.
 *
 * Invariant: all elements are copied before another key is looked up, because looking up may delete what has expired.
 * Copies end with a NUL: numbers and collation are read as C strings, as Redis reads them.
 * Elements that compare equal stay in the order in which the value gave them, unless LIMIT takes a part of what BY orders:
 * only that part is sorted, and equals come as partial_sort leaves them, as with Redis. What STORE takes from a set or
 * sorted set is the same on every replica of ours: there equals go by their bytes. */
#include "base/alloc.h"
#include "base/partial_sort.h"
#include "base/sds.h"
#include "command/access.h"
#include "command/families.h"
#include "command/handlers.h"
#include "keyspace/hash.h"
#include "keyspace/list.h"
#include "keyspace/set.h"
#include "keyspace/str.h"
#include "keyspace/zset.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

struct query {
    bool descending, alpha, stores;
    bool unsorted; /* BY names no key */
    bool settles;  /* equals go by their bytes: what is stored of a table must not depend on its order */
    bool reads_all_keys; /* the user may: only then are there BY and GET */
    slice store, by;
    bool has_by;
    slice *gets; /* the patterns of GET; room for argc */
    int n_gets;
    int64_t limit_start, limit_count;
};

struct item {
    slice element;
    double score;
    slice weight; /* ALPHA with BY; p NULL: there is no such key */
};

/* Copies live in blocks that are freed together. */
struct block {
    struct block *next;
    size_t size, used;
    char bytes[];
};
#define BLOCK_BYTES 65536

struct sorter {
    struct query q;
    struct client *c;
    struct item *items;
    size_t n, room;
    struct block *blocks;
    sds name; /* the last key made of a pattern */
};

/* --- parsing --- */

static int deny(struct client *c, const char *option) {
    reply_errorf(&c->out, "ERR %s option of SORT denied due to insufficient ACL permissions.", option);
    return 0;
}

/* Returns how many words the option took; 0: an error has been replied. */
static int parse_option(struct client *c, const slice *argv, int left, bool read_only, struct query *q) {
    if (slice_is(argv[0], "asc") || slice_is(argv[0], "desc")) {
        q->descending = slice_is(argv[0], "desc");
        return 1;
    }
    if (slice_is(argv[0], "alpha")) {
        q->alpha = true;
        return 1;
    }
    if (slice_is(argv[0], "limit") && left > 2) {
        bool ok = cmd_i64(c, argv[1], &q->limit_start, NULL) && cmd_i64(c, argv[2], &q->limit_count, NULL);
        return ok ? 3 : 0;
    }
    if (!read_only && slice_is(argv[0], "store") && left > 1) {
        q->stores = true;
        q->store = argv[1];
    } else if (slice_is(argv[0], "by") && left > 1) {
        q->has_by = true;
        q->by = argv[1];
        /* One BY without a star is enough, wherever it stands. */
        if (!memchr(argv[1].p, '*', strnlen(argv[1].p, argv[1].n)))
            q->unsorted = true;
        else if (!q->reads_all_keys)
            return deny(c, "BY");
    } else if (slice_is(argv[0], "get") && left > 1) {
        if (!q->reads_all_keys) return deny(c, "GET");
        q->gets[q->n_gets++] = argv[1];
    } else {
        cmd_syntax_error(c);
        return 0;
    }
    return 2;
}

static bool parse(struct client *c, const slice *argv, int argc, bool read_only, struct query *q) {
    q->limit_count = -1;
    q->reads_all_keys = likely(!c->limited) || access_to_all_keys(c, argv, argc);
    for (int i = 2; i < argc;) {
        int took = parse_option(c, argv + i, argc - i, read_only, q);
        if (took == 0) return false;
        i += took;
    }
    return true;
}

/* --- copies --- */

static slice keep(struct sorter *s, slice from) {
    struct block *b = s->blocks;
    if (!b || b->size - b->used <= from.n) {
        size_t size = from.n + 1 > BLOCK_BYTES ? from.n + 1 : BLOCK_BYTES;
        b = mem_alloc(sizeof *b + size);
        *b = (struct block){.next = s->blocks, .size = size};
        s->blocks = b;
    }
    char *to = b->bytes + b->used;
    if (from.n) memcpy(to, from.p, from.n);
    to[from.n] = '\0';
    b->used += from.n + 1;
    return (slice){to, from.n};
}

static void add_item(void *ctx, slice element) {
    struct sorter *s = ctx;
    s->items[s->n++] = (struct item){.element = keep(s, element)};
}

static void sorter_free(struct sorter *s, int argc) {
    for (struct block *b = s->blocks, *next; b; b = next) {
        next = b->next;
        mem_free(b, sizeof *b + b->size);
    }
    mem_free(s->items, s->room * sizeof *s->items);
    mem_free(s->q.gets, (size_t)argc * sizeof *s->q.gets);
    sds_free(s->name);
}

/* --- the elements --- */

/* LIMIT as a run of n elements: never more than there are. */
static void limit(const struct query *q, size_t n, size_t *start, size_t *count) {
    *start = q->limit_start < 0 ? 0 : (uint64_t)q->limit_start < n ? (size_t)q->limit_start : n;
    *count = n - *start;
    if (q->limit_count >= 0 && (uint64_t)q->limit_count < *count) *count = (size_t)q->limit_count;
}

static void load_list(struct sorter *s, struct list *l, size_t start, size_t count, bool reverse) {
    struct list_cursor cur;
    char digits[NUM_INT_BYTES];
    int64_t first = reverse ? -1 - (int64_t)start : (int64_t)start;
    if (count == 0) return;
    list_cursor_start(&cur, l, first, reverse ? LIST_HEAD : LIST_TAIL);
    for (bool more = true; more && count > 0; count--) {
        add_item(s, lp_value_text(list_cursor_value(&cur), digits));
        more = list_cursor_step(&cur);
    }
    list_cursor_done(&cur);
}

static void load_zset(struct sorter *s, struct entry *e, size_t start, size_t count, bool reverse) {
    struct zset z = zset_of(e);
    struct zset_iter it;
    zset_to_tree(&z); /* seen by OBJECT ENCODING, as with Redis */
    zset_store(e, &z);
    size_t n = zset_count(&z);
    struct zset_span span = {start, start + count};
    if (reverse) span = (struct zset_span){n - start - count, n - start};
    zset_walk(&it, &z, span, reverse);
    while (zset_next(&it)) add_item(s, it.member);
}

/* What has an order already and is to keep it gives only the elements that LIMIT asks for. */
static void load(struct sorter *s, struct entry *e, size_t *start, size_t *count) {
    struct query *q = &s->q;
    *start = *count = 0;
    if (!e) return;
    enum value_type type = entry_type(e);
    if (q->unsorted && type == TYPE_SET && q->stores) { /* the copy must be the same on every replica */
        q->unsorted = q->has_by = false;
        q->alpha = true;
    }
    q->settles = q->stores && type != TYPE_LIST;
    size_t n = type == TYPE_LIST ? list_length(entry_ptr(e)) : 0;
    if (type == TYPE_SET) n = set_count(set_of(e));
    if (type == TYPE_ZSET) {
        struct zset z = zset_of(e);
        n = zset_count(&z);
    }
    bool direct = q->unsorted && type != TYPE_SET;
    limit(q, n, start, count);
    size_t from = direct ? *start : 0;
    s->room = direct ? *count : n;
    s->items = mem_alloc(s->room * sizeof *s->items);
    if (direct) *start = 0;
    if (type == TYPE_LIST)
        load_list(s, entry_ptr(e), from, s->room, direct && q->descending);
    else if (type == TYPE_SET)
        set_each(set_of(e), add_item, s);
    else
        load_zset(s, e, from, s->room, direct && q->descending);
}

/* --- other keys --- */

/* What the pattern means for an element: "#" itself, "key*" a string, "key*->field" a field of a hash. The slice is valid
 * until the next lookup. */
static bool lookup(struct sorter *s, slice pattern, slice element, slice *out, char scratch[NUM_INT_BYTES]) {
    if (slice_eq(pattern, SLICE("#"))) {
        *out = element;
        return true;
    }
    size_t n = strnlen(pattern.p, pattern.n);
    const char *star = memchr(pattern.p, '*', n);
    if (!star) return false;
    const char *behind = star + 1, *end = pattern.p + pattern.n;
    const char *arrow = memmem(behind, (size_t)(pattern.p + n - behind), "->", 2);
    slice field = {0};
    if (arrow && arrow + 2 < pattern.p + n) {
        field = (slice){arrow + 2, (size_t)(end - arrow - 2)};
        end = arrow;
    }
    sds_set_len(s->name, 0);
    s->name = sds_cat(s->name, pattern.p, (size_t)(star - pattern.p));
    s->name = sds_cat(s->name, element.p, element.n);
    s->name = sds_cat(s->name, behind, (size_t)(end - behind));
    struct entry *e = db_read(client_db(s->c), sds_slice(s->name), 0);
    if (!e || entry_type(e) != (field.p ? TYPE_HASH : TYPE_STRING)) return false;
    if (field.p) return hash_get(hash_of(e), field, out, scratch);
    *out = str_get(e, scratch);
    return true;
}

static bool number_of(slice text, double *out) {
    char *end;
    errno = 0;
    *out = strtod(text.p, &end);
    return *end == '\0' && errno != ERANGE && !isnan(*out);
}

/* Finds what each element is compared by. False: some weight is no number. */
static bool weigh(struct sorter *s) {
    bool ok = true;
    for (size_t i = 0; i < s->n; i++) {
        struct item *it = &s->items[i];
        char scratch[NUM_INT_BYTES];
        slice by = it->element;
        if (s->q.has_by) {
            if (!lookup(s, s->q.by, it->element, &by, scratch)) continue;
            by = keep(s, by);
        }
        if (s->q.alpha)
            it->weight = by;
        else if (!number_of(by, &it->score))
            ok = false;
    }
    return ok;
}

/* --- sorting --- */

static int compare_texts(const struct query *q, slice a, slice b) {
    if (!a.p || !b.p) return (a.p != NULL) - (b.p != NULL);
    /* What is stored must not depend on the locale of whoever stores it. */
    return q->stores ? slice_cmp(a, b) : strcoll(a.p, b.p);
}

static int compare_items(const void *x, const void *y, void *ctx) {
    const struct item *a = x, *b = y;
    const struct query *q = ctx;
    int d;
    if (q->alpha)
        d = compare_texts(q, a->weight, b->weight);
    else if (a->score != b->score)
        d = a->score > b->score ? 1 : -1;
    else
        d = slice_cmp(a->element, b->element);
    if (d == 0 && q->settles) d = slice_cmp(a->element, b->element);
    return q->descending ? -d : d;
}

/* Brings what LIMIT asks for to its places. Without BY only equal bytes are equal, and nobody sees their order. */
static void sort_items(struct sorter *s, size_t start, size_t count) {
    if (count == s->n)
        qsort_r(s->items, s->n, sizeof *s->items, compare_items, &s->q);
    else if (count > 0)
        partial_sort(s->items, s->n, sizeof *s->items, compare_items, &s->q, start, start + count);
}

/* --- the result --- */

typedef void emit_fn(void *ctx, bool found, slice s);

static void emit(struct sorter *s, size_t start, size_t count, emit_fn *fn, void *ctx) {
    for (size_t i = start; i < start + count; i++) {
        slice element = s->items[i].element;
        if (s->q.n_gets == 0) fn(ctx, true, element);
        for (int g = 0; g < s->q.n_gets; g++) {
            char scratch[NUM_INT_BYTES];
            slice got = SLICE("");
            bool found = lookup(s, s->q.gets[g], element, &got, scratch);
            fn(ctx, found, got);
        }
    }
}

static void emit_reply(void *ctx, bool found, slice s) {
    struct client *c = ctx;
    if (found)
        reply_bulk(&c->out, s.p, s.n);
    else
        reply_null(&c->out);
}

static void emit_push(void *ctx, bool found, slice s) {
    (void)found; /* an empty element stands for what isn't there */
    list_push(ctx, LIST_TAIL, s);
}

static void store(struct sorter *s, size_t start, size_t count) {
    struct client *c = s->c;
    if (count > 0) {
        struct value v = {.type = TYPE_LIST, .ptr = list_new()};
        emit(s, start, count, emit_push, v.ptr);
        size_t n = list_length(v.ptr);
        db_set(client_db(c), s->q.store, &v, NO_EXPIRE);
        cmd_changed(c, s->q.store, NOTIFY_LIST, "sortstore");
        ks_dirty += n;
        reply_int(&c->out, (int64_t)n);
        return;
    }
    cmd_store_nothing(c, s->q.store);
    reply_int(&c->out, 0);
}

static void sort_entry(struct sorter *s, struct entry *e) {
    size_t start, count;
    load(s, e, &start, &count);
    if (!s->q.unsorted) {
        if (!weigh(s)) {
            reply_error(&s->c->out, "ERR One or more scores can't be converted into double");
            return;
        }
        if (s->n > 1) sort_items(s, start, count);
    }
    if (s->q.stores) {
        store(s, start, count);
        return;
    }
    reply_array(&s->c->out, (int64_t)count * (s->q.n_gets ? s->q.n_gets : 1));
    emit(s, start, count, emit_reply, s->c);
}

static void sort_generic(struct client *c, const slice *argv, int argc, bool read_only) {
    struct sorter s = {.c = c, .name = sds_empty()};
    s.q.gets = mem_alloc((size_t)argc * sizeof *s.q.gets);
    if (parse(c, argv, argc, read_only, &s.q)) {
        struct entry *e = db_read(client_db(c), argv[1], 0);
        bool sortable = e && (entry_type(e) == TYPE_LIST || entry_type(e) == TYPE_SET);
        if (sortable || cmd_type_is(c, e, TYPE_ZSET)) sort_entry(&s, e);
    }
    sorter_free(&s, argc);
}

void sort_command(struct client *c, const slice *argv, int argc) {
    sort_generic(c, argv, argc, false);
}

void sort_ro_command(struct client *c, const slice *argv, int argc) {
    sort_generic(c, argv, argc, true);
}

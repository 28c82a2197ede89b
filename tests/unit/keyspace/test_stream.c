/* Streams against a plain model: after each step the same entries in the same order both ways, and every node as
 * keyspace/stream_node.h says. */
#include "keyspace/stream_node.h"

#include "base/alloc.h"
#include "keyspace/stream_group.h"
#include "keyspace_support.h"

#include <criterion/criterion.h>
#include <stdio.h>

TestSuite(stream_value, .init = ks_test_init, .fini = ks_test_fini);

#define MODEL_MAX  300
#define FIELDS_MAX 4

static struct model {
    struct stream_id id[MODEL_MAX];
    uint64_t text[MODEL_MAX]; /* what the entry's texts were made from */
    size_t n;
} model;

static const struct stream_id zero = {0, 0};

/* The entry's texts, the same each time. Mostly the fields are those of most others. */
static size_t make_texts(uint64_t seed, slice *argv, char buf[][80]) {
    static const char *const usual[] = {"temperature", "humidity", "12"};
    size_t n = seed % 5 ? 3 : 1 + seed / 5 % FIELDS_MAX;
    for (size_t i = 0; i < n; i++) {
        bool odd = n != 3 || seed % 7 == 0;
        int len = odd ? snprintf(buf[2 * i], 80, "%llu", (unsigned long long)(seed >> i)) : 0;
        argv[2 * i] = odd ? (slice){buf[2 * i], (size_t)len} : slice_of(usual[i]);
        len = snprintf(buf[2 * i + 1], 80, seed % 3 ? "%lld" : "value %lld of some length",
                       (long long)(seed << i));
        argv[2 * i + 1] = (slice){buf[2 * i + 1], (size_t)len};
    }
    return n;
}

static bool value_is_text(struct lp_value v, slice want) {
    char buf[LP_INT_BYTES];
    slice s = lp_value_text(v, buf);
    return slice_eq(s, want);
}

static void check_entry(struct stream_cursor *cur, size_t at, bool read_all) {
    slice argv[2 * FIELDS_MAX];
    char buf[2 * FIELDS_MAX][80];
    struct lp_value field, value;
    size_t n = make_texts(model.text[at], argv, buf);
    cr_assert(stream_id_cmp(cur->id, model.id[at]) == 0 && cur->n_fields == n);
    for (size_t i = 0; i < (read_all ? n : n / 2); i++) {
        stream_cursor_pair(cur, &field, &value);
        cr_assert(value_is_text(field, argv[2 * i]) && value_is_text(value, argv[2 * i + 1]));
    }
}

static void check_range(struct stream *s, struct stream_id from, struct stream_id to) {
    struct stream_cursor cur;
    size_t a = 0, b = model.n;
    while (a < b && stream_id_cmp(model.id[a], from) < 0) a++;
    while (b > a && stream_id_cmp(model.id[b - 1], to) > 0) b--;
    stream_cursor_start(&cur, s, from, to, false);
    for (size_t i = a; i < b; i++) {
        cr_assert(stream_cursor_next(&cur));
        check_entry(&cur, i, ks_below(2));
    }
    cr_assert(!stream_cursor_next(&cur) && !stream_cursor_next(&cur));
    stream_cursor_start(&cur, s, from, to, true);
    for (size_t i = b; i > a; i--) {
        cr_assert(stream_cursor_next(&cur));
        check_entry(&cur, i - 1, ks_below(2));
    }
    cr_assert(!stream_cursor_next(&cur));
}

static void check_nodes(struct stream *s) {
    uint64_t length = 0;
    for (struct btree_pos p = btree_first(s->nodes); btree_ok(p); p = btree_next(p)) {
        struct stream_node *n = btree_item(p);
        uint64_t live = 0;
        cr_assert(n->cap >= lp_bytes(n->lp));
        cr_assert(snode_valid((slice){(const char *)n->lp, lp_bytes(n->lp)}, &live));
        length += live;
    }
    cr_assert(length == s->length && length == model.n);
    cr_assert(stream_id_cmp(s->first, model.n ? model.id[0] : zero) == 0);
}

static void model_remove(size_t at, size_t n) {
    memmove(model.id + at, model.id + at + n, (model.n - at - n) * sizeof *model.id);
    memmove(model.text + at, model.text + at + n, (model.n - at - n) * sizeof *model.text);
    model.n -= n;
}

static struct stream_id some_id(const struct stream *s) {
    return (struct stream_id){ks_below(s->last.ms + 2), ks_below(4)};
}

static void step_append(struct stream *s) {
    slice argv[2 * FIELDS_MAX];
    char buf[2 * FIELDS_MAX][80];
    if (model.n == MODEL_MAX) return;
    struct stream_id id = {s->last.ms + ks_below(3), 0};
    id.seq = id.ms == s->last.ms ? s->last.seq + 1 + ks_below(2) : ks_below(3);
    model.id[model.n] = id;
    model.text[model.n] = ks_random() >> ks_below(64);
    size_t n = make_texts(model.text[model.n++], argv, buf);
    stream_append(s, id, argv, n);
}

static void step_delete(struct stream *s) {
    struct stream_id id = some_id(s);
    if (model.n && ks_below(3)) id = model.id[ks_below(model.n)];
    size_t at = 0;
    while (at < model.n && stream_id_cmp(model.id[at], id) != 0) at++;
    cr_assert(stream_exists(s, id) == (at < model.n));
    cr_assert(stream_delete(s, id) == (at < model.n));
    if (at < model.n) model_remove(at, 1);
}

static void step_trim(struct stream *s) {
    struct stream_trim t = {.by = ks_below(2) ? TRIM_MAXLEN : TRIM_MINID};
    size_t goes = 0;
    t.max_length = ks_below(model.n + 10);
    t.min_id = some_id(s);
    t.whole_nodes = ks_below(2);
    if (t.by == TRIM_MAXLEN)
        goes = model.n > t.max_length ? model.n - t.max_length : 0;
    else
        while (goes < model.n && stream_id_cmp(model.id[goes], t.min_id) < 0) goes++;
    if (t.whole_nodes && ks_below(2)) t.limit = 20;
    uint64_t gone = stream_trim(s, &t);
    cr_assert(t.whole_nodes ? gone <= goes : gone == goes);
    cr_assert(!t.limit || gone <= 20);
    model_remove(0, gone);
}

static void walk_randomly(size_t entries, uint64_t bytes, int steps) {
    static void (*const step[])(struct stream *) = {step_append, step_append, step_append, step_append,
                                                    step_append, step_append, step_delete, step_delete};
    stream_config.node_max_entries = entries;
    stream_config.node_max_bytes = bytes;
    struct stream *s = stream_new();
    for (int i = 0; i < steps; i++) {
        if (ks_below(40))
            step[ks_below(sizeof step / sizeof *step)](s);
        else
            step_trim(s);
        check_nodes(s);
        check_range(s, some_id(s), some_id(s));
        if (i % 10 == 0) check_range(s, zero, STREAM_ID_MAX);
    }
    stream_free(s);
    model.n = 0;
}

Test(stream_value, walks_like_a_model) {
    walk_randomly(5, 0, 2000);
    walk_randomly(1, 4096, 300);
}

Test(stream_value, walks_like_a_model_by_bytes) {
    walk_randomly(0, 500, 2000);
}

/* Counts above 127 take more room than those below. */
Test(stream_value, walks_like_a_model_in_large_nodes) {
    walk_randomly(0, 0, 2000);
}

Test(stream_value, ids_ascend_and_descend) {
    struct stream_id id = {3, UINT64_MAX};
    char buf[STREAM_ID_TEXT_BYTES];
    cr_assert(stream_id_next(&id) && id.ms == 4 && id.seq == 0);
    cr_assert(stream_id_prev(&id) && id.ms == 3 && id.seq == UINT64_MAX);
    id = STREAM_ID_MAX;
    cr_assert(!stream_id_next(&id) && stream_id_is_zero(id));
    cr_assert(!stream_id_prev(&id) && stream_id_cmp(id, STREAM_ID_MAX) == 0);
    cr_assert(slice_eq((slice){buf, stream_id_format(buf, id)},
                       SLICE("18446744073709551615-18446744073709551615")));
}

/* Three fields of 16 bytes: what the reference takes for a field is 32. */
Test(stream_value, costs_few_bytes_a_field) {
    enum { N = 100000 };
    slice argv[] = {SLICE("sensor"),           SLICE("0123456789abcdef"), SLICE("region"),
                    SLICE("fedcba9876543210"), SLICE("status"),           SLICE("abcdefghijklmnop")};
    size_t before = mem_used_bytes();
    struct stream *s = stream_new();
    for (uint64_t i = 1; i <= N; i++) stream_append(s, (struct stream_id){1700000000000 + i, 0}, argv, 3);
    cr_assert((mem_used_bytes() - before) / (3.0 * N) < 26, "%g", (mem_used_bytes() - before) / (3.0 * N));
    cr_assert(stream_value_ops.bytes(0, s) <= mem_used_bytes() - before);
    stream_free(s);
}

/* --- groups --- */

static struct stream *stream_with_groups(void) {
    struct stream *s = stream_new();
    for (uint64_t i = 1; i <= 200; i++)
        stream_append(s, (struct stream_id){i, 0}, (slice[]){SLICE("f"), SLICE("v")}, 1);
    for (int i = 0; i < 3; i++) {
        char name[3] = {(char)('c' - i), 'g', 0};
        struct stream_group *g = stream_group_add(s, slice_of(name), (struct stream_id){100, 0}, 100);
        struct stream_consumer *odd = stream_consumer_add(g, SLICE("odd"), 1);
        struct stream_consumer *even = stream_consumer_add(g, SLICE("even"), 2);
        for (uint64_t k = 1; k <= 100; k++)
            stream_pending_give(stream_pending_add(g, (struct stream_id){k, 0}, (int64_t)k),
                                k % 2 ? odd : even);
    }
    return s;
}

Test(stream_value, groups_and_consumers_stand_by_name) {
    struct stream *s = stream_with_groups();
    cr_assert(s->n_groups == 3 && strcmp(s->groups[0]->name, "ag") == 0 &&
              strcmp(s->groups[2]->name, "cg") == 0);
    cr_assert(!stream_group_add(s, SLICE("bg"), zero, 0) && !stream_group_find(s, SLICE("b")));
    struct stream_group *g = stream_group_find(s, SLICE("bg"));
    cr_assert(!stream_consumer_add(g, SLICE("odd"), 0));
    struct stream_consumer *odd = stream_consumer_find(g, SLICE("odd")),
                           *even = stream_consumer_find(g, SLICE("even"));
    cr_assert(btree_count(odd->pending) == 50 && g->consumers[0] == even);
    stream_pending_give(stream_pending_find(g, (struct stream_id){7, 0}), even);
    stream_pending_remove(g, stream_pending_find(g, (struct stream_id){9, 0}));
    cr_assert(btree_count(odd->pending) == 48 && btree_count(even->pending) == 51 &&
              btree_count(g->pending) == 99);
    stream_consumer_remove(g, odd);
    cr_assert(btree_count(g->pending) == 51 && g->n_consumers == 1);
    cr_assert(!stream_pending_find(g, (struct stream_id){11, 0}) &&
              stream_pending_find(g, (struct stream_id){7, 0}));
    stream_group_remove(s, g);
    cr_assert(s->n_groups == 2 && !stream_group_find(s, SLICE("bg")));
    stream_free(s);
}

Test(stream_value, copies_digests_and_frees_in_slices) {
    uint8_t a[20] = {0}, b[20] = {0};
    struct stream *s = stream_with_groups(), *copy = stream_value_ops.copy(0, s);
    stream_value_ops.digest(0, s, a);
    stream_value_ops.digest(0, copy, b);
    cr_assert(memcmp(a, b, sizeof a) == 0);
    const struct stream_group *g = stream_group_find(copy, SLICE("ag"));
    cr_assert(btree_count(g->pending) == 100 &&
              btree_count(stream_consumer_find(g, SLICE("odd"))->pending) == 50);
    cr_assert(stream_pending_find(g, (struct stream_id){42, 0})->consumer ==
              stream_consumer_find(g, SLICE("even")));
    stream_delete(copy, (struct stream_id){5, 0});
    memset(b, 0, sizeof b);
    stream_value_ops.digest(0, copy, b);
    cr_assert(memcmp(a, b, sizeof a) != 0 && s->length == 200);
    while (stream_value_ops.free_some(0, copy, 7)) cr_assert(stream_value_ops.free_effort(0, copy) > 0);
    stream_free(copy);
    cr_assert(stream_value_ops.free_some(0, s, 2)); /* ended before it was all freed */
    stream_free(s);
}

Test(stream_value, tells_how_far_a_group_has_come) {
    struct stream *s = stream_with_groups();
    struct stream_group *g = s->groups[0];
    int64_t lag;
    cr_assert(stream_group_lag(s, g, &lag) && lag == 100);
    stream_group_advance(s, g, (struct stream_id){101, 0});
    cr_assert(stream_group_lag(s, g, &lag) && lag == 99 && g->entries_read == 101);
    g->entries_read = INT64_MAX; /* XGROUP CREATE takes any */
    stream_group_advance(s, g, (struct stream_id){102, 0});
    cr_assert_eq(g->entries_read, INT64_MIN);
    g->entries_read = 102;
    stream_delete(s, (struct stream_id){150, 0});
    cr_assert(!stream_group_lag(s, g, &lag), "a deleted entry is ahead");
    for (uint64_t ms = 103; ms <= 200; ms++)
        if (ms != 150) stream_group_advance(s, g, (struct stream_id){ms, 0});
    cr_assert(stream_group_lag(s, g, &lag) && lag == 0);
    stream_free(s);
}

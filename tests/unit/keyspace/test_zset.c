/* Sorted sets against a model: a plain array kept in order, searched from the front. */
#include "keyspace_support.h"

#include "base/alloc.h"
#include "base/random.h"
#include "base/sds.h"
#include "keyspace/zset.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

#define MEMBERS    300 /* different ones */
#define NAME_BYTES 40

struct pair {
    char name[NAME_BYTES];
    size_t n;
    double score;
};
static struct pair model[MEMBERS];
static size_t model_n;

static void set_up(void) {
    ks_test_init();
    random_seed(7);
    model_n = 0;
    zset_config = (struct zset_config){.listpack_entries = 128, .listpack_value = 64};
}

TestSuite(zset, .init = set_up, .fini = ks_test_fini);

/* --- the model --- */

static int compare_names(slice a, slice b) {
    int c = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

static slice name_of(const struct pair *p) {
    return (slice){p->name, p->n};
}

static size_t model_find(slice name) {
    size_t i = 0;
    while (i < model_n && !slice_eq(name_of(&model[i]), name)) i++;
    return i;
}

static void model_take(size_t at, size_t n) {
    memmove(model + at, model + at + n, (model_n - at - n) * sizeof *model);
    model_n -= n;
}

static void model_put(slice name, double score) {
    size_t at = model_find(name);
    if (at < model_n) model_take(at, 1);
    for (at = 0; at < model_n; at++)
        if (model[at].score > score ||
            (model[at].score == score && compare_names(name_of(&model[at]), name) > 0))
            break;
    memmove(model + at + 1, model + at, (model_n - at) * sizeof *model);
    model[at].n = name.n;
    model[at].score = score;
    memcpy(model[at].name, name.p, name.n);
    model_n++;
}

static slice random_name(char out[NAME_BYTES]) {
    uint64_t i = ks_below(MEMBERS);
    const char *form = i % 7 == 0 ? "%d" : i % 7 == 1 ? "a rather long name: %d" : "m%d";
    return (slice){out, (size_t)snprintf(out, NAME_BYTES, form, (int)i)};
}

static double random_score(void) {
    static const double odd[] = {INFINITY, -INFINITY, 0.5, -0.25, 1e300, 5e-324, 0};
    return ks_below(8) == 0 ? odd[ks_below(sizeof odd / sizeof *odd)] : (double)ks_below(40) - 20;
}

/* --- comparing --- */

static void assert_walk(const struct zset *z, struct zset_span span, bool reverse) {
    struct zset_iter it;
    zset_walk(&it, z, span, reverse);
    for (size_t i = span.from; i < span.to; i++) {
        size_t rank = reverse ? span.to - 1 - (i - span.from) : i;
        cr_assert(zset_next(&it));
        cr_assert(slice_eq(it.member, name_of(&model[rank])), "rank %zu: '%.*s'", rank, (int)it.member.n,
                  it.member.p);
        cr_assert_eq(it.score, model[rank].score);
    }
    cr_assert_not(zset_next(&it));
}

static void assert_score_spans(const struct zset *z) {
    struct zset_score_range r = {random_score(), random_score(), ks_below(2), ks_below(2)};
    size_t from = 0, to = model_n;
    while (from < model_n && !(r.min_open ? model[from].score > r.min : model[from].score >= r.min)) from++;
    while (to > from && !(r.max_open ? model[to - 1].score < r.max : model[to - 1].score <= r.max)) to--;
    struct zset_span span = zset_score_span(z, &r);
    cr_assert_eq(span.to - span.from, to - from, "%g %g: %zu", r.min, r.max, span.to - span.from);
    if (to > from) cr_assert_eq(span.from, from);
}

static void assert_same(const struct zset *z) {
    cr_assert_eq(zset_count(z), model_n);
    assert_walk(z, zset_all(z), false);
    assert_walk(z, zset_all(z), true);
    for (size_t i = 0; i < model_n; i++) {
        double score;
        cr_assert(zset_score(z, name_of(&model[i]), &score) && score == model[i].score);
        cr_assert_eq(zset_rank(z, name_of(&model[i]), false), i);
        cr_assert_eq(zset_rank(z, name_of(&model[i]), true), model_n - 1 - i);
    }
    for (int i = 0; i < 10; i++) assert_score_spans(z);
    double unused;
    cr_assert_not(zset_score(z, SLICE("not there"), &unused));
    cr_assert_eq(zset_rank(z, SLICE("not there"), false), SIZE_MAX);
}

static void put(struct zset *z) {
    char name[NAME_BYTES];
    slice member = random_name(name);
    double score = random_score(), now = 0;
    size_t at = model_find(member);
    bool there = at < model_n;
    double old = there ? model[at].score : 0;
    enum zset_put_result r = zset_put(z, member, score, 0, &now);
    cr_assert_eq(r, !there ? ZSET_ADDED : score == old ? ZSET_SAME : ZSET_UPDATED);
    cr_assert_eq(now, score);
    model_put(member, score);
}

static void drop(struct zset *z) {
    char name[NAME_BYTES];
    slice member = random_name(name);
    size_t at = model_find(member);
    cr_assert_eq(zset_remove(z, member), at < model_n);
    if (at < model_n) model_take(at, 1);
}

static void drop_span(struct zset *z) {
    if (model_n == 0) return;
    size_t from = ks_below(model_n), n = ks_below(1 + (model_n - from) / (ks_below(5) == 0 ? 1 : 8));
    zset_remove_span(z, (struct zset_span){from, from + n});
    model_take(from, n);
}

static void run_against_model(size_t entries, int steps) {
    zset_config.listpack_entries = entries;
    struct zset z = zset_new(SLICE(""));
    for (int i = 0; i < steps; i++) {
        int what = (int)ks_below(100);
        if (what < 75)
            put(&z);
        else if (what < 96)
            drop(&z);
        else
            drop_span(&z);
        if (z.encoding == ZSET_LISTPACK) cr_assert_leq(model_n, entries);
        if (i % 50 == 0) assert_same(&z);
    }
    assert_same(&z);
    zset_free(&z);
}

Test(zset, agrees_with_model_as_listpack) {
    run_against_model(MEMBERS, 3000);
}

Test(zset, agrees_with_model_as_tree) {
    run_against_model(0, 6000);
}

Test(zset, agrees_with_model_across_the_conversion) {
    for (int i = 0; i < 30; i++) {
        model_n = 0;
        run_against_model(1 + ks_below(30), 120);
    }
}

/* --- form --- */

Test(zset, becomes_a_tree_by_number_and_by_length) {
    zset_config = (struct zset_config){.listpack_entries = 2, .listpack_value = 3};
    struct zset z = zset_new(SLICE("abc"));
    zset_put(&z, SLICE("abc"), 1, 0, NULL);
    zset_put(&z, SLICE("b"), 2, 0, NULL);
    zset_put(&z, SLICE("b"), 3, 0, NULL);
    cr_assert_eq(z.encoding, ZSET_LISTPACK, "no member more");
    zset_put(&z, SLICE("c"), 2, 0, NULL);
    cr_assert_eq(z.encoding, ZSET_TREE);
    zset_remove(&z, SLICE("c"));
    cr_assert_eq(z.encoding, ZSET_TREE, "never back by itself");
    cr_assert(zset_to_listpack(&z));
    cr_assert_eq(z.encoding, ZSET_LISTPACK);
    zset_put(&z, SLICE("long"), 1, ZPUT_XX, NULL);
    cr_assert_eq(z.encoding, ZSET_LISTPACK, "nothing was added");
    zset_remove(&z, SLICE("b"));
    zset_put(&z, SLICE("long"), 1, 0, NULL);
    cr_assert_eq(z.encoding, ZSET_TREE);
    cr_assert_not(zset_to_listpack(&z));
    cr_assert_eq(z.encoding, ZSET_TREE);
    zset_free(&z);
    z = zset_new(SLICE("long"));
    cr_assert_eq(z.encoding, ZSET_TREE);
    zset_free(&z);
}

/* A block that was freed on the way may come back as the other form's: the entry must be told all the same. */
Test(zset, stores_its_form_whatever_the_address) {
    struct db *db = ks_db(0);
    zset_config.listpack_entries = 4;
    for (int round = 0; round < 200; round++) {
        struct zset z = zset_new(SLICE(""));
        for (int i = 0; i < 3; i++) {
            char name[2] = {(char)('a' + i), (char)('a' + round % 26)};
            zset_put(&z, (slice){name, 1 + ks_below(2)}, i, 0, NULL);
        }
        struct value v = zset_value(&z);
        struct entry *e = db_set(db, SLICE("k"), &v, NO_EXPIRE);
        z = zset_of(e);
        for (int i = 0; i < 3; i++) {
            char name[3] = {'x', (char)('a' + i)};
            zset_put(&z, (slice){name, 2}, i, 0, NULL);
        }
        zset_store(e, &z);
        struct zset again = zset_of(e);
        cr_assert_eq(again.encoding, ZSET_TREE);
        cr_assert_eq(zset_count(&again), 6);
    }
    db_delete(db, SLICE("k"));
}

/* --- conditions --- */

static void assert_put(struct zset *z, const char *member, double score, unsigned flags,
                       enum zset_put_result result, double after) {
    double now = 77, is = 77;
    cr_assert_eq(zset_put(z, slice_of(member), score, flags, &now), result);
    bool there = zset_score(z, slice_of(member), &is);
    cr_assert(there ? is == after : after == 77);
    cr_assert_eq(now, result == ZSET_REFUSED || result == ZSET_NAN ? 77 : after);
}

static void assert_conditions(struct zset *z) {
    assert_put(z, "a", 1, ZPUT_XX, ZSET_REFUSED, 77);
    assert_put(z, "a", 1, ZPUT_NX, ZSET_ADDED, 1);
    assert_put(z, "a", 2, ZPUT_NX, ZSET_REFUSED, 1);
    assert_put(z, "a", 2, ZPUT_XX, ZSET_UPDATED, 2);
    assert_put(z, "a", 1, ZPUT_GT, ZSET_REFUSED, 2);
    assert_put(z, "a", 2, ZPUT_GT, ZSET_REFUSED, 2);
    assert_put(z, "a", 3, ZPUT_GT, ZSET_UPDATED, 3);
    assert_put(z, "a", 4, ZPUT_LT, ZSET_REFUSED, 3);
    assert_put(z, "a", 2, ZPUT_LT, ZSET_UPDATED, 2);
    assert_put(z, "b", 9, ZPUT_LT, ZSET_ADDED, 9);
    assert_put(z, "a", 5, ZPUT_INCR, ZSET_UPDATED, 7);
    assert_put(z, "a", -1, ZPUT_INCR | ZPUT_GT, ZSET_REFUSED, 7);
    assert_put(z, "a", 0, ZPUT_INCR, ZSET_SAME, 7);
    assert_put(z, "a", INFINITY, ZPUT_INCR, ZSET_UPDATED, INFINITY);
    assert_put(z, "a", -INFINITY, ZPUT_INCR, ZSET_NAN, INFINITY);
    assert_put(z, "c", 1.5, ZPUT_INCR, ZSET_ADDED, 1.5);
}

Test(zset, obeys_conditions_in_either_form) {
    for (size_t entries = 0; entries <= 128; entries += 128) {
        zset_config.listpack_entries = entries;
        struct zset z = zset_new(SLICE(""));
        assert_conditions(&z);
        cr_assert_eq(z.encoding, entries ? ZSET_LISTPACK : ZSET_TREE);
        zset_free(&z);
    }
}

/* --- ranges --- */

Test(zset, turns_ranks_into_spans_as_zrange_does) {
    static const struct {
        int64_t start, stop;
        size_t from, to;
    } rows[] = {{0, -1, 0, 5},     {1, 2, 1, 3},  {-2, -1, 3, 5},
                {-100, 100, 0, 5}, {3, 1, 0, 0},  {5, 10, 0, 0},
                {4, 10, 4, 5},     {0, -6, 0, 0}, {INT64_MIN, INT64_MAX, 0, 5},
                {-1, 0, 0, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct zset_span s = zset_rank_span(5, rows[i].start, rows[i].stop);
        cr_assert(s.from == rows[i].from && s.to == rows[i].to, "row %zu: %zu, %zu", i, s.from, s.to);
    }
    struct zset_span none = zset_rank_span(0, 0, -1);
    cr_assert_eq(none.from, none.to);
}

static struct zset_lex_bound bound(const char *text) {
    struct zset_lex_bound b = {0};
    if (text[0] == '-' || text[0] == '+')
        b.infinite = text[0] == '-' ? -1 : 1;
    else
        b = (struct zset_lex_bound){.open = text[0] == '(', .member = slice_of(text + 1)};
    return b;
}

Test(zset, finds_lexicographical_ranges_in_either_form) {
    static const struct {
        const char *min, *max;
        size_t from, to;
    } rows[] = {{"-", "+", 0, 5},   {"[b", "[d", 1, 4}, {"(b", "(d", 2, 3}, {"[bb", "+", 2, 5},
                {"-", "(a", 0, 0},  {"-", "[a", 0, 1},  {"+", "-", 0, 0},   {"+", "+", 0, 0},
                {"-", "-", 0, 0},   {"[c", "[c", 2, 3}, {"(c", "[c", 0, 0}, {"[d", "[b", 0, 0},
                {"[x", "[z", 0, 0}, {"[", "[z", 0, 5},  {"+", "[z", 0, 0}};
    for (size_t entries = 0; entries <= 128; entries += 128) {
        zset_config.listpack_entries = entries;
        struct zset z = zset_new(SLICE(""));
        for (char c = 'a'; c <= 'e'; c++) zset_put(&z, (slice){&c, 1}, 0, 0, NULL);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            struct zset_lex_range r = {bound(rows[i].min), bound(rows[i].max)};
            struct zset_span s = zset_lex_span(&z, &r);
            cr_assert_eq(s.to - s.from, rows[i].to - rows[i].from, "%s %s", rows[i].min, rows[i].max);
            if (s.to > s.from) cr_assert_eq(s.from, rows[i].from);
        }
        zset_free(&z);
    }
}

/* --- scanning, building, the type's operations --- */

static void note(void *ctx, slice member, double score) {
    size_t at = model_find(member);
    cr_assert(at < model_n && model[at].score == score);
    ((bool *)ctx)[at] = true;
}

Test(zset, scan_tells_every_member) {
    zset_config.listpack_entries = 0;
    struct zset z = zset_new(SLICE(""));
    for (int i = 0; i < 400; i++) put(&z);
    bool seen[MEMBERS] = {0};
    uint64_t cursor = 0;
    do cursor = zset_scan(&z, cursor, note, seen);
    while (cursor != 0);
    for (size_t i = 0; i < model_n; i++) cr_assert(seen[i]);
    zset_free(&z);
}

Test(zset, is_built_from_members_in_any_order) {
    for (int pack = 0; pack <= 1; pack++) {
        struct zset_build b;
        model_n = 0;
        zset_build_begin(&b, 10);
        for (int i = 0; i < 200; i++) {
            char name[NAME_BYTES];
            slice member = random_name(name);
            double score = random_score(), old;
            size_t at = model_find(member);
            cr_assert_eq(zset_build_add(&b, member, 1, &old), at == model_n);
            if (at < model_n) cr_assert_eq(old, model[at].score);
            zset_build_set(&b, member, score);
            model_put(member, score);
            if (ks_below(4) > 0) continue;
            member = random_name(name);
            at = model_find(member);
            zset_build_drop(&b, member);
            if (at < model_n) model_take(at, 1);
        }
        zset_config.listpack_entries = MEMBERS;
        struct zset z = zset_build_end(&b, pack);
        cr_assert_eq(z.encoding, pack ? ZSET_LISTPACK : ZSET_TREE);
        assert_same(&z);
        zset_free(&z);
    }
}

Test(zset, copies_and_digests_alike_in_either_form) {
    struct db *db = ks_db(0);
    unsigned char digest[2][20], copied[20];
    for (int tree = 0; tree <= 1; tree++) {
        zset_config.listpack_entries = tree ? 0 : 128;
        struct zset z = zset_new(SLICE(""));
        zset_put(&z, SLICE("member"), 0.1, 0, NULL);
        zset_put(&z, SLICE("12"), -INFINITY, 0, NULL);
        zset_put(&z, SLICE(""), 3, 0, NULL);
        struct value v = zset_value(&z);
        struct entry *e = db_set(db, SLICE("from"), &v, NO_EXPIRE);
        cr_assert_str_eq(entry_encoding_name(e), tree ? "skiplist" : "listpack");
        cr_assert_str_eq(entry_type_name(e), "zset");
        cr_assert_gt(entry_bytes(e), 20);
        entry_digest(e, digest[tree]);
        db_delete(db, SLICE("to"));
        e = db_copy_entry(db, SLICE("from"), db, SLICE("to"));
        db_delete(db, SLICE("from"));
        entry_digest(e, copied);
        cr_assert_arr_eq(copied, digest[tree], 20);
    }
    cr_assert_arr_eq(digest[0], digest[1], 20);
}

Test(zset, accounts_for_its_memory_and_frees_it_in_slices) {
    struct db *db = ks_db(0);
    size_t before = mem_used_bytes();
    struct zset_build b;
    zset_build_begin(&b, 0);
    for (int i = 0; i < 20000; i++) {
        char name[NAME_BYTES];
        slice member = {name, (size_t)snprintf(name, sizeof name, "member:%09d", i * 7919 % 20000)};
        cr_assert(zset_build_add(&b, member, i % 1000, NULL));
    }
    struct zset z = zset_build_end(&b, true);
    struct value v = zset_value(&z);
    struct entry *e = db_set(db, SLICE("big"), &v, NO_EXPIRE);
    size_t held = mem_used_bytes() - before;
    cr_assert(entry_bytes(e) <= held && entry_bytes(e) + held / 100 > held, "%zu of %zu", entry_bytes(e),
              held);
    cr_assert_leq(held / 20000, 72);
    db_delete_lazy(db, SLICE("big"));
    cr_assert_gt(ks_lazy_pending(), 0);
    while (ks_lazy_free_us(100)) {}
    cr_assert_lt(mem_used_bytes(), before + 4096);
}

/* Intsets against a model, a sorted array, and against bytes that redis-server 7.0.15 made. */
#include "base/alloc.h"
#include "base/intset.h"
#include "base/random.h"

#include <criterion/criterion.h>
#include <string.h>

#define MODEL_MAX 600

struct model {
    struct intset *s;
    int64_t v[MODEL_MAX];
    size_t n;
};

/* Mostly near zero, so that removing and adding again happen; at times near the edges of the widths. */
static int64_t random_value(int bits) {
    if (random_below(2)) return (int64_t)random_below(400) - 200;
    int64_t edge = bits == 16 ? INT16_MAX : bits == 32 ? INT32_MAX : INT64_MAX;
    edge -= (int64_t)random_below(50);
    return random_below(2) ? edge : -edge - 1;
}

static size_t model_place(const struct model *m, int64_t v) {
    size_t i = 0;
    while (i < m->n && m->v[i] < v) i++;
    return i;
}

static bool model_has(const struct model *m, int64_t v) {
    size_t i = model_place(m, v);
    return i < m->n && m->v[i] == v;
}

static void add(struct model *m, int64_t v) {
    bool added, had = model_has(m, v);
    if (m->n == MODEL_MAX) return;
    m->s = intset_add(m->s, v, &added);
    cr_assert_eq(added, !had);
    if (had) return;
    size_t i = model_place(m, v);
    memmove(m->v + i + 1, m->v + i, (m->n - i) * sizeof(v));
    m->v[i] = v;
    m->n++;
}

static void model_remove(struct model *m, size_t i, size_t n) {
    memmove(m->v + i, m->v + i + n, (m->n - i - n) * sizeof(m->v[0]));
    m->n -= n;
}

static void remove_value(struct model *m, int64_t v) {
    bool removed, had = model_has(m, v);
    m->s = intset_remove(m->s, v, &removed);
    cr_assert_eq(removed, had);
    if (had) model_remove(m, model_place(m, v), 1);
}

static void remove_range(struct model *m) {
    size_t from = random_below(m->n + 3), n = random_below(5);
    m->s = intset_remove_range(m->s, from, n);
    if (from < m->n) model_remove(m, from, n < m->n - from ? n : m->n - from);
}

static void expect_same(const struct model *m) {
    cr_assert_eq(intset_count(m->s), m->n);
    for (size_t i = 0; i < m->n; i++) cr_assert_eq(intset_at(m->s, i), m->v[i], "at %zu", i);
    cr_assert_eq(intset_validate(m->s, intset_bytes(m->s)), m->n > 0, "an empty one is not for keeping");
    if (m->n > 0) cr_assert(model_has(m, intset_random(m->s)));
}

static void run_model(int bits, int steps) {
    struct model m = {.s = intset_new()};
    for (int i = 0; i < steps; i++) {
        int64_t v = random_value(i < steps / 4 ? 16 : bits);
        uint64_t what = random_below(10);
        if (what < 5)
            add(&m, v);
        else if (what < 8)
            remove_value(&m, v);
        else if (what < 9)
            cr_assert_eq(intset_has(m.s, v), model_has(&m, v));
        else if (random_below(4) == 0)
            remove_range(&m);
        if (i % 16 == 0) expect_same(&m);
    }
    expect_same(&m);
    struct intset *copy = intset_copy(m.s);
    cr_assert_eq(memcmp(copy, m.s, intset_bytes(copy)), 0);
    intset_free(copy);
    intset_free(m.s);
}

Test(intset, behaves_as_a_sorted_array) {
    random_seed(1);
    size_t before = mem_used_bytes();
    for (int round = 0; round < 10; round++)
        for (int bits = 16; bits <= 64; bits *= 2) run_model(bits, 4000);
    cr_assert_eq(mem_used_bytes(), before);
}

/* Every edge of a width, in and out of every width. */
Test(intset, widens_for_the_first_that_needs_it) {
    static const struct {
        int64_t v;
        size_t width;
    } cases[] = {{INT16_MAX, 2}, {INT16_MIN, 2}, {INT16_MAX + 1, 4},          {INT16_MIN - 1, 4},
                 {INT32_MAX, 4}, {INT32_MIN, 4}, {(int64_t)INT32_MAX + 1, 8}, {(int64_t)INT32_MIN - 1, 8},
                 {INT64_MAX, 8}, {INT64_MIN, 8}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool added, removed;
        struct intset *s = intset_add(intset_add(intset_new(), -3, &added), 5, &added);
        cr_assert_not(intset_has(s, cases[i].v));
        s = intset_remove(s, cases[i].v, &removed);
        cr_assert_not(removed);
        s = intset_add(s, cases[i].v, &added);
        cr_assert(added && intset_has(s, cases[i].v) && intset_has(s, -3) && intset_has(s, 5));
        cr_assert_eq(intset_bytes(s), 8 + 3 * cases[i].width, "case %zu", i);
        s = intset_remove(s, cases[i].v, &removed);
        cr_assert(removed);
        cr_assert_eq(intset_bytes(s), 8 + 2 * cases[i].width, "nothing narrows");
        intset_free(s);
    }
}

Test(intset, is_the_references_bytes) {
    static const uint8_t narrow[] = "\2\0\0\0\3\0\0\0\xff\xff\1\0\x2c\1";
    static const uint8_t wide[] = "\4\0\0\0\4\0\0\0\xff\xff\xff\xff\1\0\0\0\x2c\1\0\0\x70\x11\1\0";
    bool added;
    struct intset *s = intset_add(intset_add(intset_add(intset_new(), 300, &added), -1, &added), 1, &added);
    cr_assert_eq(intset_bytes(s), sizeof(narrow) - 1);
    cr_assert_arr_eq(s, narrow, sizeof(narrow) - 1);
    s = intset_add(s, 70000, &added);
    cr_assert_eq(intset_bytes(s), sizeof(wide) - 1);
    cr_assert_arr_eq(s, wide, sizeof(wide) - 1);
    intset_free(s);
}

Test(intset, refuses_malformed_bytes) {
    static const struct {
        const char *bytes;
        size_t n;
    } cases[] = {
        {"", 0},
        {"\2\0\0\0\1\0\0", 7},
        {"\2\0\0\0\0\0\0\0", 8},        /* empty */
        {"\3\0\0\0\1\0\0\0\1\0\0", 11}, /* no such width */
        {"\2\0\0\0\1\0\0\0\1", 9},      /* too short */
        {"\2\0\0\0\1\0\0\0\1\0\0", 11}, /* too long */
        {"\2\0\0\0\xff\xff\xff\xff\1\0", 10},
        {"\2\0\0\0\2\0\0\0\1\0\1\0", 12},     /* one twice */
        {"\2\0\0\0\2\0\0\0\1\0\xff\xff", 12}, /* not in order */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        void *copy = mem_alloc(cases[i].n); /* of its exact size, for the sanitizer */
        memcpy(copy, cases[i].bytes, cases[i].n);
        cr_assert_not(intset_validate(copy, cases[i].n), "case %zu", i);
        mem_free(copy, cases[i].n);
    }
}

Test(intset, picks_evenly) {
    random_seed(3);
    bool added;
    struct intset *s = intset_new();
    for (int i = 0; i < 10; i++) s = intset_add(s, i * 100000, &added);
    int seen[10] = {0};
    for (int i = 0; i < 10000; i++) seen[intset_random(s) / 100000]++;
    for (int i = 0; i < 10; i++) cr_assert(seen[i] > 850 && seen[i] < 1150, "%d: %d", i, seen[i]);
    intset_free(s);
}

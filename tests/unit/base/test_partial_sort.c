/* Partial sorting against the whole sort, with few and many equal elements. */
#include "base/partial_sort.h"
#include "base/random.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define MANY 3000

struct item {
    int key, id;
};

static int by_key(const void *a, const void *b, void *ctx) {
    (void)ctx;
    const struct item *x = a, *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

/* Wanted positions hold the right keys, no position before or behind contradicts them, and no element was lost. */
static void check(size_t n, int keys, size_t from, size_t to) {
    static struct item items[MANY], sorted[MANY];
    static bool seen[MANY];
    memset(seen, 0, sizeof seen);
    for (size_t i = 0; i < n; i++) items[i] = (struct item){(int)random_below((uint64_t)keys), (int)i};
    memcpy(sorted, items, sizeof sorted);
    qsort_r(sorted, n, sizeof *sorted, by_key, NULL);
    partial_sort(items, n, sizeof *items, by_key, NULL, from, to);
    for (size_t i = 0; i < n; i++) {
        cr_assert_not(seen[items[i].id]);
        seen[items[i].id] = true;
        if (i < from) cr_assert_leq(items[i].key, sorted[from].key);
        if (i >= from && i < to) cr_assert_eq(items[i].key, sorted[i].key, "%zu of %zu", i, n);
        if (i >= to) cr_assert_geq(items[i].key, sorted[to - 1].key);
    }
}

Test(partial_sort, agrees_with_the_whole_sort) {
    random_seed(3);
    for (int round = 0; round < 3000; round++) {
        size_t n = 1 + random_below(round % 10 == 0 ? MANY : 80), from = random_below(n);
        check(n, 1 + (int)random_below(round % 3 == 0 ? 4 : 5000), from, from + 1 + random_below(n - from));
    }
}

/* As redis-server 7.0.15 answers GEOSEARCH ... COUNT for places at one spot: up to six stay as they came. */
Test(partial_sort, keeps_few_equal_ones_in_order) {
    struct item items[6];
    for (int i = 0; i < 6; i++) items[i] = (struct item){1, i};
    partial_sort(items, 6, sizeof *items, by_key, NULL, 0, 3);
    for (int i = 0; i < 6; i++) cr_assert_eq(items[i].id, i);
}

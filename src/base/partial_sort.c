/* Partial sorting: the quicksort of Bentley and McIlroy ("Engineering a Sort Function", 1993), which goes on only with
 * the sides that reach into the wanted positions.
 *
 * Each pass picks a pivot (the middle of three, or of three such middles when there are many) and splits the run in three:
 *
 *   while it scans:  [ equal | less | not yet seen | greater | equal ]
 *                           eq_l   at            last      eq_r
 *   then:            [ less | equal | greater ]
 *
 * Equal ones are gathered at both ends and swapped into the middle at the end, so runs of equal elements cost one pass.
 * The order in which equal ones end up follows from every swap: none may be added or left out. */
#include "base/partial_sort.h"

#include "base/assert.h"

#include <stdbool.h>
#include <string.h>

struct sort {
    size_t size;
    int (*compare)(const void *a, const void *b, void *ctx);
    void *ctx;
    const char *first, *last; /* the wanted positions, both included */
};

static void swap(const struct sort *s, char *a, char *b) {
    char hold[PARTIAL_SORT_SIZE_MAX];
    if (a == b) return;
    memcpy(hold, a, s->size);
    memcpy(a, b, s->size);
    memcpy(b, hold, s->size);
}

static void swap_runs(const struct sort *s, char *a, char *b, size_t bytes) {
    for (; bytes > 0; bytes -= s->size, a += s->size, b += s->size) swap(s, a, b);
}

static void insertion_sort(const struct sort *s, char *a, size_t n) {
    for (char *m = a + s->size; m < a + n * s->size; m += s->size)
        for (char *l = m; l > a && s->compare(l - s->size, l, s->ctx) > 0; l -= s->size)
            swap(s, l, l - s->size);
}

static char *middle(const struct sort *s, char *a, char *b, char *c) {
    if (s->compare(a, b, s->ctx) < 0)
        return s->compare(b, c, s->ctx) < 0 ? b : s->compare(a, c, s->ctx) < 0 ? c : a;
    return s->compare(b, c, s->ctx) > 0 ? b : s->compare(a, c, s->ctx) < 0 ? a : c;
}

static char *pivot(const struct sort *s, char *a, size_t n) {
    char *l = a, *m = a + n / 2 * s->size, *r = a + (n - 1) * s->size;
    if (n == 7) return m;
    if (n > 40) {
        size_t eighth = n / 8 * s->size;
        l = middle(s, l, l + eighth, l + 2 * eighth);
        m = middle(s, m - eighth, m, m + eighth);
        r = middle(s, r - 2 * eighth, r - eighth, r);
    }
    return middle(s, l, m, r);
}

/* Splits the run by its first element. *less and *greater become how many bytes are before and behind the equal ones. */
static void split(const struct sort *s, char *a, size_t n, size_t *less, size_t *greater) {
    size_t size = s->size;
    char *end = a + n * size, *eq_l = a + size, *at = eq_l, *last = end - size, *eq_r = last;
    for (;;) {
        int c;
        for (; at <= last && (c = s->compare(at, a, s->ctx)) <= 0; at += size) {
            if (c < 0) continue;
            swap(s, eq_l, at);
            eq_l += size;
        }
        for (; at <= last && (c = s->compare(last, a, s->ctx)) >= 0; last -= size) {
            if (c > 0) continue;
            swap(s, last, eq_r);
            eq_r -= size;
        }
        if (at > last) break;
        swap(s, at, last);
        at += size;
        last -= size;
    }
    *less = (size_t)(at - eq_l);
    *greater = (size_t)(eq_r - last);
    size_t equal_left = (size_t)(eq_l - a), equal_right = (size_t)(end - eq_r) - size;
    size_t r = equal_left < *less ? equal_left : *less;
    swap_runs(s, a, at - r, r);
    r = *greater < equal_right ? *greater : equal_right;
    swap_runs(s, at, end - r, r);
}

static bool is_wanted(const struct sort *s, const char *a, size_t bytes) {
    return bytes > s->size && a <= s->last && a + bytes - s->size >= s->first;
}

static void sort(const struct sort *s, char *a, size_t n) {
    for (;;) {
        if (n < 7) {
            insertion_sort(s, a, n);
            return;
        }
        size_t less, greater;
        swap(s, a, pivot(s, a, n));
        split(s, a, n, &less, &greater);
        if (is_wanted(s, a, less)) sort(s, a, less / s->size);
        char *behind = a + n * s->size - greater;
        if (!is_wanted(s, behind, greater)) return;
        a = behind;
        n = greater / s->size;
    }
}

void partial_sort(void *array, size_t n, size_t size, int (*compare)(const void *a, const void *b, void *ctx),
                  void *ctx, size_t from, size_t to) {
    assert_that(size <= PARTIAL_SORT_SIZE_MAX && from < to && to <= n);
    struct sort s = {size, compare, ctx, (char *)array + from * size, (char *)array + (to - 1) * size};
    sort(&s, array, n);
}

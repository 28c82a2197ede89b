/* The wheel against a model: an array of entries with their times, searched from end to end. */
#include "keyspace/expiry.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/num.h"
#include "keyspace/entry_internal.h"
#include "unit/keyspace/keyspace_support.h"

static void start_clock(void) {
    clock_set_for_test(T0);
}
TestSuite(expiry, .init = start_clock);

static struct entry *entry_for(uint32_t i, int64_t at_ms) {
    char key[16];
    int n = snprintf(key, sizeof key, "k%u", i);
    struct payload p = payload_of_i64(i);
    return entry_new((slice){key, (size_t)n}, at_ms, &p, 0);
}

static struct entry *add(struct expiry *x, uint32_t i, int64_t at_ms) {
    struct entry *e = entry_for(i, at_ms);
    entry_set_cell(e, expiry_add(x, e, at_ms));
    return e;
}

static void drop(struct expiry *x, struct entry *e) {
    expiry_remove(x, entry_cell(e));
    entry_free_block(e);
}

/* As ttl.c calls it: until nothing can be due. */
static struct entry *due(struct expiry *x, int64_t now_ms) {
    struct entry *e;
    while (!(e = expiry_due(x, now_ms)) && expiry_pending(x, now_ms)) continue;
    return e;
}

static uint32_t entry_number(const struct entry *e) {
    slice key = entry_key(e);
    int64_t i = -1;
    cr_assert(num_parse_i64((slice){key.p + 1, key.n - 1}, &i));
    return (uint32_t)i;
}

#define ENTRIES 1500
static struct entry *model[ENTRIES];

static int64_t earliest(void) {
    int64_t min_ms = INT64_MAX;
    for (int i = 0; i < ENTRIES; i++)
        if (model[i] && entry_expire_at(model[i]) < min_ms) min_ms = entry_expire_at(model[i]);
    return min_ms;
}

static int64_t random_time(int64_t now_ms) {
    switch (ks_below(12)) {
    case 0: return now_ms - (int64_t)ks_below(100000);
    case 1: return now_ms;
    case 2: return INT64_MAX - (int64_t)ks_below(3);
    case 3: return -2 - (int64_t)ks_below(1000); /* -1 is NO_EXPIRE */
    case 4: return (int64_t)(ks_random() >> 1);  /* any time there is */
    default: return now_ms + (int64_t)ks_below(UINT64_C(1) << ks_below(45));
    }
}

static void take_due(struct expiry *x, int64_t now_ms) {
    struct entry *e;
    while ((e = due(x, now_ms))) {
        uint32_t i = entry_number(e);
        cr_assert_eq(model[i], e);
        cr_assert_leq(entry_expire_at(e), now_ms);
        model[i] = NULL;
        drop(x, e);
    }
    cr_assert_gt(earliest(), now_ms, "something due at %ld was not found at %ld", earliest(), now_ms);
}

static void change_one(struct expiry *x, int64_t now_ms) {
    uint32_t i = (uint32_t)ks_below(ENTRIES);
    if (!model[i]) {
        model[i] = add(x, i, random_time(now_ms));
    } else if (ks_below(3) == 0) { /* a new address */
        struct payload p = payload_of_i64(1);
        struct entry *fresh = entry_rebuild(model[i], entry_expire_at(model[i]), &p);
        expiry_moved(x, entry_cell(fresh), fresh);
        entry_free_block(model[i]);
        model[i] = fresh;
    } else {
        drop(x, model[i]);
        model[i] = NULL;
    }
}

static size_t model_count(void) {
    size_t n = 0;
    for (int i = 0; i < ENTRIES; i++) n += model[i] != NULL;
    return n;
}

static void follow_model(int64_t step_max_ms, int steps) {
    struct expiry *x = expiry_new();
    int64_t now_ms = T0;
    for (int step = 0; step < steps; step++) {
        for (uint64_t k = ks_below(60); k > 0; k--) change_one(x, now_ms);
        cr_assert_eq(expiry_count(x), model_count());
        int64_t next_ms = expiry_next_ms(x);
        if (model_count() == 0)
            cr_assert_eq(next_ms, NO_EXPIRE);
        else if (earliest() > now_ms)
            cr_assert_leq(next_ms, earliest());
        now_ms += (int64_t)ks_below((uint64_t)step_max_ms);
        clock_set_for_test(now_ms);
        take_due(x, now_ms);
    }
    for (int i = 0; i < ENTRIES; i++) {
        if (model[i]) drop(x, model[i]);
        model[i] = NULL;
    }
    cr_assert_eq(expiry_count(x), 0);
    cr_assert_eq(expiry_next_ms(x), NO_EXPIRE);
    expiry_free(x);
}

Test(expiry, follows_the_model_at_every_pace) {
    static const int64_t paces_ms[] = {3, 100, 5000, 300000, 50000000, 10000000000, 5000000000000};
    size_t used = mem_used_bytes();
    for (size_t i = 0; i < sizeof paces_ms / sizeof paces_ms[0]; i++) {
        start_clock();
        follow_model(paces_ms[i], 500);
    }
    cr_assert_eq(mem_used_bytes(), used);
}

Test(expiry, every_millisecond_counts) {
    static const int64_t after_ms[] = {1,     255,   256,    257,    511,      512,    513,
                                       65535, 65536, 131071, 131072, 16777216, 1 << 30};
    for (size_t i = 0; i < sizeof after_ms / sizeof after_ms[0]; i++) {
        struct expiry *x = expiry_new();
        struct entry *e = add(x, 0, T0 + after_ms[i]);
        cr_assert_null(due(x, T0));
        cr_assert_null(due(x, T0 + after_ms[i] / 2));
        cr_assert_null(due(x, T0 + after_ms[i] - 1));
        cr_assert_eq(due(x, T0 + after_ms[i]), e);
        cr_assert_eq(due(x, T0 + after_ms[i]), e, "it stays until removed");
        drop(x, e);
        cr_assert_null(due(x, T0 + after_ms[i]));
        expiry_free(x);
    }
}

Test(expiry, the_past_is_due_at_once_and_the_end_of_time_never_before) {
    struct expiry *x = expiry_new();
    cr_assert_null(expiry_due(x, T0));
    struct entry *end = add(x, 0, INT64_MAX);
    cr_assert_null(due(x, T0 + ((int64_t)1 << 50)));
    cr_assert_null(due(x, INT64_MAX - 1));
    cr_assert_eq(due(x, INT64_MAX), end);
    drop(x, end);
    struct entry *lowest = add(x, 1, INT64_MIN);
    cr_assert_eq(due(x, T0), lowest);
    drop(x, lowest);
    struct entry *zero = add(x, 1, 0);
    cr_assert_eq(due(x, T0), zero);
    drop(x, zero);
    expiry_free(x);
}

Test(expiry, a_clock_that_steps_back_makes_nothing_due_early) {
    struct expiry *x = expiry_new();
    struct entry *far = add(x, 0, T0 + 100000);
    cr_assert_null(due(x, T0 + 50000));
    struct entry *near = add(x, 1, T0 + 10000); /* after a step back by 50 s */
    cr_assert_null(due(x, T0 + 1));
    cr_assert_null(due(x, T0 + 9999));
    cr_assert_eq(due(x, T0 + 50000), near);
    drop(x, near);
    cr_assert_eq(due(x, T0 + 100000), far);
    drop(x, far);
    expiry_free(x);
}

/* Forty thousand keys that expire within the same second, in an hour: whoever calls when asked to never meets work that is
 * late, so no call does more than a slice; and each key is found in its very millisecond. */
Test(expiry, a_crowd_moves_down_ahead_of_time) {
    struct expiry *x = expiry_new();
    const uint32_t crowd = 40000;
    for (uint32_t i = 0; i < crowd; i++) add(x, i, T0 + 3600000 + i % 1000);
    uint32_t found = 0;
    int calls = 0;
    for (int64_t now_ms = T0; found < crowd; now_ms = expiry_next_ms(x)) {
        clock_set_for_test(now_ms);
        struct entry *e;
        while ((e = expiry_due(x, now_ms))) {
            cr_assert_eq(entry_expire_at(e), now_ms);
            drop(x, e);
            found++;
        }
        cr_assert_not(expiry_pending(x, now_ms));
        cr_assert_lt(++calls, 5000);
    }
    cr_assert_eq(expiry_count(x), 0);
    expiry_free(x);
}

/* The same crowd when nobody called until the last millisecond: late, but in slices, and nothing is lost. */
Test(expiry, a_crowd_found_late_comes_in_slices) {
    struct expiry *x = expiry_new();
    const uint32_t crowd = 40000;
    for (uint32_t i = 0; i < crowd; i++) add(x, i, T0 + 3600000 + i % 1000);
    int64_t now_ms = T0 + 3600000 - 1;
    int pauses = 0;
    do {
        cr_assert_null(expiry_due(x, now_ms));
        pauses++;
    } while (expiry_pending(x, now_ms));
    cr_assert_gt(pauses, 20);
    uint32_t found = 0;
    for (struct entry *e; (e = due(x, now_ms + 500)); found++) drop(x, e);
    cr_assert_eq(found, crowd / 2);
    while (expiry_count(x)) drop(x, due(x, T0 + 4000000));
    expiry_free(x);
}

Test(expiry, costs_little_and_shrinks) {
    struct expiry *x = expiry_new();
    const uint32_t n = 100000;
    struct entry **all = mem_alloc(n * sizeof *all);
    for (uint32_t i = 0; i < n; i++) all[i] = add(x, i, T0 + (int64_t)ks_below(1000000));
    cr_assert_lt((double)expiry_bytes(x) / n, 9.6, "%.2f", (double)expiry_bytes(x) / n);
    for (uint32_t i = 0; i < n; i++) drop(x, all[i]);
    cr_assert_lt(expiry_bytes(x), 60000);
    for (uint32_t i = 0; i < n; i++) all[i] = add(x, i, T0 + 1000);
    cr_assert_lt((double)expiry_bytes(x) / n, 8.6, "%.2f", (double)expiry_bytes(x) / n);
    for (uint32_t i = 0; i < n; i++) drop(x, all[i]);
    mem_free(all, n * sizeof *all);
    expiry_free(x);
}

/* Eviction's samples: all of them are members, and in time each member comes up. */
Test(expiry, samples_and_what_comes_next) {
    struct expiry *x = expiry_new();
    struct entry *got[16];
    cr_assert_eq(expiry_sample(x, got, 5), 0);
    cr_assert_eq(expiry_earliest(x, got, 5), 0);
    memset(model, 0, sizeof model);
    for (uint32_t i = 0; i < 300; i++)
        model[i] = add(x, i, T0 + (int64_t)(i < 150 ? ks_below(400) : ks_below(100000000)));
    bool seen[300] = {false};
    for (int k = 0; k < 3000; k++) {
        size_t n = expiry_sample(x, got, 5);
        cr_assert(n > 0 && n <= 5);
        for (size_t j = 0; j < n; j++) {
            cr_assert_eq(model[entry_number(got[j])], got[j]);
            seen[entry_number(got[j])] = true;
        }
    }
    for (int i = 0; i < 300; i++) cr_assert(seen[i], "%d never came up", i);
    for (int left = 300; left > 0; left--) {
        size_t n = expiry_earliest(x, got, 16);
        cr_assert(n > 0 && n <= 16);
        struct entry *first = got[0];
        for (size_t j = 0; j < n; j++)
            if (entry_expire_at(got[j]) < entry_expire_at(first)) first = got[j];
        if (left > 150) cr_assert_eq(entry_expire_at(first), earliest());
        model[entry_number(first)] = NULL;
        drop(x, first);
    }
    cr_assert_eq(expiry_sample(x, got, 5), 0);
    expiry_free(x);
}

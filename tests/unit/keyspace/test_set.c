/* Sets against a model: the same random changes to a set and to an array of members, in both forms. */
#include "base/alloc.h"
#include "base/random.h"
#include "keyspace/digest.h"
#include "keyspace/set.h"
#include "keyspace_support.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(set_values);

#define MEMBERS 60

struct model {
    bool has[MEMBERS];
    size_t count;
    int texts; /* members from this number on are no integers */
};

static slice member_name(const struct model *m, int i, char buf[80]) {
    static const int64_t wide[] = {100000, -100000, INT64_MAX, INT64_MIN, 40000};
    if (i >= m->texts) return (slice){buf, (size_t)snprintf(buf, 80, "member:%0*d", i, i)};
    return (slice){buf, num_format_i64(buf, i % 12 == 11 ? wide[i / 12] : i)};
}

static void check_member(void *ctx, slice member) {
    struct model *m = ctx;
    char buf[80];
    for (int i = 0; i < MEMBERS; i++) {
        if (!slice_eq(member, member_name(m, i, buf))) continue;
        cr_assert(m->has[i]);
        m->count++;
        return;
    }
    cr_assert(false, "a member that was never added");
}

static bool count_some(void *ctx, slice member) {
    (void)member;
    return ++*(size_t *)ctx < 3;
}

static void check(struct set s, struct model *m) {
    size_t want = 0, seen = 0;
    char buf[80];
    for (int i = 0; i < MEMBERS; i++) {
        want += m->has[i];
        cr_assert_eq(set_has(s, member_name(m, i, buf)), m->has[i]);
    }
    cr_assert_eq(set_count(s), want);
    m->count = 0;
    set_each(s, check_member, m);
    cr_assert_eq(m->count, want);
    cr_assert_eq(set_each_while(s, count_some, &seen), want < 3);
    cr_assert_eq(seen, want < 3 ? want : 3);
}

static void forget_member(void *ctx, slice member) {
    struct model *m = ctx;
    char buf[80];
    int i = 0;
    while (!slice_eq(member, member_name(m, i, buf))) i++;
    cr_assert(m->has[i]);
    m->has[i] = false;
}

static void change(struct set *s, struct model *m) {
    char buf[80];
    int i = (int)ks_below(MEMBERS);
    slice member = member_name(m, i, buf);
    uint64_t what = ks_below(20);
    if (what == 0 && set_count(*s) > 0) {
        set_pop(s, forget_member, m);
    } else if (what < 6) {
        cr_assert_eq(set_remove(s, member), m->has[i]);
        m->has[i] = false;
    } else {
        cr_assert_eq(set_add(s, member), !m->has[i]);
        m->has[i] = true;
    }
}

static void follow_model(size_t entries, int texts) {
    size_t before = mem_used_bytes();
    set_config.intset_entries_max = entries;
    for (int round = 0; round < 40; round++) {
        struct model m = {.texts = texts};
        struct set s = set_new();
        for (int step = 0; step < 200; step++) {
            change(&s, &m);
            check(s, &m);
            if (s.encoding == SET_INTSET) cr_assert_leq(set_count(s), entries);
        }
        struct set copy = {set_value_ops.copy(s.encoding, s.ptr), s.encoding};
        check(copy, &m);
        set_free(copy);
        check(s, &m);
        set_free(s);
    }
    cr_assert_eq(mem_used_bytes(), before, "every block was freed with its size");
}

Test(set_values, integers_follow_the_model) {
    follow_model(1000, MEMBERS);
}
Test(set_values, growing_follows_the_model) {
    follow_model(20, MEMBERS);
}
Test(set_values, texts_make_a_table) {
    follow_model(1000, 55);
}
Test(set_values, table_follows_the_model) {
    follow_model(0, 0);
}

static struct set numbered(int n) {
    struct set s = set_new();
    for (int i = 0; i < n; i++) {
        char buf[NUM_INT_BYTES];
        set_add(&s, (slice){buf, num_format_i64(buf, i)});
    }
    return s;
}

Test(set_values, digest_does_not_tell_the_form) {
    struct set s = numbered(100);
    uint8_t packed[SHA1_BYTES] = {0}, table[SHA1_BYTES] = {0};
    cr_assert_eq(s.encoding, SET_INTSET);
    set_value_ops.digest(s.encoding, s.ptr, packed);
    set_to_table(&s);
    set_value_ops.digest(s.encoding, s.ptr, table);
    cr_assert_arr_eq(packed, table, SHA1_BYTES);
    set_free(s);
}

static void count_pick(void *ctx, slice member) {
    int64_t i;
    cr_assert(num_parse_i64(member, &i));
    ((size_t *)ctx)[i]++;
}

static void pick_evenly(struct set s, int n, size_t count, bool distinct) {
    size_t seen[1000] = {0}, rounds = 40000 / count + 1;
    for (size_t r = 0; r < rounds; r++) set_pick(s, count, distinct, count_pick, seen);
    double expected = (double)(rounds * count) / n, chi2 = 0;
    for (int i = 0; i < n; i++) {
        if (distinct) cr_assert_leq(seen[i], rounds, "a member twice in one pick");
        chi2 += ((double)seen[i] - expected) * ((double)seen[i] - expected) / expected;
    }
    cr_assert_lt(chi2, n + 6 * 45, "%zu of %d: %f", count, n, chi2); /* far in the tail; the seed is fixed */
}

Test(set_values, picks_are_even) {
    random_seed(5);
    for (int form = 0; form < 2; form++) {
        struct set s = numbered(100);
        if (form) set_to_table(&s);
        for (size_t count = 1; count <= 100; count += 33) {
            pick_evenly(s, 100, count, true);
            pick_evenly(s, 100, count, false);
        }
        set_free(s);
    }
    struct set big = numbered(1000);
    pick_evenly(big, 1000, 20, true); /* few of many are drawn, not selected */
    set_free(big);
}

/* The goal: at most 40 bytes for a member of 16 bytes. */
Test(set_values, a_big_one_is_small) {
    size_t before = mem_used_bytes();
    struct set s = set_new();
    enum { N = 100000 };
    for (int i = 0; i < N; i++) {
        char buf[32];
        sprintf(buf, "member%010d", i);
        set_add(&s, (slice){buf, 16});
    }
    double each = (double)(mem_used_bytes() - before) / N;
    double told = (double)set_value_ops.bytes(s.encoding, s.ptr) / N;
    cr_assert_lt(each, 40, "%f bytes", each);
    cr_assert(told > each * 0.95 && told < each * 1.05, "%f of %f", told, each);
    while (set_value_ops.free_some(s.encoding, s.ptr, 100)) continue;
    set_free(s);
    cr_assert_eq(mem_used_bytes(), before);
}

/* Hashes against a model: the same random changes to a hash and to an array of pairs, in both forms. */
#include "base/alloc.h"
#include "base/listpack.h"
#include "base/random.h"
#include "keyspace/digest.h"
#include "keyspace/hash.h"
#include "keyspace_support.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(hash_values);

#define FIELDS 40

struct model {
    bool has[FIELDS];
    char value[FIELDS][80];
    size_t n[FIELDS], count;
};

static slice field_name(int i, char buf[32]) { /* half of them integers in a listpack */
    return (slice){buf, (size_t)snprintf(buf, 32, i % 2 ? "%d" : "field:%d", i)};
}

static size_t random_value(char *buf) {
    if (ks_below(2)) return (size_t)sprintf(buf, "%lld", (long long)ks_below(100000) - 50000);
    size_t n = ks_below(70);
    for (size_t i = 0; i < n; i++) buf[i] = (char)ks_random();
    return n;
}

static void check_pair(void *ctx, slice field, slice value) {
    struct model *m = ctx;
    char buf[32];
    for (int i = 0; i < FIELDS; i++) {
        if (!slice_eq(field, field_name(i, buf))) continue;
        cr_assert(m->has[i] && slice_eq(value, (slice){m->value[i], m->n[i]}));
        m->count++;
        return;
    }
    cr_assert(false, "a field that was never set");
}

static void check(struct hash h, struct model *m) {
    size_t want = 0;
    char buf[32], scratch[NUM_INT_BYTES];
    for (int i = 0; i < FIELDS; i++) {
        slice v, field = field_name(i, buf);
        want += m->has[i];
        cr_assert_eq(hash_has(h, field), m->has[i]);
        cr_assert_eq(hash_get(h, field, &v, scratch), m->has[i]);
        if (m->has[i]) cr_assert(slice_eq(v, (slice){m->value[i], m->n[i]}));
    }
    cr_assert_eq(hash_count(h), want);
    m->count = 0;
    hash_each(h, check_pair, m);
    cr_assert_eq(m->count, want);
}

static void change(struct hash *h, struct model *m) {
    char buf[32];
    int i = (int)ks_below(FIELDS);
    slice field = field_name(i, buf);
    if (ks_below(10) < 3) {
        cr_assert_eq(hash_delete(h, field), m->has[i]);
        m->has[i] = false;
        return;
    }
    m->n[i] = random_value(m->value[i]);
    cr_assert_eq(hash_set(h, field, (slice){m->value[i], m->n[i]}), !m->has[i]);
    m->has[i] = true;
}

static void follow_model(size_t entries, uint64_t bytes) {
    size_t before = mem_used_bytes();
    hash_config.listpack_entries_max = entries;
    hash_config.listpack_value_max = bytes;
    for (int round = 0; round < 40; round++) {
        struct model m = {.count = 0};
        struct hash h = hash_new();
        for (int step = 0; step < 200; step++) {
            change(&h, &m);
            check(h, &m);
            if (h.encoding == HASH_LISTPACK) cr_assert_leq(hash_count(h), entries);
        }
        struct hash copy = {hash_value_ops.copy(h.encoding, h.ptr), h.encoding};
        check(copy, &m);
        hash_free(copy);
        check(h, &m);
        hash_free(h);
    }
    cr_assert_eq(mem_used_bytes(), before, "every block was freed with its size");
}

Test(hash_values, small_follows_the_model) {
    follow_model(1000, 100);
}
Test(hash_values, growing_follows_the_model) {
    follow_model(20, 100);
}
Test(hash_values, long_values_make_a_table) {
    follow_model(1000, 60);
}
Test(hash_values, table_follows_the_model) {
    follow_model(0, 0);
}

static struct hash numbered(int n) {
    struct hash h = hash_new();
    for (int i = 0; i < n; i++) {
        char f[32], v[32];
        int fn = sprintf(f, "field:%d", i), vn = sprintf(v, "%d", i);
        hash_set(&h, (slice){f, (size_t)fn}, (slice){v, (size_t)vn});
    }
    return h;
}

static void digest(struct hash h, uint8_t out[SHA1_BYTES]) {
    memset(out, 0, SHA1_BYTES);
    hash_value_ops.digest(h.encoding, h.ptr, out);
}

Test(hash_values, digest_does_not_tell_the_form) {
    struct hash h = numbered(100);
    uint8_t packed[SHA1_BYTES], table[SHA1_BYTES];
    cr_assert_eq(h.encoding, HASH_LISTPACK);
    digest(h, packed);
    hash_to_table(&h);
    cr_assert_eq(h.encoding, HASH_TABLE);
    digest(h, table);
    cr_assert_arr_eq(packed, table, SHA1_BYTES);
    hash_free(h);
}

static void count_pick(void *ctx, slice field, slice value) {
    int64_t i;
    cr_assert(num_parse_i64(value, &i) && slice_eq((slice){field.p + 6, field.n - 6}, value));
    ((size_t *)ctx)[i]++;
}

static void pick_evenly(struct hash h, int n, size_t count, bool distinct) {
    size_t seen[1000] = {0}, rounds = 40000 / count + 1;
    for (size_t r = 0; r < rounds; r++) hash_pick(h, count, distinct, count_pick, seen);
    double expected = (double)(rounds * count) / n, chi2 = 0;
    for (int i = 0; i < n; i++) {
        if (distinct) cr_assert_leq(seen[i], rounds, "a field twice in one pick");
        chi2 += ((double)seen[i] - expected) * ((double)seen[i] - expected) / expected;
    }
    cr_assert_lt(chi2, n + 6 * 45, "%zu of %d: %f", count, n, chi2); /* far in the tail; the seed is fixed */
}

Test(hash_values, picks_are_even) {
    random_seed(5);
    for (int form = 0; form < 2; form++) {
        struct hash h = numbered(100);
        if (form) hash_to_table(&h);
        for (size_t count = 1; count <= 100; count += 33) {
            pick_evenly(h, 100, count, true);
            pick_evenly(h, 100, count, false);
        }
        hash_free(h);
    }
    struct hash big = numbered(1000);
    pick_evenly(big, 1000, 20, true); /* few of many are drawn, not selected */
    hash_free(big);
}

Test(hash_values, picks_all_when_more_are_wanted) {
    for (int form = 0; form < 2; form++) {
        size_t seen[1000] = {0};
        struct hash h = numbered(50);
        if (form) hash_to_table(&h);
        hash_pick(h, 1000000, true, count_pick, seen);
        for (int i = 0; i < 50; i++) cr_assert_eq(seen[i], 1);
        hash_free(h);
    }
}

Test(hash_values, goes_in_slices) {
    size_t before = mem_used_bytes();
    struct hash h = numbered(5000);
    cr_assert_eq(h.encoding, HASH_TABLE);
    cr_assert_eq(hash_value_ops.free_effort(h.encoding, h.ptr), 5000);
    int slices = 0;
    while (hash_value_ops.free_some(h.encoding, h.ptr, 100)) slices++;
    cr_assert_geq(slices, 40);
    hash_value_ops.free(h.encoding, h.ptr);
    cr_assert_eq(mem_used_bytes(), before);
}

/* The goal: at most 58 bytes for a field and a value of 16 bytes. */
Test(hash_values, a_big_one_is_small) {
    size_t before = mem_used_bytes();
    struct hash h = hash_new();
    enum { N = 100000 };
    for (int i = 0; i < N; i++) {
        char f[32], v[32];
        sprintf(f, "field:%010d", i);
        sprintf(v, "value:%010d", i);
        hash_set(&h, (slice){f, 16}, (slice){v, 16});
    }
    double each = (double)(mem_used_bytes() - before) / N;
    double told = (double)hash_value_ops.bytes(h.encoding, h.ptr) / N;
    cr_assert_lt(each, 58, "%f bytes", each);
    cr_assert(told > each * 0.95 && told < each * 1.05, "%f of %f", told, each);
    hash_free(h);
}

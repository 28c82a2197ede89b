#include "unit/keyspace/keyspace_support.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

TestSuite(whole, .init = ks_test_init, .fini = ks_test_fini);

#define KEYS 3000

static struct entry *set(int dbid, int key, int64_t expire_ms) {
    char name[32];
    snprintf(name, sizeof name, "%d", key);
    return db_set_string(ks_db(dbid), slice_of(name), SLICE("v"), expire_ms);
}

static void count(void *seen, struct entry *e) {
    char name[32] = {0};
    slice key = entry_key(e);
    memcpy(name, key.p, key.n);
    ((uint8_t *)seen)[atoi(name)]++;
}

Test(whole, databases_have_numbers) {
    cr_assert_eq(ks_count(), 16);
    cr_assert_null(ks_db(-1));
    cr_assert_null(ks_db(16));
    for (int i = 0; i < 16; i++) cr_assert_eq(db_id(ks_db(i)), i);
}

Test(whole, each_shows_every_entry_once) {
    uint8_t seen[KEYS] = {0};
    for (int i = 0; i < KEYS; i++) set(0, i, i % 3 ? NO_EXPIRE : T0 + 1);
    clock_set_for_test(T0 + 2);
    db_each(ks_db(0), count, seen);
    for (int i = 0; i < KEYS; i++) cr_assert_eq(seen[i], 1);
}

Test(whole, scan_shows_what_stays_through_growth_and_skips_the_expired) {
    uint8_t seen[20 * KEYS] = {0};
    for (int i = 0; i < KEYS; i++) set(0, i, i % 3 ? NO_EXPIRE : T0 + 1);
    clock_set_for_test(T0 + 2);
    ks_active_expire_on = false;
    uint64_t cursor = 0;
    int calls = 0;
    do {
        cursor = db_scan(ks_db(0), cursor, count, seen);
        for (int i = 0; i < 10 && calls < 1000; i++) set(0, KEYS + calls * 10 + i, NO_EXPIRE);
        calls++;
    } while (cursor != 0);
    for (int i = 0; i < KEYS; i++) cr_assert(i % 3 ? seen[i] >= 1 : seen[i] == 0, "key %d: %d", i, seen[i]);
}

Test(whole, swap_exchanges_contents_not_numbers) {
    set(1, 7, T0 + 100);
    struct entry *e = set(4, 8, NO_EXPIRE);
    set(4, 9, NO_EXPIRE);
    ks_swap(1, 4);
    cr_assert_str_eq(events(), "swapped:1,4 ");
    cr_assert_eq(db_id(ks_db(1)), 1);
    cr_assert_eq(db_id(ks_db(4)), 4);
    cr_assert_eq(db_size(ks_db(1)), 2);
    cr_assert_eq(db_expires(ks_db(1)), 0);
    cr_assert_eq(db_expires(ks_db(4)), 1);
    cr_assert_eq(db_avg_ttl_ms(ks_db(4)), 100);
    cr_assert_eq(db_read(ks_db(1), SLICE("8"), 0), e);
    ks_swap(1, 1);
    cr_assert_str_eq(events(), "swapped:1,4 ");
    events_clear();
    clock_set_for_test(T0 + 101);
    ks_expire_due(UINT32_MAX);
    cr_assert_str_eq(events(), "expired:7@4 notify-100-expired:7@4 modified:7@4 ");
}

Test(whole, reserving_and_rehashing_lose_nothing) {
    db_reserve(ks_db(0), 100000);
    cr_assert_geq(db_table_bytes(ks_db(0)), 100000 * 8);
    for (int i = 0; i < KEYS; i++) {
        set(0, i, NO_EXPIRE);
        set(1, i, NO_EXPIRE);
    }
    while (ks_rehash_us(10)) continue;
    for (int i = 0; i < KEYS; i++) {
        char name[32];
        snprintf(name, sizeof name, "%d", i);
        cr_assert_not_null(db_read(ks_db(0), slice_of(name), 0));
        cr_assert_not_null(db_read(ks_db(1), slice_of(name), 0));
    }
}

Test(whole, prefetching_is_harmless) {
    for (int i = 0; i < 100; i++) {
        db_prefetch_bucket(ks_db(0), db_hash(SLICE("missing")));
        db_prefetch_entry(ks_db(0), db_hash(SLICE("missing")));
        set(0, i, NO_EXPIRE);
    }
    cr_assert_eq(db_size(ks_db(0)), 100);
}

static uint64_t flushes;
static void note_flush(int dbid) {
    cr_assert_eq(dbid, -1);
    flushes++;
}

Test(whole, a_second_set_takes_the_place_of_the_first_or_goes) {
    static const struct ks_hooks hooks = {.flushed = note_flush};
    for (int i = 0; i < KEYS; i++) set(0, i, i % 3 ? NO_EXPIRE : T0 + 100);
    set(3, 1, NO_EXPIRE);
    for (int round = 0; round < 2; round++) {
        ks_beside_begin();
        cr_assert_null(ks_beside_db(16));
        for (int i = 0; i < 100; i++) {
            char name[32];
            snprintf(name, sizeof name, "new %d", i);
            db_set_string(ks_beside_db(1), slice_of(name), SLICE("v"), i % 2 ? T0 + 50 : NO_EXPIRE);
        }
        cr_assert_eq(db_id(ks_beside_db(1)), 1);
        cr_assert_eq(db_size(ks_db(0)), KEYS);
        cr_assert_eq(db_size(ks_db(1)), 0);
        if (round == 0) {
            ks_beside_drop();
            cr_assert_eq(ks_next_expire_ms() <= T0 + 101, true);
            cr_assert_eq(db_expires(ks_db(0)), KEYS / 3);
        }
    }
    ks_set_hooks(&hooks);
    ks_beside_swap();
    cr_assert_eq(flushes, 1);
    cr_assert_eq(db_size(ks_db(0)) + db_size(ks_db(3)), 0);
    cr_assert_eq(db_size(ks_db(1)), 100);
    cr_assert_eq(db_expires(ks_db(1)), 50);
    cr_assert_eq(db_id(ks_db(1)), 1);
    cr_assert_geq(ks_lazy_pending(), KEYS, "freed in slices");
    clock_set_for_test(T0 + 60);
    while (ks_expire_due(1000)) {}
    cr_assert_eq(db_size(ks_db(1)), 50);
    while (ks_lazy_free_us(1000)) {}
}

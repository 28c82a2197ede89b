#include "unit/keyspace/keyspace_support.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"

TestSuite(lazy, .init = ks_test_init, .fini = ks_test_fini);

static void fill(struct db *db, int n, int64_t expire_ms) {
    char key[32];
    for (int i = 0; i < n; i++) {
        snprintf(key, sizeof key, "key:%d", i);
        db_set_string(db, slice_of(key), SLICE("some value"), expire_ms);
    }
}

Test(lazy, only_big_values_wait) {
    counted_register(true);
    counted_set(ks_db(0), "small", LAZYFREE_EFFORT_MIN, NO_EXPIRE);
    counted_set(ks_db(0), "big", 10000, NO_EXPIRE);
    cr_assert(db_delete_lazy(ks_db(0), SLICE("small")));
    cr_assert_eq(counted_values, 1);
    cr_assert_eq(ks_lazy_pending(), 0);
    cr_assert(db_delete_lazy(ks_db(0), SLICE("big")));
    cr_assert_eq(counted_values, 1);
    cr_assert_eq(ks_lazy_pending(), 1);
    cr_assert_eq(db_size(ks_db(0)), 0);
    cr_assert(ks_lazy_free_us(0), "a slice is less than the whole");
    cr_assert_lt(counted_elements, 10000);
    cr_assert_gt(counted_elements, 0);
    while (ks_lazy_free_us(0)) continue;
    cr_assert_eq(counted_values, 0);
    cr_assert_eq(counted_elements, 0);
    cr_assert_eq(ks_lazy_pending(), 0);
    cr_assert_eq(ks_lazy_freed(), 1);
    cr_assert_not(ks_lazy_free_us(0));
}

Test(lazy, a_type_without_slices_is_freed_in_one) {
    counted_register(false);
    counted_set(ks_db(0), "big", 10000, NO_EXPIRE);
    db_delete_lazy(ks_db(0), SLICE("big"));
    cr_assert_eq(counted_values, 1);
    cr_assert_not(ks_lazy_free_us(0));
    cr_assert_eq(counted_values, 0);
}

Test(lazy, deleting_frees_at_once) {
    counted_register(true);
    counted_set(ks_db(0), "big", 10000, NO_EXPIRE);
    db_delete(ks_db(0), SLICE("big"));
    cr_assert_eq(counted_values, 0);
}

Test(lazy, expiry_and_overwriting_follow_their_settings) {
    struct db *db = ks_db(0);
    counted_register(true);
    counted_set(db, "a", 1000, T0 + 1);
    counted_set(db, "b", 1000, NO_EXPIRE);
    counted_set(db, "c", 1000, T0 + 3);
    clock_set_for_test(T0 + 2);
    ks_expire_due(UINT32_MAX);
    db_set_string(db, SLICE("b"), SLICE("v"), NO_EXPIRE);
    cr_assert_eq(ks_lazy_pending(), 0);
    cr_assert_eq(counted_values, 1);
    counted_set(db, "b", 1000, NO_EXPIRE);
    ks_config.lazyfree_expire = ks_config.lazyfree_server_del = true;
    clock_set_for_test(T0 + 4);
    ks_expire_due(UINT32_MAX);
    cr_assert_eq(ks_lazy_pending(), 1);
    db_set_string(db, SLICE("b"), SLICE("v"), NO_EXPIRE);
    cr_assert_eq(ks_lazy_pending(), 2);
    cr_assert_eq(counted_values, 2);
    while (ks_lazy_free_us(1000)) continue;
    cr_assert_eq(counted_values, 0);
}

Test(lazy, a_flush_detaches_and_frees_in_slices) {
    struct db *db = ks_db(2);
    counted_register(true);
    size_t empty_bytes = mem_used_bytes();
    fill(db, 5000, T0 + 1000);
    counted_set(db, "big", 1000, NO_EXPIRE);
    size_t full_bytes = mem_used_bytes();
    db_flush(db, true);
    cr_assert_str_eq(events(), "flushed:2 ");
    cr_assert_eq(db_size(db), 0);
    cr_assert_eq(db_expires(db), 0);
    cr_assert_eq(db_avg_ttl_ms(db), 0);
    cr_assert_eq(ks_next_expire_ms(), NO_EXPIRE);
    cr_assert_eq(ks_lazy_pending(), 5001);
    cr_assert_geq(mem_used_bytes(), full_bytes - 1000);

    fill(db, 10, T0 + 5); /* the database is in use meanwhile */
    int slices = 0;
    while (ks_lazy_free_us(0)) slices++;
    cr_assert_gt(slices, 20);
    cr_assert_eq(ks_lazy_pending(), 0);
    cr_assert_eq(ks_lazy_freed(), 5002, "the big value was queued for itself when its entry went");
    cr_assert_eq(counted_values, 0);
    cr_assert_eq(db_size(db), 10);
    clock_set_for_test(T0 + 2000);
    ks_expire_due(UINT32_MAX);
    cr_assert_eq(db_size(db), 0);
    db_flush(db, false);
    cr_assert_leq(mem_used_bytes(), empty_bytes + 20000);
}

Test(lazy, a_flush_of_all_at_once) {
    counted_register(true);
    for (int i = 0; i < 16; i++) fill(ks_db(i), 100, i % 2 ? T0 + 1000 : NO_EXPIRE);
    counted_set(ks_db(3), "big", 1000, NO_EXPIRE);
    ks_flush_all(false);
    cr_assert_str_eq(events(), "flushed:-1 ");
    cr_assert_eq(ks_lazy_pending(), 0);
    cr_assert_eq(counted_values, 0);
    for (int i = 0; i < 16; i++) cr_assert_eq(db_size(ks_db(i)), 0);
    cr_assert_eq(ks_next_expire_ms(), NO_EXPIRE);
}

Test(lazy, what_still_waits_ends_with_the_key_space) {
    counted_register(true);
    fill(ks_db(0), 1000, T0 + 5);
    counted_set(ks_db(1), "big", 1000, NO_EXPIRE);
    ks_flush_all(true);
    db_delete_lazy(ks_db(1), SLICE("big"));
    counted_set(ks_db(1), "big", 1000, NO_EXPIRE);
    db_delete_lazy(ks_db(1), SLICE("big"));
    cr_assert_gt(ks_lazy_pending(), 1000);
}

#include "unit/keyspace/keyspace_support.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "base/clock.h"

TestSuite(ttl, .init = ks_test_init, .fini = ks_test_fini);

static struct entry *set(const char *key, int64_t expire_ms) {
    return db_set_string(ks_db(0), slice_of(key), SLICE("v"), expire_ms);
}

static struct entry *get(const char *key) {
    return db_read(ks_db(0), slice_of(key), LOOKUP_NONOTIFY);
}

Test(ttl, a_key_lives_through_its_last_millisecond) {
    struct entry *e = set("k", T0 + 100);
    clock_set_for_test(T0 + 100);
    cr_assert_not(entry_is_expired(e));
    cr_assert_eq(get("k"), e);
    cr_assert_not(ks_expire_due(UINT32_MAX));
    cr_assert_eq(db_size(ks_db(0)), 1);
    clock_set_for_test(T0 + 101);
    cr_assert(entry_is_expired(e));
    cr_assert_eq(db_size(ks_db(0)), 1);
    cr_assert_null(get("k"));
    cr_assert_eq(db_size(ks_db(0)), 0);
    cr_assert_eq(ks_stats.expired_keys, 1);
    cr_assert_str_eq(events(), "expired:k@0 notify-100-expired:k@0 modified:k@0 ");
    cr_assert_eq(ks_dirty, 0, "expiry is propagated, not counted");
}

Test(ttl, the_sweep_is_exact) {
    char key[32];
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        db_set_string(ks_db(i % 16), slice_of(key), SLICE("v"), T0 + 1 + i);
    }
    for (int ms = 0; ms <= 1001; ms++) {
        clock_set_for_test(T0 + ms);
        cr_assert_leq(ks_next_expire_ms(), ms <= 1000 ? T0 + 2 + (ms >= 2 ? ms - 2 : 0) : T0 + ms);
        cr_assert_not(ks_expire_due(UINT32_MAX));
        size_t left = 0;
        for (int d = 0; d < 16; d++) left += db_size(ks_db(d));
        cr_assert_eq(left, (size_t)(ms < 2 ? 1000 : 1001 - ms), "after %d ms %zu are left", ms, left);
        events_clear();
    }
    cr_assert_eq(ks_next_expire_ms(), NO_EXPIRE);
    cr_assert_eq(ks_stats.expired_keys, 1000);
}

Test(ttl, next_expiry_is_never_late) {
    cr_assert_eq(ks_next_expire_ms(), NO_EXPIRE);
    set("far", T0 + 100000000);
    cr_assert_leq(ks_next_expire_ms(), T0 + 100000001);
    set("near", T0 + 50);
    cr_assert_leq(ks_next_expire_ms(), T0 + 51);
    cr_assert_geq(ks_next_expire_ms(), T0);
}

Test(ttl, the_sweep_keeps_to_its_budget_and_goes_on_later) {
    char key[32];
    for (int i = 0; i < 2000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        db_set_string(ks_db(i % 4), slice_of(key), SLICE("v"), T0 + 1);
    }
    clock_set_for_test(T0 + 10);
    cr_assert(ks_expire_due(0));
    cr_assert_eq(ks_stats.expired_time_cap_reached, 1);
    cr_assert_gt(ks_stats.expired_keys, 0);
    cr_assert_lt(ks_stats.expired_keys, 200);
    int calls = 0;
    while (ks_expire_due(0)) {
        events_clear();
        cr_assert_lt(++calls, 1000);
    }
    cr_assert_eq(ks_stats.expired_keys, 2000);
}

Test(ttl, a_replica_hides_and_keeps) {
    struct db *db = ks_db(0);
    ks_set_expire_mode(KS_EXPIRE_HIDE);
    set("k", T0 + 1);
    set("live", NO_EXPIRE);
    clock_set_for_test(T0 + 2);
    cr_assert_null(get("k"));
    cr_assert_null(db_write(db, SLICE("k"), 0));
    cr_assert_not(db_delete(db, SLICE("k")));
    cr_assert_not(ks_expire_due(UINT32_MAX));
    cr_assert_eq(db_size(db), 2);
    cr_assert_eq(ks_stats.expired_keys, 0);
    cr_assert_str_eq(events(), "");

    ks_set_applying(true); /* the master's stream sees it and may still give it a new life */
    cr_assert_not_null(get("k"));
    cr_assert(db_delete(db, SLICE("k")));
    ks_set_applying(false);
    cr_assert_eq(db_size(db), 1);
}

Test(ttl, a_writable_replica_ends_what_its_own_clients_wrote) {
    struct db *db = ks_db(3);
    ks_set_expire_mode(KS_EXPIRE_HIDE);
    set("of the master", T0 + 1);
    ks_remember_ttls(true);
    db_set_string(db, SLICE("own"), SLICE("v"), T0 + 1);
    db_set_string(db, SLICE("own"), SLICE("w"), T0 + 2);
    db_set_string(db, SLICE("taken over"), SLICE("v"), T0 + 1);
    db_set_string(db, SLICE("kept"), SLICE("v"), T0 + 1);
    db_set_string(db, SLICE("kept"), SLICE("v"), NO_EXPIRE);
    ks_remember_ttls(false);
    cr_assert_eq(ks_local_ttls(), 3);
    ks_set_applying(true);
    db_set_string(db, SLICE("taken over"), SLICE("v"), T0 + 5);
    ks_set_applying(false);
    cr_assert_eq(ks_local_ttls(), 2);
    for (int i = 0; i < 100; i++) ks_expire_local();
    cr_assert_eq(db_size(db), 3, "not before its time");
    cr_assert_eq(ks_local_ttls(), 1);
    clock_set_for_test(T0 + 10);
    for (int i = 0; i < 100; i++) ks_expire_local();
    cr_assert_eq(db_size(db), 2);
    cr_assert_eq(db_size(ks_db(0)), 1);
    cr_assert_eq(ks_local_ttls(), 0);

    ks_remember_ttls(true);
    db_set_string(db, SLICE("own"), SLICE("v"), T0 + 20);
    ks_remember_ttls(false);
    ks_flush_all(false);
    cr_assert_eq(ks_local_ttls(), 0);
}

Test(ttl, while_held_nothing_goes) {
    struct db *db = ks_db(0);
    set("k", T0 + 1);
    clock_set_for_test(T0 + 2);
    ks_hold_expiry(true);
    ks_hold_expiry(true);
    ks_hold_expiry(false);
    cr_assert(ks_expiry_held());
    cr_assert_null(get("k"));
    cr_assert_not(ks_expire_due(UINT32_MAX));
    cr_assert_eq(db_size(db), 1);
    cr_assert_str_eq(events(), "");
    ks_hold_expiry(false);
    ks_expire_due(UINT32_MAX);
    cr_assert_eq(db_size(db), 0);
}

Test(ttl, a_write_to_a_hidden_key_replaces_it) {
    struct db *db = ks_db(0);
    ks_set_expire_mode(KS_EXPIRE_HIDE);
    set("k", T0 + 1);
    set("target", T0 + 1);
    set("copied", T0 + 1);
    set("source", NO_EXPIRE);
    clock_set_for_test(T0 + 2);
    cr_assert_eq(entry_expire_ms(set("k", KEEP_TTL)), NO_EXPIRE);
    cr_assert_not_null(db_copy_entry(db, SLICE("source"), db, SLICE("copied")));
    cr_assert_not_null(db_move_entry(db, SLICE("source"), db, SLICE("target")));
    cr_assert_null(db_move_entry(db, SLICE("source"), db, SLICE("x")));
    cr_assert_not_null(get("k"));
    cr_assert_not_null(get("target"));
    cr_assert_eq(entry_expire_ms(get("copied")), NO_EXPIRE);
    cr_assert_eq(db_size(db), 3);
    cr_assert_eq(db_expires(db), 0);
}

Test(ttl, setting_over_an_expired_key_propagates_its_end_first) {
    set("k", T0 + 1);
    clock_set_for_test(T0 + 2);
    struct entry *e = set("k", KEEP_TTL);
    cr_assert_eq(entry_expire_ms(e), NO_EXPIRE);
    cr_assert_str_eq(events(), "expired:k@0 notify-100-expired:k@0 modified:k@0 ");
    cr_assert_eq(db_size(ks_db(0)), 1);
}

Test(ttl, a_lookup_without_effects_leaves_the_key) {
    set("k", T0 + 1);
    clock_set_for_test(T0 + 2);
    cr_assert_null(db_read(ks_db(0), SLICE("k"), LOOKUP_NOEFFECTS));
    cr_assert_eq(db_size(ks_db(0)), 1);
    cr_assert_str_eq(events(), "");
}

Test(ttl, the_sweep_can_be_switched_off) {
    set("k", T0 + 1);
    clock_set_for_test(T0 + 2);
    ks_active_expire_on = false;
    cr_assert_not(ks_expire_due(UINT32_MAX));
    cr_assert_eq(db_size(ks_db(0)), 1);
    ks_active_expire_on = true;
    ks_set_applying(true);
    cr_assert_not(ks_expire_due(UINT32_MAX));
    cr_assert_eq(db_size(ks_db(0)), 1);
    ks_set_applying(false);
    ks_expire_due(UINT32_MAX);
    cr_assert_eq(db_size(ks_db(0)), 0);
}

Test(ttl, average_is_exact_whatever_the_times) {
    struct db *db = ks_db(0);
    cr_assert_eq(db_avg_ttl_ms(db), 0);
    set("a", T0 + 1000);
    set("b", T0 + 3000);
    set("c", NO_EXPIRE);
    cr_assert_eq(db_avg_ttl_ms(db), 2000);
    db_set_expire(db, get("a"), T0 + 5000);
    cr_assert_eq(db_avg_ttl_ms(db), 4000);
    db_set_expire(db, get("a"), NO_EXPIRE);
    cr_assert_eq(db_avg_ttl_ms(db), 3000);
    set("x", INT64_MAX);
    set("y", INT64_MAX);
    set("z", INT64_MAX);
    db_delete(db, SLICE("b"));
    cr_assert_eq(db_avg_ttl_ms(db), INT64_MAX - T0);
}

Test(ttl, walking_and_choosing_skip_what_expired) {
    struct db *db = ks_db(0);
    char key[32];
    for (int i = 0; i < 50; i++) {
        snprintf(key, sizeof key, "dead%d", i);
        set(key, T0 + 1);
    }
    struct entry *live = set("live", NO_EXPIRE);
    clock_set_for_test(T0 + 2);
    cr_assert_eq(db_random(db), live);
    ks_set_expire_mode(KS_EXPIRE_HIDE);
    set("hidden", T0 + 2);
    db_delete(db, SLICE("live"));
    clock_set_for_test(T0 + 3);
    cr_assert_not_null(db_random(db), "a database of hidden keys alone gives one, as Redis does");
}

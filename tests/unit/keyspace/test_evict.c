/* Which keys go. The random source is seeded, so that what a policy prefers by chance comes out the same in every run. */
#include "keyspace/evict.h"
#include "unit/keyspace/keyspace_support.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/random.h"

static void init(void) {
    ks_test_init();
    random_seed(7);
}
TestSuite(evict, .init = init, .fini = ks_test_fini);

static void use(int policy) {
    evict_config.policy = policy;
    evict_policy_changed();
}

static void name(char *buf, const char *prefix, int i) {
    sprintf(buf, "%s%d", prefix, i);
}

static void set_many(int db, const char *prefix, int n, int64_t expire_ms) {
    char key[32];
    for (int i = 0; i < n; i++) {
        name(key, prefix, i);
        db_set_string(ks_db(db), slice_of(key), SLICE("v"), expire_ms);
    }
}

static void read_many(int db, const char *prefix, int n) {
    char key[32];
    for (int i = 0; i < n; i++) {
        name(key, prefix, i);
        db_read(ks_db(db), slice_of(key), 0);
    }
}

static int count(int db, const char *prefix, int n) {
    char key[32];
    int found = 0;
    for (int i = 0; i < n; i++) {
        name(key, prefix, i);
        found += db_read(ks_db(db), slice_of(key), LOOKUP_NOEFFECTS) != NULL;
    }
    return found;
}

static void evict_many(int n) {
    for (int i = 0; i < n; i++) cr_assert(evict_one(), "the %d-th", i);
    events_clear();
}

static const int volatile_policies[] = {POLICY_VOLATILE_LRU, POLICY_VOLATILE_LFU, POLICY_VOLATILE_RANDOM,
                                        POLICY_VOLATILE_TTL};
static const int policies_of_all[] = {POLICY_ALLKEYS_LRU, POLICY_ALLKEYS_LFU, POLICY_ALLKEYS_RANDOM};

Test(evict, noeviction_lets_nothing_go) {
    set_many(0, "k", 5, T0 + 1000);
    use(POLICY_NOEVICTION);
    cr_assert_not(evict_one());
    cr_assert_eq(db_size(ks_db(0)), 5);
}

Test(evict, volatile_policies_leave_what_has_no_ttl) {
    for (size_t p = 0; p < sizeof volatile_policies / sizeof *volatile_policies; p++) {
        use(volatile_policies[p]);
        set_many(0, "keep", 300, NO_EXPIRE);
        set_many(0, "go", 100, T0 + 100000);
        set_many(3, "go", 60, T0 + 200000);
        set_many(5, "keep", 10, NO_EXPIRE);
        evict_many(160);
        cr_assert_not(evict_one(), "policy %d", volatile_policies[p]);
        cr_assert_eq(count(0, "keep", 300), 300);
        cr_assert_eq(count(5, "keep", 10), 10);
        cr_assert_eq(db_size(ks_db(0)), 300);
        cr_assert_eq(db_size(ks_db(3)), 0);
    }
    cr_assert_eq(ks_stats.evicted_keys, 640);
    cr_assert_eq(ks_stats.expired_keys, 0);
}

Test(evict, a_key_that_loses_its_ttl_is_a_candidate_no_more) {
    use(POLICY_VOLATILE_LRU);
    set_many(0, "k", 40, T0 + 100000);
    evict_many(1); /* the pool knows most of them now */
    char key[32];
    for (int i = 0; i < 40; i++) {
        name(key, "k", i);
        struct entry *e = db_read(ks_db(0), slice_of(key), LOOKUP_NOEFFECTS);
        if (e) db_set_expire(ks_db(0), e, NO_EXPIRE);
    }
    cr_assert_not(evict_one());
    cr_assert_eq(db_size(ks_db(0)), 39);
}

Test(evict, policies_of_all_keys_take_all_in_the_end) {
    for (size_t p = 0; p < sizeof policies_of_all / sizeof *policies_of_all; p++) {
        use(policies_of_all[p]);
        set_many(0, "a", 700, NO_EXPIRE);
        set_many(1, "b", 50, T0 + 100000);
        set_many(15, "c", 1, NO_EXPIRE);
        evict_many(751);
        cr_assert_not(evict_one());
        cr_assert_eq(db_size(ks_db(0)) + db_size(ks_db(1)) + db_size(ks_db(15)), 0);
    }
}

Test(evict, lru_takes_the_idle) {
    set_many(0, "idle", 1000, NO_EXPIRE);
    clock_set_for_test(T0 + 60000);
    set_many(0, "used", 1000, NO_EXPIRE);
    use(POLICY_ALLKEYS_LRU);
    evict_many(800);
    cr_assert_geq(count(0, "used", 1000), 980, "%d of 1000", count(0, "used", 1000));
}

Test(evict, who_is_used_after_being_chosen_stays) {
    use(POLICY_ALLKEYS_LRU);
    set_many(0, "k", 20, NO_EXPIRE);
    clock_set_for_test(T0 + 60000);
    evict_config.samples = 64;
    evict_many(1);
    clock_set_for_test(T0 + 120000);
    read_many(0, "k", 20);
    clock_set_for_test(T0 + 180000);
    set_many(0, "old", 1, NO_EXPIRE);
    entry_set_idle_s(db_read(ks_db(0), SLICE("old0"), LOOKUP_NOEFFECTS), 100);
    evict_many(1);
    cr_assert_eq(count(0, "old", 1), 0);
    cr_assert_eq(count(0, "k", 20), 19);
}

Test(evict, lru_of_keys_with_a_ttl_takes_the_idle) {
    set_many(0, "idle", 1000, T0 + 3600000);
    clock_set_for_test(T0 + 60000);
    set_many(0, "used", 1000, T0 + 3600000);
    use(POLICY_VOLATILE_LRU);
    evict_many(800);
    cr_assert_geq(count(0, "used", 1000), 970, "%d of 1000", count(0, "used", 1000));
}

Test(evict, lfu_takes_the_rare) {
    use(POLICY_ALLKEYS_LFU);
    ks_config.lfu_log_factor = 1;
    set_many(0, "rare", 1000, NO_EXPIRE);
    set_many(0, "often", 1000, NO_EXPIRE);
    for (int i = 0; i < 20; i++) read_many(0, "often", 1000);
    evict_many(800);
    cr_assert_geq(count(0, "often", 1000), 980, "%d of 1000", count(0, "often", 1000));
}

Test(evict, of_equally_rare_ones_the_longer_unused_goes) {
    use(POLICY_ALLKEYS_LFU);
    ks_config.lfu_decay_minutes = 0;
    set_many(0, "old", 500, NO_EXPIRE);
    clock_set_for_test(T0 + 3 * 60000);
    set_many(0, "new", 500, NO_EXPIRE);
    evict_many(400);
    cr_assert_geq(count(0, "new", 500), 480, "%d of 500", count(0, "new", 500));
}

Test(evict, ttl_takes_what_ends_next) {
    use(POLICY_VOLATILE_TTL);
    set_many(0, "keep", 10, NO_EXPIRE);
    char key[32];
    for (int i = 0; i < 200; i++) { /* in no order */
        int k = i * 77 % 200;
        name(key, "t", k);
        db_set_string(ks_db(k % 3), slice_of(key), SLICE("v"), T0 + 1000 + 400 * k);
    }
    for (int i = 0; i < 200; i++) {
        cr_assert(evict_one());
        name(key, "t", i);
        cr_assert_null(db_read(ks_db(i % 3), slice_of(key), LOOKUP_NOEFFECTS), "%s was next", key);
        cr_assert_eq(db_expires(ks_db(0)) + db_expires(ks_db(1)) + db_expires(ks_db(2)), (size_t)(199 - i));
    }
    cr_assert_not(evict_one());
}

Test(evict, far_ttls_go_roughly_in_order) {
    use(POLICY_VOLATILE_TTL);
    char key[32];
    for (int i = 0; i < 2000; i++) {
        int k = i * 777 % 2000;
        name(key, "t", k);
        db_set_string(ks_db(0), slice_of(key), SLICE("v"), T0 + 3600000 + 5000 * k);
    }
    evict_many(1000);
    int late = 0;
    for (int i = 1050; i < 2000; i++) {
        name(key, "t", i);
        late += db_read(ks_db(0), slice_of(key), LOOKUP_NOEFFECTS) == NULL;
    }
    cr_assert_leq(late, 10, "%d far beyond their turn", late);
}

Test(evict, tells_before_and_after) {
    use(POLICY_ALLKEYS_RANDOM);
    set_many(4, "k", 1, NO_EXPIRE);
    events_clear();
    cr_assert(evict_one());
    cr_assert_str_eq(events(), "evicted:k0@4 modified:k0@4 notify-200-evicted:k0@4 ");
}

Test(evict, what_has_expired_expires) {
    use(POLICY_ALLKEYS_LRU);
    set_many(0, "k", 1, T0 + 1000);
    clock_set_for_test(T0 + 5000);
    events_clear();
    cr_assert(evict_one());
    cr_assert_str_eq(events(), "expired:k0@0 notify-100-expired:k0@0 modified:k0@0 ");
    cr_assert_eq(ks_stats.expired_keys, 1);
    cr_assert_eq(ks_stats.evicted_keys, 0);
}

Test(evict, a_large_value_is_freed_in_slices) {
    counted_register(true);
    use(POLICY_ALLKEYS_LRU);
    counted_set(ks_db(0), "big", 100000, NO_EXPIRE);
    cr_assert(evict_one());
    cr_assert_eq(db_size(ks_db(0)), 0);
    cr_assert_eq(counted_values, 1);
    while (ks_lazy_free_us(1000)) continue;
    cr_assert_eq(counted_values, 0);
}

/* What the pool remembers may have gone any way that keys go. */
Test(evict, candidates_may_vanish_in_any_way) {
    static const int policies[] = {POLICY_ALLKEYS_LRU, POLICY_VOLATILE_LRU,   POLICY_VOLATILE_TTL,
                                   POLICY_ALLKEYS_LFU, POLICY_ALLKEYS_RANDOM, POLICY_VOLATILE_RANDOM};
    char key[32];
    for (int i = 0; i < 60000; i++) {
        struct db *db = ks_db((int)ks_below(3));
        name(key, "k", (int)ks_below(500));
        int64_t ttl = ks_below(2) ? T0 + 3600000 + (int64_t)ks_below(100000) : NO_EXPIRE;
        switch (ks_below(10)) {
        case 0: evict_one(); break;
        case 1: db_delete(db, slice_of(key)); break;
        case 2:
            if (ks_below(50) == 0) ks_swap(0, 1);
            break;
        case 3:
            if (ks_below(200) == 0) db_flush(db, ks_below(2));
            break;
        case 4:
            if (ks_below(100) == 0) use(policies[ks_below(6)]);
            break;
        case 5: {
            struct db *to = ks_db((int)ks_below(3));
            if (!db_read(to, SLICE("moved"), 0)) db_move_entry(db, slice_of(key), to, SLICE("moved"));
            break;
        }
        default: db_set_string(db, slice_of(key), slice_of(key), ttl);
        }
        clock_set_for_test(T0 + i);
    }
    events_clear();
    for (int i = 0; i < 3; i++) cr_assert_leq(db_expires(ks_db(i)), db_size(ks_db(i)));
    cr_assert_gt(ks_stats.evicted_keys, 1000);
}

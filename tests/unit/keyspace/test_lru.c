#include "unit/keyspace/keyspace_support.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "keyspace/entry_internal.h"
#include "keyspace/lru.h"

TestSuite(lru, .init = ks_test_init, .fini = ks_test_fini);

static struct entry *set(const char *key) {
    return db_set_string(ks_db(0), slice_of(key), SLICE("v"), NO_EXPIRE);
}

static struct entry *touch(const char *key, int flags) {
    return db_read(ks_db(0), slice_of(key), flags);
}

Test(lru, idle_time_runs_until_touched) {
    struct entry *e = set("k");
    cr_assert_eq(entry_idle_ms(e), 0);
    clock_set_for_test(T0 + 7000);
    cr_assert_eq(entry_idle_ms(e), 7000);
    touch("k", LOOKUP_NOTOUCH);
    cr_assert_eq(entry_idle_ms(e), 7000);
    touch("k", 0);
    cr_assert_eq(entry_idle_ms(e), 0);
    clock_set_for_test(T0 + 9000);
    db_write(ks_db(0), SLICE("k"), 0);
    cr_assert_eq(entry_idle_ms(e), 0);
    clock_set_for_test(T0 + 12000);
    cr_assert_eq(entry_idle_ms(set("k")), 0);
}

Test(lru, a_child_keeps_reads_from_writing) {
    struct entry *e = set("k");
    clock_set_for_test(T0 + 5000);
    ks_set_child_active(true);
    touch("k", 0);
    db_write(ks_db(0), SLICE("k"), 0);
    cr_assert_eq(entry_idle_ms(e), 5000);
    cr_assert_eq(entry_idle_ms(set("k")), 0, "a write dirties the page anyway");
    ks_set_child_active(false);
}

Test(lru, a_touch_that_changes_nothing_stores_nothing) {
    struct entry *e = set("k");
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(page, e, entry_block_bytes(e));
    mprotect(page, 4096, PROT_READ);
    lru_touch(page); /* a store would be a crash */
    munmap(page, 4096);
}

Test(lru, the_clock_wraps) {
    int64_t wrap_s = 1 << 24, before_s = T0 / 1000 / wrap_s * wrap_s + wrap_s - 3;
    clock_set_for_test(before_s * 1000);
    struct entry *e = set("k");
    clock_set_for_test((before_s + 10) * 1000);
    cr_assert_eq(entry_idle_ms(e), 10000);
}

Test(lru, restored_idle_time) {
    struct entry *e = set("k");
    entry_set_idle_s(e, 1234);
    cr_assert_eq(entry_idle_ms(e), 1234000);
    entry_set_freq(e, 77);
    cr_assert_eq(entry_idle_ms(e), 1234000, "a frequency means nothing to LRU");
    entry_set_idle_s(e, (uint64_t)1 << 40);
    cr_assert_gt(entry_idle_ms(e), 90ull * 86400 * 1000);
}

Test(lru, field_stays_with_the_key) {
    set("k");
    clock_set_for_test(T0 + 5000);
    struct entry *e = db_move_entry(ks_db(0), SLICE("k"), ks_db(1), SLICE("a-longer-name"));
    cr_assert_eq(entry_idle_ms(e), 5000);
    e = db_set_expire(ks_db(1), e, T0 + 100000);
    cr_assert_eq(entry_idle_ms(e), 5000);
    cr_assert_eq(entry_idle_ms(db_copy_entry(ks_db(1), SLICE("a-longer-name"), ks_db(0), SLICE("c"))), 0);
}

Test(lru, frequency_grows_slower_and_slower) {
    ks_config.lfu = true;
    ks_config.lfu_log_factor = 10;
    struct entry *e = set("k");
    cr_assert_eq(entry_freq(e), 5);
    int at_100 = 0;
    for (int i = 0; i < 100000; i++) {
        touch("k", 0);
        if (i == 99) at_100 = entry_freq(e);
    }
    /* Redis's documentation: 10 after 100 hits, 49 after 1000, 142 after 100,000 at factor 10. */
    cr_assert(at_100 >= 6 && at_100 <= 16, "%d after 100", at_100);
    cr_assert(entry_freq(e) >= 120 && entry_freq(e) <= 165, "%d after 100000", entry_freq(e));
}

Test(lru, factor_zero_counts_every_access_up_to_the_end) {
    ks_config.lfu = true;
    ks_config.lfu_log_factor = 0;
    struct entry *e = set("k");
    for (int i = 0; i < 100; i++) touch("k", 0);
    cr_assert_eq(entry_freq(e), 105);
    for (int i = 0; i < 400; i++) touch("k", 0);
    cr_assert_eq(entry_freq(e), 255);
}

Test(lru, frequency_decays_by_the_minute) {
    ks_config.lfu = true;
    struct entry *e = set("k");
    entry_set_freq(e, 100);
    entry_set_idle_s(e, 50);
    cr_assert_eq(entry_freq(e), 100);
    clock_set_for_test(T0 + 10 * 60000);
    cr_assert_eq(entry_freq(e), 90);
    ks_config.lfu_decay_minutes = 5;
    cr_assert_eq(entry_freq(e), 98);
    ks_config.lfu_decay_minutes = 0;
    cr_assert_eq(entry_freq(e), 100);
    ks_config.lfu_decay_minutes = 1;
    clock_set_for_test(T0 + 500 * 60000);
    cr_assert_eq(entry_freq(e), 0);
}

/* LRU clock and LFU counter. A touch stores only what changed: an entry read many times within a second is written once.
 *
 * The LFU counter grows with probability 1 / ((counter - 5) * lfu_log_factor + 1) and falls by one per
 * lfu_decay_minutes without access, so 8 bits tell a million accesses from a hundred. Not here: choosing what to evict. */
#include "keyspace/lru.h"

#include "base/clock.h"
#include "base/random.h"
#include "keyspace/db.h"
#include "keyspace/entry_internal.h"

#define LRU_CLOCK_MAX   ENTRY_LRU_MASK
#define LFU_MINUTES_MAX 0xffffu
#define LFU_NEW         5 /* a new key must not be the first to go */
#define LFU_MAX         255

struct ks_config ks_config = {.lfu_log_factor = 10, .lfu_decay_minutes = 1};
static bool child_active;

void ks_set_child_active(bool active) {
    child_active = active;
}

static uint32_t lru_clock(void) {
    return (uint32_t)(clock_ms() / 1000) & LRU_CLOCK_MAX;
}

static uint32_t lfu_minutes(void) {
    return (uint32_t)(clock_ms() / 60000) & LFU_MINUTES_MAX;
}

static uint32_t lfu_pack(uint32_t counter) {
    return lfu_minutes() << 8 | counter;
}

uint32_t lfu_idle_minutes(const struct entry *e) {
    return (lfu_minutes() - (entry_lru(e) >> 8)) & LFU_MINUTES_MAX;
}

static uint32_t lfu_decayed(uint32_t lru) {
    uint32_t counter = lru & 0xff;
    if (ks_config.lfu_decay_minutes <= 0) return counter;
    uint32_t idle_minutes = (lfu_minutes() - (lru >> 8)) & LFU_MINUTES_MAX;
    uint32_t periods = idle_minutes / (uint32_t)ks_config.lfu_decay_minutes;
    return periods > counter ? 0 : counter - periods;
}

static uint32_t lfu_grown(uint32_t counter) {
    if (counter == LFU_MAX) return LFU_MAX;
    uint64_t above = counter > LFU_NEW ? counter - LFU_NEW : 0;
    return counter + (random_below(above * (uint64_t)ks_config.lfu_log_factor + 1) == 0);
}

uint32_t lru_of_new(void) {
    return ks_config.lfu ? lfu_pack(LFU_NEW) : lru_clock();
}

void lru_stamp(struct entry *e) {
    entry_set_lru(e, ks_config.lfu ? lfu_pack(lfu_grown(lfu_decayed(entry_lru(e)))) : lru_clock());
}

void lru_touch(struct entry *e) {
    if (!child_active) lru_stamp(e);
}

uint64_t entry_idle_ms(const struct entry *e) {
    return (uint64_t)((lru_clock() - entry_lru(e)) & LRU_CLOCK_MAX) * 1000;
}

uint8_t entry_freq(const struct entry *e) {
    return (uint8_t)lfu_decayed(entry_lru(e));
}

void entry_set_idle_s(struct entry *e, uint64_t idle_s) {
    if (ks_config.lfu) return;
    /* Longer than the clock can tell: half its range, so that it does not soon look young again. */
    uint32_t idle = idle_s > LRU_CLOCK_MAX ? LRU_CLOCK_MAX / 2 : (uint32_t)idle_s;
    entry_set_lru(e, (lru_clock() - idle) & LRU_CLOCK_MAX);
}

void entry_set_freq(struct entry *e, uint8_t freq) {
    if (ks_config.lfu) entry_set_lru(e, lfu_pack(freq));
}

/* Open tables, one for each value of a hash's top byte: each grows by itself, so that no call takes long.
 *
 * Invariant: at most three quarters of a table's slots are used, so a search ends at a free one (0). */
#include "rdb/key_hashes.h"

#include "base/alloc.h"

enum { PARTS = 256, SLOTS_FIRST = 16 };

struct part {
    uint64_t *slots;
    size_t used, size; /* size: a power of two, or 0 */
};

struct key_hashes {
    size_t part_size_max;
    struct part parts[PARTS];
};

struct key_hashes *key_hashes_new(size_t bytes_max) {
    struct key_hashes *k = mem_zalloc(sizeof *k);
    k->part_size_max = bytes_max / PARTS / sizeof(uint64_t);
    return k;
}

void key_hashes_free(struct key_hashes *k) {
    for (int i = 0; i < PARTS; i++) mem_free(k->parts[i].slots, k->parts[i].size * sizeof(uint64_t));
    mem_free(k, sizeof *k);
}

static uint64_t *find_slot(const struct part *p, uint64_t hash) {
    size_t i = hash & (p->size - 1);
    while (p->slots[i] && p->slots[i] != hash) i = (i + 1) & (p->size - 1);
    return &p->slots[i];
}

static bool has_room(const struct part *p) {
    return p->used < p->size / 4 * 3;
}

static void grow(struct part *p) {
    struct part larger = {.used = p->used, .size = p->size ? p->size * 2 : SLOTS_FIRST};
    larger.slots = mem_zalloc(larger.size * sizeof(uint64_t));
    for (size_t i = 0; i < p->size; i++)
        if (p->slots[i]) *find_slot(&larger, p->slots[i]) = p->slots[i];
    mem_free(p->slots, p->size * sizeof(uint64_t));
    *p = larger;
}

bool key_hashes_add(struct key_hashes *k, uint64_t hash) {
    struct part *p = &k->parts[hash >> 56];
    if (hash == 0) hash = 1;
    if (!has_room(p) && (p->size == 0 || p->size * 2 <= k->part_size_max)) grow(p);
    uint64_t *slot = find_slot(p, hash);
    if (*slot) return false;
    if (has_room(p)) {
        *slot = hash;
        p->used++;
    }
    return true;
}

/* The expiry index: a hierarchical timing wheel whose entries move down ahead of time, in slices.
 *
 * Level L counts time in units of 256^L ms and has 512 slots, of which slot u mod 512 holds the entries of unit u. With
 * `now` for the wheel's time and now(L) for its unit on level L:
 *
 *   - an entry lies on a level where its unit is at most 511 units after now(L), so a slot never mixes units;
 *   - on level 0 units from now(0) on are occupied, and those at now(0) are due;
 *   - on levels above only units after now(L): an entry must have moved down before its unit begins.
 *
 * Adding takes the lowest level in reach. Twice the slots that a wheel of base 256 needs are what allows moving
 * down early: the unit after the current one, on any level, lies wholly in reach of the level below. So there is the length
 * of a whole unit in which to empty one slot, a few hundred entries a call, however many keys expire in the same
 * hour. Only when calls have been too few is the rest moved at the last moment (and still in slices).
 *
 * A slot's entries lie in chunks of 31 pointers; all but its first chunk are full, so removing means moving the last
 * pointer of the first chunk into the hole. A cell is chunk * 32 + 1 + place; chunks come from segments of 64,
 * found by index and given back when empty. An entry thus costs 8.26 bytes plus its share of half-filled chunks.
 *
 * Not here: what expiry means (ttl.c), and reading time: now comes from the caller, except that an empty wheel, when it
 * gets its first entry, starts near clock_ms(). */
#include "keyspace/expiry.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/random.h"
#include "keyspace/entry_internal.h"

#define LEVELS         8
#define LEVEL_BITS     8
#define SLOTS          512u
#define CHUNK_CELLS    31u
#define SEGMENT_CHUNKS 64u
#define NONE           UINT32_MAX

#define EARLY_CELLS_PER_CALL  512  /* moved down ahead of time by one expiry_due */
#define LATE_CELLS_PER_CALL   1024 /* moved when their unit has begun already */
#define EARLY_CALL_EVERY_MS   10 /* how often expiry_due likes to be called while slots wait to be emptied */
#define START_BEFORE_CLOCK_MS 1  /* the sweep looks for what lies before clock_ms() */

struct chunk {
    uint32_t next;
    uint16_t slot; /* level * SLOTS + slot */
    uint16_t count;
    struct entry *cells[CHUNK_CELLS];
};

struct segment {
    struct chunk *chunks; /* SEGMENT_CHUNKS, or NULL while none is in use */
    uint64_t free;        /* a bit for each free chunk */
    uint32_t next, prev;  /* in the list `partial`; `vacant` uses next alone */
};

struct level {
    uint64_t used[SLOTS / 64]; /* a bit for each slot that holds entries */
    uint32_t first[SLOTS];     /* its first chunk, when used */
};

struct expiry {
    uint64_t now_ms;
    size_t count;
    struct level *levels[LEVELS]; /* NULL until used */
    struct segment *segments;
    uint32_t segment_count, segment_cap;
    uint32_t partial; /* segments with free and used chunks */
    uint32_t vacant;  /* segments without memory */
};

struct expiry *expiry_new(void) {
    struct expiry *x = mem_zalloc(sizeof *x);
    x->partial = x->vacant = NONE;
    return x;
}

void expiry_free(struct expiry *x) {
    for (int l = 0; l < LEVELS; l++) mem_free(x->levels[l], sizeof *x->levels[l]);
    for (uint32_t i = 0; i < x->segment_count; i++)
        mem_free(x->segments[i].chunks, SEGMENT_CHUNKS * sizeof(struct chunk));
    mem_free(x->segments, x->segment_cap * sizeof *x->segments);
    mem_free(x, sizeof *x);
}

size_t expiry_count(const struct expiry *x) {
    return x->count;
}

size_t expiry_bytes(const struct expiry *x) {
    size_t bytes = sizeof *x + x->segment_cap * sizeof *x->segments;
    for (int l = 0; l < LEVELS; l++)
        if (x->levels[l]) bytes += sizeof *x->levels[l];
    for (uint32_t i = 0; i < x->segment_count; i++)
        if (x->segments[i].chunks) bytes += SEGMENT_CHUNKS * sizeof(struct chunk);
    return bytes;
}

/* --- chunks --- */

static struct chunk *chunk_at(const struct expiry *x, uint32_t id) {
    return &x->segments[id / SEGMENT_CHUNKS].chunks[id % SEGMENT_CHUNKS];
}

static void partial_link(struct expiry *x, uint32_t i) {
    struct segment *s = &x->segments[i];
    s->prev = NONE;
    s->next = x->partial;
    if (x->partial != NONE) x->segments[x->partial].prev = i;
    x->partial = i;
}

static void partial_unlink(struct expiry *x, uint32_t i) {
    struct segment *s = &x->segments[i];
    if (s->prev != NONE)
        x->segments[s->prev].next = s->next;
    else
        x->partial = s->next;
    if (s->next != NONE) x->segments[s->next].prev = s->prev;
}

/* A segment with all its chunks free becomes partial: a vacant one, else one more. */
static void segment_open(struct expiry *x) {
    uint32_t i = x->vacant;
    if (i != NONE) {
        x->vacant = x->segments[i].next;
    } else {
        if (x->segment_count == x->segment_cap) {
            uint32_t cap = x->segment_cap ? x->segment_cap * 2 : 2;
            x->segments = mem_resize(x->segments, x->segment_cap * sizeof *x->segments,
                                     cap * sizeof *x->segments);
            x->segment_cap = cap;
        }
        i = x->segment_count++;
        assert_that(i < UINT32_MAX / 32 / SEGMENT_CHUNKS);
    }
    x->segments[i].chunks = mem_alloc(SEGMENT_CHUNKS * sizeof(struct chunk));
    x->segments[i].free = UINT64_MAX;
    partial_link(x, i);
}

static uint32_t chunk_new(struct expiry *x) {
    if (x->partial == NONE) segment_open(x);
    uint32_t i = x->partial;
    struct segment *s = &x->segments[i];
    unsigned k = (unsigned)__builtin_ctzll(s->free);
    s->free &= s->free - 1;
    if (!s->free) partial_unlink(x, i);
    return i * SEGMENT_CHUNKS + k;
}

static void chunk_free(struct expiry *x, uint32_t id) {
    uint32_t i = id / SEGMENT_CHUNKS;
    struct segment *s = &x->segments[i];
    if (!s->free) partial_link(x, i);
    s->free |= (uint64_t)1 << id % SEGMENT_CHUNKS;
    if (s->free != UINT64_MAX) return;
    partial_unlink(x, i);
    mem_free(s->chunks, SEGMENT_CHUNKS * sizeof(struct chunk));
    s->chunks = NULL;
    s->next = x->vacant;
    x->vacant = i;
}

/* --- slots --- */

static uint64_t unit_of(uint64_t ms, int level) {
    return ms >> level * LEVEL_BITS;
}

static uint32_t cell_put(struct expiry *x, int level, unsigned slot, struct entry *e) {
    if (!x->levels[level]) x->levels[level] = mem_zalloc(sizeof *x->levels[level]);
    struct level *l = x->levels[level];
    bool used = l->used[slot / 64] >> slot % 64 & 1;
    uint32_t id = used ? l->first[slot] : NONE;
    struct chunk *c = used ? chunk_at(x, id) : NULL;
    if (!c || c->count == CHUNK_CELLS) {
        uint32_t before = id;
        id = chunk_new(x);
        c = chunk_at(x, id);
        c->next = before;
        c->slot = (uint16_t)(level * (int)SLOTS + (int)slot);
        c->count = 0;
        l->first[slot] = id;
        l->used[slot / 64] |= (uint64_t)1 << slot % 64;
    }
    c->cells[c->count++] = e;
    return id * 32 + c->count;
}

/* Slot's last entry, the one that can leave without a hole. */
static struct entry *slot_last(const struct expiry *x, int level, unsigned slot) {
    const struct chunk *c = chunk_at(x, x->levels[level]->first[slot]);
    if (c->count > 8) __builtin_prefetch(c->cells[c->count - 8]);
    return c->cells[c->count - 1];
}

static void slot_drop_last(struct expiry *x, int level, unsigned slot) {
    struct level *l = x->levels[level];
    uint32_t id = l->first[slot];
    struct chunk *c = chunk_at(x, id);
    if (--c->count > 0) return;
    l->first[slot] = c->next;
    if (c->next == NONE) l->used[slot / 64] &= ~((uint64_t)1 << slot % 64);
    chunk_free(x, id);
}

static bool slot_used(const struct expiry *x, int level, uint64_t unit) {
    unsigned slot = unit % SLOTS;
    return x->levels[level] && (x->levels[level]->used[slot / 64] >> slot % 64 & 1);
}

/* The first occupied unit of a level at or after its current one; false when the level is empty. */
static bool level_first(const struct expiry *x, int level, uint64_t *unit) {
    const struct level *l = x->levels[level];
    if (!l) return false;
    uint64_t from = unit_of(x->now_ms, level);
    unsigned start = from % SLOTS, word = start / 64;
    uint64_t bits = l->used[word] & ~(uint64_t)0 << start % 64;
    for (unsigned k = 0; k <= SLOTS / 64; k++) {
        if (bits) {
            unsigned slot = word * 64 + (unsigned)__builtin_ctzll(bits);
            *unit = from + (slot - start) % SLOTS;
            return true;
        }
        word = (word + 1) % (SLOTS / 64);
        bits = l->used[word];
    }
    return false;
}

/* --- the wheel --- */

static uint32_t place(struct expiry *x, struct entry *e, int64_t at_ms) {
    uint64_t at = at_ms < 0 ? 0 : (uint64_t)at_ms;
    if (at < x->now_ms) at = x->now_ms;
    int level = 0;
    while (unit_of(at, level) - unit_of(x->now_ms, level) >= SLOTS) level++;
    return cell_put(x, level, unit_of(at, level) % SLOTS, e);
}

uint32_t expiry_add(struct expiry *x, struct entry *e, int64_t at_ms) {
    if (x->count == 0) {
        int64_t start_ms = clock_ms() - START_BEFORE_CLOCK_MS;
        x->now_ms = start_ms > 0 ? (uint64_t)start_ms : 0;
    }
    x->count++;
    return place(x, e, at_ms);
}

void expiry_remove(struct expiry *x, uint32_t cell) {
    struct chunk *c = chunk_at(x, cell / 32);
    unsigned place_in_chunk = cell % 32 - 1;
    int level = c->slot / (int)SLOTS;
    unsigned slot = c->slot % SLOTS;
    assert_that(x->count > 0 && place_in_chunk < c->count);
    struct entry *last = slot_last(x, level, slot);
    if (last != c->cells[place_in_chunk]) {
        c->cells[place_in_chunk] = last;
        entry_set_cell(last, cell);
    }
    slot_drop_last(x, level, slot);
    x->count--;
}

void expiry_moved(struct expiry *x, uint32_t cell, struct entry *e) {
    chunk_at(x, cell / 32)->cells[cell % 32 - 1] = e;
}

struct stop {
    uint64_t start_ms, unit;
    int level;
};

/* The earliest time at which something is to be done, no later than until_ms: entries of level 0 fall due, or a slot of a
 * higher level has to be empty. The higher level wins a tie, because time cannot pass the start of an occupied unit. */
static bool next_stop(const struct expiry *x, int64_t until_ms, struct stop *stop) {
    bool found = false;
    stop->start_ms = (uint64_t)until_ms;
    for (int l = 0; l < LEVELS; l++) {
        uint64_t u;
        if (!level_first(x, l, &u)) continue;
        uint64_t start = u << l * LEVEL_BITS;
        if (start > stop->start_ms) continue;
        *stop = (struct stop){start, u, l};
        found = true;
    }
    return found;
}

/* Moves up to *budget entries of a slot down; the unit must be the one after now's. Stops at an entry that is due
 * already, and returns it. */
static struct entry *move_down(struct expiry *x, int level, uint64_t unit, int64_t due_ms, int *budget) {
    unsigned slot = unit % SLOTS;
    for (; *budget > 0 && slot_used(x, level, unit); --*budget) {
        struct entry *e = slot_last(x, level, slot);
        int64_t at_ms = entry_expire_at(e);
        if (at_ms <= due_ms) return e;
        slot_drop_last(x, level, slot);
        entry_set_cell(e, place(x, e, at_ms));
    }
    return NULL;
}

static void move_down_early(struct expiry *x) {
    int budget = EARLY_CELLS_PER_CALL;
    for (int level = 1; level < LEVELS && budget > 0; level++)
        move_down(x, level, unit_of(x->now_ms, level) + 1, INT64_MIN, &budget);
}

/* With the clock behind the wheel nothing may be reported: slots no longer tell what is due. */
static bool clock_is_behind(const struct expiry *x, int64_t now_ms) {
    return now_ms < 0 || (uint64_t)now_ms < x->now_ms;
}

struct entry *expiry_due(struct expiry *x, int64_t now_ms) {
    if (x->count == 0 || clock_is_behind(x, now_ms)) return NULL;
    int budget = LATE_CELLS_PER_CALL;
    struct stop stop;
    while (next_stop(x, now_ms, &stop)) {
        if (stop.level == 0) {
            x->now_ms = stop.start_ms;
            return slot_last(x, 0, stop.unit % SLOTS);
        }
        x->now_ms = stop.start_ms - 1; /* nothing lies between; from here the level below is in reach */
        struct entry *e = move_down(x, stop.level, stop.unit, now_ms, &budget);
        if (e || budget == 0) return e;
    }
    x->now_ms = (uint64_t)now_ms;
    move_down_early(x);
    return NULL;
}

bool expiry_pending(const struct expiry *x, int64_t now_ms) {
    struct stop stop;
    return !clock_is_behind(x, now_ms) && next_stop(x, now_ms, &stop);
}

/* A level above 0 asks for a call when its first slot can begin to move down, one unit ahead of its start; from then
 * on now and again, but no later than the start. */
int64_t expiry_next_ms(const struct expiry *x) {
    if (x->count == 0) return NO_EXPIRE;
    uint64_t next_ms = INT64_MAX, soon_ms = x->now_ms + EARLY_CALL_EVERY_MS;
    for (int level = 0; level < LEVELS; level++) {
        uint64_t unit;
        if (!level_first(x, level, &unit)) continue;
        uint64_t start_ms = unit << level * LEVEL_BITS, ms = start_ms;
        if (level > 0) ms = (unit - 1) << level * LEVEL_BITS;
        if (ms <= x->now_ms) ms = start_ms < soon_ms ? start_ms : soon_ms;
        if (ms < next_ms) next_ms = ms;
    }
    return (int64_t)next_ms;
}

/* --- for eviction --- */

/* A random cell, NULL when it is free: most are not, because segments without entries have no memory. */
static struct entry *const *random_cell(const struct expiry *x) {
    uint64_t r = random_below((uint64_t)x->segment_count * SEGMENT_CHUNKS * CHUNK_CELLS);
    const struct segment *s = &x->segments[r / (SEGMENT_CHUNKS * CHUNK_CELLS)];
    unsigned k = r / CHUNK_CELLS % SEGMENT_CHUNKS, cell = r % CHUNK_CELLS;
    if (!s->chunks || s->free >> k & 1 || cell >= s->chunks[k].count) return NULL;
    return &s->chunks[k].cells[cell];
}

/* The entries of the first chunk in use from a random one on: where there is far more room than entries. */
static size_t any_chunk(const struct expiry *x, struct entry **out, size_t n) {
    uint32_t start = (uint32_t)random_below(x->segment_count);
    for (uint32_t i = 0; i < x->segment_count; i++) {
        const struct segment *s = &x->segments[(start + i) % x->segment_count];
        if (!s->chunks) continue;
        const struct chunk *c = &s->chunks[__builtin_ctzll(~s->free)];
        size_t count = c->count < n ? c->count : n;
        memcpy(out, c->cells, count * sizeof *out);
        return count;
    }
    return 0;
}

size_t expiry_sample(const struct expiry *x, struct entry **out, size_t n) {
    enum { TRIES_EACH = 8 };
    if (x->count == 0) return 0;
    size_t found = 0;
    for (size_t tries = n * TRIES_EACH; found < n && tries > 0; tries--) {
        struct entry *const *cell = random_cell(x);
        if (!cell) continue;
        __builtin_prefetch(*cell);
        out[found++] = *cell;
    }
    return found ? found : any_chunk(x, out, n);
}

size_t expiry_earliest(const struct expiry *x, struct entry **out, size_t n) {
    size_t found = 0;
    for (int level = 0; level < LEVELS && found < n; level++) {
        uint64_t unit;
        if (x->count == 0 || !level_first(x, level, &unit)) continue;
        const struct chunk *c = chunk_at(x, x->levels[level]->first[unit % SLOTS]);
        size_t share = (n - found + 1) / 2; /* the lowest levels matter most */
        for (unsigned i = c->count; i > 0 && share > 0; share--) {
            __builtin_prefetch(c->cells[--i]);
            out[found++] = c->cells[i];
        }
    }
    return found;
}

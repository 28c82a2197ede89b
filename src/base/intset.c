/* Intsets. Invariant: width is 2, 4 or 8, the block is intset_bytes(s) long, and the integers ascend strictly.
 *
 * A search halves the interval without branches that depend on the data, and works on one width at a time, so that
 * the loop has no test for it. */
#include "base/intset.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/random.h"

#include <endian.h>
#include <string.h>

struct intset {
    uint32_t width_le, count_le;
    uint8_t ints[];
};

#define HEADER_BYTES sizeof(struct intset)

static inline size_t width_of(const struct intset *s) {
    return le32toh(s->width_le);
}

static inline size_t width_needed(int64_t v) {
    return v >= INT16_MIN && v <= INT16_MAX ? 2 : v >= INT32_MIN && v <= INT32_MAX ? 4 : 8;
}

static inline int64_t get(const uint8_t *ints, size_t width, size_t i) {
    if (width == 2) {
        uint16_t le;
        memcpy(&le, ints + i * 2, sizeof(le));
        return (int16_t)le16toh(le);
    }
    if (width == 4) {
        uint32_t le;
        memcpy(&le, ints + i * 4, sizeof(le));
        return (int32_t)le32toh(le);
    }
    uint64_t le;
    memcpy(&le, ints + i * 8, sizeof(le));
    return (int64_t)le64toh(le);
}

static inline void put(uint8_t *ints, size_t width, size_t i, int64_t v) {
    uint64_t le = htole64((uint64_t)v); /* the low bytes come first, whatever the width */
    memcpy(ints + i * width, &le, width);
}

size_t intset_count(const struct intset *s) {
    return le32toh(s->count_le);
}

size_t intset_bytes(const struct intset *s) {
    return HEADER_BYTES + width_of(s) * intset_count(s);
}

int64_t intset_at(const struct intset *s, size_t i) {
    assert_that(i < intset_count(s));
    return get(s->ints, width_of(s), i);
}

struct intset *intset_new(void) {
    struct intset *s = mem_alloc(HEADER_BYTES);
    *s = (struct intset){.width_le = htole32(2)};
    return s;
}

struct intset *intset_from_bytes(const void *bytes, size_t n) {
    return memcpy(mem_alloc(n), bytes, n);
}

struct intset *intset_copy(const struct intset *s) {
    return intset_from_bytes(s, intset_bytes(s));
}

void intset_free(struct intset *s) {
    if (s) mem_free(s, intset_bytes(s));
}

static inline __attribute__((always_inline)) size_t below_in(const uint8_t *ints, size_t width, size_t n,
                                                             int64_t v) {
    size_t from = 0;
    while (n > 0) { /* the answer is in from .. from + n */
        size_t half = n / 2;
        bool right = get(ints, width, from + half) < v;
        from = right ? from + half + 1 : from;
        n = right ? n - half - 1 : half;
    }
    return from;
}

/* How many of the integers are less than v: the place where v is or belongs. */
static size_t below(const struct intset *s, int64_t v) {
    size_t n = intset_count(s);
    switch (width_of(s)) {
    case 2: return below_in(s->ints, 2, n, v);
    case 4: return below_in(s->ints, 4, n, v);
    default: return below_in(s->ints, 8, n, v);
    }
}

static bool is_at(const struct intset *s, size_t i, int64_t v) {
    return i < intset_count(s) && get(s->ints, width_of(s), i) == v;
}

bool intset_has(const struct intset *s, int64_t v) {
    return width_needed(v) <= width_of(s) && is_at(s, below(s, v), v);
}

int64_t intset_random(const struct intset *s) {
    return intset_at(s, random_below(intset_count(s)));
}

static struct intset *resize(struct intset *s, size_t width, size_t count) {
    assert_that(count <= UINT32_MAX);
    s = mem_resize(s, intset_bytes(s), HEADER_BYTES + width * count);
    s->width_le = htole32((uint32_t)width);
    s->count_le = htole32((uint32_t)count);
    return s;
}

/* What needs more width than all others is less or greater than all of them: it goes to an end. */
static struct intset *add_wider(struct intset *s, int64_t v) {
    size_t n = intset_count(s), old = width_of(s), width = width_needed(v), first = v < 0;
    s = resize(s, width, n + 1);
    for (size_t i = n; i-- > 0;) put(s->ints, width, i + first, get(s->ints, old, i));
    put(s->ints, width, first ? 0 : n, v);
    return s;
}

struct intset *intset_add(struct intset *s, int64_t v, bool *added) {
    *added = true;
    size_t width = width_of(s), n = intset_count(s);
    if (width_needed(v) > width) return add_wider(s, v);
    size_t i = n > 0 && get(s->ints, width, n - 1) < v ? n : below(s, v);
    if (is_at(s, i, v)) {
        *added = false;
        return s;
    }
    s = resize(s, width, n + 1);
    memmove(s->ints + (i + 1) * width, s->ints + i * width, (n - i) * width);
    put(s->ints, width, i, v);
    return s;
}

struct intset *intset_remove_range(struct intset *s, size_t from, size_t n) {
    size_t width = width_of(s), count = intset_count(s);
    if (from >= count) return s;
    if (n > count - from) n = count - from;
    memmove(s->ints + from * width, s->ints + (from + n) * width, (count - from - n) * width);
    return resize(s, width, count - n);
}

struct intset *intset_remove(struct intset *s, int64_t v, bool *removed) {
    *removed = false;
    if (width_needed(v) > width_of(s)) return s;
    size_t i = below(s, v);
    if (!is_at(s, i, v)) return s;
    *removed = true;
    return intset_remove_range(s, i, 1);
}

bool intset_validate(const void *bytes, size_t n) {
    struct intset head;
    if (n < HEADER_BYTES) return false;
    memcpy(&head, bytes, HEADER_BYTES);
    size_t width = width_of(&head), count = intset_count(&head);
    if ((width != 2 && width != 4 && width != 8) || count == 0) return false;
    if (n != HEADER_BYTES + width * count) return false;
    const uint8_t *ints = (const uint8_t *)bytes + HEADER_BYTES;
    for (size_t i = 1; i < count; i++)
        if (get(ints, width, i - 1) >= get(ints, width, i)) return false;
    return true;
}

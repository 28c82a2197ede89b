/* Ziplists to listpacks. Invariant: no byte is read before `left`, which counts down to the end mark, allows it. */
#include "rdb/ziplist.h"

#include "base/listpack.h"

#define HEADER_BYTES  10
#define END_MARK      0xFF
#define LONG_BEFORE   0xFE /* the size of the entry before follows in 4 bytes */
#define COUNT_UNKNOWN 65535

struct cursor {
    const uint8_t *p;
    size_t left; /* bytes before the end mark */
};

static const uint8_t *take(struct cursor *c, size_t n) {
    if (n > c->left) return NULL;
    const uint8_t *p = c->p;
    c->p += n;
    c->left -= n;
    return p;
}

static uint32_t u32le(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* n bytes, little-endian and signed. */
static int64_t signed_le(const uint8_t *p, unsigned n) {
    uint64_t v = 0;
    for (unsigned i = 0; i < n; i++) v |= (uint64_t)p[i] << 8 * i;
    unsigned unused = 64 - 8 * n;
    return (int64_t)(v << unused) >> unused;
}

static bool take_size_before(struct cursor *c, size_t *before) {
    const uint8_t *p = take(c, 1);
    if (!p || *p == END_MARK) return false;
    *before = *p;
    if (*p != LONG_BEFORE) return true;
    p = take(c, 4);
    if (p) *before = u32le(p);
    return p != NULL;
}

/* The length of a string whose encoding starts with `first`. */
static bool take_string_length(struct cursor *c, uint8_t first, size_t *n) {
    const uint8_t *p;
    switch (first & 0xC0) {
    case 0: *n = first; return true;
    case 0x40:
        if (!(p = take(c, 1))) return false;
        *n = (size_t)(first & 0x3F) << 8 | *p;
        return true;
    default:
        if (first != 0x80 || !(p = take(c, 4))) return false;
        *n = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
        return true;
    }
}

static bool take_integer(struct cursor *c, uint8_t first, int64_t *v) {
    if (first >= 0xF1 && first <= 0xFD) {
        *v = (first & 0x0F) - 1;
        return true;
    }
    unsigned n = first == 0xC0 ? 2 : first == 0xD0 ? 4 : first == 0xE0 ? 8 : first == 0xF0 ? 3 : 1;
    const uint8_t *p = n == 1 && first != 0xFE ? NULL : take(c, n);
    if (p) *v = signed_le(p, n);
    return p != NULL;
}

/* One entry from c to the end of *lp. */
static bool move_entry(struct cursor *c, uint8_t **lp) {
    const uint8_t *first = take(c, 1), *p;
    size_t n;
    int64_t v;
    if (!first) return false;
    if (*first >= 0xC0) {
        if (!take_integer(c, *first, &v)) return false;
        *lp = lp_append_int(*lp, v);
        return true;
    }
    if (!take_string_length(c, *first, &n) || !(p = take(c, n)) || !lp_may_grow(*lp, n)) return false;
    *lp = lp_append(*lp, (slice){(const char *)p, n});
    return true;
}

uint8_t *ziplist_to_listpack(slice ziplist) {
    const uint8_t *zl = (const uint8_t *)ziplist.p;
    if (ziplist.n < HEADER_BYTES + 1 || u32le(zl) != ziplist.n || zl[ziplist.n - 1] != END_MARK) return NULL;
    struct cursor c = {zl + HEADER_BYTES, ziplist.n - HEADER_BYTES - 1};
    const uint8_t *last = c.p;
    size_t count = 0, size_of_last = 0, before;
    uint8_t *lp = lp_new();
    bool ok = true;
    while (ok && c.left > 0) {
        const uint8_t *start = c.p;
        ok = take_size_before(&c, &before) && before == size_of_last && move_entry(&c, &lp);
        size_of_last = (size_t)(c.p - start);
        last = start;
        count++;
    }
    size_t said = (size_t)zl[8] | (size_t)zl[9] << 8;
    if (ok && u32le(zl + 4) == (size_t)(last - zl) && (said == count || said == COUNT_UNKNOWN)) return lp;
    lp_free(lp);
    return NULL;
}

/* Listpacks from outside: whether bytes that anybody may have made are one. Every length is compared with what is
 * left before it is used; nothing is read outside the bytes given. */
#include "base/listpack_internal.h"

#include "base/alloc.h"
#include "base/hash.h"

/* The bytes of the entry at `at`, of which `room` precede the end mark; 0 when it isn't well-formed. */
static size_t check_entry(lp_pos at, size_t room) {
    if (likely(*at < 0xC0)) { /* most are: a small integer or a short string */
        size_t l = *at < 0x80 ? 1 : (size_t)(*at & 63) + 1;
        return l < room && at[l] == l ? l + 1 : 0;
    }
    size_t head_max = *at < 0xF0 ? 2 : *at == 0xF0 ? 5 : 1;
    if (head_max > room) return 0;
    size_t head, l = lp_payload_bytes(at, &head);
    if (l == 0 || l > room) return 0;
    size_t back = lp_backlen_bytes(l);
    if (back > room - l) return 0;
    uint8_t right[5];
    lp_put_backlen(right, l);
    return memcmp(right, at + l, back) == 0 ? l + back : 0;
}

bool lp_validate(const uint8_t *lp, size_t n, bool (*each)(void *ctx, lp_pos at, size_t index), void *ctx) {
    if (n < LP_EMPTY_BYTES || n > LP_OUTSIDE_BYTES_MAX || lp_bytes(lp) != n || lp[n - 1] != LP_END)
        return false;
    size_t count = 0;
    lp_pos at = lp + LP_HEADER_BYTES, end = lp + n - 1;
    while (at < end) {
        size_t bytes = check_entry(at, (size_t)(end - at));
        if (bytes == 0 || (each && !each(ctx, at, count))) return false;
        at += bytes;
        count++;
    }
    size_t said = lp_header_count(lp);
    return said == LP_COUNT_UNKNOWN || said == count;
}

uint8_t *lp_from_outside(slice bytes) {
    const uint8_t *p = (const uint8_t *)bytes.p;
    return lp_validate(p, bytes.n, NULL, NULL) ? lp_from_bytes(p, bytes.n) : NULL;
}

/* Names seen so far, in an open table twice their number: some bits of the hash, and where the entry stands. */
struct seen {
    uint32_t hash, offset; /* offset 0: free */
};

#define SEEN_ON_STACK 256

static bool add_name(struct seen *table, size_t mask, const uint8_t *lp, lp_pos at) {
    char buf[LP_INT_BYTES];
    slice name = lp_text(at, buf);
    uint64_t h = hash_bytes(name.p, name.n);
    size_t i = (size_t)(h >> 32) & mask;
    for (; table[i].offset; i = (i + 1) & mask)
        if (table[i].hash == (uint32_t)h && lp_equals(lp + table[i].offset, name)) return false;
    table[i] = (struct seen){(uint32_t)h, (uint32_t)(at - lp)};
    return true;
}

bool lp_distinct(uint8_t *lp, unsigned stride) {
    struct seen few[SEEN_ON_STACK], *table = few;
    size_t n = (lp_length(lp) + stride - 1) / stride, size = 16;
    while (size < 2 * n) size *= 2;
    if (size > SEEN_ON_STACK)
        table = mem_zalloc(size * sizeof(*table));
    else
        memset(few, 0, size * sizeof(*few));
    bool distinct = true;
    for (lp_pos at = lp_first(lp); at && distinct;) {
        distinct = add_name(table, size - 1, lp, at);
        for (unsigned i = 0; at && i < stride; i++) at = lp_next(at);
    }
    if (table != few) mem_free(table, size * sizeof(*table));
    return distinct;
}

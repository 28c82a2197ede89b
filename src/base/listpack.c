/* Listpacks: encoding entries and changing the sequence. Reading is in listpack_read.c, random picks and the check
 * of bytes from outside in listpack_pick.c and listpack_check.c.
 *
 * Invariant: the block is lp_bytes(lp) long, its last byte is the end mark, every entry's backlen is the length of
 * its encoding and data, and the header's count is right or LP_COUNT_UNKNOWN.
 *
 * Every change is one `reshape`: a run of bytes gives way to a run of another length, then entries are written
 * into the gap. */
#include "base/listpack_internal.h"

#include "base/alloc.h"
#include "base/assert.h"

/* An entry about to be written: the encoding (for integers with the value), then a string's text. */
struct entry {
    uint8_t head[9];
    uint8_t head_n;
    slice body;
};

/* Filled in place: to return it would copy what was just written in parts, which stalls on every entry. */
static void int_entry(struct entry *e, int64_t v) {
    e->body = (slice){NULL, 0};
    if (v >= 0 && v <= 127) {
        e->head[0] = (uint8_t)v;
        e->head_n = 1;
        return;
    }
    if (v >= -4096 && v <= 4095) {
        e->head[0] = (uint8_t)(0xC0 | ((uint64_t)v >> 8 & 31));
        e->head[1] = (uint8_t)v;
        e->head_n = 2;
        return;
    }
    uint64_t le = htole64((uint64_t)v);
    memcpy(e->head + 1, &le, sizeof(le));
    if (v >= INT16_MIN && v <= INT16_MAX) {
        e->head[0] = 0xF1;
        e->head_n = 3;
    } else if (v >= -(1 << 23) && v < (1 << 23)) {
        e->head[0] = 0xF2;
        e->head_n = 4;
    } else if (v >= INT32_MIN && v <= INT32_MAX) {
        e->head[0] = 0xF3;
        e->head_n = 5;
    } else {
        e->head[0] = 0xF4;
        e->head_n = 9;
    }
}

static void text_entry(struct entry *e, slice s) {
    int64_t v;
    if (num_parse_i64(s, &v)) {
        int_entry(e, v);
        return;
    }
    e->body = s;
    if (s.n < 64) {
        e->head[0] = (uint8_t)(0x80 | s.n);
        e->head_n = 1;
    } else if (s.n < 4096) {
        e->head[0] = (uint8_t)(0xE0 | s.n >> 8);
        e->head[1] = (uint8_t)s.n;
        e->head_n = 2;
    } else {
        assert_that(s.n <= UINT32_MAX);
        uint32_t le = htole32((uint32_t)s.n);
        e->head[0] = 0xF0;
        memcpy(e->head + 1, &le, sizeof(le));
        e->head_n = 5;
    }
}

static size_t entry_bytes(const struct entry *e) {
    size_t l = e->head_n + e->body.n;
    return l + lp_backlen_bytes(l);
}

static size_t put_entry(uint8_t *at, const struct entry *e) {
    size_t l = e->head_n + e->body.n;
    at[0] = e->head[0];
    for (size_t i = 1; i < e->head_n; i++) at[i] = e->head[i]; /* mostly none: cheaper than to call memcpy */
    if (e->body.n) memcpy(at + e->head_n, e->body.p, e->body.n);
    lp_put_backlen(at + l, l);
    return l + lp_backlen_bytes(l);
}

size_t lp_encoded_bytes(slice s) {
    struct entry e;
    text_entry(&e, s);
    return entry_bytes(&e);
}

size_t lp_encode(uint8_t *at, slice s) {
    struct entry e;
    text_entry(&e, s);
    return put_entry(at, &e);
}

size_t lp_encode_int(uint8_t *at, int64_t v) {
    struct entry e;
    int_entry(&e, v);
    return put_entry(at, &e);
}

void lp_set_header(uint8_t *lp, size_t bytes, size_t count) {
    assert_that(bytes <= UINT32_MAX);
    lp_set_bytes(lp, bytes);
    lp_set_count(lp, count);
}

uint8_t *lp_new(void) {
    uint8_t *lp = mem_alloc(LP_EMPTY_BYTES);
    lp_set_header(lp, LP_EMPTY_BYTES, 0);
    lp[LP_HEADER_BYTES] = LP_END;
    return lp;
}

uint8_t *lp_from_bytes(const uint8_t *bytes, size_t n) {
    return memcpy(mem_alloc(n), bytes, n);
}

uint8_t *lp_copy(const uint8_t *lp) {
    return lp_from_bytes(lp, lp_bytes(lp));
}

void lp_free(uint8_t *lp) {
    if (lp) mem_free(lp, lp_bytes(lp));
}

bool lp_may_grow(const uint8_t *lp, size_t more) {
    size_t have = lp_bytes(lp);
    return have <= LP_BYTES_MAX && more <= LP_BYTES_MAX - have;
}

/* The old_n bytes at offset `at` give way to new_n bytes, which the caller writes. */
static uint8_t *reshape(uint8_t *lp, size_t at, size_t old_n, size_t new_n) {
    if (old_n == new_n) return lp;
    size_t bytes = lp_bytes(lp), after = bytes - old_n + new_n;
    assert_that(at + old_n < bytes && after <= UINT32_MAX);
    if (new_n > old_n) lp = mem_resize(lp, bytes, after);
    if (at + old_n == bytes - 1)
        lp[at + new_n] = LP_END;
    else
        memmove(lp + at + new_n, lp + at + old_n, bytes - at - old_n);
    if (new_n < old_n) lp = mem_resize(lp, bytes, after);
    lp_set_bytes(lp, after);
    return lp;
}

static void count_add(uint8_t *lp, size_t n) {
    size_t count = lp_header_count(lp);
    if (count != LP_COUNT_UNKNOWN) lp_set_count(lp, count + n);
}

static void count_take(uint8_t *lp, size_t n) {
    size_t count = lp_header_count(lp);
    if (count == LP_COUNT_UNKNOWN) return;
    assert_that(n <= count);
    lp_set_count(lp, count - n);
}

static size_t end_offset(const uint8_t *lp) {
    return lp_bytes(lp) - 1;
}

static uint8_t *insert_entry(uint8_t *lp, size_t at, const struct entry *e) {
    lp = reshape(lp, at, 0, entry_bytes(e));
    put_entry(lp + at, e);
    count_add(lp, 1);
    return lp;
}

uint8_t *lp_insert(uint8_t *lp, lp_pos *at, slice s) {
    size_t offset = *at ? (size_t)(*at - lp) : end_offset(lp);
    struct entry e;
    text_entry(&e, s);
    lp = insert_entry(lp, offset, &e);
    *at = lp + offset;
    return lp;
}

uint8_t *lp_append(uint8_t *lp, slice s) {
    struct entry e;
    text_entry(&e, s);
    return insert_entry(lp, end_offset(lp), &e);
}

uint8_t *lp_append_int(uint8_t *lp, int64_t v) {
    struct entry e;
    int_entry(&e, v);
    return insert_entry(lp, end_offset(lp), &e);
}

uint8_t *lp_append_many(uint8_t *lp, const slice *s, size_t n) {
    size_t at = end_offset(lp), more = 0;
    for (size_t i = 0; i < n; i++) more += lp_encoded_bytes(s[i]);
    lp = reshape(lp, at, 0, more);
    for (size_t i = 0; i < n; i++) at += lp_encode(lp + at, s[i]);
    count_add(lp, n);
    return lp;
}

uint8_t *lp_replace(uint8_t *lp, lp_pos *at, slice s) {
    size_t offset = (size_t)(*at - lp);
    struct entry e;
    text_entry(&e, s);
    lp = reshape(lp, offset, lp_entry_bytes(*at), entry_bytes(&e));
    put_entry(lp + offset, &e);
    *at = lp + offset;
    return lp;
}

uint8_t *lp_delete_run(uint8_t *lp, lp_pos *at, size_t n) {
    if (!*at) return lp;
    size_t from = (size_t)(*at - lp), taken = 0;
    lp_pos to = *at;
    while (taken < n && *to != LP_END) {
        to += lp_entry_bytes(to);
        taken++;
    }
    lp = reshape(lp, from, (size_t)(to - *at), 0);
    count_take(lp, taken);
    *at = lp_or_end(lp + from);
    return lp;
}

uint8_t *lp_delete(uint8_t *lp, lp_pos *at) {
    return lp_delete_run(lp, at, 1);
}

/* A tail is cut without walking it when the header knows how many entries it has. */
uint8_t *lp_delete_range(uint8_t *lp, int64_t index, size_t n) {
    lp_pos at = lp_seek(lp, index);
    if (!at || n == 0) return lp;
    size_t count = lp_header_count(lp);
    size_t before = index < 0 ? count - (size_t)-index : (size_t)index;
    if (count == LP_COUNT_UNKNOWN || n < count - before) return lp_delete_run(lp, &at, n);
    size_t from = (size_t)(at - lp);
    lp = reshape(lp, from, end_offset(lp) - from, 0);
    lp_set_count(lp, before);
    return lp;
}

uint8_t *lp_merge(uint8_t *a, uint8_t *b) {
    size_t count = lp_length(a) + lp_length(b), bytes = lp_bytes(b);
    size_t at = end_offset(a), n = bytes - LP_EMPTY_BYTES;
    a = reshape(a, at, 0, n);
    memcpy(a + at, b + LP_HEADER_BYTES, n);
    lp_set_count(a, count);
    mem_free(b, bytes);
    return a;
}

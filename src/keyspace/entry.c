/* Packed entries: the only file that knows how a key, its expire time and its value lie in one block.
 *
 * Invariant: the block's size class is that of entry_block_bytes, which is computed from the content; so a block is
 * freed without a size being stored, and a value may change in place exactly when the class stays.
 * Not here: the table and the expiry index that point at entries (db.c, ttl.c). */
#include "keyspace/entry_internal.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/num.h"

#define INT_DIGITS_MAX 20 /* longer strings cannot spell a 64-bit integer */

/* --- payloads --- */

struct payload payload_of_i64(int64_t v) {
    bool small = v >= INT32_MIN && v <= INT32_MAX;
    return (struct payload){.type = TYPE_STRING, .encoding = small ? STR_INT32 : STR_INT64, .integer = v};
}

struct payload payload_of_bytes(slice bytes, enum value_form form) {
    int64_t v;
    if (form == VALUE_AUTO && bytes.n <= INT_DIGITS_MAX && num_parse_i64(bytes, &v)) return payload_of_i64(v);
    struct payload p = {.type = TYPE_STRING, .bytes = bytes};
    if (bytes.n > STR_EMBED_BYTES_MAX) {
        p.encoding = STR_HEAP;
        p.ptr = sds_newlen(bytes.p, bytes.n);
    } else {
        bool raw = form == VALUE_RAW || bytes.n > STR_EMBSTR_MAX;
        p.encoding = raw ? STR_EMBED_RAW : STR_EMBED_EMBSTR;
    }
    return p;
}

static size_t payload_bytes(const struct payload *p) {
    if (p->type != TYPE_STRING) return sizeof(void *);
    switch (p->encoding) {
    case STR_INT32: return sizeof(int32_t);
    case STR_INT64: return sizeof(int64_t);
    case STR_HEAP: return sizeof(void *);
    default: return varint_bytes(p->bytes.n) + p->bytes.n;
    }
}

/* The bytes move before the length is written: they may come from this very place. */
static void payload_write(uint8_t *at, const struct payload *p) {
    if (p->type != TYPE_STRING || p->encoding == STR_HEAP) {
        memcpy(at, &p->ptr, sizeof p->ptr);
    } else if (p->encoding == STR_INT32) {
        int32_t v = (int32_t)p->integer;
        memcpy(at, &v, sizeof v);
    } else if (p->encoding == STR_INT64) {
        memcpy(at, &p->integer, sizeof p->integer);
    } else {
        if (p->bytes.n > 0) memmove(at + varint_bytes(p->bytes.n), p->bytes.p, p->bytes.n);
        varint_write(at, p->bytes.n);
    }
}

/* --- blocks --- */

static bool fits_48_bits(int64_t ms) {
    return ms > ENTRY_TIME48_MARK && ms < -ENTRY_TIME48_MARK;
}

size_t entry_expire_span(int64_t expire_ms) {
    if (expire_ms == NO_EXPIRE) return 0;
    return ENTRY_CELL_BYTES + ENTRY_TIME48_BYTES + (fits_48_bits(expire_ms) ? 0 : sizeof(int64_t));
}

static void write_time(struct entry *e, int64_t ms) {
    uint8_t *at = e->rest + ENTRY_CELL_BYTES;
    bool wide = !fits_48_bits(ms);
    int64_t narrow = wide ? ENTRY_TIME48_MARK : ms;
    memcpy(at, &narrow, ENTRY_TIME48_BYTES); /* the low bytes come first */
    if (wide) memcpy(at + ENTRY_TIME48_BYTES, &ms, sizeof ms);
}

void entry_set_expire_at(struct entry *e, int64_t ms) {
    assert_that(entry_expire_bytes(e) == entry_expire_span(ms));
    write_time(e, ms);
}

static uint32_t head_of(const struct payload *p, bool with_expire, uint32_t lru) {
    return (lru & ENTRY_LRU_MASK) | (uint32_t)p->type << ENTRY_TYPE_SHIFT |
           (uint32_t)p->encoding << ENTRY_ENCODING_SHIFT | (with_expire ? ENTRY_EXPIRE_BIT : 0);
}

struct entry *entry_new(slice key, int64_t expire_ms, const struct payload *p, uint32_t lru) {
    size_t span = entry_expire_span(expire_ms);
    size_t bytes = sizeof(struct entry) + span + varint_bytes(key.n) + key.n + payload_bytes(p);
    struct entry *e = mem_alloc(mem_good_size(bytes));
    e->head = head_of(p, span > 0, lru);
    if (span > 0) write_time(e, expire_ms);
    uint8_t *at = varint_write(e->rest + span, key.n);
    if (key.n > 0) memcpy(at, key.p, key.n);
    payload_write(at + key.n, p);
    return e;
}

struct entry *entry_rebuild(const struct entry *e, int64_t expire_ms, const struct payload *p) {
    struct entry *fresh = entry_new(entry_key_at(e), expire_ms, p, entry_lru(e));
    if (entry_has_expire(fresh) && entry_has_expire(e)) entry_set_cell(fresh, entry_cell(e));
    return fresh;
}

size_t entry_block_bytes(const struct entry *e) {
    const uint8_t *at = entry_value_at(e);
    size_t value_n = sizeof(void *);
    if (entry_is_embedded(e)) {
        slice bytes = embedded_at(at);
        value_n = (size_t)(bytes.p - (const char *)at) + bytes.n;
    } else if (entry_is(e, TYPE_STRING, STR_INT32)) {
        value_n = sizeof(int32_t);
    }
    return (size_t)(at - (const uint8_t *)e) + value_n;
}

bool entry_fits(const struct entry *e, int64_t expire_ms, const struct payload *p) {
    if (entry_expire_bytes(e) != entry_expire_span(expire_ms)) return false;
    size_t now = entry_block_bytes(e);
    size_t then = (size_t)(entry_value_at(e) - (const uint8_t *)e) + payload_bytes(p);
    return now == then || mem_good_size(now) == mem_good_size(then);
}

void entry_write(struct entry *e, const struct payload *p) {
    uint8_t *at = entry_value_at(e);
    payload_write(at, p);
    e->head = head_of(p, entry_has_expire(e), e->head);
}

void entry_free_block(struct entry *e) {
    mem_free(e, entry_block_bytes(e));
}

void entry_release(struct entry *e, bool lazily) {
    if (entry_has_ptr(e)) value_release(entry_type(e), entry_encoding(e), entry_ptr(e), lazily);
}

/* --- reading --- */

slice entry_key(const struct entry *e) {
    return entry_key_at(e);
}

enum value_type entry_type(const struct entry *e) {
    return (e->head >> ENTRY_TYPE_SHIFT) & 7;
}

unsigned entry_encoding(const struct entry *e) {
    return (e->head >> ENTRY_ENCODING_SHIFT) & 15;
}

const char *entry_type_name(const struct entry *e) {
    return value_type_name(entry_type(e));
}

const char *entry_encoding_name(const struct entry *e) {
    unsigned encoding = entry_encoding(e);
    if (entry_type(e) != TYPE_STRING) return value_ops(entry_type(e))->encoding_name(encoding);
    switch (encoding) {
    case STR_INT32:
    case STR_INT64: return "int";
    case STR_EMBED_EMBSTR: return "embstr";
    default: return "raw";
    }
}

int64_t entry_expire_ms(const struct entry *e) {
    return entry_has_expire(e) ? entry_expire_at(e) : NO_EXPIRE;
}

void *entry_ptr(const struct entry *e) {
    assert_that(entry_has_ptr(e));
    void *ptr;
    memcpy(&ptr, entry_value_at(e), sizeof ptr);
    return ptr;
}

void entry_set_ptr(struct entry *e, unsigned encoding, void *ptr) {
    assert_that(entry_has_ptr(e));
    struct payload p = {.type = (uint8_t)entry_type(e), .encoding = (uint8_t)encoding, .ptr = ptr};
    entry_write(e, &p);
}

size_t entry_bytes(const struct entry *e) {
    size_t n = mem_good_size(entry_block_bytes(e));
    if (entry_type(e) != TYPE_STRING)
        return n + value_ops(entry_type(e))->bytes(entry_encoding(e), entry_ptr(e));
    return entry_encoding(e) == STR_HEAP ? n + sds_alloc_bytes(entry_ptr(e)) : n;
}

uint32_t entry_lru(const struct entry *e) {
    return e->head & ENTRY_LRU_MASK;
}

/* A store dirties the cache line and, beside a forked child, copies the page: only when the value differs. */
void entry_set_lru(struct entry *e, uint32_t lru24) {
    uint32_t head = (e->head & ~ENTRY_LRU_MASK) | (lru24 & ENTRY_LRU_MASK);
    if (head != e->head) e->head = head;
}

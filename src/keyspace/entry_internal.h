/* Entries from the inside: building, reshaping and taking them apart. Only keyspace/ files include this header.
 *
 * Ownership: these functions handle the block alone. What a pointer value points to is passed on as it is;
 * whoever drops an entry calls entry_release first. Keeping table and expiry index true is db.c's matter. */
#ifndef TANDEM_KEYSPACE_ENTRY_INTERNAL_H
#define TANDEM_KEYSPACE_ENTRY_INTERNAL_H

#include "base/assert.h"
#include "base/sds.h"
#include "keyspace/entry.h"
#include "keyspace/varint.h"

struct entry {
    uint32_t head; /* lru:24 | type:3 | encoding:4 | has_expire:1, from the low bits up */
    uint8_t rest[];
};

#define ENTRY_LRU_MASK       0xffffffu
#define ENTRY_TYPE_SHIFT     24
#define ENTRY_ENCODING_SHIFT 27
#define ENTRY_EXPIRE_BIT     (1u << 31)

/* Where an entry expires, its rest starts with the index's cell (u32) and the time: 48 bits, which reach to the year
 * 6429; for times that don't fit them a mark stands there and 64 bits follow. */
#define ENTRY_CELL_BYTES   4
#define ENTRY_TIME48_BYTES 6
#define ENTRY_TIME48_MARK  (-((int64_t)1 << 47))

/* Strings up to this size lie in the entry: that saves 32 bytes, an allocation and a cache miss. Measured from 256 bytes
 * to 8 KB, reads gain little from 1 KB on, and there a SET of another size, which must move the whole block, is
 * 15 % dearer than one that exchanges a string on the heap. */
#define STR_EMBED_BYTES_MAX 1024
#define STR_EMBSTR_MAX      44 /* Redis's limit between the names "embstr" and "raw" */

/* A value on its way into an entry. */
struct payload {
    uint8_t type, encoding;
    int64_t integer; /* STR_INT32, STR_INT64 */
    /* STR_EMBED_*: borrowed, copied by the writer; may lie in the entry that is being replaced. */
    slice bytes;
    void *ptr; /* everything else */
};

struct payload payload_of_i64(int64_t v);
struct payload payload_of_bytes(slice bytes, enum value_form form); /* may allocate the sds of STR_HEAP */

struct entry *entry_new(slice key, int64_t expire_ms, const struct payload *p, uint32_t lru);
/* A new block with e's key, lru and index cell (when both expire), and another expire time and payload; e stays as it is. */
struct entry *entry_rebuild(const struct entry *e, int64_t expire_ms, const struct payload *p);
/* Whether e's block, as it is divided, can take this expire time and payload. */
bool entry_fits(const struct entry *e, int64_t expire_ms, const struct payload *p);
void entry_write(struct entry *e, const struct payload *p); /* in place; it must fit */
void entry_free_block(struct entry *e);
void entry_release(struct entry *e, bool lazily); /* frees what a pointer value points to; the block stays */
size_t entry_block_bytes(const struct entry *e);  /* exact, not rounded to its class */
void value_release(enum value_type type, unsigned encoding, void *ptr, bool lazily);

static inline bool entry_has_expire(const struct entry *e) {
    return (e->head & ENTRY_EXPIRE_BIT) != 0;
}
static inline bool entry_is(const struct entry *e, enum value_type type, unsigned encoding) {
    return ((e->head >> ENTRY_TYPE_SHIFT) & 0x7f) == ((unsigned)type | encoding << 3);
}
static inline bool entry_has_ptr(const struct entry *e) { /* the value is a structure of its own */
    return (e->head & 7u << ENTRY_TYPE_SHIFT) != 0 || entry_is(e, TYPE_STRING, STR_HEAP);
}
static inline uint32_t entry_cell(const struct entry *e) { /* this and the next: only when it has one */
    uint32_t cell;
    memcpy(&cell, e->rest, sizeof cell);
    return cell;
}
static inline int64_t entry_time48(const struct entry *e) {
    uint32_t low;
    int16_t high;
    memcpy(&low, e->rest + ENTRY_CELL_BYTES, sizeof low);
    memcpy(&high, e->rest + ENTRY_CELL_BYTES + sizeof low, sizeof high);
    return (int64_t)high * ((int64_t)1 << 32) + low;
}
static inline int64_t entry_expire_at(const struct entry *e) {
    int64_t ms = entry_time48(e);
    if (unlikely(ms == ENTRY_TIME48_MARK))
        memcpy(&ms, e->rest + ENTRY_CELL_BYTES + ENTRY_TIME48_BYTES, sizeof ms);
    return ms;
}
static inline void entry_set_cell(struct entry *e, uint32_t cell) {
    memcpy(e->rest, &cell, sizeof cell);
}
void entry_set_expire_at(struct entry *e, int64_t ms); /* it must have room for just such a time */
size_t entry_expire_span(int64_t expire_ms);           /* that room; 0 for NO_EXPIRE */
static inline size_t entry_expire_bytes(const struct entry *e) {
    if (!entry_has_expire(e)) return 0;
    bool wide = unlikely(entry_time48(e) == ENTRY_TIME48_MARK);
    return ENTRY_CELL_BYTES + ENTRY_TIME48_BYTES + (wide ? sizeof(int64_t) : 0);
}

static inline slice entry_key_at(const struct entry *e) {
    size_t n;
    const uint8_t *p = varint_read(e->rest + entry_expire_bytes(e), &n);
    return (slice){(const char *)p, n};
}
static inline uint8_t *entry_value_at(const struct entry *e) {
    slice key = entry_key_at(e);
    return (uint8_t *)(uintptr_t)(key.p + key.n);
}
static inline bool entry_is_embedded(const struct entry *e) {
    return entry_is(e, TYPE_STRING, STR_EMBED_EMBSTR) || entry_is(e, TYPE_STRING, STR_EMBED_RAW);
}
static inline slice embedded_at(const uint8_t *value) {
    size_t n;
    const uint8_t *p = varint_read(value, &n);
    return (slice){(const char *)p, n};
}

/* Borrows all of it. Inline, so that callers that look at one field pay for no struct. */
static inline struct payload payload_of_entry(const struct entry *e) {
    const uint8_t *at = entry_value_at(e);
    unsigned type = (e->head >> ENTRY_TYPE_SHIFT) & 7, encoding = (e->head >> ENTRY_ENCODING_SHIFT) & 15;
    struct payload p = {.type = (uint8_t)type, .encoding = (uint8_t)encoding};
    if (entry_has_ptr(e)) {
        memcpy(&p.ptr, at, sizeof p.ptr);
    } else if (encoding == STR_INT32) {
        int32_t v;
        memcpy(&v, at, sizeof v);
        p.integer = v;
    } else if (encoding == STR_INT64) {
        memcpy(&p.integer, at, sizeof p.integer);
    } else {
        p.bytes = embedded_at(at);
    }
    return p;
}

#endif

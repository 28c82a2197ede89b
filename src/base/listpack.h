/* A listpack: a sequence of strings and integers packed in one block, byte for byte Redis's format, because RDB
 * files, DUMP payloads and replicas carry it as it stands. Small hashes, sets and sorted sets, the nodes of
 * lists and the nodes of streams are listpacks.
 *
 *   offset  size  field
 *   0       4     bytes of the whole, header and end mark included, little-endian
 *   4       2     number of entries, little-endian; 65535: not known, count them
 *   6       ..    entries
 *   n - 1   1     0xFF, the end mark
 *
 * An entry is an encoding with its data, then the length of these in 1 to 5 bytes (the backlen), by which the
 * sequence can be walked backwards. Encodings, by first byte:
 *
 *   0vvvvvvv              integer 0..127
 *   10llllll              string of up to 63 bytes
 *   110vvvvv v            integer of 13 bits, signed, high bits first
 *   1110llll l            string of up to 4095 bytes, high bits of the length first
 *   11110000 l l l l      string, length little-endian
 *   11110001 .. 11110100  integer of 2, 3, 4, 8 bytes, signed, little-endian
 *
 * A string that spells an integer (num_parse_i64) is stored as one and reads back as one; lp_text prints it.
 *
 * Memory: a listpack is one block of mem_alloc of exactly lp_bytes(lp) bytes, so whoever frees it knows the size
 * from its header. Slack is the allocator's (classes at most 6.25 % apart): appending moves the block seldom, and
 * there is no capacity to carry. An owner that keeps free room around a listpack writes entries itself with
 * lp_encode and lp_set_header (a deque that grows at the front without moving bytes).
 *
 * Ownership: functions that change a listpack take it over and return the block that replaces it. Texts given may
 * not point into the listpack itself. A position (lp_pos) is the address of an entry; NULL is behind the last one.
 * Positions and texts read are valid until the next change of the listpack.
 *
 * Trust: bytes from outside must pass lp_validate first; nothing else here checks them. Well-formed entries that
 * no Redis writes (12 as a string, a short string in a long form) pass, and are found and compared by value. */
#ifndef TANDEM_BASE_LISTPACK_H
#define TANDEM_BASE_LISTPACK_H

#include "base/num.h"
#include "base/slice.h"

#include <endian.h>
#include <stdint.h>

#define LP_HEADER_BYTES  6
#define LP_EMPTY_BYTES   (LP_HEADER_BYTES + 1)
#define LP_END           0xFF
#define LP_COUNT_UNKNOWN 65535
#define LP_INT_BYTES     NUM_INT_BYTES
#define LP_BYTES_MAX     ((size_t)1 << 30) /* listpacks are kept below this: lp_may_grow */

typedef const uint8_t *lp_pos;

struct lp_value {
    slice text;      /* text.p is NULL when the entry is an integer */
    int64_t integer; /* meaningful only then */
};

uint8_t *lp_new(void);
uint8_t *lp_copy(const uint8_t *lp);
void lp_free(uint8_t *lp);     /* NULL is fine */
size_t lp_length(uint8_t *lp); /* entries; walks when the header doesn't know, and then notes what it can */
static inline size_t
lp_header_count(const uint8_t *lp) { /* what the header says: LP_COUNT_UNKNOWN, perhaps */
    uint16_t le;
    memcpy(&le, lp + 4, sizeof(le));
    return le16toh(le);
}
static inline size_t lp_bytes(const uint8_t *lp) {
    uint32_t le;
    memcpy(&le, lp, sizeof(le));
    return le32toh(le);
}
/* Whether `more` bytes of text can be added without passing LP_BYTES_MAX. Changes beyond 4 GB abort. */
bool lp_may_grow(const uint8_t *lp, size_t more);

/* --- walking --- */

size_t lp_entry_bytes_long(lp_pos at);
static inline size_t lp_entry_bytes(lp_pos at) { /* encoding, data and backlen */
    uint8_t b = *at;
    if (b < 0x80) return 2;
    if (b < 0xC0) return b - (size_t)(0x80 - 2); /* not `& 63`: the next address waits for this */
    return lp_entry_bytes_long(at);
}
static inline lp_pos lp_or_end(lp_pos at) {
    return *at == LP_END ? NULL : at;
}
static inline lp_pos lp_first(const uint8_t *lp) {
    return lp_or_end(lp + LP_HEADER_BYTES);
}
static inline lp_pos lp_next(lp_pos at) {
    return lp_or_end(at + lp_entry_bytes(at));
}
lp_pos lp_prev(const uint8_t *lp, lp_pos at); /* NULL before the first; at NULL: the last */
lp_pos lp_last(const uint8_t *lp);
lp_pos lp_seek(uint8_t *lp, int64_t index); /* negative counts from the end, -1 the last; NULL out of range */

/* --- reading and comparing --- */

struct lp_value lp_get_long(lp_pos at);
static inline struct lp_value lp_get(lp_pos at) {
    uint8_t b = *at;
    if (b < 0x80) return (struct lp_value){{NULL, 0}, b};
    if (b < 0xC0) return (struct lp_value){{(const char *)at + 1, b & 63}, 0};
    return lp_get_long(at);
}
static inline slice lp_value_text(struct lp_value v,
                                  char buf[LP_INT_BYTES]) { /* an integer is printed into buf */
    return v.text.p ? v.text : (slice){buf, num_format_i64(buf, v.integer)};
}
slice lp_text(lp_pos at, char buf[LP_INT_BYTES]); /* the same of the entry */
bool lp_equals(lp_pos at, slice s);
/* The first entry equal to s among from and every (skip + 1)th behind it; NULL if none. from may be NULL. */
lp_pos lp_find(lp_pos from, slice s, unsigned skip);

/* --- changing --- */

uint8_t *lp_append(uint8_t *lp, slice s);
uint8_t *lp_append_int(uint8_t *lp, int64_t v);
uint8_t *lp_append_many(uint8_t *lp, const slice *s, size_t n); /* at the cost of one change */
/* Before the entry *at, or last when *at is NULL; *at becomes the position of the new entry. */
uint8_t *lp_insert(uint8_t *lp, lp_pos *at, slice s);
uint8_t *lp_replace(uint8_t *lp, lp_pos *at, slice s);     /* *at stays on the entry */
uint8_t *lp_delete(uint8_t *lp, lp_pos *at);               /* *at becomes the entry behind, or NULL */
uint8_t *lp_delete_run(uint8_t *lp, lp_pos *at, size_t n); /* the entry *at and those behind it, n at most */
uint8_t *lp_delete_range(uint8_t *lp, int64_t index, size_t n); /* from index (negative too), n at most */
/* The entries of a followed by those of b, in one listpack; takes over both. */
uint8_t *lp_merge(uint8_t *a, uint8_t *b);

/* --- random picks: count of them among the entries 0, stride, 2 * stride, ... ---
 * stride 1 for sets; 2 for fields with values, where lp_next of a pick is its value. */

void lp_random_picks(uint8_t *lp, unsigned stride, size_t count, lp_pos *out); /* may repeat; not empty */
size_t lp_random_distinct(uint8_t *lp, unsigned stride, size_t count, lp_pos *out); /* in order; how many */

/* --- bytes from outside, and owners with room of their own --- */

/* Whether n bytes are a listpack: lengths, end mark, every entry and backlen, and the count. each (may be NULL) is
 * called for every entry, after it was checked, with the number of entries before it, and refuses by false. Never
 * reads outside the n bytes. More than LP_OUTSIDE_BYTES_MAX are refused: no server makes such, and there must be room
 * for changes. */
#define LP_OUTSIDE_BYTES_MAX (2 * LP_BYTES_MAX)
bool lp_validate(const uint8_t *lp, size_t n, bool (*each)(void *ctx, lp_pos at, size_t index), void *ctx);
uint8_t *lp_from_outside(slice bytes); /* a copy; NULL when they are no listpack */
/* Whether the entries 0, stride, 2 * stride, ... all differ in value: the names in what came from outside. */
bool lp_distinct(uint8_t *lp, unsigned stride);
uint8_t *lp_from_bytes(const uint8_t *bytes, size_t n); /* a copy of bytes that were validated */

size_t lp_encoded_bytes(slice s);             /* what the entry of s takes */
size_t lp_encode(uint8_t *at, slice s);       /* writes the entry of s, returns its bytes */
size_t lp_encode_int(uint8_t *at, int64_t v); /* the same for a number: LP_INT_ENTRY_BYTES_MAX at most */
#define LP_INT_ENTRY_BYTES_MAX 10
/* No text's entry is longer than the text and this. */
#define LP_ENTRY_OVERHEAD_MAX 10
/* A count of 65535 and more is noted as unknown. */
void lp_set_header(uint8_t *lp, size_t bytes, size_t count);

#endif

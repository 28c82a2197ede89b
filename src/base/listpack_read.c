/* Listpacks: walking, reading, comparing and finding. See listpack_internal.h for how an entry's size is told.
 *
 * Nothing here writes, except that lp_length notes a count that the header had lost. */
#include "base/listpack_internal.h"

#include "base/assert.h"

size_t lp_entry_bytes_long(lp_pos at) {
    size_t head, l = lp_payload_bytes(at, &head);
    return l + lp_backlen_bytes(l);
}

lp_pos lp_prev(const uint8_t *lp, lp_pos at) {
    if (!at) return lp_last(lp);
    if (at == lp + LP_HEADER_BYTES) return NULL;
    size_t l = 0;
    unsigned shift = 0;
    do {
        at--;
        l |= (size_t)(*at & 127) << shift;
        shift += 7;
    } while (*at & 128);
    return at - l;
}

lp_pos lp_last(const uint8_t *lp) {
    return lp_prev(lp, lp + lp_bytes(lp) - 1);
}

size_t lp_length(uint8_t *lp) {
    size_t count = lp_header_count(lp);
    if (count != LP_COUNT_UNKNOWN) return count;
    count = 0;
    for (lp_pos at = lp_first(lp); at; at = lp_next(at)) count++;
    if (count < LP_COUNT_UNKNOWN) lp_set_count(lp, count);
    return count;
}

lp_pos lp_seek(uint8_t *lp, int64_t index) {
    size_t count = lp_length(lp);
    if (index < 0) index += (int64_t)count;
    if (index < 0 || (size_t)index >= count) return NULL;
    if ((size_t)index <= count / 2) {
        lp_pos at = lp + LP_HEADER_BYTES;
        for (; index > 0; index--) at += lp_entry_bytes(at);
        return at;
    }
    lp_pos at = lp_last(lp);
    for (size_t back = count - 1 - (size_t)index; back > 0; back--) at = lp_prev(lp, at);
    return at;
}

/* The value of an integer of 2 to 8 bytes. */
static int64_t wide_integer(lp_pos at) {
    uint64_t v = 0;
    unsigned bytes = *at == 0xF4 ? 8 : (unsigned)(*at - 0xF1) + 2;
    memcpy(&v, at + 1, bytes);
    unsigned unused = 64 - 8 * bytes;
    return (int64_t)(le64toh(v) << unused) >> unused;
}

struct lp_value lp_get_long(lp_pos at) {
    uint8_t b = *at;
    if (b < 0xE0)
        return (struct lp_value){{NULL, 0}, (int64_t)((uint64_t)((b & 31) << 8 | at[1]) << 51) >> 51};
    if (b > 0xF0) return (struct lp_value){{NULL, 0}, wide_integer(at)};
    size_t head, l = lp_payload_bytes(at, &head);
    return (struct lp_value){{(const char *)at + head, l - head}, 0};
}

slice lp_text(lp_pos at, char buf[LP_INT_BYTES]) {
    return lp_value_text(lp_get(at), buf);
}

static inline bool text_equals(slice text, slice s) {
    return text.n == s.n && memcmp(text.p, s.p, s.n) == 0;
}

bool lp_equals(lp_pos at, slice s) {
    struct lp_value v = lp_get(at);
    if (v.text.p) return text_equals(v.text, s);
    int64_t wanted;
    return num_parse_i64(s, &wanted) && wanted == v.integer;
}

/* A text sought among short strings: what comes last tells texts apart sooner than what comes first (field:000123),
 * so the last 8 bytes are compared first, as one word. An entry in a listpack has 8 bytes up to its text's end to
 * load even when the text is shorter (the header is before it); mask leaves those that are text. */
struct needle {
    slice s;
    unsigned first_byte; /* of an entry of the same text; LP_END when that is not a short string */
    uint64_t tail, mask;
    const int64_t *integer; /* NULL when the text doesn't spell one: integers are passed over unread */
};

static inline uint64_t load_le(const void *p) {
    uint64_t le;
    memcpy(&le, p, sizeof(le));
    return le64toh(le);
}

static struct needle needle_of(slice s, const int64_t *integer) {
    struct needle w = {.s = s, .first_byte = s.n < 64 ? 0x80 | (unsigned)s.n : LP_END, .integer = integer};
    if (s.n >= 8) {
        w.mask = UINT64_MAX;
        w.tail = load_le(s.p + s.n - 8);
    } else if (s.n > 0) {
        char padded[8] = {0};
        memcpy(padded + 8 - s.n, s.p, s.n);
        w.mask = UINT64_MAX << (64 - 8 * s.n);
        w.tail = load_le(padded);
    }
    return w;
}

static inline bool matches(lp_pos at, uint8_t b, const struct needle *w) {
    if (b == w->first_byte) {
        if (w->s.n == 0) return true;
        uint64_t differ = (load_le(at + 1 + w->s.n - 8) ^ w->tail) & w->mask;
        return differ == 0 && (w->s.n <= 8 || memcmp(at + 1, w->s.p, w->s.n - 8) == 0);
    }
    if (b >= 0x80 && b < 0xC0) return false; /* a short string of another length */
    if (b < 0xE0 || b > 0xF0) return w->integer && lp_get(at).integer == *w->integer;
    return text_equals(lp_get_long(at).text, w->s);
}

static inline __attribute__((always_inline)) lp_pos find(lp_pos at, const struct needle *w, unsigned skip) {
    while (*at != LP_END) {
        if (matches(at, *at, w)) return at;
        at += lp_entry_bytes(at);
        for (unsigned i = 0; i < skip && *at != LP_END; i++) at += lp_entry_bytes(at);
    }
    return NULL;
}

lp_pos lp_find(lp_pos from, slice s, unsigned skip) {
    if (!from) return NULL;
    int64_t v;
    const struct needle w = needle_of(s, num_parse_i64(s, &v) ? &v : NULL);
    return skip == 1 ? find(from, &w, 1) : skip == 0 ? find(from, &w, 0) : find(from, &w, skip);
}

/* Shared by the files of the listpack: header fields and the size of a backlen. */
#ifndef TANDEM_BASE_LISTPACK_INTERNAL_H
#define TANDEM_BASE_LISTPACK_INTERNAL_H

#include "base/assert.h"
#include "base/listpack.h"

static inline void lp_set_bytes(uint8_t *lp, size_t bytes) {
    uint32_t le = htole32((uint32_t)bytes);
    memcpy(lp, &le, sizeof(le));
}

static inline void lp_set_count(uint8_t *lp, size_t count) {
    uint16_t le = htole16((uint16_t)(count < LP_COUNT_UNKNOWN ? count : LP_COUNT_UNKNOWN));
    memcpy(lp + 4, &le, sizeof(le));
}

/* Seven bits a byte. The limits are one lower than they could be from two bytes on: so the format has it. */
static inline size_t lp_backlen_bytes(size_t l) {
    if (l <= 127) return 1;
    if (l < (1u << 14) - 1) return 2;
    if (l < (1u << 21) - 1) return 3;
    return l < (1u << 28) - 1 ? 4 : 5;
}

static inline void lp_put_backlen(uint8_t *at, size_t l) {
    if (likely(l <= 127)) {
        at[0] = (uint8_t)l;
        return;
    }
    for (size_t i = lp_backlen_bytes(l); i-- > 1; l >>= 7) at[i] = (uint8_t)((l & 127) | 128);
    at[0] = (uint8_t)l;
}

/* The bytes of encoding and data, and of them the leading ones that precede a string's text (for an integer: all).
 * At most 5 bytes at `at` are read. 0: there is no such encoding. */
static inline size_t lp_payload_bytes(lp_pos at, size_t *head) {
    static const uint8_t int_bytes[4] = {3, 4, 5, 9};
    uint8_t b = *at;
    if (b < 0x80) return *head = 1;
    if (b < 0xC0) return *head = 1, (size_t)(b & 63) + 1;
    if (b < 0xE0) return *head = 2;
    if (b < 0xF0) return *head = 2, ((size_t)(b & 15) << 8 | at[1]) + 2;
    if (b == 0xF0) {
        uint32_t le;
        memcpy(&le, at + 1, sizeof(le));
        return *head = 5, (size_t)le32toh(le) + 5;
    }
    return *head = b <= 0xF4 ? int_bytes[b - 0xF1] : 0;
}

#endif

/* Lengths as packed blocks carry them (keys' entries, elements of hashes and sets): seven bits a byte, low ones first;
 * the top bit says that more follow. */
#ifndef TANDEM_KEYSPACE_VARINT_H
#define TANDEM_KEYSPACE_VARINT_H

#include <stddef.h>
#include <stdint.h>

static inline size_t varint_bytes(size_t v) {
    size_t n = 1;
    while (v >= 0x80) v >>= 7, n++;
    return n;
}

/* Both return what follows the number. */
static inline uint8_t *varint_write(uint8_t *p, size_t v) {
    while (v >= 0x80) {
        *p++ = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    *p++ = (uint8_t)v;
    return p;
}

static inline const uint8_t *varint_read(const uint8_t *p, size_t *n) {
    size_t v = *p++;
    if (v & 0x80) {
        v &= 0x7f;
        unsigned shift = 7;
        do {
            v |= (size_t)(*p & 0x7f) << shift;
            shift += 7;
        } while (*p++ & 0x80);
    }
    *n = v;
    return p;
}

#endif

/* Bytes as a row of bits: bit 0 is the highest of the first byte, as SETBIT and BITFIELD number them. Pure. */
#ifndef TANDEM_BASE_BITS_H
#define TANDEM_BASE_BITS_H

#include "base/slice.h"
#include <stdint.h>

uint64_t bits_count_bytes(const void *p, size_t n); /* how many bits are set */
/* The same between two bits, both included; last < 8 * s.n. */
uint64_t bits_count(slice s, uint64_t first, uint64_t last);
/* Where the first set (or clear) bit stands between two bits, both included; -1: none. last < 8 * s.n. */
int64_t bits_find(slice s, bool set, uint64_t first, uint64_t last);

/* An unsigned number of 1 to 64 bits at an offset, highest bit first. Beyond the end everything is 0. */
uint64_t bits_read(slice s, uint64_t offset, int width);
void bits_write(char *p, uint64_t offset, int width, uint64_t v); /* all bits must be there */

enum bits_op { BITS_AND, BITS_OR, BITS_XOR };
void bits_combine(enum bits_op op, char *to, const char *from, size_t n); /* to = to op from */
void bits_invert(char *p, size_t n);

#endif

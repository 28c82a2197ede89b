/* HyperLogLog in a string, byte for byte as Redis 7.0 stores it: a header of 16 bytes, then 16384 registers of 6 bits.
 *
 * Header: "HYLL", the encoding, three zero bytes, and the last count, little-endian, whose highest bit says that it is
 * out of date. Dense: the registers packed, the first in the lowest bits. Sparse: runs, as opcodes
 *   00llllll            l+1 registers are zero
 *   01llllll llllllll   the same, 14 bits
 *   1vvvvvll            l+1 registers have the value v+1
 * Bytes come from clients, too: whatever runs say, nothing is read or written outside, and false or -1 tells. */
#ifndef TANDEM_BASE_HLL_H
#define TANDEM_BASE_HLL_H

#include "base/sds.h"
#include <stdint.h>

#define HLL_REGISTERS    16384
#define HLL_HEADER_BYTES 16
#define HLL_DENSE_BYTES  (HLL_HEADER_BYTES + HLL_REGISTERS * 6 / 8)

sds hll_new(void);    /* sparse, all zero */
bool hll_is(slice s); /* by header and length; runs aren't looked at */
bool hll_is_dense(slice s);

/* 1: some register grew; 0: none; -1: the runs are broken. A sparse one that would become longer than sparse_max bytes
 * becomes dense. The cached count is not touched. */
int hll_add(sds *s, slice element, size_t sparse_max);
int hll_add_dense(char *p, slice element); /* in place */
int hll_set(sds *s, unsigned reg, unsigned value, size_t sparse_max);
bool hll_to_dense(sds *s); /* dense already: true. False: broken, and nothing changed */

bool hll_merge(uint8_t registers[HLL_REGISTERS], slice s); /* the greater of each; false: broken */
uint64_t hll_count(const uint8_t registers[HLL_REGISTERS]);

bool hll_cached(slice s, uint64_t *count);
void hll_cache(char *p, uint64_t count);
void hll_uncache(char *p);

sds hll_runs(slice s); /* a sparse one's runs as PFDEBUG DECODE shows them */

#endif

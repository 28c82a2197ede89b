/* Keyed 64-bit hash of byte strings, for dict. Seeded once at start with random bytes, so that an outsider
 * cannot choose colliding keys; the same in a forked child. Not for storage: values differ between runs. */
#ifndef TANDEM_BASE_HASH_H
#define TANDEM_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

void hash_seed(const uint8_t seed[16]);
uint64_t hash_bytes(const void *p, size_t n);
uint64_t hash_bytes_nocase(const void *p, size_t n); /* ASCII letters folded: command and option names */

#endif

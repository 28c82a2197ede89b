/* An intset: a sorted array of distinct integers in one block, byte for byte Redis's format (RDB and DUMP carry it).
 *
 *   offset  size  field
 *   0       4     bytes of an integer: 2, 4 or 8, little-endian
 *   4       4     how many there are, little-endian
 *   8       ..    the integers, signed, little-endian, ascending
 *
 * All integers have the width that the widest ever added needed: adding a wider one widens all; nothing narrows.
 *
 * Memory: one block of mem_alloc of exactly intset_bytes(s) bytes. Ownership: intset_add and intset_remove take the
 * set over and return the block that replaces it. Bytes from outside must pass intset_validate first. */
#ifndef TANDEM_BASE_INTSET_H
#define TANDEM_BASE_INTSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct intset;

struct intset *intset_new(void);
struct intset *intset_copy(const struct intset *s);
void intset_free(struct intset *s); /* NULL is fine */

size_t intset_count(const struct intset *s);
size_t intset_bytes(const struct intset *s);
int64_t intset_at(const struct intset *s, size_t i); /* ascending; i < count */
bool intset_has(const struct intset *s, int64_t v);
int64_t intset_random(const struct intset *s); /* not empty */

struct intset *intset_add(struct intset *s, int64_t v, bool *added);         /* false: it was there */
struct intset *intset_remove(struct intset *s, int64_t v, bool *removed);    /* false: it wasn't */
struct intset *intset_remove_range(struct intset *s, size_t from, size_t n); /* by position, n at most */

/* Whether n bytes are an intset that is not empty. */
bool intset_validate(const void *bytes, size_t n);
struct intset *intset_from_bytes(const void *bytes, size_t n); /* a copy of validated bytes */

#endif

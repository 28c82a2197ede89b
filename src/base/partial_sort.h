/* Sorting only a part: the n least of many, or a page of them, without sorting the rest.
 *
 * Elements that compare equal come in the order that Redis's partial sort leaves them in, which is not the order they
 * came in, and which clients can see (GEOSEARCH with COUNT among places at one spot, SORT with BY and LIMIT). */
#ifndef TANDEM_BASE_PARTIAL_SORT_H
#define TANDEM_BASE_PARTIAL_SORT_H

#include <stddef.h>

#define PARTIAL_SORT_SIZE_MAX 256 /* bytes of an element */

/* Afterwards the positions [from, to) hold what they would if all n elements were sorted; 0 <= from < to <= n. */
void partial_sort(void *array, size_t n, size_t size, int (*compare)(const void *a, const void *b, void *ctx),
                  void *ctx, size_t from, size_t to);

#endif

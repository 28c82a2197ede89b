/* The expiry index: every key with a TTL, by time, so that due keys are found at once and exactly, without sampling.
 *
 * A hierarchical wheel of 1 ms resolution; a slot holds pointers to entries in chunks of cells; an entry knows its
 * cell (entry.h), so adding and removing are O(1). Only keyspace/ includes this header. */
#ifndef TANDEM_KEYSPACE_EXPIRY_H
#define TANDEM_KEYSPACE_EXPIRY_H

#include "keyspace/entry.h"

struct expiry;

struct expiry *expiry_new(void);
void expiry_free(struct expiry *x);
uint32_t expiry_add(struct expiry *x, struct entry *e, int64_t at_ms); /* the cell, to be kept in the entry */
void expiry_remove(struct expiry *x, uint32_t cell);
void expiry_moved(struct expiry *x, uint32_t cell, struct entry *e); /* the entry has a new address */
struct entry *expiry_due(struct expiry *x,
                         int64_t now_ms);       /* some entry with at_ms <= now, or NULL; not removed */
int64_t expiry_next_ms(const struct expiry *x); /* lower bound; NO_EXPIRE when empty */
size_t expiry_count(const struct expiry *x);
size_t expiry_bytes(const struct expiry *x);

#endif

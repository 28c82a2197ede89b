/* The expiry index: every key with a TTL, by time, so that due keys are found at once and exactly, without sampling.
 *
 * A hierarchical wheel of 1 ms resolution; a slot holds pointers to entries in chunks of cells; an entry knows its
 * cell (entry.h), so adding and removing are O(1). Only keyspace/ includes this header. */
#ifndef TANDEM_KEYSPACE_EXPIRY_H
#define TANDEM_KEYSPACE_EXPIRY_H

#include "keyspace/entry.h"

/* Contract with entries: the entry's own expire time (entry_expire_ms) is the time it was added under for as long as it
 * is here; when the index moves an entry to another cell it writes the new one into the entry. Any time fits,
 * negative ones and INT64_MAX included.
 *
 * Time: expiry_due's now_ms is what moves the wheel on; it may lag clock_ms() by a millisecond.
 * Should the clock step back, entries of the span that repeats wait until it has caught up. */
struct expiry;

struct expiry *expiry_new(void);
void expiry_free(struct expiry *x);                                    /* entries are not looked at */
uint32_t expiry_add(struct expiry *x, struct entry *e, int64_t at_ms); /* the cell, to be kept in the entry */
void expiry_remove(struct expiry *x, uint32_t cell);
void expiry_moved(struct expiry *x, uint32_t cell, struct entry *e); /* the entry has a new address */
/* Some entry with at_ms <= now, which stays until removed, or NULL. A call does a bounded amount of work: after NULL,
 * expiry_pending tells whether entries may be due all the same, to be found by calling again. */
struct entry *expiry_due(struct expiry *x, int64_t now_ms);
bool expiry_pending(const struct expiry *x, int64_t now_ms);
/* When expiry_due should be called next: at or before the next expiry; NO_EXPIRE when empty. */
int64_t expiry_next_ms(const struct expiry *x);
/* Up to n entries chosen at random, not always different ones; fewer than n only by bad luck or when there are fewer. */
size_t expiry_sample(const struct expiry *x, struct entry **out, size_t n);
/* Up to n of those that expire next: from the first slot of each level, so the very next one may be missing among those
 * that lie far ahead (a slot spans less than half of the time until then). */
size_t expiry_earliest(const struct expiry *x, struct entry **out, size_t n);
size_t expiry_count(const struct expiry *x);
size_t expiry_bytes(const struct expiry *x);

#endif

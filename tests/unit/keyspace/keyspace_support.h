/* What the key space's unit tests share: a seeded generator, a fake clock, recorded hooks and a counted value type. */
#ifndef TANDEM_TESTS_KEYSPACE_SUPPORT_H
#define TANDEM_TESTS_KEYSPACE_SUPPORT_H

#include "keyspace/db.h"

#define T0 1700000000000 /* where the fake clock starts, ms */

void ks_test_init(void); /* 16 databases, hooks recorded, clock at T0; for .init */
void ks_test_fini(void); /* frees all and checks that no memory is left; for .fini */

uint64_t ks_random(void); /* the same sequence in every run */
uint64_t ks_below(uint64_t n);

/* Events as "expired:KEY@DB ", "evicted:KEY@DB ", "modified:KEY@DB ", "flushed:DB ", "swapped:A,B ", "EVENT:KEY@DB ", in order. */
const char *events(void);
void events_clear(void);

/* A value of type list with n elements that only counts: how many such values live and how many elements. */
extern int counted_values;
extern size_t counted_elements;
void counted_register(bool in_slices);
struct entry *counted_set(struct db *db, const char *key, size_t elements, int64_t expire_ms);

bool value_is(const struct entry *e, slice want); /* a string of these bytes */

#endif

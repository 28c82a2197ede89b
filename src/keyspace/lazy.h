/* What was taken out of the key space and waits to be freed in slices (ks_lazy_free_us in db.h runs them).
 * Ownership of what is added passes to the queue. Only keyspace/ files include this header. */
#ifndef TANDEM_KEYSPACE_LAZY_H
#define TANDEM_KEYSPACE_LAZY_H

#include "keyspace/value.h"

struct dict;
struct expiry;

void lazy_add_value(enum value_type type, unsigned encoding, void *ptr);
void lazy_add_db(struct dict *entries, struct expiry *expiry); /* a whole database; expiry may be NULL */
/* An entry that is freed now belongs to such a database: its big values may queue up. */
bool lazy_freeing_db(void);
void lazy_finish(void); /* frees all of it now */

#endif

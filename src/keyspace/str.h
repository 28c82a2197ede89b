/* String values: reading them whatever their encoding, changing them in place. */
#ifndef TANDEM_KEYSPACE_STR_H
#define TANDEM_KEYSPACE_STR_H

#include "base/num.h"
#include "keyspace/db.h"

/* The bytes of a string entry; integers are printed into scratch. Valid until the key changes or scratch dies. */
slice str_get(const struct entry *e, char scratch[NUM_INT_BYTES]);
size_t str_len(const struct entry *e);
bool str_get_i64(const struct entry *e, int64_t *out); /* also for byte strings that spell an integer */
bool str_is_int(const struct entry *e);                /* integer encoded */

/* In place; TTL stays; the entry may move. */
struct entry *str_set_i64(struct db *db, struct entry *e, int64_t v);
/* The value becomes raw and new_len bytes long (shorter never happens; new bytes are zero); returns its bytes for
 * writing. *e is updated when the entry moves. */
char *str_grow(struct db *db, struct entry **e, size_t new_len);

#endif

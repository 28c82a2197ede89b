/* Operations of values that are a dict of packed blocks (large hashes and sets). */
#ifndef TANDEM_KEYSPACE_TABLE_VALUE_H
#define TANDEM_KEYSPACE_TABLE_VALUE_H

#include "base/dict.h"

/* A dict of copies of all items. */
struct dict *table_copy(const struct dict *d, const struct dict_type *type, void *(*copy)(const void *item));
/* Memory of table and items; for many items estimated from a sample, because MEMORY USAGE must not stall the loop. */
size_t table_bytes(const struct dict *d, size_t (*item_bytes)(const void *item));

#endif

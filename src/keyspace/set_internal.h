/* What set.c and set_walk.c share: a member of a table. */
#ifndef TANDEM_KEYSPACE_SET_INTERNAL_H
#define TANDEM_KEYSPACE_SET_INTERNAL_H

#include "base/dict.h"
#include "base/intset.h"
#include "keyspace/set.h"
#include "keyspace/varint.h"

static inline slice set_item_text(const void *item) {
    size_t n;
    const char *at = (const char *)varint_read(item, &n);
    return (slice){at, n};
}

static inline slice set_int_text(int64_t v, char scratch[NUM_INT_BYTES]) {
    return (slice){scratch, num_format_i64(scratch, v)};
}

size_t set_item_bytes(const void *item); /* its block, not rounded to the class */
void *set_item_copy(const void *item);
void set_item_free(void *item);
extern const struct dict_type set_dict_type;

#endif

/* What hash.c and hash_walk.c share: an element of a table as a pair. */
#ifndef TANDEM_KEYSPACE_HASH_INTERNAL_H
#define TANDEM_KEYSPACE_HASH_INTERNAL_H

#include "base/dict.h"
#include "base/listpack.h"
#include "keyspace/hash.h"
#include "keyspace/varint.h"

struct hash_pair {
    slice field, value;
};

static inline struct hash_pair hash_element(const void *element) {
    size_t field_n, value_n;
    const char *at = (const char *)varint_read(varint_read(element, &field_n), &value_n);
    return (struct hash_pair){{at, field_n}, {at + field_n, value_n}};
}

size_t hash_element_bytes(const void *element); /* its block, not rounded to the class */
void *hash_element_copy(const void *element);
extern const struct dict_type hash_dict_type;

#endif

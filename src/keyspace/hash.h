/* Hash values: fields with values, no client. A small hash is a listpack (field, value, field, value, ...); one that
 * has too many or too long elements for that becomes a table and stays one.
 *
 * A `struct hash` is a handle by value: where the structure is and which form it has. What changes the hash may change
 * the handle; give it back to its entry then (hash_store). Slices got from a hash are valid until it changes next, or
 * until the scratch they were given dies. */
#ifndef TANDEM_KEYSPACE_HASH_H
#define TANDEM_KEYSPACE_HASH_H

#include "base/num.h"
#include "keyspace/entry.h"

enum hash_encoding { HASH_LISTPACK, HASH_TABLE };

struct hash {
    void *ptr;
    uint8_t encoding;
};

/* Settings; server/config's rows point here. */
struct hash_config {
    size_t listpack_entries_max; /* hash-max-listpack-entries: fields */
    uint64_t listpack_value_max; /* hash-max-listpack-value: bytes of a field or value */
};
extern struct hash_config hash_config;

extern const struct value_type_ops hash_value_ops;

static inline struct hash hash_of(const struct entry *e) {
    return (struct hash){entry_ptr(e), (uint8_t)entry_encoding(e)};
}
static inline void hash_store(struct entry *e, struct hash h) {
    /* A table may come to lie where the listpack was. */
    if (h.ptr != entry_ptr(e) || h.encoding != entry_encoding(e)) entry_set_ptr(e, h.encoding, h.ptr);
}
static inline struct value hash_value(struct hash h) { /* on its way into the key space, which then owns it */
    return (struct value){.type = TYPE_HASH, .encoding = h.encoding, .ptr = h.ptr};
}

struct hash hash_new(void);           /* empty, a listpack */
struct hash hash_new_table(size_t n); /* empty, with room for n */
/* Takes over a listpack of pairs with distinct fields; a table if too many. */
struct hash hash_of_listpack(void *lp);
void hash_to_table(struct hash *h); /* a table already: nothing happens */
void hash_free(struct hash h);

size_t hash_count(struct hash h);
bool hash_has(struct hash h, slice field);
/* False when there is no such field. An integer of a listpack is printed into scratch. */
bool hash_get(struct hash h, slice field, slice *value, char scratch[NUM_INT_BYTES]);
bool hash_set(struct hash *h, slice field, slice value); /* true: the field is new. Neither may lie in h */
bool hash_delete(struct hash *h, slice field);           /* false: there was none. May leave h empty */

/* --- walking; h must not change meanwhile --- */
typedef void hash_fn(void *ctx, slice field, slice value);
void hash_each(struct hash h, hash_fn *fn, void *ctx);
/* dict_scan's contract; a listpack is shown whole and the cursor returned 0. Slices shown stay valid for a table only. */
uint64_t hash_scan(struct hash h, uint64_t cursor, hash_fn *fn, void *ctx);
/* Calls fn for count fields picked at random, of a hash that isn't empty; distinct: each once, hash_count at most. */
void hash_pick(struct hash h, size_t count, bool distinct, hash_fn *fn, void *ctx);

#endif

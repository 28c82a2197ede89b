/* Set values: members, no client. A small set of integers is an intset; with another member, or too many, it becomes
 * a table and stays one.
 *
 * A `struct set` is a handle by value: where the structure is and which form it has. What changes the set may change the
 * handle; give it back to its entry then (set_store). Members shown are slices that are valid during the call. */
#ifndef TANDEM_KEYSPACE_SET_H
#define TANDEM_KEYSPACE_SET_H

#include "base/num.h"
#include "keyspace/entry.h"

enum set_encoding { SET_INTSET, SET_TABLE };

struct set {
    void *ptr;
    uint8_t encoding;
};

struct set_config {            /* server/config's row points here */
    size_t intset_entries_max; /* set-max-intset-entries */
};
extern struct set_config set_config;

extern const struct value_type_ops set_value_ops;

static inline struct set set_of(const struct entry *e) {
    return (struct set){entry_ptr(e), (uint8_t)entry_encoding(e)};
}
static inline void set_store(struct entry *e, struct set s) {
    /* A table may come to lie where the intset was. */
    if (s.ptr != entry_ptr(e) || s.encoding != entry_encoding(e)) entry_set_ptr(e, s.encoding, s.ptr);
}
static inline struct value set_value(struct set s) { /* on its way into the key space, which then owns it */
    return (struct value){.type = TYPE_SET, .encoding = s.encoding, .ptr = s.ptr};
}

struct intset;
struct set set_new(void);                      /* empty, an intset */
struct set set_new_table(size_t n);            /* empty, with room for n */
struct set set_of_intset(struct intset *ints); /* takes it over; a table if there are too many */
void set_to_table(struct set *s);              /* a table already: nothing happens */
void set_free(struct set s);

size_t set_count(struct set s);
bool set_has(struct set s, slice member);
bool set_add(struct set *s, slice member);    /* false: it was there. member may not lie in s */
bool set_remove(struct set *s, slice member); /* false: it wasn't. May leave s empty */

/* --- walking; s must not change meanwhile --- */
typedef void set_fn(void *ctx, slice member);
void set_each(struct set s, set_fn *fn, void *ctx);
/* Until fn returns false; then returns false too. */
bool set_each_while(struct set s, bool (*fn)(void *ctx, slice member), void *ctx);
/* dict_scan's contract; an intset is shown whole and the cursor returned 0. Members shown stay valid for a table only. */
uint64_t set_scan(struct set s, uint64_t cursor, set_fn *fn, void *ctx);
/* Calls fn for count members picked at random, of a set that isn't empty; distinct: each once, set_count at most. */
void set_pick(struct set s, size_t count, bool distinct, set_fn *fn, void *ctx);
/* Removes a random member of a set that isn't empty, after showing it to fn. */
void set_pop(struct set *s, set_fn *fn, void *ctx);

#endif

/* Sets: the two forms, the way from one to the other, and single members.
 *
 * A member of a table is one block: its length (varint.h), then its bytes. Its size follows from its content, so it is
 * freed without a size being stored.
 *
 * Invariant: an intset was never larger than intset_entries_max was when it last grew. Walks and the type's operations
 * are in set_walk.c. */
#include "base/alloc.h"
#include "keyspace/set_internal.h"

struct set_config set_config = {.intset_entries_max = 512};

/* Whatever the setting: beyond this moving the integers behind a new one takes too long, and Redis has the same limit. */
#define INTSET_ENTRIES_LIMIT ((size_t)1 << 30)

/* --- members of a table --- */

static void *item_new(slice member) {
    uint8_t *item = mem_alloc(varint_bytes(member.n) + member.n);
    uint8_t *at = varint_write(item, member.n);
    if (member.n) memcpy(at, member.p, member.n);
    return item;
}

size_t set_item_bytes(const void *item) {
    slice text = set_item_text(item);
    return varint_bytes(text.n) + text.n;
}

void *set_item_copy(const void *item) {
    size_t n = set_item_bytes(item);
    return memcpy(mem_alloc(n), item, n);
}

void set_item_free(void *item) {
    mem_free(item, set_item_bytes(item));
}

const struct dict_type set_dict_type = {.key = set_item_text, .free_item = set_item_free};

/* --- forms --- */

struct set set_new(void) {
    return (struct set){intset_new(), SET_INTSET};
}

struct set set_new_table(size_t n) {
    struct dict *d = dict_new(&set_dict_type);
    if (n) dict_reserve(d, n);
    return (struct set){d, SET_TABLE};
}

static void convert_if_large(struct set *s) {
    size_t max = set_config.intset_entries_max;
    if (max > INTSET_ENTRIES_LIMIT) max = INTSET_ENTRIES_LIMIT;
    if (intset_count(s->ptr) > max) set_to_table(s);
}

struct set set_of_intset(struct intset *ints) {
    struct set s = {ints, SET_INTSET};
    convert_if_large(&s);
    return s;
}

static void insert_member(void *dict, slice member) {
    dict_insert(dict, item_new(member));
}

void set_to_table(struct set *s) {
    if (s->encoding == SET_TABLE) return;
    struct set table = set_new_table(set_count(*s));
    set_each(*s, insert_member, table.ptr);
    intset_free(s->ptr);
    *s = table;
}

void set_free(struct set s) {
    if (s.encoding == SET_TABLE)
        dict_free(s.ptr);
    else
        intset_free(s.ptr);
}

/* --- members --- */

size_t set_count(struct set s) {
    return s.encoding == SET_TABLE ? dict_size(s.ptr) : intset_count(s.ptr);
}

bool set_has(struct set s, slice member) {
    int64_t v;
    if (s.encoding == SET_TABLE) return dict_find(s.ptr, member) != NULL;
    return num_parse_i64(member, &v) && intset_has(s.ptr, v);
}

bool set_add(struct set *s, slice member) {
    int64_t v;
    if (s->encoding == SET_INTSET) {
        if (num_parse_i64(member, &v)) {
            bool added;
            s->ptr = intset_add(s->ptr, v, &added);
            if (added) convert_if_large(s);
            return added;
        }
        set_to_table(s);
    }
    uint64_t hash = dict_hash(s->ptr, member);
    if (dict_find_hashed(s->ptr, member, hash)) return false;
    dict_insert_hashed(s->ptr, item_new(member), hash);
    return true;
}

bool set_remove(struct set *s, slice member) {
    int64_t v;
    if (s->encoding == SET_TABLE) {
        void *item = dict_take(s->ptr, member);
        if (item) set_item_free(item);
        return item != NULL;
    }
    bool removed = false;
    if (num_parse_i64(member, &v)) s->ptr = intset_remove(s->ptr, v, &removed);
    return removed;
}

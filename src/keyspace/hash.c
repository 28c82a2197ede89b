/* Hashes: the two forms, the way from one to the other, and finding and changing fields.
 *
 * An element of a table is one block: length of the field, length of the value (varint.h), field, value. Its size
 * class follows from its content, so it is freed without a size being stored, and a value that needs a block of the same
 * class is written in place.
 *
 * Invariant: a listpack holds pairs, its fields are distinct, and it is below listpack_entries_max and _value_max as they
 * were when it last grew. Walks and the type's operations are in hash_walk.c. */
#include "base/alloc.h"
#include "keyspace/hash_internal.h"

struct hash_config hash_config = {.listpack_entries_max = 512, .listpack_value_max = 64};

/* --- elements --- */

static size_t element_bytes(size_t field_n, size_t value_n) {
    return varint_bytes(field_n) + varint_bytes(value_n) + field_n + value_n;
}

static uint8_t *element_new(slice field, slice value) {
    uint8_t *e = mem_alloc(mem_good_size(element_bytes(field.n, value.n)));
    uint8_t *at = varint_write(varint_write(e, field.n), value.n);
    if (field.n) memcpy(at, field.p, field.n);
    if (value.n) memcpy(at + field.n, value.p, value.n);
    return e;
}

size_t hash_element_bytes(const void *element) {
    struct hash_pair pair = hash_element(element);
    return element_bytes(pair.field.n, pair.value.n);
}

void *hash_element_copy(const void *element) {
    size_t n = hash_element_bytes(element);
    return memcpy(mem_alloc(mem_good_size(n)), element, n);
}

static void element_free(void *element) {
    mem_free(element, hash_element_bytes(element));
}

static slice element_field(const void *element) {
    return hash_element(element).field;
}

const struct dict_type hash_dict_type = {.key = element_field, .free_item = element_free};

/* --- forms --- */

struct hash hash_new(void) {
    return (struct hash){lp_new(), HASH_LISTPACK};
}

struct hash hash_new_table(size_t n) {
    struct dict *d = dict_new(&hash_dict_type);
    if (n) dict_reserve(d, n);
    return (struct hash){d, HASH_TABLE};
}

struct hash hash_of_listpack(void *lp) {
    struct hash h = {lp, HASH_LISTPACK};
    if (hash_count(h) > hash_config.listpack_entries_max) hash_to_table(&h);
    return h;
}

static void insert_pair(void *dict, slice field, slice value) {
    dict_insert(dict, element_new(field, value));
}

void hash_to_table(struct hash *h) {
    if (h->encoding == HASH_TABLE) return;
    struct hash table = hash_new_table(hash_count(*h));
    hash_each(*h, insert_pair, table.ptr);
    lp_free(h->ptr);
    *h = table;
}

void hash_free(struct hash h) {
    if (h.encoding == HASH_TABLE)
        dict_free(h.ptr);
    else
        lp_free(h.ptr);
}

/* Whether a listpack may take the two in. */
static bool stays_small(struct hash h, slice field, slice value) {
    uint64_t max = hash_config.listpack_value_max;
    return field.n <= max && value.n <= max && lp_may_grow(h.ptr, field.n + value.n);
}

/* --- fields --- */

size_t hash_count(struct hash h) {
    return h.encoding == HASH_TABLE ? dict_size(h.ptr) : lp_length(h.ptr) / 2;
}

static lp_pos find_field(struct hash h, slice field) {
    return lp_find(lp_first(h.ptr), field, 1);
}

bool hash_has(struct hash h, slice field) {
    if (h.encoding == HASH_TABLE) return dict_find(h.ptr, field) != NULL;
    return find_field(h, field) != NULL;
}

bool hash_get(struct hash h, slice field, slice *value, char scratch[NUM_INT_BYTES]) {
    if (h.encoding == HASH_TABLE) {
        const void *element = dict_find(h.ptr, field);
        if (element) *value = hash_element(element).value;
        return element != NULL;
    }
    lp_pos at = find_field(h, field);
    if (at) *value = lp_text(lp_next(at), scratch);
    return at != NULL;
}

static bool set_in_listpack(struct hash *h, slice field, slice value) {
    lp_pos at = find_field(*h, field);
    if (at) {
        at = lp_next(at);
        h->ptr = lp_replace(h->ptr, &at, value);
        return false;
    }
    h->ptr = lp_append_many(h->ptr, (slice[]){field, value}, 2);
    if (hash_count(*h) > hash_config.listpack_entries_max) hash_to_table(h);
    return true;
}

static bool set_in_table(struct dict *d, slice field, slice value) {
    uint64_t hash = dict_hash(d, field);
    void *old = dict_find_hashed(d, field, hash);
    if (!old) {
        dict_insert_hashed(d, element_new(field, value), hash);
        return true;
    }
    struct hash_pair pair = hash_element(old);
    bool same_place = varint_bytes(pair.value.n) == varint_bytes(value.n) &&
                      mem_good_size(element_bytes(field.n, pair.value.n)) ==
                          mem_good_size(element_bytes(field.n, value.n));
    if (same_place) {
        uint8_t *at = varint_write(varint_write(old, field.n), value.n);
        if (value.n) memcpy(at + field.n, value.p, value.n);
    } else {
        dict_replace(d, old, element_new(field, value), hash);
        element_free(old);
    }
    return false;
}

bool hash_set(struct hash *h, slice field, slice value) {
    if (h->encoding == HASH_LISTPACK) {
        if (stays_small(*h, field, value)) return set_in_listpack(h, field, value);
        hash_to_table(h);
    }
    return set_in_table(h->ptr, field, value);
}

bool hash_delete(struct hash *h, slice field) {
    if (h->encoding == HASH_TABLE) {
        void *element = dict_take(h->ptr, field);
        if (element) element_free(element);
        return element != NULL;
    }
    lp_pos at = find_field(*h, field);
    if (!at) return false;
    h->ptr = lp_delete_run(h->ptr, &at, 2);
    return true;
}

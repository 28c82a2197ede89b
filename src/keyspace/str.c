/* String values: one view of five encodings. Not here: what commands do with them. */
#include "keyspace/str.h"

#include "base/assert.h"
#include "keyspace/db_internal.h"

slice str_get(const struct entry *e, char scratch[NUM_INT_BYTES]) {
    struct payload p = payload_of_entry(e);
    assert_that(p.type == TYPE_STRING);
    switch (p.encoding) {
    case STR_INT32:
    case STR_INT64: return (slice){scratch, num_format_i64(scratch, p.integer)};
    case STR_HEAP: return sds_slice(p.ptr);
    default: return p.bytes;
    }
}

size_t str_len(const struct entry *e) {
    char scratch[NUM_INT_BYTES];
    return str_get(e, scratch).n;
}

bool str_is_int(const struct entry *e) {
    return entry_is(e, TYPE_STRING, STR_INT32) || entry_is(e, TYPE_STRING, STR_INT64);
}

bool str_get_i64(const struct entry *e, int64_t *out) {
    struct payload p = payload_of_entry(e);
    assert_that(p.type == TYPE_STRING);
    if (p.encoding == STR_INT32 || p.encoding == STR_INT64) {
        *out = p.integer;
        return true;
    }
    return num_parse_i64(p.encoding == STR_HEAP ? sds_slice(p.ptr) : p.bytes, out);
}

/* Replaces a string's payload; expire time, LRU field and place in the index stay. */
static struct entry *put(struct db *db, struct entry *e, const struct payload *p) {
    assert_that(entry_type(e) == TYPE_STRING);
    void *was = entry_is(e, TYPE_STRING, STR_HEAP) ? entry_ptr(e) : NULL;
    if (entry_fits(e, entry_expire_ms(e), p)) {
        entry_write(e, p);
    } else {
        struct entry *fresh = entry_rebuild(e, entry_expire_ms(e), p);
        db_adopt(db, e, fresh, db_hash(entry_key_at(e)), entry_has_expire(e));
        e = fresh;
    }
    if (was != p->ptr) sds_free(was);
    return e;
}

struct entry *str_set_i64(struct db *db, struct entry *e, int64_t v) {
    struct payload p = payload_of_i64(v);
    return put(db, e, &p);
}

/* A string that an APPEND or SETRANGE made long stays on the heap with room to grow; a short one grows class by class. */
static char *grow_heap(struct entry *e, size_t new_len) {
    sds s = entry_ptr(e);
    if (new_len > sds_len(s)) {
        s = sds_grow_zero(s, new_len);
        entry_set_ptr(e, STR_HEAP, s);
    }
    return s;
}

char *str_grow(struct db *db, struct entry **e, size_t new_len) {
    char scratch[NUM_INT_BYTES];
    if (entry_is(*e, TYPE_STRING, STR_HEAP)) return grow_heap(*e, new_len);
    slice now = str_get(*e, scratch);
    if (new_len < now.n) new_len = now.n;
    if (new_len > STR_EMBED_BYTES_MAX) {
        struct payload p = {.type = TYPE_STRING, .encoding = STR_HEAP, .ptr = sds_newlen(now.p, now.n)};
        *e = put(db, *e, &p);
        return grow_heap(*e, new_len);
    }
    char bytes[STR_EMBED_BYTES_MAX];
    memcpy(bytes, now.p, now.n);
    memset(bytes + now.n, 0, new_len - now.n);
    struct payload p = {.type = TYPE_STRING, .encoding = STR_EMBED_RAW, .bytes = {bytes, new_len}};
    *e = put(db, *e, &p);
    return (char *)(uintptr_t)embedded_at(entry_value_at(*e)).p;
}

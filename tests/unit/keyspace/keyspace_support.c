#include "unit/keyspace/keyspace_support.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "keyspace/str.h"

static char event_text[8192];
static size_t used_before;

uint64_t ks_random(void) {
    static uint64_t x = 88172645463325252u;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return x * 0x9e3779b97f4a7c15u >> 11;
}

uint64_t ks_below(uint64_t n) {
    return ks_random() % n;
}

static void record(const char *event, slice key, int dbid) {
    size_t n = strlen(event_text);
    snprintf(event_text + n, sizeof event_text - n, "%s:%.*s@%d ", event, (int)key.n, key.p, dbid);
}

static void on_expired(struct db *db, slice key) {
    record("expired", key, db_id(db));
}

static void on_evicted(struct db *db, slice key) {
    record("evicted", key, db_id(db));
}

static void on_modified(struct db *db, slice key) {
    record("modified", key, db_id(db));
}

static void on_flushed(int dbid) {
    size_t n = strlen(event_text);
    snprintf(event_text + n, sizeof event_text - n, "flushed:%d ", dbid);
}

static void on_swapped(int a, int b) {
    size_t n = strlen(event_text);
    snprintf(event_text + n, sizeof event_text - n, "swapped:%d,%d ", a, b);
}

static void on_notify(enum ks_notify_class cls, const char *event, slice key, int dbid) {
    char name[64];
    snprintf(name, sizeof name, "notify-%x-%s", (unsigned)cls, event);
    record(name, key, dbid);
}

const char *events(void) {
    return event_text;
}

void events_clear(void) {
    event_text[0] = '\0';
}

void ks_test_init(void) {
    static const struct ks_hooks hooks = {.expired = on_expired,
                                          .evicted = on_evicted,
                                          .modified = on_modified,
                                          .flushed = on_flushed,
                                          .swapped = on_swapped,
                                          .notify = on_notify};
    used_before = mem_used_bytes();
    clock_set_for_test(T0);
    ks_set_hooks(&hooks);
    ks_config.notify_events = NOTIFY_ALL | NOTIFY_KEY_MISS;
    ks_init(16);
}

void ks_test_fini(void) {
    ks_shutdown();
    cr_assert_eq(mem_used_bytes(), used_before, "%zd bytes leaked",
                 (ssize_t)(mem_used_bytes() - used_before));
}

/* --- the counted type --- */

int counted_values;
size_t counted_elements;

struct counted {
    size_t elements;
};

static const char *counted_encoding(unsigned encoding) {
    return encoding == 3 ? "counted" : "?";
}

static void counted_free(unsigned encoding, void *ptr) {
    cr_assert_eq(encoding, 3);
    struct counted *v = ptr;
    counted_values--;
    counted_elements -= v->elements;
    mem_free(v, sizeof *v);
}

static size_t counted_effort(unsigned encoding, const void *ptr) {
    cr_assert_eq(encoding, 3);
    return ((const struct counted *)ptr)->elements;
}

static bool counted_free_some(unsigned encoding, void *ptr, size_t n) {
    cr_assert_eq(encoding, 3);
    struct counted *v = ptr;
    if (n > v->elements) n = v->elements;
    v->elements -= n;
    counted_elements -= n;
    return v->elements > 0;
}

static void *counted_new(size_t elements) {
    struct counted *v = mem_alloc(sizeof *v);
    v->elements = elements;
    counted_values++;
    counted_elements += elements;
    return v;
}

static void *counted_copy(unsigned encoding, const void *ptr) {
    cr_assert_eq(encoding, 3);
    return counted_new(((const struct counted *)ptr)->elements);
}

static size_t counted_bytes(unsigned encoding, const void *ptr) {
    return 1000 * encoding + ((const struct counted *)ptr)->elements;
}

static void counted_digest(unsigned encoding, const void *ptr, uint8_t digest[20]) {
    (void)ptr;
    digest[0] ^= (uint8_t)encoding;
}

void counted_register(bool in_slices) {
    static struct value_type_ops ops = {.encoding_name = counted_encoding,
                                        .free = counted_free,
                                        .free_effort = counted_effort,
                                        .copy = counted_copy,
                                        .bytes = counted_bytes,
                                        .digest = counted_digest};
    ops.free_some = in_slices ? counted_free_some : NULL;
    value_register_type(TYPE_LIST, &ops);
}

struct entry *counted_set(struct db *db, const char *key, size_t elements, int64_t expire_ms) {
    struct value v = {.type = TYPE_LIST, .encoding = 3, .ptr = counted_new(elements)};
    return db_set(db, slice_of(key), &v, expire_ms);
}

bool value_is(const struct entry *e, slice want) {
    char scratch[NUM_INT_BYTES];
    return e && entry_type(e) == TYPE_STRING && str_len(e) == want.n && slice_eq(str_get(e, scratch), want);
}

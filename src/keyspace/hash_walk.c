/* Hashes: walks over all fields, scans, random picks, and what the key space asks of every type (value.h). */
#include "base/alloc.h"
#include "keyspace/digest.h"
#include "keyspace/hash_internal.h"
#include "keyspace/table_value.h"

/* --- walking --- */

struct each {
    hash_fn *fn;
    void *ctx;
};

static void show_element(void *ctx, void *element) {
    const struct each *w = ctx;
    struct hash_pair pair = hash_element(element);
    w->fn(w->ctx, pair.field, pair.value);
}

static void show_pair(const struct each *w, lp_pos field) {
    char texts[2][LP_INT_BYTES];
    w->fn(w->ctx, lp_text(field, texts[0]), lp_text(lp_next(field), texts[1]));
}

void hash_each(struct hash h, hash_fn *fn, void *ctx) {
    struct each w = {fn, ctx};
    if (h.encoding == HASH_TABLE) {
        dict_each(h.ptr, show_element, &w);
        return;
    }
    for (lp_pos at = lp_first(h.ptr); at; at = lp_next(lp_next(at))) show_pair(&w, at);
}

uint64_t hash_scan(struct hash h, uint64_t cursor, hash_fn *fn, void *ctx) {
    struct each w = {fn, ctx};
    if (h.encoding == HASH_TABLE) return dict_scan(h.ptr, cursor, show_element, &w);
    hash_each(h, fn, ctx);
    return 0;
}

/* --- picking --- */

#define PICKS_AT_ONCE 1024 /* with repetitions there may be any number */

static void pick_from_listpack(struct hash h, size_t count, bool distinct, const struct each *w) {
    size_t room = distinct ? hash_count(h) : count < PICKS_AT_ONCE ? count : PICKS_AT_ONCE;
    lp_pos *picks = mem_alloc(room * sizeof *picks);
    if (distinct) count = lp_random_distinct(h.ptr, 2, count, picks);
    for (size_t done = 0; done < count;) {
        size_t n = count - done < room ? count - done : room;
        if (!distinct) lp_random_picks(h.ptr, 2, n, picks);
        for (size_t i = 0; i < n; i++) show_pair(w, picks[i]);
        done += n;
    }
    mem_free(picks, room * sizeof *picks);
}

void hash_pick(struct hash h, size_t count, bool distinct, hash_fn *fn, void *ctx) {
    struct each w = {fn, ctx};
    if (h.encoding == HASH_LISTPACK)
        pick_from_listpack(h, count, distinct, &w);
    else if (distinct)
        dict_pick(h.ptr, count, show_element, &w);
    else
        for (size_t i = 0; i < count; i++) show_element(&w, dict_random(h.ptr));
}

/* --- the type's operations --- */

static struct hash handle(unsigned encoding, const void *ptr) {
    return (struct hash){(void *)(uintptr_t)ptr, (uint8_t)encoding};
}

static const char *encoding_name(unsigned encoding) {
    return encoding == HASH_TABLE ? "hashtable" : "listpack";
}

static void free_op(unsigned encoding, void *ptr) {
    hash_free(handle(encoding, ptr));
}

static size_t free_effort(unsigned encoding, const void *ptr) {
    return encoding == HASH_TABLE ? dict_size(ptr) : 1;
}

static bool free_some(unsigned encoding, void *ptr, size_t n) {
    return encoding == HASH_TABLE && dict_free_some(ptr, n);
}

static struct dict *table_op(unsigned encoding, void *ptr) {
    return encoding == HASH_TABLE ? ptr : NULL;
}

static void *copy_op(unsigned encoding, const void *ptr) {
    if (encoding == HASH_TABLE) return table_copy(ptr, &hash_dict_type, hash_element_copy);
    return lp_copy(ptr);
}

static size_t bytes_op(unsigned encoding, const void *ptr) {
    if (encoding == HASH_TABLE) return table_bytes(ptr, hash_element_bytes);
    return mem_good_size(lp_bytes(ptr));
}

static void digest_pair(void *digest, slice field, slice value) {
    uint8_t pair[SHA1_BYTES] = {0};
    digest_mix(pair, field.p, field.n);
    digest_mix(pair, value.p, value.n);
    digest_xor(digest, pair, SHA1_BYTES);
}

static void digest_op(unsigned encoding, const void *ptr, uint8_t digest[SHA1_BYTES]) {
    hash_each(handle(encoding, ptr), digest_pair, digest);
}

const struct value_type_ops hash_value_ops = {.encoding_name = encoding_name,
                                              .free = free_op,
                                              .free_effort = free_effort,
                                              .free_some = free_some,
                                              .copy = copy_op,
                                              .bytes = bytes_op,
                                              .table = table_op,
                                              .digest = digest_op};

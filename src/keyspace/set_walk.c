/* Sets: walks over all members, scans, random picks, and what the key space asks of every type (value.h). */
#include "base/alloc.h"
#include "base/random.h"
#include "keyspace/digest.h"
#include "keyspace/set_internal.h"
#include "keyspace/table_value.h"

/* --- walking --- */

struct each {
    set_fn *fn;
    void *ctx;
};

static void show_item(void *ctx, void *item) {
    const struct each *w = ctx;
    w->fn(w->ctx, set_item_text(item));
}

static void show_integer(const struct each *w, int64_t v) {
    char scratch[NUM_INT_BYTES];
    w->fn(w->ctx, set_int_text(v, scratch));
}

void set_each(struct set s, set_fn *fn, void *ctx) {
    struct each w = {fn, ctx};
    if (s.encoding == SET_TABLE) {
        dict_each(s.ptr, show_item, &w);
        return;
    }
    size_t n = intset_count(s.ptr);
    for (size_t i = 0; i < n; i++) show_integer(&w, intset_at(s.ptr, i));
}

uint64_t set_scan(struct set s, uint64_t cursor, set_fn *fn, void *ctx) {
    struct each w = {fn, ctx};
    if (s.encoding == SET_TABLE) return dict_scan(s.ptr, cursor, show_item, &w);
    set_each(s, fn, ctx);
    return 0;
}

struct each_while {
    bool (*fn)(void *ctx, slice member);
    void *ctx;
    bool go_on;
};

static void show_while(void *ctx, slice member) {
    struct each_while *w = ctx;
    if (w->go_on) w->go_on = w->fn(w->ctx, member);
}

/* A scan of a table that does not change shows every member once, a bucket at a time, and can end between buckets. */
bool set_each_while(struct set s, bool (*fn)(void *ctx, slice member), void *ctx) {
    struct each_while w = {fn, ctx, true};
    if (s.encoding == SET_TABLE) {
        uint64_t cursor = 0;
        do {
            cursor = set_scan(s, cursor, show_while, &w);
        } while (cursor && w.go_on);
        return w.go_on;
    }
    char scratch[NUM_INT_BYTES];
    size_t n = intset_count(s.ptr);
    for (size_t i = 0; i < n && w.go_on; i++) w.go_on = fn(ctx, set_int_text(intset_at(s.ptr, i), scratch));
    return w.go_on;
}

/* --- picking --- */

/* Selection sampling: an integer is taken with the chance (still wanted) / (still to come). */
static void pick_integers(const struct intset *ints, size_t wanted, const struct each *w) {
    size_t n = intset_count(ints);
    if (wanted > n) wanted = n;
    for (size_t i = 0; wanted > 0; i++) {
        if (random_below(n - i) >= wanted) continue;
        wanted--;
        show_integer(w, intset_at(ints, i));
    }
}

void set_pick(struct set s, size_t count, bool distinct, set_fn *fn, void *ctx) {
    struct each w = {fn, ctx};
    if (s.encoding == SET_INTSET && distinct)
        pick_integers(s.ptr, count, &w);
    else if (s.encoding == SET_INTSET)
        for (size_t i = 0; i < count; i++) show_integer(&w, intset_random(s.ptr));
    else if (distinct)
        dict_pick(s.ptr, count, show_item, &w);
    else
        for (size_t i = 0; i < count; i++) show_item(&w, dict_random(s.ptr));
}

void set_pop(struct set *s, set_fn *fn, void *ctx) {
    struct each w = {fn, ctx};
    if (s->encoding == SET_TABLE) {
        void *item = dict_random(s->ptr);
        show_item(&w, item);
        dict_take(s->ptr, set_item_text(item));
        set_item_free(item);
        return;
    }
    int64_t v = intset_random(s->ptr);
    bool removed;
    show_integer(&w, v);
    s->ptr = intset_remove(s->ptr, v, &removed);
}

/* --- the type's operations --- */

static struct set handle(unsigned encoding, const void *ptr) {
    return (struct set){(void *)(uintptr_t)ptr, (uint8_t)encoding};
}

static const char *encoding_name(unsigned encoding) {
    return encoding == SET_TABLE ? "hashtable" : "intset";
}

static void free_op(unsigned encoding, void *ptr) {
    set_free(handle(encoding, ptr));
}

static size_t free_effort(unsigned encoding, const void *ptr) {
    return encoding == SET_TABLE ? dict_size(ptr) : 1;
}

static bool free_some(unsigned encoding, void *ptr, size_t n) {
    return encoding == SET_TABLE && dict_free_some(ptr, n);
}

static struct dict *table_op(unsigned encoding, void *ptr) {
    return encoding == SET_TABLE ? ptr : NULL;
}

static void *copy_op(unsigned encoding, const void *ptr) {
    if (encoding == SET_TABLE) return table_copy(ptr, &set_dict_type, set_item_copy);
    return intset_copy(ptr);
}

static size_t bytes_op(unsigned encoding, const void *ptr) {
    if (encoding == SET_TABLE) return table_bytes(ptr, set_item_bytes);
    return mem_good_size(intset_bytes(ptr));
}

static void digest_member(void *digest, slice member) {
    digest_xor(digest, member.p, member.n);
}

static void digest_op(unsigned encoding, const void *ptr, uint8_t digest[SHA1_BYTES]) {
    set_each(handle(encoding, ptr), digest_member, digest);
}

const struct value_type_ops set_value_ops = {.encoding_name = encoding_name,
                                             .free = free_op,
                                             .free_effort = free_effort,
                                             .free_some = free_some,
                                             .copy = copy_op,
                                             .bytes = bytes_op,
                                             .table = table_op,
                                             .digest = digest_op};

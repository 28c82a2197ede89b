/* Values that are a dict of packed blocks: copying and measuring them. It knows no item from the inside. */
#include "keyspace/table_value.h"

#include "base/alloc.h"

/* dict's walks take a dict that may change, although a walk changes nothing. */
static struct dict *mutable(const struct dict *d) {
    return (struct dict *)(uintptr_t)d;
}

struct copying {
    struct dict *to;
    void *(*copy)(const void *item);
};

static void copy_item(void *ctx, void *item) {
    struct copying *w = ctx;
    dict_insert(w->to, w->copy(item));
}

struct dict *table_copy(const struct dict *d, const struct dict_type *type, void *(*copy)(const void *item)) {
    struct copying w = {dict_new(type), copy};
    dict_reserve(w.to, dict_size(d));
    dict_each(mutable(d), copy_item, &w);
    return w.to;
}

#define SAMPLE 1000

struct measuring {
    size_t (*item_bytes)(const void *item);
    size_t items, bytes;
};

static void measure_item(void *ctx, void *item) {
    struct measuring *w = ctx;
    w->items++;
    w->bytes += mem_good_size(w->item_bytes(item));
}

size_t table_bytes(const struct dict *d, size_t (*item_bytes)(const void *item)) {
    struct measuring w = {.item_bytes = item_bytes};
    size_t table = dict_table_bytes(d), n = dict_size(d);
    uint64_t cursor = 0;
    do {
        cursor = dict_scan(mutable(d), cursor, measure_item, &w);
    } while (cursor && w.items < SAMPLE);
    if (cursor && w.items) return table + (size_t)((double)w.bytes / (double)w.items * (double)n);
    return table + w.bytes;
}

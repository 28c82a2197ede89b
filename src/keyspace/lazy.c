/* Lazy freeing: a queue of detached values and databases, given back a slice at a time.
 *
 * Invariant: pending_objects is the number of values in the queue plus the entries of the databases in it.
 * Not here: what is worth queueing (value.c, whole.c) and when slices run (server's periodic work). */
#include "keyspace/lazy.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/dict.h"
#include "keyspace/db.h"
#include "keyspace/expiry.h"

/* Objects freed between two looks at the clock: some microseconds' worth. */
#define SLICE_OBJECTS 64

struct lazy_job {
    struct lazy_job *next;
    struct dict *entries; /* NULL: a value */
    struct expiry *expiry;
    void *ptr;
    enum value_type type;
    unsigned encoding;
};

static struct lazy_job *first, **last = &first;
static size_t pending_objects;
static uint64_t freed_objects;
static bool freeing_db;

static void add(struct lazy_job job, size_t objects) {
    struct lazy_job *j = mem_alloc(sizeof *j);
    *j = job;
    j->next = NULL;
    *last = j;
    last = &j->next;
    pending_objects += objects;
}

void lazy_add_value(enum value_type type, unsigned encoding, void *ptr) {
    add((struct lazy_job){.type = type, .encoding = encoding, .ptr = ptr}, 1);
}

void lazy_add_db(struct dict *entries, struct expiry *expiry) {
    add((struct lazy_job){.entries = entries, .expiry = expiry}, dict_size(entries));
}

bool lazy_freeing_db(void) {
    return freeing_db;
}

static void count_freed(size_t objects) {
    assert_that(pending_objects >= objects);
    pending_objects -= objects;
    freed_objects += objects;
}

/* True while the job has something left. */
static bool free_slice(struct lazy_job *j) {
    if (j->entries) {
        size_t before = dict_size(j->entries);
        freeing_db = true;
        bool more = dict_free_some(j->entries, SLICE_OBJECTS);
        freeing_db = false;
        count_freed(before - dict_size(j->entries));
        if (more) return true;
        dict_free(j->entries);
        if (j->expiry) expiry_free(j->expiry);
        return false;
    }
    const struct value_type_ops *ops = value_ops(j->type);
    if (ops->free_some && ops->free_some(j->encoding, j->ptr, SLICE_OBJECTS)) return true;
    ops->free(j->encoding, j->ptr);
    count_freed(1);
    return false;
}

static void end_first_job(void) {
    struct lazy_job *j = first;
    bool was_db = j->entries != NULL;
    first = j->next;
    if (!first) last = &first;
    mem_free(j, sizeof *j);
    if (was_db) mem_trim();
}

bool ks_lazy_free_us(uint64_t budget_us) {
    if (!first) return false;
    uint64_t deadline_us = clock_mono_us() + budget_us;
    do {
        if (!free_slice(first)) end_first_job();
    } while (first && clock_mono_us() < deadline_us);
    return first != NULL;
}

void lazy_finish(void) {
    while (first)
        if (!free_slice(first)) end_first_job();
}

size_t ks_lazy_pending(void) {
    return pending_objects;
}

uint64_t ks_lazy_freed(void) {
    return freed_objects;
}

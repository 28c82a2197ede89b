/* Big sorted sets: a counted B+ tree by (score, member) and a dict by member over the same elements.
 *
 * Invariant, outside of building and of freeing in slices: both hold the same elements, and the tree's key of an element is
 * the image of its score. The elements belong to the dict. */
#include "keyspace/zset_internal.h"

#include "base/alloc.h"

#include <math.h>

/* --- elements --- */

static size_t element_bytes_for(size_t member_n) {
    return sizeof(double) + varint_bytes(member_n) + member_n;
}

static slice element_key(const void *element) {
    return element_member(element);
}

static void element_free(void *element) {
    mem_free(element, element_bytes_for(element_member(element).n));
}

static int element_order(const void *a, const void *b) {
    return slice_cmp(element_member(a), element_member(b));
}

static const struct dict_type member_dict = {.key = element_key, .free_item = element_free};

void *ztree_new_element(struct zset_tree *t, slice member, double score) {
    size_t bytes = element_bytes_for(member.n);
    uint8_t *element = mem_alloc(bytes), *p = varint_write(element + sizeof(double), member.n);
    element_set_score(element, score);
    if (member.n > 0) memcpy(p, member.p, member.n);
    t->element_bytes += mem_good_size(bytes);
    return element;
}

void ztree_free_element(struct zset_tree *t, void *element) {
    t->element_bytes -= mem_good_size(element_bytes_for(element_member(element).n));
    element_free(element);
}

/* --- the whole --- */

struct zset_tree *ztree_new(size_t expected) {
    struct zset_tree *t = mem_alloc(sizeof *t);
    *t = (struct zset_tree){.members = dict_new(&member_dict), .order = btree_new(element_order)};
    if (expected > 0) dict_reserve(t->members, expected);
    return t;
}

void ztree_free(struct zset_tree *t) {
    btree_free(t->order);
    dict_free(t->members);
    mem_free(t, sizeof *t);
}

/* The tree keeps addresses of freed elements for a while: taking entries off its front reads none. */
bool ztree_free_some(struct zset_tree *t, size_t n) {
    bool more = dict_free_some(t->members, n);
    return btree_free_some(t->order, n) || more;
}

struct zset_tree *ztree_copy(const struct zset_tree *t) {
    struct zset_tree *copy = ztree_new(btree_count(t->order));
    for (struct btree_pos p = btree_first(t->order); btree_ok(p); p = btree_next(p))
        ztree_append(copy, element_member(btree_item(p)), element_score(btree_item(p)));
    return copy;
}

size_t ztree_bytes(const struct zset_tree *t) {
    return mem_good_size(sizeof *t) + t->element_bytes + dict_table_bytes(t->members) + btree_bytes(t->order);
}

/* --- changing --- */

void ztree_append(struct zset_tree *t, slice member, double score) {
    void *element = ztree_new_element(t, member, score);
    dict_insert(t->members, element);
    btree_insert(t->order, btree_key_of_double(score), element);
}

enum zset_put_result zset_judge(double old, double *score, unsigned flags) {
    if (flags & ZPUT_NX) return ZSET_REFUSED;
    if (flags & ZPUT_INCR) {
        *score += old;
        if (isnan(*score)) return ZSET_NAN;
    }
    if ((flags & ZPUT_LT && *score >= old) || (flags & ZPUT_GT && *score <= old)) return ZSET_REFUSED;
    return *score == old ? ZSET_SAME : ZSET_UPDATED;
}

enum zset_put_result ztree_put(struct zset_tree *t, slice member, double score, unsigned flags, double *now) {
    uint64_t h = dict_hash(t->members, member);
    void *element = dict_find_hashed(t->members, member, h);
    enum zset_put_result result;
    if (!element) {
        if (flags & ZPUT_XX) return ZSET_REFUSED;
        element = ztree_new_element(t, member, score);
        dict_insert_hashed(t->members, element, h);
        btree_insert(t->order, btree_key_of_double(score), element);
        result = ZSET_ADDED;
    } else {
        double old = element_score(element);
        result = zset_judge(old, &score, flags);
        if (result == ZSET_REFUSED || result == ZSET_NAN) return result;
        if (result == ZSET_UPDATED) {
            btree_rekey(t->order, btree_key_of_double(old), element, btree_key_of_double(score));
            element_set_score(element, score);
        }
    }
    if (now) *now = score;
    return result;
}

bool ztree_remove(struct zset_tree *t, slice member) {
    void *element = dict_take(t->members, member);
    if (!element) return false;
    btree_remove(t->order, btree_key_of_double(element_score(element)), element);
    ztree_free_element(t, element);
    return true;
}

static void removed_from_order(void *ctx, void *element) {
    struct zset_tree *t = ctx;
    dict_take(t->members, element_member(element));
    ztree_free_element(t, element);
}

void ztree_remove_span(struct zset_tree *t, struct zset_span span) {
    btree_remove_range(t->order, span.from, span.to - span.from, removed_from_order, t);
}

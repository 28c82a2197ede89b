/* Sorted sets whatever their form: choosing and changing it, single members, and what the key space asks of a type.
 *
 * Ranges and walks are in zset_range.c, the forms themselves in zset_listpack.c and zset_tree.c. */
#include "keyspace/zset.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "keyspace/digest.h"
#include "keyspace/zset_internal.h"

struct zset_config zset_config = {.listpack_entries = 128, .listpack_value = 64};

/* --- form --- */

struct zset zset_new(slice first) {
    if (zset_config.listpack_entries == 0 || first.n > zset_config.listpack_value)
        return (struct zset){.encoding = ZSET_TREE, .tree = ztree_new(0)};
    return (struct zset){.encoding = ZSET_LISTPACK, .lp = lp_new()};
}

void zset_free(struct zset *z) {
    if (z->encoding == ZSET_LISTPACK)
        lp_free(z->lp);
    else
        ztree_free(z->tree);
    z->ptr = NULL;
}

void zset_to_tree(struct zset *z) {
    if (z->encoding == ZSET_TREE) return;
    struct zset_tree *t = ztree_new(zset_count(z));
    struct zset_iter it;
    zset_walk(&it, z, zset_all(z), false);
    while (zset_next(&it)) ztree_append(t, it.member, it.score);
    lp_free(z->lp);
    *z = (struct zset){.encoding = ZSET_TREE, .tree = t};
}

bool zset_to_listpack(struct zset *z) {
    if (z->encoding == ZSET_LISTPACK) return true;
    if (zset_count(z) > zset_config.listpack_entries) return false;
    uint8_t *lp = lp_new();
    struct zset_iter it;
    zset_walk(&it, z, zset_all(z), false);
    while (zset_next(&it)) {
        if (!zlp_may_take(lp, it.member)) {
            lp_free(lp);
            return false;
        }
        lp = zlp_append(lp, it.member, it.score);
    }
    ztree_free(z->tree);
    *z = (struct zset){.encoding = ZSET_LISTPACK, .lp = lp};
    return true;
}

/* --- single members --- */

size_t zset_count(const struct zset *z) {
    return z->encoding == ZSET_LISTPACK ? lp_length(z->lp) / 2 : btree_count(z->tree->order);
}

bool zset_score(const struct zset *z, slice member, double *score) {
    if (z->encoding == ZSET_LISTPACK) {
        lp_pos at = zlp_find(z->lp, member);
        if (!at) return false;
        *score = zlp_score(at);
        return true;
    }
    const void *element = dict_find(z->tree->members, member);
    if (!element) return false;
    *score = element_score(element);
    return true;
}

size_t zset_rank(const struct zset *z, slice member, bool reverse) {
    size_t rank;
    if (z->encoding == ZSET_LISTPACK) {
        rank = zlp_rank(z->lp, member);
    } else {
        const void *element = dict_find(z->tree->members, member);
        if (!element) return SIZE_MAX;
        rank = btree_rank(z->tree->order, btree_key_of_double(element_score(element)), element);
    }
    return rank == SIZE_MAX || !reverse ? rank : zset_count(z) - 1 - rank;
}

static enum zset_put_result put_in_listpack(struct zset *z, slice member, double score, unsigned flags,
                                            double *now) {
    lp_pos at = zlp_find(z->lp, member);
    enum zset_put_result result;
    if (at) {
        result = zset_judge(zlp_score(at), &score, flags);
        if (result == ZSET_REFUSED || result == ZSET_NAN) return result;
        if (result == ZSET_UPDATED) z->lp = zlp_insert(lp_delete_run(z->lp, &at, 2), member, score);
    } else if (flags & ZPUT_XX) {
        return ZSET_REFUSED;
    } else if (zlp_may_take(z->lp, member)) {
        z->lp = zlp_insert(z->lp, member, score);
        result = ZSET_ADDED;
    } else {
        zset_to_tree(z);
        return ztree_put(z->tree, member, score, flags, now);
    }
    if (now) *now = score;
    return result;
}

enum zset_put_result zset_put(struct zset *z, slice member, double score, unsigned flags, double *now) {
    if (z->encoding == ZSET_TREE) return ztree_put(z->tree, member, score, flags, now);
    return put_in_listpack(z, member, score, flags, now);
}

bool zset_remove(struct zset *z, slice member) {
    if (z->encoding == ZSET_TREE) return ztree_remove(z->tree, member);
    lp_pos at = zlp_find(z->lp, member);
    if (!at) return false;
    z->lp = lp_delete_run(z->lp, &at, 2);
    return true;
}

/* --- the type --- */

static struct zset view(unsigned encoding, const void *ptr) {
    return (struct zset){.encoding = (enum zset_encoding)encoding, .ptr = (void *)(uintptr_t)ptr};
}

static const char *encoding_name(unsigned encoding) {
    return encoding == ZSET_LISTPACK ? "listpack" : "skiplist";
}

static void free_value(unsigned encoding, void *ptr) {
    struct zset z = view(encoding, ptr);
    zset_free(&z);
}

static size_t free_effort(unsigned encoding, const void *ptr) {
    struct zset z = view(encoding, ptr);
    return encoding == ZSET_LISTPACK ? 1 : zset_count(&z);
}

static bool free_some(unsigned encoding, void *ptr, size_t n) {
    return encoding == ZSET_TREE && ztree_free_some(ptr, n);
}

static struct dict *table(unsigned encoding, void *ptr) {
    return encoding == ZSET_TREE ? ((struct zset_tree *)ptr)->members : NULL;
}

static void *copy(unsigned encoding, const void *ptr) {
    return encoding == ZSET_LISTPACK ? (void *)lp_copy(ptr) : ztree_copy(ptr);
}

static size_t bytes(unsigned encoding, const void *ptr) {
    return encoding == ZSET_LISTPACK ? mem_good_size(lp_bytes(ptr)) : ztree_bytes(ptr);
}

static void digest(unsigned encoding, const void *ptr, uint8_t out[SHA1_BYTES]) {
    struct zset z = view(encoding, ptr);
    struct zset_iter it;
    zset_walk(&it, &z, zset_all(&z), false);
    while (zset_next(&it)) {
        char text[ZSET_SCORE_BYTES];
        uint8_t element[SHA1_BYTES] = {0};
        size_t n = num_format_double(text, sizeof text, it.score);
        digest_mix(element, it.member.p, it.member.n);
        digest_mix(element, text, n);
        digest_xor(out, element, sizeof element);
    }
}

const struct value_type_ops zset_value_ops = {.encoding_name = encoding_name,
                                              .free = free_value,
                                              .free_effort = free_effort,
                                              .free_some = free_some,
                                              .copy = copy,
                                              .bytes = bytes,
                                              .table = table,
                                              .digest = digest};

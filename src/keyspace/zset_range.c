/* Sorted sets: ranges, walks in order, scans, and building a set from members that come in any order.
 *
 * Every kind of range becomes a run of ranks first; counting, walking either way and removing then know but one kind.
 *
 * A walk over a tree prefetches the elements that come: each is a cache line of its own somewhere, and the leaf that
 * names them lies together. */
#include "keyspace/zset_internal.h"

#include "base/alloc.h"
#include "base/assert.h"

#include <stdlib.h>

#define AHEAD 8 /* elements prefetched; of 4 to 16 none was measurably better */

/* --- ranges --- */

struct zset_span zset_rank_span(size_t count, int64_t start, int64_t stop) {
    int64_t n = (int64_t)count;
    if (start < 0) start += n;
    if (stop < 0) stop += n;
    if (start < 0) start = 0;
    if (stop >= n) stop = n - 1;
    if (start > stop) return (struct zset_span){0, 0};
    return (struct zset_span){(size_t)start, (size_t)stop + 1};
}

struct zset_span zset_score_span(const struct zset *z, const struct zset_score_range *r) {
    struct zset_span span = {0, 0};
    if (r->min > r->max || (r->min == r->max && (r->min_open || r->max_open))) return span;
    if (z->encoding == ZSET_LISTPACK) return zlp_score_span(z->lp, r);
    const struct btree *order = z->tree->order;
    uint64_t min = btree_key_of_double(r->min), max = btree_key_of_double(r->max);
    r->min_open ? btree_upper(order, min, NULL, &span.from) : btree_lower(order, min, NULL, &span.from);
    r->max_open ? btree_lower(order, max, NULL, &span.to) : btree_upper(order, max, NULL, &span.to);
    return span;
}

bool lex_above_min(slice member, const struct zset_lex_bound *min) {
    if (min->infinite) return min->infinite < 0;
    int c = slice_cmp(member, min->member);
    return min->open ? c > 0 : c >= 0;
}

bool lex_below_max(slice member, const struct zset_lex_bound *max) {
    if (max->infinite) return max->infinite > 0;
    int c = slice_cmp(member, max->member);
    return max->open ? c < 0 : c <= 0;
}

static bool before_min(const void *ctx, uint64_t key, const void *element) {
    (void)key;
    return !lex_above_min(element_member(element), ctx);
}

static bool before_end(const void *ctx, uint64_t key, const void *element) {
    (void)key;
    return lex_below_max(element_member(element), ctx);
}

static bool lex_is_empty(const struct zset_lex_range *r) {
    const struct zset_lex_bound *min = &r->min, *max = &r->max;
    if (min->infinite || max->infinite) return min->infinite >= max->infinite;
    int c = slice_cmp(min->member, max->member);
    return c > 0 || (c == 0 && (min->open || max->open));
}

struct zset_span zset_lex_span(const struct zset *z, const struct zset_lex_range *r) {
    struct zset_span span = {0, 0};
    if (lex_is_empty(r)) return span;
    if (z->encoding == ZSET_LISTPACK) return zlp_lex_span(z->lp, r);
    btree_where(z->tree->order, before_min, &r->min, &span.from);
    btree_where(z->tree->order, before_end, &r->max, &span.to);
    if (span.to < span.from) span.to = span.from; /* scores differ: no such range */
    return span;
}

void zset_remove_span(struct zset *z, struct zset_span span) {
    if (span.from >= span.to) return;
    if (z->encoding == ZSET_TREE)
        ztree_remove_span(z->tree, span);
    else
        z->lp = lp_delete_range(z->lp, 2 * (int64_t)span.from, 2 * (span.to - span.from));
}

/* --- walking --- */

static void prefetch_from(const struct zset_iter *it, size_t n) {
    struct btree_leaf *leaf = it->pos.leaf;
    if (!leaf) return;
    void **items = btree_leaf_items(leaf);
    for (size_t i = 0; i < n; i++) {
        size_t slot = it->reverse ? it->pos.slot - i : it->pos.slot + i; /* below 0: wraps beyond the last */
        if (slot >= leaf->count) return;
        __builtin_prefetch(items[slot]);
    }
}

void zset_walk(struct zset_iter *it, const struct zset *z, struct zset_span span, bool reverse) {
    it->left = span.to > span.from ? span.to - span.from : 0;
    it->reverse = reverse;
    it->lp = NULL;
    if (it->left == 0) return;
    size_t first = reverse ? span.to - 1 : span.from;
    if (z->encoding == ZSET_LISTPACK) {
        it->lp = z->lp;
        it->at = lp_seek(z->lp, 2 * (int64_t)first);
    } else {
        it->order = z->tree->order;
        it->pos = btree_at(it->order, first);
        prefetch_from(it, it->left < AHEAD ? it->left : AHEAD);
    }
}

static bool next_in_listpack(struct zset_iter *it) {
    it->member = lp_text(it->at, it->digits);
    it->score = zlp_score(it->at);
    if (it->reverse) {
        it->at = lp_prev(it->lp, it->at);
        if (it->at) it->at = lp_prev(it->lp, it->at);
    } else {
        it->at = lp_next(lp_next(it->at));
    }
    return true;
}

bool zset_next(struct zset_iter *it) {
    if (it->left == 0) return false;
    it->left--;
    if (it->lp) return next_in_listpack(it);
    const struct btree_leaf *leaf = it->pos.leaf;
    const void *element = btree_item(it->pos);
    it->pos = it->reverse ? btree_prev(it->order, it->pos) : btree_next(it->pos);
    if (it->pos.leaf != leaf) {
        prefetch_from(it, it->left < AHEAD ? it->left : AHEAD);
    } else if (it->left >= AHEAD) {
        size_t slot = it->reverse ? (size_t)it->pos.slot - (AHEAD - 1) : it->pos.slot + (size_t)(AHEAD - 1);
        if (slot < leaf->count) __builtin_prefetch(btree_leaf_items(it->pos.leaf)[slot]);
    }
    it->member = element_member(element);
    it->score = element_score(element);
    return true;
}

struct scan {
    zset_scan_fn *fn;
    void *ctx;
};

static void scan_element(void *ctx, void *element) {
    struct scan *s = ctx;
    s->fn(s->ctx, element_member(element), element_score(element));
}

uint64_t zset_scan(const struct zset *z, uint64_t cursor, zset_scan_fn *fn, void *ctx) {
    assert_that(z->encoding == ZSET_TREE);
    struct scan s = {fn, ctx};
    return dict_scan(z->tree->members, cursor, scan_element, &s);
}

/* --- building --- */

void zset_build_begin(struct zset_build *b, size_t expected) {
    *b = (struct zset_build){.tree = ztree_new(expected)};
}

static void remember(struct zset_build *b, void *element) {
    if (b->n == b->cap) {
        size_t cap = b->cap ? b->cap * 2 : 16;
        b->added = mem_resize(b->added, b->cap * sizeof *b->added, cap * sizeof *b->added);
        b->cap = cap;
    }
    b->added[b->n++] = element;
}

bool zset_build_add(struct zset_build *b, slice member, double score, double *old) {
    struct dict *members = b->tree->members;
    uint64_t h = dict_hash(members, member);
    const void *element = dict_find_hashed(members, member, h);
    if (element) {
        if (old) *old = element_score(element);
        return false;
    }
    void *added = ztree_new_element(b->tree, member, score);
    dict_insert_hashed(members, added, h);
    remember(b, added);
    return true;
}

void zset_build_set(struct zset_build *b, slice member, double score) {
    void *element = dict_find(b->tree->members, member);
    assert_that(element != NULL);
    element_set_score(element, score);
}

void zset_build_set_last(struct zset_build *b, double score) {
    element_set_score(b->added[b->n - 1], score);
}

void zset_build_drop(struct zset_build *b, slice member) {
    void *element = dict_take(b->tree->members, member);
    if (!element) return;
    ztree_free_element(b->tree, element);
    b->dropped = true;
}

struct ranked {
    uint64_t key;
    void *element;
};
struct ranking {
    struct ranked *at;
    size_t n;
};

static void add_ranked(void *ctx, void *element) {
    struct ranking *r = ctx;
    r->at[r->n++] = (struct ranked){btree_key_of_double(element_score(element)), element};
}

static int by_rank(const void *a, const void *b) {
    const struct ranked *x = a, *y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return slice_cmp(element_member(x->element), element_member(y->element));
}

static void rank_all(const struct zset_build *b, struct ranking *r) {
    if (b->dropped) {
        dict_each(b->tree->members, add_ranked, r);
    } else {
        for (size_t i = 0; i < b->n; i++) add_ranked(r, b->added[i]);
    }
}

/* In order, either way, already? Sets that were saved come from the last to the first. */
static bool is_sorted(const struct ranking *r, bool reverse) {
    for (size_t i = 1; i < r->n; i++)
        if ((by_rank(&r->at[i - 1], &r->at[i]) > 0) != reverse) return false;
    return true;
}

/* Sorted first: what is appended in order leaves full leaves, and is faster than to search a place for each. */
struct zset zset_build_end(struct zset_build *b, bool pack) {
    struct zset_tree *t = b->tree;
    size_t n = dict_size(t->members);
    struct ranking r = {.at = mem_alloc(n * sizeof *r.at)};
    rank_all(b, &r);
    bool reverse = n > 1 && is_sorted(&r, true);
    if (!reverse && !is_sorted(&r, false)) qsort(r.at, n, sizeof *r.at, by_rank);
    for (size_t i = 0; i < n; i++) {
        const struct ranked *next = &r.at[reverse ? n - 1 - i : i];
        btree_insert(t->order, next->key, next->element);
    }
    mem_free(r.at, n * sizeof *r.at);
    struct zset z = {.encoding = ZSET_TREE, .tree = t};
    mem_free(b->added, b->cap * sizeof *b->added);
    if (pack) zset_to_listpack(&z);
    return z;
}

void zset_build_free(struct zset_build *b) {
    ztree_free(b->tree);
    mem_free(b->added, b->cap * sizeof *b->added);
}

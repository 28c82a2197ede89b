/* Sorted sets from the inside: the two forms. Only keyspace/zset*.c include this header.
 *
 * An element of a tree is one block: the score (8 bytes), the member's length (varint), the member. Its score changes in
 * place; tree and dict hold its address. */
#ifndef TANDEM_KEYSPACE_ZSET_INTERNAL_H
#define TANDEM_KEYSPACE_ZSET_INTERNAL_H

#include "base/dict.h"
#include "keyspace/varint.h"
#include "keyspace/zset.h"

struct zset_tree {
    struct dict *members;
    struct btree *order;
    size_t element_bytes; /* of all elements, with their classes' slack */
};

static inline double element_score(const void *element) {
    double score;
    memcpy(&score, element, sizeof score);
    return score;
}
static inline void element_set_score(void *element, double score) {
    memcpy(element, &score, sizeof score);
}
static inline slice element_member(const void *element) {
    size_t n;
    const uint8_t *p = varint_read((const uint8_t *)element + sizeof(double), &n);
    return (slice){(const char *)p, n};
}

/* --- listpack (zset_listpack.c) --- */
double zlp_score(lp_pos at); /* of the element whose member is at `at` */
lp_pos zlp_find(const uint8_t *lp, slice member);
uint8_t *zlp_insert(uint8_t *lp, slice member, double score); /* in its place; it must not be there */
uint8_t *zlp_append(uint8_t *lp, slice member, double score);
bool zlp_may_take(uint8_t *lp, slice member); /* by the settings */
size_t zlp_rank(const uint8_t *lp, slice member);
struct zset_span zlp_score_span(const uint8_t *lp, const struct zset_score_range *r);
struct zset_span zlp_lex_span(const uint8_t *lp, const struct zset_lex_range *r);

/* --- tree (zset_tree.c) --- */
struct zset_tree *ztree_new(size_t expected);
void ztree_free(struct zset_tree *t);
bool ztree_free_some(struct zset_tree *t, size_t n);
struct zset_tree *ztree_copy(const struct zset_tree *t);
size_t ztree_bytes(const struct zset_tree *t);
/* One that follows all others in order: cheap. */
void ztree_append(struct zset_tree *t, slice member, double score);
enum zset_put_result ztree_put(struct zset_tree *t, slice member, double score, unsigned flags, double *now);
bool ztree_remove(struct zset_tree *t, slice member);
void ztree_remove_span(struct zset_tree *t, struct zset_span span);
void *ztree_new_element(struct zset_tree *t, slice member, double score);
void ztree_free_element(struct zset_tree *t, void *element);

/* Whether the member is behind the lower bound, and before the upper one. */
bool lex_above_min(slice member, const struct zset_lex_bound *min);
bool lex_below_max(slice member, const struct zset_lex_bound *max);
static inline bool score_above_min(double score, const struct zset_score_range *r) {
    return r->min_open ? score > r->min : score >= r->min;
}
static inline bool score_below_max(double score, const struct zset_score_range *r) {
    return r->max_open ? score < r->max : score <= r->max;
}
/* What ZADD's conditions make of an element that has `old`: *score becomes the new one when ZSET_UPDATED. */
enum zset_put_result zset_judge(double old, double *score, unsigned flags);

#endif

/* Sorted sets: members, each once, in the order of their scores; members of equal score in the order of their bytes.
 *
 * Two forms, under the names that OBJECT ENCODING has for them:
 *   "listpack"  few and short members: a listpack of member, score, member, score, in order;
 *   "skiplist"  all others: a counted B+ tree by (score, member) and a dict by member, over the same elements, each one
 *               packed allocation of score and member.
 * A change may turn the first form into the second (zset_config says when), never back.
 *
 * A struct zset is a view: what stands in an entry, on the stack. Functions that change the set may change the view; who
 * took it from an entry puts it back (zset_store) before anybody else looks. Scores are never nan. */
#ifndef TANDEM_KEYSPACE_ZSET_H
#define TANDEM_KEYSPACE_ZSET_H

#include "base/btree.h"
#include "base/listpack.h"
#include "keyspace/db.h"

#define ZSET_SCORE_BYTES 40 /* room for any score's text */

enum zset_encoding { ZSET_LISTPACK, ZSET_TREE };

struct zset_tree;

struct zset {
    enum zset_encoding encoding;
    union {
        uint8_t *lp;
        struct zset_tree *tree;
        void *ptr;
    };
};

/* Settings; server/config's rows point here. */
struct zset_config {
    size_t listpack_entries; /* zset-max-listpack-entries: more members don't stay a listpack */
    uint64_t listpack_value; /* zset-max-listpack-value: nor does a longer member */
};
extern struct zset_config zset_config;

extern const struct value_type_ops zset_value_ops;

struct zset zset_new(slice first); /* empty; in the form that its first member asks for */
void zset_free(struct zset *z);
static inline struct zset zset_of(const struct entry *e) {
    return (struct zset){.encoding = (enum zset_encoding)entry_encoding(e), .ptr = entry_ptr(e)};
}
static inline void zset_store(struct entry *e, const struct zset *z) {
    /* The same address need not be the same block: one that was freed on the way may have come back as another form. */
    if (entry_ptr(e) != z->ptr || entry_encoding(e) != z->encoding) entry_set_ptr(e, z->encoding, z->ptr);
}
static inline struct value zset_value(const struct zset *z) { /* for db_set: ownership passes */
    return (struct value){.type = TYPE_ZSET, .encoding = (uint8_t)z->encoding, .ptr = z->ptr};
}
bool zset_to_listpack(struct zset *z); /* when the settings allow it; false: it stayed a tree */
void zset_to_tree(struct zset *z);

size_t zset_count(const struct zset *z);
bool zset_score(const struct zset *z, slice member, double *score);
/* How many members stand before it (behind it: reverse); SIZE_MAX when it is not there. */
size_t zset_rank(const struct zset *z, slice member, bool reverse);

/* A score as a listpack holds it, and ZSCAN tells it from there. */
size_t zset_packed_score(char text[ZSET_SCORE_BYTES], double score);

/* --- changing --- */

enum {                /* conditions and meaning of zset_put, as ZADD's options */
       ZPUT_NX = 1,   /* only add */
       ZPUT_XX = 2,   /* only update */
       ZPUT_GT = 4,   /* update only to a greater score */
       ZPUT_LT = 8,   /* update only to a lower score */
       ZPUT_INCR = 16 /* the score is added to the old one */
};
enum zset_put_result {
    ZSET_REFUSED, /* by a condition */
    ZSET_SAME,    /* it had that score */
    ZSET_ADDED,
    ZSET_UPDATED,
    ZSET_NAN /* the sum is no number: nothing changed */
};
/* *now (may be NULL) becomes the member's score, unless refused or nan. */
enum zset_put_result zset_put(struct zset *z, slice member, double score, unsigned flags, double *now);
bool zset_remove(struct zset *z, slice member);

/* --- ranges: a run of ranks [from, to); empty when from == to --- */

struct zset_span {
    size_t from, to;
};
struct zset_score_range {
    double min, max;
    bool min_open, max_open; /* exclusive */
};
struct zset_lex_bound {
    int infinite; /* -1: before all, 1: behind all, 0: the member */
    bool open;
    slice member;
};
struct zset_lex_range {
    struct zset_lex_bound min, max;
};
/* start and stop as ZRANGE has them: inclusive, negative ones count from the end. */
struct zset_span zset_rank_span(size_t count, int64_t start, int64_t stop);
struct zset_span zset_score_span(const struct zset *z, const struct zset_score_range *r);
/* For a set whose scores are all the same. */
struct zset_span zset_lex_span(const struct zset *z, const struct zset_lex_range *r);
void zset_remove_span(struct zset *z, struct zset_span span);

/* --- walking; the set must not change meanwhile --- */

struct zset_iter {
    slice member; /* the element that zset_next went to; the bytes are valid until the next call */
    double score;
    /* private */
    size_t left;
    bool reverse;
    const uint8_t *lp; /* NULL: a tree */
    lp_pos at;         /* the next element */
    const struct btree *order;
    struct btree_pos pos; /* the next element */
    char digits[LP_INT_BYTES];
};
void zset_walk(struct zset_iter *it, const struct zset *z, struct zset_span span, bool reverse);
bool zset_next(struct zset_iter *it);
static inline struct zset_span zset_all(const struct zset *z) {
    return (struct zset_span){0, zset_count(z)};
}

/* As dict_scan, through a tree; the members' bytes stay until the set changes. (A listpack is walked whole instead.) */
typedef void zset_scan_fn(void *ctx, slice member, double score);
uint64_t zset_scan(const struct zset *z, uint64_t cursor, zset_scan_fn *fn, void *ctx);

/* --- building one from members in any order, whose scores may change on the way --- */

/* A tree that nobody sees yet: members can be found, but have no ranks before zset_build_end. */
struct zset_build {
    struct zset_tree *tree;
    void **added; /* the elements in the order in which they came, dropped ones included */
    size_t n, cap;
    bool dropped; /* some were: `added` is not to be read any more */
};
void zset_build_begin(struct zset_build *b, size_t expected);
/* Adds the member with this score, or (false) tells the score that it has, unchanged. */
bool zset_build_add(struct zset_build *b, slice member, double score, double *old);
void zset_build_set(struct zset_build *b, slice member, double score); /* it was added */
void zset_build_set_last(struct zset_build *b, double score);          /* of the member that was added last */
void zset_build_drop(struct zset_build *b, slice member);              /* if it is there */
/* The set, as a listpack when that is asked for and it is small enough. The builder is used up. */
struct zset zset_build_end(struct zset_build *b, bool pack);
void zset_build_free(struct zset_build *b); /* instead of zset_build_end */

#endif

/* Sorted sets in RDB:
 *
 *   type  what
 *   3     length n; n times: string member, score as text (a length byte and so many digits; 253 nan, 254 inf, 255 -inf)
 *   5     length n; n times: string member, score as 8 bytes, little-endian
 *   12    a string that holds a ziplist of member, score, member, score, in order
 *   17    the same with a listpack
 *
 * 5 and 17 are written; the elements of 5 from the last to the first, as Redis does. Loading trusts nothing: a member
 * that occurs twice, a score that is no number or an odd count is refused. An order that is wrong is not: it
 * harms nobody, and Redis takes it too.
 *
 * What 3 and 5 carry becomes a listpack where it is small enough, unless a score is -0: a listpack would make it 0, as it
 * does in Redis, and the data set would no longer be the one that was saved (DEBUG DIGEST tells -0 from 0). */
#include "keyspace/zset.h"
#include "rdb/codec.h"
#include "rdb/ziplist.h"

#include <math.h>

#define ELEMENT_BYTES_MIN 2 /* an empty member and an infinite score of type 3 */

enum { SCORE_NAN = 253, SCORE_INF = 254, SCORE_MINUS_INF = 255 };

/* --- saving --- */

static uint8_t zset_rdb_type(const struct entry *e) {
    return entry_encoding(e) == ZSET_LISTPACK ? RDB_TYPE_ZSET_LISTPACK : RDB_TYPE_ZSET_2;
}

static bool save_zset(struct rdb_writer *w, const struct entry *e) {
    struct zset z = zset_of(e);
    if (z.encoding == ZSET_LISTPACK) return rdb_put_string(w, (slice){(const char *)z.lp, lp_bytes(z.lp)});
    struct zset_iter it;
    bool ok = rdb_put_len(w, zset_count(&z));
    zset_walk(&it, &z, zset_all(&z), true);
    while (ok && zset_next(&it)) {
        uint64_t bits;
        memcpy(&bits, &it.score, sizeof bits);
        ok = rdb_put_string(w, it.member) && rdb_put_u64le(w, bits);
    }
    return ok;
}

const struct rdb_codec rdb_zset_codec = {zset_rdb_type, save_zset};

/* --- loading --- */

static bool get_text_score(struct rdb_reader *r, double *score) {
    uint8_t n;
    if (!rdb_get_u8(r, &n)) return false;
    if (n == SCORE_INF || n == SCORE_MINUS_INF) {
        *score = n == SCORE_INF ? INFINITY : -INFINITY;
        return true;
    }
    char text[256];
    if (n == SCORE_NAN) return rdb_reader_fail(r, "a score that is not a number");
    if (!rdb_read(r, text, n)) return false;
    return num_parse_double((slice){text, n}, score) || rdb_reader_fail(r, "a score that is not a number");
}

static bool get_binary_score(struct rdb_reader *r, double *score) {
    uint64_t bits;
    if (!rdb_get_u64le(r, &bits)) return false;
    memcpy(score, &bits, sizeof bits);
    return !isnan(*score) || rdb_reader_fail(r, "a score that is not a number");
}

static bool load_elements(struct rdb_reader *r, uint8_t type, uint64_t n, struct zset_build *b,
                          bool *minus_zero, sds *hold) {
    *minus_zero = false;
    for (; n > 0; n--) {
        slice member;
        double score;
        if (!rdb_get_string(r, &member, hold)) return false;
        if (!zset_build_add(b, member, 0, NULL))
            return rdb_reader_fail(r, "a sorted set with a member that occurs twice");
        /* The score may move the member's bytes away: the builder remembers its last element. */
        if (!(type == RDB_TYPE_ZSET ? get_text_score : get_binary_score)(r, &score)) return false;
        zset_build_set_last(b, score);
        *minus_zero |= score == 0 && signbit(score);
    }
    return true;
}

static bool load_tree(struct rdb_reader *r, uint8_t type, struct zset *z, sds *hold) {
    uint64_t n;
    if (!rdb_get_len(r, &n)) return false;
    if (n == 0) return rdb_empty_value(r);
    struct zset_build b;
    bool minus_zero;
    zset_build_begin(&b, rdb_room_for(r, n, ELEMENT_BYTES_MIN));
    if (!load_elements(r, type, n, &b, &minus_zero, hold)) {
        zset_build_free(&b);
        return false;
    }
    *z = zset_build_end(&b, !minus_zero);
    return true;
}

/* Of a listpack of pairs. */
static bool scores_are_numbers(const uint8_t *lp) {
    for (lp_pos at = lp_first(lp); at; at = lp_next(at)) {
        double score;
        at = lp_next(at);
        struct lp_value v = lp_get(at);
        if (v.text.p && !num_parse_double(v.text, &score)) return false;
    }
    return true;
}

static bool load_packed(struct rdb_reader *r, uint8_t type, struct zset *z, sds *hold) {
    slice bytes;
    if (!rdb_get_string(r, &bytes, hold)) return false;
    uint8_t *lp = (type == RDB_TYPE_ZSET_ZIPLIST ? ziplist_to_listpack : lp_from_outside)(bytes);
    size_t n = lp ? lp_length(lp) : 0;
    bool ok = lp && n % 2 == 0 && scores_are_numbers(lp) && lp_distinct(lp, 2);
    if (!ok || n == 0) {
        lp_free(lp);
        return ok ? rdb_empty_value(r) : rdb_reader_fail(r, "a sorted set whose packed form is damaged");
    }
    *z = (struct zset){.encoding = ZSET_LISTPACK, .lp = lp};
    if (n / 2 > zset_config.listpack_entries) zset_to_tree(z);
    return true;
}

bool rdb_load_zset_value(struct rdb_reader *r, uint8_t type, struct value *v, sds *hold) {
    struct zset z;
    bool packed = type == RDB_TYPE_ZSET_ZIPLIST || type == RDB_TYPE_ZSET_LISTPACK;
    if (!(packed ? load_packed : load_tree)(r, type, &z, hold)) return false;
    *v = zset_value(&z);
    return true;
}

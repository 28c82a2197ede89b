/* Small sorted sets: a listpack of member, score, member, score, in ascending order, byte for byte as Redis's.
 *
 * All searching is from the front: sets in this form are short. Whole scores are stored as integers (so -0 becomes 0),
 * others as texts of up to 17 digits. Growing beyond the settings is refused here (zlp_may_take), not prevented. */
#include "keyspace/zset_internal.h"

#include "base/assert.h"

double zlp_score(lp_pos at) {
    struct lp_value v = lp_get(lp_next(at));
    double score;
    if (v.text.p == NULL) return (double)v.integer;
    assert_that(num_parse_double(v.text, &score));
    return score;
}

lp_pos zlp_find(const uint8_t *lp, slice member) {
    return lp_find(lp_first(lp), member, 1);
}

bool zlp_may_take(uint8_t *lp, slice member) {
    return lp_length(lp) / 2 + 1 <= zset_config.listpack_entries && member.n <= zset_config.listpack_value &&
           lp_may_grow(lp, member.n + ZSET_SCORE_BYTES);
}

size_t zset_packed_score(char text[ZSET_SCORE_BYTES], double score) {
    double most = (double)(INT64_MAX / 2);
    if (score >= -most && score <= most && score == (double)(int64_t)score)
        return num_format_i64(text, (int64_t)score);
    return num_format_double(text, ZSET_SCORE_BYTES, score);
}

uint8_t *zlp_append(uint8_t *lp, slice member, double score) {
    char text[ZSET_SCORE_BYTES];
    slice pair[2] = {member, {text, zset_packed_score(text, score)}};
    return lp_append_many(lp, pair, 2);
}

static lp_pos next_element(lp_pos at) {
    return lp_next(lp_next(at));
}

uint8_t *zlp_insert(uint8_t *lp, slice member, double score) {
    char text[ZSET_SCORE_BYTES], digits[LP_INT_BYTES];
    lp_pos at = lp_first(lp);
    for (; at; at = next_element(at)) {
        double other = zlp_score(at);
        if (other > score || (other == score && slice_cmp(lp_text(at, digits), member) > 0)) break;
    }
    if (!at) return zlp_append(lp, member, score);
    lp = lp_insert(lp, &at, member);
    at = lp_next(at);
    size_t n = zset_packed_score(text, score);
    return lp_insert(lp, &at, (slice){text, n});
}

size_t zlp_rank(const uint8_t *lp, slice member) {
    size_t rank = 0;
    for (lp_pos at = lp_first(lp); at; at = next_element(at), rank++)
        if (lp_equals(at, member)) return rank;
    return SIZE_MAX;
}

struct zset_span zlp_score_span(const uint8_t *lp, const struct zset_score_range *r) {
    size_t rank = 0;
    lp_pos at = lp_first(lp);
    while (at && !score_above_min(zlp_score(at), r)) at = next_element(at), rank++;
    struct zset_span span = {rank, rank};
    for (; at && score_below_max(zlp_score(at), r); at = next_element(at)) span.to++;
    return span;
}

/* Where scores differ the order of members is not that of the set. Then, as in the reference: nothing when the ends of the set
 * are outside; else from the first that is above the minimum while they are below the maximum. */
struct zset_span zlp_lex_span(const uint8_t *lp, const struct zset_lex_range *r) {
    char digits[LP_INT_BYTES];
    size_t rank = 0;
    lp_pos at = lp_first(lp), last = lp_last(lp);
    if (!at || !lex_above_min(lp_text(lp_prev(lp, last), digits), &r->min) ||
        !lex_below_max(lp_text(at, digits), &r->max))
        return (struct zset_span){0, 0};
    while (at && !lex_above_min(lp_text(at, digits), &r->min)) at = next_element(at), rank++;
    struct zset_span span = {rank, rank};
    for (; at && lex_below_max(lp_text(at, digits), &r->max); at = next_element(at)) span.to++;
    return span;
}

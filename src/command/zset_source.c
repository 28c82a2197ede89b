/* Sources of unions, intersections and differences: see zset_source.h. */
#include "command/zset_source.h"

bool zset_source_of(struct zset_source *s, const struct entry *e) {
    *s = (struct zset_source){.weight = 1};
    if (!e) return true;
    if (entry_type(e) != TYPE_ZSET) return false;
    s->z = zset_of(e);
    s->size = zset_count(&s->z);
    return true;
}

bool zset_source_find(const struct zset_source *s, slice member, double *score) {
    return s->size > 0 && zset_score(&s->z, member, score);
}

void zset_source_walk(struct zset_source_iter *it, const struct zset_source *s) {
    zset_walk(&it->z, &s->z, (struct zset_span){0, s->size}, false);
}

bool zset_source_next(struct zset_source_iter *it) {
    if (!zset_next(&it->z)) return false;
    it->member = it->z.member;
    it->score = it->z.score;
    return true;
}

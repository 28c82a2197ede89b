/* Sources of unions, intersections and differences: see zset_source.h. */
#include "command/zset_source.h"

bool zset_source_of(struct zset_source *s, const struct entry *e) {
    *s = (struct zset_source){.weight = 1};
    if (!e) return true;
    if (entry_type(e) == TYPE_SET) {
        s->is_set = true;
        s->set = set_of(e);
        s->size = set_count(s->set);
        return true;
    }
    if (entry_type(e) != TYPE_ZSET) return false;
    s->z = zset_of(e);
    s->size = zset_count(&s->z);
    return true;
}

bool zset_source_find(const struct zset_source *s, slice member, double *score) {
    if (s->size == 0) return false;
    if (!s->is_set) return zset_score(&s->z, member, score);
    *score = 1;
    return set_has(s->set, member);
}

struct member_call {
    zset_source_fn *fn;
    void *ctx;
};

static bool call_with_one(void *ctx, slice member) {
    const struct member_call *m = ctx;
    return m->fn(m->ctx, member, 1);
}

void zset_source_each(const struct zset_source *s, zset_source_fn *fn, void *ctx) {
    if (s->size == 0) return;
    if (s->is_set) {
        struct member_call m = {fn, ctx};
        set_each_while(s->set, call_with_one, &m);
        return;
    }
    struct zset_iter it;
    zset_walk(&it, &s->z, zset_all(&s->z), false);
    while (zset_next(&it) && fn(ctx, it.member, it.score)) {}
}

/* What ZUNION and its kind read: sorted sets, and plain sets whose members all score 1. */
#ifndef TANDEM_COMMAND_ZSET_SOURCE_H
#define TANDEM_COMMAND_ZSET_SOURCE_H

#include "keyspace/zset.h"

struct zset_source {
    size_t size; /* 0 for a missing key, which is empty */
    double weight;
    struct zset z;
};
struct zset_source_iter {
    slice member; /* valid until the next call */
    double score;
    struct zset_iter z;
};

/* e may be NULL. False when it is of a type that is no source. The weight becomes 1. */
bool zset_source_of(struct zset_source *s, const struct entry *e);
bool zset_source_find(const struct zset_source *s, slice member, double *score);
void zset_source_walk(struct zset_source_iter *it, const struct zset_source *s);
bool zset_source_next(struct zset_source_iter *it);

#endif

/* What ZUNION and its kind read: sorted sets, and plain sets whose members all score 1. */
#ifndef TANDEM_COMMAND_ZSET_SOURCE_H
#define TANDEM_COMMAND_ZSET_SOURCE_H

#include "keyspace/set.h"
#include "keyspace/zset.h"

struct zset_source {
    size_t size; /* 0 for a missing key, which is empty */
    double weight;
    bool is_set;
    union {
        struct zset z;
        struct set set;
    };
};

/* e may be NULL. False when it is of a type that is no source. The weight becomes 1. */
bool zset_source_of(struct zset_source *s, const struct entry *e);
bool zset_source_find(const struct zset_source *s, slice member, double *score);
/* Until fn returns false. The member is valid during the call. */
typedef bool zset_source_fn(void *ctx, slice member, double score);
void zset_source_each(const struct zset_source *s, zset_source_fn *fn, void *ctx);

#endif

/* Eviction: which key goes when memory is short, and its going. How much memory is too much, and when to stop, is for the caller
 * (server/memory_limit.h) to know; this room knows no client.
 *
 * LRU and LFU are approximated by sampling, as in Redis: each eviction looks at maxmemory-samples keys or a few more, and
 * the best candidates met so far wait in a pool, from which the best of all goes, unless it was used meanwhile. volatile-ttl needs no
 * luck: the expiry index tells what ends next. The random policies draw evenly over all databases. */
#ifndef TANDEM_KEYSPACE_EVICT_H
#define TANDEM_KEYSPACE_EVICT_H

#include <stdbool.h>
#include <stddef.h>

enum evict_policy { /* maxmemory-policy */
                    POLICY_NOEVICTION,
                    POLICY_VOLATILE_LRU,
                    POLICY_VOLATILE_LFU,
                    POLICY_VOLATILE_RANDOM,
                    POLICY_VOLATILE_TTL,
                    POLICY_ALLKEYS_LRU,
                    POLICY_ALLKEYS_LFU,
                    POLICY_ALLKEYS_RANDOM
};

struct evict_config {
    int policy; /* enum evict_policy; evict_policy_changed after writing it */
    int samples;
};
extern struct evict_config evict_config;

void evict_policy_changed(void); /* sets ks_config.lru and .lfu, forgets candidates of another policy */
/* One key leaves, after hooks.evicted (one that has expired: as expired). False: there is none that the policy lets go.
 * A large value is queued for ks_lazy_free_us, so its memory comes back only there. */
bool evict_one(void);
/* What growing tables hold twice until they have grown: nothing to evict for. */
size_t evict_spare_bytes(void);

#endif

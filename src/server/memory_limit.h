/* maxmemory: is there room, and if not, making it. Which key goes is keyspace/evict.h's matter.
 *
 * Before each command dispatch asks memory_limited, one flag, and only if it is set calls memory_make_room, which evicts for at
 * most the time that maxmemory-eviction-tenacity gives, then leaves the rest to a timer and the next commands, so that no
 * client waits for all of it. What waits to be freed anyway (lazy.h) is freed before another key has to go.
 *
 * Memory of the log beyond repl-backlog-size does not count: it is there because a replica or the AOF lags, and evicting for it
 * would append deletions to it, which makes it longer. Nor does the second table of a key space that is being rehashed. */
#ifndef TANDEM_SERVER_MEMORY_LIMIT_H
#define TANDEM_SERVER_MEMORY_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

struct memory_limit_config { /* server/config's rows point here */
    uint64_t max_bytes;      /* maxmemory; 0: none */
    int tenacity;            /* maxmemory-eviction-tenacity, 0 to 100 */
    bool replica_ignores;    /* replica-ignore-maxmemory */
    uint64_t clients_bytes;  /* maxmemory-clients, 0: none; */
    int clients_percent;     /* or this part of maxmemory */
    bool lazily;             /* lazyfree-lazy-eviction: say UNLINK, not DEL. We free in slices anyway. */
};
extern struct memory_limit_config memory_limit_config;

extern bool memory_limited; /* maxmemory is set */
enum memory_room {
    MEMORY_OK,   /* within the limit, or nobody may evict now */
    MEMORY_BUSY, /* above it, and eviction goes on */
    MEMORY_FULL  /* above it, and nothing can be evicted */
};
enum memory_room memory_make_room(void);

void memory_limit_start(void);   /* settings are known, the loop is there */
void memory_limit_changed(void); /* CONFIG SET maxmemory: evicts at once, not first with the next command */
void memory_clients_limit_changed(void); /* CONFIG SET maxmemory-clients */
uint64_t memory_not_counted_bytes(void);
/* How long memory was above the limit: all in all, and in the period that lasts. */
uint64_t memory_exceeded_us(void), memory_exceeded_now_us(void);
void memory_limit_stats_reset(void);

#endif

/* What memory is held for: the figures behind INFO memory, MEMORY STATS and MEMORY DOCTOR, so that they agree. In bytes. */
#ifndef TANDEM_SERVER_MEMORY_H
#define TANDEM_SERVER_MEMORY_H

#include <stdint.h>

struct memory_figures {
    uint64_t used, peak, startup; /* blocks of the allocator: now, at most so far, before there was data */
    uint64_t reserved;            /* held from the system for blocks, used or not */
    uint64_t rss;                 /* the process, as the system counts */
    uint64_t log; /* of replication, in all: parts of it are in the next and in clients_replicas */
    uint64_t backlog, clients_normal, clients_replicas;
    uint64_t tables;   /* of all databases: by key and by expire time */
    uint64_t overhead; /* startup and all above that is not data */
    uint64_t dataset;  /* the rest */
    uint64_t keys;
    int n_clients, n_replicas;
};
void memory_figures(struct memory_figures *f);

/* of / to, 0 when there is nothing to divide by. */
double memory_ratio(uint64_t of, uint64_t to);
double memory_dataset_percent(const struct memory_figures *f); /* of what came after the start */

#endif

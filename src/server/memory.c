/* What memory is held for: see memory.h. Counting clients walks over all of them. */
#include "server/memory.h"

#include "base/alloc.h"
#include "client/client.h"
#include "keyspace/db.h"
#include "repl/repl.h"
#include "server/server.h"

static void count_clients(struct memory_figures *f) {
    for (struct client *c = client_first(); c; c = c->next) {
        bool replica = client_class(c) == CLASS_REPLICA;
        size_t of_the_log = client_extra_output ? client_extra_output(c) : 0; /* is no client's own */
        *(replica ? &f->clients_replicas : &f->clients_normal) += client_memory(c) - of_the_log;
        ++*(replica ? &f->n_replicas : &f->n_clients);
    }
}

/* The log is one for all. What it holds beyond its size, it holds for replicas that lag. */
static void count_log(struct memory_figures *f) {
    uint64_t size = backlog_size();
    f->log = f->backlog = backlog_memory_bytes();
    if (!f->n_replicas || f->log <= size) return;
    f->backlog = size;
    f->clients_replicas += f->log - size;
}

void memory_figures(struct memory_figures *f) {
    struct mem_stats m = mem_stats();
    *f = (struct memory_figures){.used = m.used_bytes,
                                 .peak = m.peak_bytes > m.used_bytes ? m.peak_bytes : m.used_bytes,
                                 .startup = server_stats.startup_memory_bytes,
                                 .reserved = m.reserved_bytes,
                                 .rss = mem_resident_bytes(),
                                 .keys = ks_keys()};
    count_clients(f);
    count_log(f);
    for (int i = 0; i < ks_count(); i++) f->tables += db_table_bytes(ks_db(i)) + db_expiry_bytes(ks_db(i));
    f->overhead = f->startup + f->backlog + f->clients_normal + f->clients_replicas + f->tables;
    f->dataset = f->used > f->overhead ? f->used - f->overhead : 0;
}

double memory_ratio(uint64_t of, uint64_t to) {
    return to ? (double)of / (double)to : 0.0;
}

double memory_dataset_percent(const struct memory_figures *f) {
    return f->used > f->startup ? 100.0 * memory_ratio(f->dataset, f->used - f->startup) : 0.0;
}

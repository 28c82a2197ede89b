/* INFO memory: what the allocator holds and what it is held for. */
#include "server/info_sections.h"

#include <unistd.h>

#include "base/alloc.h"
#include "base/num.h"
#include "client/client.h"
#include "keyspace/db.h"
#include "repl/repl.h"
#include "server/config.h"
#include "server/server.h"

typedef unsigned long long ull;

static sds size_field(sds out, const char *name, uint64_t bytes) {
    return sds_cat_printf(out, "%s:%llu\r\n", name, (ull)bytes);
}

static sds sizes(sds out, const char *name, uint64_t bytes) {
    char human[64];
    size_t n = num_format_bytes_human(human, sizeof human, bytes);
    return sds_cat_printf(out, "%s:%llu\r\n%s_human:%.*s\r\n", name, (ull)bytes, name, (int)n, human);
}

static sds ratio(sds out, const char *name, const char *what, uint64_t of, uint64_t to) {
    return sds_cat_printf(out, "%s_%s:%.2f\r\n%s_bytes:%lld\r\n", name, what,
                          to ? (double)of / (double)to : 0.0, name, (long long)of - (long long)to);
}

struct client_bytes {
    uint64_t normal, replicas;
};

static struct client_bytes count_clients(void) {
    struct client_bytes b = {0};
    for (struct client *c = client_first(); c; c = c->next) {
        *(client_class(c) == CLASS_REPLICA ? &b.replicas : &b.normal) += client_memory(c);
    }
    return b;
}

static uint64_t table_bytes(void) {
    uint64_t sum = 0;
    for (int i = 0; i < ks_count(); i++) sum += db_table_bytes(ks_db(i));
    return sum;
}

sds info_memory(sds out) {
    struct mem_stats m = mem_stats();
    struct client_bytes clients = count_clients();
    uint64_t rss = mem_resident_bytes(), backlog = backlog_memory_bytes();
    uint64_t peak = m.peak_bytes > m.used_bytes ? m.peak_bytes : m.used_bytes;
    uint64_t overhead = server_stats.startup_memory_bytes + backlog + clients.normal + clients.replicas +
                        table_bytes();
    uint64_t dataset = m.used_bytes > overhead ? m.used_bytes - overhead : 0;
    uint64_t beyond_start = m.used_bytes > server_stats.startup_memory_bytes
                                ? m.used_bytes - server_stats.startup_memory_bytes
                                : 0;
    uint64_t system = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);

    out = sizes(out, "used_memory", m.used_bytes);
    out = sizes(out, "used_memory_rss", rss);
    out = sizes(out, "used_memory_peak", peak);
    out = sds_cat_printf(out, "used_memory_peak_perc:%.2f%%\r\n",
                         100.0 * (double)m.used_bytes / (double)(peak ? peak : 1));
    out = size_field(out, "used_memory_overhead", overhead);
    out = size_field(out, "used_memory_startup", server_stats.startup_memory_bytes);
    out = size_field(out, "used_memory_dataset", dataset);
    out = sds_cat_printf(out, "used_memory_dataset_perc:%.2f%%\r\n",
                         beyond_start ? 100.0 * (double)dataset / (double)beyond_start : 0.0);
    out = size_field(out, "allocator_allocated", m.used_bytes);
    out = size_field(out, "allocator_active", m.reserved_bytes);
    out = size_field(out, "allocator_resident", m.reserved_bytes);
    out = sizes(out, "total_system_memory", system);
    out = sizes(out, "maxmemory", 0);
    slice policy = SLICE("maxmemory-policy");
    out = sds_cat_str(out, "maxmemory_policy:");
    out = config_value(policy, out);
    out = sds_cat_str(out, "\r\n");
    out = ratio(out, "allocator_frag", "ratio", m.reserved_bytes, m.used_bytes);
    out = ratio(out, "rss_overhead", "ratio", rss, m.reserved_bytes);
    out = ratio(out, "mem_fragmentation", "ratio", rss, m.used_bytes);
    out = size_field(out, "mem_not_counted_for_evict", 0);
    out = size_field(out, "mem_replication_backlog", backlog);
    out = size_field(out, "mem_total_replication_buffers", backlog);
    out = size_field(out, "mem_clients_slaves", clients.replicas);
    out = size_field(out, "mem_clients_normal", clients.normal);
    out = sds_cat_str(out, "mem_cluster_links:0\r\nmem_aof_buffer:0\r\nmem_allocator:tandem\r\n"
                           "active_defrag_running:0\r\n");
    out = size_field(out, "lazyfree_pending_objects", ks_lazy_pending());
    return size_field(out, "lazyfreed_objects", ks_lazy_freed());
}

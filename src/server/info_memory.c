/* INFO memory: what the allocator holds and what it is held for. */
#include "server/info_sections.h"

#include <unistd.h>

#include "base/num.h"
#include "keyspace/db.h"
#include "server/config.h"
#include "server/memory.h"
#include "server/memory_limit.h"

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
    return sds_cat_printf(out, "%s_%s:%.2f\r\n%s_bytes:%lld\r\n", name, what, memory_ratio(of, to), name,
                          (long long)of - (long long)to);
}

/* There is no script engine, so nothing is taken for scripts. */
static const char no_scripts[] =
    "used_memory_lua:0\r\nused_memory_vm_eval:0\r\nused_memory_lua_human:0B\r\nused_memory_scripts_eval:0\r\n"
    "number_of_cached_scripts:0\r\nnumber_of_functions:0\r\nnumber_of_libraries:0\r\n"
    "used_memory_vm_functions:0\r\nused_memory_vm_total:0\r\nused_memory_vm_total_human:0B\r\n"
    "used_memory_functions:0\r\nused_memory_scripts:0\r\nused_memory_scripts_human:0B\r\n";

sds info_memory(sds out) {
    struct memory_figures m;
    memory_figures(&m);
    uint64_t system = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);

    out = sizes(out, "used_memory", m.used);
    out = sizes(out, "used_memory_rss", m.rss);
    out = sizes(out, "used_memory_peak", m.peak);
    out = sds_cat_printf(out, "used_memory_peak_perc:%.2f%%\r\n", 100.0 * memory_ratio(m.used, m.peak));
    out = size_field(out, "used_memory_overhead", m.overhead);
    out = size_field(out, "used_memory_startup", m.startup);
    out = size_field(out, "used_memory_dataset", m.dataset);
    out = sds_cat_printf(out, "used_memory_dataset_perc:%.2f%%\r\n", memory_dataset_percent(&m));
    out = size_field(out, "allocator_allocated", m.used);
    out = size_field(out, "allocator_active", m.reserved);
    out = size_field(out, "allocator_resident", m.reserved);
    out = sizes(out, "total_system_memory", system);
    out = sds_cat_str(out, no_scripts);
    out = sizes(out, "maxmemory", memory_limit_config.max_bytes);
    slice policy = SLICE("maxmemory-policy");
    out = sds_cat_str(out, "maxmemory_policy:");
    out = config_value(policy, out);
    out = sds_cat_str(out, "\r\n");
    out = ratio(out, "allocator_frag", "ratio", m.reserved, m.used);
    out = ratio(out, "allocator_rss", "ratio", m.reserved, m.reserved);
    out = ratio(out, "rss_overhead", "ratio", m.rss, m.reserved);
    out = ratio(out, "mem_fragmentation", "ratio", m.rss, m.used);
    out = size_field(out, "mem_not_counted_for_evict", memory_not_counted_bytes());
    out = size_field(out, "mem_replication_backlog", m.backlog);
    out = size_field(out, "mem_total_replication_buffers", m.log);
    out = size_field(out, "mem_clients_slaves", m.clients_replicas);
    out = size_field(out, "mem_clients_normal", m.clients_normal);
    out = sds_cat_str(out, "mem_cluster_links:0\r\nmem_aof_buffer:0\r\nmem_allocator:tandem\r\n"
                           "active_defrag_running:0\r\n");
    out = size_field(out, "lazyfree_pending_objects", ks_lazy_pending());
    return size_field(out, "lazyfreed_objects", ks_lazy_freed());
}

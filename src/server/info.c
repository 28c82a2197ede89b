/* INFO's table of sections and its selection by name. What a section says is in info_sections.c, info_memory.c and, for
 * command statistics, with whoever registers it. */
#include "server/info.h"

#include "base/assert.h"
#include "server/info_sections.h"

enum { SECTIONS_MAX = 24 };

static struct section {
    const char *name, *title;
    int order;
    enum info_when when;
    info_section_fn *fn;
} sections[SECTIONS_MAX];
static int section_count;

void info_register(const char *name, const char *title, int order, enum info_when when, info_section_fn *fn) {
    assert_that(section_count < SECTIONS_MAX);
    int at = section_count++;
    for (; at > 0 && sections[at - 1].order > order; at--) sections[at] = sections[at - 1];
    sections[at] = (struct section){name, title, order, when, fn};
}

static bool wanted(const struct section *s, const slice *names, int n) {
    if (n == 0) return s->when == INFO_DEFAULT;
    for (int i = 0; i < n; i++) {
        if (slice_is(names[i], s->name) || slice_is(names[i], "everything") || slice_is(names[i], "all"))
            return true;
        if (slice_is(names[i], "default") && s->when == INFO_DEFAULT) return true;
    }
    return false;
}

sds info_build(const slice *names, int n) {
    sds out = sds_empty();
    for (int i = 0; i < section_count; i++) {
        const struct section *s = &sections[i];
        if (!wanted(s, names, n)) continue;
        if (sds_len(out)) out = sds_cat_str(out, "\r\n");
        out = sds_cat_printf(out, "# %s\r\n", s->title);
        out = s->fn(out);
    }
    return out;
}

static sds no_fields(sds out) {
    return out;
}

void info_init(void) {
    info_register("server", "Server", INFO_ORDER_SERVER, INFO_DEFAULT, info_server);
    info_register("clients", "Clients", INFO_ORDER_CLIENTS, INFO_DEFAULT, info_clients);
    info_register("memory", "Memory", INFO_ORDER_MEMORY, INFO_DEFAULT, info_memory);
    info_register("persistence", "Persistence", INFO_ORDER_PERSISTENCE, INFO_DEFAULT, info_persistence);
    info_register("stats", "Stats", INFO_ORDER_STATS, INFO_DEFAULT, info_stats);
    info_register("replication", "Replication", INFO_ORDER_REPLICATION, INFO_DEFAULT, info_replication);
    info_register("resyncs", "Resyncs", INFO_ORDER_REPLICATION + 5, INFO_ALL_ONLY, info_resyncs);
    info_register("cpu", "CPU", INFO_ORDER_CPU, INFO_DEFAULT, info_cpu);
    info_register("modules", "Modules", INFO_ORDER_MODULES, INFO_DEFAULT, no_fields);
    info_register("cluster", "Cluster", INFO_ORDER_CLUSTER, INFO_DEFAULT, info_cluster);
    info_register("keyspace", "Keyspace", INFO_ORDER_KEYSPACE, INFO_DEFAULT, info_keyspace);
}

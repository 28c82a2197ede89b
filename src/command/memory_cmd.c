/* MEMORY: what memory is held for, and advice about it. The figures are the allocator's and the rooms' own (server/memory.h),
 * under the reference's names; what Tandem has none of is 0. */
#include <stdio.h>
#include "base/alloc.h"
#include "command/command.h"
#include "command/handlers.h"
#include "repl/repl.h"
#include "server/memory.h"

void memory_usage_command(struct client *c, const slice *argv, int argc) {
    int64_t samples;
    for (int i = 3; i < argc; i += 2) {
        if (!slice_is(argv[i], "samples") || i + 1 == argc) {
            cmd_syntax_error(c);
            return;
        }
        if (!cmd_i64(c, argv[i + 1], &samples, NULL)) return;
        if (samples < 0) {
            cmd_syntax_error(c);
            return;
        }
    }
    const struct entry *e = db_read(client_db(c), argv[2], LOOKUP_NOEFFECTS);
    if (e)
        reply_int(&c->out, (int64_t)entry_bytes(e));
    else
        reply_null(&c->out);
}

void memory_purge_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    reply_trim_pool();
    mem_trim();
    reply_ok(&c->out);
}

/* --- STATS --- */

static void field_int(struct client *c, const char *name, uint64_t v) {
    reply_bulk_str(&c->out, name);
    reply_int(&c->out, (int64_t)v);
}

static void field_double(struct client *c, const char *name, double v) {
    reply_bulk_str(&c->out, name);
    reply_double(&c->out, v);
}

/* "x.ratio" and "x.bytes": how much `of` is beyond `to`. */
static void field_excess(struct client *c, const char *name, uint64_t of, uint64_t to) {
    char text[64];
    bool whole = name[0] == 'f'; /* "fragmentation" itself is the ratio */
    snprintf(text, sizeof text, "%s%s", name, whole ? "" : ".ratio");
    field_double(c, text, memory_ratio(of, to));
    snprintf(text, sizeof text, "%s.bytes", name);
    field_int(c, text, of - to);
}

static int reply_databases(struct client *c) {
    int shown = 0;
    for (int i = 0; i < ks_count(); i++) {
        const struct db *db = ks_db(i);
        if (db_size(db) == 0) continue;
        reply_bulkf(&c->out, "db.%d", i);
        reply_map(&c->out, 3);
        field_int(c, "overhead.hashtable.main", db_table_bytes(db));
        field_int(c, "overhead.hashtable.expires", db_expiry_bytes(db));
        field_int(c, "overhead.hashtable.slot-to-keys", 0);
        shown++;
    }
    return shown;
}

void memory_stats_command(struct client *c, const slice *argv, int argc) {
    enum { FIELDS = 27 };
    (void)argv, (void)argc;
    struct memory_figures f;
    memory_figures(&f);
    uint64_t beyond_start = f.used > f.startup ? f.used - f.startup : 0;
    struct reply_mark map = reply_defer(&c->out);
    field_int(c, "peak.allocated", f.peak);
    field_int(c, "total.allocated", f.used);
    field_int(c, "startup.allocated", f.startup);
    field_int(c, "replication.backlog", f.backlog);
    field_int(c, "clients.slaves", f.clients_replicas);
    field_int(c, "clients.normal", f.clients_normal);
    field_int(c, "cluster.links", 0);
    field_int(c, "aof.buffer", 0);
    field_int(c, "lua.caches", 0);
    field_int(c, "functions.caches", 0);
    int databases = reply_databases(c);
    field_int(c, "overhead.total", f.overhead);
    field_int(c, "keys.count", f.keys);
    field_int(c, "keys.bytes-per-key", f.keys ? beyond_start / f.keys : 0);
    field_int(c, "dataset.bytes", f.dataset);
    field_double(c, "dataset.percentage", memory_dataset_percent(&f));
    field_double(c, "peak.percentage", 100.0 * memory_ratio(f.used, f.peak));
    field_int(c, "allocator.allocated", f.used);
    field_int(c, "allocator.active", f.reserved);
    field_int(c, "allocator.resident", f.reserved);
    field_excess(c, "allocator-fragmentation", f.reserved, f.used);
    field_excess(c, "allocator-rss", f.reserved, f.reserved);
    field_excess(c, "rss-overhead", f.rss, f.reserved);
    field_excess(c, "fragmentation", f.rss, f.used);
    reply_defer_map(&c->out, map, FIELDS + databases);
}

/* --- DOCTOR --- */

#define MB (1024 * 1024)

static bool exceeds(uint64_t of, uint64_t to, double ratio) {
    return of > to && of - to > 10 * MB && memory_ratio(of, to) > ratio;
}

static sds advise(sds s, const struct memory_figures *f) {
    if (memory_ratio(f->peak, f->used) > 1.5)
        s = sds_cat_str(
            s,
            " * Peak: memory has been at more than one and a half times what is used now. What was freed may "
            "still lie with the process; MEMORY PURGE gives it back.\n");
    if (exceeds(f->rss, f->used, 1.4))
        s = sds_cat_str(s, " * Fragmentation: the process holds more than 1.4 times what its data needs.\n");
    if (exceeds(f->reserved, f->used, 1.1))
        s = sds_cat_str(
            s, " * Allocator: over a tenth of its slabs is free blocks between live ones. They serve new "
               "data of the same sizes; MEMORY MALLOC-STATS shows which.\n");
    if (exceeds(f->rss, f->reserved, 1.1))
        s = sds_cat_str(
            s,
            " * Process: over a tenth of its memory is outside of the allocator (code, stack, library).\n");
    if (f->n_replicas > 0 && f->clients_replicas > 10 * MB)
        s = sds_cat_str(s, " * Replicas: their connections hold more than 10 MB. Some read too slowly.\n");
    if (f->n_clients > 0 && f->clients_normal / (uint64_t)f->n_clients > 200 * 1024)
        s = sds_cat_str(
            s, " * Clients: they hold more than 200 KB each on average. CLIENT LIST shows whose buffers "
               "(qbuf, omem) are great.\n");
    return s;
}

void memory_doctor_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    struct memory_figures f;
    memory_figures(&f);
    sds s;
    if (f.used < 5 * MB) {
        s = sds_new("There is next to no data here (less than 5 MB), so that there is nothing to say about "
                    "its memory.\n");
    } else {
        s = advise(sds_empty(), &f);
        sds all = sds_new(sds_len(s) ? "Things to look at:\n\n" : "Memory is well: nothing to remark.\n");
        all = sds_cat(all, s, sds_len(s));
        sds_free(s);
        s = all;
    }
    reply_verbatim(&c->out, "txt", s, sds_len(s));
    sds_free(s);
}

/* --- MALLOC-STATS, HELP --- */

void memory_malloc_stats_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    struct mem_stats m = mem_stats();
    struct mem_class k;
    size_t in_classes = 0;
    sds s = sds_cat_printf(
        sds_empty(),
        "Tandem's allocator: %zu bytes in live blocks (peak %zu), %zu held from the system, "
        "%zu resident in all\n\n%10s %12s %12s %14s\n",
        m.used_bytes, m.peak_bytes, m.reserved_bytes, mem_resident_bytes(), "block size", "live", "free",
        "bytes of slabs");
    for (unsigned i = 0; mem_class(i, &k); i++) {
        if (k.slab_bytes == 0) continue;
        s = sds_cat_printf(s, "%10zu %12zu %12zu %14zu\n", k.block_bytes, k.used, k.unused, k.slab_bytes);
        in_classes += k.block_bytes * k.used;
    }
    s = sds_cat_printf(s, "%zu bytes in larger blocks, which are whole pages\n", m.used_bytes - in_classes);
    reply_verbatim(&c->out, "txt", s, sds_len(s));
    sds_free(s);
}

void memory_help_command(struct client *c, const slice *argv, int argc) {
    static const char *const lines[] = {
        "DOCTOR",
        "    What is remarkable about the memory, if anything.",
        "MALLOC-STATS",
        "    The allocator's blocks by size.",
        "PURGE",
        "    Give free memory back to the system.",
        "STATS",
        "    What memory is held for, in bytes.",
        "USAGE <key> [SAMPLES <count>]",
        "    The bytes that a key and its value take. Always exact: SAMPLES is accepted and not needed.",
        NULL};
    (void)argv, (void)argc;
    cmd_help(c, "MEMORY", lines);
}

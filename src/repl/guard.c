/* See guard.h.
 *
 * An empty master is suspicious only where there is something that was replicated before: a server that is set up for the
 * first time has nothing, or data that nobody ever called a copy, and is not asked. A master that went on from our own
 * history to emptiness (FLUSHALL) has the same name, and is believed. */
#include "repl/guard.h"

#include "repl/say.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum guard_verdict guard_judge(const struct guard_facts *f, char why[GUARD_WHY_BYTES]) {
    if (f->our_keys && f->guards_empty_master && f->followed && !f->same_history && !f->master_has_keys) {
        snprintf(
            why, GUARD_WHY_BYTES,
            "the master has no data, and another history than ours: our %llu keys are kept. To follow it all "
            "the same: CONFIG SET replica-guard-empty-master no. To serve them: REPLICAOF NO ONE",
            (unsigned long long)f->our_keys);
        return GUARD_EMPTY_MASTER;
    }
    if (f->limit_bytes && f->need_bytes > f->limit_bytes) {
        snprintf(why, GUARD_WHY_BYTES,
                 "the master's data need %s of memory and we may use %s (repl-load-memory-limit, or the "
                 "system's): our "
                 "%llu keys are kept",
                 say_bytes(f->need_bytes).s, say_bytes(f->limit_bytes).s, (unsigned long long)f->our_keys);
        return GUARD_MEMORY;
    }
    return GUARD_PASS;
}

/* --- the system's limit --- */

static void lower(uint64_t *least, uint64_t bytes) {
    if (bytes && (!*least || bytes < *least)) *least = bytes;
}

static void lower_by_resource(uint64_t *least, int resource) {
    struct rlimit r;
    if (getrlimit((__rlimit_resource_t)resource, &r) == 0 && r.rlim_cur != RLIM_INFINITY)
        lower(least, r.rlim_cur);
}

/* A file of one number; "max" and what has no file is no limit. */
static void lower_by_file(uint64_t *least, const char *path) {
    char text[64];
    FILE *f = fopen(path, "re");
    if (!f) return;
    if (fgets(text, sizeof text, f)) lower(least, strtoull(text, NULL, 10));
    fclose(f);
}

/* Lines of /proc/self/cgroup are "0::/path" (version 2) and "7:memory:/path" (version 1). */
static void lower_by_cgroup(uint64_t *least) {
    char line[512], path[640];
    FILE *f = fopen("/proc/self/cgroup", "re");
    if (!f) return;
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        const char *v1 = strstr(line, ":memory:");
        if (strncmp(line, "0::", 3) == 0)
            snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.max", line + 3);
        else if (v1)
            snprintf(path, sizeof path, "/sys/fs/cgroup/memory%s/memory.limit_in_bytes", v1 + 8);
        else
            continue;
        lower_by_file(least, path);
    }
    fclose(f);
    lower_by_file(least, "/sys/fs/cgroup/memory.max"); /* in a container the path above may be the host's */
}

uint64_t guard_memory_limit(void) {
    uint64_t least = 0;
    long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    if (pages > 0 && page_bytes > 0) lower(&least, (uint64_t)pages * (uint64_t)page_bytes);
    lower_by_resource(&least, RLIMIT_AS);
    lower_by_resource(&least, RLIMIT_DATA);
    lower_by_cgroup(&least);
    return least;
}

/* The slow log's entries: a list, newest first. An entry is one block; ids go on after a reset. */
#include "server/slowlog.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/latency.h"
#include "base/ticks.h"

struct slowlog_config slowlog_config;
uint64_t slow_command_ticks = UINT64_MAX;

static struct {
    struct slowlog_entry *newest;
    size_t length;
    int64_t next_id;
} entries;

static size_t entry_bytes_of(const struct slowlog_entry *e) {
    return sizeof *e + (size_t)e->argc * sizeof *e->argv;
}

static void free_entry(struct slowlog_entry *e) {
    for (int i = 0; i < e->argc; i++) sds_free(e->argv[i]);
    sds_free(e->client);
    sds_free(e->name);
    mem_free(e, entry_bytes_of(e));
}

static sds cut(slice s) {
    if (s.n <= SLOWLOG_ARG_BYTES_MAX) return sds_newlen(s.p, s.n);
    return sds_cat_printf(sds_newlen(s.p, SLOWLOG_ARG_BYTES_MAX), "... (%zu more bytes)",
                          s.n - SLOWLOG_ARG_BYTES_MAX);
}

static void trim_to(size_t length) {
    struct slowlog_entry **at = &entries.newest;
    for (size_t i = 0; i < length && *at; i++) at = &(*at)->next;
    while (*at) {
        struct slowlog_entry *e = *at;
        *at = e->next;
        free_entry(e);
        entries.length--;
    }
}

void slowlog_add(const slice *argv, int argc, uint64_t secret_mask, int64_t us, const char *client,
                 slice name) {
    int shown = argc > SLOWLOG_ARGS_MAX ? SLOWLOG_ARGS_MAX : argc;
    struct slowlog_entry *e = mem_alloc(sizeof *e + (size_t)shown * sizeof *e->argv);
    *e = (struct slowlog_entry){.id = entries.next_id++,
                                .time_s = clock_wall_us() / 1000000,
                                .us = us,
                                .client = sds_new(client),
                                .name = sds_newlen(name.p, name.n),
                                .next = entries.newest,
                                .argc = shown};
    for (int i = 0; i < shown; i++) {
        if (shown < argc && i == shown - 1)
            e->argv[i] = sds_cat_printf(sds_empty(), "... (%d more arguments)", argc - shown + 1);
        else
            e->argv[i] = secret_mask >> i & 1 ? sds_new("(redacted)") : cut(argv[i]);
    }
    entries.newest = e;
    entries.length++;
    trim_to(slowlog_config.max_entries);
}

const struct slowlog_entry *slowlog_newest(void) {
    return entries.newest;
}

size_t slowlog_length(void) {
    return entries.length;
}

void slowlog_reset(void) {
    trim_to(0);
}

void slowlog_settings_changed(void) {
    uint64_t least_us = UINT64_MAX, monitor_us;
    if (slowlog_config.slower_than_us >= 0 && slowlog_config.max_entries)
        least_us = (uint64_t)slowlog_config.slower_than_us;
    if (__builtin_mul_overflow(latency_threshold_ms, 1000, &monitor_us)) monitor_us = UINT64_MAX;
    if (latency_watched() && monitor_us < least_us) least_us = monitor_us;
    slow_command_ticks = ticks_at_least(least_us);
    trim_to(slowlog_config.max_entries);
}

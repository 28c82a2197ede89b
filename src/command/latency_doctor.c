/* LATENCY DOCTOR: the recorded spikes in words, and what experience says can be done about each kind.
 *
 * An event's row names its advice as bits; advice that no event asks for is not given, each is given once. */
#include "base/latency.h"
#include "base/sds.h"
#include "command/handlers.h"
#include "server/slowlog.h"

enum advice {
    SLOWLOG_OFF = 1 << 0,
    SLOWLOG_THRESHOLD = 1 << 1,
    SLOWLOG_LOOK = 1 << 2,
    BIG_VALUES = 1 << 3,
    FORK = 1 << 4,
    BUSY_DISK = 1 << 5,
    FSYNC_POLICY = 1 << 6,
    MANY_EXPIRE = 1 << 7,
    EVICTION = 1 << 8
};

static const struct {
    const char *event;
    int advice;
} causes[] = {{"command", SLOWLOG_LOOK | BIG_VALUES},
              {"fast-command", BUSY_DISK | SLOWLOG_LOOK},
              {"command-unblocking", SLOWLOG_LOOK | BIG_VALUES},
              {"fork", FORK},
              {"aof-write", BUSY_DISK | FSYNC_POLICY},
              {"aof-fsync-always", BUSY_DISK | FSYNC_POLICY},
              {"aof-rename", BUSY_DISK},
              {"rdb-unlink-temp-file", BUSY_DISK},
              {"expire-cycle", MANY_EXPIRE | BIG_VALUES},
              {"eviction-cycle", EVICTION | BIG_VALUES},
              {"eviction-del", BIG_VALUES}};

static const struct {
    int bit;
    const char *text;
} advices[] = {
    {SLOWLOG_OFF, "The slow log is off. CONFIG SET slowlog-log-slower-than to see which requests are slow."},
    {SLOWLOG_THRESHOLD,
     "The slow log takes only what is slower than the latency monitor's threshold: CONFIG SET "
     "slowlog-log-slower-than lower to see all requests that make spikes."},
    {SLOWLOG_LOOK, "SLOWLOG GET shows which requests were slow; commands that walk over whole values or key "
                   "spaces (KEYS, SMEMBERS, SORT) have cursors or smaller ranges as alternatives."},
    {BIG_VALUES, "Deleting a large value takes time: UNLINK and the lazyfree-* settings do it in slices."},
    {FORK, "Forking takes time in proportion to the memory in use. Snapshot and rewrite less often, keep "
           "instances smaller, and prefer machines that fork quickly (no Xen PV)."},
    {BUSY_DISK, "The disk, or the machine, is busy: look for other processes that write, for swapping "
                "(vmstat 1) and for CPUs that are shared with other guests."},
    {FSYNC_POLICY,
     "appendfsync everysec never waits for the disk. With always each turn of the loop does; and "
     "no-appendfsync-on-rewrite avoids competing with a rewrite."},
    {MANY_EXPIRE, "Many keys expire at the same moment: spread their times by some random seconds."},
    {EVICTION, "Eviction has to make much room at once: leave more between the data and maxmemory, or write "
               "in smaller steps."},
};

static int advice_for(const char *event) {
    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++)
        if (strcmp(event, causes[i].event) == 0) return causes[i].advice;
    return 0;
}

static int advice_on_slowlog(void) {
    if (slowlog_config.slower_than_us < 0 || slowlog_config.max_entries == 0) return SLOWLOG_OFF;
    return slowlog_config.slower_than_us / 1000 > latency_threshold_ms ? SLOWLOG_THRESHOLD : 0;
}

static sds report(void) {
    const struct latency_event *e;
    int64_t now_s = clock_wall_us() / 1000000;
    int advice = 0;
    sds out = sds_new("Latency spikes were recorded:\n\n");
    for (int i = 0; (e = latency_at(i)); i++) {
        struct latency_summary s = latency_summarize(e, now_s);
        out = sds_cat_printf(
            out,
            "%d. %s: %d latency spikes (average %ums, mean deviation %ums, period %.2f sec). "
            "Worst all time event %ums.\n",
            i + 1, e->name, s.samples, s.average_ms, s.deviation_ms, s.period_s, s.all_time_ms);
        advice |= advice_for(e->name);
    }
    if (advice & SLOWLOG_LOOK) advice |= advice_on_slowlog();
    if (advice) out = sds_cat_str(out, "\nWhat may help:\n\n");
    for (size_t i = 0; i < sizeof advices / sizeof *advices; i++)
        if (advice & advices[i].bit) out = sds_cat_printf(out, "- %s\n", advices[i].text);
    return out;
}

void latency_doctor_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    sds out;
    if (latency_at(0))
        out = report();
    else if (latency_watched())
        out = sds_new("No latency spike was recorded since the start or the last LATENCY RESET.\n");
    else
        out = sds_new(
            "The latency monitor is off: CONFIG SET latency-monitor-threshold <milliseconds> records "
            "what takes at least so long.\n");
    reply_verbatim(&c->out, "txt", out, sds_len(out));
    sds_free(out);
}

/* The slow log: the last requests that took longer than slowlog-log-slower-than, with their arguments cut short.
 *
 * It also says which durations anybody wants to hear of at all (slow_command_ticks), so that dispatch has one comparison to
 * make for a command that was quick. */
#ifndef TANDEM_SERVER_SLOWLOG_H
#define TANDEM_SERVER_SLOWLOG_H

#include "base/sds.h"
#include "base/slice.h"
#include <stdint.h>

struct slowlog_config {
    int64_t slower_than_us; /* negative: nothing is logged, 0: everything */
    size_t max_entries;
};
extern struct slowlog_config slowlog_config;

/* No command that took fewer ticks (base/ticks.h) can be of interest to the slow log or the latency monitor; UINT64_MAX:
 * neither is on. slowlog_settings_changed computes it anew. */
extern uint64_t slow_command_ticks;
void slowlog_settings_changed(void);

enum { SLOWLOG_ARGS_MAX = 32, SLOWLOG_ARG_BYTES_MAX = 128 };

struct slowlog_entry {
    int64_t id, time_s, us;
    sds client, name;           /* "ip:port", and what CLIENT SETNAME said */
    struct slowlog_entry *next; /* the one before it in time */
    int argc;
    sds argv[];
};

/* secret_mask: bit i is set when argument i is not for the eyes of others. */
void slowlog_add(const slice *argv, int argc, uint64_t secret_mask, int64_t us, const char *client,
                 slice name);
const struct slowlog_entry *slowlog_newest(void);
size_t slowlog_length(void);
void slowlog_reset(void);

#endif

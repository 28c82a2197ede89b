/* Forked children (snapshots, AOF rewrites, helper processes): starting, talking back, ending.
 *
 * At most one child that reads the data (CHILD_SNAPSHOT, CHILD_REWRITE) at a time; helpers (CHILD_HELPER: those that
 * wait for the disk) are apart from that and up to CHILD_HELPERS_MAX. `run` returns the child's exit code and never returns
 * into the loop; the parent learns of the end in its loop (SIGCHLD -> waitpid) and calls on_end once.
 *
 * A data child doesn't outlive us, however we end; a helper sees for itself when we are gone.
 *
 * In the child, before `run`: signals have their default actions, the log's role is C, and every descriptor but
 * 0, 1, 2, the report pipe and `keep` is closed, so that a socket the parent closes is closed for its peer too. */
#ifndef TANDEM_EVENT_CHILD_H
#define TANDEM_EVENT_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum child_kind { CHILD_NONE, CHILD_SNAPSHOT, CHILD_REWRITE, CHILD_HELPER };
#define CHILD_HELPERS_MAX 4
#define CHILD_KEEP_MAX    8

struct child_report {
    uint64_t cow_bytes;
    uint64_t keys_done, bytes_done; /* progress */
    uint32_t is_final;
};

struct child_spec {
    enum child_kind kind;
    const char *title;     /* process title suffix, e.g. "tandem-rdb-bgsave" */
    int (*run)(void *ctx); /* in the child; the return value is its exit code */
    void (*on_end)(void *ctx, int exit_code,
                   int signal); /* in the parent; exit_code -1 when a signal ended it */
    void *ctx;
    int keep[CHILD_KEEP_MAX]; /* descriptors the child needs */
    int keep_count;
};

pid_t child_start(const struct child_spec *spec); /* pid, or -1 with errno; EEXIST: a data child is active */
enum child_kind child_active(void);               /* the data child's kind, CHILD_NONE without one */
pid_t child_pid(void);                            /* the data child's, -1 without one */
void child_kill(int signal);                      /* ask the data child to end; on_end still comes */
/* For the end of the process: waits until the data child, killed before, is gone (on_end has come), or the time is up.
 * One that has not run yet still holds our listening sockets, and whoever starts after us wants to bind them. */
void child_wait_end(int timeout_ms);
/* In the child: rate-limited, measures CoW from smaps. The last word, logged, goes out by itself when `run` ends well. */
void child_report(uint64_t keys_done, uint64_t bytes_done);
void child_reap(void);                     /* the parent's loop calls it on SIGCHLD and each second */
enum child_kind child_self(void);          /* in a child: its kind; CHILD_NONE elsewhere */
const char *child_title(void);             /* in the child: its spec's, for ps; NULL elsewhere */
void child_set_hook(void (*forked)(void)); /* called in each child before its `run` */

struct child_stats {
    uint64_t current_cow_bytes, current_cow_peak_bytes, last_snapshot_cow_bytes, last_rewrite_cow_bytes;
    uint64_t current_keys_done, current_bytes_done;
    uint64_t current_reported_ms; /* how long it had been running then */
    int64_t last_fork_us;
    uint64_t total_forks;
    uint64_t started_us; /* monotonic, 0 when none */
};
struct child_stats child_stats(void);
void child_stats_reset(void); /* the counters: CONFIG RESETSTAT */

#endif

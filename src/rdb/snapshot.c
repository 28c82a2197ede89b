/* The forked snapshot: a child writes the key space as it was at the fork, to a file or into a pipe for replicas.
 *
 * Invariant: at most one runs (event/child allows one child on the data), from a snapshot_start_* that succeeded to
 * snapshot_ended, which settles the state, cleans up and tells repl. The state's last_ok, last_save_s, last_try_s and
 * saves speak of snapshots to disk only: a transfer to replicas makes no file. When to save (save points, requests of replicas) is for others
 * to decide. */
#include "base/clock.h"
#include "base/latency.h"
#include "base/log.h"
#include "base/random.h"
#include "event/child.h"
#include "rdb/format.h"
#include "rdb/rdb.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define PIPE_BYTES (1 << 20) /* asked of the kernel: fewer turns between child and parent */

struct snapshot_state snapshot_state = {.last_duration_s = -1, .current_start_s = -1, .last_ok = true};

/* The running snapshot; its child has a copy of it. */
static struct {
    bool running;
    enum snapshot_target target;
    pid_t pid;
    bool has_info;
    struct rdb_info info;
    char mark[RDB_EOF_MARK_BYTES + 1];
    int pipe_fd; /* the write end; only the child's is open */
} current;
static struct snapshot_hooks hooks;

static int64_t now_s(void) {
    return clock_wall_us() / 1000000;
}

static const char *target_path(void) {
    return rdb_config.filename ? rdb_config.filename : "dump.rdb";
}

void rdb_init(void) {
    snapshot_state.last_save_s = now_s();
}

void snapshot_set_hooks(const struct snapshot_hooks *h) {
    hooks = *h;
}

bool snapshot_running(void) {
    return current.running;
}

enum snapshot_target snapshot_target(void) {
    return current.target;
}

uint64_t snapshot_changes(void) {
    return ks_dirty - snapshot_state.dirty_at_last_save;
}

static void saved(uint64_t dirty) {
    snapshot_state.dirty_at_last_save = dirty;
    snapshot_state.last_save_s = now_s();
    snapshot_state.last_ok = true;
}

bool rdb_save_now(const struct rdb_info *info) {
    snapshot_state.saves++;
    if (!rdb_save_file(target_path(), info)) return false;
    saved(ks_dirty);
    return true;
}

/* --- in the child --- */

static const struct rdb_info *child_info(void) {
    return current.has_info ? &current.info : NULL;
}

static int save_to_disk(void *ctx) {
    (void)ctx;
    return rdb_save_file(target_path(), child_info()) ? 0 : 1;
}

static int save_to_pipe(void *ctx) {
    (void)ctx;
    struct rdb_writer w;
    signal(SIGPIPE, SIG_IGN); /* the parent may stop reading: an error, not a death */
    rdb_writer_fd(&w, current.pipe_fd);
    w.checksum = false; /* the CRC starts with the RDB, behind the mark */
    bool ok = rdb_write(&w, "$EOF:", 5) && rdb_write(&w, current.mark, RDB_EOF_MARK_BYTES) &&
              rdb_write(&w, "\r\n", 2) && rdb_writer_flush(&w);
    ok = ok && rdb_save_stream(&w, child_info(), false) && rdb_write(&w, current.mark, RDB_EOF_MARK_BYTES) &&
         rdb_writer_flush(&w);
    if (!ok) log_warning("Diskless rdb transfer: error writing to the parent: %s", w.error);
    rdb_writer_free(&w);
    return ok ? 0 : 1;
}

/* --- in the parent --- */

static void log_end(bool ok, int exit_code, int signal_number) {
    const char *what = current.target == SNAPSHOT_DISK ? "Background saving" : "Background RDB transfer";
    const char *bad = current.target == SNAPSHOT_DISK ? "Background saving" : "Background transfer";
    if (ok)
        log_notice("%s terminated with success", what);
    else if (signal_number == 0 && exit_code != 0)
        log_warning("%s error", bad);
    else
        log_warning("%s terminated by signal %d", bad, signal_number);
}

/* A child that is killed leaves its file. */
static void remove_temp(void) {
    char temp[PATH_MAX];
    rdb_temp_path(temp, sizeof temp, target_path(), current.pid);
    uint64_t start_us = latency_start();
    unlink(temp);
    latency_end("rdb-unlink-temp-file", start_us);
}

static void settle_disk(bool ok, int signal_number) {
    if (ok) {
        saved(snapshot_state.dirty_before_bgsave);
        return;
    }
    remove_temp();
    if (signal_number != SIGUSR1) snapshot_state.last_ok = false; /* SIGUSR1: we asked it to end */
}

static void snapshot_ended(void *ctx, int exit_code, int signal_number) {
    (void)ctx;
    bool ok = exit_code == 0 && signal_number == 0;
    enum snapshot_target target = current.target;
    log_end(ok, exit_code, signal_number);
    snapshot_state.last_duration_s = now_s() - snapshot_state.current_start_s;
    if (target == SNAPSHOT_DISK) settle_disk(ok, signal_number);
    snapshot_state.current_start_s = -1;
    current.running = false;
    ks_set_child_active(false);
    if (hooks.ended) hooks.ended(target, ok);
}

static void fill_current(enum snapshot_target target, const struct rdb_info *info) {
    current.target = target;
    current.has_info = info != NULL;
    if (info) current.info = *info;
    snapshot_state.current_keys_total = ks_keys();
}

static bool start(const struct child_spec *spec) {
    pid_t pid = child_start(spec);
    if (pid < 0) {
        if (current.target == SNAPSHOT_DISK) snapshot_state.last_ok = false;
        log_warning("Can't save in background: fork: %s", strerror(errno));
        return false;
    }
    current.pid = pid;
    current.running = true;
    ks_set_child_active(true);
    snapshot_state.current_start_s = now_s();
    return true;
}

bool snapshot_start_disk(const struct rdb_info *info) {
    if (child_active() != CHILD_NONE) return false;
    fill_current(SNAPSHOT_DISK, info);
    snapshot_state.dirty_before_bgsave = ks_dirty;
    snapshot_state.last_try_s = now_s();
    snapshot_state.saves++;
    struct child_spec spec = {
        .kind = CHILD_SNAPSHOT, .title = "tandem-rdb-bgsave", .run = save_to_disk, .on_end = snapshot_ended};
    if (!start(&spec)) return false;
    log_notice("Background saving started by pid %ld", (long)current.pid);
    return true;
}

int snapshot_start_pipe(const struct rdb_info *info, char mark[41]) {
    int fds[2];
    if (child_active() != CHILD_NONE) return -1;
    if (pipe2(fds, O_CLOEXEC) == -1) {
        log_warning("Can't create the pipe for a diskless transfer: %s", strerror(errno));
        return -1;
    }
    fcntl(fds[1], F_SETPIPE_SZ, PIPE_BYTES); /* refused: the default size does */
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    random_hex(current.mark, RDB_EOF_MARK_BYTES);
    memcpy(mark, current.mark, sizeof current.mark);
    current.pipe_fd = fds[1];
    fill_current(SNAPSHOT_PIPE, info);
    struct child_spec spec = {.kind = CHILD_SNAPSHOT,
                              .title = "tandem-rdb-to-slaves",
                              .run = save_to_pipe,
                              .on_end = snapshot_ended,
                              .keep = {fds[1]},
                              .keep_count = 1};
    bool ok = start(&spec);
    close(fds[1]);
    if (!ok) {
        close(fds[0]);
        return -1;
    }
    log_notice("Background RDB transfer started by pid %ld", (long)current.pid);
    return fds[0];
}

void snapshot_kill(void) {
    if (!current.running) return;
    child_kill(SIGUSR1);
    if (current.target == SNAPSHOT_DISK) remove_temp(); /* now: who shuts down doesn't wait for the end */
}

/* Rewriting: a forked child writes the data as a new base, while the log goes on into a new incr file.
 *
 * At the fork:  manifest gets the new incr file (or, turned on at run time: a temporary one that no manifest names).
 * At the end:   one new manifest names the new base and only the incr files since the fork; the others are history. So is the
 *               tail (tail.c), which the child wrote behind the base, but that one stays.
 * A crash in between leaves the old base with all incr files: the same data. A rewrite that fails leaves its incr file
 * in the manifest, and nothing else.
 *
 * Rewrites that fail again and again wait longer and longer before they are tried again by themselves. */
#include "aof/internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "event/child.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum { FAILURES_FREE = 3, DELAY_MINUTES_MAX = 60 };

static struct {
    pid_t pid; /* 0: none runs */
    bool abandoned, as_rdb;
    struct rdb_info info;
    int64_t retry_at_s; /* after failures; 0: at once */
    int delay_minutes;
} rewrite;

static int64_t wall_s(void) {
    return clock_wall_us() / 1000000;
}

static void temp_base_name(char out[64], pid_t pid) {
    snprintf(out, 64, "temp-rewriteaof-bg-%d.aof", (int)pid);
}

static void temp_tail_name(char out[64], pid_t pid) {
    snprintf(out, 64, "temp-rewriteaof-bg-%d.tail", (int)pid);
}

static void unlink_file(const char *name) {
    unlink(aof_path(name));
}

static void unlink_temps(pid_t pid) {
    char name[64];
    temp_base_name(name, pid);
    unlink_file(name);
    temp_tail_name(name, pid);
    unlink_file(name);
}

bool aof_rewrite_is_child(void) {
    return rewrite.pid != 0;
}

/* --- in the child --- */

static int run_rewrite(void *ctx) {
    (void)ctx;
    char base[64], tail[64];
    temp_base_name(base, getpid());
    temp_tail_name(tail, getpid());
    if (!aof_write_base(aof_path(base), &rewrite.info)) return 1;
    aof_write_tail(aof_path(tail));
    log_notice("Successfully created the temporary AOF base file %s", base);
    return 0;
}

/* --- its end --- */

static bool install_temp_incr(struct aof_manifest *m) {
    sds temp = aof_temp_incr_name();
    bool ok = aof_rename(temp, manifest_new_incr(m, aof_config.filename), "incr");
    sds_free(temp);
    return ok;
}

/* The tail that the child has written, if the log has not become long enough meanwhile. */
static bool install_tail(struct aof_manifest *m, pid_t child) {
    char temp[64];
    temp_tail_name(temp, child);
    if (access(aof_path(temp), F_OK) != 0 || !aof_tail_is_needed(rewrite.info.repl_offset)) return true;
    return aof_rename(temp, manifest_new_tail(m, aof_config.filename), "tail");
}

/* The new base, and the incr files since the fork, become what the manifest names. */
static bool install(pid_t child) {
    struct aof_manifest m;
    char temp_base[64];
    bool first = aof_status.state == AOF_WAIT_REWRITE;
    temp_base_name(temp_base, child);
    manifest_copy(&m, &aof_manifest);
    const char *base = manifest_new_base(&m, aof_config.filename, rewrite.as_rdb);
    manifest_retire_incrs(&m, aof_status.state == AOF_ON);
    bool ok = aof_rename(temp_base, base, "base");
    if (ok && first) ok = install_temp_incr(&m);
    if (ok) ok = install_tail(&m, child);
    if (ok) ok = aof_store_manifest(&m);
    if (!ok) {
        unlink_file(manifest_base(&m)->name);
        if (manifest_tail(&m)) unlink_file(manifest_tail(&m)->name);
        if (first) unlink_file(manifest_last_incr(&m) ? manifest_last_incr(&m)->name : temp_base);
        manifest_free(&m);
        return false;
    }
    aof_take_manifest(&m);
    aof_status.base_bytes = aof_file_bytes(manifest_base(&aof_manifest)->name) + aof_writer_bytes();
    aof_status.current_bytes = aof_status.base_bytes;
    if (first) aof_status.state = AOF_ON;
    aof_tail_set(manifest_tail(&aof_manifest) ? rewrite.info.repl_offset : -1);
    aof_remove_history();
    return true;
}

static void count_failure(void) {
    aof_status.last_rewrite_ok = false;
    aof_status.consecutive_failures++;
}

static void settle(int exit_code, int signal_number, pid_t child) {
    if (signal_number) {
        log_warning("Background AOF rewrite terminated by signal %d", signal_number);
        if (signal_number != SIGUSR1) count_failure(); /* SIGUSR1: we asked it to end */
    } else if (exit_code != 0) {
        log_warning("Background AOF rewrite terminated with error");
        count_failure();
    } else {
        log_notice("Background AOF rewrite terminated with success");
        if (!install(child)) {
            count_failure();
            return;
        }
        aof_status.last_rewrite_ok = true;
        aof_status.consecutive_failures = 0;
        log_notice("Background AOF rewrite finished successfully");
    }
}

static void rewrite_ended(void *ctx, int exit_code, int signal_number) {
    (void)ctx;
    pid_t child = rewrite.pid;
    bool abandoned = rewrite.abandoned;
    rewrite.pid = 0;
    rewrite.abandoned = false;
    if (!abandoned) settle(exit_code, signal_number, child);
    unlink_temps(child);
    aof_status.rewrite_running = false;
    aof_status.last_rewrite_s = wall_s() - aof_status.rewrite_start_s;
    aof_status.rewrite_start_s = -1;
    if (aof_status.state == AOF_OFF) aof_unlock_dir();
    if (aof_status.state != AOF_WAIT_REWRITE) return;
    if (!abandoned) { /* what it wrote has no base */
        sds temp = aof_temp_incr_name();
        aof_writer_close();
        unlink_file(temp);
        sds_free(temp);
    }
    aof_status.rewrite_scheduled = true;
}

void aof_rewrite_kill(void) {
    if (!rewrite.pid || rewrite.abandoned) return;
    log_notice("Killing running AOF rewrite child: %ld", (long)rewrite.pid);
    rewrite.abandoned = true;
    aof_status.rewrite_running = false;
    child_kill(SIGUSR1);
    unlink_temps(rewrite.pid); /* we may end before it does */
}

/* --- the start --- */

static bool begin_temp_incr(void) {
    uint64_t bytes;
    sds name = aof_temp_incr_name();
    int fd = aof_writer_new_file(name, true, &bytes);
    if (fd >= 0) {
        log_notice("Creating AOF incr file %s on background rewrite", name);
        aof_writer_switch(fd, bytes);
    }
    sds_free(name);
    return fd >= 0;
}

/* The file is there, then the manifest names it, then it is written to. */
static bool begin_next_incr(void) {
    struct aof_manifest m;
    uint64_t bytes;
    manifest_copy(&m, &aof_manifest);
    const char *name = manifest_new_incr(&m, aof_config.filename);
    int fd = aof_writer_new_file(name, true, &bytes);
    if (fd < 0 || !aof_store_manifest(&m)) {
        if (fd >= 0) close(fd);
        unlink_file(name);
        manifest_free(&m);
        return false;
    }
    log_notice("Creating AOF incr file %s on background rewrite", name);
    aof_take_manifest(&m);
    aof_writer_switch(fd, bytes);
    aof_status.current_bytes += bytes;
    return true;
}

/* Everything up to here is in the files so far, on the disk; what follows goes into the next. */
static bool switch_incr(void) {
    if (aof_status.state == AOF_OFF) return true;
    if (aof_status.state == AOF_WAIT_REWRITE) return begin_temp_incr();
    aof_writer_flush(true);
    if (aof_unwritten_bytes()) return false; /* the disk is full: logged */
    /* A file that is not the last must be whole, or the files can't be loaded. */
    if (aof_config.fsync != AOF_FSYNC_NO && !aof_writer_sync()) return false;
    return begin_next_incr();
}

static bool start_child(void) {
    struct child_spec spec = {
        .kind = CHILD_REWRITE, .title = "tandem-aof-rewrite", .run = run_rewrite, .on_end = rewrite_ended};
    repl_fill_rdb_info(&rewrite.info);
    pid_t pid = child_start(&spec);
    if (pid < 0) {
        log_warning("Can't rewrite append only file in background: fork: %s", strerror(errno));
        return false;
    }
    ks_set_child_active(true);
    rewrite.pid = pid;
    rewrite.abandoned = false;
    rewrite.as_rdb = aof_config.use_rdb_preamble;
    aof_status.rewrite_running = true;
    aof_status.rewrite_scheduled = false;
    aof_status.rewrite_start_s = wall_s();
    aof_status.rewrite_keys_total = ks_keys();
    log_notice("Background append only file rewriting started by pid %ld", (long)pid);
    return true;
}

bool aof_rewrite_start(void) {
    if (child_active() != CHILD_NONE) return false;
    if (!aof_make_dir() || !aof_lock_dir() || !switch_incr()) {
        count_failure();
        return false;
    }
    aof_status.rewrites++;
    if (start_child()) return true;
    count_failure();
    if (aof_status.state == AOF_WAIT_REWRITE) aof_writer_close();
    return false;
}

/* --- by itself --- */

/* The first failures cost nothing; from then on a minute, two, four... */
static bool must_wait(void) {
    if (aof_status.consecutive_failures < FAILURES_FREE) {
        rewrite.delay_minutes = 0;
        rewrite.retry_at_s = 0;
        return false;
    }
    int64_t now = wall_s();
    if (rewrite.retry_at_s && now < rewrite.retry_at_s) return true;
    if (rewrite.retry_at_s) { /* one try, then it waits longer */
        rewrite.retry_at_s = 0;
        return false;
    }
    rewrite.delay_minutes = rewrite.delay_minutes ? rewrite.delay_minutes * 2 : 1;
    if (rewrite.delay_minutes > DELAY_MINUTES_MAX) rewrite.delay_minutes = DELAY_MINUTES_MAX;
    rewrite.retry_at_s = now + rewrite.delay_minutes * 60;
    log_warning(
        "Background AOF rewrite has repeatedly failed and triggered the limit, will retry in %d minutes",
        rewrite.delay_minutes);
    return true;
}

void aof_rewrite_schedule(void) {
    aof_status.rewrite_scheduled = true;
    aof_status.consecutive_failures = 0;
}

static bool has_grown(void) {
    uint64_t base = aof_status.base_bytes ? aof_status.base_bytes : 1;
    if (aof_status.state != AOF_ON || !aof_config.rewrite_percentage ||
        aof_status.current_bytes <= aof_config.rewrite_min_bytes)
        return false;
    int64_t growth = (int64_t)(aof_status.current_bytes * 100 / base) - 100;
    if (growth < aof_config.rewrite_percentage || must_wait()) return false;
    log_notice("Starting automatic rewriting of AOF on %lld%% growth", (long long)growth);
    return true;
}

void aof_rewrite_cron(void) {
    if (child_active() != CHILD_NONE || rdb_loading.active) return;
    if (aof_status.rewrite_scheduled ? !must_wait() : has_grown()) aof_rewrite_start();
}

/* On, off, and what happens in between; the room's door.
 *
 *   OFF --CONFIG SET yes, full sync done--> WAIT_REWRITE --first rewrite done--> ON
 *   ON, WAIT_REWRITE --CONFIG SET no, full sync begins--> OFF
 *   OFF --start, files loaded or made--> ON
 *
 * Invariant: in ON the writer is open at the last incr file of the manifest. In WAIT_REWRITE it is open (at a temporary
 * file) exactly while the rewrite's child runs; what is on disk still tells of the time before. In OFF it is closed. */
#include "aof/internal.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "event/child.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SYNC_TRIES = 10 };

struct aof_config aof_config;
struct aof_status aof_status = {
    .last_rewrite_s = -1, .rewrite_start_s = -1, .last_rewrite_ok = true, .last_write_ok = true};
struct aof_hooks aof_hooks;

static int restart_tries; /* after a full sync; 0: none is due */
static int64_t next_try_ms;

void aof_set_hooks(const struct aof_hooks *hooks) {
    aof_hooks = *hooks;
}

int aof_error(void) {
    if (aof_status.state == AOF_OFF) return 0;
    return aof_status.last_write_ok ? aof_status.sync_error_number : aof_status.error_number;
}

static void before_wait(void) {
    aof_writer_flush(false);
}

void aof_init(void) {
    ev_hook_add(EV_BEFORE_WAIT, before_wait);
    ev_set_gather(aof_group_wait_us);
}

void aof_stats_reset(void) {
    aof_status.delayed_fsync = 0;
    aof_status.rewrites = 0;
}

/* --- at start --- */

/* The data of the start as a base, so that the first incr file continues something. */
static void make_base(struct aof_manifest *m) {
    char temp[64];
    struct rdb_info info;
    const char *name = manifest_new_base(m, aof_config.filename, true);
    snprintf(temp, sizeof temp, "temp-rewriteaof-%d.aof", (int)getpid());
    log_notice("Creating AOF base file %s on server start", name);
    repl_fill_rdb_info(&info);
    if (!aof_write_base(aof_path(temp), &info)) exit(1);
    if (rename(aof_path(temp), aof_path(name)) != 0) {
        log_warning("Error trying to rename the temporary AOF base file %s into %s", temp, name);
        exit(1);
    }
    aof_status.base_bytes = aof_status.current_bytes = aof_file_bytes(name);
}

static void open_fresh_incr(struct aof_manifest *m) {
    uint64_t bytes;
    const char *name = manifest_new_incr(m, aof_config.filename);
    log_notice("Creating AOF incr file %s on server start", name);
    int fd = aof_writer_new_file(name, true, &bytes);
    if (fd < 0 || !aof_store_manifest(m)) exit(1);
    aof_take_manifest(m);
    aof_writer_switch(fd, bytes);
    aof_status.current_bytes += bytes;
}

void aof_open_at_start(void) {
    struct aof_manifest m;
    if (!aof_make_dir() || !aof_lock_dir()) exit(1);
    aof_remove_temps();
    aof_sync_start();
    manifest_copy(&m, &aof_manifest);
    repl_open_log();
    if (!manifest_base(&m) && !manifest_last_incr(&m) && aof_config.use_rdb_preamble) make_base(&m);
    const struct aof_file *incr = manifest_last_incr(&m);
    if (!incr) {
        open_fresh_incr(&m);
    } else {
        log_notice("Opening AOF incr file %s on server start", incr->name);
        if (!aof_writer_append(incr->name)) exit(1);
        manifest_free(&m);
    }
    aof_status.state = AOF_ON;
    aof_remove_history();
}

/* --- turned on and off --- */

static bool start(void) {
    assert_that(aof_status.state == AOF_OFF);
    aof_status.state = AOF_WAIT_REWRITE;
    aof_status.last_write_ok = true;
    aof_sync_start();
    if (aof_rewrite_is_child()) { /* of the time when AOF was off: nothing goes with it that was written since */
        aof_status.rewrite_scheduled = true;
        log_notice(
            "AOF was enabled but there is already an AOF rewriting in background. Stopping background AOF "
            "and starting a rewrite now.");
        aof_rewrite_kill();
        return true;
    }
    if (child_active() != CHILD_NONE) {
        aof_status.rewrite_scheduled = true;
        log_notice("AOF was enabled but there is already another background operation. An AOF background was "
                   "scheduled to start when possible.");
        return true;
    }
    if (aof_hooks.log_is_behind && aof_hooks.log_is_behind()) {
        aof_status.rewrite_scheduled = true;
        log_notice("AOF was enabled during a transaction. An AOF background was scheduled to start when "
                   "possible.");
        return true;
    }
    if (aof_rewrite_start()) return true;
    aof_status.state = AOF_OFF;
    aof_unlock_dir();
    log_warning(
        "Redis needs to enable the AOF but can't trigger a background AOF rewrite operation. Check the "
        "above logs for more info about the error.");
    return false;
}

static void unlink_temp_incr(void) {
    sds temp = aof_temp_incr_name();
    unlink(aof_path(temp));
    sds_free(temp);
}

static void stop(void) {
    if (aof_status.state == AOF_ON) {
        aof_writer_flush(true);
        aof_writer_sync();
    }
    aof_rewrite_kill();
    aof_writer_close();
    if (aof_status.state == AOF_WAIT_REWRITE) unlink_temp_incr();
    aof_status.state = AOF_OFF;
    aof_status.rewrite_scheduled = false;
    aof_status.last_write_ok = true;
    aof_unlock_dir();
}

const char *aof_apply_enabled(void) {
    restart_tries = 0;
    if (!aof_config.enabled && aof_status.state != AOF_OFF)
        stop();
    else if (aof_config.enabled && aof_status.state == AOF_OFF && !start())
        return "Unable to turn on AOF. Check server logs.";
    return NULL;
}

/* What was left to the system so far is not left to it any longer. */
const char *aof_apply_fsync(void) {
    if (aof_config.fsync == AOF_FSYNC_ALWAYS && aof_writer_is_open()) {
        aof_writer_flush(true);
        aof_writer_sync();
    }
    return NULL;
}

void aof_leave_dir(void) {
    if (aof_status.state == AOF_ON) {
        aof_writer_flush(true);
        aof_writer_sync();
    }
    aof_rewrite_kill();
    if (aof_status.state == AOF_WAIT_REWRITE) unlink_temp_incr();
}

void aof_enter_dir(void) {
    if (aof_status.state == AOF_OFF) return;
    log_notice("The directory has changed: a rewrite will bring the append-only files there");
    aof_tail_set(-1); /* it stays in the old one, with the files that it belongs to */
    aof_rewrite_schedule();
}

/* --- as a replica --- */

void aof_before_full_sync(void) {
    if (aof_status.state != AOF_OFF) stop();
}

static void try_restart(void) {
    if (start()) {
        restart_tries = 0;
        return;
    }
    log_warning(
        "Failed enabling the AOF after successful master synchronization! Trying it again in one second.");
    next_try_ms = clock_ms() + 1000;
    if (--restart_tries > 0) return;
    log_warning(
        "FATAL: this replica instance finished the synchronization with its master, but the AOF can't be "
        "turned on. Exiting now.");
    exit(1);
}

void aof_after_full_sync(void) {
    if (!aof_config.enabled || aof_status.state != AOF_OFF) return;
    restart_tries = SYNC_TRIES;
    try_restart();
}

/* --- periodic, end --- */

void aof_cron(void) {
    if (rdb_loading.active) return;
    if (restart_tries && clock_ms() >= next_try_ms) try_restart();
    aof_writer_flush(false);
    aof_writer_check_place();
    aof_tail_cron();
    aof_rewrite_cron();
}

bool aof_shutdown(bool force) {
    if (aof_status.state == AOF_OFF) return true;
    if (aof_rewrite_is_child()) {
        if (aof_status.state == AOF_WAIT_REWRITE) {
            if (!force) {
                log_warning("Writing initial AOF, can't exit.");
                return false;
            }
            log_warning("Writing initial AOF. Exit anyway.");
        }
        log_warning("There is a child rewriting the AOF. Killing it!");
        aof_rewrite_kill();
    }
    log_notice("Calling fsync() on the AOF file.");
    aof_writer_flush(true);
    aof_writer_sync();
    return true;
}

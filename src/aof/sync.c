/* What is asked of the process that waits for the disk (event/syncer.h), and what follows from its answers.
 *
 * Invariant: at most one sync is asked for and not answered. One that fails, or whose process died, counts as not done. */
#include "aof/internal.h"

#include "base/log.h"
#include "event/syncer.h"

static bool undone; /* what was asked for last did not come about */

/* The system tells of a page that it could not write only once, and takes it for written from then on: a sync that goes well
 * after one that failed says nothing of what the first one lost. Only new files are sure to have all. */
void aof_sync_result(int error) {
    if (error && error != aof_status.sync_error_number)
        log_warning("Fail to fsync the AOF file: %s", strerror(error));
    if (!error && aof_status.sync_error_number) {
        log_warning(
            "The AOF file can be synced again. A rewrite makes sure that nothing is missing from it.");
        aof_rewrite_schedule();
    }
    aof_status.sync_error_number = error;
}

static void sync_done(int error) {
    undone = error != 0;
    aof_status.pending_syncs = 0;
    if (error != SYNCER_LOST) aof_sync_result(error);
}

static struct syncer syncer = SYNCER("tandem-aof-fsync", sync_done);

void aof_sync_start(void) {
    syncer_start(&syncer);
}

void aof_sync_stop(void) {
    syncer_stop(&syncer);
    aof_status.pending_syncs = 0;
}

bool aof_sync_busy(void) {
    return syncer.busy;
}

bool aof_sync_request(int fd) {
    if (syncer.busy) return true;
    if (!syncer_sync(&syncer, fd, SYNC_DATA)) return false;
    aof_status.pending_syncs = 1;
    return true;
}

void aof_sync_close(int fd) {
    syncer_close(&syncer, fd);
}

bool aof_sync_undone(void) {
    bool was = undone;
    undone = false;
    return was;
}

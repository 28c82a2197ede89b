/* The data at start, with the replication history that it carries: the append-only files when they are on, dump.rdb (when
 * it is there) when they are not. */
#include "server/server.h"

#include <stdlib.h>

#include "aof/aof.h"
#include "base/log.h"
#include "keyspace/db.h"
#include "rdb/rdb.h"
#include "repl/repl.h"

static void load_snapshot(void) {
    struct rdb_info info = {0};
    struct rdb_load_options options = {.replica = repl_is_replica(), .info = &info, .at_start = true};
    char err[512];
    switch (rdb_load_file(rdb_config.filename, &options, err, sizeof err)) {
    case RDB_NO_FILE: return;
    case RDB_FAILED: log_warning("Fatal error loading the DB: %s. Exiting.", err); exit(1);
    case RDB_LOADED: break;
    }
    snapshot_state.dirty_at_last_save = ks_dirty; /* what came from the file is in the file */
    if (info.has_repl) repl_restore_identity(&info);
}

void server_load_data(void) {
    aof_read_manifest();
    if (!aof_config.enabled) {
        load_snapshot();
        return;
    }
    aof_load_at_start();
    aof_open_at_start();
}

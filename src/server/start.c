/* The data at start: dump.rdb, when it is there, with the replication history that it carries. */
#include "server/server.h"

#include <stdlib.h>

#include "base/log.h"
#include "keyspace/db.h"
#include "rdb/rdb.h"
#include "repl/repl.h"

void server_load_data(void) {
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

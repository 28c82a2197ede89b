/* The data at start: dump.rdb, when it is there, with the replication history that it carries. */
#include "server/server.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "keyspace/db.h"
#include "rdb/rdb.h"
#include "repl/repl.h"
#include "server/config.h"

void server_load_data(void) {
    struct rdb_info info = {0};
    struct rdb_load_options options = {.replica = server_config.replicaof_host[0] != '\0', .info = &info};
    char err[512];
    uint64_t start_us = clock_mono_us();
    switch (rdb_load_file(rdb_config.filename, &options, err, sizeof err)) {
    case RDB_NO_FILE: return;
    case RDB_FAILED: log_warning("Fatal error loading the DB: %s. Exiting.", err); exit(1);
    case RDB_LOADED: break;
    }
    log_notice("DB loaded from disk: %.3f seconds", (double)(clock_mono_us() - start_us) / 1e6);
    snapshot_state.dirty_at_last_save = ks_dirty; /* what came from the file is in the file */
    if (info.has_repl) repl_restore_identity(&info);
}

/* The data at start, with the replication history that it carries: the append-only files when they are on, dump.rdb (when
 * it is there) when they are not. */
#include "server/server.h"

#include <stdlib.h>

#include "aof/aof.h"
#include "base/log.h"
#include "keyspace/db.h"
#include "rdb/rdb.h"
#include "repl/repl.h"

static struct rdb_info info;
static bool went_on; /* with the history in info */

static void go_on_with_history(void) {
    if (info.has_repl && !went_on) repl_restore_identity(&info);
    went_on = true;
}

/* Replicas that resume partially still have the key, hidden: it must end in the log, not only here. */
static void key_expired(int dbid, slice key) {
    slice del[] = {SLICE("DEL"), key};
    go_on_with_history(); /* the file tells it before its first key */
    repl_append_command(dbid, 2, del);
}

static void load_snapshot(void) {
    struct rdb_load_options options = {
        .replica = repl_is_replica(), .info = &info, .at_start = true, .key_expired = key_expired};
    char err[512];
    switch (rdb_load_file(rdb_config.filename, &options, err, sizeof err)) {
    case RDB_NO_FILE: return;
    case RDB_FAILED: log_warning("Fatal error loading the DB: %s. Exiting.", err); exit(1);
    case RDB_LOADED: break;
    }
    snapshot_state.dirty_at_last_save = ks_dirty; /* what came from the file is in the file */
    go_on_with_history();
}

void server_load_data(void) {
    rdb_remove_temps(".");
    aof_read_manifest();
    if (!aof_config.enabled) {
        load_snapshot();
        return;
    }
    aof_load_at_start();
    aof_open_at_start();
}

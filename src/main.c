/* Start-up and wiring: the only file that sees every room.
 *
 * Calls against the arrow of the rooms are callbacks, and all of them are set here, in wire(): who executes a request,
 * who hears of an expired key, who waits for a snapshot. Then the order of the start: settings, process, rooms from the
 * bottom up, sockets, data, loop. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "aof/aof.h"
#include "client/client.h"
#include "command/access.h"
#include "command/blocking.h"
#include "command/command.h"
#include "command/propagate.h"
#include "command/tracking.h"
#include "event/loop.h"
#include "event/signals.h"
#include "keyspace/db.h"
#include "rdb/rdb.h"
#include "repl/repl.h"
#include "server/acl.h"
#include "server/config.h"
#include "server/info.h"
#include "server/server.h"

/* --- hooks --- */

static void client_closed(struct client *c) {
    dispatch_closed(c);
    repl_client_closed(c);
}

static bool may_accept(struct client *c) {
    access_begin(c);
    return server_may_accept(c);
}

/* A replica neither deletes what has expired nor speaks as a master in the log. */
static void role_changed(bool is_replica) {
    log_set_role(is_replica ? 'S' : 'M');
    ks_set_expire_mode(is_replica ? KS_EXPIRE_HIDE : KS_EXPIRE_DELETE);
    if (is_replica) block_became_replica();
    server_role_changed();
}

static void key_modified(struct db *db, slice key) {
    watch_key_modified(db, key);
    blocking_key_modified(db, key);
    tracking_key_modified(db, key);
}

static void db_flushed(int dbid) {
    watch_before_flush(dbid);
    blocking_before_flush(dbid);
    tracking_flushed();
}

static void dbs_swapped(int a, int b) {
    watch_before_swap(a, b);
    blocking_before_swap(a, b);
    tracking_flushed();
}

static bool persistence_disabled(void) {
    return server_config.save_point_count == 0 && !aof_config.enabled;
}

static bool saves_regularly(void) {
    return server_config.save_point_count > 0;
}

static void synced(void) {
    watch_all_replaced();
    blocking_all_replaced();
    tracking_flushed();
    aof_after_full_sync();
    server_notify_supervisor(
        "STATUS=MASTER <-> REPLICA sync: Finished with success. Ready to accept connections "
        "in read-write mode.\nREADY=1\n");
}

static void wire(void) {
    static const struct client_hooks client = {.prepare = dispatch_prepare,
                                               .execute = dispatch_execute,
                                               .closing = repl_client_closing,
                                               .closed = client_closed,
                                               .facts = dispatch_facts,
                                               .memory = dispatch_memory,
                                               .may_accept = may_accept};
    static const struct ks_hooks keyspace = {.expired = propagate_expired,
                                             .evicted = propagate_evicted,
                                             .modified = key_modified,
                                             .flushed = db_flushed,
                                             .swapped = dbs_swapped,
                                             .notify = notify_event};
    static const struct repl_hooks repl = {.role_changed = role_changed,
                                           .before_flush = aof_before_full_sync,
                                           .loaded = synced,
                                           .persistence_disabled = persistence_disabled,
                                           .saves_regularly = saves_regularly,
                                           .hold_writes = block_hold_writes,
                                           .slow_writes = block_slow_writes};
    static const struct aof_hooks aof = {.execute = dispatch_replay, .log_is_behind = propagate_pending};
    client_set_hooks(&client);
    ks_set_hooks(&keyspace);
    repl_set_hooks(&repl);
    aof_set_hooks(&aof);
}

/* --- start --- */

static void init_rooms(void) {
    ev_init();
    signals_init(server_stop_signal);
    ks_init(server_config.databases);
    rdb_init();
    aof_init();
    tracking_init();
    repl_init(); /* before the clients: replicas are fed before replies leave */
    client_room_init();
    info_init();
    dispatch_init();
    wire();
}

static void announce(void) {
    bool replica = repl_is_replica();
    if (server_config.port) log_notice("Ready to accept connections");
    if (server_config.unixsocket[0])
        log_notice("The server is now ready to accept connections at %s", server_config.unixsocket);
    if (replica) {
        server_notify_supervisor(
            "STATUS=Ready to accept connections in read-only mode. Waiting for MASTER <-> "
            "REPLICA sync\nREADY=1\n");
    } else {
        server_notify_supervisor("STATUS=Ready to accept connections\nREADY=1\n");
    }
}

int main(int argc, char **argv) {
    setlocale(LC_COLLATE, ""); /* SORT ... ALPHA */
    server_process_init(argc, argv);
    command_init();
    access_init(); /* the configuration may declare users, and they name commands */
    config_rename_command = command_rename;
    config_init();
    config_load_args(argc, argv);
    server_process_start();
    server_process_limits();
    init_rooms();
    if (!server_listen()) return 1;
    server_process_ready();
    log_warning("Server initialized");
    if (!acl_start()) return 1;
    server_cron_start();
    if (server_config.replicaof_host[0])
        repl_replicaof(server_config.replicaof_host, server_config.replicaof_port);
    server_load_data();
    announce();
    ev_run();
}

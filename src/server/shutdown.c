/* Stopping: SHUTDOWN, SIGTERM and SIGINT.
 *
 * RUNNING -> WAITING (replicas lag; writes are held back) -> gone. WAITING ends when all replicas have acknowledged
 * everything or the time is up; it returns to RUNNING by SHUTDOWN ABORT, or when the final save fails without FORCE.
 * Nothing is closed before the save has succeeded, so that a refused shutdown leaves a server that works. */
#include "server/shutdown.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "aof/aof.h"
#include "base/clock.h"
#include "base/log.h"
#include "client/client.h"
#include "event/child.h"
#include "event/signals.h"
#include "keyspace/db.h"
#include "rdb/rdb.h"
#include "repl/repl.h"
#include "server/config.h"
#include "server/process.h"
#include "server/server.h"

enum { CHILD_END_MS = 1000 }; /* a killed child is waited for so long */

static struct {
    bool waiting;
    uint64_t until_ms; /* monotonic */
    int flags;
    void (*given_up)(void);
} stopping;

bool server_shutting_down(void) {
    return stopping.waiting;
}

void server_set_shutdown_hook(void (*given_up)(void)) {
    stopping.given_up = given_up;
}

int64_t server_shutdown_left_ms(void) {
    uint64_t now_ms = clock_mono_ms();
    return stopping.waiting && stopping.until_ms > now_ms ? (int64_t)(stopping.until_ms - now_ms) : 0;
}

static bool all_in_sync(void) {
    struct repl_peer_info p;
    for (size_t i = 0; repl_peer_info(i, &p); i++) {
        if (p.offset != repl_offset()) return false;
    }
    return true;
}

static void report_replicas(void) {
    struct repl_peer_info p;
    int in_sync = 0, count = 0;
    for (; repl_peer_info((size_t)count, &p); count++) {
        if (p.offset == repl_offset()) {
            in_sync++;
            continue;
        }
        log_warning("Lagging replica %s:%d reported offset %lld behind master, lag=%lld, state=%s.", p.ip,
                    p.port, (long long)(repl_offset() - p.offset), (long long)p.lag_s, p.state);
    }
    if (count) log_notice("%d of %d replicas are in sync when shutting down.", in_sync, count);
}

static void end_child(void) {
    if (child_active() == CHILD_SNAPSHOT) {
        log_warning("There is a child saving an .rdb. Killing it!");
        snapshot_kill();
    }
}

/* false: the data could not be saved and nobody said FORCE. */
static bool final_save(int flags) {
    bool save = (flags & SHUTDOWN_SAVE) || (server_config.save_point_count && !(flags & SHUTDOWN_NOSAVE));
    /* What is loaded so far is not the data: never save it over the file that it comes from. */
    if (!save || rdb_loading.active) return true;
    if (repl_data_incomplete() && !(flags & SHUTDOWN_SAVE)) {
        log_warning("Not saving: a full synchronization failed and the data is incomplete. The RDB file "
                    "stays as it is.");
        return true;
    }
    log_notice("Saving the final RDB snapshot before exiting.");
    server_notify_supervisor("STATUS=Saving the final RDB snapshot\n");
    struct rdb_info info;
    repl_fill_rdb_info(&info);
    if (rdb_save_now(&info)) return true;
    if (flags & SHUTDOWN_FORCE) {
        log_warning("Error trying to save the DB. Exit anyway.");
        return true;
    }
    log_warning("Error trying to save the DB, can't exit.");
    server_notify_supervisor("STATUS=Error trying to save the DB, can't exit.\n");
    return false;
}

/* All that has to be done before the process may go. */
static bool put_in_order(void) {
    report_replicas();
    end_child();
    if (!aof_shutdown(stopping.flags & SHUTDOWN_FORCE)) return false;
    child_kill(SIGUSR1); /* a rewrite without append-only files */
    child_wait_end(CHILD_END_MS);
    if (!final_save(stopping.flags)) return false;
    process_remove_pid_file();
    repl_settle_files();
    for (struct client *c = client_first(); c; c = c->next) client_flush(c);
    server_remove_socket_file();
    client_stop_listening();
    return true;
}

static bool finish(void) {
    if (!put_in_order()) {
        log_warning("Errors trying to shut down the server. Check the logs for more information.");
        return false;
    }
    log_warning("Redis is now ready to exit, bye bye...");
    exit(0);
}

void server_restart(bool gently, int delay_ms) {
    if (access(server_executable(), X_OK) != 0) {
        log_warning("Can't restart: this process has no permissions to execute %s", server_executable());
        return;
    }
    const char *err = gently && config_file() ? config_rewrite(false) : NULL;
    if (err) {
        log_warning("Can't restart: configuration rewrite process failed: %s", err);
        return;
    }
    stopping.flags = 0;
    if (gently && !put_in_order()) {
        log_warning("Can't restart: error preparing for shutdown");
        return;
    }
    if (delay_ms > 0) usleep((useconds_t)delay_ms * 1000);
    process_execute_again();
}

static void give_up(void) {
    stopping.waiting = false;
    ks_hold_expiry(false);
    if (stopping.given_up) stopping.given_up();
}

bool server_shutdown(int flags) {
    if (stopping.waiting) { /* asked again: with NOW or FORCE it need not wait any longer */
        stopping.flags |= flags;
        if (!(flags & SHUTDOWN_NOW)) return true;
        if (finish()) return true;
        give_up();
        return false;
    }
    log_warning("User requested shutdown...");
    server_notify_supervisor("STOPPING=1\n");
    stopping.flags = flags;
    if (!(flags & SHUTDOWN_NOW) && server_config.shutdown_timeout_s && !all_in_sync()) {
        stopping.waiting = true;
        ks_hold_expiry(true);
        stopping.until_ms = clock_mono_ms() + (uint64_t)server_config.shutdown_timeout_s * 1000;
        repl_request_acks(); /* once: each request lengthens what is to be acknowledged */
        log_notice("Waiting for replicas before shutting down.");
        return true;
    }
    return finish();
}

void shutdown_check(void) {
    if (!stopping.waiting) return;
    bool time_is_up = clock_mono_ms() >= stopping.until_ms;
    if (!time_is_up && !all_in_sync()) return;
    if (!finish()) give_up();
}

bool server_shutdown_abort(void) {
    if (!stopping.waiting) return false;
    log_notice("Shutdown manually aborted.");
    give_up();
    return true;
}

void server_stop_signal(int signo) {
    int flags = signo == SIGINT ? server_config.shutdown_on_sigint : server_config.shutdown_on_sigterm;
    if (server_shutdown(flags)) return;
    log_warning(
        "SIGTERM received but errors trying to shut down the server, check the logs for more information");
    signals_stop_refused();
}

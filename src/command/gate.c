/* May this request run now? The checks of Redis 7.0, in its order, because a request that fails several must get the
 * same error from both servers.
 *
 * A refusal inside MULTI marks the transaction, so that EXEC fails; the refusal of EXEC itself ends it. Our master's
 * commands are obeyed whatever the state, except that a replica that loads doesn't execute. */
#include "command/dispatch.h"

#include <stdio.h>
#include "aof/aof.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "command/access.h"
#include "command/handlers.h"
#include "rdb/rdb.h"
#include "repl/repl.h"
#include "server/config.h"
#include "server/memory_limit.h"

#define MISCONF                                                                                              \
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. "      \
    "Commands that may modify the data set are disabled, because this instance is configured to report "     \
    "errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the " \
    "Redis logs for details about the RDB error."

/* The refusal of a command by the state of server or connection: counted, and fatal to an open transaction. */
static void reject(struct client *c, struct command *cmd, const char *text) {
    if (c->flags & CLIENT_MULTI) c->flags |= CLIENT_DIRTY_EXEC;
    if (cmd) cmd->stats.rejected++;
    if (cmd && cmd->run == exec_command) /* Redis leaves the code out of the errors that it formats */
        exec_abort(c, strncmp(text, "ERR wrong number", 16) == 0 ? text + 4 : text);
    else
        reply_error(&c->out, text);
}

/* --- there is no such command --- */

/* A browser that was made to talk to us: the first words of an HTTP request. */
static bool is_http(slice name) {
    return slice_is(name, "post") || slice_is(name, "host:");
}

static void refuse_http(struct client *c) {
    static int64_t logged_ms;
    if (c->created_ms - logged_ms > 60000) {
        char addr[128];
        client_peer_name(c, addr, sizeof addr);
        log_warning(
            "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: commands "
            "to Redis. This is likely due to an attacker attempting to use Cross Protocol Scripting to "
            "compromise your Redis instance. Connection from %s aborted.",
            addr);
        logged_ms = c->created_ms;
    }
    client_close(c);
}

static void refuse_unknown(struct client *c, const slice *argv, int argc) {
    enum { SHOWN = 128 };
    if (is_http(argv[0])) {
        refuse_http(c);
        return;
    }
    sds args = sds_empty();
    for (int i = 1; i < argc && sds_len(args) < SHOWN; i++) {
        size_t room = SHOWN - sds_len(args);
        args = sds_cat_printf(args, "'%.*s' ", (int)(argv[i].n < room ? argv[i].n : room), argv[i].p);
    }
    sds text = sds_cat_printf(sds_empty(), "ERR unknown command '%.*s', with args beginning with: %s",
                              (int)(argv[0].n < SHOWN ? argv[0].n : SHOWN), argv[0].p, args);
    reject(c, NULL, text);
    sds_free(args);
    sds_free(text);
}

/* A container is found instead of its subcommand when there is no such subcommand, or no word for one. */
static bool exists(struct client *c, struct command *cmd, const slice *argv, int argc) {
    if (!cmd) {
        refuse_unknown(c, argv, argc);
        return false;
    }
    if (likely(!cmd->subcommands || argc < 2)) return true;
    if (c->flags & CLIENT_MULTI) c->flags |= CLIENT_DIRTY_EXEC;
    cmd_unknown_subcommand(c, argv);
    return false;
}

/* --- the state of connection and server --- */

static bool arity_ok(struct client *c, struct command *cmd, int argc) {
    if (likely(command_arity_ok(cmd, argc) && cmd->run)) return true;
    char text[128];
    snprintf(text, sizeof text, "ERR wrong number of arguments for '%s' command", cmd->name);
    reject(c, cmd, text);
    return false;
}

static bool protected_ok(const struct client *c) {
    int who = server_config.enable_debug_command;
    return who == PROTECTED_YES || (who == PROTECTED_LOCAL && access_is_local(c));
}

static const char *txn_refusal(const struct client *c, const struct command *cmd) {
    if (unlikely(c->flags & CLIENT_MULTI) && (cmd->flags & CMD_NO_MULTI))
        return "ERR Command not allowed inside a transaction";
    return NULL;
}

static const char *limited_refusal(const struct client *c, const struct command *cmd, const slice *argv,
                                   int argc) {
    if (access_needs_sign_in(c, cmd)) return "NOAUTH Authentication required.";
    const char *refusal = txn_refusal(c, cmd);
    return refusal ? refusal : access_refusal(c, cmd, argv, argc);
}

static const char *connection_refusal(const struct client *c, const struct command *cmd, const slice *argv,
                                      int argc) {
    if (unlikely(cmd->flags & CMD_PROTECTED) && !protected_ok(c))
        return "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you "
               "can run "
               "it from a local connection, otherwise you need to set this option in the configuration file, "
               "and "
               "then restart the server.";
    return unlikely(c->limited) ? limited_refusal(c, cmd, argv, argc) : txn_refusal(c, cmd);
}

static bool snapshot_failed(void) {
    return rdb_config.stop_writes_on_error && server_config.save_point_count > 0 && !snapshot_state.last_ok;
}

/* What our master wrote can't be refused. It is applied although it will not get to the disk, or this is the end: a replica
 * that lost its disk must not be taken for one that has the data. */
static void check_disk_for_master(const struct command *cmd, bool is_write) {
    enum { LOGGED_EVERY_MS = 10000 };
    static int64_t logged_ms;
    if (!is_write && cmd->run != ping_command) return;
    if (likely(!snapshot_failed() && !aof_error())) return;
    if (!repl_config.ignore_disk_write_errors && is_write)
        panic("Replica was unable to write command to disk.");
    if (logged_ms && clock_steady_ms() - logged_ms < LOGGED_EVERY_MS) return;
    logged_ms = clock_steady_ms();
    log_warning("Replica is applying a command even though it is unable to write to disk.");
}

static const char *aof_refusal(void) {
    static char text[128];
    snprintf(text, sizeof text, "MISCONF Errors writing to the AOF file: %s", strerror(aof_error()));
    return text;
}

static const char *write_refusal(const struct command *cmd, bool is_write) {
    if (!is_write && cmd->run != ping_command) return NULL;
    if (unlikely(snapshot_failed())) return MISCONF;
    if (unlikely(aof_error())) return aof_refusal();
    if (!is_write) return NULL;
    if (unlikely(repl_is_replica()))
        return repl_config.replica_read_only ? "READONLY You can't write against a read only replica." : NULL;
    if (unlikely(repl_config.min_replicas_to_write > 0 && repl_config.min_replicas_max_lag_s > 0) &&
        repl_good_replicas() < (size_t)repl_config.min_replicas_to_write)
        return "NOREPLICAS Not enough good replicas to write.";
    return NULL;
}

/* PSYNC reads no data, and knows better than the gate what to answer without a link: FAILOVER's is what makes us a master. */
static bool needs_link(const struct command *cmd) {
    return repl_is_replica() && !repl_link_up() && cmd->run != psync_command;
}

/* flags: of the command, or for EXEC of its queue; lacking: those that it, or one of the queue, does not have. */
static const char *state_refusal(const struct client *c, const struct command *cmd, uint32_t flags,
                                 uint32_t lacking) {
    if (unlikely((lacking & CMD_STALE) && !repl_config.replica_serve_stale_data) && needs_link(cmd))
        return "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.";
    if (unlikely(rdb_loading.active) &&
        (rdb_loading.async ? flags & CMD_NO_ASYNC_LOADING : lacking & CMD_LOADING))
        return "LOADING Redis is loading the dataset in memory";
    if (unlikely(c->flags & (CLIENT_REPLICA | CLIENT_MONITOR)) &&
        ((flags & CMD_WRITE) || (cmd->flags & (CMD_READONLY | CMD_MAY_REPLICATE | CMD_WRITE))))
        return "ERR Replica can't interact with the keyspace";
    return NULL;
}

/* In RESP2 a subscriber's connection carries messages, and replies could not be told from them. */
static bool subscriber_may(const struct command *cmd) {
    return cmd->run == ping_command || cmd->run == subscribe_command || cmd->run == unsubscribe_command ||
           cmd->run == psubscribe_command || cmd->run == punsubscribe_command ||
           cmd->run == ssubscribe_command || cmd->run == sunsubscribe_command || cmd->run == quit_command ||
           cmd->run == reset_command;
}

static const char *subscriber_refusal(const struct client *c, const struct command *cmd) {
    static char text[256];
    if (c->out.proto != 2 || subscriber_may(cmd)) return NULL;
    snprintf(text, sizeof text,
             "ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are "
             "allowed in this context",
             cmd->name);
    return text;
}

/* In MULTI anything that would be queued is refused, because a queue takes memory without end. What our master sends is
 * executed whatever it takes: a replica that leaves something out is no replica. */
static const char *memory_refusal(const struct client *c, const struct command *cmd, bool deny) {
    if (memory_make_room() != MEMORY_FULL || c->flags & CLIENT_MASTER) return NULL;
    bool queued = (c->flags & CLIENT_MULTI) && cmd->run != exec_command && cmd->run != discard_command &&
                  cmd->run != quit_command && cmd->run != reset_command;
    return deny || queued ? "OOM command not allowed when used memory > 'maxmemory'." : NULL;
}

bool gate_pass(struct client *c, struct command *cmd, const slice *argv, int argc) {
    if (unlikely(!exists(c, cmd, argv, argc)) || unlikely(!arity_ok(c, cmd, argc))) return false;
    uint32_t flags = cmd->flags, lacking = ~cmd->flags;
    const struct txn *txn = txn_peek(c);
    if (unlikely(txn && cmd->run == exec_command)) { /* it is what its queue is */
        flags |= txn->flags;
        lacking |= txn->lacking;
    }
    bool obeyed = c->flags & CLIENT_MASTER, is_write = flags & CMD_WRITE;
    const char *refusal = connection_refusal(c, cmd, argv, argc);
    if (unlikely(memory_limited) && !refusal) refusal = memory_refusal(c, cmd, flags & CMD_DENYOOM);
    if (unlikely(obeyed))
        check_disk_for_master(cmd, is_write);
    else if (likely(!refusal))
        refusal = write_refusal(cmd, is_write);
    if (unlikely(c->flags & CLIENT_PUBSUB) && !refusal) refusal = subscriber_refusal(c, cmd);
    if (likely(!refusal)) refusal = state_refusal(c, cmd, flags, lacking);
    if (likely(!refusal)) return true;
    reject(c, cmd, refusal);
    return false;
}

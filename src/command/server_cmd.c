/* Commands about the whole server: its data (SAVE, FLUSHALL, SWAPDB...), settings and end. */
#include "command/dispatch.h"

#include "aof/aof.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/sds.h"
#include "command/access.h"
#include "command/handlers.h"
#include "command/propagate.h"
#include "event/child.h"
#include "rdb/rdb.h"
#include "repl/repl.h"
#include "server/config.h"
#include "server/info.h"
#include "server/server.h"

/* --- INFO, CONFIG --- */

void info_command(struct client *c, const slice *argv, int argc) {
    sds s = info_build(argv + 1, argc - 1);
    reply_verbatim(&c->out, "txt", s, sds_len(s));
    sds_free(s);
}

struct config_reply {
    struct reply_buf *b;
    int64_t n;
};

static void reply_setting(void *ctx, const char *name, slice value) {
    struct config_reply *r = ctx;
    reply_bulk_str(r->b, name);
    reply_bulk(r->b, value.p, value.n);
    r->n++;
}

void config_get_command(struct client *c, const slice *argv, int argc) {
    struct reply_mark m = reply_defer(&c->out);
    struct config_reply r = {&c->out, 0};
    config_get(argv + 2, argc - 2, reply_setting, &r);
    reply_defer_map(&c->out, m, r.n);
}

void config_set_command(struct client *c, const slice *argv, int argc) {
    if (argc % 2) {
        cmd_syntax_error(c);
        return;
    }
    config_caller_is_local = access_is_local(c);
    if (config_set_must_wait(argv + 2, (argc - 2) / 2)) {
        reply_error(&c->out, "LOADING Redis is loading the dataset in memory");
        return;
    }
    const char *err = config_set(argv + 2, (argc - 2) / 2);
    if (err)
        reply_errorf(&c->out, "ERR %s", err);
    else
        reply_ok(&c->out);
}

void config_rewrite_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    if (!config_file()) {
        reply_error(&c->out, "ERR The server is running without a config file");
        return;
    }
    const char *err = config_rewrite(false);
    if (err) {
        log_warning("CONFIG REWRITE failed: %s", err);
        reply_errorf(&c->out, "ERR Rewriting config file: %s", err);
    } else {
        log_warning("CONFIG REWRITE executed with success.");
        reply_ok(&c->out);
    }
}

void config_resetstat_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    server_stats_reset();
    command_stats_reset();
    reply_ok(&c->out);
}

void config_help_command(struct client *c, const slice *argv, int argc) {
    static const char *const lines[] = {"GET <pattern> [<pattern> ...]",
                                        "    The settings whose names match one of the patterns.",
                                        "SET <directive> <value> [<directive> <value> ...]",
                                        "    Change settings, all or none.",
                                        "RESETSTAT",
                                        "    Set the statistics of INFO to zero.",
                                        "REWRITE",
                                        "    Write the settings to the configuration file.",
                                        NULL};
    (void)argv, (void)argc;
    cmd_help(c, "CONFIG", lines);
}

/* --- saving --- */

void save_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    struct rdb_info info;
    if (snapshot_running()) {
        reply_error(&c->out, "ERR Background save already in progress");
        return;
    }
    repl_fill_rdb_info(&info);
    if (rdb_save_now(&info))
        reply_ok(&c->out);
    else
        reply_error(&c->out, "ERR");
}

void bgsave_command(struct client *c, const slice *argv, int argc) {
    struct rdb_info info;
    bool in_exec = c->flags & CLIENT_MULTI;
    if (argc > 2 || (argc == 2 && !slice_is(argv[1], "schedule"))) {
        cmd_syntax_error(c);
    } else if (snapshot_running()) {
        reply_error(&c->out, "ERR Background save already in progress");
    } else if (child_active() != CHILD_NONE || in_exec) {
        if (argc == 2 || in_exec) {
            snapshot_state.scheduled = true;
            reply_status(&c->out, "Background saving scheduled");
        } else {
            reply_error(
                &c->out,
                "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in "
                "order to schedule a BGSAVE whenever possible.");
        }
    } else {
        repl_fill_rdb_info(&info);
        if (snapshot_start_disk(&info))
            reply_status(&c->out, "Background saving started");
        else
            reply_error(&c->out, "ERR");
    }
}

void bgrewriteaof_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    if (aof_status.rewrite_running) {
        reply_error(&c->out, "ERR Background append only file rewriting already in progress");
    } else if (child_active() != CHILD_NONE || (c->flags & CLIENT_MULTI)) {
        aof_rewrite_schedule();
        reply_status(&c->out, "Background append only file rewriting scheduled");
    } else if (aof_rewrite_start()) {
        reply_status(&c->out, "Background append only file rewriting started");
    } else {
        reply_error(&c->out,
                    "ERR Can't execute an AOF background rewriting. Please check the server logs for more "
                    "information.");
    }
}

void lastsave_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    reply_int(&c->out, snapshot_state.last_save_s);
}

/* --- whole databases --- */

void dbsize_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    reply_int(&c->out, (int64_t)db_size(client_db(c)));
}

static bool parse_flush(struct client *c, const slice *argv, int argc, bool *lazily) {
    *lazily = server_config.lazyfree_user_flush;
    if (argc == 1) return true;
    if (argc == 2 && (slice_is(argv[1], "async") || slice_is(argv[1], "sync"))) {
        *lazily = slice_is(argv[1], "async");
        return true;
    }
    cmd_syntax_error(c);
    return false;
}

/* Goes to replicas even when there was nothing to delete here: there may be something there. */
void flushdb_command(struct client *c, const slice *argv, int argc) {
    bool lazily;
    if (!parse_flush(c, argv, argc, &lazily)) return;
    struct db *db = client_db(c);
    ks_dirty += db_size(db);
    db_flush(db, lazily);
    propagate_force();
    reply_ok(&c->out);
}

/* A snapshot of what is gone is of no use; the file on disk is emptied too. ks_dirty still counts as unsaved, so that the
 * next save point is sure to come. */
static void save_emptiness(void) {
    struct rdb_info info;
    if (snapshot_running()) snapshot_kill();
    if (server_config.save_point_count == 0) return;
    uint64_t saved = snapshot_state.dirty_at_last_save;
    repl_fill_rdb_info(&info);
    rdb_save_now(&info);
    snapshot_state.dirty_at_last_save = saved;
}

void flushall_command(struct client *c, const slice *argv, int argc) {
    bool lazily;
    if (!parse_flush(c, argv, argc, &lazily)) return;
    ks_dirty += ks_keys();
    ks_flush_all(lazily);
    save_emptiness();
    ks_dirty++;
    propagate_force();
    reply_ok(&c->out);
}

void swapdb_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    int64_t a, b;
    if (!cmd_int_in(c, argv[1], INT32_MIN, INT32_MAX, &a, "ERR invalid first DB index")) return;
    if (!cmd_int_in(c, argv[2], INT32_MIN, INT32_MAX, &b, "ERR invalid second DB index")) return;
    if (!ks_db((int)a) || !ks_db((int)b)) {
        reply_error(&c->out, "ERR DB index is out of range");
        return;
    }
    ks_swap((int)a, (int)b);
    ks_dirty++;
    reply_ok(&c->out);
}

/* --- SHUTDOWN --- */

static bool parse_shutdown(const slice *argv, int argc, int *flags, bool *abort) {
    *flags = 0;
    *abort = false;
    for (int i = 1; i < argc; i++) {
        if (slice_is(argv[i], "nosave"))
            *flags |= SHUTDOWN_NOSAVE;
        else if (slice_is(argv[i], "save"))
            *flags |= SHUTDOWN_SAVE;
        else if (slice_is(argv[i], "now"))
            *flags |= SHUTDOWN_NOW;
        else if (slice_is(argv[i], "force"))
            *flags |= SHUTDOWN_FORCE;
        else if (slice_is(argv[i], "abort"))
            *abort = true;
        else
            return false;
    }
    return !(*abort && *flags) &&
           (*flags & (SHUTDOWN_NOSAVE | SHUTDOWN_SAVE)) != (SHUTDOWN_NOSAVE | SHUTDOWN_SAVE);
}

void shutdown_command(struct client *c, const slice *argv, int argc) {
    int flags;
    bool abort;
    if (!parse_shutdown(argv, argc, &flags, &abort)) {
        cmd_syntax_error(c);
        return;
    }
    if (abort) {
        if (server_shutdown_abort())
            reply_ok(&c->out);
        else
            reply_error(&c->out, "ERR No shutdown in progress.");
        return;
    }
    if (server_shutdown(flags))
        block_for_shutdown(c);
    else
        reply_error(&c->out, "ERR Errors trying to SHUTDOWN. Check logs.");
}

/* --- small ones --- */

void time_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    int64_t us = clock_wall_us();
    reply_array(&c->out, 2);
    reply_bulk_int(&c->out, us / 1000000);
    reply_bulk_int(&c->out, us % 1000000);
}

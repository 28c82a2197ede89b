/* Append-only files: the log on disk, as a reader of it (repl/backlog.h).
 *
 * Layout on disk, as Redis 7.0: a directory with a manifest that names one base file (the data at some offset, as RDB or
 * as commands) and incr files (the log's bytes from there on). In front of its bytes each incr file of ours says where
 * they belong: which history, which offset (marks.h). So a byte on disk has a replication offset, and a restart goes on
 * with the history where the file ends. What a rewrite replaces stays as a tail beside its base as long as replicas may need
 * it (tail.c).
 *
 * The cursor is fed to the file at the end of each turn, before any reply leaves: with appendfsync always there is one
 * fsync a turn for all that the turn wrote. With everysec a helper process syncs (sync.c), and the loop doesn't wait. */
#ifndef TANDEM_AOF_AOF_H
#define TANDEM_AOF_AOF_H

#include "client/client.h"

enum aof_fsync { AOF_FSYNC_NO, AOF_FSYNC_EVERYSEC, AOF_FSYNC_ALWAYS };

struct aof_config { /* server/config's rows point here */
    bool enabled;   /* appendonly; what really goes on is aof_status.state */
    char *filename, *dirname;
    int fsync; /* enum aof_fsync */
    bool no_fsync_on_rewrite, load_truncated, use_rdb_preamble, timestamps, rewrite_incremental_fsync;
    int rewrite_percentage;
    uint64_t rewrite_min_bytes;
};
extern struct aof_config aof_config;

enum aof_state {
    AOF_OFF,
    AOF_ON,
    AOF_WAIT_REWRITE /* turned on at run time: what is on disk counts only when the first rewrite is done */
};

struct aof_status { /* INFO's aof_* fields; only this room writes it */
    enum aof_state state;
    bool rewrite_running, rewrite_scheduled;
    uint64_t rewrite_keys_total;             /* of the one that runs */
    int64_t last_rewrite_s, rewrite_start_s; /* -1: none; durations in seconds, start by the wall clock */
    bool last_rewrite_ok;
    uint64_t rewrites;
    int consecutive_failures;
    bool last_write_ok;
    int error_number;                      /* why not */
    int sync_error_number;                 /* of the last sync by the helper; 0: it went well */
    uint64_t current_bytes, base_bytes;    /* all files now; after the last rewrite (or load) */
    uint64_t delayed_fsync, pending_syncs; /* pending: being done by the helper */
};
extern struct aof_status aof_status;

struct aof_hooks {
    /* Executes a command that a file holds. false: there is none of that name. */
    bool (*execute)(struct client *c, const slice *argv, int argc);
    /* The data already shows effects of a transaction under way that the log does not hold yet: no time for a fork. */
    bool (*log_is_behind)(void);
};
void aof_set_hooks(const struct aof_hooks *hooks);

/* Before client_room_init: replies wait for its BEFORE_WAIT hook. */
void aof_init(void);

/* --- at start --- */
/* Reads the manifest whether AOF is on or not (file names go on counting); one that is damaged ends the process. */
void aof_read_manifest(void);
/* Loads what the manifest names, upgrading an old single file, and takes up the history. Ends the process when that
 * can't be. false: there is nothing to load. */
bool aof_load_at_start(void);
void aof_open_at_start(void); /* goes on in the last incr file; makes base and incr where there are none */

/* --- while running --- */
const char *aof_apply_enabled(void); /* CONFIG SET appendonly: NULL or the error text */
const char *aof_apply_fsync(void);   /* CONFIG SET appendfsync */
void aof_leave_dir(void);            /* CONFIG SET dir: before the process changes its directory... */
void aof_enter_dir(void); /* ...and after: what is written goes on in the old one until a rewrite is there */
bool aof_rewrite_start(void);    /* BGREWRITEAOF; false: logged */
void aof_rewrite_schedule(void); /* as soon as no other child runs */
bool aof_reload(void);           /* DEBUG LOADAOF: the data is what the files hold; false: logged */
void aof_before_full_sync(void); /* repl_hooks.before_flush: the history ends */
void aof_after_full_sync(void);  /* repl_hooks.loaded: a new base */
void aof_cron(void);             /* hz times a second */
/* DEBUG AOF-FLUSH-SLEEP: before each write, as a slow disk would; 0: none. */
extern unsigned aof_flush_sleep_us;
uint64_t aof_unwritten_bytes(void);
/* A write of this server's own that is no part of the log, because that is its master's: to the file, in the place where the
 * log ends now. dbid -1: MULTI and EXEC belong to no database. */
void aof_append_aside(int dbid, slice raw);
int aof_error(void); /* errno of what keeps the log from getting to the disk just now; 0: nothing */
/* Everything to the disk, before the process ends. false: the first rewrite is not done, and nobody said force. */
bool aof_shutdown(bool force);
void aof_stats_reset(void); /* CONFIG RESETSTAT */

#endif

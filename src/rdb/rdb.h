/* RDB: saving the key space to a stream or file, loading it, and the forked snapshot.
 *
 * Format facts are in rdb/format.h, the byte streams in rdb/stream.h. Written: version 10, as Redis 7.0.15. Read: 1 to 11.
 * Value types slot in as rows of two tables in rdb/codec.c; save and load don't change for them. */
#ifndef TANDEM_RDB_RDB_H
#define TANDEM_RDB_RDB_H

#include "keyspace/db.h"
#include "rdb/stream.h"

/* --- replication identity carried in a file --- */
#define RDB_PAST_BYTES_MAX 512 /* with its NUL */

struct rdb_info {
    bool has_repl; /* save: write the three aux fields; load: all of them were there */
    int repl_stream_db;
    char repl_id[41];
    int64_t repl_offset;
    char repl_past[RDB_PAST_BYTES_MAX]; /* "repl-past", of our own: former names of the history; "": none */
};

struct rdb_config { /* server/config's rows point here; the initialisers are Redis's defaults */
    bool compression, checksum, save_incremental_fsync, del_sync_files, stop_writes_on_error;
    int sanitize_dump_payload; /* 0 no, 1 yes, 2 clients: told by CONFIG GET; every loader checks all, whatever it is */
    char *filename;            /* dbfilename; NULL: "dump.rdb" */
    int key_save_delay_us, key_load_delay_us, loading_events_interval_bytes;
};
extern struct rdb_config rdb_config;

/* DEBUG SET-SKIP-CHECKSUM-VALIDATION: what is read is not compared with its checksum. */
extern bool rdb_skip_checksum;

void rdb_init(void); /* at start: the time of the "last save" is now */

/* --- save --- */
/* Everything from the header to the CRC trailer, flushed. false: w->error tells. info may be NULL. */
bool rdb_save_stream(struct rdb_writer *w, const struct rdb_info *info, bool aof_base);
/* Writes temp-PID.rdb in path's directory, fsyncs, renames over path, fsyncs the directory. false: logged, temp removed. */
bool rdb_save_file(const char *path, const struct rdb_info *info);
void rdb_temp_path(char *out, size_t cap, const char *path, int64_t pid);
/* Removes the temporary files in dir whose writers are no more; at start. */
void rdb_remove_temps(const char *dir);
/* Appends the DUMP payload: type, value, version, CRC64. */
void rdb_dump_value(sds *out, const struct entry *e);

/* --- load --- */
#define RDB_TURN_BYTES                                                                                       \
    ((uint64_t)256 << 10) /* between two turns of the loop, where readers are served meanwhile */
struct rdb_load_options {
    bool replica; /* keep keys that have expired: the master will delete them. Also for AOF preambles */
    bool allow_overwrite_dup; /* the later of two equal keys wins; otherwise they are an error */
    bool beside;              /* into ks_beside_db's databases */
    bool at_start;            /* logs "DB loaded from disk: ... seconds" */
    struct rdb_info *info;    /* filled from aux fields; may be NULL */
    void (*key_expired)(int dbid, slice key); /* a key was dropped because it had expired; may be NULL */
};
struct rdb_load_stats {
    uint64_t keys_loaded, keys_expired, empty_keys_skipped;
};
extern struct rdb_load_stats rdb_last_load; /* INFO rdb_last_load_keys_* */
extern uint64_t rdb_payloads_checked;       /* of RESTORE, from their checksum to their last length */

/* Loads exactly one RDB into the key space (emptied by the caller) and consumes no byte behind its trailer; what the source had
 * already delivered is rdb_reader_rest(r), and rdb_read goes on there (an EOF mark). On failure, logged,
 * r->error and r->fail_offset tell; what was loaded so far stays. stats may be NULL. While rdb_loading.active, progress is
 * reported and loop turns run. */
bool rdb_load_stream(struct rdb_reader *r, const struct rdb_load_options *o, struct rdb_load_stats *stats);
enum rdb_load_result { RDB_LOADED, RDB_NO_FILE, RDB_FAILED };
/* The same from a file, between rdb_loading_start and rdb_loading_stop. err: "reason at offset N", also logged. */
enum rdb_load_result rdb_load_file(const char *path, const struct rdb_load_options *o, char *err,
                                   size_t err_cap);
/* Whether the file would load, as far as its bytes tell: all of it is read and each value decoded and thrown away; the
 * checksum is the caller's business. Meanwhile the loop turns, and rdb_loading says that something is loaded asynchronously. */
bool rdb_file_is_loadable(const char *path, char *err, size_t err_cap);
/* What the head of a file says. false: it can't be read, or understood, so far. */
struct rdb_peek {
    uint64_t used_mem_bytes; /* of the server that wrote it; 0: not told */
    bool has_keys;
};
bool rdb_peek(const char *path, struct rdb_peek *out);
/* RESTORE: checks version and CRC of the payload and loads its value into *v (free with value_free, or give it to db_set);
 * v->bytes may lie in payload or in *hold, an sds of the caller's that may be NULL and may move.
 * NULL, or the error with its code word, as reply_error takes it. */
const char *rdb_restore_value(slice payload, struct value *v, sds *hold);

/* --- progress of a load, for INFO and -LOADING --- */
struct rdb_loading {
    bool active, async;
    bool beside; /* into ks_beside_db's databases */
    int64_t start_ms;
    uint64_t total_bytes, loaded_bytes, used_mem_bytes; /* used_mem: as the file's aux field says */
    int logged_tenths;
};
extern struct rdb_loading rdb_loading;
void rdb_loading_start(uint64_t total_bytes, bool async); /* total 0: not known */
void rdb_loading_progress(uint64_t loaded_bytes);         /* logs per 10 %, runs a loop turn: ev_turn(0) */
void rdb_loading_stop(bool ok);

/* --- the forked snapshot --- */
enum snapshot_target { SNAPSHOT_DISK, SNAPSHOT_PIPE };
struct snapshot_hooks {
    /* The child has ended; the state is up to date. For a pipe its last bytes may still be unread: the transfer is
     * complete when both this came with ok and the pipe gave EOF, in either order. */
    void (*ended)(enum snapshot_target target, bool ok);
};
void snapshot_set_hooks(const struct snapshot_hooks *hooks);
/* BGSAVE to rdb_config.filename. false: another child runs, or fork failed (logged). */
bool snapshot_start_disk(const struct rdb_info *info);
/* Diskless: the child writes `$EOF:<mark>\r\n`, the RDB, and the mark, into the write end of a pipe. Returns the read end
 * (non-blocking, close-on-exec, the caller's to close), or -1 as above. */
int snapshot_start_pipe(const struct rdb_info *info, char mark[41]);
bool snapshot_running(void);
enum snapshot_target snapshot_target(void); /* of the running one */
void snapshot_kill(void); /* `ended` still comes, with ok false; the last status stays as it was */
struct snapshot_state {
    uint64_t dirty_at_last_save, dirty_before_bgsave; /* ks_dirty values */
    int64_t last_save_s, last_try_s;                  /* wall clock */
    int64_t last_duration_s, current_start_s;         /* -1: none */
    bool last_ok, scheduled;
    uint64_t saves, current_keys_total;
};
extern struct snapshot_state snapshot_state;
uint64_t snapshot_changes(void);                /* rdb_changes_since_last_save */
bool rdb_save_now(const struct rdb_info *info); /* SAVE: in this process; updates the state */

#endif

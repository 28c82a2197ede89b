/* RDB: saving the key space to a stream or file, loading it, and the forked snapshot.
 *
 * Format facts are in rdb/format.h. Written: version 10, as Redis 7.0.15. Read: 1 to 11. Each value type registers a
 * codec, so other types slot in without touching save.c and load.c. */
#ifndef TANDEM_RDB_RDB_H
#define TANDEM_RDB_RDB_H

#include "keyspace/db.h"
#include "rdb/stream.h"

/* --- codecs --- */
struct rdb_codec {
    uint8_t (*rdb_type)(const struct entry *e); /* the type byte that save will write */
    bool (*save)(struct rdb_writer *w, const struct entry *e);
};
void rdb_register_type(enum value_type type, const struct rdb_codec *codec);
/* Loads one value of an RDB type byte; fills *v (bytes in *hold when v->bytes must outlive the reader's buffer). */
typedef bool rdb_load_fn(struct rdb_reader *r, uint8_t rdb_type, struct value *v, sds *hold);
void rdb_register_loader(uint8_t rdb_type, rdb_load_fn *fn);

/* --- replication identity carried in a file --- */
struct rdb_info {
    bool has_repl;
    int repl_stream_db;
    char repl_id[41];
    int64_t repl_offset;
};

struct rdb_config {
    bool compression, checksum, save_incremental_fsync, del_sync_files, stop_writes_on_error;
    int sanitize_dump_payload; /* 0 no, 1 yes, 2 clients */
    char *filename;            /* dbfilename */
    int key_save_delay_us, loading_events_interval_bytes;
};
extern struct rdb_config rdb_config;

/* --- save --- */
bool rdb_save_stream(struct rdb_writer *w, const struct rdb_info *info,
                     bool aof_base); /* header to CRC trailer */
/* Writes dir/temp-PID.rdb, fsyncs, renames over path, fsyncs the directory. false: logged, temp removed. */
bool rdb_save_file(const char *path, const struct rdb_info *info);
void rdb_dump_value(sds *out, const struct entry *e); /* DUMP payload: value, version, CRC64 */

/* --- load --- */
struct rdb_load_options {
    bool replica;             /* keep keys that have expired: the master will delete them */
    bool allow_overwrite_dup; /* a key twice in the file is an error otherwise */
    struct rdb_info *info;    /* filled from aux fields; may be NULL */
    bool is_socket;           /* no trailing EOF check by length */
};
struct rdb_load_stats {
    uint64_t keys_loaded, keys_expired;
};
/* Loads into the (empty) key space. On failure r->error and r->offset tell; what was loaded so far stays. */
bool rdb_load_stream(struct rdb_reader *r, const struct rdb_load_options *o, struct rdb_load_stats *stats);
enum rdb_load_result { RDB_LOADED, RDB_NO_FILE, RDB_FAILED };
enum rdb_load_result rdb_load_file(const char *path, const struct rdb_load_options *o, char *err,
                                   size_t err_cap);
/* RESTORE: checks version and CRC of payload and loads its value into *v. NULL or the error text. */
const char *rdb_restore_value(slice payload, struct value *v, sds *hold);

/* --- progress of a load, for INFO and -LOADING --- */
struct rdb_loading {
    bool active, async;
    int64_t start_ms;
    uint64_t total_bytes, loaded_bytes, keys;
};
extern struct rdb_loading rdb_loading;
void rdb_loading_start(uint64_t total_bytes, bool async);
void rdb_loading_progress(uint64_t loaded_bytes); /* logs per 10 %, runs a loop turn: ev_turn(0) */
void rdb_loading_stop(bool ok);

/* --- the forked snapshot --- */
enum snapshot_target { SNAPSHOT_DISK, SNAPSHOT_PIPE };
struct snapshot_hooks {
    void (*ended)(enum snapshot_target target, bool ok); /* repl: replicas waiting for it */
};
void snapshot_set_hooks(const struct snapshot_hooks *hooks);
bool snapshot_start_disk(
    const struct rdb_info *info); /* BGSAVE to rdb_config.filename; false: fork failed, logged */
/* Diskless: the child writes `$EOF:<mark>\r\n`, the RDB, and the mark, into the write end of a pipe that the parent reads.
 * Returns the read end, or -1. */
int snapshot_start_pipe(const struct rdb_info *info, char mark[41]);
bool snapshot_running(void);
enum snapshot_target snapshot_target(void);
void snapshot_kill(void);
struct snapshot_state {
    uint64_t dirty_at_last_save, dirty_before_bgsave; /* ks_dirty values */
    int64_t last_save_s, last_try_s, last_duration_s, current_start_s;
    bool last_ok, scheduled;
    uint64_t saves, current_keys_done, current_keys_total;
};
extern struct snapshot_state snapshot_state;
uint64_t snapshot_changes(void);                /* rdb_changes_since_last_save */
bool rdb_save_now(const struct rdb_info *info); /* SAVE: in this process; updates the state */

#endif

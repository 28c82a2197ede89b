/* What the files of aof/ share; nobody else includes it.
 *
 *   aof.c         state: on, off, waiting for the first rewrite; start and end
 *   manifest.c    the manifest as text
 *   files.c       the directory: names, manifest to disk, lock, upgrade, removal
 *   marks.c       lines in an incr file that say which history and offset follow
 *   writer.c      the log's cursor to the incr file; when it is synced
 *   inserts.c     what stands between the log's bytes there
 *   group.c       with appendfsync always: what one sync covers
 *   sync.c        what is asked of the helper process that syncs
 *   rewrite.c     a new base in a forked child
 *   base.c        what that child writes
 *   tail.c        the log's last bytes before the base, for replicas that lag
 *   load.c        all files of the manifest into the key space
 *   load_file.c   one file */
#ifndef TANDEM_AOF_INTERNAL_H
#define TANDEM_AOF_INTERNAL_H

#include "aof/aof.h"
#include "aof/manifest.h"
#include "repl/repl.h"
#include <limits.h>
#include <sys/types.h>

extern struct aof_hooks aof_hooks;
extern struct aof_manifest aof_manifest; /* as it is on disk */

/* --- files.c --- */
#define AOF_TEMP_INCR_PREFIX "temp-"
#define AOF_TEMP_INCR_SUFFIX ".incr"
const char *aof_path(const char *name); /* in the directory; one of four static buffers, in turn */
sds aof_temp_incr_name(void);
bool aof_make_dir(void);   /* false: logged */
bool aof_lock_dir(void);   /* the directory of that name as of now. false: another server has it; logged */
void aof_unlock_dir(void); /* idempotent */
bool aof_store_manifest(const struct aof_manifest *m); /* atomically; false: logged, the old one stands */
void aof_take_manifest(struct aof_manifest *m);        /* *m is what is on disk from now on; it is emptied */
bool aof_upgrade_old_file(void);                       /* a single file of Redis < 7; false: logged */
void aof_remove_history(void); /* files that the manifest calls history, but for aof_tail() */
bool aof_rename(const char *from, const char *to, const char *what); /* in the directory; false: logged */
uint64_t aof_file_bytes(const char *name);                           /* 0 when it isn't there */
void aof_remove_temps(void); /* what a rewrite left that was cut off by a crash */

/* --- inserts.c --- what stands between the log's bytes */
struct aof_insert {
    int64_t before; /* offset of the log's byte that it precedes */
    sds text;
    size_t at;         /* written so far */
    bool aside, ended; /* commands, not a mark; nothing is added any more */
    int db, stream_db; /* aside: where its commands leave a reader, where the log expects it */
};
/* Where a mark for that byte will stand: behind all that is there already. -1: too many wait, try again later. */
int64_t inserts_mark_place(int64_t before);
void inserts_add_mark(int64_t before, const char *p, size_t n); /* before: what inserts_mark_place said */
void inserts_add_aside(int64_t before, int stream_db, int dbid, slice raw); /* dbid -1: it belongs to none */
struct aof_insert *inserts_next(void);                                      /* NULL: none */
slice inserts_rest(struct aof_insert *i); /* what is to be written of the next one */
void inserts_written(size_t n);           /* of it */
size_t inserts_bytes(void);
void inserts_clear(void);

/* --- writer.c --- */
/* A fresh incr file with its first lines, for the log from its end on; replace: an old one of that name may go. -1: logged,
 * and there is no such file. */
int aof_writer_new_file(const char *name, bool replace, uint64_t *bytes);
void aof_writer_switch(
    int fd, uint64_t bytes); /* goes on there from the log's end; takes fd, closes the one before */
bool aof_writer_append(const char *name); /* goes on in a file that was loaded; false: logged */
bool aof_writer_is_open(void);
void aof_writer_flush(bool force); /* force: don't wait for a sync under way */
bool aof_writer_sync(void);        /* now, in this process; false: logged */
void aof_writer_close(void);       /* without flush */
uint64_t aof_writer_bytes(void);   /* of the incr file */
/* Now and then: is the file still where the manifest has it? If it was taken away, what is written to it would be found by
 * nobody: said, and a rewrite is scheduled. */
void aof_writer_check_place(void);
void aof_writer_resized(void); /* the loader cut the file: look at its size again */

/* --- group.c --- */
int64_t aof_group_wait_us(void); /* for ev_set_gather */
void aof_group_synced(uint64_t took_us);

/* --- sync.c --- */
void aof_sync_start(void); /* the helper; idempotent */
void aof_sync_stop(void);  /* for tests */
bool aof_sync_busy(void);
bool aof_sync_request(int fd); /* false: no helper; do it yourself */
void aof_sync_close(int fd);   /* takes fd: the last close of a big deleted file takes its time */
bool aof_sync_undone(void);    /* the last sync failed: it is to be asked for again; says so once */
void aof_sync_result(
    int error); /* of a sync, 0 or errno: for the log and INFO, and for what has to be done after one failed */

/* --- base.c --- */
/* The data as of now into a file, synced. false: logged, the file is gone. */
bool aof_write_base(const char *path, const struct rdb_info *info);

/* --- tail.c --- */
/* In the rewrite's child: the log's last bytes as of the fork into a file, synced, if anybody may need them. When that can't
 * be, there is no file: logged. */
void aof_write_tail(const char *path);
void aof_load_tail(
    void); /* at start, before anything else is loaded: into the log. Not valid: logged, and without */
const struct aof_file *
aof_tail(void);                 /* the manifest's row of the tail; NULL: there is none that is needed */
void aof_tail_set(int64_t end); /* the manifest names one that ends with this byte; -1: it counts no longer */
bool aof_tail_is_needed(int64_t end); /* the incr files since then hold less than repl-backlog-size */
void aof_tail_cron(void);             /* lets go of one that is not */

/* --- rewrite.c --- */
void aof_rewrite_cron(void);
void aof_rewrite_kill(void); /* its end comes later, and changes nothing */
bool aof_rewrite_is_child(void);

/* --- load_file.c, load.c --- */
enum aof_load { AOF_LOADED, AOF_LOAD_EMPTY, AOF_LOAD_TRUNCATED, AOF_LOAD_MISSING, AOF_LOAD_FAILED };
struct aof_loading {
    struct client *c; /* executes; its db is the stream's */
    uint64_t before;  /* bytes of the files before this one */
    bool recover;     /* take up the history that marks tell of */
    bool known;       /* a mark of this file told where we are */
};
enum aof_load aof_load_file(struct aof_loading *l, const char *path, const char *name);

#endif

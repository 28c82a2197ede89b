/* What a rewrite's child writes: the data as of the fork, as RDB or (aof-use-rdb-preamble no) as commands.
 *
 * As commands, strings are SET; other values are RESTORE with their DUMP payload, which every Redis of our RDB version
 * executes, so that a new type needs nothing here. Expired keys are written too: who loads decides. */
#include "aof/internal.h"

#include "base/log.h"
#include "base/num.h"
#include "keyspace/str.h"
#include "rdb/save_progress.h"
#include "resp/request.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define SYNC_EVERY_BYTES ((uint64_t)4 << 20)

struct writing {
    struct rdb_writer *w;
    struct save_progress progress;
    sds dump; /* reused */
};

static void put_command(struct rdb_writer *w, int argc, const slice *argv) {
    char head[REQUEST_HEAD_BYTES];
    size_t n = request_head(head, '*', (size_t)argc);
    rdb_write(w, head, n);
    for (int i = 0; i < argc; i++) {
        n = request_head(head, '$', argv[i].n);
        rdb_write(w, head, n);
        rdb_write(w, argv[i].p, argv[i].n);
        rdb_write(w, "\r\n", 2);
    }
}

static void put_string(struct writing *s, const struct entry *e, slice expire) {
    char scratch[NUM_INT_BYTES];
    slice set[] = {SLICE("SET"), entry_key(e), str_get(e, scratch)};
    put_command(s->w, 3, set);
    if (!expire.n) return;
    slice pexpireat[] = {SLICE("PEXPIREAT"), entry_key(e), expire};
    put_command(s->w, 3, pexpireat);
}

static void put_restore(struct writing *s, const struct entry *e, slice expire) {
    sds_set_len(s->dump, 0);
    rdb_dump_value(&s->dump, e);
    slice restore[] = {SLICE("RESTORE"), entry_key(e), expire.n ? expire : SLICE("0"), sds_slice(s->dump),
                       SLICE("ABSTTL")};
    put_command(s->w, 5, restore);
}

static void put_entry(void *ctx, struct entry *e) {
    struct writing *s = ctx;
    char digits[NUM_INT_BYTES];
    if (s->w->failed) return;
    int64_t at_ms = entry_expire_ms(e);
    slice expire = {digits, at_ms == NO_EXPIRE ? 0 : num_format_i64(digits, at_ms)};
    if (entry_type(e) == TYPE_STRING)
        put_string(s, e, expire);
    else
        put_restore(s, e, expire);
    s->progress.keys++;
    if (rdb_config.key_save_delay_us > 0) {
        usleep((useconds_t)rdb_config.key_save_delay_us);
        save_progress_tell(s->w);
    }
}

static bool put_all_as_commands(struct rdb_writer *w) {
    struct writing s = {.w = w, .dump = sds_empty()};
    w->checksum = false;
    save_progress_begin(&s.progress, w);
    for (int id = 0; id < ks_count(); id++) {
        char digits[NUM_INT_BYTES];
        if (!db_size(ks_db(id))) continue;
        slice select[] = {SLICE("SELECT"), {digits, num_format_i64(digits, id)}};
        put_command(w, 2, select);
        db_each(ks_db(id), put_entry, &s);
    }
    sds_free(s.dump);
    bool ok = rdb_writer_flush(w);
    save_progress_end(w);
    return ok;
}

static bool write_error(const char *why) {
    log_warning("Write error writing append only file on disk: %s", why);
    return false;
}

bool aof_write_base(const char *path, const struct rdb_info *info) {
    struct rdb_writer w;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        log_warning("Opening the temp file for AOF rewrite in rewriteAppendOnlyFile(): %s", strerror(errno));
        return false;
    }
    rdb_writer_fd(&w, fd);
    if (aof_config.rewrite_incremental_fsync) w.sync_every_bytes = SYNC_EVERY_BYTES;
    bool ok = aof_config.use_rdb_preamble ? rdb_save_stream(&w, info, true) : put_all_as_commands(&w);
    if (!ok) write_error(w.error);
    rdb_writer_free(&w);
    if (ok && fsync(fd) != 0) ok = write_error(strerror(errno));
    if (close(fd) != 0 && ok) ok = write_error(strerror(errno));
    if (!ok) unlink(path);
    return ok;
}

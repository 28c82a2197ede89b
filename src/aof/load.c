/* Loading all that the manifest names: the tail into the log alone, then base and incr files in order.
 *
 * Only the last file may be cut off at its end: a file in the middle that lacks bytes would leave a hole in the history,
 * and is refused whatever aof-load-truncated says. Progress and -LOADING are those of an RDB load (rdb_loading). */
#include "aof/internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "client/client.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* false: one of the files is not there (or can't be looked at). */
static bool total_bytes(uint64_t *out) {
    *out = 0;
    for (int i = 0; i < aof_manifest.n; i++) {
        const struct aof_file *f = &aof_manifest.files[i];
        struct stat st;
        if (f->type == AOF_FILE_HISTORY) continue;
        if (stat(aof_path(f->name), &st) != 0) {
            log_warning("Unable to obtain the AOF file %s length. stat: %s", f->name, strerror(errno));
            return false;
        }
        *out += (uint64_t)st.st_size;
    }
    return true;
}

static bool load_one(struct aof_loading *l, const struct aof_file *f, bool is_last) {
    uint64_t start_us = clock_mono_us();
    bool known = l->known;
    l->known = false; /* until the file's own mark says so */
    enum aof_load got = aof_load_file(l, aof_path(f->name), f->name);
    if (got == AOF_LOAD_TRUNCATED && !is_last) {
        log_warning("Fatal error: the truncated file is not the last file");
        return false;
    }
    if (got == AOF_LOAD_FAILED || got == AOF_LOAD_MISSING) return false;
    l->before += aof_file_bytes(f->name);
    if (got == AOF_LOAD_EMPTY) l->known = known;
    if (got == AOF_LOAD_EMPTY && is_last) return true;
    log_notice("DB loaded from %s file %s: %.3f seconds", f->type == AOF_FILE_BASE ? "base" : "incr", f->name,
               (double)(clock_mono_us() - start_us) / 1e6);
    return true;
}

static const struct aof_file *last_file(void) {
    const struct aof_file *incr = manifest_last_incr(&aof_manifest);
    return incr ? incr : manifest_base(&aof_manifest);
}

static bool load_files(struct aof_loading *l) {
    const struct aof_file *base = manifest_base(&aof_manifest), *last = last_file();
    if (base && !load_one(l, base, base == last)) return false;
    aof_status.base_bytes = l->before;
    for (int i = 0; i < aof_manifest.n; i++) {
        const struct aof_file *f = &aof_manifest.files[i];
        if (f->type == AOF_FILE_INCR && !load_one(l, f, f == last)) return false;
    }
    aof_status.current_bytes = l->before;
    return true;
}

static bool load_all(bool recover) {
    struct aof_loading l = {.recover = recover};
    uint64_t total;
    if (!total_bytes(&total)) return false;
    l.c = client_new(-1);
    ks_set_applying(true); /* what expires is in the files as DEL */
    rdb_loading_start(total, false);
    if (recover) aof_load_tail();
    bool ok = load_files(&l);
    rdb_loading_stop(ok);
    ks_set_applying(false);
    if (ok && recover) repl_recover_done(l.known, l.c->db);
    client_close(l.c);
    return ok;
}

static void warn_of_snapshot(void) {
    struct stat st;
    const char *name = rdb_config.filename ? rdb_config.filename : "dump.rdb";
    if (stat(name, &st) != 0) return;
    log_warning(
        "There is no append-only file to load, and %s is not loaded because appendonly is on. To keep "
        "its data: start with 'appendonly no', then CONFIG SET appendonly yes.",
        name);
}

bool aof_load_at_start(void) {
    uint64_t start_us = clock_mono_us();
    aof_sync_start(); /* before there is data whose pages it would hold */
    if (!aof_upgrade_old_file()) exit(1);
    if (!last_file()) {
        warn_of_snapshot();
        return false;
    }
    if (!aof_lock_dir() || !load_all(true)) exit(1);
    log_notice("DB loaded from append only file: %.3f seconds", (double)(clock_mono_us() - start_us) / 1e6);
    return true;
}

bool aof_reload(void) {
    if (!last_file()) return false;
    if (aof_status.state == AOF_ON) {
        aof_writer_flush(true);
        if (aof_unwritten_bytes()) return false;
    }
    ks_flush_all(false);
    bool ok = load_all(false);
    aof_writer_resized();
    return ok;
}

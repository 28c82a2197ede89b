/* The directory of the append-only files: see manifest.h for what is in it.
 *
 * Whoever reads the directory after a crash finds a manifest, the old or the new one, and every file that it names with
 * all that was acknowledged as synced: a file is synced before the manifest names it, the manifest before its rename,
 * and the directory after that. Files that no manifest names are litter; a deleted one was called history first.
 *
 * Paths are relative to the working directory, as in Redis. */
#include "aof/internal.h"

#include "base/latency.h"
#include "base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <dirent.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MANIFEST_SUFFIX ".manifest"

struct aof_manifest aof_manifest;
static int lock_fd = -1;

const char *aof_path(const char *name) {
    static char paths[4][PATH_MAX];
    static unsigned at;
    char *path = paths[at++ % 4];
    snprintf(path, PATH_MAX, "%s/%s", aof_config.dirname, name);
    return path;
}

static void manifest_name(char out[NAME_MAX + 1], const char *prefix) {
    snprintf(out, NAME_MAX + 1, "%s%s" MANIFEST_SUFFIX, prefix, aof_config.filename);
}

sds aof_temp_incr_name(void) {
    return sds_cat_printf(sds_empty(), AOF_TEMP_INCR_PREFIX "%s" AOF_TEMP_INCR_SUFFIX, aof_config.filename);
}

bool aof_make_dir(void) {
    if (mkdir(aof_config.dirname, 0755) == 0 || errno == EEXIST) {
        struct stat st;
        if (stat(aof_config.dirname, &st) == 0 && S_ISDIR(st.st_mode)) return true;
        errno = ENOTDIR;
    }
    log_warning("Can't open or create append-only dir %s: %s", aof_config.dirname, strerror(errno));
    return false;
}

/* --- one server a directory --- */

/* It may have been taken away, and another one made in its place. */
static bool lock_is_on_dir(void) {
    struct stat held, named;
    return lock_fd >= 0 && fstat(lock_fd, &held) == 0 && stat(aof_config.dirname, &named) == 0 &&
           held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

bool aof_lock_dir(void) {
    if (lock_is_on_dir()) return true;
    aof_unlock_dir();
    lock_fd = open(aof_config.dirname, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (lock_fd < 0) {
        log_warning("Can't open or create append-only dir %s: %s", aof_config.dirname, strerror(errno));
        return false;
    }
    if (flock(lock_fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
        return true; /* no locks here: do without */
    log_warning("Another server is writing to the append-only dir %s", aof_config.dirname);
    aof_unlock_dir();
    return false;
}

void aof_unlock_dir(void) {
    if (lock_fd >= 0) close(lock_fd);
    lock_fd = -1;
}

/* --- writing the manifest --- */

static bool sync_dir(void) {
    int fd = open(aof_config.dirname, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (!ok) log_warning("Fail to fsync AOF directory %s: %s.", aof_config.dirname, strerror(errno));
    if (fd >= 0) close(fd);
    return ok;
}

static bool write_all(int fd, const char *p, size_t n) {
    while (n > 0) {
        ssize_t took = write(fd, p, n);
        if (took < 0 && errno == EINTR) continue;
        if (took <= 0) return false;
        p += took;
        n -= (size_t)took;
    }
    return true;
}

static bool write_temp_manifest(const char *temp, slice text) {
    int fd = open(aof_path(temp), O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) {
        log_warning("Can't open the AOF manifest file %s: %s", temp, strerror(errno));
        return false;
    }
    bool ok = write_all(fd, text.p, text.n);
    if (!ok)
        log_warning("Error trying to write the temporary AOF manifest file %s: %s", temp, strerror(errno));
    if (ok && fsync(fd) != 0) {
        log_warning("Fail to fsync the temp AOF file %s: %s.", temp, strerror(errno));
        ok = false;
    }
    close(fd);
    return ok;
}

bool aof_store_manifest(const struct aof_manifest *m) {
    char name[NAME_MAX + 1], temp[NAME_MAX + 1];
    manifest_name(name, "");
    manifest_name(temp, "temp-");
    sds text = manifest_format(m, sds_empty());
    bool ok = write_temp_manifest(temp, sds_slice(text));
    sds_free(text);
    if (ok && rename(aof_path(temp), aof_path(name)) != 0) {
        log_warning("Error trying to rename the temporary AOF manifest file %s into %s: %s", temp, name,
                    strerror(errno));
        ok = false;
    }
    if (!ok) {
        unlink(aof_path(temp));
        return false;
    }
    sync_dir(); /* failed: logged; either manifest may be found after a power cut, and both are right */
    return true;
}

void aof_take_manifest(struct aof_manifest *m) {
    manifest_free(&aof_manifest);
    aof_manifest = *m;
    *m = (struct aof_manifest){0};
}

/* --- reading the manifest --- */

static void fatal_manifest(int line_number, slice line, const char *err) {
    log_warning("\n*** FATAL AOF MANIFEST FILE ERROR ***\n");
    if (line_number > 0) {
        log_warning("Reading the manifest file, at line %d\n", line_number);
        log_warning(">>> '%.*s'\n", (int)(line.n < 200 ? line.n : 200), line.p);
    }
    log_warning("%s\n", err);
    exit(1);
}

static sds read_manifest(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        log_warning("Fatal error: can't open the AOF manifest file %s for reading: %s", path,
                    strerror(errno));
        exit(1);
    }
    sds text = sds_empty();
    for (;;) {
        text = sds_reserve(text, 4096);
        ssize_t n = read(fd, text + sds_len(text), 4096);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) fatal_manifest(0, (slice){"", 0}, "Read AOF manifest failed");
        if (n == 0) break;
        sds_set_len(text, sds_len(text) + (size_t)n);
    }
    close(fd);
    return text;
}

void aof_read_manifest(void) {
    char name[NAME_MAX + 1];
    struct stat st;
    if (stat(aof_config.dirname, &st) != 0 && errno == ENOENT) {
        log_debug("The AOF directory %s doesn't exist", aof_config.dirname);
        return;
    }
    manifest_name(name, "");
    const char *path = aof_path(name);
    if (stat(path, &st) != 0 && errno == ENOENT) {
        log_debug("The AOF manifest file %s doesn't exist", name);
        return;
    }
    sds text = read_manifest(path);
    int line_number;
    slice line;
    struct aof_manifest m = {0};
    const char *err = manifest_parse(&m, sds_slice(text), &line_number, &line);
    if (err) fatal_manifest(line_number, line, err);
    sds_free(text);
    aof_take_manifest(&m);
}

/* --- files --- */

bool aof_rename(const char *from, const char *to, const char *what) {
    uint64_t start_us = latency_start();
    int failed = rename(aof_path(from), aof_path(to));
    latency_end("aof-rename", start_us);
    if (failed) {
        log_warning("Error trying to rename the temporary AOF %s file %s into %s: %s", what, from, to,
                    strerror(errno));
        return false;
    }
    log_notice("Successfully renamed the temporary AOF %s file %s into %s", what, from, to);
    return true;
}

uint64_t aof_file_bytes(const char *name) {
    struct stat st;
    return stat(aof_path(name), &st) == 0 ? (uint64_t)st.st_size : 0;
}

static void remove_file(const char *name) {
    int fd = open(aof_path(name), O_RDONLY | O_CLOEXEC);
    if (unlink(aof_path(name)) != 0 && errno != ENOENT)
        log_warning("Failed to remove the history file %s: %s", name, strerror(errno));
    if (fd >= 0) aof_sync_close(fd);
}

void aof_remove_history(void) {
    const struct aof_file *tail = aof_tail();
    bool any = false;
    for (int i = 0; i < aof_manifest.n; i++) {
        const struct aof_file *f = &aof_manifest.files[i];
        if (f->type != AOF_FILE_HISTORY || f == tail) continue;
        any = true;
        log_notice("Removing the history file %s in the background", f->name);
        remove_file(f->name);
    }
    if (!any) return;
    manifest_forget_history(&aof_manifest, tail);
    aof_store_manifest(&aof_manifest);
}

void aof_remove_temps(void) {
    static const char prefix[] = "temp-rewriteaof-";
    DIR *dir = opendir(aof_config.dirname);
    if (!dir) return;
    sds temp_incr = aof_temp_incr_name();
    for (struct dirent *e; (e = readdir(dir));) {
        if (strncmp(e->d_name, prefix, sizeof prefix - 1) != 0 && strcmp(e->d_name, temp_incr) != 0) continue;
        log_notice("Removing %s, which an earlier rewrite left unfinished", e->d_name);
        remove_file(e->d_name);
    }
    sds_free(temp_incr);
    closedir(dir);
}

/* --- from one file to many --- */

/* The old file is there, and the directory has nothing of its own: nothing yet, or an upgrade that stopped between
 * manifest and rename. */
static bool wants_upgrade(void) {
    struct stat st;
    if (stat(aof_config.filename, &st) != 0 || !S_ISREG(st.st_mode)) return false;
    if (aof_manifest.n == 0) return true;
    const struct aof_file *base = manifest_base(&aof_manifest);
    return aof_manifest.n == 1 && base && strcmp(base->name, aof_config.filename) == 0 &&
           stat(aof_path(base->name), &st) != 0;
}

bool aof_upgrade_old_file(void) {
    if (!wants_upgrade()) return true;
    if (!aof_make_dir()) return false;
    struct aof_manifest m = {0};
    manifest_add(&m, slice_of(aof_config.filename), 1, AOF_FILE_BASE);
    if (!aof_store_manifest(&m)) {
        manifest_free(&m);
        return false;
    }
    aof_take_manifest(&m);
    if (rename(aof_config.filename, aof_path(aof_config.filename)) != 0) {
        log_warning("Error trying to move the old AOF file %s into dir %s: %s", aof_config.filename,
                    aof_config.dirname, strerror(errno));
        return false;
    }
    sync_dir();
    log_notice("Successfully migrated an old-style AOF file (%s) into the AOF directory (%s).",
               aof_config.filename, aof_config.dirname);
    return true;
}

/* Saving to a file, so that at every moment the old file or the new one is there, whole.
 *
 * The stream goes to temp-PID.rdb beside the target, is fsynced, renamed over the target, and the directory is fsynced.
 * Whatever fails is logged, the temporary file is removed and the target is as it was. */
#include "base/log.h"
#include "rdb/rdb.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SYNC_EVERY_BYTES ((uint64_t)4 << 20)

/* The directory part of path: "." or what stands before the last slash (with it). */
static size_t dir_length(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

void rdb_temp_path(char *out, size_t cap, const char *path, int64_t pid) {
    snprintf(out, cap, "%.*stemp-%lld.rdb", (int)dir_length(path), path, (long long)pid);
}

static const char *cwd_name(char buf[PATH_MAX]) {
    return getcwd(buf, PATH_MAX) ? buf : "unknown";
}

static bool sync_dir(const char *path) {
    char dir[PATH_MAX];
    snprintf(dir, sizeof dir, "%.*s", (int)dir_length(path), path);
    int fd = open(dir[0] ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    int saved = errno;
    if (fd >= 0) close(fd);
    errno = saved;
    return ok;
}

static bool write_error(const char *op, int err) {
    log_warning("Write error saving DB on disk(%s): %s", op, strerror(err));
    return false;
}

static bool write_temp(int fd, const struct rdb_info *info) {
    struct rdb_writer w;
    rdb_writer_fd(&w, fd);
    if (rdb_config.save_incremental_fsync) w.sync_every_bytes = SYNC_EVERY_BYTES;
    bool ok = rdb_save_stream(&w, info, false) || write_error("rdbSaveRio", w.error_number);
    rdb_writer_free(&w);
    return ok && (fsync(fd) == 0 || write_error("fsync", errno));
}

static bool put_in_place(const char *temp, const char *path) {
    char cwd[PATH_MAX];
    if (rename(temp, path) == -1) {
        int err = errno;
        log_warning("Error moving temp DB file %s on the final destination %s (in server root dir %s): %s",
                    temp, path, cwd_name(cwd), strerror(err));
        return false;
    }
    if (sync_dir(path)) return true;
    log_warning("Failed to fsync directory while saving DB: %s", strerror(errno));
    return false;
}

bool rdb_save_file(const char *path, const struct rdb_info *info) {
    char temp[PATH_MAX], cwd[PATH_MAX];
    rdb_temp_path(temp, sizeof temp, path, getpid());
    int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        int err = errno;
        log_warning("Failed opening the temp RDB file %s (in server root dir %s) for saving: %s", temp,
                    cwd_name(cwd), strerror(err));
        return false;
    }
    bool ok = write_temp(fd, info);
    if (close(fd) == -1 && ok) ok = write_error("fclose", errno);
    ok = ok && put_in_place(temp, path);
    if (!ok) {
        unlink(temp);
        return false;
    }
    log_notice("DB saved on disk");
    return true;
}

/* Loading an RDB file: at start, for DEBUG RELOAD, as an AOF base, and what a full sync brought to disk. */
#include "base/clock.h"
#include "base/log.h"
#include "rdb/rdb.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool load_fd(int fd, const struct rdb_load_options *o, char *err, size_t err_cap) {
    struct stat st = {0};
    struct rdb_reader r;
    uint64_t size = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
    posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    rdb_reader_fd(&r, fd);
    r.total_bytes = size;
    rdb_loading_start(size, false);
    bool ok = rdb_load_stream(&r, o, NULL);
    rdb_loading_stop(ok);
    if (!ok) snprintf(err, err_cap, "%s at offset %llu", r.error, (unsigned long long)r.fail_offset);
    if (ok && size > rdb_reader_offset(&r))
        log_warning("The RDB ends %llu bytes before the end of its file",
                    (unsigned long long)(size - rdb_reader_offset(&r)));
    rdb_reader_free(&r);
    return ok;
}

enum rdb_load_result rdb_load_file(const char *path, const struct rdb_load_options *o, char *err,
                                   size_t err_cap) {
    uint64_t start_us = clock_mono_us();
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        int saved = errno;
        snprintf(err, err_cap, "%s", strerror(saved));
        if (saved == ENOENT) return RDB_NO_FILE;
        log_warning("Fatal error: can't open the RDB file %s for reading: %s", path, strerror(saved));
        return RDB_FAILED;
    }
    bool ok = load_fd(fd, o, err, err_cap);
    close(fd);
    if (ok && o->at_start)
        log_notice("DB loaded from disk: %.3f seconds", (double)(clock_mono_us() - start_us) / 1e6);
    return ok ? RDB_LOADED : RDB_FAILED;
}

/* Reading and replacing of small files; see file.h. */
#include "server/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

sds file_read_fd(sds out, int fd, int *err) {
    for (;;) {
        out = sds_reserve(out, 16384);
        ssize_t got = read(fd, out + sds_len(out), 16384);
        if (got < 0 && errno == EINTR) continue;
        *err = got < 0 ? errno : 0;
        if (got <= 0) return out;
        sds_set_len(out, sds_len(out) + (size_t)got);
    }
}

sds file_read(sds out, const char *path, int *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        *err = errno;
        return out;
    }
    out = file_read_fd(out, fd, err);
    close(fd);
    return out;
}

static bool write_all(int fd, const char *text, size_t n) {
    while (n) {
        ssize_t wrote = write(fd, text, n);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) return false;
        text += wrote;
        n -= (size_t)wrote;
    }
    return true;
}

static void sync_directory(const char *path) {
    char dir[PATH_MAX];
    snprintf(dir, sizeof dir, "%s", path);
    char *slash = strrchr(dir, '/');
    if (slash)
        slash[slash == dir] = '\0';
    else
        snprintf(dir, sizeof dir, ".");
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    fsync(fd);
    close(fd);
}

int file_replace(const char *path, const char *text, size_t n) {
    char temp[PATH_MAX];
    struct stat old;
    mode_t mode = stat(path, &old) == 0 ? old.st_mode & 0777 : 0;
    if (snprintf(temp, sizeof temp, "%s.%d.tmp", path, (int)getpid()) >= (int)sizeof temp)
        return ENAMETOOLONG;
    int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) return errno;
    /* A file with a password that was private stays private. */
    bool ok = (!mode || fchmod(fd, mode) == 0) && write_all(fd, text, n) && fsync(fd) == 0;
    int why = errno;
    if (close(fd) != 0 && ok) ok = false, why = errno;
    if (ok && rename(temp, path) != 0) ok = false, why = errno;
    if (!ok) {
        unlink(temp);
        return why;
    }
    sync_directory(path);
    return 0;
}

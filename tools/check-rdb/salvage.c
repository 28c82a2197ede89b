/* See salvage.h. Items do not depend on what stands behind them, so that everything before the first damage is a sound
 * file once it has an end. The new file is written beside the old one, checked, and only then put in its place.
 *
 * Nothing behind the damage is looked for: an RDB has no marks from which a reader could find its place again. */
#include "check-rdb/salvage.h"

#include "rdb/codec.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX_NEW     ".fixed"
#define SUFFIX_DAMAGED ".damaged"

typedef unsigned long long ull;

static uint64_t whole_keys(const struct rdb_check *c) {
    uint64_t n = 0;
    for (int t = 0; t < VALUE_TYPES; t++) n += c->types[t].keys;
    return n;
}

static bool confirmed(void) {
    char answer[2];
    printf("Continue? [y/N]: ");
    fflush(stdout);
    return fgets(answer, sizeof answer, stdin) && strncasecmp(answer, "y", 1) == 0;
}

static int failed(const char *what, const char *path) {
    printf("%s %s: %s\n", what, path, strerror(errno));
    return 1;
}

static bool copy_items(struct rdb_writer *w, int fd, uint64_t end) {
    char block[64 << 10];
    for (uint64_t at = 0; at < end;) {
        size_t n = end - at < sizeof block ? (size_t)(end - at) : sizeof block;
        ssize_t got = pread(fd, block, n, (off_t)at);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        if (!rdb_write(w, block, (size_t)got)) return false;
        at += (uint64_t)got;
    }
    return true;
}

static bool write_fixed(const struct rdb_check *c, int fd, int to) {
    struct rdb_writer w;
    rdb_writer_fd(&w, to);
    bool ok = copy_items(&w, fd, c->sound_end) && rdb_put_u8(&w, RDB_OP_EOF);
    if (ok && c->version >= RDB_VERSION_CRC) ok = rdb_put_u64le(&w, rdb_writer_crc(&w));
    ok = ok && rdb_writer_flush(&w) && fsync(to) == 0;
    rdb_writer_free(&w);
    return ok;
}

static void say_nothing(uint64_t offset, const char *line) {
    (void)offset;
    (void)line;
}

static bool is_sound(int fd) {
    struct rdb_check c;
    struct rdb_reader r;
    if (lseek(fd, 0, SEEK_SET) != 0) return false;
    rdb_check_init(&c, say_nothing);
    rdb_reader_fd(&r, fd);
    bool ok = rdb_check_stream(&c, &r);
    rdb_reader_free(&r);
    rdb_check_free(&c);
    return ok;
}

static int replace(const struct rdb_check *c, int fd, const char *path, mode_t mode) {
    char new_path[PATH_MAX], damaged[PATH_MAX];
    snprintf(new_path, sizeof new_path, "%s" SUFFIX_NEW, path);
    snprintf(damaged, sizeof damaged, "%s" SUFFIX_DAMAGED, path);
    int to = open(new_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (to < 0) return failed("Cannot create", new_path);
    bool ok = write_fixed(c, fd, to);
    if (!ok)
        failed("Cannot write", new_path);
    else if (!(ok = is_sound(to)))
        printf("What was kept is not sound either; nothing was changed\n");
    close(to);
    if (ok && (link(path, damaged) != 0 || rename(new_path, path) != 0)) {
        failed("Cannot put the new file in the place of", path);
        ok = false;
    }
    if (!ok) unlink(new_path);
    return ok ? 0 : 1;
}

int salvage(const struct rdb_check *c, int fd, const char *path) {
    struct stat st;
    if (c->sound_end == 0) {
        printf("RDB %s has no header that can be read: nothing of it can be kept\n", path);
        return 1;
    }
    if (fstat(fd, &st) != 0) return failed("Cannot look at", path);
    if (c->at_end)
        printf("All %llu keys of RDB %s can be read, but its checksum is wrong or missing: a value may have "
               "changed. "
               "--fix keeps them as they are and writes a new checksum.\n",
               (ull)whole_keys(c), path);
    else
        printf("%llu keys are whole, up to offset %llu; the last %llu of %llu bytes are lost.\n",
               (ull)whole_keys(c), (ull)c->sound_end, (ull)st.st_size - (ull)c->sound_end, (ull)st.st_size);
    printf("This will replace %s; the damaged file is kept as %s" SUFFIX_DAMAGED "\n", path, path);
    if (!confirmed()) {
        printf("Aborting...\n");
        return 1;
    }
    int code = replace(c, fd, path, st.st_mode & 0777);
    if (code == 0) printf("Successfully fixed RDB %s: %llu keys\n", path, (ull)whole_keys(c));
    return code;
}

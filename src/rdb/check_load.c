/* Would this file load? What a replica asks before it gives up its data for what its master sent: a file may be whole, and
 * its checksum right, and yet hold what this server cannot take in (a module's value, more databases, a value that was
 * damaged in the master's memory). Costs the time to read and decode; nothing is kept. */
#include "rdb/check.h"

#include "event/loop.h"
#include "rdb/rdb.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void say_nothing(uint64_t offset, const char *line) {
    (void)offset, (void)line;
}

/* Readers are served meanwhile, so they don't wait for long. */
static void take_turn(struct rdb_reader *r) {
    rdb_loading.loaded_bytes = rdb_reader_offset(r);
    ev_turn(0);
}

static bool check_fd(int fd, char *err, size_t err_cap) {
    struct stat st;
    struct rdb_reader r;
    struct rdb_check c;
    rdb_reader_fd(&r, fd);
    r.total_bytes = fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
    r.checksum = false;
    r.progress = take_turn;
    r.progress_every_bytes = RDB_TURN_BYTES;
    rdb_check_init(&c, say_nothing);
    c.empty_is_sound = true;
    rdb_loading_start(r.total_bytes, true);
    bool ok = rdb_check_stream(&c, &r);
    rdb_loading_stop(ok);
    if (!ok) {
        snprintf(err, err_cap, "%s at offset %llu", r.error, (unsigned long long)r.fail_offset);
    } else if (c.databases > (uint64_t)ks_count()) {
        snprintf(err, err_cap, "it has %llu databases, and we have %d", (unsigned long long)c.databases,
                 ks_count());
        ok = false;
    }
    rdb_check_free(&c);
    rdb_reader_free(&r);
    return ok;
}

bool rdb_file_is_loadable(const char *path, char *err, size_t err_cap) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        snprintf(err, err_cap, "%s", strerror(errno));
        return false;
    }
    bool ok = check_fd(fd, err, err_cap);
    close(fd);
    return ok;
}

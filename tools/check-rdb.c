/* tandem-check-rdb: reads an RDB file as a start would, and tells whether it is sound and what is in it; --fix keeps what is
 * whole of one that is not. Output, usage and exit codes are redis-check-rdb's; the lines by type, the biggest keys and --fix
 * come in addition. */
#include "check-rdb/salvage.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
    uint64_t end;
    struct rdb_check c;
    bool fix = argc == 3 && strcmp(argv[1], "--fix") == 0;
    if (argc != 2 && !fix) {
        fprintf(stderr, "Usage: %s [--fix] <rdb-file-name>\n", argv[0]);
        return 1;
    }
    const char *path = argv[argc - 1];
    log_set_level(LOG_LEVEL_NOTHING);
    clock_update();
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        printf("[offset 0] Checking RDB file %s\n", path);
        fprintf(stderr, "Cannot open file %s: %s\n", path, strerror(errno));
        return 1;
    }
    int code = rdb_check_file(&c, fd, path, &end) ? 0 : 1;
    if (code && fix) code = salvage(&c, fd, path);
    rdb_check_free(&c);
    close(fd);
    return code;
}

/* tandem-check-rdb: reads an RDB file as a start would, and tells whether it is sound and what is in it. Output, usage and
 * exit codes are redis-check-rdb's; the lines by type and the biggest keys come in addition. */
#include "base/clock.h"
#include "base/log.h"
#include "keyspace/db.h"
#include "rdb/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
    uint64_t end;
    if (argc != 2) {
        fprintf(stderr, "Usage: %s <rdb-file-name>\n", argv[0]);
        return 1;
    }
    log_set_level(LOG_LEVEL_NOTHING);
    clock_update();
    ks_init(1);
    int fd = open(argv[1], O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        printf("[offset 0] Checking RDB file %s\n", argv[1]);
        fprintf(stderr, "Cannot open file %s: %s\n", argv[1], strerror(errno));
        return 1;
    }
    bool ok = rdb_check_print(fd, argv[1], true, &end);
    close(fd);
    return ok ? 0 : 1;
}

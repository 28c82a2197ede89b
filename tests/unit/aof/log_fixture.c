/* See log_fixture.h. */
#include "log_fixture.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "event/loop.h"
#include "repl/internal.h"

static char dir[] = "/tmp/tandem-aof-XXXXXX";

void log_fixture_begin(void) {
    log_set_level(LOG_LEVEL_NOTHING);
    cr_assert_not_null(mkdtemp(dir));
    cr_assert_eq(chdir(dir), 0);
    clock_update();
    ev_init();
    ks_init(16);
    client_room_init();
    repl_config.backlog_size_bytes = 1 << 20;
    repl_init();
    aof_config.filename = sds_new("f");
    aof_config.dirname = sds_new("d");
    aof_config.fsync = AOF_FSYNC_NO;
    cr_assert_eq(mkdir("d", 0755), 0);
    aof_status.state = AOF_ON;
}

void log_fixture_end(void) {
    aof_writer_close();
    unlink("d/one");
    unlink("d/two");
    cr_assert_eq(rmdir("d"), 0);
    cr_assert_eq(rmdir(dir), 0);
}

void log_fixture_file(const char *name) {
    uint64_t bytes;
    int fd = aof_writer_new_file(name, true, &bytes);
    cr_assert_geq(fd, 0);
    aof_writer_switch(fd, bytes);
}

void log_fixture_ping(void) {
    repl_append_raw(-1, SLICE(PING));
}

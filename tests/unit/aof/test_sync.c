/* The fsync helper: its answers, and what follows a sync that failed. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "aof/internal.h"
#include "base/clock.h"
#include "base/log.h"
#include "event/child.h"
#include "event/loop.h"

static void setup(void) {
    log_set_level(LOG_LEVEL_NOTHING);
    clock_update();
    ev_init();
    aof_sync_start();
}

TestSuite(aof_sync, .init = setup, .fini = aof_sync_stop);

static void sync_and_wait(int fd) {
    cr_assert(aof_sync_request(fd));
    cr_assert(aof_sync_busy());
    cr_assert_eq(aof_status.pending_syncs, 1);
    while (aof_sync_busy()) ev_turn(100);
    cr_assert_eq(aof_status.pending_syncs, 0);
}

static int temporary_file(void) {
    FILE *f = tmpfile();
    cr_assert_not_null(f);
    return fileno(f);
}

Test(aof_sync, one_that_goes_well) {
    sync_and_wait(temporary_file());
    cr_assert_not(aof_sync_undone());
    cr_assert_eq(aof_status.sync_error_number, 0);
    cr_assert_not(aof_status.rewrite_scheduled);
}

/* A pipe can't be synced. */
Test(aof_sync, what_a_failed_one_may_have_lost_is_written_anew) {
    int fds[2];
    cr_assert_eq(pipe(fds), 0);
    sync_and_wait(fds[1]);
    cr_assert_eq(aof_status.sync_error_number, EINVAL);
    cr_assert(aof_sync_undone());
    cr_assert_not(aof_sync_undone(), "it says so once");
    cr_assert_not(aof_status.rewrite_scheduled, "not while the disk is in trouble");
    sync_and_wait(fds[1]);
    cr_assert_not(aof_status.rewrite_scheduled);
    sync_and_wait(temporary_file());
    cr_assert_eq(aof_status.sync_error_number, 0);
    cr_assert(aof_status.rewrite_scheduled);
    cr_assert_not(aof_sync_undone());
}

Test(aof_sync, a_helper_that_died_has_not_synced) {
    int fd = temporary_file();
    aof_sync_stop();
    aof_sync_start();
    char path[64];
    pid_t helper = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)getpid(), (int)getpid());
    FILE *f = fopen(path, "r");
    cr_assert(f);
    for (pid_t pid; fscanf(f, "%d", &pid) == 1;) helper = pid;
    fclose(f);
    cr_assert_neq(helper, 0);
    kill(helper, SIGSTOP);
    cr_assert(aof_sync_request(fd));
    kill(helper, SIGKILL);
    while (aof_sync_busy()) ev_turn(100);
    cr_assert(aof_sync_undone());
    sync_and_wait(fd);
    cr_assert_not(aof_sync_undone());
}

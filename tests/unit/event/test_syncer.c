/* The process that waits for the disk: its answers, and its death. (What the AOF makes of them: aof/test_sync.c.) */
#include "event/syncer.h"

#include "base/log.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static int answers, last_error;

static void done(int error) {
    answers++;
    last_error = error;
}

static struct syncer one = SYNCER("one", done), other = SYNCER("other", done);

static void setup(void) {
    log_set_level(LOG_LEVEL_NOTHING);
    ev_init();
    syncer_start(&one);
}

static void teardown(void) {
    syncer_stop(&one);
    syncer_stop(&other);
}

TestSuite(syncer, .init = setup, .fini = teardown);

static int temporary_file(void) {
    FILE *f = tmpfile();
    cr_assert_not_null(f);
    return fileno(f);
}

static void wait_for(int n) {
    while (answers < n) ev_turn(100);
}

Test(syncer, files_and_directories) {
    int dir = open("/tmp", O_RDONLY | O_DIRECTORY);
    cr_assert(syncer_sync(&one, temporary_file(), SYNC_DATA));
    cr_assert(one.busy);
    wait_for(1);
    cr_assert_not(one.busy);
    cr_assert_eq(last_error, 0);
    cr_assert(syncer_sync(&one, dir, SYNC_ALL));
    wait_for(2);
    cr_assert_eq(last_error, 0);
}

Test(syncer, an_error_comes_back) {
    int fds[2];
    cr_assert_eq(pipe(fds), 0);
    cr_assert(syncer_sync(&one, fds[1], SYNC_DATA));
    wait_for(1);
    cr_assert_eq(last_error, EINVAL);
}

Test(syncer, two_know_nothing_of_each_other) {
    int fd = temporary_file();
    cr_assert(syncer_sync(&one, fd, SYNC_DATA));
    cr_assert(syncer_sync(&other, fd, SYNC_DATA));
    wait_for(2);
    cr_assert_not(one.busy || other.busy);
}

static pid_t process(void) {
    char path[64];
    pid_t found = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)getpid(), (int)getpid());
    FILE *f = fopen(path, "r");
    cr_assert(f && fscanf(f, "%d", &found) == 1);
    fclose(f);
    return found;
}

Test(syncer, one_that_died_is_lost_and_comes_again) {
    int fd = temporary_file();
    kill(process(), SIGSTOP);
    cr_assert(syncer_sync(&one, fd, SYNC_DATA));
    syncer_wait(&one, 0);
    cr_assert_eq(answers, 0, "it stands still, and nobody waits");
    kill(process(), SIGKILL);
    wait_for(1);
    cr_assert_eq(last_error, SYNCER_LOST);
    cr_assert(syncer_sync(&one, fd, SYNC_DATA));
    wait_for(2);
    cr_assert_eq(last_error, 0);
}

Test(syncer, waiting_gets_the_answer_without_a_turn) {
    cr_assert(syncer_sync(&one, temporary_file(), SYNC_DATA));
    syncer_wait(&one, 60000);
    cr_assert_eq(answers, 1);
    cr_assert_not(one.busy);
    syncer_wait(&one, 60000); /* for nothing */
    cr_assert_eq(answers, 1);
}

Test(syncer, takes_what_is_to_be_closed) {
    int ends[2];
    char byte;
    cr_assert_eq(pipe(ends), 0);
    syncer_close(&one, ends[1]);
    cr_assert_eq(read(ends[0], &byte, 1), 0, "nobody has it any more");
}

/* What is taken for a file that a killed server has left behind, and what is not. */
#include "rdb/rdb.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64];

static const char *in_dir(const char *name) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void put(const char *name) {
    int fd = open(in_dir(name), O_CREAT | O_WRONLY | O_EXCL, 0644);
    cr_assert_geq(fd, 0);
    close(fd);
}

static bool take(const char *name) {
    return unlink(in_dir(name)) == 0;
}

static void begin(void) {
    snprintf(dir, sizeof dir, "/tmp/tandem-temps-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
}

/* A number that belongs to nobody: its process has ended, and was asked for. */
static pid_t ended(void) {
    pid_t pid = fork();
    if (pid == 0) _exit(0);
    cr_assert_eq(waitpid(pid, NULL, 0), pid);
    return pid;
}

Test(rdb_temps, what_the_dead_have_left_goes) {
    char saved[32], received[48], own[48];
    begin();
    snprintf(saved, sizeof saved, "temp-%d.rdb", ended());
    snprintf(received, sizeof received, "temp-1790000000.%d.rdb", ended());
    snprintf(own, sizeof own, "temp-1790000000.%d.rdb", getpid());
    put(saved);
    put(received);
    put(own);
    rdb_remove_temps(dir);
    cr_assert_not(take(saved));
    cr_assert_not(take(received));
    cr_assert_not(take(own), "we have only begun");
    cr_assert_eq(rmdir(dir), 0);
}

Test(rdb_temps, what_the_living_write_stays) {
    char saved[32], received[48];
    begin();
    pid_t pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    snprintf(saved, sizeof saved, "temp-%d.rdb", pid);
    snprintf(received, sizeof received, "temp-1790000000.%d.rdb", pid);
    put(saved);
    put(received);
    rdb_remove_temps(dir);
    cr_assert(take(saved));
    cr_assert(take(received));
    /* Killed, it is dead even before anybody has asked how it ended. */
    put(saved);
    siginfo_t how;
    cr_assert_eq(kill(pid, SIGKILL), 0);
    cr_assert_eq(waitid(P_PID, (id_t)pid, &how, WEXITED | WNOWAIT), 0);
    rdb_remove_temps(dir);
    cr_assert_not(take(saved));
    cr_assert_eq(waitpid(pid, NULL, 0), pid);
    cr_assert_eq(rmdir(dir), 0);
}

Test(rdb_temps, other_names_stay) {
    static const char *const names[] = {"dump.rdb",        "temp-.rdb",         "temp-12x.rdb",
                                        "temp-12.rdb.bak", "atemp-12.rdb",      "temp-1.rdbx",
                                        "temp-1.2.3.rdb",  "temp--12.rdb",      "temp-12",
                                        "temp-12..rdb",    "temp-20261120.rdb", "temp-4000001.rdb"};
    rdb_config.filename = "temp-4000001.rdb"; /* no pid of a living process, and the data itself */
    begin();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) put(names[i]);
    rdb_remove_temps(dir);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) cr_assert(take(names[i]), "%s", names[i]);
    cr_assert_eq(rmdir(dir), 0);
    rdb_remove_temps(dir); /* there is none */
}

/* Temporary snapshot files that a killed server has left behind: temp-PID.rdb of a save (save_file.c), and temp-TIME.PID.rdb
 * of a snapshot that was being received.
 *
 * Several servers may share a directory, each with a file name of its own: so what a process that is alive may be writing
 * stays. A process that runs under our own number is ourselves, started anew where numbers repeat (a container). */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "rdb/rdb.h"

#define PID_MOST (4l << 20) /* the kernel's: temp-20261120.rdb is somebody's copy */

/* The number at the end of temp-[TIME.]PID.rdb; 0: the name has another form. */
static long writer_of(const char *name) {
    static const char begin[] = "temp-", end[] = ".rdb";
    if (strncmp(name, begin, sizeof begin - 1) != 0) return 0;
    const char *at = name + sizeof begin - 1;
    for (int numbers = 0; numbers < 2; numbers++) {
        char *after;
        if (!isdigit((unsigned char)*at)) return 0;
        long n = strtol(at, &after, 10);
        if (strcmp(after, end) == 0) return n <= PID_MOST ? n : 0;
        if (*after != '.') return 0;
        at = after + 1;
    }
    return 0;
}

/* A process that has ended keeps its number until its parent asks how; then it has no program any more. */
static bool is_alive(long pid) {
    char path[64], target[1];
    if (pid == getpid() || (kill((pid_t)pid, 0) != 0 && errno == ESRCH)) return false;
    snprintf(path, sizeof path, "/proc/%ld/exe", pid);
    return readlink(path, target, sizeof target) >= 0 || errno != ENOENT ||
           access("/proc/self/exe", F_OK) != 0;
}

static bool is_the_data(const char *name) {
    return rdb_config.filename && strcmp(name, rdb_config.filename) == 0;
}

void rdb_remove_temps(const char *dir) {
    char path[4096];
    DIR *d = opendir(dir);
    if (!d) return;
    for (struct dirent *e; (e = readdir(d));) {
        long pid = writer_of(e->d_name);
        if (pid <= 0 || is_the_data(e->d_name) || is_alive(pid)) continue;
        if ((size_t)snprintf(path, sizeof path, "%s/%s", dir, e->d_name) >= sizeof path) continue;
        log_notice("Removing %s, which an earlier process left unfinished", e->d_name);
        if (unlink(path) != 0) log_warning("Can't remove %s: %s", path, strerror(errno));
    }
    closedir(d);
}

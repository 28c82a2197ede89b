/* See received.h. Invariants: `kept` is the loaded file that waits for the disk, fd -1 when there is none; `asked` is what the
 * sync under way is about, and `early` the answer for a file that was not loaded yet. Its error is told only once.
 *
 * Whoever was killed before the file has its place needs a full synchronisation again. So it gets a moment's patience; after that
 * the disk is in such trouble that clients come first. */
#include "repl/received.h"

#include "base/log.h"
#include "event/syncer.h"
#include "repl/internal.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATIENCE_MS = 100, NOTHING = -1, DIRECTORY = -2 };

static struct {
    int fd, dir;
    char path[PATH_MAX];     /* what it is called; as a rule in dir */
    char name[NAME_MAX + 1]; /* in dir: what it shall be called */
    struct stat there;       /* what had that name when it was loaded; st_ino 0: nothing */
} kept = {.fd = -1};
static int asked = NOTHING; /* a descriptor, or the above */
static struct { int fd, error; } early = {.fd = NOTHING};

static void answered(int error);
static struct syncer syncer = SYNCER("tandem-rdb-fsync", answered);

void received_prepare(void) {
    syncer_start(&syncer);
}

static void let_go(void) {
    syncer_close(&syncer, kept.fd);
    close(kept.dir);
    kept.fd = -1;
}

void received_drop(void) {
    if (kept.fd < 0) return;
    if (asked == kept.fd) asked = NOTHING;
    unlinkat(kept.dir, kept.path, 0);
    let_go();
}

static struct stat look(void) {
    struct stat st;
    if (fstatat(kept.dir, kept.name, &st, 0) != 0) st = (struct stat){0};
    return st;
}

static bool newer_came(void) {
    struct stat now = look();
    return now.st_ino != kept.there.st_ino || now.st_mtim.tv_sec != kept.there.st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != kept.there.st_mtim.tv_nsec;
}

static void directory_synced(int error) {
    if (error)
        log_warning("Failed trying to sync DB directory in MASTER <-> REPLICA synchronization: %s",
                    error == SYNCER_LOST ? "the helper process has gone" : strerror(error));
}

static void sync_directory(void) {
    if (!syncer.busy && syncer_sync(&syncer, kept.dir, SYNC_ALL))
        asked = DIRECTORY;
    else
        directory_synced(fsync(kept.dir) == 0 ? 0 : errno);
}

static void put_in_place(void) {
    int old = openat(kept.dir, kept.name, O_RDONLY | O_CLOEXEC); /* so that the rename need not free it */
    if (renameat(kept.dir, kept.path, kept.dir, kept.name) < 0) {
        log_warning("Failed trying to rename the temp DB into %s in MASTER <-> REPLICA synchronization: %s",
                    kept.name, strerror(errno));
        received_drop();
    } else {
        sync_directory();
        let_go();
    }
    if (old >= 0) syncer_close(&syncer, old);
}

static void settle(int error) {
    if (error) {
        log_warning("Failed trying to sync the temp DB to disk in MASTER <-> REPLICA synchronization: %s",
                    strerror(error));
        received_drop();
    } else if (newer_came()) {
        log_notice("The RDB file received from the master is not kept: %s is newer", kept.name);
        received_drop();
    } else {
        put_in_place();
    }
}

static int sync_here(void) {
    return fsync(kept.fd) == 0 ? 0 : errno;
}

static void ask(void) {
    if (syncer_sync(&syncer, kept.fd, SYNC_DATA))
        asked = kept.fd;
    else
        settle(sync_here());
}

static void answered(int error) {
    int what = asked;
    asked = NOTHING;
    if (what == DIRECTORY) directory_synced(error);
    if (kept.fd < 0) {
        if (what >= 0) early.fd = what, early.error = error;
    } else if (what != kept.fd) {
        ask(); /* that was about another one */
    } else {
        settle(error == SYNCER_LOST ? sync_here() : error);
    }
}

void received_sync(int fd) {
    if (!syncer.busy && syncer_sync(&syncer, fd, SYNC_DATA)) asked = fd;
}

void received_discard(int fd, const char *path) {
    if (asked == fd) asked = NOTHING;
    if (early.fd == fd) early.fd = NOTHING;
    unlink(path);
    syncer_close(&syncer, fd);
}

void received_keep(int fd, const char *path) {
    received_drop();
    bool told = early.fd == fd && early.error != SYNCER_LOST;
    early.fd = NOTHING;
    kept.fd = fd;
    kept.dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (kept.dir < 0) kept.dir = AT_FDCWD;
    snprintf(kept.path, sizeof kept.path, "%s", path);
    snprintf(kept.name, sizeof kept.name, "%s", repl_rdb_path());
    kept.there = look();
    if (told)
        settle(early.error);
    else if (!syncer.busy)
        ask();
    if (kept.fd >= 0) syncer_wait(&syncer, PATIENCE_MS);
}

void received_finish(void) {
    if (kept.fd < 0) return;
    asked = NOTHING;
    settle(sync_here());
}

/* A process that waits for the disk, so that the loop need not.
 *
 * It is forked when it is started (best before there is data whose pages it would hold; it gives its copy back at once), and
 * takes requests with a descriptor each, in order: sync it, or just hold its last reference while it is closed, because the
 * last close of a big deleted file takes its time. Each sync is answered with its errno. It ends when our end of the
 * socket closes, so never outlives us for longer than what it has been asked for. One that dies is started again by the next
 * request.
 *
 * Ownership: a syncer is the caller's, static: SYNCER(title, done). At most one sync is asked for and not answered. */
#ifndef TANDEM_EVENT_SYNCER_H
#define TANDEM_EVENT_SYNCER_H

#include "event/loop.h"

enum { SYNCER_LOST = -1 };

struct syncer {
    const char *title; /* for ps */
    void (*done)(
        int error);  /* the sync that was asked for: 0, errno, or SYNCER_LOST: the process died before */
    struct ev_io io; /* our end of the socket; fd -1: no process */
    bool busy;
};
#define SYNCER(title_, done_)                                                                                \
    {                                                                                                        \
        .title = (title_), .done = (done_), .io = {.fd = -1 }                                                \
    }

enum syncer_scope { SYNC_DATA = 's', SYNC_ALL = 'a' }; /* fdatasync; fsync, for a directory */

void syncer_start(struct syncer *s); /* idempotent; failed: logged */
void syncer_stop(struct syncer *s);  /* for tests; a sync under way is not answered */
/* Asserts that none is under way; the caller keeps fd and may close it. false: no process; do it yourself. */
bool syncer_sync(struct syncer *s, int fd, enum syncer_scope scope);
void syncer_close(struct syncer *s, int fd); /* takes fd */
void syncer_wait(struct syncer *s,
                 int timeout_ms); /* for the answer, so long at most; done is called here then */

#endif

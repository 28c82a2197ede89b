/* The file of a full synchronisation, on its way to the disk and to its place as the snapshot file.
 *
 * The disk has most of it when it is complete; for the rest, nobody waits: a process of its own syncs it while it is loaded, and
 * behind that as well if the disk is slow, and then it takes the place of the file that a restart would read. It is given up when a
 * newer one has come there meanwhile (SAVE, the next synchronisation). Its names are those of the directory and of the
 * setting when it was loaded. */
#ifndef TANDEM_REPL_RECEIVED_H
#define TANDEM_REPL_RECEIVED_H

void received_prepare(void); /* the process; best before there is data */
void received_sync(int fd);  /* it is complete: to the disk with it */
/* It is not kept: unlinks it and takes fd. */
void received_discard(int fd, const char *path);
/* It was loaded: takes fd. The link goes on, and what comes of it is in the log. */
void received_keep(int fd, const char *path);
void received_drop(void);   /* one that still waits: unlinked */
void received_finish(void); /* the process ends: one that still waits is synced now */

#endif

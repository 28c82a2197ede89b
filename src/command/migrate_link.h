/* MIGRATE's connections to other servers. They are kept for some seconds, because keys tend to be moved one after the
 * other; after migrate_idle_ms without use, or when there are more than MIGRATE_LINKS_MAX, they are closed. INFO counts
 * them (server_stats.migrate_links).
 *
 * Everything here waits, at most timeout_ms for each step (a connect, 64 KB sent, a line received), and serves nobody
 * meanwhile: as with the reference, who runs MIGRATE on a server chooses the timeout by that. */
#ifndef TANDEM_COMMAND_MIGRATE_LINK_H
#define TANDEM_COMMAND_MIGRATE_LINK_H

#include <stdbool.h>
#include <stdint.h>
#include "base/slice.h"

#define MIGRATE_LINKS_MAX   64
#define MIGRATE_NO_DB       (-1)
#define MIGRATE_CHUNK_BYTES (64 * 1024)
#define MIGRATE_LINE_BYTES  1024

extern int migrate_idle_ms; /* 10,000; a variable for its test's sake */

struct migrate_link {
    int64_t dbid; /* what the other side has selected, as far as is known; the caller's to keep true */
    int fd;
    char unread[512]; /* received behind the last line */
    size_t n_unread;
};

/* The kept connection or a new one. NULL: none could be made. The link lives until migrate_link_close or until it has
 * been idle: for the running command. */
struct migrate_link *migrate_link_get(slice host, slice port, int64_t timeout_ms);
void migrate_link_close(struct migrate_link *l);

enum migrate_io { MIGRATE_OK, MIGRATE_TIMEOUT, MIGRATE_BROKEN };
enum migrate_io migrate_send(struct migrate_link *l, const char *p, size_t n, int64_t timeout_ms);
/* One line without its end, NUL-terminated; what does not fit is dropped. */
enum migrate_io migrate_line(struct migrate_link *l, char line[MIGRATE_LINE_BYTES], int64_t timeout_ms);

#endif

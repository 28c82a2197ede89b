/* A master that is the test itself: it listens, hears a replica's requests, and answers what the test wishes. */
#ifndef TANDEM_TESTS_MASTER_H
#define TANDEM_TESTS_MASTER_H

#include <stdbool.h>
#include <stddef.h>

#define MASTER_ID   "0123456789abcdef0123456789abcdef01234567"
#define MASTER_MARK "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm" /* behind a snapshot without a length */

struct master {
    int listen_fd, port;
    int fd; /* the replica's connection; -1: none */
    char in[4096];
    size_t used;
};

void master_open(struct master *m);
void master_close(struct master *m);
void master_wait(struct master *m);   /* until a replica connects */
void master_accept(struct master *m); /* waits for one; a former connection ends */
void master_hang_up(struct master *m);
void master_send(struct master *m, const char *bytes, size_t n);
void master_say(struct master *m, const char *text);
const char *master_hear(struct master *m); /* the next request, its words separated by blanks */
/* Plays a friendly master until the request that begins with `word` came; returns that. */
const char *master_play_until(struct master *m, const char *word);
/* An RDB file: new0, new1, ... are "v"; at the end, if so wished, a value of a type that nobody knows. */
size_t master_make_rdb(char *out, int keys, bool unknown_type);

#endif

/* Several connections to ours and as many to the real redis-server, for commands that wait: the same steps to both, and every
 * connection's replies compared, in whatever order clients were served.
 *
 * A step is sent on one connection. It is over when it was answered or its client is blocked (INFO tells), and when
 * everybody else who is no longer blocked has been answered: so no test waits for time to pass. */
#ifndef TANDEM_TESTS_ROOM_H
#define TANDEM_TESTS_ROOM_H

#include "support/server.h"

#define ROOM_CONNS 7

struct room { /* a server with its connections */
    struct srv *srv;
    redisContext *conn[ROOM_CONNS];
    int64_t id[ROOM_CONNS];
    bool waits[ROOM_CONNS];
    char said[ROOM_CONNS][2048]; /* the reply of the current step, "" when none came */
};

void room_open(struct room *r, enum srv_kind kind, const char *args);
void room_close(struct room *r);
void room_step_args(struct room *r, int conn, int argc, const char **argv, const size_t *lens);
/* "conn: command"; %N is the id of connection N's client, "" an empty word. */
void room_step(struct room *r, const char *line);
void room_compare(struct room *ours, struct room *real, const char *what);

/* A scene from an empty server on; at the end the data are compared. */
void room_play(const char *const *lines);
#define PLAY(...) room_play((const char *const[]){__VA_ARGS__, NULL})

#endif

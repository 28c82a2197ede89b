/* The client's connection to a server: blocking, one request and one reply at a time;
 * or, for those who follow a stream, in halves. */
#ifndef TANDEM_TOOLS_LINK_H
#define TANDEM_TOOLS_LINK_H

#include "resp/reader.h"

struct link {
    int fd; /* -1: closed */
    struct resp_reader in;
    char error[160]; /* why the last call failed */
};

/* Over TCP (IPv4 addresses are tried first), or a Unix socket. False: see error. */
bool link_open_tcp(struct link *l, const char *host, int port);
bool link_open_unix(struct link *l, const char *path);
void link_close(struct link *l);

bool link_send(struct link *l, const sds *argv, int argc);
/* The two halves of link_read: what can be taken of what has come (NULL with no error: more is needed), and the next bytes,
 * for which it waits. */
const struct resp_value *link_take(struct link *l);
bool link_receive(struct link *l);
const struct resp_value *link_read(struct link *l); /* valid until the next read; NULL: see error */

#endif

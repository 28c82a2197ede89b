/* Sockets: listening, connecting, addresses. Non-blocking and close-on-exec throughout.
 * Functions that fail return -1 and write one line into err (NET_ERR_BYTES), worded as the log shows it. */
#ifndef TANDEM_EVENT_NET_H
#define TANDEM_EVENT_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define NET_ERR_BYTES  256
#define NET_ADDR_BYTES 64 /* "ip" of any family, NUL included */

/* socket-mark-id: SO_MARK of listening sockets, which accepted ones inherit; 0: none. */
extern unsigned net_listen_mark;
int net_listen_tcp(const char *addr, int port, int backlog,
                   char *err); /* addr "*" = 0.0.0.0, "::*" = :: (v6 only) */
int net_listen_unix(const char *path, mode_t perm, int backlog, char *err);
/* -1 with errno EAGAIN when none waits. ip (NET_ADDR_BYTES) and port may be NULL; "" and 0 for unix sockets. */
int net_accept(int listen_fd, char *ip, int *port, char *err);
/* Starts a connection; completion is EV_WRITE then net_connect_error. Resolves names (blocking, as Redis does).
 * source_addr NULL or "": any. */
int net_connect_start(const char *host, int port, const char *source_addr, char *err);
int net_connect_error(int fd); /* SO_ERROR: 0 when connected */
int net_set_nodelay(int fd, bool on);
int net_set_keepalive(int fd, int interval_s);
int net_set_blocking(int fd, bool blocking);
bool net_peer(int fd, char *ip, int *port); /* false for unix sockets */
bool net_local(int fd, char *ip, int *port);
size_t net_format_addr(char *buf, size_t cap, const char *ip, int port); /* ip:port, [v6]:port */

#endif

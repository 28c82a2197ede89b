/* Where clients come in: the addresses of bind, the unix socket, and protected mode's door.
 *
 * An address with "-" in front may be missing from this machine; a family that the machine does not speak is skipped.
 * Any other failure closes what was opened: the server listens where it was told or not at all. */
#include "server/listen.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "client/client.h"
#include "repl/repl.h"
#include "server/acl.h"
#include "server/config.h"
#include "server/server.h"

static bool wrote_socket_file;

static bool may_be_missing(int why, bool optional) {
    return (why == EADDRNOTAVAIL && optional) || why == ENOPROTOOPT || why == EPROTONOSUPPORT ||
           why == ESOCKTNOSUPPORT || why == EPFNOSUPPORT || why == EAFNOSUPPORT;
}

/* How many addresses listen now, -1 on failure. */
static int listen_tcp(void) {
    const struct server_config *c = &server_config;
    char err[NET_ERR_BYTES];
    int count = 0;
    for (int i = 0; c->port && i < c->bind_count; i++) {
        const char *addr = c->bind[i];
        bool optional = *addr == '-';
        if (optional) addr++;
        errno = 0;
        if (client_listen_tcp(addr, c->port, c->tcp_backlog, err)) {
            count++;
            continue;
        }
        int why = errno;
        log_warning("Warning: Could not create server TCP listening socket %s:%d: %s", addr, c->port, err);
        if (may_be_missing(why, optional)) continue;
        client_stop_listening_tcp();
        return -1;
    }
    return count;
}

static bool listen_unix(void) {
    char err[NET_ERR_BYTES];
    unlink(server_config.unixsocket); /* what a crash left behind */
    if (client_listen_unix(server_config.unixsocket, server_config.unixsocketperm, server_config.tcp_backlog,
                           err)) {
        wrote_socket_file = true;
        return true;
    }
    log_warning("Failed opening Unix socket: bind: %s", err);
    return false;
}

bool server_listen(void) {
    int count = listen_tcp();
    if (count < 0 || (server_config.port && server_config.bind_count && count == 0)) {
        log_warning("Failed listening on port %u (TCP), aborting.", (unsigned)server_config.port);
        return false;
    }
    if (server_config.unixsocket[0]) {
        if (!listen_unix()) return false;
        count++;
    }
    if (count == 0) {
        log_warning("Configured to not listen anywhere, exiting.");
        return false;
    }
    repl_config.listen_port = server_config.port;
    return true;
}

/* CONFIG SET port or bind. On failure config puts the old values back and asks again. */
const char *listen_again(void) {
    client_stop_listening_tcp();
    if (listen_tcp() < 0) return "Unable to listen on this port. Check server logs.";
    repl_config.listen_port = server_config.port;
    return NULL;
}

void server_remove_socket_file(void) {
    if (!wrote_socket_file) return;
    log_notice("Removing the unix socket file.");
    if (unlink(server_config.unixsocket) != 0) {
        log_warning("Error removing the unix socket file: %s", strerror(errno));
    }
}

static bool is_loopback(const struct client *c) {
    char ip[NET_ADDR_BYTES];
    int port;
    if ((c->flags & CLIENT_UNIX) || !net_peer(c->io.fd, ip, &port)) return true;
    return strncmp(ip, "127.", 4) == 0 || strcmp(ip, "::1") == 0 || strncmp(ip, "::ffff:127.", 11) == 0;
}

bool server_may_accept(struct client *c) {
    if (!server_config.protected_mode || acl_default_has_password() || is_loopback(c)) return true;
    static const char denied[] =
        "DENIED Redis is running in protected mode because protected mode is enabled and no password is set "
        "for "
        "the default user. In this mode connections are only accepted from the loopback interface. If you "
        "want to "
        "connect from external computers to Redis you may adopt one of the following solutions: 1) Just "
        "disable "
        "protected mode sending the command 'CONFIG SET protected-mode no' from the loopback interface by "
        "connecting to Redis from the same host the server is running, however MAKE SURE Redis is not "
        "publicly "
        "accessible from internet if you do so. Use CONFIG REWRITE to make this change permanent. 2) "
        "Alternatively "
        "you can just disable the protected mode by editing the Redis configuration file, and setting the "
        "protected mode option to 'no', and then restarting the server. 3) If you started the server "
        "manually just "
        "for testing, restart it with the '--protected-mode no' option. 4) Setup a an authentication "
        "password for "
        "the default user. NOTE: You only need to do one of the above things in order for the server to "
        "start "
        "accepting connections from the outside.";
    reply_error(&c->out, denied);
    return false;
}

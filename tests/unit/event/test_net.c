/* Sockets on loopback: listen, connect, accept, addresses, errors in the log's words. */
#include "event/net.h"
#include "support/dial.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char err[NET_ERR_BYTES];

static void wait_for(int fd, short events) {
    struct pollfd p = {.fd = fd, .events = events};
    cr_assert_eq(poll(&p, 1, 5000), 1);
}

Test(net, tcp_round_trip) {
    int port, peer_port, from_port;
    char ip[NET_ADDR_BYTES];
    int l = net_listen_tcp("127.0.0.1", 0, 5, err);
    cr_assert(l >= 0, "%s", err);
    cr_assert(net_local(l, ip, &port));
    cr_assert_str_eq(ip, "127.0.0.1");
    cr_assert(net_accept(l, NULL, NULL, err) < 0 && errno == EAGAIN);
    int c = net_connect_start("localhost", port, "127.0.0.1", err);
    cr_assert(c >= 0, "%s", err);
    wait_for(c, POLLOUT);
    cr_assert_eq(net_connect_error(c), 0);
    wait_for(l, POLLIN);
    int s = net_accept(l, ip, &peer_port, err);
    cr_assert(s >= 0, "%s", err);
    cr_assert_str_eq(ip, "127.0.0.1");
    cr_assert(net_local(c, NULL, &from_port) && from_port == peer_port);
    cr_assert(net_peer(c, ip, &from_port) && from_port == port);
    int fds[] = {l, c, s};
    for (int i = 0; i < 3; i++) {
        cr_assert(fcntl(fds[i], F_GETFL) & O_NONBLOCK);
        cr_assert(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
    }
    cr_assert_eq(net_set_nodelay(c, true), 0);
    cr_assert_eq(net_set_keepalive(c, 60), 0);
    cr_assert_eq(net_set_keepalive(c, 0), 0);
    cr_assert_eq(net_set_blocking(c, true), 0);
    cr_assert_not(fcntl(c, F_GETFL) & O_NONBLOCK);
}

Test(net, refused) {
    int port, l = net_listen_tcp("127.0.0.1", 0, 5, err);
    cr_assert(net_local(l, NULL, &port));
    close(l);
    int c = net_connect_start("127.0.0.1", port, "", err);
    if (c < 0) {
        cr_assert_str_eq(err, "Connection refused");
        return;
    }
    wait_for(c, POLLOUT);
    cr_assert_eq(net_connect_error(c), ECONNREFUSED);
}

Test(net, in_use) {
    int port, l = net_listen_tcp("127.0.0.1", 0, 5, err);
    cr_assert(net_local(l, NULL, &port));
    cr_assert_lt(net_listen_tcp("127.0.0.1", port, 5, err), 0);
    cr_assert_str_eq(err, "bind: Address already in use");
    cr_assert_eq(errno, EADDRINUSE);
}

Test(net, unknown_names) {
    cr_assert_lt(net_listen_tcp("not an address", 0, 5, err), 0);
    cr_assert(strlen(err) > 0);
    err[0] = '\0';
    cr_assert_lt(net_connect_start("no such host.invalid", 1, NULL, err), 0);
    cr_assert(strlen(err) > 0);
}

Test(net, unix_sockets) {
    char dir[] = "/tmp/tandem-unit-XXXXXX", path[64], ip[NET_ADDR_BYTES] = "?";
    struct stat st;
    int port = 7;
    cr_assert_not_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/sock", dir);
    int l = net_listen_unix(path, 0600, 5, err);
    cr_assert(l >= 0, "%s", err);
    cr_assert(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
    int again = net_listen_unix(path, 0, 5, err);
    cr_assert(again >= 0, "a stale path is no obstacle: %s", err);
    cr_assert_geq(dial_unix(path), 0);
    wait_for(again, POLLIN);
    int s = net_accept(again, ip, &port, err);
    cr_assert(s >= 0, "%s", err);
    cr_assert_str_eq(ip, "");
    cr_assert_eq(port, 0);
    cr_assert_not(net_peer(s, ip, &port));
    unlink(path);
    char long_path[200];
    memset(long_path, 'x', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = '\0';
    cr_assert_lt(net_listen_unix(long_path, 0, 5, err), 0);
    rmdir(dir);
}

Test(net, format) {
    char buf[64];
    cr_assert_eq(net_format_addr(buf, sizeof buf, "10.0.0.1", 6379), 13);
    cr_assert_str_eq(buf, "10.0.0.1:6379");
    net_format_addr(buf, sizeof buf, "::1", 80);
    cr_assert_str_eq(buf, "[::1]:80");
    cr_assert_eq(net_format_addr(buf, 5, "10.0.0.1", 6379), 4);
    cr_assert_str_eq(buf, "10.0");
}

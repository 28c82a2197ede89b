/* Accepting over real listeners, and what CLIENT LIST says of those who came. */
#include "event/net.h"
#include "fixture.h"
#include "support/dial.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

TestSuite(listen, .init = fx_init, .fini = fx_fini);

/* Listens on a port that was free a moment ago. */
static int listen_somewhere(void) {
    char err[NET_ERR_BYTES];
    for (int i = 0; i < 20; i++) {
        int port, fd = net_listen_tcp("127.0.0.1", 0, 1, err);
        cr_assert(fd >= 0 && net_local(fd, NULL, &port));
        close(fd);
        if (client_listen_tcp("127.0.0.1", port, 511, err)) return port;
    }
    cr_assert_fail("no port: %s", err);
    return -1;
}

static int dial(int port) {
    char err[NET_ERR_BYTES];
    int fd = net_connect_start("127.0.0.1", port, NULL, err);
    cr_assert(fd >= 0, "%s", err);
    return fd;
}

Test(listen, tcp) {
    int port = listen_somewhere(), fd = dial(port);
    ev_turn(1000);
    cr_assert_eq(client_count(), 1);
    fx_say(fd, "PING\r\n");
    fx_expect(fd, "+PONG\r\n");
    int on = 0;
    socklen_t n = sizeof on;
    struct client *c = client_first();
    cr_assert(getsockopt(c->io.fd, IPPROTO_TCP, TCP_NODELAY, &on, &n) == 0 && on);
    cr_assert(getsockopt(c->io.fd, SOL_SOCKET, SO_KEEPALIVE, &on, &n) == 0 && on);
    cr_assert(getsockopt(c->io.fd, IPPROTO_TCP, TCP_KEEPIDLE, &on, &n) == 0 && on == 300);
    client_config.tcp_keepalive_s = 60;
    dial(port);
    ev_turn(1000);
    c = c->next;
    cr_assert(getsockopt(c->io.fd, IPPROTO_TCP, TCP_KEEPIDLE, &on, &n) == 0 && on == 60);
}

Test(listen, description) {
    char peer[96], expected[512];
    int port = listen_somewhere(), fd = dial(port);
    ev_turn(1000);
    struct client *c = client_first();
    c->name = sds_new("joe");
    c->db = 3;
    client_peer_name(c, peer, sizeof peer);
    sds line = client_describe(sds_empty(), c);
    snprintf(expected, sizeof expected,
             "id=1 addr=%s laddr=127.0.0.1:%d fd=%d name=joe age=0 idle=0 flags=N db=3 sub=0 psub=0 ssub=0 "
             "multi=-1 "
             "qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=%zu events=r "
             "cmd=NULL user=default redir=-1 resp=2",
             peer, port, c->io.fd, client_memory(c));
    cr_assert_str_eq(line, expected);
    cr_assert_leq(client_memory(c), 700, "an idle connection costs little: %zu", client_memory(c));
    int peer_port;
    cr_assert(net_local(fd, NULL, &peer_port));
    snprintf(expected, sizeof expected, "127.0.0.1:%d", peer_port);
    cr_assert_str_eq(peer, expected);
    sds_free(line);
}

Test(listen, unix_socket) {
    char dir[] = "/tmp/tandem-unit-XXXXXX", path[64], err[NET_ERR_BYTES], name[96], expected[96];
    cr_assert_not_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/s", dir);
    cr_assert(client_listen_unix(path, 0700, 10, err), "%s", err);
    int fd = dial_unix(path);
    cr_assert_geq(fd, 0);
    ev_turn(1000);
    fx_say(fd, "PING\r\n");
    fx_expect(fd, "+PONG\r\n");
    cr_assert(client_first()->flags & CLIENT_UNIX);
    client_peer_name(client_first(), name, sizeof name);
    snprintf(expected, sizeof expected, "%s:0", path);
    cr_assert_str_eq(name, expected);
    client_stop_listening();
    cr_assert_neq(access(path, F_OK), 0, "the path goes with the listener");
    rmdir(dir);
}

Test(listen, port_in_use) {
    char err[NET_ERR_BYTES] = "";
    cr_assert_not(client_listen_tcp("127.0.0.1", listen_somewhere(), 10, err));
    cr_assert_str_eq(err, "bind: Address already in use");
}

Test(listen, more_than_maxclients) {
    client_config.max_clients = 2;
    int port = listen_somewhere(), fds[3];
    for (int i = 0; i < 3; i++) {
        fds[i] = dial(port);
        ev_turn(1000);
    }
    cr_assert_eq(client_count(), 2);
    fx_expect(fds[2], "-ERR max number of clients reached\r\n");
    cr_assert_eq(client_stats.rejected, 1);
    close(fds[0]);
    ev_turn(1000);
    fx_turns(1);
    cr_assert_eq(client_count(), 1);
}

static bool refuse(struct client *c) {
    reply_error(&c->out, "DENIED go away");
    return false;
}

Test(listen, refused_by_the_hook) {
    client_set_hooks(&(struct client_hooks){.may_accept = refuse});
    int fd = dial(listen_somewhere());
    ev_turn(1000);
    fx_expect(fd, "-DENIED go away\r\n");
    cr_assert_eq(client_count(), 0);
}

Test(listen, a_burst_is_accepted_in_one_turn) {
    int port = listen_somewhere();
    for (int i = 0; i < 100; i++) dial(port);
    fx_turns(1);
    cr_assert_geq(client_count(), 100);
}

Test(listen, without_descriptors_it_rests_instead_of_spinning) {
    struct rlimit limit;
    int port = listen_somewhere(), fd = dial(port), spare = dial(port);
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    struct rlimit tight = {.rlim_cur = (rlim_t)spare + 1, .rlim_max = limit.rlim_max};
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &tight), 0);
    ev_turn(1000);
    cr_assert_eq(client_count(), 0);
    uint64_t turns = ev_turns();
    ev_turn(20); /* nothing to do for as long as it rests */
    cr_assert_eq(ev_turns(), turns + 1);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    for (int i = 0; i < 100 && client_count() < 2; i++) ev_turn(1000);
    cr_assert_eq(client_count(), 2);
    close(fd);
}

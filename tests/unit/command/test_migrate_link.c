/* MIGRATE's kept connections: shared, counted, ended by idling, at most so many; and lines that come in pieces. */
#include "command/migrate_link.h"
#include "event/loop.h"
#include "event/net.h"
#include "server/server.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int listener;
static char port[16];

static void open_listener(void) {
    char err[NET_ERR_BYTES];
    int n;
    ev_init();
    listener = net_listen_tcp("127.0.0.1", 0, 128, err);
    cr_assert(listener >= 0, "%s", err);
    net_local(listener, NULL, &n);
    snprintf(port, sizeof port, "%d", n);
}

/* The listener under the n-th of its names: its port with zeros in front. */
static struct migrate_link *get(int n) {
    char text[128];
    snprintf(text, sizeof text, "%0*d", (int)strlen(port) + n, atoi(port));
    return migrate_link_get(SLICE("127.0.0.1"), slice_of(text), 20000);
}

static int take(void) {
    int fd;
    while ((fd = accept(listener, NULL, NULL)) < 0) usleep(1000);
    return fd;
}

Test(migrate_link, keeps_one_for_each_place, .init = open_listener) {
    struct migrate_link *l = get(0);
    cr_assert(l && l->dbid == MIGRATE_NO_DB);
    cr_assert_eq(get(0), l);
    cr_assert_eq(server_stats.migrate_links, 1);
    cr_assert_neq(get(1), l);
    cr_assert_eq(server_stats.migrate_links, 2);
    migrate_link_close(l);
    cr_assert_eq(server_stats.migrate_links, 1);
}

Test(migrate_link, ends_by_idling, .init = open_listener) {
    migrate_idle_ms = 1;
    cr_assert(get(0));
    while (server_stats.migrate_links) ev_turn(100);
    cr_assert(get(0));
}

Test(migrate_link, keeps_no_more_than_64, .init = open_listener) {
    for (int i = 0; i < MIGRATE_LINKS_MAX + 3; i++) cr_assert(get(i));
    cr_assert_eq(server_stats.migrate_links, MIGRATE_LINKS_MAX);
}

Test(migrate_link, reads_lines_in_pieces, .init = open_listener) {
    char line[MIGRATE_LINE_BYTES], big[3000];
    struct migrate_link *l = get(0);
    int fd = take();
    cr_assert_eq(write(fd, "+O", 2), 2);
    cr_assert_eq(migrate_line(l, line, 1), MIGRATE_TIMEOUT);
    cr_assert_eq(write(fd, "K\r\n-ERR two\r\n+", 14), 14);
    cr_assert_eq(migrate_line(l, line, 20000), MIGRATE_OK);
    cr_assert_eq(migrate_line(l, line, 20000), MIGRATE_OK);
    cr_assert_str_eq(line, "-ERR two");
    memset(big, 'x', sizeof big);
    cr_assert_eq(write(fd, big, sizeof big), (ssize_t)sizeof big);
    cr_assert_eq(write(fd, "\n:1\r\n", 5), 5);
    cr_assert_eq(migrate_line(l, line, 20000), MIGRATE_OK);
    cr_assert_eq(strlen(line), MIGRATE_LINE_BYTES - 1, "cut, and its rest dropped");
    cr_assert_eq(migrate_line(l, line, 20000), MIGRATE_OK);
    cr_assert_str_eq(line, ":1");
    close(fd);
    cr_assert_eq(migrate_line(l, line, 20000), MIGRATE_BROKEN);
}

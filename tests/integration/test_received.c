/* The file that a full synchronisation brings, on a disk that takes its time: the helper process that waits for it is stopped.
 * Nobody else waits, and the file comes to its place later, or not when there is a newer one. */
#include "support/aof.h"
#include "support/proxy.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct pair_of {
    struct srv *p, *r;
    struct proxy *way; /* leads nowhere: where the replica looks at its starts */
    pid_t helper;
};

static pid_t first_child_of(const struct srv *s) {
    char line[256];
    pid_t found = 0;
    snprintf(line, sizeof line, "/proc/%d/task/%d/children", (int)s->pid, (int)s->pid);
    FILE *f = fopen(line, "r");
    cr_assert_not_null(f);
    if (fscanf(f, "%d", &found) != 1) found = 0;
    fclose(f);
    return found;
}

/* The replica has a helper since its start, and it stands still when the file comes. */
static struct pair_of sync_with_a_slow_disk(void) {
    struct pair_of x = {.p = srv_start(TANDEM, "--repl-ping-replica-period 3600"), .r = NULL};
    x.way = proxy_start(x.p->port);
    proxy_refuse(x.way, true);
    x.r = srv_start(TANDEM, "--replicaof 127.0.0.1 %d", x.way->port);
    WAIT_UNTIL((x.helper = first_child_of(x.r)) != 0);
    kill(x.helper, SIGSTOP);
    EXPECT(x.p, "OK", "SET k v");
    srv_replicate(x.r, x.p);
    return x;
}

static void free_both(struct pair_of *x) {
    proxy_stop(x->way);
    srv_free(x->r);
    srv_free(x->p);
}

static bool has_snapshot(const struct srv *s) {
    char path[300];
    snprintf(path, sizeof path, "%s/dump.rdb", s->dir);
    return access(path, F_OK) == 0;
}

static int temps(const struct srv *s) {
    DIR *dir = opendir(s->dir);
    int n = 0;
    for (struct dirent *e; (e = readdir(dir));) n += strncmp(e->d_name, "temp-", 5) == 0;
    closedir(dir);
    return n;
}

static void expect_partial_after_restart(struct pair_of *x) {
    int64_t full = srv_info_int(x->p, "sync_full");
    srv_restart(x->r);
    srv_replicate(x->r, x->p);
    EXPECT(x->r, "\"v\"", "GET k");
    cr_assert_eq(srv_info_int(x->p, "sync_full"), full);
}

Test(received, comes_to_its_place_when_the_disk_has_it) {
    struct pair_of x = sync_with_a_slow_disk();
    EXPECT(x.r, "\"v\"", "GET k"); /* the link is up, and clients are served */
    EXPECT(x.p, "OK", "SET more x");
    srv_wait_synced(x.r, x.p);
    EXPECT(x.r, "\"x\"", "GET more");
    cr_assert_not(has_snapshot(x.r));
    cr_assert_eq(temps(x.r), 1);
    kill(x.helper, SIGCONT);
    WAIT_UNTIL(has_snapshot(x.r));
    cr_assert_eq(temps(x.r), 0);
    srv_kill(x.r);
    expect_partial_after_restart(&x);
    free_both(&x);
}

Test(received, is_brought_there_by_a_stop) {
    struct pair_of x = sync_with_a_slow_disk();
    cr_assert_not(has_snapshot(x.r));
    pid_t helper = x.helper;
    srv_stop(x.r);
    kill(helper, SIGCONT);
    cr_assert(has_snapshot(x.r));
    cr_assert_eq(temps(x.r), 0);
    expect_partial_after_restart(&x);
    free_both(&x);
}

Test(received, gives_way_to_a_newer_one) {
    struct pair_of x = sync_with_a_slow_disk();
    EXPECT(x.p, "OK", "SET k newer");
    srv_wait_synced(x.r, x.p);
    EXPECT(x.r, "OK", "SAVE");
    kill(x.helper, SIGCONT);
    WAIT_UNTIL(temps(x.r) == 0);
    cr_assert(srv_logged(x.r, "The RDB file received from the master is not kept: dump.rdb is newer"));
    srv_kill(x.p);
    srv_kill(x.r);
    srv_restart(x.r);
    EXPECT(x.r, "\"newer\"", "GET k");
    free_both(&x);
}

Test(received, gives_way_to_the_next_synchronisation) {
    struct pair_of x = sync_with_a_slow_disk();
    EXPECT(x.p, "OK", "DEBUG CHANGE-REPL-ID");
    EXPECT(x.p, "OK", "SET k v");
    EXPECT(x.p, "OK", "SET another history");
    srv_cmd(x.r, "CLIENT KILL TYPE master");
    WAIT_UNTIL(srv_info_int(x.p, "sync_full") == 2);
    srv_wait_synced(x.r, x.p);
    cr_assert_eq(temps(x.r), 1, "the first one has gone");
    kill(x.helper, SIGCONT);
    WAIT_UNTIL(has_snapshot(x.r));
    cr_assert_eq(temps(x.r), 0);
    srv_kill(x.r);
    expect_partial_after_restart(&x);
    EXPECT(x.r, "\"history\"", "GET another");
    free_both(&x);
}

/* Without its helper the server does it itself. */
Test(received, the_helper_dies) {
    struct pair_of x = sync_with_a_slow_disk();
    cr_assert_not(has_snapshot(x.r));
    kill(x.helper, SIGKILL);
    WAIT_UNTIL(has_snapshot(x.r));
    cr_assert_eq(temps(x.r), 0);
    free_both(&x);
}

/* CONFIG SET dir in the middle of a transfer: it goes on, and the file comes where a restart would look for it. */
Test(received, comes_to_the_directory_of_its_end) {
    struct srv *p = srv_start(TANDEM, "--repl-full-sync-rate 10kb"),
               *r = srv_start(TANDEM, "--enable-protected-configs yes");
    char dir[300], path[320];
    snprintf(dir, sizeof dir, "%s/other", r->dir);
    snprintf(path, sizeof path, "%s/dump.rdb", dir);
    cr_assert_eq(mkdir(dir, 0755), 0);
    EXPECT(p, "OK", "DEBUG POPULATE 10000 key 100");
    EXPECT(r, "OK", "REPLICAOF 127.0.0.1 %d", p->port);
    WAIT_UNTIL(srv_info_int(r, "master_sync_read_bytes") > 0);
    EXPECT(r, "OK", "CONFIG SET dir %s", dir);
    EXPECT(p, "OK", "CONFIG SET repl-full-sync-rate 0");
    srv_wait_synced(r, p);
    cr_assert_eq(srv_info_int(p, "sync_full"), 1);
    WAIT_UNTIL(access(path, F_OK) == 0);
    cr_assert_eq(temps(r), 0);
    srv_free(r);
    srv_free(p);
}

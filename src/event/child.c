/* Forked children: see child.h.
 *
 * Invariant: slot 0 is the data child's, the others are helpers'; a slot is in use exactly while its pid has not
 * been waited for. Reports are shorter than PIPE_BUF, so each is read whole or not at all.
 *
 * It doesn't know what children do, and waits for one only at the end of the process. */
#include "event/child.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/latency.h"
#include "base/log.h"
#include "event/loop.h"
#include "event/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SLOTS = 1 + CHILD_HELPERS_MAX, WAIT_STEP_US = 500 };

static struct {
    struct slot {
        struct child_spec spec;
        pid_t pid; /* 0: free */
    } slots[SLOTS];
    struct ev_io report_io; /* the data child's reports; fd -1 without one */
    struct child_stats stats;
    void (*forked)(void);
} children = {.report_io = {.fd = -1}};

/* The child's own view of itself. */
static struct {
    enum child_kind kind;
    const char *title;
    int report_fd;
    uint64_t cow_bytes, peak_bytes, sum_bytes, measures;
    uint64_t measured_us, measure_cost_us, keys_done, bytes_done;
} self;

void child_set_hook(void (*forked)(void)) {
    children.forked = forked;
}

/* --- in the child --- */

enum child_kind child_self(void) {
    return self.kind;
}

const char *child_title(void) {
    return self.title;
}

static int compare_int(const void *a, const void *b) {
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static void close_between(int first, int last) {
    if (first > last) return;
    if (syscall(SYS_close_range, (unsigned)first, (unsigned)last, 0) == 0) return;
    long limit = sysconf(_SC_OPEN_MAX); /* a kernel before 5.9 */
    if (last >= limit) last = (int)limit - 1;
    for (int fd = first; fd <= last; fd++) close(fd);
}

static void close_all_but(int *keep, int n) {
    qsort(keep, (size_t)n, sizeof *keep, compare_int);
    int next = 3;
    for (int i = 0; i < n; i++) {
        if (keep[i] < next) continue;
        close_between(next, keep[i] - 1);
        next = keep[i] + 1;
    }
    close_between(next, INT32_MAX);
}

/* Sums the "Private_Dirty: N kB" lines of an smaps file; false when it cannot be read. */
static bool private_dirty_bytes(const char *path, uint64_t *out) {
    static const char field[] = "Private_Dirty:";
    char buf[16384];
    size_t have = 0;
    uint64_t kb = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    for (ssize_t n; (n = read(fd, buf + have, sizeof buf - 1 - have)) > 0;) {
        have += (size_t)n;
        buf[have] = '\0';
        char *line = buf;
        for (char *nl; (nl = memchr(line, '\n', have - (size_t)(line - buf))); line = nl + 1)
            if (strncmp(line, field, sizeof field - 1) == 0)
                kb += strtoull(line + sizeof field - 1, NULL, 10);
        have -= (size_t)(line - buf);
        memmove(buf, line, have);
    }
    close(fd);
    *out = kb * 1024;
    return true;
}

static void measure_cow(bool is_final) {
    uint64_t start = clock_mono_us(), bytes = 0;
    if (!private_dirty_bytes("/proc/self/smaps_rollup", &bytes))
        private_dirty_bytes("/proc/self/smaps", &bytes);
    self.measured_us = clock_mono_us();
    self.measure_cost_us = self.measured_us - start;
    self.cow_bytes = bytes;
    if (bytes > self.peak_bytes) self.peak_bytes = bytes;
    self.sum_bytes += bytes;
    self.measures++;
    if (!bytes && !is_final) return;
    log_write(is_final ? LOG_LEVEL_NOTICE : LOG_LEVEL_VERBOSE,
              "Fork CoW for %s: current %zu MB, peak %zu MB, average %llu MB",
              self.kind == CHILD_REWRITE ? "AOF rewrite" : "RDB", (size_t)(self.cow_bytes >> 20),
              (size_t)(self.peak_bytes >> 20), (unsigned long long)((self.sum_bytes / self.measures) >> 20));
}

static void report(bool is_final) {
    measure_cow(is_final);
    struct child_report r = {.cow_bytes = self.cow_bytes,
                             .keys_done = self.keys_done,
                             .bytes_done = self.bytes_done,
                             .is_final = is_final};
    if (write(self.report_fd, &r, sizeof r) < 0 && errno == EPIPE) _exit(1); /* the parent is gone */
}

/* Walking the page tables of a large process is dear, so at most 1 % of the time goes into it, once a second. */
void child_report(uint64_t keys_done, uint64_t bytes_done) {
    if (self.kind == CHILD_NONE) return; /* a save in the foreground */
    self.keys_done = keys_done;
    self.bytes_done = bytes_done;
    uint64_t pause_us = self.measure_cost_us * 100;
    if (pause_us < 1000000) pause_us = 1000000;
    if (self.measured_us && clock_mono_us() - self.measured_us < pause_us) return;
    report(false);
}

/* What it would write later, nobody waits for; and a successor may be writing there by then. */
static void end_with_parent(pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1); /* it was quicker */
}

static void run_child(const struct child_spec *spec, pid_t parent, int report_fd, const sigset_t *mask) {
    if (spec->kind != CHILD_HELPER) end_with_parent(parent);
    self.kind = spec->kind;
    self.title = spec->title;
    self.report_fd = report_fd;
    log_set_role('C');
    signals_reset_in_child();
    sigprocmask(SIG_SETMASK, mask, NULL);
    ev_disown();
    if (children.forked) children.forked();
    int keep[CHILD_KEEP_MAX + 1];
    memcpy(keep, spec->keep, sizeof spec->keep);
    keep[spec->keep_count] = report_fd;
    close_all_but(keep, spec->keep_count + 1);
    if (spec->title) prctl(PR_SET_NAME, spec->title);
    int code = spec->run(spec->ctx);
    if (code == 0 && spec->kind != CHILD_HELPER) report(true);
    _exit(code);
}

/* --- in the parent --- */

static void take_report(const struct child_report *r) {
    struct child_stats *s = &children.stats;
    s->current_cow_bytes = r->cow_bytes;
    if (r->cow_bytes > s->current_cow_peak_bytes) s->current_cow_peak_bytes = r->cow_bytes;
    s->current_keys_done = r->keys_done;
    s->current_bytes_done = r->bytes_done;
    s->current_reported_ms = (clock_mono_us() - s->started_us) / 1000;
    if (!r->is_final) return;
    if (children.slots[0].spec.kind == CHILD_REWRITE)
        s->last_rewrite_cow_bytes = s->current_cow_peak_bytes;
    else
        s->last_snapshot_cow_bytes = s->current_cow_peak_bytes;
}

static void read_reports(struct ev_io *io, int ready) {
    (void)ready;
    struct child_report r;
    ssize_t n;
    while ((n = read(io->fd, &r, sizeof r)) == (ssize_t)sizeof r) take_report(&r);
    if (n == 0) ev_io_set(io, 0); /* the child closed its end; SIGCHLD follows */
}

static struct slot *free_slot(enum child_kind kind) {
    if (kind != CHILD_HELPER) return children.slots[0].pid ? NULL : &children.slots[0];
    for (int i = 1; i < SLOTS; i++)
        if (!children.slots[i].pid) return &children.slots[i];
    return NULL;
}

static void watch_reports(int fd) {
    children.stats.current_cow_bytes = children.stats.current_cow_peak_bytes = 0;
    children.stats.current_keys_done = children.stats.current_bytes_done = 0;
    children.stats.current_reported_ms = 0;
    children.stats.started_us = clock_mono_us();
    ev_io_init(&children.report_io, fd, read_reports, NULL);
    ev_io_set(&children.report_io, EV_READ); /* refused: child_reap reads them at the end */
}

pid_t child_start(const struct child_spec *spec) {
    assert_that(spec->kind != CHILD_NONE && spec->keep_count <= CHILD_KEEP_MAX);
    struct slot *slot = free_slot(spec->kind);
    int report[2];
    if (!slot) {
        errno = EEXIST;
        return -1;
    }
    if (pipe2(report, O_CLOEXEC | O_NONBLOCK) < 0) return -1;
    uint64_t start = clock_mono_us();
    sigset_t all, mask; /* a signal must find either our handlers in us or the default ones in the child */
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &mask);
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) run_child(spec, parent, report[1], &mask);
    int saved = errno;
    sigprocmask(SIG_SETMASK, &mask, NULL);
    if (slot == &children.slots[0]) {
        children.stats.last_fork_us = (int64_t)(clock_mono_us() - start);
        latency_note("fork", children.stats.last_fork_us / 1000);
    }
    close(report[1]);
    if (pid < 0) {
        close(report[0]);
        errno = saved;
        return -1;
    }
    slot->spec = *spec;
    slot->pid = pid;
    if (slot == &children.slots[0]) {
        children.stats.total_forks++; /* INFO speaks of children that read the data */
        watch_reports(report[0]);
    } else {
        close(report[0]); /* helpers have nothing to report */
    }
    return pid;
}

static void child_ended(struct slot *slot, int status) {
    struct child_spec spec = slot->spec;
    if (slot == &children.slots[0]) {
        read_reports(&children.report_io, EV_READ);
        ev_io_set(&children.report_io, 0);
        close(children.report_io.fd);
        children.report_io.fd = -1;
        children.stats.started_us = 0;
        children.stats.current_cow_bytes = children.stats.current_keys_done = 0;
        children.stats.current_bytes_done = 0;
    }
    slot->pid = 0; /* before on_end, which may start the next one */
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    if (spec.on_end) spec.on_end(spec.ctx, code, signal);
}

void child_reap(void) {
    for (int i = 0; i < SLOTS; i++) {
        struct slot *slot = &children.slots[i];
        int status;
        if (!slot->pid) continue;
        pid_t pid = waitpid(slot->pid, &status, WNOHANG);
        if (pid == slot->pid) {
            child_ended(slot, status);
        } else if (pid < 0 && errno == ECHILD) {
            log_warning("Warning, detected child with unmatched pid: %ld", (long)slot->pid);
            child_ended(slot, 1 << 8);
        }
    }
}

void child_wait_end(int timeout_ms) {
    pid_t pid = children.slots[0].pid;
    uint64_t until_us = clock_mono_us() + (uint64_t)timeout_ms * 1000;
    while (pid && children.slots[0].pid == pid && clock_mono_us() < until_us) {
        usleep(WAIT_STEP_US);
        child_reap();
    }
}

enum child_kind child_active(void) {
    return children.slots[0].pid ? children.slots[0].spec.kind : CHILD_NONE;
}

pid_t child_pid(void) {
    return children.slots[0].pid ? children.slots[0].pid : -1;
}

void child_kill(int signal) {
    if (children.slots[0].pid) kill(children.slots[0].pid, signal);
}

struct child_stats child_stats(void) {
    return children.stats;
}

void child_stats_reset(void) {
    children.stats.total_forks = 0;
    children.stats.last_fork_us = 0;
}

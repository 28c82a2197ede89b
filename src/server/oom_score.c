/* See oom_score.h. The score is a number in a file of /proc, -1000 (never) to 1000 (first). */
#include "server/oom_score.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "repl/repl.h"
#include "server/config.h"

static const char path[] = "/proc/self/oom_score_adj";

static struct {
    bool known, changed;
    int value;
} at_start;

static bool read_start(void) {
    char text[32] = "";
    if (at_start.known) return true;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    at_start.known = n > 0;
    at_start.value = atoi(text);
    return at_start.known;
}

static bool write_score(int score) {
    char text[32];
    int n = snprintf(text, sizeof text, "%d\n", score);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write(fd, text, (size_t)n) == n;
    if (!ok) log_warning("Unable to write oom_score_adj: %s", strerror(errno));
    if (fd >= 0) close(fd);
    return ok;
}

bool oom_score_apply(bool is_child) {
    int mode = server_config.oom_score_adj;
    if (mode == OOM_ADJ_NO && !at_start.changed) return true;
    if (!read_start()) {
        log_warning("Unable to read oom_score_adj: %s", strerror(errno));
        return false;
    }
    if (mode == OOM_ADJ_NO) {
        at_start.changed = !write_score(at_start.value);
        return !at_start.changed;
    }
    int process = is_child ? OOM_CHILD : repl_is_replica() ? OOM_REPLICA : OOM_MASTER;
    int score = server_config.oom_score_adj_values[process] + (mode == OOM_ADJ_RELATIVE ? at_start.value : 0);
    if (score > 1000) score = 1000;
    if (score < -1000) score = -1000;
    at_start.changed = true;
    return write_score(score);
}

/* The log. A line is put together in one buffer and written with one write(2), so that lines of the server and its
 * forked children never mix. No allocation and no lock: usable when memory is out. A log that cannot be opened or
 * written loses lines silently, as there is nowhere to say so. */
#include "base/log.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES_MAX 1024

static enum log_level least = LOG_LEVEL_NOTICE;
static char role = 'M';
static char file_path[PATH_MAX];
static bool to_syslog;
static char syslog_ident[64];

bool log_wants(enum log_level level) {
    return level >= least;
}

void log_set_level(enum log_level level) {
    least = level;
}

void log_set_role(char r) {
    role = r;
}

void log_set_file(const char *path) {
    snprintf(file_path, sizeof(file_path), "%s", path ? path : "");
}

void log_set_syslog(bool on, const char *ident, int facility) {
    if (to_syslog) closelog();
    to_syslog = on;
    if (!on) return;
    snprintf(syslog_ident, sizeof(syslog_ident), "%s", ident); /* openlog keeps the pointer */
    openlog(syslog_ident, LOG_PID | LOG_NDELAY | LOG_NOWAIT, facility);
}

int log_fd_open(void) {
    if (file_path[0] == '\0') return STDOUT_FILENO;
    return open(file_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
}

static void write_all(int fd, const char *p, size_t n) {
    while (n > 0) {
        ssize_t done = write(fd, p, n);
        if (done <= 0) return;
        p += done;
        n -= (size_t)done;
    }
}

static void write_line(const char *p, size_t n) {
    int fd = log_fd_open();
    if (fd < 0) return;
    write_all(fd, p, n);
    if (fd != STDOUT_FILENO) close(fd);
}

static size_t format_header(char *out, size_t cap, enum log_level level) {
    struct timeval now;
    struct tm tm;
    char when[32];
    gettimeofday(&now, NULL);
    localtime_r(&now.tv_sec, &tm);
    strftime(when, sizeof(when), "%d %b %Y %H:%M:%S", &tm);
    int n = snprintf(out, cap, "%d:%c %s.%03d %c ", (int)getpid(), role, when, (int)(now.tv_usec / 1000),
                     ".-*#"[level]);
    return (size_t)n;
}

void log_write(enum log_level level, const char *fmt, ...) {
    static const int syslog_level[] = {LOG_DEBUG, LOG_INFO, LOG_NOTICE, LOG_WARNING};
    if (level < least) return;

    char line[128 + LINE_BYTES_MAX];
    size_t head = format_header(line, 128, level);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line + head, LINE_BYTES_MAX, fmt, ap);
    va_end(ap);
    if (to_syslog) syslog(syslog_level[level], "%s", line + head);
    size_t n = head + strlen(line + head);
    line[n] = '\n'; /* in place of the NUL: there is always room for it */
    write_line(line, n + 1);
}

void log_raw_signal_safe(const char *s) {
    size_t n = 0;
    while (s[n]) n++;
    write_line(s, n);
}

/* The server's log: one line a call, `PID:ROLE DD Mon YYYY HH:MM:SS.mmm LEVEL text`.
 * ROLE is M (master), S (replica), C (child) or X (sentinel); LEVEL one of . - * #. To a file (opened for each
 * line, so that log rotation by rename works) or stdout, and to syslog too when enabled. Lines are cut at 1024 bytes. */
#ifndef TANDEM_BASE_LOG_H
#define TANDEM_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_VERBOSE, LOG_LEVEL_NOTICE, LOG_LEVEL_WARNING, LOG_LEVEL_NOTHING };

void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define log_debug(...)   log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_verbose(...) log_write(LOG_LEVEL_VERBOSE, __VA_ARGS__)
#define log_notice(...)  log_write(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)

/* Whether a line of that level would be written: before dear formatting. */
bool log_wants(enum log_level level);
void log_set_level(enum log_level level);
void log_set_role(char role);        /* 'M', 'S', 'C', 'X' */
void log_set_file(const char *path); /* "" or NULL: stdout. The path is copied. */
void log_set_syslog(bool on, const char *ident, int facility);
void log_raw_signal_safe(const char *s); /* for the crash handler: write(2) only, no format, no header */
int log_fd_open(void);                   /* a descriptor of the log for the crash handler; close if > 2 */

#endif

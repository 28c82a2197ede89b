/* A log and a directory for append-only files, with nothing else running. */
#ifndef TANDEM_TESTS_AOF_LOG_FIXTURE_H
#define TANDEM_TESTS_AOF_LOG_FIXTURE_H

#include "aof/internal.h"

#define SELECT_0 "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n"
#define PING     "*1\r\n$4\r\nPING\r\n"

void log_fixture_begin(void); /* in a directory of its own; appendfsync is no */
void log_fixture_end(void);
void log_fixture_file(const char *name); /* "one" or "two", in the AOF directory: the writer goes on there */
void log_fixture_ping(void);             /* into the log */

#endif

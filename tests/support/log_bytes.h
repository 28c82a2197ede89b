/* The log as a test reads it. */
#ifndef TANDEM_TESTS_LOG_BYTES_H
#define TANDEM_TESTS_LOG_BYTES_H

#include "repl/backlog.h"

/* The bytes at the cursor that lie in one piece; none: it is at the end. Valid until the next trim. */
static inline slice log_bytes(const struct backlog_cursor *c) {
    struct iovec v;
    return backlog_read_iov(c, &v, 1) ? (slice){v.iov_base, v.iov_len} : (slice){NULL, 0};
}

#endif

/* What happens when an invariant is broken: say where, then abort, so that the crash handler prints the stack.
 * Never returns and never tries to repair: a server whose state is wrong must not go on to save it. */
#include "base/assert.h"
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void assert_failed(const char *expr, const char *file, int line) {
    log_warning("=== ASSERTION FAILED ===");
    log_warning("==> %s:%d '%s' is not true", file, line, expr);
    abort();
}

void panic(const char *fmt, ...) {
    char why[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    log_warning("------------------------------------------------");
    log_warning("!!! Software Failure. Press left mouse button to continue");
    log_warning("Guru Meditation: %s", why);
    log_warning("------------------------------------------------");
    abort();
}

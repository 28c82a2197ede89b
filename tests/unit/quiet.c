/* Unit tests provoke what the log warns of; nobody reads it there. A test that looks at the log sets its own level. */
#include "base/log.h"

static void __attribute__((constructor)) be_quiet(void) {
    log_set_level(LOG_LEVEL_NOTHING);
}

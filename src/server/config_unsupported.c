/* Directives that Redis 7.0 has and Tandem has not: refused by name, so that nobody believes a setting works. */
#include "server/config_internal.h"

static const char *const unsupported[] = {
    "aof-disable-auto-gc",
    "loadmodule",
    "sentinel",
};

bool directive_unsupported(slice name) {
    for (size_t i = 0; i < sizeof unsupported / sizeof *unsupported; i++) {
        if (slice_is(name, unsupported[i])) return true;
    }
    return false;
}

const char *directive_refusal(slice name) {
    return config_errorf("'%.*s' is not supported by Tandem yet", (int)(name.n < 100 ? name.n : 100), name.p);
}

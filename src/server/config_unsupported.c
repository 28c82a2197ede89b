/* Directives that Redis 7.0 has and Tandem has not: refused by name, so that nobody believes a setting works. What the
 * redis.conf of a distribution sets to Redis's own default is let pass there: it asks for nothing. */
#include "server/config_internal.h"

static const char *const unsupported[] = {
    "acl-pubsub-default", "acllog-max-len", "aof-disable-auto-gc", "loadmodule", "sentinel", "user",
};

/* Of those above, what stock files of Redis 5 to 7 set. */
static const struct {
    const char *name, *value;
} stock[] = {
    {"acllog-max-len", "128"},
};

bool directive_asks_nothing(slice name, slice value) {
    for (size_t i = 0; i < sizeof stock / sizeof *stock; i++) {
        if (slice_is(name, stock[i].name)) return slice_is(value, stock[i].value);
    }
    return false;
}

bool directive_unsupported(slice name) {
    for (size_t i = 0; i < sizeof unsupported / sizeof *unsupported; i++) {
        if (slice_is(name, unsupported[i])) return true;
    }
    return false;
}

const char *directive_refusal(slice name) {
    return config_errorf("'%.*s' is not supported by Tandem yet", (int)(name.n < 100 ? name.n : 100), name.p);
}

/* The secrets of requests: by command, in the positions where Redis hides them too. */
#include "command/secrets.h"

#include "command/handlers.h"
#include "server/config.h"

static uint64_t bit(int i) {
    return (uint64_t)1 << (i < 63 ? i : 63);
}

static uint64_t from(int i, int argc) {
    return i < argc ? ~(uint64_t)0 << (i < 63 ? i : 63) : 0;
}

static uint64_t of_hello(const slice *argv, int argc) {
    for (int i = 2; i + 2 < argc; i++)
        if (slice_is(argv[i], "auth")) return bit(i + 1) | bit(i + 2);
    return 0;
}

static uint64_t of_config_set(const slice *argv, int argc) {
    uint64_t mask = 0;
    for (int i = 2; i + 1 < argc; i += 2)
        if (config_is_secret(argv[i])) mask |= bit(i + 1);
    return mask;
}

static uint64_t of_migrate(const slice *argv, int argc) {
    for (int i = 6; i < argc; i++) {
        if (slice_is(argv[i], "auth") && i + 1 < argc) return bit(i + 1);
        if (slice_is(argv[i], "auth2") && i + 2 < argc) return bit(i + 1) | bit(i + 2);
        if (slice_is(argv[i], "keys")) break;
    }
    return 0;
}

static bool is(const struct command *cmd, const char *name) {
    return strcmp(cmd->name, name) == 0;
}

uint64_t secret_arguments(const struct command *cmd, const slice *argv, int argc) {
    if (cmd->run == auth_command) return from(1, argc);
    if (cmd->run == hello_command) return of_hello(argv, argc);
    if (cmd->run == config_set_command) return of_config_set(argv, argc);
    if (is(cmd, "migrate")) return of_migrate(argv, argc);
    if (is(cmd, "acl|setuser") || is(cmd, "acl|deluser") || is(cmd, "acl|getuser")) return from(2, argc);
    return 0;
}

/* Inside command/: where the keys of a request stand, by the table's key specifications. For COMMAND GETKEYS and for judging what a
 * user may touch, so the same request must give the same keys as with Redis. */
#ifndef TANDEM_COMMAND_KEYS_H
#define TANDEM_COMMAND_KEYS_H

#include "command/command.h"

struct command_keys {
    struct key_ref *v; /* `few`, or a block of cap */
    int n, cap;
    struct key_ref few[16];
};

/* Specifications tell of channels too: those are none. */
bool command_has_keys(const struct command *cmd);
/* n is 0 also when the request contradicts a specification, which the command itself will refuse. Does not move `keys`,
 * and it must not be moved; command_keys_free afterwards. */
void command_keys_find(const struct command *cmd, const slice *argv, int argc, struct command_keys *keys);
void command_keys_free(struct command_keys *keys);

#endif

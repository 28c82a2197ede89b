/* Inside command/: the subcommands of DEBUG that show how data is stored; debug.c has their rows. */
#ifndef TANDEM_COMMAND_DEBUG_DATA_H
#define TANDEM_COMMAND_DEBUG_DATA_H

#include "command/command.h"

typedef void debug_tool(struct client *c, const slice *argv, int argc);
debug_tool debug_object, debug_htstats, debug_htstats_key, debug_listpack, debug_quicklist, debug_sdslen,
    debug_packed_threshold;

#endif

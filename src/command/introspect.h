/* Inside command/: what COMMAND tells. */
#ifndef TANDEM_COMMAND_INTROSPECT_H
#define TANDEM_COMMAND_INTROSPECT_H

#include "command/command.h"

#include <stdio.h>
#include "base/num.h"

/* docs.c. Writes the "arguments" of a row as COMMAND DOCS shows them: an array of maps. */
void docs_reply_arguments(struct reply_buf *b, const char *args);

#endif

/* Which arguments of a request are secret: passwords, and whatever stands beside them. Logs that people read show
 * "(redacted)" instead (SLOWLOG, MONITOR). */
#ifndef TANDEM_COMMAND_SECRETS_H
#define TANDEM_COMMAND_SECRETS_H

#include "command/command.h"

/* Bit i: argv[i] is secret; bit 63: something from argv[63] on is. */
uint64_t secret_arguments(const struct command *cmd, const slice *argv, int argc);

#endif

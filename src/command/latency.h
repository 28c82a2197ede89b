/* Inside command/: the times of commands. */
#ifndef TANDEM_COMMAND_LATENCY_H
#define TANDEM_COMMAND_LATENCY_H

#include "base/histogram.h"
#include "command/command.h"

void latency_init(void); /* registers INFO latencystats */

#endif

/* Inside server/: the sampling of rates. */
#ifndef TANDEM_SERVER_METRICS_H
#define TANDEM_SERVER_METRICS_H

#include "server/server.h"

void metrics_sample(void); /* every 100 ms */

#endif

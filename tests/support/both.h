/* Ours and the real redis-server as the two servers of a suite, new for each test:
 *
 *     TestSuite(monitor, .init = both_start, .fini = both_stop);
 */
#ifndef TANDEM_TESTS_BOTH_H
#define TANDEM_TESTS_BOTH_H

#include "support/server.h"

extern struct srv *ours, *real;

void both_start(void);
void both_stop(void);

#endif

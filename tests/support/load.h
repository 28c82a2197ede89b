/* A write load of every data type, for tests of what follows the data (replicas, files). Seeded by test_seed(). */
#ifndef TANDEM_TESTS_LOAD_H
#define TANDEM_TESTS_LOAD_H

#include "support/server.h"

/* n random commands in one pipeline: strings, lists, hashes, sets, sorted sets, streams with groups, bitmaps, HyperLogLogs,
 * positions; TTLs, renames, copies, transactions, several databases. Replies may be errors (a key of another type). The
 * connection must not break meanwhile: it fails the test. */
void load_all_types(struct srv *primary, int n);

#endif

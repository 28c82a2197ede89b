/* --fix: what is whole in a damaged RDB, as a file of its own that takes the damaged one's place. */
#ifndef TANDEM_TOOLS_CHECK_RDB_SALVAGE_H
#define TANDEM_TOOLS_CHECK_RDB_SALVAGE_H

#include "rdb/check.h"

/* c: what rdb_check_file found in fd, the file at path, which it refused. Says what can be kept and asks; on "y" the file is
 * replaced and the damaged one renamed to PATH.damaged. The exit code: 0 when there is a sound file at path now. */
int salvage(const struct rdb_check *c, int fd, const char *path);

#endif

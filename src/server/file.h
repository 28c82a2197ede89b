/* Inside server/: small files as a whole. */
#ifndef TANDEM_SERVER_FILE_H
#define TANDEM_SERVER_FILE_H

#include "base/sds.h"

sds file_read_fd(sds out, int fd, int *err); /* appends all that is left to read; *err: 0 or an errno */
/* Appends; *err: 0 or an errno, and then only a part was appended. */
sds file_read(sds out, const char *path, int *err);
/* Another content under the same name and with the same mode: a reader, and who comes back after a crash, finds the old or the
 * new one. 0 or an errno. */
int file_replace(const char *path, const char *text, size_t n);

#endif

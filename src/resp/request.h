/* Requests on their way out: a RESP array of bulk strings, as the log, the link to a master and the command-line client
 * write them. The request parser reads them back. */
#ifndef TANDEM_RESP_REQUEST_H
#define TANDEM_RESP_REQUEST_H

#include "base/num.h"
#include "base/sds.h"
#include "base/slice.h"

#define REQUEST_HEAD_BYTES (NUM_INT_BYTES + 3)

/* "*3\r\n" in front of three arguments, "$5\r\n" in front of one of five bytes (behind which stands "\r\n"). Returns the
 * length; no NUL. */
size_t request_head(char to[REQUEST_HEAD_BYTES], char mark, size_t n);
sds request_cat(sds s, int argc, const slice *argv); /* appends the whole request */

#endif

/* Marks: lines in an incr file between commands. Redis calls such lines annotations and skips what it doesn't know.
 *
 *   #TANDEM:1 <replid> <offset> <replid2> <second offset> [<older replid> <its end> ...]\r\n
 *                                                              the bytes that follow continue replid behind offset
 *   #TS:1700000000\r\n                                          the time (aof-timestamp-enabled)
 *   #TANDEM:aside\r\n                                           the command or transaction that follows is no part of the log:
 *                                                              a client of this replica sent it
 *
 * A mark is no part of the log: it counts in no offset. */
#ifndef TANDEM_AOF_MARKS_H
#define TANDEM_AOF_MARKS_H

#include "base/sds.h"
#include "repl/repl.h"

#define MARK_ASIDE     "#TANDEM:aside"
#define MARK_LINE_MAX  1024 /* what Redis reads at most */
#define MARK_BYTES_MAX (16 + REPL_PAST_TEXT_MAX + REPL_PAST_TEXTS_MAX)

size_t mark_format(char buf[MARK_BYTES_MAX], const struct repl_history *h);
bool mark_parse(slice line,
                struct repl_history *h); /* line without its end; false: it is another annotation */
size_t mark_format_time(char buf[MARK_BYTES_MAX], int64_t now_s);

#endif

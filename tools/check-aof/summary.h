/* What is in a file of commands: how many of each and their bytes, the biggest ones, the span of its time marks, and what
 * our own marks tell of its place in the replication history. Fed by scan.c, printed as lines with "[info]" in front. */
#ifndef TANDEM_TOOLS_CHECK_AOF_SUMMARY_H
#define TANDEM_TOOLS_CHECK_AOF_SUMMARY_H

#include "base/slice.h"
#include <stdint.h>

struct summary;

struct summary *summary_new(void);
void summary_free(struct summary *s);
/* first: the first argument, mostly the key; empty without one. Both are copied where they are kept. */
void summary_command(struct summary *s, slice name, slice first, uint64_t offset, uint64_t bytes);
void summary_mark(struct summary *s, slice line); /* from '#' on, without its end */
void summary_print(struct summary *s);

#endif

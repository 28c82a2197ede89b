/* Append-only files of live servers, for tests: what lies in the directory, and damage to it. */
#ifndef TANDEM_TESTS_AOF_H
#define TANDEM_TESTS_AOF_H

#include "support/server.h"

#define AOF_ALWAYS "--appendonly yes --appendfsync always "
#define INCR_1     "appendonly.aof.1.incr.aof"

void aof_path_of(char out[300], const struct srv *s, const char *name);
const char *
aof_files_of(const struct srv *s); /* the directory's files, sorted, with blanks between; a static buffer */
const char *aof_text_of(const struct srv *s, const char *name); /* of a small file; a static buffer */
void aof_append_to(const struct srv *s, const char *name, const void *p, size_t n);
void aof_rewrite(struct srv *s); /* BGREWRITEAOF, and waits until it is done */
/* SIGKILL when all is in the file: with everysec a write may wait for a sync that is under way. */
void aof_kill(struct srv *s);
void digest_of(struct srv *s, char out[64]);

#endif

/* The manifest: which files make up the data, in order. Pure: text in, text out; what is on disk is files.c's matter.
 *
 *   file appendonly.aof.2.base.rdb seq 2 type b        at most one: the data at some moment
 *   file appendonly.aof.2.incr.aof seq 2 type i        commands since then, sequence numbers rising
 *   file appendonly.aof.1.incr.aof seq 1 type h        history: replaced, may be deleted
 *   file appendonly.aof.2.tail seq 2 type h            of that too, but ours keep it: the log before the base (tail.c)
 *
 * Written in the order base, history, incr. Lines that start with '#' are comments. */
#ifndef TANDEM_AOF_MANIFEST_H
#define TANDEM_AOF_MANIFEST_H

#include "base/sds.h"
#include <stdint.h>

enum aof_file_type { AOF_FILE_BASE = 'b', AOF_FILE_INCR = 'i', AOF_FILE_HISTORY = 'h' };

struct aof_file {
    sds name;
    int64_t seq;
    enum aof_file_type type;
};

struct aof_manifest { /* all zero: an empty one */
    struct aof_file *files;
    int n, cap;
    int64_t base_seq, incr_seq; /* the highest so far */
};

void manifest_free(struct aof_manifest *m);
void manifest_copy(struct aof_manifest *to, const struct aof_manifest *from);
/* Fills an empty m. NULL, or what is wrong: then *line_number and *line (into text) tell where; 0: nowhere. */
const char *manifest_parse(struct aof_manifest *m, slice text, int *line_number, slice *line);
sds manifest_format(const struct aof_manifest *m, sds out);

const struct aof_file *manifest_base(const struct aof_manifest *m);
const struct aof_file *manifest_first_incr(const struct aof_manifest *m);
const struct aof_file *manifest_last_incr(const struct aof_manifest *m);
const struct aof_file *manifest_tail(const struct aof_manifest *m); /* of the base that it has */
/* Changes; names are made of `filename` and the next sequence number, and live as long as their row. */
void manifest_add(struct aof_manifest *m, slice name, int64_t seq, enum aof_file_type type);
const char *manifest_new_incr(struct aof_manifest *m, const char *filename);
const char *manifest_new_base(struct aof_manifest *m, const char *filename,
                              bool as_rdb);                                  /* the old becomes history */
const char *manifest_new_tail(struct aof_manifest *m, const char *filename); /* of the newest base */
void manifest_retire_incrs(struct aof_manifest *m, bool keep_last);          /* they become history */
void manifest_forget_history(struct aof_manifest *m,
                             const struct aof_file *but); /* but: NULL, or a row of m */

#endif

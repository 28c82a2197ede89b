/* What the RDB tests share: small key spaces, saving and loading through memory, building files by hand. */
#ifndef TANDEM_TESTS_RDB_FIXTURE_H
#define TANDEM_TESTS_RDB_FIXTURE_H

#include "rdb/rdb.h"

/* A quiet log and an empty key space of so many databases. */
void fixture_begin(int databases);
/* Random strings of every encoding and form, some with expire times, over all databases. */
void fixture_fill(uint64_t seed, int keys);
void fixture_empty(void);

sds fixture_save(const struct rdb_info *info); /* the caller frees it */
/* Loads from memory; on failure the reader's reason and offset are in the two variables below. */
bool fixture_load(slice file, const struct rdb_load_options *o, struct rdb_load_stats *stats);
extern char fixture_error[200];
extern uint64_t fixture_offset;

/* "REDIS" and the version, then body, then EOF and (version 5 and later) the right CRC. */
sds fixture_file(int version, slice body);
/* RESTORE of a type byte and a value, with the right footer. The value is the caller's (value_free). */
const char *fixture_restore(slice body, struct value *v);
slice fixture_get(int db,
                  const char *key); /* its string value; p NULL when missing. Valid until the next call */

#endif

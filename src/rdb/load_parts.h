/* The parts of an RDB that are not keys: aux fields, and what modules and functions leave. Only load.c and check.c include this.
 * All return false once the reader failed. */
#ifndef TANDEM_RDB_LOAD_PARTS_H
#define TANDEM_RDB_LOAD_PARTS_H

#include "rdb/rdb.h"

bool rdb_load_aux(struct rdb_reader *r, struct rdb_info *info); /* info may be NULL */
bool rdb_skip_module_aux(struct rdb_reader *r);                 /* logs what is lost */
bool rdb_skip_function(struct rdb_reader *r);                   /* logs what is lost */

#endif

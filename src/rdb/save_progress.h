/* How far a save has come (snapshot, SAVE, a rewrite's base): told to the parent for INFO's current_save_* fields, and
 * to the log when it takes long. Keys are counted as they are done, bytes as they reach the file. */
#ifndef TANDEM_RDB_SAVE_PROGRESS_H
#define TANDEM_RDB_SAVE_PROGRESS_H

#include "rdb/stream.h"

struct save_progress {
    uint64_t keys, keys_total; /* the saver counts keys */
    uint64_t start_us, logged_us;
    int logged_tenths;
};

/* From here on each time that w's buffer goes out. Both live until the writer is done. */
void save_progress_begin(struct save_progress *p, struct rdb_writer *w);
void save_progress_tell(struct rdb_writer *w); /* besides; cheap enough for now and then, not for each key */
void save_progress_end(struct rdb_writer *w);  /* the last word: all keys are done */

/* What is left when `done` of `total` took so long, at the same pace; -1: nothing is done, nobody knows. */
int64_t save_left_ms(uint64_t done, uint64_t total, int64_t took_ms);

#endif

/* Keys on their way from the stream into the key space. Only load.c includes this.
 *
 * A key's place in the table is a cache miss, so keys are put in a batch at a time: while one is read, the buckets of
 * those before it are on their way. */
#ifndef TANDEM_RDB_LOAD_KEYS_H
#define TANDEM_RDB_LOAD_KEYS_H

#include "rdb/rdb.h"

#define LOAD_BATCH 32

/* What the opcodes before a key said of it. */
struct key_hints {
    int64_t expire_ms; /* NO_EXPIRE: none */
    int64_t idle_s;    /* -1: not told */
    int freq;          /* -1: not told */
};

struct load_keys {
    struct rdb_reader *r;
    const struct rdb_load_options *o;
    struct rdb_load_stats stats;
    struct db *db;
    int64_t now_ms;
    struct pending {
        sds key, hold;  /* reused from key to key: no allocation a key */
        struct value v; /* its bytes lie in the reader's buffer or in hold */
        struct key_hints hints;
        uint64_t hash, offset;
    } pending[LOAD_BATCH];
    int count;
};

void load_keys_init(struct load_keys *k, struct rdb_reader *r, const struct rdb_load_options *o);
struct db *load_keys_db(const struct load_keys *k, int id); /* NULL: there is none of that number */
void load_keys_free(struct load_keys *k);
/* Reads the key and value that follow the type byte. It is in the key space after load_keys_flush at the latest. */
bool load_keys_read(struct load_keys *k, uint8_t type, const struct key_hints *hints);
bool load_keys_flush(struct load_keys *k); /* before the database changes, and at the end */

#endif

/* A database from the inside. Only keyspace/ files include this header. */
#ifndef TANDEM_KEYSPACE_DB_INTERNAL_H
#define TANDEM_KEYSPACE_DB_INTERNAL_H

#include "base/dict.h"
#include "keyspace/db.h"
#include "keyspace/entry_internal.h"
#include "keyspace/expiry.h"

struct db {
    __int128 expire_sum_ms; /* of all expire times in the index: their mean is exact and free of charge */
    struct dict *entries;
    struct expiry *expiry; /* NULL until the first TTL */
    int id;
};

void db_modified_unasked(struct db *db, slice key);

/* db.c: the table and index hold no trace of the entry afterwards, and it is freed. */
void db_drop(struct db *db, struct entry *e, uint64_t hash, bool lazily);
/* The old block leaves for the new one with the same key: in the table, and in the index when `indexed`. */
void db_adopt(struct db *db, struct entry *old, struct entry *fresh, uint64_t hash, bool indexed);

/* ttl.c: the entry, which has room for a TTL, enters or leaves the expiry index. */
void ttl_index(struct db *db, struct entry *e, int64_t at_ms);
void ttl_unindex(struct db *db, struct entry *e);
bool ttl_is_past(const struct entry *e); /* of an entry that has a TTL: by time and mode */
/* A lookup met an expired entry: deletes it if the mode says so, and tells the hooks. */
void ttl_expire_on_access(struct db *db, struct entry *e, uint64_t hash);
void ttl_expire(struct db *db, struct entry *e, uint64_t hash); /* deletes it, and tells the hooks */
bool ttl_hides(void); /* expired keys stay: KS_EXPIRE_HIDE, or a hold */

static inline bool is_expired(const struct entry *e) {
    return entry_has_expire(e) && ttl_is_past(e);
}

/* local_ttl.c */
extern bool local_ttl_watches;                          /* local_ttl_indexed wants to be called */
void local_ttl_indexed(const struct db *db, slice key); /* it got a TTL */
void local_ttl_forget_all(void);

/* whole.c */
extern struct ks_hooks ks_hooks;

#endif

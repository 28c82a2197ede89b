/* The key space: numbered databases of entries, with expiry. No client, no fd.
 *
 * All state is this room's (ks_init). Time is clock_ms(). What a change means to others (replication, WATCH,
 * notifications) goes out through ks_hooks, which main.c sets; they run synchronously and must not change the key space.
 *
 * Expired keys: as a primary (KS_EXPIRE_DELETE) a lookup of an expired key deletes it and calls hooks.expired first;
 * as a replica (KS_EXPIRE_HIDE) it is reported missing but stays until the master's DEL arrives. While a
 * replicated command is applied (ks_set_applying), nothing is hidden: the master has decided. */
#ifndef TANDEM_KEYSPACE_DB_H
#define TANDEM_KEYSPACE_DB_H

#include "base/assert.h"
#include "keyspace/entry.h"
#include "keyspace/value.h"

struct db;

enum ks_notify_class { /* bits of notify-keyspace-events; the first two choose channels, the others events */
                       NOTIFY_KEYSPACE = 1 << 0,
                       NOTIFY_KEYEVENT = 1 << 1,
                       NOTIFY_GENERIC = 1 << 2,
                       NOTIFY_STRING = 1 << 3,
                       NOTIFY_LIST = 1 << 4,
                       NOTIFY_SET = 1 << 5,
                       NOTIFY_HASH = 1 << 6,
                       NOTIFY_ZSET = 1 << 7,
                       NOTIFY_EXPIRED = 1 << 8,
                       NOTIFY_EVICTED = 1 << 9,
                       NOTIFY_STREAM = 1 << 10,
                       NOTIFY_KEY_MISS = 1 << 11,
                       NOTIFY_LOADED = 1 << 12,
                       NOTIFY_MODULE = 1 << 13,
                       NOTIFY_NEW = 1 << 14
};
#define NOTIFY_ALL                                                                                           \
    (NOTIFY_GENERIC | NOTIFY_STRING | NOTIFY_LIST | NOTIFY_SET | NOTIFY_HASH | NOTIFY_ZSET |                 \
     NOTIFY_EXPIRED | NOTIFY_EVICTED | NOTIFY_STREAM | NOTIFY_MODULE)

struct ks_hooks {
    void (*expired)(struct db *db, slice key);  /* about to be deleted because it expired: propagate */
    void (*evicted)(struct db *db, slice key);  /* about to be deleted for want of memory: propagate */
    void (*modified)(struct db *db, slice key); /* a key's value or existence changed: WATCH, tracking */
    void (*flushed)(int dbid);                  /* a database (or all: -1) is about to be emptied */
    void (*swapped)(int a, int b);              /* two databases are about to exchange their contents */
    void (*notify)(enum ks_notify_class cls, const char *event, slice key, int dbid); /* a wanted event */
};
void ks_set_hooks(const struct ks_hooks *hooks); /* copied; any of them may be NULL */

/* Settings; server/config's rows point here. */
struct ks_config {
    bool lru;               /* maxmemory-policy is *-lru: snapshots carry each key's idle time */
    bool lfu;               /* maxmemory-policy is *-lfu: the entry's 24 bits count frequency, not recency */
    int lfu_log_factor;     /* lfu-log-factor */
    int lfu_decay_minutes;  /* lfu-decay-time */
    unsigned notify_events; /* notify-keyspace-events: enum ks_notify_class */
    bool lazyfree_expire;   /* lazyfree-lazy-expire: big expired values are freed in slices */
    bool lazyfree_server_del; /* lazyfree-lazy-server-del: so are values that a write replaces */
};
extern struct ks_config ks_config;

void ks_init(int databases);
void ks_shutdown(void); /* frees everything; for tests */
int ks_count(void);
struct db *ks_db(int id); /* NULL when out of range */
int db_id(const struct db *db);

enum ks_expire_mode { KS_EXPIRE_DELETE, KS_EXPIRE_HIDE };
void ks_set_expire_mode(enum ks_expire_mode mode);
/* While writes are paused nothing may change, not even by the clock: expired keys are hidden as with KS_EXPIRE_HIDE. Each
 * hold is to be ended once. */
void ks_hold_expiry(bool on);
bool ks_expiry_held(void);
void ks_set_applying(bool applying);
/* A writable replica's own client is at work: keys that get a TTL now are ours to delete (ks_expire_local, each tick). */
void ks_remember_ttls(bool on);
void ks_expire_local(void);
size_t ks_local_ttls(void);
/* A forked child reads our pages: reads then leave the LRU field alone, so that they stay shared. Whoever forks says so. */
void ks_set_child_active(bool active);

/* Changes since start; commands add to it, save points and propagation compare it. */
extern uint64_t ks_dirty;
struct ks_stats {
    uint64_t hits, misses, expired_keys, evicted_keys, expired_time_cap_reached;
};
extern struct ks_stats ks_stats;

/* --- looking up --- */
enum {
    LOOKUP_NOTOUCH = 1,  /* the LRU/LFU field stays */
    LOOKUP_NOSTATS = 2,  /* hits and misses are not counted */
    LOOKUP_NONOTIFY = 4, /* no "keymiss" event */
    LOOKUP_NOEXPIRE = 8, /* an expired key is reported missing, but not deleted */
    LOOKUP_NOEFFECTS = 15
};
struct entry *db_read(struct db *db, slice key, int flags); /* counts hits and misses, touches LRU */
/* For a command that may change it: no hit/miss counting. */
struct entry *db_write(struct db *db, slice key, int flags);
bool db_holds(const struct db *db, slice key); /* also when its time has come */
/* Prefetch in two stages for a batch of keys (dict.h). */
void db_prefetch_bucket(struct db *db, uint64_t hash);
void db_prefetch_entry(struct db *db, uint64_t hash);
/* The same for an element of the value at key (hash: db_hash(key)), once its entry is in cache: where it is looked up,
 * whose bucket is fetched now; dict_prefetch_item is the second stage. NULL: nothing to look up. */
struct dict *db_prefetch_element(struct db *db, slice key, uint64_t hash, slice element,
                                 uint64_t *element_hash);
uint64_t db_hash(slice key);

/* --- setting: the key's value is replaced whatever its type; key and value bytes are copied (value.h) --- */
#define KEEP_TTL ((int64_t)-2)
/* Creates or overwrites. expire_ms: NO_EXPIRE, KEEP_TTL or a time. Does not call modified/notify nor count dirty. */
struct entry *db_set(struct db *db, slice key, const struct value *v, int64_t expire_ms);
struct entry *db_set_string(struct db *db, slice key, slice bytes, int64_t expire_ms);
/* For loaders: adds a key that is not there (hash: db_hash(key)); NULL when it is, and then nothing changed. */
struct entry *db_add(struct db *db, slice key, uint64_t hash, const struct value *v, int64_t expire_ms);
bool db_delete(struct db *db, slice key);      /* false when there was none (an expired one counts as none) */
bool db_delete_lazy(struct db *db, slice key); /* big values are freed in slices later */
/* NO_EXPIRE removes; entry may move. */
struct entry *db_set_expire(struct db *db, struct entry *e, int64_t expire_ms);
/* Moves the entry under a new key and/or database, with its value and expiry; the target key must not exist (or be hidden:
 * then it is replaced). NULL when there is no such key. */
struct entry *db_move_entry(struct db *from, slice key, struct db *to, slice new_key);
/* Deep copy with expiry. */
struct entry *db_copy_entry(struct db *from, slice key, struct db *to, slice new_key);
void db_modified(struct db *db, slice key); /* signals hooks.modified */
/* While hooks.modified runs: nobody asked for this change, the key expired or made room. */
bool ks_change_is_unasked(void);
void ks_notify_wanted(enum ks_notify_class cls, const char *event, slice key, int dbid);
static inline void ks_notify(enum ks_notify_class cls, const char *event, slice key, int dbid) {
    if (unlikely(ks_config.notify_events & cls)) ks_notify_wanted(cls, event, key, dbid);
}

/* --- whole databases --- */
size_t db_size(const struct db *db);
size_t db_expires(const struct db *db);     /* keys with a TTL */
int64_t db_avg_ttl_ms(const struct db *db); /* exact mean of what is left; 0 when none */
void db_flush(struct db *db, bool lazily);  /* no hooks but flushed */
uint64_t ks_keys(void);                     /* of all databases */
void ks_flush_all(bool lazily);
void ks_swap(int a, int b);
/* A second set of databases, for a load that may fail while the first goes on to be read: db_* work on them too. swap puts
 * them in the place of the first, which are then freed in slices; drop frees them so. begin comes before, once. */
void ks_beside_begin(void);
struct db *ks_beside_db(int id); /* NULL when out of range */
uint64_t ks_beside_keys(void);
void ks_beside_swap(void);
void ks_beside_drop(void);
void db_reserve(struct db *db, size_t keys);                                    /* before a load */
void db_each(struct db *db, void (*fn)(void *ctx, struct entry *e), void *ctx); /* no changes meanwhile */
/* dict_scan's contract; expired entries are skipped. db_each shows them: ask entry_is_expired. */
uint64_t db_scan(struct db *db, uint64_t cursor, void (*fn)(void *ctx, struct entry *e), void *ctx);
struct entry *db_random(struct db *db);           /* not expired when possible; NULL when empty */
size_t db_table_bytes(const struct db *db);       /* of the table by key, without the entries */
const struct dict *db_table(const struct db *db); /* for reports */
size_t db_expiry_bytes(const struct db *db);      /* of the index by expire time */
bool entry_is_expired(const struct entry *e);     /* by time and mode */

/* --- work in slices, called by server's periodic work --- */
bool ks_rehash_us(uint64_t budget_us);
/* Deletes keys whose time has come, oldest first, within the budget; true when some are left. Nothing in KS_EXPIRE_HIDE. */
bool ks_expire_due(uint64_t budget_us);
/* Lower bound of the next expiry, NO_EXPIRE when none: the timer's due time. */
int64_t ks_next_expire_ms(void);
bool ks_lazy_free_us(uint64_t budget_us);
size_t ks_lazy_pending(void);
uint64_t ks_lazy_freed(void);
extern bool ks_active_expire_on; /* DEBUG SET-ACTIVE-EXPIRE */

/* --- DEBUG DIGEST, DEBUG DIGEST-VALUE: Redis's algorithm, so that digests of both servers compare --- */
void ks_digest(unsigned char out[20]);
void entry_digest(const struct entry *e, unsigned char out[20]);

#endif

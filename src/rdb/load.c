/* Loading one RDB from a stream into the key space: versions 1 to 11, every byte distrusted (rdb/format.h, V1 to V12).
 *
 * Invariant: nothing behind the RDB's last byte is consumed. It fails with a reason and the offset where the reader
 * stood, and never leaves the process; whether that is fatal is the caller's matter. */
#include "base/clock.h"
#include "base/log.h"
#include "rdb/codec.h"
#include "rdb/load_parts.h"
#include "rdb/rdb.h"
#include <ctype.h>
#include <unistd.h>

/* RESIZEDB is believed up to one key per so many bytes that are still to come (V7): that many distinct keys with values
 * hardly take less, and the table grows by itself anyway. */
#define RESERVE_BYTES_PER_KEY    8
#define RESERVE_KEYS_MAX_UNKNOWN ((uint64_t)1 << 20) /* when the stream's size is not known */

struct rdb_load_stats rdb_last_load;

struct loading {
    struct rdb_reader *r;
    const struct rdb_load_options *o;
    struct rdb_load_stats stats;
    struct db *db;
    int version;
    int64_t now_ms;
    sds key, hold; /* reused for every key and value: no allocation a key */
    /* What the opcodes before a key said of it. */
    int64_t expire_ms, idle_s;
    int freq;
};

static bool read_header(struct loading *l) { /* V1 */
    const char *p = rdb_take(l->r, RDB_HEADER_BYTES);
    if (!p) return false;
    if (memcmp(p, RDB_MAGIC, sizeof RDB_MAGIC - 1) != 0) {
        log_warning("Wrong signature trying to load DB from file");
        return rdb_reader_fail(l->r, "the signature is not " RDB_MAGIC);
    }
    for (int i = (int)sizeof RDB_MAGIC - 1; i < RDB_HEADER_BYTES; i++) {
        if (!isdigit((unsigned char)p[i])) return rdb_reader_fail(l->r, "the format version is not a number");
        l->version = l->version * 10 + (p[i] - '0');
    }
    if (l->version >= 1 && l->version <= RDB_VERSION_MAX) return true;
    log_warning("Can't handle RDB format version %d", l->version);
    return rdb_reader_fail(l->r, "format version %d is not one of 1 to %d", l->version, RDB_VERSION_MAX);
}

static void forget_key_hints(struct loading *l) {
    l->expire_ms = NO_EXPIRE;
    l->idle_s = -1;
    l->freq = -1;
}

static bool select_db(struct loading *l) {
    uint64_t id;
    if (!rdb_get_len(l->r, &id)) return false;
    if (id < (uint64_t)ks_count()) { /* V6 */
        l->db = ks_db((int)id);
        return true;
    }
    log_warning("FATAL: Data file was created with a Redis server configured to handle more than %d "
                "databases. Exiting",
                ks_count());
    return rdb_reader_fail(l->r, "database %llu of %d", (unsigned long long)id, ks_count());
}

static bool resize_db(struct loading *l) {
    uint64_t keys, expires, most = RESERVE_KEYS_MAX_UNKNOWN;
    if (!rdb_get_len(l->r, &keys) || !rdb_get_len(l->r, &expires)) return false;
    if (l->r->total_bytes)
        most = (l->r->total_bytes - rdb_reader_offset(l->r)) / RESERVE_BYTES_PER_KEY; /* V7 */
    if (keys > most) keys = most;
    if (expires > keys) expires = keys;
    db_reserve(l->db, (size_t)keys);
    return true;
}

static bool duplicate(struct loading *l, struct value *v) {
    value_free(v);
    log_warning("RDB has duplicated key '%.*s' in DB %d",
                (int)(sds_len(l->key) < 128 ? sds_len(l->key) : 128), l->key, db_id(l->db));
    return rdb_reader_fail(l->r, "duplicated key"); /* V9 */
}

static bool keep_key(struct loading *l, struct value *v) {
    slice key = sds_slice(l->key);
    struct entry *e = db_add(l->db, key, db_hash(key), v, l->expire_ms);
    if (!e && !l->o->allow_overwrite_dup) return duplicate(l, v);
    if (!e) e = db_set(l->db, key, v, l->expire_ms);
    if (ks_config.lfu && l->freq >= 0) entry_set_freq(e, (uint8_t)l->freq);
    if (!ks_config.lfu && l->idle_s >= 0) entry_set_idle_s(e, (uint64_t)l->idle_s);
    l->stats.keys_loaded++;
    return true;
}

static bool read_key(struct loading *l) {
    slice key;
    if (!rdb_get_string(l->r, &key, &l->hold)) return false;
    if (key.n > RDB_KEY_BYTES_MAX) return rdb_reader_fail(l->r, "a key of %zu bytes", key.n); /* V9 */
    sds_set_len(l->key, 0);
    l->key = sds_cat(l->key, key.p, key.n);
    return true;
}

static bool load_key(struct loading *l, uint8_t type) {
    struct value v;
    if (!read_key(l)) return false;
    if (!rdb_load_value(l->r, type, &v, &l->hold)) {
        value_free(&v);
        return false;
    }
    if (l->expire_ms != NO_EXPIRE && l->expire_ms < l->now_ms && !l->o->replica) {
        value_free(&v);
        l->stats.keys_expired++;
        if (l->o->key_expired) l->o->key_expired(db_id(l->db), sds_slice(l->key));
    } else if (!keep_key(l, &v)) {
        return false;
    }
    forget_key_hints(l);
    if (rdb_config.key_load_delay_us > 0) usleep((useconds_t)rdb_config.key_load_delay_us);
    rdb_loading.keys = l->stats.keys_loaded;
    rdb_reader_progress(l->r);
    return true;
}

/* -1 means none, as in Redis; other times before 1970 are as good as 1970. */
static void set_expire(struct loading *l, int64_t at_ms) {
    l->expire_ms = at_ms == NO_EXPIRE ? NO_EXPIRE : at_ms < 0 ? 0 : at_ms;
}

/* An opcode that is not EOF, or a key. */
static bool load_item(struct loading *l, uint8_t op) {
    uint64_t n;
    uint32_t seconds;
    uint8_t freq;
    switch (op) {
    case RDB_OP_EXPIRETIME:
        if (!rdb_get_u32le(l->r, &seconds)) return false;
        set_expire(l, (int64_t)(int32_t)seconds * 1000);
        return true;
    case RDB_OP_EXPIRETIME_MS:
        if (!rdb_get_u64le(l->r, &n)) return false;
        set_expire(l, (int64_t)n);
        return true;
    case RDB_OP_FREQ:
        if (!rdb_get_u8(l->r, &freq)) return false;
        l->freq = freq;
        return true;
    case RDB_OP_IDLE:
        if (!rdb_get_len(l->r, &n)) return false;
        l->idle_s = n < INT64_MAX ? (int64_t)n : INT64_MAX;
        return true;
    case RDB_OP_SELECTDB: return select_db(l);
    case RDB_OP_RESIZEDB: return resize_db(l);
    case RDB_OP_AUX: return rdb_load_aux(l->r, l->o->info);
    case RDB_OP_MODULE_AUX: return rdb_skip_module_aux(l->r);
    case RDB_OP_FUNCTION2: return rdb_skip_function(l->r);
    case RDB_OP_FUNCTION_PRE_GA: return rdb_reader_fail(l->r, "pre-release function format not supported");
    default: return load_key(l, op);
    }
}

static bool check_trailer(struct loading *l) { /* V10 */
    uint64_t got, expected = rdb_reader_crc(l->r);
    if (l->version < RDB_VERSION_CRC) return true;
    if (!rdb_get_u64le(l->r, &got)) return false;
    if (!rdb_config.checksum) return true;
    if (got == 0) {
        log_notice("RDB file was saved with checksum disabled: no check performed.");
        return true;
    }
    if (got == expected) return true;
    log_warning("Wrong RDB checksum expected: (%llx) but got (%llx). Aborting now.",
                (unsigned long long)expected, (unsigned long long)got);
    return rdb_reader_fail(l->r, "RDB CRC error");
}

static bool load_items(struct loading *l) {
    uint8_t op;
    while (rdb_get_u8(l->r, &op)) {
        if (op == RDB_OP_EOF) return check_trailer(l);
        if (!load_item(l, op)) return false;
    }
    return false;
}

static void report_loading(struct rdb_reader *r) {
    rdb_loading_progress(rdb_reader_offset(r));
}

static void log_failure(const struct rdb_reader *r) {
    if (r->short_read) log_warning("Short read or OOM loading DB. Unrecoverable error, aborting now.");
    log_warning("Loading RDB failed at offset %llu: %s", (unsigned long long)r->fail_offset, r->error);
}

bool rdb_load_stream(struct rdb_reader *r, const struct rdb_load_options *o, struct rdb_load_stats *stats) {
    struct loading l = {.r = r, .o = o, .db = ks_db(0), .now_ms = clock_wall_us() / 1000};
    l.key = sds_empty();
    forget_key_hints(&l);
    if (o->info) *o->info = (struct rdb_info){.repl_stream_db = -1, .repl_offset = -1};
    if (rdb_loading.active && !r->progress && rdb_config.loading_events_interval_bytes > 0) {
        r->progress = report_loading;
        r->progress_every_bytes = (uint64_t)rdb_config.loading_events_interval_bytes;
        r->progress_at = rdb_reader_offset(r) + r->progress_every_bytes;
    }
    r->checksum = rdb_config.checksum;
    bool ok = read_header(&l) && load_items(&l);
    if (ok)
        log_notice("Done loading RDB, keys loaded: %lld, keys expired: %lld.", (long long)l.stats.keys_loaded,
                   (long long)l.stats.keys_expired);
    else
        log_failure(r);
    sds_free(l.key);
    sds_free(l.hold);
    rdb_last_load = l.stats;
    if (stats) *stats = l.stats;
    return ok;
}

/* Loading one RDB from a stream into the key space: versions 1 to 11, every byte distrusted (rdb/format.h, V1 to V12).
 *
 * Invariant: nothing behind the RDB's last byte is consumed. It fails with a reason and the offset where the reader
 * stood, and never leaves the process; whether that is fatal is the caller's matter. */
#include "base/log.h"
#include "rdb/codec.h"
#include "rdb/load_keys.h"
#include "rdb/load_parts.h"
#include "rdb/rdb.h"
#include <ctype.h>
#include <stdio.h>

#define RESERVE_BYTES_PER_KEY                                                                                \
    8 /* distinct keys with values hardly take less, and the table grows by itself anyway */
#define RESERVE_KEYS_MAX_UNKNOWN ((uint64_t)1 << 20) /* when the stream's size is not known */

struct rdb_load_stats rdb_last_load;

static const struct key_hints no_hints = {.expire_ms = NO_EXPIRE, .idle_s = -1, .freq = -1};

struct loading {
    struct rdb_reader *r;
    const struct rdb_load_options *o;
    struct load_keys keys;
    struct key_hints hints; /* for the next key */
    int version;
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

static bool select_db(struct loading *l) {
    uint64_t id;
    if (!load_keys_flush(&l->keys) || !rdb_get_len(l->r, &id)) return false;
    if (id < (uint64_t)ks_count()) { /* V6 */
        l->keys.db = load_keys_db(&l->keys, (int)id);
        return true;
    }
    log_warning("FATAL: Data file was created with a Redis server configured to handle more than %d "
                "databases. Exiting",
                ks_count());
    return rdb_reader_fail(l->r, "database %llu of %d", (unsigned long long)id, ks_count());
}

static bool resize_db(struct loading *l) {
    uint64_t keys, expires;
    if (!rdb_get_len(l->r, &keys) || !rdb_get_len(l->r, &expires)) return false;
    uint64_t most = l->r->total_bytes ? rdb_reader_left(l->r) / RESERVE_BYTES_PER_KEY
                                      : RESERVE_KEYS_MAX_UNKNOWN;
    db_reserve(l->keys.db, (size_t)(keys < most ? keys : most)); /* V7 */
    return true;
}

/* -1 means none, as in Redis; other times before 1970 are as good as 1970. */
static void set_expire(struct loading *l, int64_t at_ms) {
    l->hints.expire_ms = at_ms == NO_EXPIRE ? NO_EXPIRE : at_ms < 0 ? 0 : at_ms;
}

static bool load_key(struct loading *l, uint8_t type) {
    if (!load_keys_read(&l->keys, type, &l->hints)) return false;
    l->hints = no_hints;
    rdb_reader_progress(l->r);
    return true;
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
        l->hints.freq = freq;
        return true;
    case RDB_OP_IDLE:
        if (!rdb_get_len(l->r, &n)) return false;
        l->hints.idle_s = n < INT64_MAX ? (int64_t)n : INT64_MAX;
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
    if (got == expected || rdb_skip_checksum) return true;
    log_warning("Wrong RDB checksum expected: (%llx) but got (%llx). Aborting now.",
                (unsigned long long)expected, (unsigned long long)got);
    return rdb_reader_fail(l->r, "RDB CRC error");
}

static bool load_items(struct loading *l) {
    uint8_t op;
    while (rdb_get_u8(l->r, &op)) {
        if (op == RDB_OP_EOF) return load_keys_flush(&l->keys) && check_trailer(l);
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

static void log_loaded(const struct rdb_load_stats *s) {
    char skipped[64] = "";
    if (s->empty_keys_skipped)
        snprintf(skipped, sizeof skipped, ", empty keys skipped: %lld", (long long)s->empty_keys_skipped);
    log_notice("Done loading RDB, keys loaded: %lld, keys expired: %lld%s.", (long long)s->keys_loaded,
               (long long)s->keys_expired, skipped);
}

bool rdb_load_stream(struct rdb_reader *r, const struct rdb_load_options *o, struct rdb_load_stats *stats) {
    struct loading l = {.r = r, .o = o, .hints = no_hints};
    load_keys_init(&l.keys, r, o);
    if (o->info) *o->info = (struct rdb_info){.repl_stream_db = -1, .repl_offset = -1};
    rdb_loading.beside = o->beside;
    if (rdb_loading.active && !r->progress && rdb_config.loading_events_interval_bytes > 0) {
        r->progress = report_loading;
        r->progress_every_bytes = (uint64_t)rdb_config.loading_events_interval_bytes;
        if (rdb_loading.async && r->progress_every_bytes > RDB_TURN_BYTES)
            r->progress_every_bytes = RDB_TURN_BYTES;
        r->progress_at = rdb_reader_offset(r) + r->progress_every_bytes;
    }
    r->checksum = rdb_config.checksum;
    bool ok = read_header(&l) && load_items(&l);
    if (ok)
        log_loaded(&l.keys.stats);
    else
        log_failure(r);
    rdb_last_load = l.keys.stats;
    if (stats) *stats = l.keys.stats;
    load_keys_free(&l.keys);
    return ok;
}

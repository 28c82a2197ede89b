/* Saving the key space to a stream: header, aux fields, databases, trailer (rdb/format.h).
 *
 * Invariant: the key space does not change while a save runs (it is a forked child, or SAVE holds the loop). Expired
 * keys are saved too, as in Redis: who loads decides. It knows nothing of files (save_file.c) and processes (snapshot.c). */
#include "base/alloc.h"
#include "base/clock.h"
#include "rdb/codec.h"
#include "rdb/rdb.h"
#include "rdb/save_progress.h"
#include <stdio.h>
#include <unistd.h>

#define REFERENCE_VERSION "7.0.15" /* aux redis-ver: the release whose format this is */

/* Entries come in the table's order, so their blocks lie anywhere: each is prefetched this many entries ahead, as far as
 * a key with a value of 100 bytes reaches (1M of them: 30 % less time than with the first line alone). */
#define AHEAD       16
#define AHEAD_LINES 3

struct saving {
    struct rdb_writer *w;
    struct save_progress progress;
    const struct entry *ahead[AHEAD];
    size_t seen; /* of this database */
};

static bool put_aux(struct rdb_writer *w, const char *name, slice value) {
    return rdb_put_u8(w, RDB_OP_AUX) && rdb_put_string(w, slice_of(name)) && rdb_put_string(w, value);
}

static bool put_aux_i64(struct rdb_writer *w, const char *name, int64_t value) {
    return rdb_put_u8(w, RDB_OP_AUX) && rdb_put_string(w, slice_of(name)) && rdb_put_i64_string(w, value);
}

static bool put_aux_fields(struct rdb_writer *w, const struct rdb_info *info, bool aof_base) {
    bool ok = put_aux(w, "redis-ver", SLICE(REFERENCE_VERSION)) &&
              put_aux_i64(w, "redis-bits", (int64_t)sizeof(void *) * 8) &&
              put_aux_i64(w, "ctime", clock_wall_us() / 1000000) &&
              put_aux_i64(w, "used-mem", (int64_t)mem_used_bytes());
    if (ok && info && info->has_repl)
        ok = put_aux_i64(w, "repl-stream-db", info->repl_stream_db) &&
             put_aux(w, "repl-id", (slice){info->repl_id, 40}) &&
             put_aux_i64(w, "repl-offset", info->repl_offset) &&
             (!info->repl_past[0] || put_aux(w, "repl-past", slice_of(info->repl_past)));
    return ok && put_aux_i64(w, "aof-base", aof_base);
}

static bool put_key(struct saving *s, const struct entry *e) {
    struct rdb_writer *w = s->w;
    int64_t expire_ms = entry_expire_ms(e);
    if (expire_ms != NO_EXPIRE &&
        !(rdb_put_u8(w, RDB_OP_EXPIRETIME_MS) && rdb_put_u64le(w, (uint64_t)expire_ms)))
        return false;
    if (ks_config.lru && !(rdb_put_u8(w, RDB_OP_IDLE) && rdb_put_len(w, entry_idle_ms(e) / 1000)))
        return false;
    if (ks_config.lfu && !(rdb_put_u8(w, RDB_OP_FREQ) && rdb_put_u8(w, entry_freq(e)))) return false;
    const struct rdb_codec *codec = rdb_codec_of(entry_type(e));
    if (!rdb_put_u8(w, codec->rdb_type(e)) || !rdb_put_string(w, entry_key(e)) || !codec->save(w, e))
        return false;
    s->progress.keys++;
    if (rdb_config.key_save_delay_us > 0) {
        usleep((useconds_t)rdb_config.key_save_delay_us);
        save_progress_tell(w);
    }
    return true;
}

/* The entry is put when AHEAD more have come by: until then its cache lines are on their way. */
static void see_key(void *ctx, struct entry *e) {
    struct saving *s = ctx;
    const struct entry **slot = &s->ahead[s->seen % AHEAD];
    for (int i = 0; i < AHEAD_LINES; i++) __builtin_prefetch((const char *)e + 64 * i);
    if (s->seen >= AHEAD && !s->w->failed) put_key(s, *slot);
    *slot = e;
    s->seen++;
}

static bool put_db(struct saving *s, struct db *db) {
    if (db_size(db) == 0) return true;
    struct rdb_writer *w = s->w;
    if (!rdb_put_u8(w, RDB_OP_SELECTDB) || !rdb_put_len(w, (uint64_t)db_id(db)) ||
        !rdb_put_u8(w, RDB_OP_RESIZEDB) || !rdb_put_len(w, db_size(db)) || !rdb_put_len(w, db_expires(db)))
        return false;
    s->seen = 0;
    db_each(db, see_key, s);
    size_t left = s->seen < AHEAD ? s->seen : AHEAD;
    for (size_t i = s->seen - left; i < s->seen && !w->failed; i++) put_key(s, s->ahead[i % AHEAD]);
    return !w->failed;
}

bool rdb_save_stream(struct rdb_writer *w, const struct rdb_info *info, bool aof_base) {
    struct saving s = {.w = w};
    char header[RDB_HEADER_BYTES + 1];
    w->checksum = rdb_config.checksum;
    save_progress_begin(&s.progress, w);
    snprintf(header, sizeof header, "%s%04d", RDB_MAGIC, RDB_VERSION);
    if (!rdb_write(w, header, RDB_HEADER_BYTES) || !put_aux_fields(w, info, aof_base)) return false;
    for (int id = 0; id < ks_count(); id++)
        if (!put_db(&s, ks_db(id))) return false;
    if (!rdb_put_u8(w, RDB_OP_EOF)) return false;
    save_progress_end(w);
    return rdb_put_u64le(w, rdb_writer_crc(w)) && rdb_writer_flush(w);
}

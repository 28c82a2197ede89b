#include "fixture.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/random.h"
#include "keyspace/str.h"
#include <endian.h>
#include <stdio.h>

char fixture_error[200];
uint64_t fixture_offset;

void fixture_begin(int databases) {
    static const uint8_t seed[16] = "a seed of tests";
    log_set_level(LOG_LEVEL_NOTHING);
    clock_update();
    hash_seed(seed);
    ks_init(databases);
}

void fixture_empty(void) {
    ks_flush_all(false);
}

static sds random_value(void) {
    switch (random_below(7)) {
    case 0: return sds_cat_printf(sds_empty(), "%lld", (long long)random_below(200) - 100);
    case 1: return sds_cat_printf(sds_empty(), "%lld", (long long)random_below(140000) - 70000);
    case 2: return sds_cat_printf(sds_empty(), "%lld", (long long)random_u64());
    case 3: { /* compressible */
        sds s = sds_grow_zero(sds_empty(), random_below(5000));
        memset(s, 'a' + (int)random_below(20), sds_len(s));
        return s;
    }
    case 4: { /* longer than the streams' buffers, sometimes */
        sds s = sds_grow_zero(sds_empty(), random_below(random_below(50) == 0 ? 600000 : 50));
        for (size_t i = 0; i < sds_len(s); i++) s[i] = (char)random_u64();
        return s;
    }
    default: {
        sds s = sds_grow_zero(sds_empty(), random_below(200));
        for (size_t i = 0; i < sds_len(s); i++) s[i] = (char)random_u64();
        return s;
    }
    }
}

void fixture_fill(uint64_t seed, int keys) {
    random_seed(seed);
    for (int i = 0; i < keys; i++) {
        struct db *db = ks_db((int)random_below((uint64_t)ks_count()));
        sds key = sds_cat_printf(sds_empty(), random_below(2) ? "key:%d" : "%d", i);
        if (random_below(20) == 0) {
            size_t had = sds_len(key);
            key = sds_grow_zero(key, had + random_below(1000));
        }
        sds value = random_value();
        int64_t expire_ms = random_below(3) ? NO_EXPIRE
                                            : clock_ms() + 1000000 + (int64_t)random_below(1 << 30);
        db_set_string(db, sds_slice(key), sds_slice(value), expire_ms);
        sds_free(key);
        sds_free(value);
    }
}

sds fixture_save(const struct rdb_info *info) {
    struct rdb_writer w;
    sds out = sds_empty();
    rdb_writer_memory(&w, &out);
    bool ok = rdb_save_stream(&w, info, false);
    rdb_writer_free(&w);
    if (ok) return out;
    sds_free(out);
    return NULL;
}

bool fixture_load(slice file, const struct rdb_load_options *o, struct rdb_load_stats *stats) {
    struct rdb_reader r;
    rdb_reader_memory(&r, file);
    bool ok = rdb_load_stream(&r, o, stats);
    snprintf(fixture_error, sizeof fixture_error, "%s", r.error);
    fixture_offset = r.fail_offset;
    rdb_reader_free(&r);
    return ok;
}

sds fixture_file(int version, slice body) {
    sds s = sds_cat_printf(sds_empty(), "REDIS%04d", version);
    s = sds_cat(s, body.p, body.n);
    s = sds_cat(s, "\xff", 1);
    if (version < 5) return s;
    uint64_t crc = htole64(crc64(0, s, sds_len(s)));
    return sds_cat(s, &crc, sizeof crc);
}

slice fixture_get(int db, const char *key) {
    static char scratch[NUM_INT_BYTES];
    struct entry *e = db_read(ks_db(db), slice_of(key), LOOKUP_NOEFFECTS);
    return e ? str_get(e, scratch) : (slice){0};
}

const char *fixture_restore(slice body, struct value *v) {
    sds payload = sds_newlen(body.p, body.n), hold = NULL;
    payload = sds_cat(payload, "\x0a\x00", 2);
    uint64_t crc = htole64(crc64(0, payload, sds_len(payload)));
    payload = sds_cat(payload, &crc, sizeof crc);
    const char *err = rdb_restore_value(sds_slice(payload), v, &hold);
    sds_free(payload);
    sds_free(hold);
    return err;
}

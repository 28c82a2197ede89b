/* Hashes in RDB: type 16 or 4, as Redis 7.0 writes them; older files' types 9 and 13.
 *
 *   type  what follows                                                   written by
 *   4     length n, n pairs of strings                                   every version, large hashes
 *   9     a string that is a zipmap                                      Redis before 2.6, small hashes
 *   13    a string that is a ziplist                                     2.6 to 6.2, small hashes
 *   16    a string that is a listpack                                    7.0, small hashes
 *
 * A zipmap: one byte (the number of pairs when below 254), then pairs, then 0xFF. A pair: length, field, length, one
 * byte that tells how many unused bytes follow the value, value, those bytes. A length is one byte up to 253, or 0xFE and 4
 * bytes, little-endian.
 *
 * Packed forms are checked to their last byte; a field without a value and a field that occurs twice are refused. */
#include "base/listpack.h"
#include "keyspace/hash.h"
#include "rdb/codec.h"
#include "rdb/ziplist.h"
#include <endian.h>

#define PAIR_BYTES_MIN 2 /* two empty strings */

/* --- saving --- */

static uint8_t hash_rdb_type(const struct entry *e) {
    return entry_encoding(e) == HASH_LISTPACK ? RDB_TYPE_HASH_LISTPACK : RDB_TYPE_HASH;
}

static void save_pair(void *ctx, slice field, slice value) {
    struct rdb_writer *w = ctx;
    if (!w->failed && rdb_put_string(w, field)) rdb_put_string(w, value);
}

static bool save_hash(struct rdb_writer *w, const struct entry *e) {
    struct hash h = hash_of(e);
    if (h.encoding == HASH_LISTPACK) return rdb_put_string(w, (slice){h.ptr, lp_bytes(h.ptr)});
    if (!rdb_put_len(w, hash_count(h))) return false;
    hash_each(h, save_pair, w);
    return !w->failed;
}

const struct rdb_codec rdb_hash_codec = {hash_rdb_type, save_hash};

/* --- loading --- */

/* A field, which reading its value must not move. */
static bool get_field(struct rdb_reader *r, sds *field, sds *hold) {
    slice s;
    if (!rdb_get_string(r, &s, hold)) return false;
    sds_set_len(*field, 0);
    *field = sds_cat(*field, s.p, s.n);
    return true;
}

static bool load_pairs(struct rdb_reader *r, struct hash *h, uint64_t n, sds *hold) {
    sds field = sds_empty();
    bool ok = true;
    for (; ok && n > 0; n--) {
        slice value;
        ok = get_field(r, &field, hold) && rdb_get_string(r, &value, hold);
        if (ok && !hash_set(h, sds_slice(field), value)) ok = rdb_reader_fail(r, "a hash has a field twice");
    }
    sds_free(field);
    return ok;
}

static bool load_plain(struct rdb_reader *r, struct value *v, sds *hold) {
    uint64_t n;
    if (!rdb_get_len(r, &n)) return false;
    if (n == 0) return rdb_empty_value(r);
    struct hash h = n > hash_config.listpack_entries_max ? hash_new_table(rdb_room_for(r, n, PAIR_BYTES_MIN))
                                                         : hash_new();
    bool ok = load_pairs(r, &h, n, hold);
    *v = hash_value(h); /* the caller frees it when we fail */
    return ok;
}

/* Takes lp over; NULL: the bytes were none. */
static bool load_listpack(struct rdb_reader *r, uint8_t *lp, struct value *v) {
    size_t n = lp ? lp_length(lp) : 0;
    if (n > 0 && n % 2 == 0 && lp_distinct(lp, 2)) {
        *v = hash_value(hash_of_listpack(lp));
        return true;
    }
    bool empty = lp && n == 0;
    lp_free(lp);
    return empty ? rdb_empty_value(r) : rdb_reader_fail(r, "a packed hash is malformed");
}

static bool zipmap_take(slice *rest, size_t n, slice *out) {
    if (n > rest->n) return false;
    *out = (slice){rest->p, n};
    rest->p += n;
    rest->n -= n;
    return true;
}

static bool zipmap_length(slice *rest, size_t *n) {
    slice s;
    if (!zipmap_take(rest, 1, &s) || (uint8_t)*s.p == 0xFF) return false;
    *n = (uint8_t)*s.p;
    if (*n < 0xFE) return true;
    uint32_t le;
    if (!zipmap_take(rest, sizeof le, &s)) return false;
    memcpy(&le, s.p, sizeof le);
    *n = le32toh(le);
    return true;
}

static bool zipmap_pair(slice *rest, slice *field, slice *value) {
    size_t n;
    slice unused_n, unused;
    return zipmap_length(rest, &n) && zipmap_take(rest, n, field) && zipmap_length(rest, &n) &&
           zipmap_take(rest, 1, &unused_n) && zipmap_take(rest, n, value) &&
           zipmap_take(rest, (uint8_t)*unused_n.p, &unused);
}

/* The size that a zipmap starts with is a hint, as in Redis: from 254 pairs on it is not kept. */
static bool load_zipmap(struct rdb_reader *r, slice s, struct value *v) {
    struct hash h = hash_new();
    bool ok = s.n >= 2 && (uint8_t)s.p[s.n - 1] == 0xFF;
    slice rest = ok ? (slice){s.p + 1, s.n - 2} : s, field, value;
    uint8_t said = ok ? (uint8_t)s.p[0] : 0;
    while (ok && rest.n > 0) ok = zipmap_pair(&rest, &field, &value) && hash_set(&h, field, value);
    ok = ok && hash_count(h) > 0 && (said >= 0xFE || said == hash_count(h));
    *v = hash_value(h);
    return ok || rdb_reader_fail(r, "a zipmap is malformed");
}

bool rdb_load_hash_value(struct rdb_reader *r, uint8_t type, struct value *v, sds *hold) {
    slice s;
    if (type == RDB_TYPE_HASH) return load_plain(r, v, hold);
    if (!rdb_get_string(r, &s, hold)) return false;
    if (type == RDB_TYPE_HASH_ZIPMAP) return load_zipmap(r, s, v);
    if (type == RDB_TYPE_HASH_ZIPLIST) return load_listpack(r, ziplist_to_listpack(s), v);
    return load_listpack(r, lp_from_outside(s), v);
}

/* Lengths, strings and numbers as RDB carries them, and the tables of value types.
 *
 * Untrusted bytes come in through the functions rdb_get_*: nothing is believed before it is checked against format.h's
 * rules V2 to V5. It knows no key space layout beyond what codecs ask of an entry. */
#include "rdb/codec.h"
#include "base/assert.h"
#include "base/lzf.h"
#include "base/num.h"
#include "rdb/rdb.h"
#include <endian.h>

struct rdb_config rdb_config = {.compression = true,
                                .checksum = true,
                                .save_incremental_fsync = true,
                                .stop_writes_on_error = true,
                                .loading_events_interval_bytes = 2 << 20};

/* --- the tables --- */

static const struct rdb_codec *const codecs[VALUE_TYPES] = {
    [TYPE_STRING] = &rdb_string_codec, [TYPE_LIST] = &rdb_list_codec, [TYPE_SET] = &rdb_set_codec,
    [TYPE_HASH] = &rdb_hash_codec,     [TYPE_ZSET] = &rdb_zset_codec, [TYPE_STREAM] = &rdb_stream_codec,
};

/* name: what the refusal of a type that cannot be loaded says. */
static const struct {
    const char *name;
    rdb_load_fn *load;
} loaders[RDB_TYPES] = {
    [RDB_TYPE_STRING] = {"string", rdb_load_string_value},
    [RDB_TYPE_LIST] = {"list", rdb_load_list_value},
    [RDB_TYPE_SET] = {"set", rdb_load_set_value},
    [RDB_TYPE_ZSET] = {"zset", rdb_load_zset_value},
    [RDB_TYPE_HASH] = {"hash", rdb_load_hash_value},
    [RDB_TYPE_ZSET_2] = {"zset-v2", rdb_load_zset_value},
    [RDB_TYPE_MODULE_PRE_GA] = {"module-pre-release", NULL},
    [RDB_TYPE_MODULE_2] = {"module-value", NULL},
    [RDB_TYPE_HASH_ZIPMAP] = {"hash-zipmap", rdb_load_hash_value},
    [RDB_TYPE_LIST_ZIPLIST] = {"list-ziplist", rdb_load_list_value},
    [RDB_TYPE_SET_INTSET] = {"set-intset", rdb_load_set_value},
    [RDB_TYPE_ZSET_ZIPLIST] = {"zset-ziplist", rdb_load_zset_value},
    [RDB_TYPE_HASH_ZIPLIST] = {"hash-ziplist", rdb_load_hash_value},
    [RDB_TYPE_LIST_QUICKLIST] = {"quicklist", rdb_load_list_value},
    [RDB_TYPE_STREAM_LISTPACKS] = {"stream", rdb_load_stream_value},
    [RDB_TYPE_HASH_LISTPACK] = {"hash-listpack", rdb_load_hash_value},
    [RDB_TYPE_ZSET_LISTPACK] = {"zset-listpack", rdb_load_zset_value},
    [RDB_TYPE_LIST_QUICKLIST_2] = {"quicklist-v2", rdb_load_list_value},
    [RDB_TYPE_STREAM_LISTPACKS_2] = {"stream-v2", rdb_load_stream_value},
    [RDB_TYPE_SET_LISTPACK] = {"set-listpack", rdb_load_set_value},
    [RDB_TYPE_STREAM_LISTPACKS_3] = {"stream-v3", rdb_load_stream_value},
};

const struct rdb_codec *rdb_codec_of(enum value_type type) {
    assert_that(type < VALUE_TYPES && codecs[type]);
    return codecs[type];
}

bool rdb_empty_value(struct rdb_reader *r) {
    r->empty_value = true;
    return false;
}

bool rdb_load_value(struct rdb_reader *r, uint8_t type, struct value *v, sds *hold) {
    r->empty_value = false;
    *v = (struct value){0};
    if (type >= RDB_TYPES || !loaders[type].name)
        return rdb_reader_fail(r, "unknown value type or opcode %d", type); /* V8 */
    if (!loaders[type].load)
        return rdb_reader_fail(r, "values of type %d (%s) are not supported", type, loaders[type].name);
    return loaders[type].load(r, type, v, hold);
}

/* --- writing --- */

bool rdb_put_u64le(struct rdb_writer *w, uint64_t v) {
    v = htole64(v);
    return rdb_write(w, &v, sizeof v);
}

bool rdb_put_len(struct rdb_writer *w, uint64_t n) {
    uint8_t b[9];
    if (n <= RDB_LEN_6BIT_MAX) {
        b[0] = (uint8_t)n;
        return rdb_write(w, b, 1);
    }
    if (n <= RDB_LEN_14BIT_MAX) {
        b[0] = (uint8_t)(RDB_LEN_14BIT | (n >> 8));
        b[1] = (uint8_t)n;
        return rdb_write(w, b, 2);
    }
    if (n <= UINT32_MAX) {
        uint32_t be = htobe32((uint32_t)n);
        b[0] = RDB_LEN_32BIT;
        memcpy(b + 1, &be, sizeof be);
        return rdb_write(w, b, 5);
    }
    uint64_t be = htobe64(n);
    b[0] = RDB_LEN_64BIT;
    memcpy(b + 1, &be, sizeof be);
    return rdb_write(w, b, 9);
}

/* False when v needs more than 32 bits: nothing was written then. */
static bool put_integer_form(struct rdb_writer *w, int64_t v, bool *ok) {
    uint8_t b[5];
    size_t n;
    uint32_t le = htole32((uint32_t)v);
    if (v >= INT8_MIN && v <= INT8_MAX) {
        b[0] = RDB_LEN_SPECIAL | RDB_STRING_I8;
        n = 1;
    } else if (v >= INT16_MIN && v <= INT16_MAX) {
        b[0] = RDB_LEN_SPECIAL | RDB_STRING_I16;
        n = 2;
    } else if (v >= INT32_MIN && v <= INT32_MAX) {
        b[0] = RDB_LEN_SPECIAL | RDB_STRING_I32;
        n = 4;
    } else {
        return false;
    }
    memcpy(b + 1, &le, sizeof le);
    *ok = rdb_write(w, b, n + 1);
    return true;
}

static bool put_plain(struct rdb_writer *w, slice s) {
    return rdb_put_len(w, s.n) && rdb_write(w, s.p, s.n);
}

bool rdb_put_lzf(struct rdb_writer *w, slice packed, uint64_t plain_n) {
    return rdb_put_u8(w, RDB_LEN_SPECIAL | RDB_STRING_LZF) && rdb_put_len(w, packed.n) &&
           rdb_put_len(w, plain_n) && rdb_write(w, packed.p, packed.n);
}

/* The compressed form, when that gains; *ok tells of the write. */
static bool put_compressed(struct rdb_writer *w, slice s, bool *ok) {
    char small[4096];
    size_t cap = s.n - RDB_COMPRESS_GAIN;
    sds big = cap > sizeof small ? sds_newlen(NULL, cap) : NULL;
    char *out = big ? big : small;
    size_t n = lzf_compress(s.p, s.n, out, cap);
    if (n > 0) *ok = rdb_put_lzf(w, (slice){out, n}, s.n);
    sds_free(big);
    return n > 0;
}

bool rdb_put_string(struct rdb_writer *w, slice s) {
    int64_t number;
    bool ok;
    if (s.n <= RDB_INT_TEXT_MAX && num_parse_i64(s, &number) && put_integer_form(w, number, &ok)) return ok;
    if (rdb_config.compression && s.n > RDB_COMPRESS_ABOVE && put_compressed(w, s, &ok)) return ok;
    return put_plain(w, s);
}

bool rdb_put_i64_string(struct rdb_writer *w, int64_t v) {
    char text[NUM_INT_BYTES];
    bool ok;
    if (put_integer_form(w, v, &ok)) return ok;
    size_t n = num_format_i64(text, v);
    return put_plain(w, (slice){text, n});
}

/* --- reading --- */

bool rdb_get_u8(struct rdb_reader *r, uint8_t *out) {
    const char *p = rdb_take(r, 1);
    if (!p) return false;
    *out = (uint8_t)*p;
    return true;
}

bool rdb_get_u32le(struct rdb_reader *r, uint32_t *out) {
    if (!rdb_read(r, out, sizeof *out)) return false;
    *out = le32toh(*out);
    return true;
}

bool rdb_get_u64le(struct rdb_reader *r, uint64_t *out) {
    if (!rdb_read(r, out, sizeof *out)) return false;
    *out = le64toh(*out);
    return true;
}

/* A length, or (true in *special) the number of a string's special form. */
static bool get_len_or_form(struct rdb_reader *r, uint64_t *out, bool *special) {
    uint8_t first, second;
    *special = false;
    if (!rdb_get_u8(r, &first)) return false;
    switch (first & 0xC0) {
    case 0: *out = first; return true;
    case RDB_LEN_14BIT:
        if (!rdb_get_u8(r, &second)) return false;
        *out = (uint64_t)(first & 0x3F) << 8 | second;
        return true;
    case RDB_LEN_SPECIAL:
        *special = true;
        *out = first & 0x3F;
        return true;
    }
    if (first == RDB_LEN_32BIT) {
        uint32_t be;
        if (!rdb_read(r, &be, sizeof be)) return false;
        *out = be32toh(be);
        return true;
    }
    if (first != RDB_LEN_64BIT) return rdb_reader_fail(r, "unknown length encoding 0x%02x", first); /* V3 */
    uint64_t be;
    if (!rdb_read(r, &be, sizeof be)) return false;
    *out = be64toh(be);
    return true;
}

bool rdb_get_len(struct rdb_reader *r, uint64_t *out) {
    bool special;
    if (!get_len_or_form(r, out, &special)) return false;
    return !special || rdb_reader_fail(r, "string form %d where a length is wanted", (int)*out); /* V3 */
}

/* V2: refuses what the stream cannot hold, when its size is known, and what no memory could. */
static bool check_run(struct rdb_reader *r, uint64_t n) {
    uint64_t left = rdb_reader_left(r);
    if (n <= left && n <= SIZE_MAX / 2) return true;
    r->short_read = true;
    return rdb_reader_fail(r, "a string of %llu bytes, %llu bytes before the end", (unsigned long long)n,
                           (unsigned long long)left);
}

/* n bytes in place, or in *hold when they don't fit the buffer: it grows as they arrive, doubling. */
static bool get_run(struct rdb_reader *r, uint64_t n, slice *out, sds *hold) {
    if (!check_run(r, n)) return false;
    const char *p = rdb_take(r, (size_t)n);
    if (p) {
        *out = (slice){p, (size_t)n};
        return true;
    }
    if (r->failed) return false;
    if (!*hold) *hold = sds_empty();
    sds_set_len(*hold, 0);
    for (uint64_t left = n; left > 0;) {
        size_t have = sds_len(*hold), step = have > RDB_READ_BUFFER_BYTES ? have : RDB_READ_BUFFER_BYTES;
        if (r->total_bytes || step > left) step = (size_t)left; /* a known size vouches for the bytes */
        *hold = sds_reserve(*hold, step);
        for (size_t done = 0; done < step;) { /* in pieces, so that progress is reported */
            size_t piece = step - done < RDB_READ_BUFFER_BYTES ? step - done : RDB_READ_BUFFER_BYTES;
            if (!rdb_read(r, *hold + have + done, piece)) return false;
            done += piece;
        }
        sds_set_len(*hold, have + step);
        left -= step;
    }
    *out = sds_slice(*hold);
    return true;
}

static void text_of(int64_t v, slice *out, sds *hold) {
    if (!*hold) *hold = sds_empty();
    sds_set_len(*hold, 0);
    *hold = sds_reserve(*hold, NUM_INT_BYTES);
    sds_set_len(*hold, num_format_i64(*hold, v));
    *out = sds_slice(*hold);
}

static bool get_integer_form(struct rdb_reader *r, uint64_t form, slice *out, sds *hold) {
    int8_t i8;
    int16_t i16;
    int32_t i32;
    int64_t v;
    switch (form) {
    case RDB_STRING_I8:
        if (!rdb_read(r, &i8, sizeof i8)) return false;
        v = i8;
        break;
    case RDB_STRING_I16:
        if (!rdb_read(r, &i16, sizeof i16)) return false;
        v = (int16_t)le16toh((uint16_t)i16);
        break;
    default:
        if (!rdb_read(r, &i32, sizeof i32)) return false;
        v = (int32_t)le32toh((uint32_t)i32);
        break;
    }
    text_of(v, out, hold);
    return true;
}

static bool get_compressed(struct rdb_reader *r, slice *out, sds *hold) {
    uint64_t packed_n, plain_n;
    if (!rdb_get_len(r, &packed_n) || !rdb_get_len(r, &plain_n)) return false;
    if (plain_n == 0 || packed_n == 0 || plain_n / RDB_LZF_RATIO_MAX > packed_n) /* V5 */
        return rdb_reader_fail(r, "LZF string of %llu bytes cannot expand to %llu",
                               (unsigned long long)packed_n, (unsigned long long)plain_n);
    slice packed;
    sds packed_hold = NULL;
    bool ok = get_run(r, packed_n, &packed, &packed_hold);
    if (ok) {
        if (!*hold) *hold = sds_empty();
        sds_set_len(*hold, 0);
        *hold = sds_reserve(*hold, (size_t)plain_n);
        ok = lzf_decompress(packed.p, packed.n, *hold, (size_t)plain_n) == plain_n ||
             rdb_reader_fail(r, "invalid LZF compressed string");
        sds_set_len(*hold, ok ? (size_t)plain_n : 0);
        *out = sds_slice(*hold);
    }
    sds_free(packed_hold);
    return ok;
}

bool rdb_get_string(struct rdb_reader *r, slice *out, sds *hold) {
    uint64_t n;
    bool special;
    if (!get_len_or_form(r, &n, &special)) return false;
    if (!special) return get_run(r, n, out, hold);
    if (n <= RDB_STRING_I32) return get_integer_form(r, n, out, hold);
    if (n == RDB_STRING_LZF) return get_compressed(r, out, hold);
    return rdb_reader_fail(r, "unknown string form %llu", (unsigned long long)n); /* V4 */
}

bool rdb_get_key(struct rdb_reader *r, slice *out, sds *hold) {
    if (!rdb_get_string(r, out, hold)) return false;
    return out->n <= RDB_KEY_BYTES_MAX || rdb_reader_fail(r, "a key of %zu bytes", out->n); /* V9 */
}

bool rdb_skip_string(struct rdb_reader *r) {
    uint64_t n, plain_n;
    bool special;
    if (!get_len_or_form(r, &n, &special)) return false;
    if (special) {
        if (n <= RDB_STRING_I32) return rdb_skip(r, (uint64_t)1 << n);
        if (n != RDB_STRING_LZF) return rdb_reader_fail(r, "unknown string form %llu", (unsigned long long)n);
        if (!rdb_get_len(r, &n) || !rdb_get_len(r, &plain_n)) return false;
    }
    return check_run(r, n) && rdb_skip(r, n);
}

size_t rdb_room_for(const struct rdb_reader *r, uint64_t n, size_t item_bytes_min) {
    enum { UNKNOWN_SIZE_MAX = 16384 };
    uint64_t most = r->total_bytes ? rdb_reader_left(r) / item_bytes_min : UNKNOWN_SIZE_MAX;
    return (size_t)(n < most ? n : most);
}

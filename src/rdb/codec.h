/* The building blocks of values (lengths, strings, numbers) and the two tables that value types slot into.
 *
 * Writers return false once the writer failed; readers return false once the reader failed. Only rdb/ and the
 * checkers of its files include this header. */
#ifndef TANDEM_RDB_CODEC_H
#define TANDEM_RDB_CODEC_H

#include "keyspace/entry.h"
#include "rdb/format.h"
#include "rdb/stream.h"

/* --- saving: one row a value type --- */
struct rdb_codec {
    uint8_t (*rdb_type)(const struct entry *e); /* the type byte that save will write */
    bool (*save)(struct rdb_writer *w, const struct entry *e);
};
const struct rdb_codec *rdb_codec_of(enum value_type type); /* asserts that there is one */
extern const struct rdb_codec rdb_string_codec, rdb_list_codec, rdb_set_codec, rdb_hash_codec, rdb_zset_codec,
    rdb_stream_codec;

/* --- loading: one row a type byte --- */
/* Fills *v, which is zeroed. v->bytes may lie in the reader's buffer or in *hold (an sds that may be NULL and may move),
 * valid until the next call with either; v->ptr is the caller's to free. */
typedef bool rdb_load_fn(struct rdb_reader *r, uint8_t type, struct value *v, sds *hold);
rdb_load_fn rdb_load_string_value, rdb_load_list_value, rdb_load_set_value, rdb_load_hash_value,
    rdb_load_zset_value, rdb_load_stream_value;
/* What a loader returns (false) when the value was read whole and well-formed but holds nothing, as some old Redis wrote:
 * no such key may exist, and who loads a file passes over it. */
bool rdb_empty_value(struct rdb_reader *r);
/* The loader of the type, by the table; fails with a text that names the type when there is none (V8). */
bool rdb_load_value(struct rdb_reader *r, uint8_t type, struct value *v, sds *hold);

/* --- parts --- */
static inline bool rdb_put_u8(struct rdb_writer *w, uint8_t v) {
    return rdb_write(w, &v, 1);
}
bool rdb_put_u64le(struct rdb_writer *w, uint64_t v);
bool rdb_put_len(struct rdb_writer *w, uint64_t n);
bool rdb_put_string(struct rdb_writer *w, slice s); /* as integer, compressed or plain, as rdb_config says */
/* A string that is compressed already. */
bool rdb_put_lzf(struct rdb_writer *w, slice packed, uint64_t plain_n);
bool rdb_put_i64_string(struct rdb_writer *w, int64_t v); /* the same for a number's decimal text */

bool rdb_get_u8(struct rdb_reader *r, uint8_t *out);
bool rdb_get_u32le(struct rdb_reader *r, uint32_t *out);
bool rdb_get_u64le(struct rdb_reader *r, uint64_t *out);
bool rdb_get_len(struct rdb_reader *r, uint64_t *out); /* special forms refused (V3) */
/* The bytes in the reader's buffer or in *hold, valid until the next call with either; *hold may be NULL and may move. */
bool rdb_get_string(struct rdb_reader *r, slice *out, sds *hold);
/* The same for a key, whose length has a limit. */
bool rdb_get_key(struct rdb_reader *r, slice *out, sds *hold);
bool rdb_skip_string(struct rdb_reader *r);
/* For how many of n elements, each of item_bytes_min at least, room may be made before they have come (V2). */
size_t rdb_room_for(const struct rdb_reader *r, uint64_t n, size_t item_bytes_min);

#endif

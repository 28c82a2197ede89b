/* DUMP and RESTORE: one value as a payload with a footer (rdb/format.h).
 *
 * The payload comes from a client: it is believed only after its CRC is right, and even then every length is checked. */
#include "base/digest.h"
#include "rdb/codec.h"
#include "rdb/rdb.h"
#include <endian.h>

bool rdb_skip_checksum;
uint64_t rdb_payloads_checked;

void rdb_dump_value(sds *out, const struct entry *e) {
    const struct rdb_codec *codec = rdb_codec_of(entry_type(e));
    struct rdb_writer w;
    size_t start = sds_len(*out);
    rdb_writer_memory(&w, out);
    w.checksum = false; /* taken below, over the whole payload */
    rdb_put_u8(&w, codec->rdb_type(e));
    codec->save(&w, e);
    uint16_t version = htole16(RDB_VERSION);
    rdb_write(&w, &version, sizeof version);
    rdb_writer_flush(&w);
    rdb_writer_free(&w);
    uint64_t crc = htole64(crc64(0, *out + start, sds_len(*out) - start));
    *out = sds_cat(*out, &crc, sizeof crc);
}

static bool footer_is_right(slice payload) { /* V11 */
    if (payload.n <= RDB_FOOTER_BYTES) return false;
    const char *footer = payload.p + payload.n - RDB_FOOTER_BYTES;
    uint16_t version;
    uint64_t crc;
    memcpy(&version, footer, sizeof version);
    memcpy(&crc, footer + sizeof version, sizeof crc);
    version = le16toh(version);
    return version >= 1 && version <= RDB_VERSION_MAX &&
           (rdb_skip_checksum || le64toh(crc) == crc64(0, payload.p, payload.n - RDB_CRC_BYTES));
}

const char *rdb_restore_value(slice payload, struct value *v, sds *hold) {
    *v = (struct value){0};
    if (!footer_is_right(payload)) return "ERR DUMP payload version or checksum are wrong";
    rdb_payloads_checked++;
    struct rdb_reader r;
    uint8_t type;
    rdb_reader_memory(&r, (slice){payload.p, payload.n - RDB_FOOTER_BYTES});
    bool ok = rdb_get_u8(&r, &type) && rdb_load_value(&r, type, v, hold);
    if (ok && rdb_reader_rest(&r).n == 0) return NULL;
    value_free(v);
    *v = (struct value){0};
    return "ERR Bad data format";
}

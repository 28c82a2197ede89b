/* Strings in RDB: type byte 0, then a string in one of its forms (format.h). It allocates nothing when saving. */
#include "keyspace/str.h"
#include "rdb/codec.h"

static uint8_t string_rdb_type(const struct entry *e) {
    (void)e;
    return RDB_TYPE_STRING;
}

static bool save_string(struct rdb_writer *w, const struct entry *e) {
    int64_t number;
    if (str_is_int(e) && str_get_i64(e, &number)) return rdb_put_i64_string(w, number);
    char scratch[NUM_INT_BYTES];
    return rdb_put_string(w, str_get(e, scratch));
}

const struct rdb_codec rdb_string_codec = {string_rdb_type, save_string};

/* Strings too long for the reader's buffer become the value as they are: a copy of them would double the memory. */
bool rdb_load_string_value(struct rdb_reader *r, uint8_t type, struct value *v, sds *hold) {
    (void)type;
    v->type = TYPE_STRING;
    v->encoding = VALUE_AUTO;
    if (!rdb_get_string(r, &v->bytes, hold)) return false;
    if (v->bytes.n > RDB_READ_BUFFER_BYTES && v->bytes.p == *hold) {
        v->ptr = sds_trim_room(*hold);
        *hold = NULL;
        v->bytes = sds_slice(v->ptr);
    }
    return true;
}

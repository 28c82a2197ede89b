/* Sets in RDB: type 11 or 2, as Redis 7.0 writes them; type 20 is how 7.2 writes small sets.
 *
 *   type  what follows
 *   2     length n, n strings
 *   11    a string that is an intset
 *   20    a string that is a listpack
 *
 * Packed forms are checked to their last byte; a member that occurs twice is refused, and so is an intset without any. */
#include "base/intset.h"
#include "base/listpack.h"
#include "keyspace/set.h"
#include "rdb/codec.h"

#define MEMBER_BYTES_MIN 1 /* an empty string */

/* --- saving --- */

static uint8_t set_rdb_type(const struct entry *e) {
    return entry_encoding(e) == SET_INTSET ? RDB_TYPE_SET_INTSET : RDB_TYPE_SET;
}

static void save_member(void *ctx, slice member) {
    struct rdb_writer *w = ctx;
    if (!w->failed) rdb_put_string(w, member);
}

static bool save_set(struct rdb_writer *w, const struct entry *e) {
    struct set s = set_of(e);
    if (s.encoding == SET_INTSET) return rdb_put_string(w, (slice){s.ptr, intset_bytes(s.ptr)});
    if (!rdb_put_len(w, set_count(s))) return false;
    set_each(s, save_member, w);
    return !w->failed;
}

const struct rdb_codec rdb_set_codec = {set_rdb_type, save_set};

/* --- loading --- */

static bool load_plain(struct rdb_reader *r, struct value *v, sds *hold) {
    uint64_t n;
    if (!rdb_get_len(r, &n)) return false;
    if (n == 0) return rdb_empty_value(r);
    struct set s = n > set_config.intset_entries_max ? set_new_table(rdb_room_for(r, n, MEMBER_BYTES_MIN))
                                                     : set_new();
    bool ok = true;
    for (; ok && n > 0; n--) {
        slice member;
        ok = rdb_get_string(r, &member, hold) &&
             (set_add(&s, member) || rdb_reader_fail(r, "a set has a member twice"));
    }
    *v = set_value(s); /* the caller frees it when we fail */
    return ok;
}

static bool load_intset(struct rdb_reader *r, slice bytes, struct value *v) {
    if (!intset_validate(bytes.p, bytes.n)) return rdb_reader_fail(r, "an intset is malformed");
    *v = set_value(set_of_intset(intset_from_bytes(bytes.p, bytes.n)));
    return true;
}

static bool add_entry(void *ctx, lp_pos at, size_t index) {
    (void)index;
    char buf[LP_INT_BYTES];
    return set_add(ctx, lp_text(at, buf));
}

static bool load_listpack(struct rdb_reader *r, slice bytes, struct value *v) {
    struct set s = set_new();
    bool ok = lp_validate((const uint8_t *)bytes.p, bytes.n, add_entry, &s);
    *v = set_value(s); /* the caller frees it when we fail */
    if (!ok) return rdb_reader_fail(r, "a packed set is malformed");
    return set_count(s) > 0 || rdb_empty_value(r);
}

bool rdb_load_set_value(struct rdb_reader *r, uint8_t type, struct value *v, sds *hold) {
    slice bytes;
    if (type == RDB_TYPE_SET) return load_plain(r, v, hold);
    if (!rdb_get_string(r, &bytes, hold)) return false;
    return type == RDB_TYPE_SET_INTSET ? load_intset(r, bytes, v) : load_listpack(r, bytes, v);
}

/* Lists in RDB: type 18, a length and then each node as a kind and a string; older files' types 1, 10 and 14.
 *
 *   type  what follows                                                   written by
 *   1     length n, n strings                                            Redis before 3.2, large lists
 *   10    a string that is a ziplist                                     before 3.2, small lists
 *   14    length n, n strings that are ziplists                          3.2 to 6.2
 *   18    length n, n times: length kind, string                         7.0
 *         kind 1: the string is one element; kind 2: it is a listpack
 *
 * Nodes that the list keeps compressed are written as they lie. Listpacks read are checked to their last byte, and
 * empty ones are passed over. */
#include "keyspace/list.h"
#include "rdb/codec.h"
#include "rdb/ziplist.h"

enum { NODE_PLAIN = 1, NODE_PACKED = 2 };

/* --- saving --- */

static uint8_t list_rdb_type(const struct entry *e) {
    (void)e;
    return RDB_TYPE_LIST_QUICKLIST_2;
}

static bool count_chunk(void *ctx, const struct list_chunk *chunk) {
    (void)chunk;
    (*(uint64_t *)ctx)++;
    return true;
}

static bool save_chunk(void *ctx, const struct list_chunk *chunk) {
    struct rdb_writer *w = ctx;
    if (!rdb_put_len(w, chunk->packed ? NODE_PACKED : NODE_PLAIN)) return false;
    return chunk->plain_bytes ? rdb_put_lzf(w, chunk->bytes, chunk->plain_bytes)
                              : rdb_put_string(w, chunk->bytes);
}

static bool save_list(struct rdb_writer *w, const struct entry *e) {
    const struct list *l = entry_ptr(e);
    uint64_t nodes = 0;
    list_each_chunk(l, count_chunk, &nodes);
    return rdb_put_len(w, nodes) && list_each_chunk(l, save_chunk, w);
}

const struct rdb_codec rdb_list_codec = {list_rdb_type, save_list};

/* --- loading --- */

static bool add_element(struct rdb_reader *r, struct list *l, slice s) {
    (void)r;
    list_push(l, LIST_TAIL, s);
    return true;
}

/* Takes lp over; NULL: it was none. */
static bool add_listpack(struct rdb_reader *r, struct list *l, uint8_t *lp) {
    if (!lp) return rdb_reader_fail(r, "a list's node is malformed");
    if (lp_first(lp))
        list_append_listpack(l, lp);
    else
        lp_free(lp);
    return true;
}

static bool add_ziplist(struct rdb_reader *r, struct list *l, slice s) {
    return add_listpack(r, l, ziplist_to_listpack(s));
}

static bool add_packed(struct rdb_reader *r, struct list *l, slice s) {
    return add_listpack(r, l, lp_from_outside(s));
}

static bool add_plain(struct rdb_reader *r, struct list *l, slice s) {
    if (s.n == 0) return rdb_reader_fail(r, "a list's node is empty");
    list_append_plain(l, s);
    return true;
}

static bool load_part(struct rdb_reader *r, uint8_t type, struct list *l, sds *hold) {
    uint64_t kind = NODE_PACKED;
    slice s;
    if (type == RDB_TYPE_LIST_QUICKLIST_2 && !rdb_get_len(r, &kind)) return false;
    if (kind != NODE_PLAIN && kind != NODE_PACKED)
        return rdb_reader_fail(r, "a list's node is of unknown kind %llu", (unsigned long long)kind);
    if (!rdb_get_string(r, &s, hold)) return false;
    if (type == RDB_TYPE_LIST) return add_element(r, l, s);
    if (type != RDB_TYPE_LIST_QUICKLIST_2) return add_ziplist(r, l, s);
    return kind == NODE_PLAIN ? add_plain(r, l, s) : add_packed(r, l, s);
}

bool rdb_load_list_value(struct rdb_reader *r, uint8_t type, struct value *v, sds *hold) {
    uint64_t parts = 1;
    if (type != RDB_TYPE_LIST_ZIPLIST && !rdb_get_len(r, &parts)) return false;
    struct list *l = list_new();
    v->type = TYPE_LIST;
    v->ptr = l; /* the caller frees it when we fail */
    for (uint64_t i = 0; i < parts; i++)
        if (!load_part(r, type, l, hold)) return false;
    return list_length(l) > 0 || rdb_empty_value(r);
}

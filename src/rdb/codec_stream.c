/* Streams in RDB: type 19 of 7.0, its older form 15, its younger form 21.
 *
 *   length nodes, nodes times: string of 16 bytes (the first entry's id), string (the listpack)
 *   length entries; id last                                    an id: length ms, length seq
 *   id first, id greatest deleted, length ever added           not in 15
 *   length groups, groups times:
 *     string name, id last given
 *     length entries read                                      not in 15; all bits set: unknown
 *     length pending, pending times: 16 bytes id, i64 time given, length times given
 *     length consumers, consumers times:
 *       string name, i64 time seen, [i64 time active: 21], length pending, pending times: 16 bytes id
 *
 * The 16 bytes of an id are big-endian. Nodes are checked to their last byte; what a consumer holds must be pending in its
 * group, and everything pending must be held by one consumer. A stream may be empty. */
#include "base/sds.h"
#include "keyspace/stream_group.h"
#include "rdb/codec.h"

#include <endian.h>

#define ID_BYTES 16

/* --- saving --- */

static uint8_t stream_rdb_type(const struct entry *e) {
    (void)e;
    return RDB_TYPE_STREAM_LISTPACKS_2;
}

static slice raw_id(uint64_t buf[2], struct stream_id id) {
    buf[0] = htobe64(id.ms);
    buf[1] = htobe64(id.seq);
    return (slice){(const char *)buf, ID_BYTES};
}

static bool put_raw_id(struct rdb_writer *w, struct stream_id id) {
    uint64_t buf[2];
    slice raw = raw_id(buf, id);
    return rdb_write(w, raw.p, raw.n);
}

static bool put_id(struct rdb_writer *w, struct stream_id id) {
    return rdb_put_len(w, id.ms) && rdb_put_len(w, id.seq);
}

static bool save_nodes(struct rdb_writer *w, const struct stream *s) {
    if (!rdb_put_len(w, btree_count(s->nodes))) return false;
    for (struct btree_pos p = btree_first(s->nodes); btree_ok(p); p = btree_next(p)) {
        struct stream_id id;
        uint64_t buf[2];
        slice lp = stream_node_bytes(p, &id);
        if (!rdb_put_string(w, raw_id(buf, id)) || !rdb_put_string(w, lp)) return false;
    }
    return true;
}

/* full: as the group has it; else the ids alone. */
static bool save_pending(struct rdb_writer *w, const struct btree *pending, bool full) {
    if (!rdb_put_len(w, btree_count(pending))) return false;
    for (struct btree_pos pos = btree_first(pending); btree_ok(pos); pos = btree_next(pos)) {
        const struct stream_pending *p = btree_item(pos);
        if (!put_raw_id(w, p->id)) return false;
        if (full && (!rdb_put_u64le(w, (uint64_t)p->delivered_ms) || !rdb_put_len(w, p->deliveries)))
            return false;
    }
    return true;
}

static bool save_group(struct rdb_writer *w, const struct stream_group *g) {
    if (!rdb_put_string(w, sds_slice(g->name)) || !put_id(w, g->last) ||
        !rdb_put_len(w, (uint64_t)g->entries_read) || !save_pending(w, g->pending, true) ||
        !rdb_put_len(w, g->n_consumers))
        return false;
    for (size_t i = 0; i < g->n_consumers; i++) {
        const struct stream_consumer *c = g->consumers[i];
        if (!rdb_put_string(w, sds_slice(c->name)) || !rdb_put_u64le(w, (uint64_t)c->seen_ms) ||
            !save_pending(w, c->pending, false))
            return false;
    }
    return true;
}

static bool save_stream(struct rdb_writer *w, const struct entry *e) {
    const struct stream *s = entry_ptr(e);
    if (!save_nodes(w, s) || !rdb_put_len(w, s->length) || !put_id(w, s->last) || !put_id(w, s->first) ||
        !put_id(w, s->max_deleted) || !rdb_put_len(w, s->added) || !rdb_put_len(w, s->n_groups))
        return false;
    for (size_t i = 0; i < s->n_groups; i++)
        if (!save_group(w, s->groups[i])) return false;
    return true;
}

const struct rdb_codec rdb_stream_codec = {stream_rdb_type, save_stream};

/* --- loading --- */

static struct stream_id id_of_raw(const char *p) {
    uint64_t buf[2];
    memcpy(buf, p, ID_BYTES);
    return (struct stream_id){be64toh(buf[0]), be64toh(buf[1])};
}

static bool get_raw_id(struct rdb_reader *r, struct stream_id *id) {
    char raw[ID_BYTES];
    if (!rdb_read(r, raw, sizeof raw)) return false;
    *id = id_of_raw(raw);
    return true;
}

static bool get_id(struct rdb_reader *r, struct stream_id *id) {
    return rdb_get_len(r, &id->ms) && rdb_get_len(r, &id->seq);
}

/* Times that are none become 0: arithmetic with them is not to overflow. */
static bool get_time(struct rdb_reader *r, int64_t *time_ms) {
    uint64_t raw;
    if (!rdb_get_u64le(r, &raw)) return false;
    *time_ms = raw <= INT64_MAX ? (int64_t)raw : 0;
    return true;
}

static bool load_node(struct rdb_reader *r, struct stream *s, sds *hold) {
    slice text;
    if (!rdb_get_string(r, &text, hold)) return false;
    if (text.n != ID_BYTES) return rdb_reader_fail(r, "a stream's node has an id of %zu bytes", text.n);
    struct stream_id id = id_of_raw(text.p);
    if (!rdb_get_string(r, &text, hold)) return false;
    return stream_add_node(s, id, text) || rdb_reader_fail(r, "a stream's node is malformed");
}

static bool load_facts(struct rdb_reader *r, uint8_t type, struct stream *s) {
    uint64_t length;
    if (!rdb_get_len(r, &length) || !get_id(r, &s->last)) return false;
    if (length != s->length)
        return rdb_reader_fail(r, "a stream of %llu entries, not %llu", (unsigned long long)s->length,
                               (unsigned long long)length);
    struct stream_id top = stream_edge(s, false, false);
    if (stream_id_cmp(top, s->last) > 0)
        return rdb_reader_fail(r, "a stream's last id is below its last entry's");
    if (type != RDB_TYPE_STREAM_LISTPACKS)
        return get_id(r, &s->first) && get_id(r, &s->max_deleted) && rdb_get_len(r, &s->added);
    s->added = length;
    if (length) s->first = stream_edge(s, true, false);
    return true;
}

static bool load_group_pending(struct rdb_reader *r, struct stream_group *g) {
    uint64_t n, deliveries;
    int64_t time_ms;
    struct stream_id id;
    if (!rdb_get_len(r, &n)) return false;
    for (; n > 0; n--) {
        if (!get_raw_id(r, &id) || !get_time(r, &time_ms) || !rdb_get_len(r, &deliveries)) return false;
        if (stream_pending_find(g, id)) return rdb_reader_fail(r, "an entry is pending twice in a group");
        stream_pending_add(g, id, time_ms)->deliveries = deliveries;
    }
    return true;
}

/* *held counts what consumers hold. */
static bool load_consumer(struct rdb_reader *r, uint8_t type, struct stream_group *g, size_t *held,
                          sds *hold) {
    slice name;
    int64_t active_ms; /* nobody asks for it in 7.0 */
    uint64_t n;
    struct stream_id id;
    if (!rdb_get_string(r, &name, hold)) return false;
    struct stream_consumer *c = stream_consumer_add(g, name, 0);
    if (!c) return rdb_reader_fail(r, "two consumers of one name");
    if (!get_time(r, &c->seen_ms)) return false;
    if (type == RDB_TYPE_STREAM_LISTPACKS_3 && !get_time(r, &active_ms)) return false;
    if (!rdb_get_len(r, &n)) return false;
    for (; n > 0; n--, ++*held) {
        if (!get_raw_id(r, &id)) return false;
        struct stream_pending *p = stream_pending_find(g, id);
        if (!p || p->consumer)
            return rdb_reader_fail(r, "a consumer holds what is not pending, or another holds it too");
        stream_pending_give(p, c);
    }
    return true;
}

static bool load_group(struct rdb_reader *r, uint8_t type, struct stream *s, sds *hold) {
    slice name;
    struct stream_id last;
    uint64_t consumers, entries_read;
    size_t held = 0;
    if (!rdb_get_string(r, &name, hold)) return false;
    struct stream_group *g = stream_group_add(s, name, (struct stream_id){0, 0}, STREAM_READ_UNKNOWN);
    if (!g) return rdb_reader_fail(r, "two consumer groups of one name");
    if (!get_id(r, &last)) return false;
    g->last = last;
    if (type == RDB_TYPE_STREAM_LISTPACKS) {
        g->entries_read = stream_entries_up_to(s, last);
    } else {
        if (!rdb_get_len(r, &entries_read)) return false;
        g->entries_read = (int64_t)entries_read;
    }
    if (!load_group_pending(r, g) || !rdb_get_len(r, &consumers)) return false;
    for (; consumers > 0; consumers--)
        if (!load_consumer(r, type, g, &held, hold)) return false;
    return held == btree_count(g->pending) || rdb_reader_fail(r, "a pending entry without a consumer");
}

bool rdb_load_stream_value(struct rdb_reader *r, uint8_t type, struct value *v, sds *hold) {
    struct stream *s = stream_new();
    uint64_t n;
    v->type = TYPE_STREAM;
    v->ptr = s; /* the caller frees it when we fail */
    if (!rdb_get_len(r, &n)) return false;
    for (; n > 0; n--)
        if (!load_node(r, s, hold)) return false;
    if (!load_facts(r, type, s) || !rdb_get_len(r, &n)) return false;
    for (; n > 0; n--)
        if (!load_group(r, type, s, hold)) return false;
    return true;
}

/* How data is stored, for tests and the curious: DEBUG OBJECT, HTSTATS, LISTPACK, QUICKLIST, SDSLEN. Nothing here changes data
 * or is seen in its access history. The words are the reference's where tools read them, the figures those of our own
 * structures: a table's "slots" are buckets of seven. */
#include "command/debug_data.h"

#include <inttypes.h>
#include <stdio.h>
#include "base/dict.h"
#include "base/listpack.h"
#include "base/num.h"
#include "base/sds.h"
#include "keyspace/list.h"
#include "keyspace/str.h"
#include "rdb/rdb.h"

static const struct entry *find(struct client *c, slice key) {
    const struct entry *e = db_read(client_db(c), key, LOOKUP_NOEFFECTS);
    if (!e) reply_error(&c->out, "ERR no such key");
    return e;
}

static void list_line(const struct list *l, char *line, size_t room) {
    struct list_facts f = list_facts(l);
    snprintf(line, room,
             " ql_nodes:%zu ql_avg_node:%.2f ql_listpack_max:%d ql_compressed:%d ql_uncompressed_size:%zu",
             f.nodes, (double)list_length(l) / (double)f.nodes, f.max_listpack_size, f.compresses,
             f.uncompressed_bytes);
}

void debug_object(struct client *c, const slice *argv, int argc) {
    enum { DUMP_FRAME_BYTES = 11 }; /* type before, version and checksum behind the value */
    (void)argc;
    const struct entry *e = find(c, argv[2]);
    if (!e) return;
    sds dump = sds_empty();
    rdb_dump_value(&dump, e);
    char line[400];
    int n = snprintf(line, sizeof line,
                     "Value at:%p refcount:1 encoding:%s serializedlength:%zu lru:%u lru_seconds_idle:%llu",
                     (const void *)e, entry_encoding_name(e), sds_len(dump) - DUMP_FRAME_BYTES, entry_lru(e),
                     (unsigned long long)entry_idle_ms(e) / 1000);
    if (entry_type(e) == TYPE_LIST) list_line(entry_ptr(e), line + n, sizeof line - (size_t)n);
    sds_free(dump);
    reply_status(&c->out, line);
}

/* --- tables --- */

static double percent(size_t of, size_t to) {
    return 100.0 * (double)of / (double)to;
}

static sds describe_table(sds s, const struct dict *d, int table) {
    struct dict_stats t;
    if (!dict_stats(d, table, &t)) return s;
    s = sds_cat_printf(s, "Hash table %d stats (%s):\n", table,
                       table ? "rehashing target" : "main hash table");
    if (t.items == 0) return sds_cat_str(s, "No stats available for empty dictionaries\n");
    size_t used = t.buckets - t.holding[0];
    s = sds_cat_printf(
        s,
        " table size: %zu\n number of elements: %zu\n different slots: %zu\n max chain length: "
        "%zu\n avg chain length (counted): %.2f\n avg chain length (computed): %.2f\n Chain length "
        "distribution:\n",
        t.buckets, t.items, used, t.fullest, (double)t.items / (double)used, (double)t.items / (double)used);
    for (int i = 0; i < DICT_CHAIN_MAX; i++)
        if (t.holding[i])
            s = sds_cat_printf(s, "   %s%d: %zu (%.02f%%)\n", i == DICT_CHAIN_MAX - 1 ? ">= " : "", i,
                               t.holding[i], percent(t.holding[i], t.buckets));
    return s;
}

static sds describe_tables(sds s, const struct dict *d) {
    if (dict_size(d) == 0)
        return sds_cat_str(
            s, "Hash table 0 stats (main hash table):\nNo stats available for empty dictionaries\n");
    return describe_table(describe_table(s, d, 0), d, 1);
}

void debug_htstats(struct client *c, const slice *argv, int argc) {
    (void)argc;
    int64_t id;
    if (!cmd_i64(c, argv[2], &id, NULL)) return;
    const struct db *db = id >= 0 && id < ks_count() ? ks_db((int)id) : NULL;
    if (!db) {
        reply_error(&c->out, "ERR Out of range database");
        return;
    }
    sds s = describe_tables(sds_new("[Dictionary HT]\n"), db_table(db));
    s = sds_cat_printf(s,
                       "[Expires HT]\nNo table, an index by time:\n number of elements: %zu\n bytes: %zu\n",
                       db_expires(db), db_expiry_bytes(db));
    reply_verbatim(&c->out, "txt", s, sds_len(s));
    sds_free(s);
}

void debug_htstats_key(struct client *c, const slice *argv, int argc) {
    (void)argc;
    const struct entry *e = find(c, argv[2]);
    if (!e) return;
    const struct value_type_ops *ops = entry_type(e) == TYPE_STRING ? NULL : value_ops(entry_type(e));
    const struct dict *d = ops && ops->table ? ops->table(entry_encoding(e), entry_ptr(e)) : NULL;
    if (!d) {
        reply_error(&c->out,
                    "ERR The value stored at the specified key is not represented using an hash table");
        return;
    }
    sds s = describe_tables(sds_empty(), d);
    reply_verbatim(&c->out, "txt", s, sds_len(s));
    sds_free(s);
}

/* --- listpacks and lists: printed where the server was started, as the reference does --- */

static void print_value(size_t i, struct lp_value v) {
    if (!v.text.p) {
        printf("  %zu: %" PRId64 "\n", i, v.integer);
        return;
    }
    sds s = sds_cat_repr(sds_empty(), v.text.p, v.text.n);
    printf("  %zu: %s\n", i, s);
    sds_free(s);
}

void debug_listpack(struct client *c, const slice *argv, int argc) {
    (void)argc;
    const struct entry *e = find(c, argv[2]);
    if (!e) return;
    if (strcmp(entry_encoding_name(e), "listpack") != 0) {
        reply_error(&c->out, "ERR Not a listpack encoded object.");
        return;
    }
    uint8_t *lp = entry_ptr(e);
    size_t i = 0;
    printf("listpack of %zu bytes, %zu entries:\n", lp_bytes(lp), lp_length(lp));
    for (lp_pos p = lp_first(lp); p; p = lp_next(p)) print_value(i++, lp_get(p));
    fflush(stdout);
    reply_status(&c->out, "Listpack structure printed on stdout");
}

static bool print_chunk(void *ctx, const struct list_chunk *chunk) {
    size_t *i = ctx;
    printf("node %zu: %s, %zu bytes%s\n", (*i)++, chunk->packed ? "packed" : "plain",
           chunk->plain_bytes ? chunk->plain_bytes : chunk->bytes.n,
           chunk->plain_bytes ? ", compressed" : "");
    return true;
}

void debug_quicklist(struct client *c, const slice *argv, int argc) {
    const struct entry *e = find(c, argv[2]);
    if (!e) return;
    if (entry_type(e) != TYPE_LIST) {
        reply_error(&c->out, "ERR Not a quicklist encoded object.");
        return;
    }
    struct list *l = entry_ptr(e);
    struct list_cursor cur;
    size_t i = 0;
    printf("list of %zu nodes, %zu elements:\n", list_facts(l).nodes, list_length(l));
    list_each_chunk(l, print_chunk, &i);
    i = 0;
    if (argc == 4 && slice_eq(argv[3], SLICE("1")))
        for (bool at = list_cursor_start(&cur, l, 0, LIST_TAIL); at; at = list_cursor_step(&cur))
            print_value(i++, list_cursor_value(&cur));
    fflush(stdout);
    reply_status(&c->out, "Quicklist structure printed on stdout");
}

void debug_packed_threshold(struct client *c, const slice *argv, int argc) {
    uint64_t bytes;
    (void)argc;
    if (!num_parse_bytes(argv[2], &bytes) || bytes >= UINT32_MAX) {
        reply_error(&c->out, "ERR argument must be a memory value bigger than 1 and smaller than 4gb");
        return;
    }
    list_packed_threshold = bytes && bytes < LIST_PACKED_THRESHOLD_BYTES ? bytes
                                                                         : LIST_PACKED_THRESHOLD_BYTES;
    reply_ok(&c->out);
}

/* --- strings --- */

/* Key and value lie in the entry, without room to spare, unless the value is long. */
void debug_sdslen(struct client *c, const slice *argv, int argc) {
    (void)argc;
    const struct entry *e = find(c, argv[2]);
    if (!e) return;
    if (entry_type(e) != TYPE_STRING || str_is_int(e)) {
        reply_error(&c->out, "ERR Not an sds encoded string.");
        return;
    }
    const char *own = entry_encoding(e) == STR_HEAP ? entry_ptr(e) : NULL;
    size_t own_bytes = own ? sds_alloc_bytes(own) : 0;
    char line[200];
    snprintf(line, sizeof line,
             "key_sds_len:%zu, key_sds_avail:0, key_zmalloc: %zu, val_sds_len:%zu, val_sds_avail:%zu, "
             "val_zmalloc: %zu",
             entry_key(e).n, entry_bytes(e) - own_bytes, str_len(e), own ? sds_room(own) : (size_t)0,
             own_bytes);
    reply_status(&c->out, line);
}

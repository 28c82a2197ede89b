/* Nodes of streams: writing them, marking entries, checking those from outside (stream_node.h tells the format).
 *
 * Invariant: a node's block is `cap` bytes, its listpack well-formed, the master entry's counts right. */
#include "keyspace/stream_node.h"

#include "base/alloc.h"
#include "base/assert.h"

struct stream_config stream_config = {.node_max_bytes = 4096, .node_max_entries = 100};

int stream_order(const void *a, const void *b) {
    return stream_id_cmp(*(const struct stream_id *)a, *(const struct stream_id *)b);
}

uint64_t stream_key(struct stream_id id) {
    return btree_key_of_id(id.ms, id.seq);
}

/* --- room --- */

static size_t max_bytes(void) {
    uint64_t max = stream_config.node_max_bytes;
    return max == 0 || max > STREAM_ENTRY_BYTES_MAX ? STREAM_ENTRY_BYTES_MAX : (size_t)max;
}

static void set_cap(struct stream_node *n, size_t cap) {
    assert_that(cap <= UINT32_MAX);
    n->lp = mem_resize(n->lp, n->cap, cap);
    n->cap = (uint32_t)cap;
}

/* A quarter more than needed, but no more than the node can still take. */
static void reserve(struct stream_node *n, size_t more) {
    size_t need = lp_bytes(n->lp) + more, cap = need + need / 4;
    if (need <= n->cap) return;
    if (cap > max_bytes()) cap = need > max_bytes() ? need : max_bytes();
    set_cap(n, cap);
}

void snode_close(struct stream_node *n) {
    if (n->cap > lp_bytes(n->lp)) set_cap(n, lp_bytes(n->lp));
}

bool snode_is_full(const struct stream_node *n, size_t text_bytes) {
    if (lp_bytes(n->lp) + text_bytes >= max_bytes()) return true;
    if (stream_config.node_max_entries == 0) return false;
    lp_pos live = n->lp + LP_HEADER_BYTES;
    return (uint64_t)(snode_int(live) + snode_int(snode_skip(live, 1))) >= stream_config.node_max_entries;
}

/* --- writing --- */

static size_t bytes_needed(const slice *argv, size_t n_fields) {
    size_t n = 5 * LP_INT_ENTRY_BYTES_MAX;
    for (size_t i = 0; i < 2 * n_fields; i++) n += argv[i].n + LP_ENTRY_OVERHEAD_MAX;
    return n;
}

/* The entry's bytes at `at`; returns behind them. */
static uint8_t *put_entry(uint8_t *at, int flags, struct stream_id id, struct stream_id master,
                          const slice *argv, size_t n_fields) {
    bool same = flags & NODE_SAME_FIELDS;
    at += lp_encode_int(at, flags);
    at += lp_encode_int(at, (int64_t)(id.ms - master.ms));
    at += lp_encode_int(at, (int64_t)(id.seq - master.seq));
    if (!same) at += lp_encode_int(at, (int64_t)n_fields);
    for (size_t i = same; i < 2 * n_fields; i += 1 + same) at += lp_encode(at, argv[i]);
    return at + lp_encode_int(at, (int64_t)(same ? n_fields + 3 : 2 * n_fields + 4));
}

static uint8_t *put_master(uint8_t *at, const slice *argv, size_t n_fields) {
    at += lp_encode_int(at, 1);
    at += lp_encode_int(at, 0);
    at += lp_encode_int(at, (int64_t)n_fields);
    for (size_t i = 0; i < n_fields; i++) at += lp_encode(at, argv[2 * i]);
    return at + lp_encode_int(at, 0);
}

static void end_listpack(struct stream_node *n, uint8_t *at, size_t more_elements) {
    *at = LP_END;
    size_t count = lp_header_count(n->lp);
    lp_set_header(n->lp, (size_t)(at + 1 - n->lp),
                  count == LP_COUNT_UNKNOWN ? LP_COUNT_UNKNOWN : count + more_elements);
}

struct stream_node *snode_new(struct stream_id id, const slice *argv, size_t n_fields) {
    struct stream_node *n = mem_alloc(sizeof *n);
    *n = (struct stream_node){.id = id};
    /* Each field is written once in the master entry, in the entry only its value is. */
    set_cap(n, LP_EMPTY_BYTES + 4 * LP_INT_ENTRY_BYTES_MAX + bytes_needed(argv, n_fields));
    lp_set_header(n->lp, LP_EMPTY_BYTES, 0);
    uint8_t *at = put_master(n->lp + LP_HEADER_BYTES, argv, n_fields);
    at = put_entry(at, NODE_SAME_FIELDS, id, id, argv, n_fields);
    end_listpack(n, at, 2 * n_fields + 8);
    snode_close(n);
    return n;
}

static bool same_fields(const struct snode_head *h, const slice *argv, size_t n_fields) {
    if ((uint64_t)h->n_fields != n_fields) return false;
    lp_pos at = h->fields;
    for (size_t i = 0; i < n_fields; i++, at = snode_skip(at, 1))
        if (!lp_equals(at, argv[2 * i])) return false;
    return true;
}

/* The number at `at` becomes v, whatever room that takes. */
static void set_int(struct stream_node *n, lp_pos at, int64_t v) {
    uint8_t entry[LP_INT_ENTRY_BYTES_MAX];
    size_t offset = (size_t)(at - n->lp), was = lp_entry_bytes(at), is = lp_encode_int(entry, v);
    if (was != is) {
        size_t bytes = lp_bytes(n->lp);
        if (is > was) reserve(n, is - was);
        memmove(n->lp + offset + is, n->lp + offset + was, bytes - offset - was);
        lp_set_header(n->lp, bytes - was + is, lp_header_count(n->lp));
    }
    memcpy(n->lp + offset, entry, is);
}

void snode_append(struct stream_node *n, struct stream_id id, const slice *argv, size_t n_fields) {
    struct snode_head h = snode_head(n->lp);
    bool same = same_fields(&h, argv, n_fields);
    set_int(n, n->lp + LP_HEADER_BYTES, h.live + 1);
    reserve(n, bytes_needed(argv, n_fields));
    uint8_t *at = n->lp + lp_bytes(n->lp) - 1;
    at = put_entry(at, same ? NODE_SAME_FIELDS : 0, id, n->id, argv, n_fields);
    end_listpack(n, at, same ? n_fields + 4 : 2 * n_fields + 5);
}

void snode_mark(struct stream_node *n, lp_pos at) {
    set_int(n, at, snode_int(at) | NODE_DELETED); /* 0 to 3: the same room */
}

void snode_count_deleted(struct stream_node *n, int64_t deleted) {
    struct snode_head h = snode_head(n->lp);
    set_int(n, n->lp + LP_HEADER_BYTES, h.live - deleted);
    set_int(n, snode_skip(n->lp + LP_HEADER_BYTES, 1), h.deleted + deleted);
}

/* --- whole nodes --- */

struct stream_node *snode_from_bytes(struct stream_id id, slice lp) {
    struct stream_node *n = mem_alloc(sizeof *n);
    *n = (struct stream_node){id, lp_from_bytes((const uint8_t *)lp.p, lp.n), (uint32_t)lp.n};
    return n;
}

struct stream_node *snode_copy(const struct stream_node *n) {
    return snode_from_bytes(n->id, (slice){(const char *)n->lp, lp_bytes(n->lp)});
}

void snode_free(struct stream_node *n) {
    mem_free(n->lp, n->cap);
    mem_free(n, sizeof *n);
}

size_t snode_memory(const struct stream_node *n) {
    return mem_good_size(sizeof *n) + mem_good_size(n->cap);
}

/* --- checking --- */

/* Reads number after number of a well-formed listpack of unknown meaning; `ok` ends as false when one is no number. */
struct check {
    lp_pos at; /* NULL at the end */
    bool ok;
};

static int64_t take_int(struct check *k) {
    if (!k->ok || !k->at) return k->ok = false, 0;
    struct lp_value v = lp_get(k->at);
    if (v.text.p) k->ok = false;
    k->at = lp_next(k->at);
    return v.integer;
}

static void skip(struct check *k, int64_t n) {
    if (n < 0) k->ok = false;
    while (k->ok && n-- > 0) {
        if (!k->at)
            k->ok = false;
        else
            k->at = lp_next(k->at);
    }
}

/* The flags; -1 when the entry is malformed. */
static int64_t check_entry(struct check *k, int64_t n_master) {
    int64_t flags = take_int(k), n = n_master, elements;
    take_int(k);
    take_int(k);
    if (flags & ~(NODE_DELETED | NODE_SAME_FIELDS)) return -1;
    if (flags & NODE_SAME_FIELDS) {
        elements = n_master + 3;
    } else {
        n = take_int(k);
        if (n < 0 || n > (int64_t)LP_BYTES_MAX) return -1;
        n *= 2;
        elements = n + 4;
    }
    skip(k, n);
    return take_int(k) == elements && k->ok ? flags : -1;
}

bool snode_valid(slice lp, uint64_t *live) {
    if (!lp_validate((const uint8_t *)lp.p, lp.n, NULL, NULL)) return false;
    struct check k = {lp_first((const uint8_t *)lp.p), true};
    int64_t said_live = take_int(&k), said_deleted = take_int(&k), n_fields = take_int(&k);
    int64_t n[2] = {0, 0};
    if (!k.ok || n_fields < 0 || n_fields > (int64_t)LP_BYTES_MAX) return false;
    skip(&k, n_fields);
    if (take_int(&k) != 0 || !k.ok) return false;
    while (k.at) {
        int64_t flags = check_entry(&k, n_fields);
        if (flags < 0) return false;
        n[flags & NODE_DELETED]++;
    }
    *live = (uint64_t)said_live;
    return n[0] == said_live && n[1] == said_deleted && n[0] + n[1] > 0;
}

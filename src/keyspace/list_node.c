/* A list's nodes, each for itself: room at both ends, dividing, compressing. See list_node.h for the layout.
 *
 * Invariant of a packed node that is not compressed: node_lp is a well-formed listpack of `bytes` bytes and `count`
 * entries, within the block. Nothing here knows of neighbours. */
#include "keyspace/list_node.h"

#include "base/lzf.h"

enum {
    COMPRESS_MIN_BYTES = 48, /* smaller nodes are left alone */
    COMPRESS_GAIN_BYTES = 8, /* and those that would not shrink by so much */
    SHRINK_RATIO = 4         /* a block is given back when it is so many times too big */
};

static struct list_node *node_of_block(uint8_t *block, size_t n) {
    struct list_node *node = mem_zalloc(sizeof *node);
    node->block = block;
    node->cap = node->bytes = n;
    node->count = 1;
    return node;
}

struct list_node *node_new_packed(slice only) {
    size_t n = LP_EMPTY_BYTES + lp_encoded_bytes(only);
    uint8_t *lp = mem_alloc(n);
    lp_set_header(lp, n, 1);
    lp_encode(lp + LP_HEADER_BYTES, only);
    lp[n - 1] = LP_END;
    return node_of_block(lp, n);
}

struct list_node *node_new_plain(slice element) {
    struct list_node *n = node_of_block(memcpy(mem_alloc(element.n), element.p, element.n), element.n);
    n->plain = true;
    return n;
}

struct list_node *node_of_listpack(uint8_t *lp) {
    struct list_node *n = node_of_block(lp, lp_bytes(lp));
    n->count = (uint32_t)lp_length(lp);
    return n;
}

struct list_node *node_copy(const struct list_node *n) {
    bool exact = n->plain || n->compressed;
    const uint8_t *from = exact ? n->block : node_lp(n);
    size_t bytes = exact ? n->cap : n->bytes;
    struct list_node *copy = node_of_block(memcpy(mem_alloc(bytes), from, bytes), bytes);
    copy->bytes = n->bytes;
    copy->count = n->count;
    copy->plain = n->plain;
    copy->compressed = n->compressed;
    copy->incompressible = n->incompressible;
    return copy;
}

void node_free(struct list_node *n) {
    mem_free(n->block, n->cap);
    mem_free(n, sizeof *n);
}

size_t node_memory(const struct list_node *n) {
    return mem_good_size(sizeof *n) + mem_good_size(n->cap);
}

/* --- room --- */

static size_t with_slack(size_t bytes, size_t bytes_max) {
    size_t want = bytes + bytes / 4;
    if (want > bytes_max) want = bytes > bytes_max ? bytes : bytes_max;
    return mem_good_size(want);
}

/* Moves the listpack to offset `front` of a block of `cap` bytes: the same block when that has the size. */
static void place(struct list_node *n, size_t cap, size_t front) {
    if (cap == n->cap) {
        memmove(n->block + front, node_lp(n), n->bytes);
    } else {
        uint8_t *block = mem_alloc(cap);
        memcpy(block + front, node_lp(n), n->bytes);
        mem_free(n->block, n->cap);
        n->block = block;
        n->cap = cap;
    }
    n->front = (uint32_t)front;
}

/* All free room goes to the end that asks for it: lists mostly grow at one. A queue that is filled at one end and
 * emptied at the other stays in its block as long as moving it gains a quarter. */
static void make_room(struct list_node *n, enum list_end end, size_t more, size_t bytes_max) {
    size_t cap = with_slack(n->bytes + more, bytes_max);
    if (n->cap > cap && n->cap / SHRINK_RATIO <= cap) cap = n->cap;
    place(n, cap, end == LIST_HEAD ? cap - n->bytes : 0);
}

void node_push(struct list_node *n, enum list_end end, slice s, size_t entry_bytes, size_t bytes_max) {
    size_t room = end == LIST_HEAD ? n->front : n->cap - n->front - n->bytes;
    if (unlikely(room < entry_bytes)) make_room(n, end, entry_bytes, bytes_max);
    if (end == LIST_HEAD) {
        n->front -= (uint32_t)entry_bytes;
        lp_encode(node_lp(n) + LP_HEADER_BYTES, s);
    } else {
        uint8_t *at = node_lp(n) + n->bytes - 1;
        lp_encode(at, s);
        at[entry_bytes] = LP_END;
    }
    n->bytes += entry_bytes;
    lp_set_header(node_lp(n), n->bytes, ++n->count);
    n->incompressible = false;
}

void node_drop(struct list_node *n, enum list_end end, size_t count) {
    uint8_t *lp = node_lp(n);
    assert_that(count > 0 && count < n->count);
    n->count -= (uint32_t)count;
    if (end == LIST_HEAD) {
        lp_pos first = lp + LP_HEADER_BYTES, to = first;
        while (count-- > 0) to += lp_entry_bytes(to);
        n->front += (uint32_t)(to - first);
        n->bytes -= (size_t)(to - first);
    } else {
        lp_pos at = lp_prev(lp, NULL);
        while (--count > 0) at = lp_prev(lp, at);
        n->bytes = (size_t)(at - lp) + 1;
        lp[n->bytes - 1] = LP_END;
    }
    lp_set_header(node_lp(n), n->bytes, n->count);
    n->incompressible = false;
    if (unlikely(n->cap / SHRINK_RATIO > n->bytes + LP_EMPTY_BYTES)) place(n, mem_good_size(n->bytes), 0);
}

uint8_t *node_exact(struct list_node *n) {
    assert_that(!n->plain && !n->compressed);
    if (n->front) {
        memmove(n->block, node_lp(n), n->bytes);
        n->front = 0;
    }
    if (n->cap != n->bytes) n->block = mem_resize(n->block, n->cap, n->bytes);
    n->cap = n->bytes;
    return n->block;
}

void node_adopt(struct list_node *n, uint8_t *lp) {
    n->block = lp;
    n->front = 0;
    n->cap = n->bytes = lp_bytes(lp);
    n->count = (uint32_t)lp_length(lp);
    n->incompressible = false;
}

struct list_node *node_split(struct list_node *n, lp_pos at) {
    uint8_t *lp = node_lp(n);
    size_t kept = (size_t)(at - lp), moved = n->bytes - kept, left = 0;
    for (lp_pos p = lp + LP_HEADER_BYTES; p < at; p += lp_entry_bytes(p)) left++;
    assert_that(left > 0 && left < n->count);
    uint8_t *other = mem_alloc(LP_HEADER_BYTES + moved);
    memcpy(other + LP_HEADER_BYTES, at, moved);
    lp_set_header(other, LP_HEADER_BYTES + moved, n->count - left);
    n->bytes = kept + 1;
    n->count = (uint32_t)left;
    lp[kept] = LP_END;
    lp_set_header(lp, n->bytes, left);
    n->incompressible = false;
    node_exact(n);
    return node_of_listpack(other);
}

/* --- compression --- */

void node_compress(struct list_node *n) {
    if (n->compressed || n->incompressible || n->bytes < COMPRESS_MIN_BYTES) return;
    size_t cap = n->bytes - COMPRESS_GAIN_BYTES;
    uint8_t *out = mem_alloc(cap);
    size_t packed = lzf_compress(node_lp(n), n->bytes, out, cap);
    if (packed == 0) {
        mem_free(out, cap);
        n->incompressible = true;
        return;
    }
    mem_free(n->block, n->cap);
    n->block = mem_resize(out, cap, packed);
    n->cap = packed;
    n->front = 0;
    n->compressed = true;
}

void node_expand(struct list_node *n) {
    if (!n->compressed) return;
    uint8_t *out = mem_alloc(n->bytes);
    size_t expanded = lzf_decompress(n->block, n->cap, out, n->bytes);
    assert_that(expanded == n->bytes);
    mem_free(n->block, n->cap);
    n->block = out;
    n->cap = n->bytes;
    n->compressed = false;
}

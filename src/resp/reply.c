/* The reply encoder. Replies are written into chunks of 16 KB that form a list; a string too long for the room left
 * goes on in a chunk of its own size.
 *
 * Invariants: tail is the only chunk written to, and [at, end) is its room (its `used` is stale meanwhile, and is set
 * when the next chunk opens); head is NULL exactly when nothing is held; sent_bytes counts inside head only.
 *
 * Shared pieces: a chunk may refer to bytes of a block that many buffers share instead of holding bytes of its own; it
 * has no room, and as the tail it grows only by the piece that lies right behind it in the same block. Blocks are
 * counted by their chunks and by whoever fills them.
 *
 * Deferred lengths: a mark reserves the widest header. When the length is known the header is written there, and what
 * stands behind the reserve in that same chunk moves left over the part not needed: at most one chunk's bytes. */
#include "resp/reply.h"
#include "base/alloc.h"
#include "base/sds.h"

#include <stdio.h>

#define CHUNK_BYTES     16384
#define POOL_CHUNKS_MAX 128 /* 2 MB */
#define DEFER_BYTES     (NUM_INT_BYTES + 3)

#define BLOCK_BYTES     16384
#define ALONE_BYTES_MIN 2048 /* longer pieces get a block of their own */

struct reply_chunk {
    struct reply_chunk *next;
    size_t used, cap; /* bytes of data; used is valid once the chunk is closed */
    char *data;
    /* Whose bytes data points to; NULL: it points to own, and cap is 0 otherwise. */
    struct reply_block *block;
    char own[];
};

struct reply_block {
    size_t refs, used, cap;
    char data[];
};

#define CHUNK_CAP (CHUNK_BYTES - sizeof(struct reply_chunk))

static struct reply_chunk *pool;
static int pool_chunks;

static struct reply_chunk *chunk_take(size_t cap) {
    if (cap == CHUNK_CAP && pool) {
        struct reply_chunk *c = pool;
        pool = c->next;
        pool_chunks--;
        return c;
    }
    struct reply_chunk *c = mem_alloc(sizeof(*c) + cap);
    c->cap = cap;
    c->data = c->own;
    c->block = NULL;
    return c;
}

static void block_release(struct reply_block *block) {
    if (--block->refs == 0) mem_free(block, sizeof *block + block->cap);
}

static bool is_alone(const struct reply_block *block) {
    return block->cap != BLOCK_BYTES;
}

static void chunk_give(struct reply_chunk *c) {
    if (c->block) block_release(c->block);
    if (c->cap == CHUNK_CAP && pool_chunks < POOL_CHUNKS_MAX) {
        c->next = pool;
        pool = c;
        pool_chunks++;
        return;
    }
    mem_free(c, sizeof(*c) + c->cap);
}

void reply_trim_pool(void) {
    while (pool) {
        struct reply_chunk *c = pool;
        pool = c->next;
        mem_free(c, sizeof(*c) + c->cap);
    }
    pool_chunks = 0;
}

void reply_init(struct reply_buf *b) {
    *b = (struct reply_buf){.proto = 2};
}

static inline size_t tail_used(const struct reply_buf *b) {
    return b->tail ? (size_t)(b->at - b->tail->data) : 0;
}

static inline size_t chunk_used(const struct reply_buf *b, const struct reply_chunk *c) {
    return c == b->tail ? tail_used(b) : c->used;
}

/* A chunk that refers to a block counts what it refers to, as if it were its own. */
static size_t chunk_memory(const struct reply_buf *b, const struct reply_chunk *c) {
    return sizeof(*c) + (c->block ? chunk_used(b, c) : c->cap);
}

static void drop_head(struct reply_buf *b) {
    struct reply_chunk *c = b->head;
    b->held_bytes -= chunk_memory(b, c);
    if (c->block && !is_alone(c->block)) b->shares--;
    b->head = c->next;
    b->sent_bytes = 0;
    chunk_give(c);
    if (b->head) return;
    b->tail = NULL;
    b->at = b->end = NULL;
}

void reply_free(struct reply_buf *b) {
    while (b->head) drop_head(b);
    b->closed_bytes = 0;
}

size_t reply_pending(const struct reply_buf *b) {
    return b->closed_bytes + tail_used(b) - b->sent_bytes;
}

struct reply_shape reply_shape(const struct reply_buf *b) {
    struct reply_shape s = {.rest_memory = b->held_bytes};
    const struct reply_chunk *c = b->head;
    if (c && c->cap == CHUNK_CAP) {
        s.first_memory = chunk_memory(b, c);
        s.first_used = chunk_used(b, c);
        s.rest_memory -= s.first_memory;
        c = c->next;
    }
    for (; c; c = c->next) s.rest_chunks++;
    return s;
}

int reply_iov(const struct reply_buf *b, struct iovec *iov, int max) {
    int n = 0;
    size_t skip = b->sent_bytes;
    for (struct reply_chunk *c = b->head; c && n < max; c = c->next, skip = 0) {
        size_t bytes = chunk_used(b, c) - skip;
        if (bytes > 0) iov[n++] = (struct iovec){c->data + skip, bytes};
    }
    return n;
}

void reply_consume(struct reply_buf *b, size_t n) {
    while (b->head) {
        size_t used = chunk_used(b, b->head), left = used - b->sent_bytes;
        if (n < left) break;
        n -= left;
        if (b->head != b->tail) b->closed_bytes -= used;
        drop_head(b);
    }
    assert_that(n == 0 || b->head);
    b->sent_bytes += n;
}

void (*reply_on_growth)(struct reply_buf *b);

/* Closes the tail and links c behind it as the new one. */
static void link_chunk(struct reply_buf *b, struct reply_chunk *c) {
    c->next = NULL;
    c->used = 0;
    if (b->tail) {
        b->tail->used = tail_used(b);
        b->closed_bytes += b->tail->used;
        b->tail->next = c;
    } else {
        b->head = c;
    }
    b->tail = c;
    b->at = c->data;
    b->end = c->data + c->cap;
    b->held_bytes += sizeof(*c) + c->cap;
    if (b->head != c && reply_on_growth) reply_on_growth(b);
}

static void open_chunk(struct reply_buf *b, size_t cap) {
    link_chunk(b, chunk_take(cap));
}

char *reply_grow(struct reply_buf *b, size_t n) {
    assert_that(n <= REPLY_ROOM_MAX && !b->muted);
    open_chunk(b, CHUNK_CAP);
    return b->at;
}

void reply_raw(struct reply_buf *b, const void *p, size_t n) {
    if (b->muted) return;
    const char *from = p;
    size_t room = (size_t)(b->end - b->at), first = n < room ? n : room;
    if (first > 0) memcpy(b->at, from, first);
    b->at += first;
    n -= first;
    if (n == 0) return;
    open_chunk(b, n > CHUNK_CAP ? n : CHUNK_CAP);
    memcpy(b->at, from + first, n);
    b->at += n;
}

/* A marker, a number and CRLF: *3, $-1, :42. */
static void put_header(struct reply_buf *b, char marker, int64_t n) {
    if (b->muted) return;
    char *to = reply_room(b, NUM_INT_BYTES + 3);
    *to++ = marker;
    to += num_format_i64(to, n);
    memcpy(to, "\r\n", 2);
    b->at = to + 2;
}

static void put_line(struct reply_buf *b, char marker, const char *p, size_t n) {
    reply_raw(b, &marker, 1);
    reply_raw(b, p, n);
    reply_raw(b, "\r\n", 2);
}

void reply_status(struct reply_buf *b, const char *text) {
    put_line(b, '+', text, strlen(text));
}

void (*reply_on_error)(struct reply_buf *b, slice text);

/* Line ends inside the text would end the reply early: those at its end go, the others become blanks. */
static void put_error(struct reply_buf *b, const char *text, size_t n) {
    while (n > 0 && (text[n - 1] == '\r' || text[n - 1] == '\n')) n--;
    if (reply_on_error) reply_on_error(b, (slice){text, n});
    reply_raw(b, "-", 1);
    while (n > 0) {
        size_t plain = 0;
        while (plain < n && text[plain] != '\r' && text[plain] != '\n') plain++;
        reply_raw(b, text, plain);
        text += plain;
        n -= plain;
        if (n == 0) break;
        reply_raw(b, " ", 1);
        text++;
        n--;
    }
    reply_raw(b, "\r\n", 2);
}

void reply_error(struct reply_buf *b, const char *text) {
    put_error(b, text, strlen(text));
}

void reply_errorf(struct reply_buf *b, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    sds text = sds_cat_vprintf(sds_empty(), fmt, ap);
    va_end(ap);
    put_error(b, text, sds_len(text));
    sds_free(text);
}

void reply_bulk_long(struct reply_buf *b, const void *p, size_t n) {
    put_header(b, '$', (int64_t)n);
    reply_raw(b, p, n);
    reply_raw(b, "\r\n", 2);
}

void reply_bulk_str(struct reply_buf *b, const char *s) {
    reply_bulk(b, s, strlen(s));
}

void reply_bulk_int(struct reply_buf *b, int64_t v) {
    char text[NUM_INT_BYTES];
    reply_bulk(b, text, num_format_i64(text, v));
}

void reply_bulkf(struct reply_buf *b, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    sds text = sds_cat_vprintf(sds_empty(), fmt, ap);
    va_end(ap);
    reply_bulk(b, text, sds_len(text));
    sds_free(text);
}

void reply_null(struct reply_buf *b) {
    if (b->proto == 2) {
        reply_raw(b, "$-1\r\n", 5);
    } else {
        reply_raw(b, "_\r\n", 3);
    }
}

void reply_null_array(struct reply_buf *b) {
    if (b->proto == 2) {
        reply_raw(b, "*-1\r\n", 5);
    } else {
        reply_raw(b, "_\r\n", 3);
    }
}

void reply_array(struct reply_buf *b, int64_t n) {
    put_header(b, '*', n);
}

void reply_map(struct reply_buf *b, int64_t pairs) {
    put_header(b, b->proto == 2 ? '*' : '%', b->proto == 2 ? pairs * 2 : pairs);
}

void reply_set(struct reply_buf *b, int64_t n) {
    put_header(b, b->proto == 2 ? '*' : '~', n);
}

void reply_push(struct reply_buf *b, int64_t n) {
    put_header(b, b->proto == 2 ? '*' : '>', n);
}

void reply_attribute(struct reply_buf *b, int64_t pairs) {
    assert_that(b->proto == 3);
    put_header(b, '|', pairs);
}

void reply_double(struct reply_buf *b, double v) {
    char text[64];
    size_t n = num_format_double(text, sizeof(text), v);
    if (b->proto == 2) {
        reply_bulk(b, text, n);
    } else {
        put_line(b, ',', text, n);
    }
}

void reply_bool(struct reply_buf *b, bool v) {
    if (b->proto == 2) {
        reply_raw(b, v ? ":1\r\n" : ":0\r\n", 4);
    } else {
        reply_raw(b, v ? "#t\r\n" : "#f\r\n", 4);
    }
}

void reply_big_number(struct reply_buf *b, const char *digits, size_t n) {
    if (b->proto == 2) {
        reply_bulk(b, digits, n);
    } else {
        put_line(b, '(', digits, n);
    }
}

void reply_verbatim(struct reply_buf *b, const char *ext3, const void *p, size_t n) {
    if (b->proto == 2) {
        reply_bulk(b, p, n);
        return;
    }
    put_header(b, '=', (int64_t)n + 4);
    reply_raw(b, ext3, 3);
    reply_raw(b, ":", 1);
    reply_raw(b, p, n);
    reply_raw(b, "\r\n", 2);
}

/* --- shared pieces --- */

static struct reply_block *filling[REPLY_STREAMS]; /* small pieces lie there one behind the other */

static struct reply_block *block_new(size_t cap) {
    struct reply_block *block = mem_alloc(sizeof *block + cap);
    block->refs = 1;
    block->used = 0;
    block->cap = cap;
    return block;
}

/* The stream's block with room for n bytes: the same from its start once nobody refers to it any more. */
static struct reply_block *block_with_room(int stream, size_t n) {
    struct reply_block *block = filling[stream];
    if (block && block->refs == 1) block->used = 0;
    if (block && block->cap - block->used >= n) return block;
    if (block) block_release(block);
    return filling[stream] = block_new(BLOCK_BYTES);
}

struct reply_piece reply_piece_new(int stream, size_t n) {
    bool alone = n >= ALONE_BYTES_MIN;
    struct reply_block *block = alone ? block_new(n == BLOCK_BYTES ? n + 1 : n) : block_with_room(stream, n);
    if (!alone) block->refs++;
    struct reply_piece piece = {block, block->data + block->used, n};
    block->used += n;
    return piece;
}

void reply_piece_done(struct reply_piece *piece) {
    block_release(piece->block);
    piece->block = NULL;
}

static void copy_piece(struct reply_buf *b, const struct reply_piece *piece) {
    bool muted = b->muted;
    b->muted = false;
    reply_raw(b, piece->p, piece->n);
    b->muted = muted;
}

void reply_share(struct reply_buf *b, const struct reply_piece *piece, bool lasting) {
    struct reply_chunk *tail = b->tail;
    size_t room = (size_t)(b->end - b->at);
    if (tail && tail->block == piece->block && b->at == piece->p) {
        b->at = b->end = b->at + piece->n;
        b->held_bytes += piece->n;
    } else if (room >= piece->n || (lasting && !is_alone(piece->block))) {
        copy_piece(b, piece);
    } else {
        struct reply_chunk *c = mem_alloc(sizeof *c);
        c->cap = 0;
        c->data = piece->p;
        c->block = piece->block;
        c->block->refs++;
        if (!is_alone(c->block)) b->shares++;
        link_chunk(b, c);
        b->at = b->end = b->at + piece->n;
        b->held_bytes += piece->n;
    }
}

void reply_unshare(struct reply_buf *b) {
    struct reply_chunk **at = &b->head;
    for (; b->shares > 0; at = &(*at)->next) {
        struct reply_chunk *old = *at;
        if (!old->block || is_alone(old->block)) continue;
        size_t n = chunk_used(b, old), cap = mem_tailed(n);
        struct reply_chunk *c = mem_alloc(sizeof *c + cap);
        *c = (struct reply_chunk){.next = old->next, .used = n, .cap = cap, .data = c->own};
        memcpy(c->own, old->data, n);
        *at = c;
        b->held_bytes += cap - n;
        if (b->tail == old) {
            b->tail = c;
            b->at = c->own + n;
            b->end = c->own + cap;
        }
        b->shares--;
        chunk_give(old);
    }
}

struct reply_mark reply_defer(struct reply_buf *b) {
    if (b->muted) return (struct reply_mark){0};
    char *reserve = reply_room(b, DEFER_BYTES);
    b->at += DEFER_BYTES;
    return (struct reply_mark){b->tail, (size_t)(reserve - b->tail->data)};
}

static void fill(struct reply_buf *b, struct reply_mark m, char marker, int64_t n) {
    if (!m.chunk) return;
    char header[DEFER_BYTES];
    header[0] = marker;
    size_t header_n = 1 + num_format_i64(header + 1, n);
    memcpy(header + header_n, "\r\n", 2);
    header_n += 2;

    size_t used = chunk_used(b, m.chunk), spare = DEFER_BYTES - header_n;
    assert_that(m.offset + DEFER_BYTES <= used);
    assert_that(m.chunk != b->head || m.offset >= b->sent_bytes);
    char *place = m.chunk->data + m.offset;
    memcpy(place, header, header_n);
    memmove(place + header_n, place + DEFER_BYTES, used - m.offset - DEFER_BYTES);
    if (m.chunk == b->tail) {
        b->at -= spare;
    } else {
        m.chunk->used -= spare;
        b->closed_bytes -= spare;
    }
}

void reply_defer_array(struct reply_buf *b, struct reply_mark m, int64_t n) {
    fill(b, m, '*', n);
}

void reply_defer_map(struct reply_buf *b, struct reply_mark m, int64_t pairs) {
    fill(b, m, b->proto == 2 ? '*' : '%', b->proto == 2 ? pairs * 2 : pairs);
}

void reply_defer_set(struct reply_buf *b, struct reply_mark m, int64_t n) {
    fill(b, m, b->proto == 2 ? '*' : '~', n);
}

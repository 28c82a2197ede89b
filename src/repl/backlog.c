/* The log's storage: a row of 64 KB chunks found through a power-of-two ring of pointers, and the cursors
 * that read it.
 *
 * Offset o lies in chunk o / CHUNK_BYTES at o % CHUNK_BYTES, so nothing moves when the log grows or shrinks.
 *
 * Invariants, while active:
 *   - chunks [chunk_lo, chunk_hi) are allocated, and every offset of [first, end] lies in one of them;
 *   - first <= end + 1, and first <= offset <= end + 1 for every attached cursor;
 *   - after a trim, first is the smaller of end - size + 1 and the slowest cursor, but never moves back.
 *
 * Chunks that were let go wait in `idle`, a list threaded through the chunks themselves: append takes from
 * it, and each trim gives a bounded number back to the allocator, so shrinking a log of gigabytes does not
 * stall a turn.
 *
 * It does not know what the bytes mean, nor who reads them. */
#include "repl/backlog.h"
#include "base/alloc.h"
#include "base/assert.h"

bool backlog_is_active;

enum {
    CHUNK_BYTES = 64 * 1024,
    IDLE_KEPT = 4,       /* chunks kept at hand for the next appends */
    FREED_PER_TRIM = 64, /* chunks given back to the allocator in one turn at most */
    RING_MIN = 32
};

struct idle_chunk {
    struct idle_chunk *next;
};

static struct {
    uint64_t size_bytes;
    int64_t first, end;
    char
        *tail; /* where offset end + 1 goes; tail_room bytes are left of its chunk, 0: it opens a fresh one */
    size_t tail_room;
    char **ring; /* chunk i at ring[i & (ring_cap - 1)] */
    size_t ring_cap;
    uint64_t chunk_lo, chunk_hi;
    struct idle_chunk *idle;
    size_t idle_count;
    struct backlog_cursor *cursors;
} lg;

void backlog_init(uint64_t size_bytes) {
    lg.size_bytes = size_bytes;
    lg.end = 0;
    lg.first = 1;
}

/* --- chunks --- */

static void chunk_retire(char *chunk) {
    struct idle_chunk *idle = (struct idle_chunk *)(void *)chunk;
    idle->next = lg.idle;
    lg.idle = idle;
    lg.idle_count++;
}

static char *chunk_obtain(void) {
    if (!lg.idle) return mem_alloc(CHUNK_BYTES);
    struct idle_chunk *idle = lg.idle;
    lg.idle = idle->next;
    lg.idle_count--;
    return (char *)idle;
}

static void idle_shrink(size_t keep, size_t at_most) {
    for (; lg.idle_count > keep && at_most > 0; at_most--) mem_free(chunk_obtain(), CHUNK_BYTES);
}

static void ring_grow(void) {
    size_t cap = lg.ring_cap ? lg.ring_cap * 2 : RING_MIN;
    char **ring = mem_alloc(cap * sizeof *ring);
    for (uint64_t i = lg.chunk_lo; i < lg.chunk_hi; i++) ring[i & (cap - 1)] = lg.ring[i & (lg.ring_cap - 1)];
    mem_free(lg.ring, lg.ring_cap * sizeof *ring);
    lg.ring = ring;
    lg.ring_cap = cap;
}

static void chunk_push(void) {
    if (lg.chunk_hi - lg.chunk_lo == lg.ring_cap) ring_grow();
    lg.ring[lg.chunk_hi & (lg.ring_cap - 1)] = chunk_obtain();
    lg.chunk_hi++;
}

static char *chunk_at(uint64_t index) {
    assert_that(index >= lg.chunk_lo && index < lg.chunk_hi);
    return lg.ring[index & (lg.ring_cap - 1)];
}

/* --- life --- */

void backlog_start(int64_t end_offset) {
    assert_that(!backlog_is_active && end_offset >= 0);
    backlog_is_active = true;
    lg.end = end_offset;
    lg.first = end_offset + 1;
    lg.chunk_lo = lg.chunk_hi = (uint64_t)lg.first / CHUNK_BYTES;
    lg.tail_room = 0;
}

void backlog_stop(void) {
    assert_that(!lg.cursors);
    while (lg.chunk_lo < lg.chunk_hi) chunk_retire(chunk_at(lg.chunk_lo)), lg.chunk_lo++;
    mem_free(lg.ring, lg.ring_cap * sizeof *lg.ring);
    lg.ring = NULL;
    lg.ring_cap = 0;
    lg.first = lg.end + 1;
    backlog_is_active = false;
}

void backlog_shutdown(void) {
    while (lg.cursors) backlog_detach(lg.cursors);
    backlog_stop();
    idle_shrink(0, SIZE_MAX);
    lg.end = 0;
    lg.first = 1;
}

void backlog_set_size(uint64_t size_bytes) {
    lg.size_bytes = size_bytes;
}

/* --- writing --- */

static void tail_open(void) {
    uint64_t pos = (uint64_t)lg.end + 1;
    if (pos / CHUNK_BYTES == lg.chunk_hi) chunk_push();
    size_t at = pos % CHUNK_BYTES;
    lg.tail = chunk_at(pos / CHUNK_BYTES) + at;
    lg.tail_room = CHUNK_BYTES - at;
}

static void tail_put(const void *p, size_t n) {
    memcpy(lg.tail, p, n);
    lg.tail += n;
    lg.tail_room -= n;
    lg.end += (int64_t)n;
}

/* A chunk comes back long after the caches have lost it, and small stores that miss hold up all that follow. So what
 * the next commands will fill is fetched ahead (measured: 15-40 ns a SET). */
static void tail_fetch_ahead(void) {
    enum { AHEAD_BYTES = 192 };
    __builtin_prefetch(lg.tail + AHEAD_BYTES, 1);
    __builtin_prefetch(lg.tail + AHEAD_BYTES + 64, 1);
}

void backlog_append(const void *p, size_t n) {
    assert_that(backlog_is_active);
    const char *from = p;
    while (unlikely(n > lg.tail_room)) {
        size_t take = lg.tail_room;
        if (take > 0) tail_put(from, take);
        tail_open();
        from += take;
        n -= take;
    }
    tail_put(from, n);
    tail_fetch_ahead();
}

int64_t backlog_end(void) {
    return lg.end;
}

void backlog_set_end(int64_t end) {
    assert_that(!backlog_is_active && end >= 0);
    lg.end = end;
    lg.first = end + 1;
}

/* --- what is held --- */

int64_t backlog_first(void) {
    return lg.first;
}

uint64_t backlog_history_bytes(void) {
    return (uint64_t)(lg.end - lg.first + 1);
}

uint64_t backlog_size(void) {
    return lg.size_bytes;
}

uint64_t backlog_memory_bytes(void) {
    return (lg.chunk_hi - lg.chunk_lo + lg.idle_count) * CHUNK_BYTES + lg.ring_cap * sizeof *lg.ring;
}

bool backlog_holds(int64_t offset) {
    return backlog_is_active && offset >= lg.first && offset <= lg.end + 1;
}

void backlog_trim(void) {
    int64_t keep_from = lg.end + 1;
    if ((uint64_t)lg.end < lg.size_bytes)
        keep_from = 1;
    else
        keep_from -= (int64_t)lg.size_bytes;
    for (struct backlog_cursor *c = lg.cursors; c; c = c->next)
        if (c->offset < keep_from) keep_from = c->offset;
    if (backlog_is_active && keep_from > lg.first) lg.first = keep_from;
    /* A chunk goes when its last byte is older than first. The one that the next byte goes into stays. */
    while (lg.chunk_lo < lg.chunk_hi && lg.chunk_lo < (uint64_t)lg.first / CHUNK_BYTES)
        chunk_retire(chunk_at(lg.chunk_lo)), lg.chunk_lo++;
    /* Emptied to the chunk's very edge: the next byte opens a fresh chunk. */
    if (lg.chunk_lo == lg.chunk_hi) lg.chunk_lo = lg.chunk_hi = ((uint64_t)lg.end + 1) / CHUNK_BYTES;
    idle_shrink(IDLE_KEPT, FREED_PER_TRIM);
}

/* --- cursors --- */

bool backlog_has_reader(void) {
    return lg.cursors != NULL;
}

bool backlog_attach(struct backlog_cursor *c, int64_t offset) {
    assert_that(!c->attached);
    if (!backlog_holds(offset)) return false;
    *c = (struct backlog_cursor){.offset = offset, .next = lg.cursors, .attached = true};
    if (lg.cursors) lg.cursors->prev = c;
    lg.cursors = c;
    return true;
}

void backlog_detach(struct backlog_cursor *c) {
    if (!c->attached) return;
    if (c->prev)
        c->prev->next = c->next;
    else
        lg.cursors = c->next;
    if (c->next) c->next->prev = c->prev;
    c->prev = c->next = NULL;
    c->attached = false;
}

int backlog_read_iov(const struct backlog_cursor *c, struct iovec *iov, int max) {
    assert_that(c->attached && c->offset >= lg.first && c->offset <= lg.end + 1);
    int n = 0;
    for (uint64_t pos = (uint64_t)c->offset; pos <= (uint64_t)lg.end && n < max; n++) {
        size_t at = pos % CHUNK_BYTES, len = CHUNK_BYTES - at;
        uint64_t left = (uint64_t)lg.end - pos + 1;
        if (len > left) len = left;
        iov[n] = (struct iovec){chunk_at(pos / CHUNK_BYTES) + at, len};
        pos += len;
    }
    return n;
}

void backlog_advance(struct backlog_cursor *c, size_t n) {
    assert_that(c->attached && n <= backlog_lag(c));
    c->offset += (int64_t)n;
}

uint64_t backlog_lag(const struct backlog_cursor *c) {
    return c->attached ? (uint64_t)(lg.end + 1 - c->offset) : 0;
}

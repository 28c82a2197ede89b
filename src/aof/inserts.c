/* What stands in an incr file between the log's bytes, in order: marks, and the writes of a replica's own clients.
 *
 * Invariants: items[first..n) are not written, or only up to `at` of their text; their places never go back. An insert with
 * commands leaves a reader in the database in which it found it: what the log says next is meant for that one. */
#include "aof/internal.h"
#include "aof/marks.h"

#include "base/alloc.h"
#include "base/num.h"
#include "resp/request.h"

enum { MARKS_MAX = 16 };

static struct {
    struct aof_insert *items;
    int first, n, cap;
    int marks;
    size_t bytes;
} queue;

struct aof_insert *inserts_next(void) {
    return queue.first < queue.n ? &queue.items[queue.first] : NULL;
}

size_t inserts_bytes(void) {
    return queue.bytes;
}

static struct aof_insert *last(void) {
    return queue.first < queue.n ? &queue.items[queue.n - 1] : NULL;
}

static struct aof_insert *add(int64_t before) {
    if (queue.n == queue.cap && queue.first > queue.cap / 2) {
        queue.n -= queue.first;
        memmove(queue.items, queue.items + queue.first, (size_t)queue.n * sizeof *queue.items);
        queue.first = 0;
    } else if (queue.n == queue.cap) {
        int cap = queue.cap ? queue.cap * 2 : MARKS_MAX;
        queue.items = mem_resize(queue.items, (size_t)queue.cap * sizeof *queue.items,
                                 (size_t)cap * sizeof *queue.items);
        queue.cap = cap;
    }
    queue.items[queue.n] = (struct aof_insert){.before = before, .text = sds_empty()};
    return &queue.items[queue.n++];
}

int64_t inserts_mark_place(int64_t before) {
    const struct aof_insert *l = last();
    if (queue.marks == MARKS_MAX) return -1;
    return l && l->before > before ? l->before : before;
}

static void append(struct aof_insert *i, const char *p, size_t n) {
    i->text = sds_cat(i->text, p, n);
    queue.bytes += n;
}

void inserts_add_mark(int64_t before, const char *p, size_t n) {
    append(add(before), p, n);
    queue.marks++;
}

static void append_aside(struct aof_insert *i, slice raw) {
    append(i, MARK_ASIDE "\r\n", sizeof(MARK_ASIDE "\r\n") - 1);
    append(i, raw.p, raw.n);
}

static void append_select(struct aof_insert *i, int dbid) {
    char digits[NUM_INT_BYTES];
    slice argv[] = {SLICE("SELECT"), {digits, num_format_i64(digits, dbid)}};
    sds text = request_cat(sds_empty(), 2, argv);
    append_aside(i, sds_slice(text));
    sds_free(text);
    i->db = dbid;
}

void inserts_add_aside(int64_t before, int stream_db, int dbid, slice raw) {
    struct aof_insert *i = last();
    if (!i || !i->aside || i->ended || i->before != before) {
        i = add(before);
        i->aside = true;
        i->db = i->stream_db = stream_db;
    }
    if (dbid >= 0 && dbid != i->db) append_select(i, dbid);
    append_aside(i, raw);
}

/* Nothing is added to an insert of which a part is written: it would come behind the way back. */
slice inserts_rest(struct aof_insert *i) {
    if (i->aside && !i->ended && i->db != i->stream_db) append_select(i, i->stream_db);
    i->ended = true;
    return (slice){i->text + i->at, sds_len(i->text) - i->at};
}

static void drop_first(void) {
    struct aof_insert *i = &queue.items[queue.first++];
    queue.marks -= !i->aside;
    sds_free(i->text);
    if (queue.first == queue.n) queue.first = queue.n = 0;
}

void inserts_written(size_t n) {
    struct aof_insert *i = inserts_next();
    i->at += n;
    queue.bytes -= n;
    if (i->at == sds_len(i->text)) drop_first();
}

void inserts_clear(void) {
    while (inserts_next()) drop_first();
    mem_free(queue.items, (size_t)queue.cap * sizeof *queue.items);
    queue.items = NULL;
    queue.cap = queue.marks = 0;
    queue.bytes = 0;
}

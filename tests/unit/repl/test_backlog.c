/* The log against a model: a plain array of every byte ever appended, and an offset a cursor. */
#include <criterion/criterion.h>
#include "repl/backlog.h"
#include "support/log_bytes.h"

#include <stdlib.h>
#include <string.h>

enum { CURSORS = 5, CHUNK = 64 * 1024 };

/* The byte at an offset is a function of it, so the model needs no memory. */
static char byte_at(int64_t offset) {
    uint64_t x = (uint64_t)offset * 0x9e3779b97f4a7c15ull;
    return (char)(x >> 56);
}

static void append_n(size_t n) {
    char *p = malloc(n + 1);
    for (size_t i = 0; i < n; i++) p[i] = byte_at(backlog_end() + 1 + (int64_t)i);
    backlog_append(p, n);
    free(p);
}

static void expect_bytes(slice s, int64_t from) {
    for (size_t i = 0; i < s.n; i++)
        cr_assert(s.p[i] == byte_at(from + (int64_t)i), "wrong byte at offset %lld",
                  (long long)from + (long long)i);
}

static void read_all(struct backlog_cursor *c) {
    for (;;) {
        slice s = log_bytes(c);
        if (s.n == 0) break;
        expect_bytes(s, c->offset);
        backlog_advance(c, s.n);
    }
    cr_assert_eq(c->offset, backlog_end() + 1);
}

Test(backlog, starts_where_told_and_counts) {
    backlog_init(1024);
    cr_assert_not(backlog_active());
    cr_assert_eq(backlog_end(), 0);
    backlog_set_end(41);
    cr_assert_eq(backlog_end(), 41);
    backlog_start(41);
    cr_assert_eq(backlog_first(), 42);
    cr_assert_eq(backlog_history_bytes(), 0);
    cr_assert(backlog_holds(42));
    cr_assert_not(backlog_holds(41));
    cr_assert_not(backlog_holds(43));
    append_n(10);
    cr_assert_eq(backlog_end(), 51);
    cr_assert(backlog_holds(42) && backlog_holds(52));
    cr_assert_not(backlog_holds(53));
    backlog_stop();
    cr_assert_not(backlog_holds(52));
    cr_assert_eq(backlog_end(), 51, "the offset outlives the log");
    backlog_shutdown();
}

Test(backlog, keeps_exactly_its_size) {
    backlog_init(100);
    backlog_start(0);
    append_n(60);
    backlog_trim();
    cr_assert_eq(backlog_first(), 1);
    append_n(60);
    cr_assert_eq(backlog_history_bytes(), 120, "nothing goes before the end of the turn");
    backlog_trim();
    cr_assert_eq(backlog_history_bytes(), 100);
    cr_assert_eq(backlog_first(), 21);
    backlog_shutdown();
}

Test(backlog, a_slow_reader_holds_history) {
    struct backlog_cursor slow = {0}, fast = {0};
    backlog_init(100);
    backlog_start(0);
    cr_assert(backlog_attach(&slow, 1));
    cr_assert(backlog_attach(&fast, 1));
    append_n(3 * CHUNK);
    read_all(&fast);
    backlog_trim();
    cr_assert_eq(backlog_first(), 1);
    cr_assert_eq(backlog_lag(&slow), 3u * CHUNK);
    cr_assert_eq(backlog_lag(&fast), 0);
    backlog_detach(&slow);
    backlog_detach(&slow);
    cr_assert_eq(backlog_lag(&slow), 0);
    backlog_trim();
    cr_assert_eq(backlog_history_bytes(), 100);
    cr_assert(backlog_memory_bytes() < 8u * CHUNK);
    backlog_shutdown();
}

Test(backlog, a_position_that_is_gone_is_refused) {
    struct backlog_cursor c = {0};
    backlog_init(10);
    backlog_start(0);
    append_n(100);
    backlog_trim();
    cr_assert_not(backlog_attach(&c, 90));
    cr_assert_not(c.attached);
    cr_assert_not(backlog_attach(&c, 102));
    cr_assert(backlog_attach(&c, 91));
    backlog_detach(&c);
    cr_assert(backlog_attach(&c, 101), "the very end is held");
    cr_assert_eq(log_bytes(&c).n, 0);
    backlog_shutdown();
}

Test(backlog, shrinking_gives_memory_back_in_slices) {
    backlog_init(64u << 20);
    backlog_start(0);
    for (int i = 0; i < 300; i++) append_n(CHUNK);
    backlog_trim();
    uint64_t before = backlog_memory_bytes();
    backlog_set_size(CHUNK);
    backlog_trim();
    cr_assert_eq(backlog_history_bytes(), CHUNK);
    cr_assert(backlog_memory_bytes() > before / 2, "one turn must not free it all");
    for (int i = 0; i < 20; i++) backlog_trim();
    cr_assert(backlog_memory_bytes() < 8u * CHUNK);
    backlog_shutdown();
}

Test(backlog, one_writev_sees_several_chunks) {
    struct backlog_cursor c = {0};
    struct iovec iov[8];
    backlog_init(1u << 20);
    backlog_start(CHUNK - 10);
    cr_assert(backlog_attach(&c, CHUNK - 9));
    append_n(2 * CHUNK);
    int n = backlog_read_iov(&c, iov, 8);
    size_t total = 0;
    for (int i = 0; i < n; i++) {
        expect_bytes((slice){iov[i].iov_base, iov[i].iov_len}, c.offset + (int64_t)total);
        total += iov[i].iov_len;
    }
    cr_assert_eq(n, 3);
    cr_assert_eq(total, 2u * CHUNK);
    cr_assert_eq(backlog_read_iov(&c, iov, 1), 1);
    backlog_shutdown();
}

/* --- the property test --- */

struct model {
    int64_t first, end;
    uint64_t size;
};

static uint64_t seed_state;

static uint64_t next_random(uint64_t below) {
    seed_state = seed_state * 6364136223846793005ull + 1442695040888963407ull;
    return (seed_state >> 33) % below;
}

static void model_trim(struct model *m, const struct backlog_cursor *cursors) {
    int64_t keep = m->end + 1 - (int64_t)m->size;
    if (keep < 1) keep = 1;
    for (int i = 0; i < CURSORS; i++)
        if (cursors[i].attached && cursors[i].offset < keep) keep = cursors[i].offset;
    if (keep > m->first) m->first = keep;
}

static void check(const struct model *m, struct backlog_cursor *cursors) {
    cr_assert_eq(backlog_end(), m->end);
    cr_assert_eq(backlog_first(), m->first);
    cr_assert_eq(backlog_history_bytes(), (uint64_t)(m->end - m->first + 1));
    for (int i = 0; i < CURSORS; i++) {
        if (!cursors[i].attached) continue;
        slice s = log_bytes(&cursors[i]);
        cr_assert_eq(s.n == 0, cursors[i].offset == m->end + 1);
        expect_bytes(s, cursors[i].offset);
    }
}

static void move_cursor(struct model *m, struct backlog_cursor *c) {
    if (!c->attached) {
        int64_t offset = m->first - 2 + (int64_t)next_random((uint64_t)(m->end - m->first) + 5);
        bool held = offset >= m->first && offset <= m->end + 1;
        cr_assert_eq(backlog_attach(c, offset), held);
    } else if (next_random(8) == 0) {
        backlog_detach(c);
    } else {
        slice s = log_bytes(c);
        backlog_advance(c, s.n ? next_random(s.n + 1) : 0);
    }
}

static void run(uint64_t seed, int steps) {
    struct backlog_cursor cursors[CURSORS] = {{0}};
    struct model m = {.size = 1000};
    seed_state = seed;
    m.end = (int64_t)next_random(3 * CHUNK);
    m.first = m.end + 1;
    backlog_init(m.size);
    backlog_start(m.end);
    for (int i = 0; i < steps; i++) {
        switch (next_random(6)) {
        case 0:
        case 1: {
            static const size_t most[] = {40, 3000, CHUNK, 3 * CHUNK};
            size_t n = (size_t)next_random(most[next_random(4)]);
            append_n(n);
            m.end += (int64_t)n;
            break;
        }
        case 2:
            backlog_trim();
            model_trim(&m, cursors);
            break;
        case 3:
            if (next_random(10)) break;
            m.size = 1 + next_random(next_random(2) ? 500 : 5 * CHUNK);
            backlog_set_size(m.size);
            break;
        default: move_cursor(&m, &cursors[next_random(CURSORS)]); break;
        }
        if (i % 16 == 0) check(&m, cursors);
    }
    check(&m, cursors);
    backlog_shutdown();
}

Test(backlog, behaves_as_the_model) {
    for (uint64_t seed = 1; seed <= 20; seed++) run(seed, 2000);
}

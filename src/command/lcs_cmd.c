/* LCS: the longest common subsequence of two strings, its length, or where the matches lie.
 *
 * The classic table: cell (i, j) is the length for the first i bytes of a and j bytes of b; walking back from the end
 * finds the bytes. Memory is 4 * (|a|+1) * (|b|+1) bytes for the time of the command, bounded by proto-max-bulk-len. */
#include "base/alloc.h"
#include "command/command.h"
#include "command/families.h"
#include "command/handlers.h"
#include "keyspace/str.h"

struct lcs_options {
    bool len_only, idx, with_match_len;
    int64_t min_match_len;
};

struct lcs_table {
    slice a, b;
    uint32_t *cells;
    size_t bytes;
};

static inline uint32_t *cell(const struct lcs_table *t, size_t i, size_t j) {
    return &t->cells[i * (t->b.n + 1) + j];
}

static void table_fill(struct lcs_table *t) {
    for (size_t j = 0; j <= t->b.n; j++) *cell(t, 0, j) = 0;
    for (size_t i = 1; i <= t->a.n; i++) {
        *cell(t, i, 0) = 0;
        for (size_t j = 1; j <= t->b.n; j++) {
            uint32_t up = *cell(t, i - 1, j), left = *cell(t, i, j - 1);
            if (t->a.p[i - 1] == t->b.p[j - 1])
                *cell(t, i, j) = *cell(t, i - 1, j - 1) + 1;
            else
                *cell(t, i, j) = up > left ? up : left;
        }
    }
}

static void reply_match(struct client *c, const struct lcs_options *o, size_t a_start, size_t b_start,
                        size_t n) {
    reply_array(&c->out, o->with_match_len ? 3 : 2);
    reply_array(&c->out, 2);
    reply_int(&c->out, (int64_t)a_start);
    reply_int(&c->out, (int64_t)(a_start + n - 1));
    reply_array(&c->out, 2);
    reply_int(&c->out, (int64_t)b_start);
    reply_int(&c->out, (int64_t)(b_start + n - 1));
    if (o->with_match_len) reply_int(&c->out, (int64_t)n);
}

/* Walks back from the end. A run of matching bytes is one range; it ends at the first step that is not a match.
 * `text` (may be NULL) receives the subsequence; the return value counts the ranges replied. */
static int64_t table_walk(struct client *c, const struct lcs_table *t, const struct lcs_options *o,
                          char *text) {
    size_t i = t->a.n, j = t->b.n, run = 0, at = *cell(t, i, j);
    int64_t ranges = 0;
    while (i > 0 && j > 0) {
        bool match = t->a.p[i - 1] == t->b.p[j - 1];
        if (match) {
            i--;
            j--;
            run++;
            if (text != NULL) text[--at] = t->a.p[i];
        }
        bool run_ends = run > 0 && (!match || i == 0 || j == 0);
        if (run_ends) {
            if (o->idx && (int64_t)run >= o->min_match_len) {
                reply_match(c, o, i, j, run);
                ranges++;
            }
            run = 0;
        }
        if (!match) {
            if (*cell(t, i - 1, j) > *cell(t, i, j - 1))
                i--;
            else
                j--;
        }
    }
    return ranges;
}

static bool parse_options(struct client *c, const slice *argv, int argc, struct lcs_options *o) {
    *o = (struct lcs_options){0};
    for (int i = 3; i < argc; i++) {
        if (slice_is(argv[i], "idx")) {
            o->idx = true;
        } else if (slice_is(argv[i], "len")) {
            o->len_only = true;
        } else if (slice_is(argv[i], "withmatchlen")) {
            o->with_match_len = true;
        } else if (slice_is(argv[i], "minmatchlen") && i + 1 < argc) {
            if (!cmd_i64(c, argv[++i], &o->min_match_len, NULL)) return false;
            if (o->min_match_len < 0) o->min_match_len = 0;
        } else {
            cmd_syntax_error(c);
            return false;
        }
    }
    if (o->idx && o->len_only) {
        reply_error(&c->out, "ERR If you want both the length and indexes, please just use IDX.");
        return false;
    }
    return true;
}

static bool table_alloc(struct client *c, struct lcs_table *t) {
    if (t->a.n >= UINT32_MAX - 1 || t->b.n >= UINT32_MAX - 1) {
        reply_error(&c->out, "ERR String too long for LCS");
        return false;
    }
    uint64_t cells, bytes;
    if (__builtin_mul_overflow((uint64_t)t->a.n + 1, (uint64_t)t->b.n + 1, &cells) ||
        __builtin_mul_overflow(cells, (uint64_t)sizeof(uint32_t), &bytes) ||
        bytes > (uint64_t)client_config.max_bulk_bytes) {
        reply_error(&c->out, "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");
        return false;
    }
    t->bytes = bytes;
    t->cells = mem_alloc(bytes);
    return true;
}

static void reply_lcs(struct client *c, const struct lcs_table *t, const struct lcs_options *o) {
    size_t length = *cell(t, t->a.n, t->b.n);
    if (o->len_only) {
        reply_int(&c->out, (int64_t)length);
    } else if (o->idx) {
        reply_map(&c->out, 2);
        reply_bulk_str(&c->out, "matches");
        struct reply_mark mark = reply_defer(&c->out);
        reply_defer_array(&c->out, mark, table_walk(c, t, o, NULL));
        reply_bulk_str(&c->out, "len");
        reply_int(&c->out, (int64_t)length);
    } else {
        char *text = mem_alloc(length);
        table_walk(c, t, o, text);
        reply_bulk(&c->out, text, length);
        mem_free(text, length);
    }
}

void lcs_command(struct client *c, const slice *argv, int argc) {
    struct entry *ea = db_read(client_db(c), argv[1], 0), *eb = db_read(client_db(c), argv[2], 0);
    if ((ea != NULL && entry_type(ea) != TYPE_STRING) || (eb != NULL && entry_type(eb) != TYPE_STRING)) {
        reply_error(&c->out, "ERR The specified keys must contain string values");
        return;
    }
    struct lcs_options o;
    if (!parse_options(c, argv, argc, &o)) return;
    char scratch_a[NUM_INT_BYTES], scratch_b[NUM_INT_BYTES];
    struct lcs_table t = {.a = ea != NULL ? str_get(ea, scratch_a) : SLICE(""),
                          .b = eb != NULL ? str_get(eb, scratch_b) : SLICE("")};
    if (!table_alloc(c, &t)) return;
    table_fill(&t);
    reply_lcs(c, &t, &o);
    mem_free(t.cells, t.bytes);
}

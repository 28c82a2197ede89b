/* Walking the key space: KEYS and SCAN; and what the walks through single values share with SCAN (scan.h).
 *
 * Keys that have expired are not shown, whoever is to delete them. SCAN's guarantee (every key that is there from the first call
 * to the last is seen) is dict's; COUNT bounds the work of a call, whatever MATCH and TYPE filter away. */
#include "base/alloc.h"
#include "base/glob.h"
#include "base/num.h"
#include "command/command.h"
#include "command/families.h"
#include "command/handlers.h"
#include "command/scan.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

/* --- shared by the family --- */

/* "*" is no pattern. */
static slice pattern_of(slice s) {
    static const slice everything = {0};
    return slice_eq(s, SLICE("*")) ? everything : s;
}

/* As the reference's strtoul: a sign, leading zeros and an empty word are fine, and a NUL byte ends the number. Sets all
 * fields; false: replied. */
static bool take_cursor(struct client *c, slice s, struct scan *w) {
    char text[32];
    size_t n = strnlen(s.p, s.n);
    *w = (struct scan){.count = 10};
    if (n < sizeof text && (n == 0 || !isspace((unsigned char)s.p[0]))) {
        memcpy(text, s.p, n);
        text[n] = '\0';
        char *end;
        errno = 0;
        w->cursor = strtoull(text, &end, 10);
        if (*end == '\0' && errno == 0) return true;
    }
    reply_error(&c->out, "ERR invalid cursor");
    return false;
}

/* The options from argv[from] on; TYPE only where with_type. False: replied. */
static bool take_options(struct client *c, const slice *argv, int argc, int from, bool with_type,
                         struct scan *w) {
    for (int i = from; i < argc; i += 2) {
        bool has_value = i + 1 < argc;
        if (has_value && slice_is(argv[i], "count")) {
            if (!cmd_i64(c, argv[i + 1], &w->count, NULL)) return false;
            if (w->count < 1) {
                cmd_syntax_error(c);
                return false;
            }
        } else if (has_value && slice_is(argv[i], "match")) {
            w->pattern = pattern_of(argv[i + 1]);
        } else if (has_value && with_type && slice_is(argv[i], "type")) {
            w->type = argv[i + 1];
        } else {
            cmd_syntax_error(c);
            return false;
        }
    }
    return true;
}

bool scan_matches(const struct scan *w, slice name) {
    return w->pattern.p == NULL || glob_match(w->pattern, name, false);
}

void scan_add(struct scan *w, slice s) {
    if (w->n == w->cap) {
        size_t cap = w->cap == 0 ? 64 : w->cap * 2;
        w->found = mem_resize(w->found, w->cap * sizeof *w->found, cap * sizeof *w->found);
        w->cap = cap;
    }
    w->found[w->n++] = s;
}

void scan_walk(struct scan *w, uint64_t (*step)(void *of, uint64_t cursor, struct scan *w), void *of) {
    /* Empty regions count too: a sparse table must not turn one call into a walk of it all. */
    int64_t steps = w->count < INT64_MAX / 10 ? w->count * 10 : w->count;
    do {
        w->cursor = step(of, w->cursor, w);
    } while (w->cursor != 0 && w->visited < w->count && --steps > 0);
}

void scan_reply_cursor(struct client *c, uint64_t cursor) {
    char digits[NUM_INT_BYTES];
    reply_array(&c->out, 2);
    reply_bulk(&c->out, digits, num_format_u64(digits, cursor));
}

void scan_reply_found(struct client *c, struct scan *w) {
    reply_array(&c->out, (int64_t)w->n);
    for (size_t i = 0; i < w->n; i++) reply_bulk(&c->out, w->found[i].p, w->found[i].n);
    mem_free(w->found, w->cap * sizeof *w->found);
}

/* For a key that is not there. */
static void reply_empty(struct client *c) {
    scan_reply_cursor(c, 0);
    reply_array(&c->out, 0);
}

struct entry *scan_entry(struct client *c, const slice *argv, int argc, enum value_type type,
                         struct scan *w) {
    if (!take_cursor(c, argv[2], w)) return NULL;
    struct entry *e = db_read(client_db(c), argv[1], 0);
    if (e == NULL) {
        reply_empty(c);
        return NULL;
    }
    return cmd_type_is(c, e, type) && take_options(c, argv, argc, 3, false, w) ? e : NULL;
}

/* --- keys --- */

static void walk_entry(void *ctx, struct entry *e) {
    struct scan *w = ctx;
    w->visited++;
    slice key = entry_key(e);
    if (!scan_matches(w, key)) return;
    if (w->type.p != NULL && !slice_is(w->type, entry_type_name(e))) return;
    if (entry_is_expired(e)) return;
    scan_add(w, key);
}

void keys_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    struct scan w = {.pattern = pattern_of(argv[1])};
    db_each(client_db(c), walk_entry, &w);
    scan_reply_found(c, &w);
}

static uint64_t step_db(void *db, uint64_t cursor, struct scan *w) {
    return db_scan(db, cursor, walk_entry, w);
}

void scan_command(struct client *c, const slice *argv, int argc) {
    struct scan w;
    if (!take_cursor(c, argv[1], &w) || !take_options(c, argv, argc, 2, true, &w)) return;
    scan_walk(&w, step_db, client_db(c));
    scan_reply_cursor(c, w.cursor);
    scan_reply_found(c, &w);
}

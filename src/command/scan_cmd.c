/* Walking the key space: KEYS and SCAN.
 *
 * Keys that have expired are not shown, whoever is to delete them. SCAN's guarantee (every key that is there from the first call
 * to the last is seen) is dict's; COUNT bounds the work of a call, whatever MATCH and TYPE filter away. */
#include "base/alloc.h"
#include "base/glob.h"
#include "base/num.h"
#include "command/command.h"
#include "command/families.h"
#include "command/handlers.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

/* Keys found, as slices into their entries: nothing changes the key space before they are replied. */
struct walk {
    slice pattern; /* p NULL: all */
    slice type;    /* p NULL: any */
    int64_t visited;
    slice *found;
    size_t n, cap;
};

static void walk_entry(void *ctx, struct entry *e) {
    struct walk *w = ctx;
    w->visited++;
    slice key = entry_key(e);
    if (w->pattern.p != NULL && !glob_match(w->pattern, key, false)) return;
    if (w->type.p != NULL && !slice_is(w->type, entry_type_name(e))) return;
    if (entry_is_expired(e)) return;
    if (w->n == w->cap) {
        size_t cap = w->cap == 0 ? 64 : w->cap * 2;
        w->found = mem_resize(w->found, w->cap * sizeof *w->found, cap * sizeof *w->found);
        w->cap = cap;
    }
    w->found[w->n++] = key;
}

static void reply_found(struct client *c, struct walk *w) {
    reply_array(&c->out, (int64_t)w->n);
    for (size_t i = 0; i < w->n; i++) reply_bulk(&c->out, w->found[i].p, w->found[i].n);
    mem_free(w->found, w->cap * sizeof *w->found);
}

static slice pattern_of(slice s) {
    static const slice everything = {0};
    return slice_eq(s, SLICE("*")) ? everything : s;
}

void keys_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    struct walk w = {.pattern = pattern_of(argv[1])};
    db_each(client_db(c), walk_entry, &w);
    reply_found(c, &w);
}

/* As the reference's strtoul: a sign, leading zeros and an empty word are fine, and a NUL byte ends the number. */
static bool parse_cursor(slice s, uint64_t *cursor) {
    char text[32];
    size_t n = strnlen(s.p, s.n);
    if (n >= sizeof text || (n > 0 && isspace((unsigned char)s.p[0]))) return false;
    memcpy(text, s.p, n);
    text[n] = '\0';
    char *end;
    errno = 0;
    *cursor = strtoull(text, &end, 10);
    return *end == '\0' && errno == 0;
}

static bool parse_scan(struct client *c, const slice *argv, int argc, struct walk *w, int64_t *count) {
    *count = 10;
    for (int i = 2; i < argc; i += 2) {
        bool has_value = i + 1 < argc;
        if (has_value && slice_is(argv[i], "count")) {
            if (!cmd_i64(c, argv[i + 1], count, NULL)) return false;
            if (*count < 1) {
                cmd_syntax_error(c);
                return false;
            }
        } else if (has_value && slice_is(argv[i], "match")) {
            w->pattern = pattern_of(argv[i + 1]);
        } else if (has_value && slice_is(argv[i], "type")) {
            w->type = argv[i + 1];
        } else {
            cmd_syntax_error(c);
            return false;
        }
    }
    return true;
}

void scan_command(struct client *c, const slice *argv, int argc) {
    uint64_t cursor;
    struct walk w = {0};
    int64_t count;
    if (!parse_cursor(argv[1], &cursor)) {
        reply_error(&c->out, "ERR invalid cursor");
        return;
    }
    if (!parse_scan(c, argv, argc, &w, &count)) return;
    /* Empty regions count too: a sparse table must not turn one call into a walk of it all. */
    int64_t steps = count < INT64_MAX / 10 ? count * 10 : count;
    do {
        cursor = db_scan(client_db(c), cursor, walk_entry, &w);
    } while (cursor != 0 && w.visited < count && --steps > 0);
    reply_array(&c->out, 2);
    char digits[NUM_INT_BYTES];
    reply_bulk(&c->out, digits, num_format_u64(digits, cursor));
    reply_found(c, &w);
}

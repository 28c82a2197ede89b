/* Hash commands that return many fields: all of them, random ones, or a step's worth. None changes anything. */
#include "command/families.h"
#include "command/handlers.h"
#include "command/scan.h"
#include "keyspace/hash.h"

enum { FIELDS = 1, VALUES = 2 };

struct showing {
    struct client *c;
    int what;
    bool as_pairs; /* RESP3: field and value in an array of two */
};

static void show(void *ctx, slice field, slice value) {
    const struct showing *s = ctx;
    if (s->as_pairs) reply_array(&s->c->out, 2);
    if (s->what & FIELDS) reply_bulk(&s->c->out, field.p, field.n);
    if (s->what & VALUES) reply_bulk(&s->c->out, value.p, value.n);
}

static void reply_all(struct client *c, slice key, int what) {
    struct entry *e = db_read(client_db(c), key, 0);
    if (!cmd_type_is(c, e, TYPE_HASH)) return;
    int64_t n = e ? (int64_t)hash_count(hash_of(e)) : 0;
    if (what == (FIELDS | VALUES))
        reply_map(&c->out, n);
    else
        reply_array(&c->out, n);
    if (e) hash_each(hash_of(e), show, &(struct showing){.c = c, .what = what});
}

void hgetall_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    reply_all(c, argv[1], FIELDS | VALUES);
}

void hkeys_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    reply_all(c, argv[1], FIELDS);
}

void hvals_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    reply_all(c, argv[1], VALUES);
}

/* --- HRANDFIELD --- */

static void pick_many(struct client *c, slice key, int64_t count, bool with_values) {
    struct entry *e = db_read(client_db(c), key, 0);
    if (!cmd_type_is(c, e, TYPE_HASH)) return;
    bool distinct = count > 0;
    uint64_t n = (uint64_t)(distinct ? count : -count);
    if (!e) n = 0;
    if (e && distinct && n > hash_count(hash_of(e))) n = hash_count(hash_of(e));
    bool flat = with_values && c->out.proto == 2;
    reply_array(&c->out, (int64_t)(flat ? n * 2 : n));
    struct showing s = {c, with_values ? FIELDS | VALUES : FIELDS, with_values && !flat};
    if (distinct && n > 0) hash_pick(hash_of(e), n, true, show, &s);
    for (uint64_t batch; !distinct && (batch = cmd_next_batch(c, &n));)
        hash_pick(hash_of(e), batch, false, show, &s);
}

void hrandfield_command(struct client *c, const slice *argv, int argc) {
    int64_t count;
    if (argc > 2) {
        bool with_values = argc == 4 && slice_is(argv[3], "withvalues");
        if (!cmd_int_in(c, argv[2], -INT64_MAX, INT64_MAX, &count, NULL)) return;
        if (argc > 3 && !with_values)
            cmd_syntax_error(c);
        else if (with_values && (count < -INT64_MAX / 2 || count > INT64_MAX / 2))
            reply_error(&c->out, "ERR value is out of range");
        else
            pick_many(c, argv[1], count, with_values);
        return;
    }
    struct entry *e = db_read(client_db(c), argv[1], 0);
    if (!e)
        reply_null(&c->out);
    else if (cmd_type_is(c, e, TYPE_HASH))
        hash_pick(hash_of(e), 1, false, show, &(struct showing){.c = c, .what = FIELDS});
}

/* --- HSCAN --- */

static void note_pair(void *ctx, slice field, slice value) {
    struct scan *w = ctx;
    w->visited++;
    if (!scan_matches(w, field)) return;
    scan_add(w, field);
    scan_add(w, value);
}

static uint64_t step_hash(void *of, uint64_t cursor, struct scan *w) {
    return hash_scan(*(const struct hash *)of, cursor, note_pair, w);
}

struct matching {
    struct client *c;
    const struct scan *w;
    int64_t replied;
};

static void show_matching(void *ctx, slice field, slice value) {
    struct matching *m = ctx;
    if (!scan_matches(m->w, field)) return;
    reply_bulk(&m->c->out, field.p, field.n);
    reply_bulk(&m->c->out, value.p, value.n);
    m->replied += 2;
}

/* A listpack comes whole, whatever cursor and count say; its integers are printed for the reply only. */
static void scan_listpack(struct client *c, struct hash h, const struct scan *w) {
    struct matching m = {c, w, 0};
    scan_reply_cursor(c, 0);
    struct reply_mark mark = reply_defer(&c->out);
    hash_each(h, show_matching, &m);
    reply_defer_array(&c->out, mark, m.replied);
}

void hscan_command(struct client *c, const slice *argv, int argc) {
    struct scan w;
    struct entry *e = scan_entry(c, argv, argc, TYPE_HASH, &w);
    if (!e) return;
    struct hash h = hash_of(e);
    if (h.encoding == HASH_LISTPACK) {
        scan_listpack(c, h, &w);
        return;
    }
    scan_walk(&w, step_hash, &h);
    scan_reply_cursor(c, w.cursor);
    scan_reply_found(c, &w);
}

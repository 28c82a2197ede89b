/* Stream commands on entries: XADD XTRIM XDEL XSETID XLEN XRANGE XREVRANGE. Reading what is new is in
 * stream_read_cmd.c, groups in stream_group_cmd.c.
 *
 * Unlike other aggregates a stream stays when it is empty. What depends on the clock or on how entries lie in nodes
 * ("*", "ms-*", "~") leaves for replicas as what came of it. */
#include "command/stream_cmd.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "command/handlers.h"
#include "command/propagate.h"

/* --- options of XADD and XTRIM --- */

struct add_options {
    struct stream_trim trim;
    struct stream_id id;
    bool no_mkstream, id_given, seq_given, limit_given;
    int threshold_at; /* where MAXLEN's or MINID's value stands */
};

/* MAXLEN|MINID [=|~] threshold at argv[*i]; leaves *i on the threshold. */
static bool trim_option(struct client *c, const slice *argv, int argc, int *i, bool by_length,
                        struct add_options *o) {
    if (o->trim.by != TRIM_NOT) {
        reply_error(&c->out,
                    "ERR syntax error, MAXLEN and MINID options at the same time are not compatible");
        return false;
    }
    o->trim.whole_nodes = false;
    int at = *i + 1;
    if (argc - 1 - *i >= 2 && (slice_is(argv[at], "~") || slice_is(argv[at], "="))) {
        o->trim.whole_nodes = argv[at].p[0] == '~';
        at++;
    }
    if (by_length) {
        int64_t n;
        if (!cmd_i64(c, argv[at], &n, NULL)) return false;
        if (n < 0) {
            reply_error(&c->out, "ERR The MAXLEN argument must be >= 0.");
            return false;
        }
        o->trim.max_length = (uint64_t)n;
    } else if (!stream_id_arg(c, argv[at], 0, &o->trim.min_id, NULL)) {
        return false;
    }
    o->trim.by = by_length ? TRIM_MAXLEN : TRIM_MINID;
    o->threshold_at = *i = at;
    return true;
}

static bool limit_option(struct client *c, slice s, struct add_options *o) {
    if (!cmd_i64(c, s, &o->trim.limit, NULL)) return false;
    o->limit_given = true;
    if (o->trim.limit >= 0) return true;
    reply_error(&c->out, "ERR The LIMIT argument must be >= 0.");
    return false;
}

/* From our master, or a file, every trimming is exact already: whatever LIMIT says was applied there. */
static bool settle_limit(struct client *c, bool xadd, struct add_options *o) {
    enum { NODES_AT_ONCE = 100, LIMIT_MIN = 10000, LIMIT_MAX = 1000000 };
    const char *error = NULL;
    if (o->trim.limit && o->trim.by == TRIM_NOT)
        error = "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy";
    else if (!xadd && o->trim.by == TRIM_NOT)
        error = "ERR syntax error, XTRIM must be called with a trimming strategy";
    else if (c->flags & (CLIENT_MASTER | CLIENT_FAKE))
        o->trim.limit = 0;
    else if (o->limit_given && !o->trim.whole_nodes)
        error = "ERR syntax error, LIMIT cannot be used without the special ~ option";
    else if (!o->limit_given && o->trim.whole_nodes) {
        size_t entries = stream_config.node_max_entries;
        o->trim.limit = entries == 0                          ? LIMIT_MIN
                        : entries > LIMIT_MAX / NODES_AT_ONCE ? LIMIT_MAX
                                                              : (int64_t)entries * NODES_AT_ONCE;
    }
    if (error) reply_error(&c->out, error);
    return !error;
}

/* Where the id stands (XADD) or argc; 0: wrong, which was replied. */
static int parse_options(struct client *c, const slice *argv, int argc, bool xadd, struct add_options *o) {
    int i = 2;
    *o = (struct add_options){.threshold_at = 0};
    for (; i < argc; i++) {
        bool more = i + 1 < argc, by_length = slice_is(argv[i], "maxlen");
        if (xadd && slice_is(argv[i], "*")) break;
        if (more && (by_length || slice_is(argv[i], "minid"))) {
            if (!trim_option(c, argv, argc, &i, by_length, o)) return 0;
        } else if (more && slice_is(argv[i], "limit")) {
            if (!limit_option(c, argv[++i], o)) return 0;
        } else if (xadd && slice_is(argv[i], "nomkstream")) {
            o->no_mkstream = true;
        } else if (xadd) {
            if (!stream_id_arg(c, argv[i], 0, &o->id, &o->seq_given)) return 0;
            o->id_given = true;
            break;
        } else {
            cmd_syntax_error(c);
            return 0;
        }
    }
    return settle_limit(c, xadd, o) ? i : 0;
}

/* The running command leaves with the exact threshold it came to, and with the id it gave (id.p NULL: as it was). */
static void propagate_settled(const slice *argv, int argc, const struct stream *s,
                              const struct add_options *o, int id_at, slice id) {
    char digits[STREAM_ID_TEXT_BYTES];
    slice few[32], *v = argc <= 32 ? few : mem_alloc((size_t)argc * sizeof *v);
    memcpy(v, argv, (size_t)argc * sizeof *v);
    if (o->trim.whole_nodes) {
        struct stream_id first = stream_edge(s, true, true);
        v[o->threshold_at - 1] = SLICE("=");
        v[o->threshold_at] = (slice){digits, o->trim.by == TRIM_MAXLEN ? num_format_u64(digits, s->length)
                                                                       : stream_id_format(digits, first)};
    }
    if (id.p) v[id_at] = id;
    propagate_instead(argc, v);
    if (v != few) mem_free(v, (size_t)argc * sizeof *v);
}

/* --- XADD and XTRIM --- */

/* The id that the entry gets; false: there is none behind the last, which was replied. */
static bool choose_id(struct client *c, const struct stream *s, const struct add_options *o,
                      struct stream_id *id) {
    *id = s->last;
    if (stream_id_cmp(*id, STREAM_ID_MAX) == 0) {
        reply_error(&c->out, "ERR The stream has exhausted the last possible ID, unable to add more items");
        return false;
    }
    bool possible = true;
    if (o->id_given && o->seq_given) {
        *id = o->id;
    } else if (o->id_given) {
        if (id->ms == o->id.ms)
            possible = ++id->seq != 0;
        else
            *id = o->id;
    } else if ((uint64_t)clock_ms() > id->ms) {
        *id = (struct stream_id){(uint64_t)clock_ms(), 0};
    } else {
        stream_id_next(id);
    }
    if (possible && stream_id_cmp(*id, s->last) > 0) return true;
    reply_error(&c->out, "ERR The ID specified in XADD is equal or smaller than the target stream top item");
    return false;
}

static bool texts_fit(struct client *c, const slice *argv, int argc) {
    size_t bytes = 0;
    for (int i = 0; i < argc; i++) bytes += argv[i].n;
    if (likely(bytes <= STREAM_ENTRY_BYTES_MAX)) return true;
    reply_error(&c->out, "ERR Elements are too large to be stored");
    return false;
}

/* False: replied, and there is no stream to add to. */
static bool xadd_target(struct client *c, const slice *argv, const struct add_options *o, struct stream **s) {
    if (o->id_given && o->seq_given && stream_id_is_zero(o->id)) {
        reply_error(&c->out, "ERR The ID specified in XADD must be greater than 0-0");
        return false;
    }
    if (!stream_to_change(c, argv[1], s)) return false;
    if (*s) return true;
    if (o->no_mkstream) {
        reply_null(&c->out);
        return false;
    }
    *s = stream_create(c, argv[1]);
    return true;
}

void xadd_command(struct client *c, const slice *argv, int argc) {
    struct add_options o;
    struct stream *s;
    struct stream_id id;
    char digits[STREAM_ID_TEXT_BYTES];
    int id_at = parse_options(c, argv, argc, true, &o);
    if (!id_at) return;
    const slice *pairs = argv + id_at + 1;
    int n = argc - id_at - 1;
    if (n < 2 || n % 2 == 1) {
        cmd_arity_error(c, argv);
        return;
    }
    if (!texts_fit(c, pairs, n) || !xadd_target(c, argv, &o, &s) || !choose_id(c, s, &o, &id)) return;
    stream_append(s, id, pairs, (size_t)n / 2);
    slice text = {digits, stream_id_format(digits, id)};
    reply_bulk(&c->out, text.p, text.n);
    cmd_changed(c, argv[1], NOTIFY_STREAM, "xadd");
    ks_dirty++;
    if (o.trim.by != TRIM_NOT && stream_trim(s, &o.trim)) ks_notify(NOTIFY_STREAM, "xtrim", argv[1], c->db);
    bool given = o.id_given && o.seq_given;
    if (!given || o.trim.whole_nodes)
        propagate_settled(argv, argc, s, &o, id_at, given ? (slice){NULL, 0} : text);
}

void xtrim_command(struct client *c, const slice *argv, int argc) {
    struct add_options o;
    struct stream *s;
    if (!parse_options(c, argv, argc, false, &o) || !stream_to_change(c, argv[1], &s)) return;
    uint64_t gone = s ? stream_trim(s, &o.trim) : 0;
    if (gone) {
        ks_notify(NOTIFY_STREAM, "xtrim", argv[1], c->db);
        if (o.trim.whole_nodes) propagate_settled(argv, argc, s, &o, 0, (slice){NULL, 0});
        db_modified(client_db(c), argv[1]);
        ks_dirty += gone;
    }
    reply_int(&c->out, (int64_t)gone);
}

/* --- the rest --- */

void xdel_command(struct client *c, const slice *argv, int argc) {
    struct stream *s;
    struct stream_id id;
    uint64_t deleted = 0;
    if (!stream_to_change(c, argv[1], &s)) return;
    for (int i = 2; s && i < argc; i++) /* all or nothing */
        if (!stream_id_arg(c, argv[i], 0, &id, NULL)) return;
    for (int i = 2; s && i < argc; i++) {
        stream_id_arg(NULL, argv[i], 0, &id, NULL);
        deleted += stream_delete(s, id);
    }
    if (deleted) cmd_changed(c, argv[1], NOTIFY_STREAM, "xdel");
    ks_dirty += deleted;
    reply_int(&c->out, (int64_t)deleted);
}

struct setid_options {
    struct stream_id id, max_deleted;
    int64_t added; /* -1: not given */
};

static bool setid_options(struct client *c, const slice *argv, int argc, struct setid_options *o) {
    *o = (struct setid_options){.added = -1};
    if (!stream_id_arg(c, argv[2], 0, &o->id, NULL)) return false;
    for (int i = 3; i < argc; i += 2) {
        bool more = i + 1 < argc;
        if (more && slice_is(argv[i], "entriesadded")) {
            if (!cmd_i64(c, argv[i + 1], &o->added, NULL)) return false;
            if (o->added >= 0) continue;
            reply_error(&c->out, "ERR entries_added must be positive");
        } else if (more && slice_is(argv[i], "maxdeletedid")) {
            if (!stream_id_arg(c, argv[i + 1], 0, &o->max_deleted, NULL)) return false;
            if (stream_id_cmp(o->id, o->max_deleted) >= 0) continue;
            reply_error(&c->out,
                        "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id");
        } else {
            cmd_syntax_error(c);
        }
        return false;
    }
    return true;
}

void xsetid_command(struct client *c, const slice *argv, int argc) {
    struct setid_options o;
    struct stream *s;
    const char *error = NULL;
    if (!setid_options(c, argv, argc, &o) || !stream_to_change(c, argv[1], &s)) return;
    if (!s)
        error = "ERR no such key";
    else if (s->length && stream_id_cmp(o.id, stream_edge(s, false, false)) < 0)
        error = "ERR The ID specified in XSETID is smaller than the target stream top item";
    else if (s->length && o.added != -1 && s->length > (uint64_t)o.added)
        error = "ERR The entries_added specified in XSETID is smaller than the target stream length";
    if (error) {
        reply_error(&c->out, error);
        return;
    }
    s->last = o.id;
    if (o.added != -1) s->added = (uint64_t)o.added;
    if (!stream_id_is_zero(o.max_deleted)) s->max_deleted = o.max_deleted;
    reply_ok(&c->out);
    ks_dirty++;
    ks_notify(NOTIFY_STREAM, "xsetid", argv[1], c->db); /* no change to WATCH: so it is in the reference */
}

void xlen_command(struct client *c, const slice *argv, int argc) {
    struct stream *s;
    (void)argc;
    if (stream_to_read(c, argv[1], &s)) reply_int(&c->out, s ? (int64_t)s->length : 0);
}

static void range(struct client *c, const slice *argv, int argc, bool backwards) {
    struct stream *s;
    struct stream_id from, to;
    int64_t count = -1;
    if (!stream_start_arg(c, argv[backwards ? 3 : 2], &from) ||
        !stream_end_arg(c, argv[backwards ? 2 : 3], &to))
        return;
    for (int i = 4; i < argc; i += 2) {
        if (i + 1 == argc || !slice_is(argv[i], "count")) {
            cmd_syntax_error(c);
            return;
        }
        if (!cmd_i64(c, argv[i + 1], &count, NULL)) return;
        if (count < 0) count = 0;
    }
    if (!stream_to_read(c, argv[1], &s)) return;
    if (!s)
        reply_array(&c->out, 0);
    else if (count == 0)
        reply_null_array(&c->out);
    else
        stream_reply_range(c, s, from, to, count < 0 ? 0 : (uint64_t)count, backwards);
}

void xrange_command(struct client *c, const slice *argv, int argc) {
    range(c, argv, argc, false);
}

void xrevrange_command(struct client *c, const slice *argv, int argc) {
    range(c, argv, argc, true);
}

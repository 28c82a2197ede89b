/* What the stream commands share (stream_cmd.h). */
#include "command/stream_cmd.h"

#include "base/clock.h"
#include "command/propagate.h"

#include <errno.h>
#include <stdlib.h>

/* --- finding --- */

static bool stream_of(struct client *c, const struct entry *e, struct stream **s) {
    if (!cmd_type_is(c, e, TYPE_STREAM)) return false;
    *s = e ? entry_ptr(e) : NULL;
    return true;
}

bool stream_to_change(struct client *c, slice key, struct stream **s) {
    return stream_of(c, db_write(client_db(c), key, 0), s);
}

bool stream_to_read(struct client *c, slice key, struct stream **s) {
    return stream_of(c, db_read(client_db(c), key, 0), s);
}

struct stream *stream_create(struct client *c, slice key) {
    struct value v = {.type = TYPE_STREAM, .ptr = stream_new()};
    db_set(client_db(c), key, &v, NO_EXPIRE);
    return v.ptr;
}

/* --- ids as arguments --- */

/* Besides plain decimals what strtoull reads, as the reference does: leading zeros, blanks, a sign. text ends with NUL. */
static bool parse_part(const char *text, uint64_t *out) {
    slice s = slice_of(text);
    int64_t v;
    char *end;
    if (num_parse_i64(s, &v)) {
        *out = (uint64_t)v;
        return v >= 0;
    }
    errno = 0;
    *out = strtoull(text, &end, 10);
    return errno == 0 && *text && !*end;
}

static bool parse_id(slice s, uint64_t missing_seq, struct stream_id *id, bool *seq_given) {
    char buf[128];
    if (s.n >= sizeof buf) return false;
    memcpy(buf, s.p, s.n);
    buf[s.n] = '\0';
    char *dash = strchr(buf, '-');
    if (dash) *dash = '\0';
    if (!parse_part(buf, &id->ms)) return false;
    id->seq = missing_seq;
    if (!dash) return true;
    if (!seq_given || strcmp(dash + 1, "*") != 0) return parse_part(dash + 1, &id->seq);
    id->seq = 0;
    *seq_given = false;
    return true;
}

bool stream_id_arg(struct client *c, slice s, uint64_t missing_seq, struct stream_id *id, bool *seq_given) {
    if (seq_given) *seq_given = true;
    if (parse_id(s, missing_seq, id, seq_given)) return true;
    if (c) reply_error(&c->out, "ERR Invalid stream ID specified as stream command argument");
    return false;
}

bool stream_id_or_edge_arg(struct client *c, slice s, uint64_t missing_seq, struct stream_id *id) {
    bool least = slice_is(s, "-");
    if (!least && !slice_is(s, "+")) return stream_id_arg(c, s, missing_seq, id, NULL);
    *id = least ? (struct stream_id){0, 0} : STREAM_ID_MAX;
    return true;
}

static bool interval_arg(struct client *c, slice s, uint64_t missing_seq, struct stream_id *id,
                         bool *excluded) {
    *excluded = s.n > 1 && s.p[0] == '(';
    if (*excluded) return stream_id_arg(c, (slice){s.p + 1, s.n - 1}, missing_seq, id, NULL);
    return stream_id_or_edge_arg(c, s, missing_seq, id);
}

bool stream_start_arg(struct client *c, slice s, struct stream_id *id) {
    bool excluded;
    if (!interval_arg(c, s, 0, id, &excluded)) return false;
    if (!excluded || stream_id_next(id)) return true;
    reply_error(&c->out, "ERR invalid start ID for the interval");
    return false;
}

bool stream_end_arg(struct client *c, slice s, struct stream_id *id) {
    bool excluded;
    if (!interval_arg(c, s, UINT64_MAX, id, &excluded)) return false;
    if (!excluded || stream_id_prev(id)) return true;
    reply_error(&c->out, "ERR invalid end ID for the interval");
    return false;
}

/* --- replies --- */

void stream_reply_id(struct client *c, struct stream_id id) {
    char buf[STREAM_ID_TEXT_BYTES];
    reply_bulk(&c->out, buf, stream_id_format(buf, id));
}

static void reply_text(struct client *c, struct lp_value v) {
    if (v.text.p)
        reply_bulk(&c->out, v.text.p, v.text.n);
    else
        reply_bulk_int(&c->out, v.integer);
}

void stream_reply_entry(struct client *c, struct stream_cursor *cur) {
    struct lp_value field, value;
    reply_array(&c->out, 2);
    stream_reply_id(c, cur->id);
    reply_array(&c->out, (int64_t)cur->n_fields * 2);
    for (uint64_t i = 0; i < cur->n_fields; i++) {
        stream_cursor_pair(cur, &field, &value);
        reply_text(c, field);
        reply_text(c, value);
    }
}

size_t stream_reply_range(struct client *c, const struct stream *s, struct stream_id from,
                          struct stream_id to, uint64_t count, bool backwards) {
    struct stream_cursor cur;
    struct reply_mark mark = reply_defer(&c->out);
    size_t n = 0;
    stream_cursor_start(&cur, s, from, to, backwards);
    while ((count == 0 || n < count) && stream_cursor_next(&cur)) {
        stream_reply_entry(c, &cur);
        n++;
    }
    reply_defer_array(&c->out, mark, (int64_t)n);
    return n;
}

bool stream_reply_one(struct client *c, const struct stream *s, struct stream_id id) {
    struct stream_cursor cur;
    stream_cursor_start(&cur, s, id, id, false);
    if (!stream_cursor_next(&cur)) return false;
    stream_reply_entry(c, &cur);
    return true;
}

void stream_reply_no_group(struct client *c, slice key, slice group, const char *where) {
    reply_errorf(&c->out, "NOGROUP No such key '%.*s' or consumer group '%.*s'%s", SLICE_ARGS(key),
                 SLICE_ARGS(group), where);
}

/* --- groups --- */

struct stream_consumer *stream_consumer_get(struct client *c, slice key, struct stream_group *g, slice name,
                                            bool *created) {
    struct stream_consumer *consumer = stream_consumer_find(g, name);
    if (created) *created = !consumer;
    if (consumer) {
        consumer->seen_ms = clock_ms();
        return consumer;
    }
    consumer = stream_consumer_add(g, name, clock_ms());
    ks_dirty++;
    ks_notify(NOTIFY_STREAM, "xgroup-createconsumer", key, c->db);
    return consumer;
}

static slice id_text(char *buf, struct stream_id id) {
    return (slice){buf, stream_id_format(buf, id)};
}

/* What makes the entry pending over there exactly as it is here, times included; gone where the entry is gone. */
void stream_propagate_claim(struct client *c, slice key, const struct stream_group *g,
                            const struct stream_pending *p) {
    char id[STREAM_ID_TEXT_BYTES], last[STREAM_ID_TEXT_BYTES], ms[NUM_INT_BYTES], n[NUM_INT_BYTES];
    slice argv[] = {SLICE("XCLAIM"),     key,
                    sds_slice(g->name),  sds_slice(p->consumer->name),
                    SLICE("0"),          id_text(id, p->id),
                    SLICE("TIME"),       {ms, num_format_i64(ms, p->delivered_ms)},
                    SLICE("RETRYCOUNT"), {n, num_format_i64(n, (int64_t)p->deliveries)},
                    SLICE("FORCE"),      SLICE("JUSTID"),
                    SLICE("LASTID"),     id_text(last, g->last)};
    propagate_also(c->db, sizeof argv / sizeof *argv, argv);
}

void stream_propagate_group(struct client *c, slice key, const struct stream_group *g) {
    char last[STREAM_ID_TEXT_BYTES], n[NUM_INT_BYTES];
    slice argv[] = {SLICE("XGROUP"),
                    SLICE("SETID"),
                    key,
                    sds_slice(g->name),
                    id_text(last, g->last),
                    SLICE("ENTRIESREAD"),
                    {n, num_format_i64(n, g->entries_read)}};
    propagate_also(c->db, sizeof argv / sizeof *argv, argv);
}

void stream_propagate_consumer(struct client *c, slice key, const struct stream_group *g,
                               const struct stream_consumer *consumer) {
    slice argv[] = {SLICE("XGROUP"), SLICE("CREATECONSUMER"), key, sds_slice(g->name),
                    sds_slice(consumer->name)};
    propagate_also(c->db, sizeof argv / sizeof *argv, argv);
}

/* Set commands on single members and single sets: translation between requests and keyspace/set.h.
 *
 * Invariant: a command either replies an error and changes nothing, or changes the set, signals its key and counts
 * ks_dirty. No key holds an empty set. What chance has removed leaves by name, as SREM. Those that combine sets are in
 * set_algebra_cmd.c. */
#include "base/sds.h"
#include "command/command.h"
#include "command/families.h"
#include "command/handlers.h"
#include "command/propagate.h"
#include "command/scan.h"
#include "keyspace/set.h"

/* The changed set goes back to its key; e NULL: the key is new. */
static void set_written(struct client *c, slice key, struct entry *e, struct set s, const char *event) {
    if (e) {
        set_store(e, s);
    } else {
        struct value v = set_value(s);
        db_set(client_db(c), key, &v, NO_EXPIRE);
    }
    cmd_changed(c, key, NOTIFY_SET, event);
}

void sadd_command(struct client *c, const slice *argv, int argc) {
    struct entry *e = db_write(client_db(c), argv[1], 0);
    if (!cmd_type_is(c, e, TYPE_SET)) return;
    struct set s = e ? set_of(e) : set_new();
    int64_t added = 0;
    for (int i = 2; i < argc; i++) added += set_add(&s, argv[i]);
    if (added > 0) set_written(c, argv[1], e, s, "sadd");
    ks_dirty += (uint64_t)added;
    reply_int(&c->out, added);
}

void srem_command(struct client *c, const slice *argv, int argc) {
    struct entry *e = db_write(client_db(c), argv[1], 0);
    if (!cmd_type_is(c, e, TYPE_SET)) return;
    int64_t removed = 0;
    if (e) {
        struct set s = set_of(e);
        for (int i = 2; i < argc && set_count(s) > 0; i++) removed += set_remove(&s, argv[i]);
        set_store(e, s);
        if (removed > 0) cmd_elements_removed(c, argv[1], NOTIFY_SET, "srem", set_count(s) == 0);
    }
    ks_dirty += (uint64_t)removed;
    reply_int(&c->out, removed);
}

/* Both keys are known to be sets or missing, and to be different. */
static bool move_member(struct client *c, const slice *argv, struct entry *from, struct entry *to) {
    struct set s = set_of(from), t = to ? set_of(to) : set_new();
    if (!set_remove(&s, argv[3])) {
        if (!to) set_free(t);
        return false;
    }
    bool added = set_add(&t, argv[3]);
    set_store(from, s);
    cmd_elements_removed(c, argv[1], NOTIFY_SET, "srem", set_count(s) == 0);
    ks_dirty++;
    if (added) {
        set_written(c, argv[2], to, t, "sadd");
        ks_dirty++;
    }
    return true;
}

void smove_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    struct entry *from = db_write(client_db(c), argv[1], 0), *to = db_write(client_db(c), argv[2], 0);
    if (!from) {
        reply_int(&c->out, 0);
        return;
    }
    if (!cmd_type_is(c, from, TYPE_SET) || !cmd_type_is(c, to, TYPE_SET)) return;
    if (from == to)
        reply_int(&c->out, set_has(set_of(from), argv[3]));
    else
        reply_int(&c->out, move_member(c, argv, from, to));
}

/* --- reading --- */

void scard_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    struct entry *e = db_read(client_db(c), argv[1], 0);
    if (cmd_type_is(c, e, TYPE_SET)) reply_int(&c->out, e ? (int64_t)set_count(set_of(e)) : 0);
}

void sismember_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    struct entry *e = db_read(client_db(c), argv[1], 0);
    if (cmd_type_is(c, e, TYPE_SET)) reply_int(&c->out, e && set_has(set_of(e), argv[2]));
}

void smismember_command(struct client *c, const slice *argv, int argc) {
    struct entry *e = db_read(client_db(c), argv[1], 0);
    if (!cmd_type_is(c, e, TYPE_SET)) return;
    reply_array(&c->out, argc - 2);
    for (int i = 2; i < argc; i++) reply_int(&c->out, e && set_has(set_of(e), argv[i]));
}

static void show(void *ctx, slice member) {
    struct client *c = ctx;
    reply_bulk(&c->out, member.p, member.n);
}

void smembers_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    struct entry *e = db_read(client_db(c), argv[1], 0);
    if (!cmd_type_is(c, e, TYPE_SET)) return;
    reply_set(&c->out, e ? (int64_t)set_count(set_of(e)) : 0);
    if (e) set_each(set_of(e), show, c);
}

void srandmember_command(struct client *c, const slice *argv, int argc) {
    int64_t count = 1;
    if (argc > 3) {
        cmd_syntax_error(c);
        return;
    }
    if (argc == 3 && !cmd_int_in(c, argv[2], -INT64_MAX, INT64_MAX, &count, NULL)) return;
    struct entry *e = db_read(client_db(c), argv[1], 0);
    if (!cmd_type_is(c, e, TYPE_SET)) return;
    if (argc == 2) {
        if (e)
            set_pick(set_of(e), 1, false, show, c);
        else
            reply_null(&c->out);
        return;
    }
    bool distinct = count > 0;
    uint64_t n = e ? (uint64_t)(distinct ? count : -count) : 0;
    if (distinct && e && n > set_count(set_of(e))) n = set_count(set_of(e));
    reply_array(&c->out, (int64_t)n);
    if (distinct && n > 0) set_pick(set_of(e), n, true, show, c);
    for (uint64_t batch; !distinct && (batch = cmd_next_batch(c, &n));)
        set_pick(set_of(e), batch, false, show, c);
}

/* --- SPOP --- */

/* The members that leave, for the log: they are gone when the next one is drawn, so their bytes are kept here. */
enum { SREM_BATCH = 1024 };

struct popping {
    struct client *c;
    slice key;
    sds bytes;
    size_t n, lengths[SREM_BATCH];
    bool keeps; /* the members of `kept` are not to be removed */
    struct set kept;
};

static void log_batch(struct popping *p) {
    slice argv[SREM_BATCH + 2] = {SLICE("SREM"), p->key};
    const char *at = p->bytes;
    if (p->n == 0) return;
    for (size_t i = 0; i < p->n; i++) {
        argv[i + 2] = (slice){at, p->lengths[i]};
        at += p->lengths[i];
    }
    propagate_also(p->c->db, (int)p->n + 2, argv);
    sds_set_len(p->bytes, 0);
    p->n = 0;
}

static void pop_member(void *ctx, slice member) {
    struct popping *p = ctx;
    if (p->keeps && set_has(p->kept, member)) return;
    reply_bulk(&p->c->out, member.p, member.n);
    p->bytes = sds_cat(p->bytes, member.p, member.n);
    p->lengths[p->n++] = member.n;
    if (p->n == SREM_BATCH) log_batch(p);
}

static void add_member(void *set, slice member) {
    set_add(set, member);
}

/* When nearly all go, those that stay are drawn instead and become a set of their own; as in Redis, it may be an
 * intset although the whole was not. */
#define DRAW_THE_REST 5

static struct set pop_some(struct popping *p, struct set s, size_t count) {
    size_t rest = set_count(s) - count;
    if (rest * DRAW_THE_REST > count) {
        for (; count > 0; count--) set_pop(&s, pop_member, p);
        return s;
    }
    p->kept = set_new();
    set_pick(s, rest, true, add_member, &p->kept);
    p->keeps = true;
    set_each(s, pop_member, p);
    set_free(s);
    return p->kept;
}

/* Removes count members, fewer than there are. */
static void spop_some(struct client *c, slice key, struct entry *e, size_t count) {
    struct popping p = {.c = c, .key = key, .bytes = sds_empty()};
    reply_set(&c->out, (int64_t)count);
    struct set s = pop_some(&p, set_of(e), count);
    set_store(e, s);
    log_batch(&p);
    sds_free(p.bytes);
    propagate_none(); /* the batches say it */
    cmd_changed(c, key, NOTIFY_SET, "spop");
}

static void spop_all(struct client *c, slice key, struct entry *e) {
    struct set s = set_of(e);
    reply_set(&c->out, (int64_t)set_count(s));
    set_each(s, show, c);
    cmd_delete(client_db(c), key, ks_config.lazyfree_server_del);
    cmd_changed(c, key, NOTIFY_SET, "spop");
    ks_notify(NOTIFY_GENERIC, "del", key, c->db);
    propagate_instead(2, (slice[]){SLICE("DEL"), key});
}

static void spop_count(struct client *c, const slice *argv) {
    int64_t count;
    if (!cmd_int_in(c, argv[2], 0, INT64_MAX, &count, NULL)) return;
    struct entry *e = db_write(client_db(c), argv[1], 0);
    if (!cmd_type_is(c, e, TYPE_SET)) return;
    if (!e || count == 0) {
        reply_set(&c->out, 0);
        return;
    }
    size_t size = set_count(set_of(e));
    if ((uint64_t)count >= size)
        spop_all(c, argv[1], e);
    else
        spop_some(c, argv[1], e, (size_t)count);
    ks_dirty += (uint64_t)count < size ? (uint64_t)count : size;
}

static void pop_one(void *ctx, slice member) {
    struct popping *p = ctx;
    reply_bulk(&p->c->out, member.p, member.n);
    propagate_instead(3, (slice[]){SLICE("SREM"), p->key, member});
}

void spop_command(struct client *c, const slice *argv, int argc) {
    if (argc == 3) {
        spop_count(c, argv);
        return;
    }
    if (argc > 3) {
        cmd_syntax_error(c);
        return;
    }
    struct entry *e = db_write(client_db(c), argv[1], 0);
    if (!cmd_type_is(c, e, TYPE_SET)) return;
    if (!e) {
        reply_null(&c->out);
        return;
    }
    struct set s = set_of(e);
    struct popping p = {.c = c, .key = argv[1]};
    set_pop(&s, pop_one, &p);
    set_store(e, s);
    ks_dirty++;
    cmd_elements_removed(c, argv[1], NOTIFY_SET, "spop", set_count(s) == 0);
}

/* --- SSCAN --- */

static void note_member(void *ctx, slice member) {
    struct scan *w = ctx;
    w->visited++;
    if (scan_matches(w, member)) scan_add(w, member);
}

static uint64_t step_set(void *of, uint64_t cursor, struct scan *w) {
    return set_scan(*(const struct set *)of, cursor, note_member, w);
}

struct matching {
    struct client *c;
    const struct scan *w;
    int64_t replied;
};

static void show_matching(void *ctx, slice member) {
    struct matching *m = ctx;
    if (!scan_matches(m->w, member)) return;
    reply_bulk(&m->c->out, member.p, member.n);
    m->replied++;
}

/* An intset comes whole, whatever cursor and count say; its members are printed for the reply only. */
static void scan_intset(struct client *c, struct set s, const struct scan *w) {
    struct matching m = {c, w, 0};
    scan_reply_cursor(c, 0);
    struct reply_mark mark = reply_defer(&c->out);
    set_each(s, show_matching, &m);
    reply_defer_array(&c->out, mark, m.replied);
}

void sscan_command(struct client *c, const slice *argv, int argc) {
    struct scan w;
    struct entry *e = scan_entry(c, argv, argc, TYPE_SET, &w);
    if (!e) return;
    struct set s = set_of(e);
    if (s.encoding == SET_INTSET) {
        scan_intset(c, s, &w);
        return;
    }
    scan_walk(&w, step_set, &s);
    scan_reply_cursor(c, w.cursor);
    scan_reply_found(c, &w);
}

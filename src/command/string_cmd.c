/* String commands: translation between requests and keyspace/str.h.
 *
 * Invariant: a command either replies an error and changes nothing, or changes the key, signals it (cmd_changed) and
 * counts ks_dirty. Effects that depend on the clock or on floating point leave as absolute times and final values
 * (propagate_instead). No command here knows how a string is stored. LCS has its own file. */
#include "base/assert.h"
#include "command/command.h"
#include "command/families.h"
#include "command/handlers.h"
#include "command/propagate.h"
#include "keyspace/str.h"
#include "server/config.h"

#include <math.h>

enum set_flags {
    SET_NX = 1 << 0,
    SET_XX = 1 << 1,
    SET_GET = 1 << 2,
    SET_KEEPTTL = 1 << 3,
    SET_PERSIST = 1 << 4, /* GETEX only */
    SET_EX = 1 << 5,
    SET_PX = 1 << 6,
    SET_EXAT = 1 << 7,
    SET_PXAT = 1 << 8
};
#define SET_ANY_EXPIRE (SET_EX | SET_PX | SET_EXAT | SET_PXAT)

struct set_options {
    uint32_t flags;
    slice expire; /* the argument of EX, PX, EXAT or PXAT */
};

/* Each option word, what it may not be combined with, and which of SET and GETEX knows it. */
static const struct set_word {
    const char *word;
    uint32_t flag, excludes;
    bool in_set, in_getex, has_value;
} set_words[] = {
    {"nx", SET_NX, SET_XX, true, false, false},
    {"xx", SET_XX, SET_NX, true, false, false},
    {"get", SET_GET, 0, true, false, false},
    {"keepttl", SET_KEEPTTL, SET_PERSIST | SET_ANY_EXPIRE, true, false, false},
    {"persist", SET_PERSIST, SET_KEEPTTL | SET_ANY_EXPIRE, false, true, false},
    {"ex", SET_EX, SET_KEEPTTL | SET_PERSIST | SET_ANY_EXPIRE, true, true, true},
    {"px", SET_PX, SET_KEEPTTL | SET_PERSIST | SET_ANY_EXPIRE, true, true, true},
    {"exat", SET_EXAT, SET_KEEPTTL | SET_PERSIST | SET_ANY_EXPIRE, true, true, true},
    {"pxat", SET_PXAT, SET_KEEPTTL | SET_PERSIST | SET_ANY_EXPIRE, true, true, true},
};

static const struct set_word *set_word_find(slice s, bool getex) {
    for (size_t i = 0; i < sizeof set_words / sizeof *set_words; i++) {
        const struct set_word *w = &set_words[i];
        if ((getex ? w->in_getex : w->in_set) && slice_is(s, w->word)) return w;
    }
    return NULL;
}

/* The same option may stand twice, as in Redis (the last value counts); two different expire options may not. */
static bool parse_set_options(struct client *c, const slice *argv, int from, int argc, bool getex,
                              struct set_options *o) {
    *o = (struct set_options){0};
    for (int i = from; i < argc; i++) {
        const struct set_word *w = set_word_find(argv[i], getex);
        if (w == NULL || (o->flags & w->excludes & ~w->flag) != 0 || (w->has_value && i + 1 == argc)) {
            cmd_syntax_error(c);
            return false;
        }
        o->flags |= w->flag;
        if (w->has_value) o->expire = argv[++i];
    }
    return true;
}

static bool options_expire_ms(struct client *c, const struct set_options *o, const char *cmd, int64_t *ms) {
    int64_t given;
    if (!cmd_i64(c, o->expire, &given, NULL)) return false;
    if (given <= 0) { /* unlike EXPIRE, which takes it as "delete now" */
        reply_errorf(&c->out, "ERR invalid expire time in '%s' command", cmd);
        return false;
    }
    return cmd_expire_time(c, o->expire, (o->flags & (SET_EX | SET_EXAT)) != 0,
                           (o->flags & (SET_EXAT | SET_PXAT)) != 0, cmd, ms);
}

static void reply_string(struct client *c, const struct entry *e) {
    char scratch[NUM_INT_BYTES];
    slice s = str_get(e, scratch);
    reply_bulk(&c->out, s.p, s.n);
}

/* Replies the value, nil or WRONGTYPE; false in the last case. */
static bool reply_get(struct client *c, slice key, struct entry **out) {
    struct entry *e = db_read(client_db(c), key, 0);
    if (out != NULL) *out = e;
    if (e == NULL) {
        reply_null(&c->out);
        return true;
    }
    if (!cmd_type_is(c, e, TYPE_STRING)) return false;
    reply_string(c, e);
    return true;
}

static void propagate_set_pxat(slice key, slice value, int64_t expire_ms) {
    char digits[NUM_INT_BYTES];
    slice argv[] = {SLICE("SET"), key, value, SLICE("PXAT"), {digits, num_format_i64(digits, expire_ms)}};
    propagate_instead(5, argv);
}

/* SET without GET: replicas must not build a reply nobody reads. */
static void propagate_set_without_get(const slice *argv, uint32_t flags) {
    slice words[5] = {argv[0], argv[1], argv[2]};
    int n = 3;
    if (flags & (SET_NX | SET_XX)) words[n++] = flags & SET_NX ? SLICE("NX") : SLICE("XX");
    if (flags & SET_KEEPTTL) words[n++] = SLICE("KEEPTTL");
    propagate_instead(n, words);
}

enum set_result { SET_DONE, SET_NOT_DONE, SET_ERROR };

/* The one SET of SET, SETNX, SETEX and PSETEX. With SET_GET the old value has been replied. */
static enum set_result set_generic(struct client *c, slice key, slice value, const struct set_options *o,
                                   const char *cmd) {
    struct db *db = client_db(c);
    int64_t expire_ms = (o->flags & SET_KEEPTTL) ? KEEP_TTL : NO_EXPIRE;
    if ((o->flags & SET_ANY_EXPIRE) && !options_expire_ms(c, o, cmd, &expire_ms)) return SET_ERROR;
    if ((o->flags & SET_GET) && !reply_get(c, key, NULL)) return SET_ERROR;
    /* A lookup first only where the old key matters: it also removes an expired one, whose TTL must not be kept. */
    if (o->flags & (SET_NX | SET_XX | SET_KEEPTTL)) {
        bool found = db_write(db, key, 0) != NULL;
        if ((found && (o->flags & SET_NX)) || (!found && (o->flags & SET_XX))) return SET_NOT_DONE;
    }
    db_set_string(db, key, value, expire_ms);
    ks_dirty++;
    cmd_changed(c, key, NOTIFY_STRING, "set");
    if (o->flags & SET_ANY_EXPIRE) {
        propagate_set_pxat(key, value, expire_ms);
        ks_notify(NOTIFY_GENERIC, "expire", key, c->db);
    }
    return SET_DONE;
}

void set_command(struct client *c, const slice *argv, int argc) {
    struct set_options o = {0};
    if (argc > 3 && !parse_set_options(c, argv, 3, argc, false, &o)) return;
    enum set_result r = set_generic(c, argv[1], argv[2], &o, "set");
    if (r == SET_ERROR || (o.flags & SET_GET)) {
        if (r == SET_DONE && !(o.flags & SET_ANY_EXPIRE)) propagate_set_without_get(argv, o.flags);
        return;
    }
    if (r == SET_DONE)
        reply_ok(&c->out);
    else
        reply_null(&c->out);
}

void setnx_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    struct set_options o = {.flags = SET_NX};
    reply_int(&c->out, set_generic(c, argv[1], argv[2], &o, "setnx") == SET_DONE);
}

static void setex_generic(struct client *c, const slice *argv, uint32_t flag, const char *cmd) {
    struct set_options o = {.flags = flag, .expire = argv[2]};
    if (set_generic(c, argv[1], argv[3], &o, cmd) == SET_DONE) reply_ok(&c->out);
}

void setex_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    setex_generic(c, argv, SET_EX, "setex");
}

void psetex_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    setex_generic(c, argv, SET_PX, "psetex");
}

void get_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    reply_get(c, argv[1], NULL);
}

void getset_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    if (!reply_get(c, argv[1], NULL)) return;
    db_set_string(client_db(c), argv[1], argv[2], NO_EXPIRE);
    ks_dirty++;
    cmd_changed(c, argv[1], NOTIFY_STRING, "set");
    slice out[] = {SLICE("SET"), argv[1], argv[2]};
    propagate_instead(3, out);
}

void getdel_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    struct entry *e;
    if (reply_get(c, argv[1], &e) && e != NULL)
        cmd_delete_and_propagate(c, argv[1], server_config.lazyfree_user_del);
}

void getex_command(struct client *c, const slice *argv, int argc) {
    struct set_options o;
    if (!parse_set_options(c, argv, 2, argc, true, &o)) return;
    struct db *db = client_db(c);
    slice key = argv[1];
    struct entry *e = db_read(db, key, 0);
    if (e == NULL) {
        reply_null(&c->out);
        return;
    }
    if (!cmd_type_is(c, e, TYPE_STRING)) return;
    int64_t expire_ms = NO_EXPIRE;
    if ((o.flags & SET_ANY_EXPIRE) && !options_expire_ms(c, &o, "getex", &expire_ms)) return;
    reply_string(c, e);
    if ((o.flags & (SET_EXAT | SET_PXAT)) && cmd_already_expired(expire_ms)) {
        cmd_delete_and_propagate(c, key, ks_config.lazyfree_expire);
    } else if (o.flags & SET_ANY_EXPIRE) {
        db_set_expire(db, e, expire_ms);
        ks_dirty++;
        cmd_changed(c, key, NOTIFY_GENERIC, "expire");
        cmd_propagate_pexpireat(key, expire_ms);
    } else if ((o.flags & SET_PERSIST) && entry_expire_ms(e) != NO_EXPIRE) {
        db_set_expire(db, e, NO_EXPIRE);
        ks_dirty++;
        cmd_changed(c, key, NOTIFY_GENERIC, "persist");
        slice out[] = {SLICE("PERSIST"), key};
        propagate_instead(2, out);
    }
}

void mget_command(struct client *c, const slice *argv, int argc) {
    reply_array(&c->out, argc - 1);
    for (int i = 1; i < argc; i++) {
        struct entry *e = db_read(client_db(c), argv[i], 0);
        if (e == NULL || entry_type(e) != TYPE_STRING)
            reply_null(&c->out);
        else
            reply_string(c, e);
    }
}

static bool mset_arity_ok(struct client *c, int argc, const char *cmd) {
    if (argc % 2 == 1) return true;
    reply_errorf(&c->out, "ERR wrong number of arguments for '%s' command", cmd);
    return false;
}

static void mset_all(struct client *c, const slice *argv, int argc) {
    for (int i = 1; i < argc; i += 2) {
        db_set_string(client_db(c), argv[i], argv[i + 1], NO_EXPIRE);
        ks_dirty++;
        cmd_changed(c, argv[i], NOTIFY_STRING, "set");
    }
}

void mset_command(struct client *c, const slice *argv, int argc) {
    if (!mset_arity_ok(c, argc, "mset")) return;
    mset_all(c, argv, argc);
    reply_ok(&c->out);
}

void msetnx_command(struct client *c, const slice *argv, int argc) {
    if (!mset_arity_ok(c, argc, "msetnx")) return;
    for (int i = 1; i < argc; i += 2) {
        if (db_write(client_db(c), argv[i], 0) != NULL) {
            reply_int(&c->out, 0);
            return;
        }
    }
    mset_all(c, argv, argc);
    reply_int(&c->out, 1);
}

/* --- numbers --- */

static void incr_generic(struct client *c, slice key, int64_t by) {
    struct db *db = client_db(c);
    struct entry *e = db_write(db, key, 0);
    if (!cmd_type_is(c, e, TYPE_STRING)) return;
    int64_t v = 0;
    if (e != NULL && !str_get_i64(e, &v)) {
        reply_error(&c->out, "ERR value is not an integer or out of range");
        return;
    }
    if (__builtin_add_overflow(v, by, &v)) {
        reply_error(&c->out, "ERR increment or decrement would overflow");
        return;
    }
    if (e != NULL) {
        str_set_i64(db, e, v);
    } else {
        char digits[NUM_INT_BYTES];
        db_set_string(db, key, (slice){digits, num_format_i64(digits, v)}, NO_EXPIRE);
    }
    ks_dirty++;
    cmd_changed(c, key, NOTIFY_STRING, "incrby");
    reply_int(&c->out, v);
}

void incr_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    incr_generic(c, argv[1], 1);
}

void decr_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    incr_generic(c, argv[1], -1);
}

void incrby_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    int64_t by;
    if (cmd_i64(c, argv[2], &by, NULL)) incr_generic(c, argv[1], by);
}

void decrby_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    int64_t by;
    if (!cmd_i64(c, argv[2], &by, NULL)) return;
    if (by == INT64_MIN) {
        reply_error(&c->out, "ERR decrement would overflow");
        return;
    }
    incr_generic(c, argv[1], -by);
}

void incrbyfloat_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    struct db *db = client_db(c);
    slice key = argv[1];
    struct entry *e = db_write(db, key, 0);
    if (!cmd_type_is(c, e, TYPE_STRING)) return;
    char scratch[NUM_INT_BYTES];
    long double v = 0, by;
    if ((e != NULL && !num_parse_long_double(str_get(e, scratch), &v)) ||
        !num_parse_long_double(argv[2], &by)) {
        reply_error(&c->out, "ERR value is not a valid float");
        return;
    }
    v += by;
    if (isnan(v) || isinf(v)) {
        reply_error(&c->out, "ERR increment would produce NaN or Infinity");
        return;
    }
    char text[NUM_LONG_DOUBLE_BYTES];
    slice value = {text, num_format_long_double(text, sizeof text, v)};
    /* Never stored as an integer, even when it is one: the next INCRBYFLOAT wants text again. */
    struct value stored = {.type = TYPE_STRING, .encoding = VALUE_NOT_INT, .bytes = value};
    db_set(db, key, &stored, e != NULL ? KEEP_TTL : NO_EXPIRE);
    ks_dirty++;
    cmd_changed(c, key, NOTIFY_STRING, "incrbyfloat");
    reply_bulk(&c->out, value.p, value.n);
    /* Replicas get the result: floating point may differ between builds and machines. */
    slice out[] = {SLICE("SET"), key, value, SLICE("KEEPTTL")};
    propagate_instead(4, out);
}

/* --- bytes --- */

/* Commands of our master and of append-only files are obeyed whatever their size. */
static bool length_fits(struct client *c, uint64_t a, uint64_t b) {
    uint64_t total;
    bool overflow = __builtin_add_overflow(a, b, &total);
    if ((c->flags & (CLIENT_MASTER | CLIENT_FAKE)) && !overflow) return true;
    if (!overflow && total <= (uint64_t)client_config.max_bulk_bytes) return true;
    reply_error(&c->out, "ERR string exceeds maximum allowed size (proto-max-bulk-len)");
    return false;
}

void strlen_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    struct entry *e = db_read(client_db(c), argv[1], 0);
    if (!cmd_type_is(c, e, TYPE_STRING)) return;
    reply_int(&c->out, e != NULL ? (int64_t)str_len(e) : 0);
}

void append_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    struct db *db = client_db(c);
    struct entry *e = db_write(db, argv[1], 0);
    if (!cmd_type_is(c, e, TYPE_STRING)) return;
    size_t total = argv[2].n;
    if (e == NULL) {
        db_set_string(db, argv[1], argv[2], NO_EXPIRE);
    } else {
        size_t old = str_len(e);
        if (!length_fits(c, old, argv[2].n)) return;
        total = old + argv[2].n;
        memcpy(str_grow(db, &e, total) + old, argv[2].p, argv[2].n);
    }
    ks_dirty++;
    cmd_changed(c, argv[1], NOTIFY_STRING, "append");
    reply_int(&c->out, (int64_t)total);
}

void setrange_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    struct db *db = client_db(c);
    slice key = argv[1], value = argv[3];
    int64_t offset;
    if (!cmd_i64(c, argv[2], &offset, NULL)) return;
    if (offset < 0) {
        reply_error(&c->out, "ERR offset is out of range");
        return;
    }
    struct entry *e = db_write(db, key, 0);
    if (!cmd_type_is(c, e, TYPE_STRING)) return;
    size_t old = e != NULL ? str_len(e) : 0;
    if (value.n == 0) { /* nothing to write: no key is made, no padding added */
        reply_int(&c->out, (int64_t)old);
        return;
    }
    if (!length_fits(c, (uint64_t)offset, value.n)) return;
    if (e == NULL) e = db_set_string(db, key, SLICE(""), NO_EXPIRE);
    size_t end = (size_t)offset + value.n;
    size_t total = end > old ? end : old;
    memcpy(str_grow(db, &e, total) + offset, value.p, value.n);
    ks_dirty++;
    cmd_changed(c, key, NOTIFY_STRING, "setrange");
    reply_int(&c->out, (int64_t)total);
}

void getrange_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    int64_t start, end;
    if (!cmd_i64(c, argv[2], &start, NULL) || !cmd_i64(c, argv[3], &end, NULL)) return;
    struct entry *e = db_read(client_db(c), argv[1], 0);
    if (!cmd_type_is(c, e, TYPE_STRING)) return;
    char scratch[NUM_INT_BYTES];
    slice s = e != NULL ? str_get(e, scratch) : SLICE("");
    int64_t n = (int64_t)s.n;
    bool reversed = start < 0 && end < 0 && start > end; /* decided before clamping, as in Redis */
    if (start < 0) start = start + n > 0 ? start + n : 0;
    if (end < 0) end = end + n > 0 ? end + n : 0;
    if (end >= n) end = n - 1;
    if (reversed || n == 0 || start > end)
        reply_bulk(&c->out, "", 0);
    else
        reply_bulk(&c->out, s.p + start, (size_t)(end - start + 1));
}

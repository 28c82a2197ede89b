/* Hash commands that look at or change single fields: translation between requests and keyspace/hash.h.
 *
 * Invariant: a command either replies an error and changes nothing, or changes the hash, signals its key once and counts
 * ks_dirty. No key holds an empty hash. Those that return many fields are in hash_walk_cmd.c. */
#include "command/command.h"
#include "command/families.h"
#include "command/handlers.h"
#include "command/propagate.h"
#include "keyspace/hash.h"

#include <math.h>

/* The hash at a key that is about to be changed; e NULL: a new one that hash_written gives to the key. */
struct target {
    struct entry *e;
    struct hash h;
};

static bool hash_for_write(struct client *c, slice key, struct target *t) {
    t->e = db_write(client_db(c), key, 0);
    if (!cmd_type_is(c, t->e, TYPE_HASH)) return false;
    t->h = t->e ? hash_of(t->e) : hash_new();
    return true;
}

static void hash_written(struct client *c, slice key, struct target *t, const char *event) {
    if (t->e) {
        hash_store(t->e, t->h);
    } else {
        struct value v = hash_value(t->h);
        db_set(client_db(c), key, &v, NO_EXPIRE);
    }
    cmd_changed(c, key, NOTIFY_HASH, event);
}

/* False when the reply is due to what is there: nothing, or a wrong type (then replied). */
static bool hash_for_read(struct client *c, slice key, struct hash *h, bool *wrong) {
    struct entry *e = db_read(client_db(c), key, 0);
    *wrong = !cmd_type_is(c, e, TYPE_HASH);
    if (!e || *wrong) return false;
    *h = hash_of(e);
    return true;
}

static bool hset_generic(struct client *c, const slice *argv, int argc, int64_t *added) {
    struct target t;
    if (argc % 2 == 1) {
        cmd_arity_error(c, argv);
        return false;
    }
    if (!hash_for_write(c, argv[1], &t)) return false;
    *added = 0;
    for (int i = 2; i < argc; i += 2) *added += hash_set(&t.h, argv[i], argv[i + 1]);
    hash_written(c, argv[1], &t, "hset");
    ks_dirty += (uint64_t)(argc - 2) / 2;
    return true;
}

void hset_command(struct client *c, const slice *argv, int argc) {
    int64_t added;
    if (hset_generic(c, argv, argc, &added)) reply_int(&c->out, added);
}

void hmset_command(struct client *c, const slice *argv, int argc) {
    int64_t added;
    if (hset_generic(c, argv, argc, &added)) reply_ok(&c->out);
}

void hsetnx_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    struct target t;
    if (!hash_for_write(c, argv[1], &t)) return;
    if (hash_has(t.h, argv[2])) {
        reply_int(&c->out, 0);
        return;
    }
    hash_set(&t.h, argv[2], argv[3]);
    hash_written(c, argv[1], &t, "hset");
    ks_dirty++;
    reply_int(&c->out, 1);
}

void hdel_command(struct client *c, const slice *argv, int argc) {
    slice key = argv[1];
    struct entry *e = db_write(client_db(c), key, 0);
    if (!cmd_type_is(c, e, TYPE_HASH)) return;
    int64_t deleted = 0;
    if (e) {
        struct hash h = hash_of(e);
        for (int i = 2; i < argc && hash_count(h) > 0; i++) deleted += hash_delete(&h, argv[i]);
        hash_store(e, h);
        if (deleted > 0) cmd_elements_removed(c, key, NOTIFY_HASH, "hdel", hash_count(h) == 0);
    }
    ks_dirty += (uint64_t)deleted;
    reply_int(&c->out, deleted);
}

/* --- reading --- */

static void reply_field(struct client *c, struct hash h, slice field) {
    char scratch[NUM_INT_BYTES];
    slice value;
    if (hash_get(h, field, &value, scratch))
        reply_bulk(&c->out, value.p, value.n);
    else
        reply_null(&c->out);
}

void hget_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    struct hash h;
    bool wrong;
    if (hash_for_read(c, argv[1], &h, &wrong))
        reply_field(c, h, argv[2]);
    else if (!wrong)
        reply_null(&c->out);
}

void hmget_command(struct client *c, const slice *argv, int argc) {
    struct hash h;
    bool wrong, found = hash_for_read(c, argv[1], &h, &wrong);
    if (wrong) return;
    reply_array(&c->out, argc - 2);
    for (int i = 2; i < argc; i++) {
        if (found)
            reply_field(c, h, argv[i]);
        else
            reply_null(&c->out);
    }
}

void hexists_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    struct hash h;
    bool wrong, has = hash_for_read(c, argv[1], &h, &wrong) && hash_has(h, argv[2]);
    if (!wrong) reply_int(&c->out, has);
}

void hlen_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    struct hash h;
    bool wrong, found = hash_for_read(c, argv[1], &h, &wrong);
    if (!wrong) reply_int(&c->out, found ? (int64_t)hash_count(h) : 0);
}

void hstrlen_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    struct hash h;
    bool wrong;
    char scratch[NUM_INT_BYTES];
    slice value = {NULL, 0};
    if (hash_for_read(c, argv[1], &h, &wrong)) hash_get(h, argv[2], &value, scratch);
    if (!wrong) reply_int(&c->out, (int64_t)value.n);
}

/* --- numbers --- */

/* The reply is an error: a hash that was made for the command goes again. */
static void refuse(struct client *c, const struct target *t, const char *error) {
    if (!t->e) hash_free(t->h);
    reply_error(&c->out, error);
}

void hincrby_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    struct target t;
    int64_t by, now = 0;
    slice text;
    char scratch[NUM_INT_BYTES];
    if (!cmd_i64(c, argv[3], &by, NULL) || !hash_for_write(c, argv[1], &t)) return;
    if (hash_get(t.h, argv[2], &text, scratch) && !num_parse_i64(text, &now)) {
        refuse(c, &t, "ERR hash value is not an integer");
        return;
    }
    if (__builtin_add_overflow(now, by, &now)) {
        refuse(c, &t, "ERR increment or decrement would overflow");
        return;
    }
    hash_set(&t.h, argv[2], (slice){scratch, num_format_i64(scratch, now)});
    hash_written(c, argv[1], &t, "hincrby");
    ks_dirty++;
    reply_int(&c->out, now);
}

static bool parse_increment(struct client *c, slice s, long double *by) {
    if (!num_parse_long_double(s, by)) {
        reply_error(&c->out, "ERR value is not a valid float");
        return false;
    }
    if (isinf(*by)) {
        reply_error(&c->out, "ERR value is NaN or Infinity");
        return false;
    }
    return true;
}

void hincrbyfloat_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    struct target t;
    long double by, now = 0;
    slice text;
    char scratch[NUM_INT_BYTES], digits[NUM_LONG_DOUBLE_BYTES];
    if (!parse_increment(c, argv[3], &by) || !hash_for_write(c, argv[1], &t)) return;
    if (hash_get(t.h, argv[2], &text, scratch) && !num_parse_long_double(text, &now)) {
        refuse(c, &t, "ERR hash value is not a float");
        return;
    }
    now += by;
    if (isnan(now) || isinf(now)) {
        refuse(c, &t, "ERR increment would produce NaN or Infinity");
        return;
    }
    slice value = {digits, num_format_long_double(digits, sizeof digits, now)};
    hash_set(&t.h, argv[2], value);
    hash_written(c, argv[1], &t, "hincrbyfloat");
    ks_dirty++;
    reply_bulk(&c->out, value.p, value.n);
    /* Replicas get the result: floating point may differ between builds and machines. */
    slice out[] = {SLICE("HSET"), argv[1], argv[2], value};
    propagate_instead(4, out);
}

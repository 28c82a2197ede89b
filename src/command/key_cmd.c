/* Commands on keys of any type: existence, names, places, and what OBJECT tells.
 *
 * Invariant: a key that changes hands (RENAME, MOVE, COPY) is signalled under both names, and its expiry travels with it.
 * Nothing here looks inside a value. */
#include "command/command.h"
#include "command/families.h"
#include "command/handlers.h"
#include "keyspace/str.h"
#include "server/config.h"

static void del_generic(struct client *c, const slice *argv, int argc, bool lazily) {
    struct db *db = client_db(c);
    int64_t deleted = 0;
    for (int i = 1; i < argc; i++) {
        if (!cmd_delete(db, argv[i], lazily)) continue;
        cmd_changed(c, argv[i], NOTIFY_GENERIC, "del");
        ks_dirty++;
        deleted++;
    }
    reply_int(&c->out, deleted);
}

void del_command(struct client *c, const slice *argv, int argc) {
    del_generic(c, argv, argc, server_config.lazyfree_user_del);
}

void unlink_command(struct client *c, const slice *argv, int argc) {
    del_generic(c, argv, argc, true);
}

static void count_found(struct client *c, const slice *argv, int argc, int flags) {
    int64_t found = 0;
    for (int i = 1; i < argc; i++) found += db_read(client_db(c), argv[i], flags) != NULL;
    reply_int(&c->out, found);
}

void exists_command(struct client *c, const slice *argv, int argc) {
    count_found(c, argv, argc, LOOKUP_NOTOUCH);
}

void touch_command(struct client *c, const slice *argv, int argc) {
    count_found(c, argv, argc, 0);
}

void type_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    struct entry *e = db_read(client_db(c), argv[1], LOOKUP_NOTOUCH);
    reply_status(&c->out, e != NULL ? entry_type_name(e) : "none");
}

void randomkey_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    struct entry *e = db_random(client_db(c));
    if (e == NULL) {
        reply_null(&c->out);
        return;
    }
    slice key = entry_key(e);
    reply_bulk(&c->out, key.p, key.n);
}

/* --- changing names and places --- */

static void rename_generic(struct client *c, const slice *argv, bool nx) {
    struct db *db = client_db(c);
    slice from = argv[1], to = argv[2];
    if (db_write(db, from, 0) == NULL) {
        reply_error(&c->out, "ERR no such key");
        return;
    }
    bool same = slice_eq(from, to);
    bool refused = nx && (same || db_write(db, to, 0) != NULL);
    if (refused) {
        reply_int(&c->out, 0);
        return;
    }
    if (!same) {
        cmd_delete(db, to, ks_config.lazyfree_server_del);
        db_move_entry(db, from, db, to);
        db_modified(db, from);
        db_modified(db, to);
        ks_notify(NOTIFY_GENERIC, "rename_from", from, c->db);
        ks_notify(NOTIFY_GENERIC, "rename_to", to, c->db);
        ks_dirty++;
    }
    if (nx)
        reply_int(&c->out, 1);
    else
        reply_ok(&c->out);
}

void rename_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    rename_generic(c, argv, false);
}

void renamenx_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    rename_generic(c, argv, true);
}

void move_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    struct db *from = client_db(c), *to;
    slice key = argv[1];
    int to_id;
    if (!cmd_db_index(c, argv[2], &to_id, NULL)) return;
    to = ks_db(to_id);
    if (to == from) {
        reply_error(&c->out, "ERR source and destination objects are the same");
        return;
    }
    if (db_write(from, key, 0) == NULL || db_write(to, key, 0) != NULL) {
        reply_int(&c->out, 0);
        return;
    }
    db_move_entry(from, key, to, key);
    db_modified(from, key);
    db_modified(to, key);
    ks_notify(NOTIFY_GENERIC, "move_from", key, db_id(from));
    ks_notify(NOTIFY_GENERIC, "move_to", key, db_id(to));
    ks_dirty++;
    reply_int(&c->out, 1);
}

static bool parse_copy(struct client *c, const slice *argv, int argc, struct db **to, bool *replace) {
    int to_id = c->db;
    *replace = false;
    for (int i = 3; i < argc; i++) {
        if (slice_is(argv[i], "replace")) {
            *replace = true;
        } else if (slice_is(argv[i], "db") && i + 1 < argc) {
            if (!cmd_db_index(c, argv[++i], &to_id, NULL)) return false;
        } else {
            cmd_syntax_error(c);
            return false;
        }
    }
    *to = ks_db(to_id);
    return true;
}

void copy_command(struct client *c, const slice *argv, int argc) {
    struct db *from = client_db(c), *to;
    slice key = argv[1], new_key = argv[2];
    bool replace;
    if (!parse_copy(c, argv, argc, &to, &replace)) return;
    if (to == from && slice_eq(key, new_key)) {
        reply_error(&c->out, "ERR source and destination objects are the same");
        return;
    }
    if (db_read(from, key, 0) == NULL) {
        reply_int(&c->out, 0);
        return;
    }
    if (db_write(to, new_key, 0) != NULL) {
        if (!replace) {
            reply_int(&c->out, 0);
            return;
        }
        cmd_delete(to, new_key, ks_config.lazyfree_server_del);
    }
    db_copy_entry(from, key, to, new_key);
    db_modified(to, new_key);
    ks_notify(NOTIFY_GENERIC, "copy_to", new_key, db_id(to));
    ks_dirty++;
    reply_int(&c->out, 1);
}

/* --- OBJECT --- */

static struct entry *object_entry(struct client *c, slice key) {
    struct entry *e = db_read(client_db(c), key, LOOKUP_NOTOUCH | LOOKUP_NONOTIFY);
    if (e == NULL) reply_null(&c->out);
    return e;
}

void object_encoding_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    struct entry *e = object_entry(c, argv[2]);
    if (e != NULL) reply_bulk_str(&c->out, entry_encoding_name(e));
}

/* Small integers are shared in the reference and clients see it: 2147483647. Here nothing is ever shared. */
void object_refcount_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    struct entry *e = object_entry(c, argv[2]);
    if (e == NULL) return;
    int64_t v = -1;
    bool small = entry_type(e) == TYPE_STRING && str_is_int(e) && str_get_i64(e, &v) && v >= 0 && v < 10000;
    reply_int(&c->out, small ? INT32_MAX : 1);
}

#define ADJUST_NOTE                                                                                          \
    " Please note that when switching between policies at runtime LRU and LFU data will take some time to "  \
    "adjust."

void object_idletime_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    struct entry *e = object_entry(c, argv[2]);
    if (e == NULL) return;
    if (ks_config.lfu)
        reply_error(&c->out, "ERR An LFU maxmemory policy is selected, idle time not tracked." ADJUST_NOTE);
    else
        reply_int(&c->out, (int64_t)(entry_idle_ms(e) / 1000));
}

void object_freq_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    struct entry *e = object_entry(c, argv[2]);
    if (e == NULL) return;
    if (!ks_config.lfu)
        reply_error(&c->out,
                    "ERR An LFU maxmemory policy is not selected, access frequency not tracked." ADJUST_NOTE);
    else
        reply_int(&c->out, entry_freq(e));
}

void object_help_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    static const char *const lines[] = {
        "ENCODING <key>",
        "    Return the kind of internal representation used in order to store the value",
        "    associated with a <key>.",
        "FREQ <key>",
        "    Return the access frequency index of the <key>. The returned integer is",
        "    proportional to the logarithm of the recent access frequency of the key.",
        "IDLETIME <key>",
        "    Return the idle time of the <key>, that is the approximated number of",
        "    seconds elapsed since the last access to the key.",
        "REFCOUNT <key>",
        "    Return the number of references of the value associated with the specified",
        "    <key>.",
        NULL};
    cmd_help(c, "OBJECT", lines);
}

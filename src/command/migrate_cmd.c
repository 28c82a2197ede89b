/* MIGRATE: keys move to another server, which gets each as RESTORE and answers before the key is deleted here.
 *
 * Invariant: a key goes away here only after the other side has said that it has it; so at worst (the answer was lost) it
 * is at both, never at none. To replicas and AOF it is a DEL of those keys. The server waits meanwhile (migrate_link.h). */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/num.h"
#include "command/families.h"
#include "command/handlers.h"
#include "command/migrate_link.h"
#include "command/propagate.h"
#include "rdb/rdb.h"
#include "resp/request.h"

struct migrate {
    slice host, port;
    int64_t dbid, timeout_ms;
    bool copy, replace;
    slice user, password; /* p NULL: not given */
    slice *keys;          /* those that are here */
    int n_keys, room;
    int n_moved; /* of the first keys, in order: deleted here */
};

/* AUTH password, AUTH2 user password: the options' words after argv[i]. Returns how many there are, -1: too few. */
static int parse_auth(const slice *argv, int argc, int i, struct migrate *m) {
    bool with_user = slice_is(argv[i], "auth2");
    int words = with_user ? 2 : 1;
    if (i + words >= argc) return -1;
    m->user = with_user ? argv[i + 1] : (slice){NULL, 0};
    m->password = argv[i + words];
    return words;
}

/* Where the keys begin and how many there are. */
static bool parse(struct client *c, const slice *argv, int argc, struct migrate *m, int *first) {
    *m = (struct migrate){.host = argv[1], .port = argv[2], .room = 1};
    *first = 3;
    for (int i = 6; i < argc; i++) {
        if (slice_is(argv[i], "copy")) {
            m->copy = true;
        } else if (slice_is(argv[i], "replace")) {
            m->replace = true;
        } else if (slice_is(argv[i], "auth") || slice_is(argv[i], "auth2")) {
            int words = parse_auth(argv, argc, i, m);
            if (words < 0) {
                cmd_syntax_error(c);
                return false;
            }
            i += words;
        } else if (slice_is(argv[i], "keys")) {
            if (argv[3].n != 0) {
                reply_error(&c->out,
                            "ERR When using MIGRATE KEYS option, the key argument must be set to the "
                            "empty string");
                return false;
            }
            *first = i + 1;
            m->room = argc - i - 1;
            break;
        } else {
            cmd_syntax_error(c);
            return false;
        }
    }
    if (!cmd_i64(c, argv[5], &m->timeout_ms, NULL) || !cmd_i64(c, argv[4], &m->dbid, NULL)) return false;
    if (m->timeout_ms <= 0) m->timeout_ms = 1000;
    return true;
}

static void find_keys(struct client *c, const slice *keys, struct migrate *m) {
    m->keys = mem_alloc((size_t)m->room * sizeof *m->keys);
    for (int i = 0; i < m->room; i++)
        if (db_read(client_db(c), keys[i], 0)) m->keys[m->n_keys++] = keys[i];
}

/* --- the conversation --- */

static sds add_restore(sds out, const struct migrate *m, slice key, const struct entry *e) {
    char ttl[NUM_INT_BYTES];
    int64_t expire_ms = entry_expire_ms(e), left = 0;
    if (expire_ms != NO_EXPIRE) left = expire_ms > clock_ms() ? expire_ms - clock_ms() : 1;
    sds payload = sds_empty();
    rdb_dump_value(&payload, e);
    slice argv[] = {
        SLICE("RESTORE"), key, {ttl, num_format_i64(ttl, left)}, sds_slice(payload), SLICE("REPLACE")};
    out = request_cat(out, m->replace ? 5 : 4, argv);
    sds_free(payload);
    return out;
}

static sds add_head(sds out, const struct migrate *m, bool select) {
    if (m->password.p) {
        slice with_user[] = {SLICE("AUTH"), m->user, m->password}, without[] = {SLICE("AUTH"), m->password};
        out = m->user.p ? request_cat(out, 3, with_user) : request_cat(out, 2, without);
    }
    if (select) {
        char digits[NUM_INT_BYTES];
        slice argv[] = {SLICE("SELECT"), {digits, num_format_i64(digits, m->dbid)}};
        out = request_cat(out, 2, argv);
    }
    return out;
}

static enum migrate_io send_all(struct client *c, struct migrate_link *l, const struct migrate *m,
                                bool select) {
    sds out = add_head(sds_empty(), m, select);
    enum migrate_io io = MIGRATE_OK;
    for (int i = 0; i < m->n_keys && io == MIGRATE_OK; i++) {
        out = add_restore(out, m, m->keys[i], db_read(client_db(c), m->keys[i], LOOKUP_NOEFFECTS));
        if (sds_len(out) < MIGRATE_CHUNK_BYTES && i + 1 < m->n_keys) continue;
        io = migrate_send(l, out, sds_len(out), m->timeout_ms);
        sds_set_len(out, 0);
    }
    sds_free(out);
    return io;
}

static void delete_key(struct client *c, slice key) {
    cmd_delete(client_db(c), key, ks_config.lazyfree_server_del);
    cmd_changed(c, key, NOTIFY_GENERIC, "del");
    ks_dirty++;
}

struct answers {
    char refused[MIGRATE_LINE_BYTES]; /* the first error, "" when there is none */
    int keys;                         /* answered, whatever the answer */
};

/* One answer for each request sent. An error before the first RESTORE's stands for all. */
static enum migrate_io read_answers(struct client *c, struct migrate_link *l, struct migrate *m, bool select,
                                    struct answers *a) {
    char line[MIGRATE_LINE_BYTES];
    bool head_refused = false;
    int head = (m->password.p != NULL) + select;
    for (int i = 0; i < head + m->n_keys; i++) {
        enum migrate_io io = migrate_line(l, line, m->timeout_ms);
        if (io != MIGRATE_OK) return io;
        bool refused = line[0] == '-';
        if (refused && !a->refused[0]) memcpy(a->refused, line, sizeof line);
        if (i < head) {
            head_refused |= refused;
            continue;
        }
        a->keys++;
        if (refused || head_refused || m->copy) continue;
        delete_key(c, m->keys[i - head]);
        m->keys[m->n_moved++] = m->keys[i - head]; /* no hole where one was refused */
    }
    return MIGRATE_OK;
}

static void propagate_moved(const struct migrate *m) {
    if (m->n_moved == 0) return;
    size_t bytes = (size_t)(m->n_moved + 1) * sizeof(slice);
    slice *argv = mem_alloc(bytes);
    argv[0] = SLICE("DEL");
    memcpy(argv + 1, m->keys, bytes - sizeof(slice));
    propagate_instead(m->n_moved + 1, argv);
    mem_free(argv, bytes);
}

/* false: nothing was replied and the link was closed; a fresh connection may be tried, because no key has moved and the
 * time is not over. (A kept connection is often one that the other side has closed meanwhile.) */
static bool attempt(struct client *c, struct migrate *m, bool last_try) {
    struct migrate_link *l = migrate_link_get(m->host, m->port, m->timeout_ms);
    if (!l) {
        reply_error(&c->out, "IOERR error or timeout connecting to the client");
        return true;
    }
    struct answers a = {.refused = ""};
    bool select = l->dbid != m->dbid;
    enum migrate_io sent = send_all(c, l, m, select);
    enum migrate_io io = sent == MIGRATE_OK ? read_answers(c, l, m, select, &a) : sent;
    propagate_moved(m);
    if (io != MIGRATE_OK) {
        migrate_link_close(l);
        bool error_came = a.refused[0] && a.keys > 0;
        if (io != MIGRATE_TIMEOUT && a.keys == 0 && !last_try) return false;
        if (!error_came) {
            reply_errorf(&c->out, "IOERR error or timeout %s to target instance",
                         sent ? "writing" : "reading");
            return true;
        }
    } else {
        l->dbid = a.refused[0] ? MIGRATE_NO_DB : m->dbid;
    }
    if (a.refused[0])
        reply_errorf(&c->out, "ERR Target instance replied with error: %s", a.refused + 1);
    else
        reply_ok(&c->out);
    return true;
}

void migrate_command(struct client *c, const slice *argv, int argc) {
    struct migrate m;
    int first;
    if (!parse(c, argv, argc, &m, &first)) return;
    find_keys(c, argv + first, &m);
    if (m.n_keys == 0) {
        reply_status(&c->out, "NOKEY");
    } else {
        if (!attempt(c, &m, false)) attempt(c, &m, true);
        clock_update();
    }
    mem_free(m.keys, (size_t)m.room * sizeof *m.keys);
}

/* DUMP and RESTORE: a value as a payload of its own, out and in. The payload comes from anybody and is not trusted
 * (rdb/dump.c checks it); a refused one changes nothing. */
#include "base/clock.h"
#include "base/num.h"
#include "command/command.h"
#include "command/families.h"
#include "command/handlers.h"
#include "command/propagate.h"
#include "rdb/rdb.h"

void dump_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    struct entry *e = db_read(client_db(c), argv[1], 0);
    if (e == NULL) {
        reply_null(&c->out);
        return;
    }
    sds payload = sds_empty();
    rdb_dump_value(&payload, e);
    reply_bulk(&c->out, payload, sds_len(payload));
    sds_free(payload);
}

struct restore_options {
    bool replace, absolute_ttl;
    int64_t idle_s, freq; /* -1: not given */
    int64_t ttl_ms;
};

static bool parse_number_option(struct client *c, slice s, int64_t max, const char *err, int64_t *out) {
    if (!cmd_i64(c, s, out, NULL)) return false;
    if (*out >= 0 && *out <= max) return true;
    reply_error(&c->out, err);
    return false;
}

static bool parse_restore(struct client *c, const slice *argv, int argc, struct restore_options *o) {
    *o = (struct restore_options){.idle_s = -1, .freq = -1};
    for (int i = 4; i < argc; i++) {
        bool has_value = i + 1 < argc;
        if (slice_is(argv[i], "replace")) {
            o->replace = true;
        } else if (slice_is(argv[i], "absttl")) {
            o->absolute_ttl = true;
        } else if (slice_is(argv[i], "idletime") && has_value && o->freq == -1) {
            if (!parse_number_option(c, argv[++i], INT64_MAX, "ERR Invalid IDLETIME value, must be >= 0",
                                     &o->idle_s))
                return false;
        } else if (slice_is(argv[i], "freq") && has_value && o->idle_s == -1) {
            if (!parse_number_option(c, argv[++i], 255, "ERR Invalid FREQ value, must be >= 0 and <= 255",
                                     &o->freq))
                return false;
        } else {
            cmd_syntax_error(c);
            return false;
        }
    }
    return true;
}

static void restore_set_lru(struct entry *e, const struct restore_options *o) {
    if (o->freq >= 0 && ks_config.lfu)
        entry_set_freq(e, (uint8_t)o->freq);
    else if (o->idle_s >= 0 && !ks_config.lfu)
        entry_set_idle_s(e, (uint64_t)o->idle_s);
}

/* Replicas get the absolute time, so that the same key dies at the same moment everywhere. */
static void restore_propagate(const slice *argv, const struct restore_options *o) {
    if (o->ttl_ms == 0 || o->absolute_ttl) return;
    char ttl[NUM_INT_BYTES], number[NUM_INT_BYTES];
    slice out[8] = {argv[0], argv[1], {ttl, num_format_i64(ttl, o->ttl_ms)}, argv[3]};
    int n = 4;
    if (o->replace) out[n++] = SLICE("REPLACE");
    if (o->idle_s >= 0 || o->freq >= 0) { /* one of them */
        out[n++] = o->idle_s >= 0 ? SLICE("IDLETIME") : SLICE("FREQ");
        out[n++] = (slice){number, num_format_i64(number, o->idle_s >= 0 ? o->idle_s : o->freq)};
    }
    out[n++] = SLICE("ABSTTL");
    propagate_instead(n, out);
}

void restore_command(struct client *c, const slice *argv, int argc) {
    struct restore_options o;
    struct db *db = client_db(c);
    slice key = argv[1];
    if (!parse_restore(c, argv, argc, &o)) return;
    if (!o.replace && db_write(db, key, 0) != NULL) {
        reply_error(&c->out, "BUSYKEY Target key name already exists.");
        return;
    }
    if (!cmd_i64(c, argv[2], &o.ttl_ms, NULL)) return;
    if (o.ttl_ms < 0) {
        reply_error(&c->out, "ERR Invalid TTL value, must be >= 0");
        return;
    }
    struct value v;
    sds hold = NULL;
    const char *err = rdb_restore_value(argv[3], &v, &hold);
    if (err != NULL) {
        reply_error(&c->out, err);
        return;
    }
    bool had_old = o.replace && db_write(db, key, 0) != NULL;
    if (o.ttl_ms > 0 && !o.absolute_ttl && __builtin_add_overflow(o.ttl_ms, clock_ms(), &o.ttl_ms))
        o.ttl_ms = INT64_MAX;
    if (o.ttl_ms > 0 && cmd_already_expired(o.ttl_ms)) {
        if (had_old) cmd_delete_and_propagate(c, key, ks_config.lazyfree_expire);
        value_free(&v);
    } else {
        struct entry *e = db_set(db, key, &v, o.ttl_ms > 0 ? o.ttl_ms : NO_EXPIRE);
        restore_set_lru(e, &o);
        restore_propagate(argv, &o);
        if (had_old) ks_notify(NOTIFY_NEW, "new", key, c->db); /* the old key counts as deleted */
        cmd_changed(c, key, NOTIFY_GENERIC, "restore");
        ks_dirty++;
    }
    sds_free(hold);
    reply_ok(&c->out);
}

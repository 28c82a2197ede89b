/* Times to live: the EXPIRE family, TTL family and PERSIST.
 *
 * Invariant: whatever form the client used, what leaves for replicas is an absolute time (PEXPIREAT), or DEL when
 * the time is already past. */
#include "base/clock.h"
#include "base/num.h"
#include "command/command.h"
#include "command/families.h"
#include "command/handlers.h"
#include "command/propagate.h"
#include "rdb/rdb.h"
#include "repl/repl.h"

bool cmd_already_expired(int64_t expire_ms) {
    return expire_ms <= clock_ms() && !rdb_loading.active && !repl_is_replica();
}

void cmd_propagate_pexpireat(slice key, int64_t expire_ms) {
    char digits[NUM_INT_BYTES];
    slice argv[] = {SLICE("PEXPIREAT"), key, {digits, num_format_i64(digits, expire_ms)}};
    propagate_instead(3, argv);
}

void cmd_delete_and_propagate(struct client *c, slice key, bool lazily) {
    slice argv[] = {lazily ? SLICE("UNLINK") : SLICE("DEL"), key};
    propagate_instead(2, argv);
    cmd_delete(client_db(c), key, lazily);
    ks_dirty++;
    cmd_changed(c, key, NOTIFY_GENERIC, "del");
}

enum { EXPIRE_NX = 1, EXPIRE_XX = 2, EXPIRE_GT = 4, EXPIRE_LT = 8 };

static bool parse_conditions(struct client *c, const slice *argv, int argc, int *flags) {
    *flags = 0;
    for (int i = 3; i < argc; i++) {
        if (slice_is(argv[i], "nx")) {
            *flags |= EXPIRE_NX;
        } else if (slice_is(argv[i], "xx")) {
            *flags |= EXPIRE_XX;
        } else if (slice_is(argv[i], "gt")) {
            *flags |= EXPIRE_GT;
        } else if (slice_is(argv[i], "lt")) {
            *flags |= EXPIRE_LT;
        } else {
            reply_errorf(&c->out, "ERR Unsupported option %.*s", SLICE_ARGS(argv[i]));
            return false;
        }
    }
    if ((*flags & EXPIRE_NX) && (*flags & ~EXPIRE_NX)) {
        reply_error(&c->out, "ERR NX and XX, GT or LT options at the same time are not compatible");
        return false;
    }
    if ((*flags & EXPIRE_GT) && (*flags & EXPIRE_LT)) {
        reply_error(&c->out, "ERR GT and LT options at the same time are not compatible");
        return false;
    }
    return true;
}

/* A key without TTL counts as one that never expires: later than any GT, and any LT is earlier. */
static bool conditions_hold(int flags, int64_t now_set, int64_t wanted) {
    if ((flags & EXPIRE_NX) && now_set != NO_EXPIRE) return false;
    if ((flags & EXPIRE_XX) && now_set == NO_EXPIRE) return false;
    if ((flags & EXPIRE_GT) && (now_set == NO_EXPIRE || wanted <= now_set)) return false;
    if ((flags & EXPIRE_LT) && now_set != NO_EXPIRE && wanted >= now_set) return false;
    return true;
}

static void expire_generic(struct client *c, const slice *argv, int argc, bool seconds, bool absolute,
                           const char *name) {
    int flags;
    int64_t at_ms;
    slice key = argv[1];
    if (!parse_conditions(c, argv, argc, &flags)) return;
    if (!cmd_expire_time(c, argv[2], seconds, absolute, name, &at_ms)) return;
    struct entry *e = db_write(client_db(c), key, 0);
    if (e == NULL || !conditions_hold(flags, entry_expire_ms(e), at_ms)) {
        reply_int(&c->out, 0);
        return;
    }
    if (cmd_already_expired(at_ms)) {
        cmd_delete_and_propagate(c, key, ks_config.lazyfree_expire);
    } else {
        db_set_expire(client_db(c), e, at_ms);
        cmd_propagate_pexpireat(key, at_ms);
        cmd_changed(c, key, NOTIFY_GENERIC, "expire");
        ks_dirty++;
    }
    reply_int(&c->out, 1);
}

void expire_command(struct client *c, const slice *argv, int argc) {
    expire_generic(c, argv, argc, true, false, "expire");
}

void pexpire_command(struct client *c, const slice *argv, int argc) {
    expire_generic(c, argv, argc, false, false, "pexpire");
}

void expireat_command(struct client *c, const slice *argv, int argc) {
    expire_generic(c, argv, argc, true, true, "expireat");
}

void pexpireat_command(struct client *c, const slice *argv, int argc) {
    expire_generic(c, argv, argc, false, true, "pexpireat");
}

static void ttl_generic(struct client *c, slice key, bool seconds, bool absolute) {
    struct entry *e = db_read(client_db(c), key, LOOKUP_NOTOUCH);
    if (e == NULL) {
        reply_int(&c->out, -2);
        return;
    }
    int64_t at_ms = entry_expire_ms(e);
    if (at_ms == NO_EXPIRE) {
        reply_int(&c->out, -1);
        return;
    }
    int64_t v = absolute ? at_ms : at_ms - clock_ms();
    if (v < 0) v = 0;
    /* Seconds are rounded to the nearest, not cut; added after the division so that the far end cannot overflow. */
    reply_int(&c->out, seconds ? v / 1000 + (v % 1000 >= 500) : v);
}

void ttl_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    ttl_generic(c, argv[1], true, false);
}

void pttl_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    ttl_generic(c, argv[1], false, false);
}

void expiretime_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    ttl_generic(c, argv[1], true, true);
}

void pexpiretime_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    ttl_generic(c, argv[1], false, true);
}

void persist_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    struct entry *e = db_write(client_db(c), argv[1], 0);
    bool had_ttl = e != NULL && entry_expire_ms(e) != NO_EXPIRE;
    if (had_ttl) {
        db_set_expire(client_db(c), e, NO_EXPIRE);
        cmd_changed(c, argv[1], NOTIFY_GENERIC, "persist");
        ks_dirty++;
    }
    reply_int(&c->out, had_ttl);
}

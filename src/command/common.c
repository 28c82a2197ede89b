/* What nearly every handler needs: checked arguments, the common errors, the note that a key changed, HELP texts.
 *
 * Every function that returns false (or void with "error" in its name) has replied. */
#include "command/command.h"
#include "command/families.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include "base/clock.h"
#include "base/num.h"

bool cmd_type_is(struct client *c, const struct entry *e, enum value_type t) {
    if (!e || entry_type(e) == t) return true;
    reply_error(&c->out, "WRONGTYPE Operation against a key holding the wrong kind of value");
    return false;
}

bool cmd_i64(struct client *c, slice s, int64_t *out, const char *err) {
    if (num_parse_i64(s, out)) return true;
    reply_error(&c->out, err ? err : "ERR value is not an integer or out of range");
    return false;
}

bool cmd_int_in(struct client *c, slice s, int64_t min, int64_t max, int64_t *out, const char *err) {
    if (!err && min == 0 && max >= INT_MAX) err = "ERR value is out of range, must be positive";
    if (!cmd_i64(c, s, out, err)) return false;
    if (*out >= min && *out <= max) return true;
    if (err)
        reply_error(&c->out, err);
    else
        reply_errorf(&c->out, "ERR value is out of range, value must between %lld and %lld", (long long)min,
                     (long long)max);
    return false;
}

bool cmd_db_index(struct client *c, slice s, int *dbid, const char *err) {
    int64_t v;
    if (!cmd_int_in(c, s, INT_MIN, INT_MAX, &v, err)) return false;
    if (v < 0 || v >= ks_count()) {
        reply_error(&c->out, "ERR DB index is out of range");
        return false;
    }
    *dbid = (int)v;
    return true;
}

void cmd_syntax_error(struct client *c) {
    reply_error(&c->out, "ERR syntax error");
}

void cmd_arity_error(struct client *c, const slice *argv) {
    char name[64];
    size_t n = argv[0].n < sizeof name - 1 ? argv[0].n : sizeof name - 1;
    for (size_t i = 0; i < n; i++) name[i] = (char)tolower((unsigned char)argv[0].p[i]);
    name[n] = '\0';
    reply_errorf(&c->out, "ERR wrong number of arguments for '%s' command", name);
}

bool cmd_expire_time(struct client *c, slice s, bool seconds, bool absolute, const char *cmd,
                     int64_t *out_ms) {
    int64_t t, now = clock_ms();
    if (!cmd_i64(c, s, &t, NULL)) return false;
    bool bad = seconds && (t > INT64_MAX / 1000 || t < INT64_MIN / 1000);
    if (!bad && seconds) t *= 1000;
    if (!bad && !absolute) {
        bad = t > INT64_MAX - now;
        if (!bad) t += now;
    }
    if (bad) {
        reply_errorf(&c->out, "ERR invalid expire time in '%s' command", cmd);
        return false;
    }
    *out_ms = t;
    return true;
}

void cmd_changed(struct client *c, slice key, enum ks_notify_class cls, const char *event) {
    db_modified(client_db(c), key);
    ks_notify(cls, event, key, c->db);
}

void cmd_elements_removed(struct client *c, slice key, enum ks_notify_class cls, const char *event,
                          bool empty) {
    if (empty) db_delete(client_db(c), key);
    cmd_changed(c, key, cls, event);
    if (empty) ks_notify(NOTIFY_GENERIC, "del", key, c->db);
}

void cmd_store_nothing(struct client *c, slice key) {
    if (!cmd_delete(client_db(c), key, ks_config.lazyfree_server_del)) return;
    cmd_changed(c, key, NOTIFY_GENERIC, "del");
    ks_dirty++;
}

uint64_t cmd_next_batch(struct client *c, uint64_t *left) {
    enum { BATCH = 4096 };
    if (c->out.muted) return 0;
    uint64_t n = *left < BATCH ? *left : BATCH;
    *left -= n;
    return n;
}

void cmd_help(struct client *c, const char *command, const char *const *lines) {
    int n = 0;
    while (lines[n]) n++;
    reply_array(&c->out, n + 3);
    char head[96];
    int len = snprintf(head, sizeof head, "+%s <subcommand> [<arg> [value] [opt] ...]. Subcommands are:\r\n",
                       command);
    for (char *p = head; p < head + len && *p != ' '; p++) *p = (char)toupper((unsigned char)*p);
    reply_raw(&c->out, head, (size_t)len);
    for (int i = 0; i < n; i++) reply_status(&c->out, lines[i]);
    reply_status(&c->out, "HELP");
    reply_status(&c->out, "    Prints this help.");
}

static void subcommand_error(struct client *c, const slice *argv, const char *what) {
    enum { SHOWN = 128 };
    char name[32];
    size_t n = argv[0].n < sizeof name - 1 ? argv[0].n : sizeof name - 1;
    for (size_t i = 0; i < n; i++) name[i] = (char)toupper((unsigned char)argv[0].p[i]);
    name[n] = '\0';
    reply_errorf(&c->out, "ERR %s '%.*s'. Try %s HELP.", what, (int)(argv[1].n < SHOWN ? argv[1].n : SHOWN),
                 argv[1].p, name);
}

void cmd_unknown_subcommand(struct client *c, const slice *argv) {
    subcommand_error(c, argv, "unknown subcommand");
}

void cmd_subcommand_syntax(struct client *c, const slice *argv) {
    subcommand_error(c, argv, "unknown subcommand or wrong number of arguments for");
}

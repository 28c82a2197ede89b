/* The command table: one row a command, checked at start-up; dispatch; what commands may call.
 *
 * A handler gets slices into the input buffer: what it keeps it copies. It replies through `c->out` and counts its
 * changes in ks_dirty; if that moved, dispatch propagates the request verbatim, unless the handler said otherwise (propagate.h). */
#ifndef TANDEM_COMMAND_COMMAND_H
#define TANDEM_COMMAND_COMMAND_H

#include "client/client.h"
#include "keyspace/db.h"

enum command_flags {
    CMD_WRITE = 1 << 0,
    CMD_READONLY = 1 << 1,
    CMD_DENYOOM = 1 << 2,
    CMD_ADMIN = 1 << 3,
    CMD_NOSCRIPT = 1 << 4,
    CMD_LOADING = 1 << 5,
    CMD_STALE = 1 << 6,
    CMD_FAST = 1 << 7,
    CMD_NO_AUTH = 1 << 8,
    CMD_NO_MULTI = 1 << 9,
    CMD_PUBSUB = 1 << 10,
    CMD_MAY_REPLICATE = 1 << 11,
    CMD_SKIP_MONITOR = 1 << 12,
    CMD_SKIP_SLOWLOG = 1 << 13,
    CMD_BLOCKING = 1 << 14,
    CMD_NO_ASYNC_LOADING = 1 << 15,
    CMD_MOVABLE_KEYS = 1 << 16,
    CMD_ALLOW_BUSY = 1 << 17,
    CMD_ASKING = 1 << 18,
    CMD_PROTECTED = 1 << 19
};

struct key_spec {      /* as COMMAND's key specifications */
    const char *flags; /* "RW ACCESS UPDATE" */
    enum { BEGIN_INDEX, BEGIN_KEYWORD, BEGIN_UNKNOWN } begin;
    int index; /* BEGIN_INDEX: position; BEGIN_KEYWORD: start from */
    const char *keyword;
    enum { FIND_RANGE, FIND_KEYNUM, FIND_UNKNOWN } find;
    int last, step, limit;       /* FIND_RANGE */
    int keynum_index, first_key; /* FIND_KEYNUM, with step */
};

struct command_stats {
    uint64_t calls, usec, rejected, failed;
};

struct command {
    const char *name; /* lower case; subcommands "client|list" in COMMAND's words */
    void (*run)(struct client *c, const slice *argv, int argc);
    int arity; /* negative: at least */
    uint32_t flags;
    const char *acl_categories; /* "@write @string @slow" */
    int first_key, last_key, key_step;
    const struct key_spec *keys;
    int n_keys;
    const char *since, *complexity, *summary, *group;
    const struct command *subcommands; /* ends with a NULL name */
    struct command_stats *stats;       /* filled at start-up */
    const char *const *tips;           /* COMMAND's hints, NULL-terminated, or NULL */
};

void command_init(void); /* checks the table, builds the lookup */
const struct command *command_lookup(slice name);
const struct command *command_lookup_sub(const struct command *container, slice name);
const struct command *command_at(int i); /* i-th top-level command, NULL past the end */

/* client room's hooks */
void dispatch_prepare(struct request *reqs, int n);
void dispatch_execute(struct client *c, struct request *r);
void dispatch_closed(struct client *c);

static inline struct db *client_db(const struct client *c) {
    return ks_db(c->db);
}

/* --- errors and lookups every family uses (command/common.c) --- */
bool cmd_type_is(struct client *c, const struct entry *e,
                 enum value_type t); /* replies WRONGTYPE when not; NULL entry passes */
bool cmd_i64(struct client *c, slice s, int64_t *out,
             const char *err); /* err NULL: "value is not an integer or out of range" */
void cmd_syntax_error(struct client *c);
/* EX/PX/EXAT/PXAT and EXPIRE family: turns an argument into absolute ms; replies "invalid expire time in '<cmd>' command". */
bool cmd_expire_time(struct client *c, slice s, bool seconds, bool absolute, const char *cmd,
                     int64_t *out_ms);
/* The key changed: WATCH, notification. Together what nearly every write does once per changed key. */
void cmd_changed(struct client *c, slice key, enum ks_notify_class cls, const char *event);
void cmd_help(struct client *c, const char *command, const char *const *lines); /* <COMMAND> HELP */
void cmd_unknown_subcommand(struct client *c, const slice *argv);

#endif

/* The command table: one row a command, checked at start-up; dispatch; what commands may call.
 *
 * A handler gets slices into the input buffer: what it keeps it copies. It replies through `c->out` and counts its
 * changes in ks_dirty; if that moved, dispatch propagates the request verbatim, unless the handler said otherwise (propagate.h).
 *
 * Rows and handlers are apart. The rows of a group (COMMAND DOCS' word) stand in table_<group>.c as an array
 * `struct command <group>_commands[]`, closed by a row without a name, and listed in table.c. A handler is named after its
 * command, `get_command`, or `object_encoding_command` for OBJECT ENCODING; its prototype stands in handlers.h, its body
 * in <family>_cmd.c. A handler of a subcommand gets the whole request: argv[0] is OBJECT, argv[1] ENCODING.
 * Arity is checked by dispatch; so are the flags below. */
#ifndef TANDEM_COMMAND_COMMAND_H
#define TANDEM_COMMAND_COMMAND_H

#include "client/client.h"
#include "keyspace/db.h"

/* In the order in which COMMAND lists them. */
enum command_flags {
    CMD_WRITE = 1 << 0,
    CMD_READONLY = 1 << 1,
    CMD_DENYOOM = 1 << 2,
    CMD_ADMIN = 1 << 3,
    CMD_PUBSUB = 1 << 4,
    CMD_NOSCRIPT = 1 << 5,
    CMD_BLOCKING = 1 << 6,
    CMD_LOADING = 1 << 7, /* allowed while loading */
    CMD_STALE = 1 << 8, /* allowed on a replica whose link is down, whatever replica-serve-stale-data says */
    CMD_SKIP_MONITOR = 1 << 9,
    CMD_SKIP_SLOWLOG = 1 << 10,
    CMD_ASKING = 1 << 11,
    CMD_FAST = 1 << 12,
    CMD_NO_AUTH = 1 << 13,
    CMD_MAY_REPLICATE = 1 << 14, /* not listed by COMMAND */
    CMD_NO_MANDATORY_KEYS = 1 << 15,
    CMD_NO_ASYNC_LOADING = 1 << 16,
    CMD_NO_MULTI = 1 << 17,
    CMD_MOVABLE_KEYS = 1 << 18, /* computed at start-up */
    CMD_ALLOW_BUSY = 1 << 19,
    CMD_PROTECTED = 1 << 20 /* DEBUG: enable-debug-command decides */
};

/* ACL categories, in the order in which COMMAND lists them. Rows name what the flags don't imply: WRITE, READ, ADMIN
 * (with DANGEROUS), PUBSUB, FAST or SLOW and BLOCKING are added at start-up. */
enum acl_category {
    ACL_KEYSPACE = 1 << 0,
    ACL_READ = 1 << 1,
    ACL_WRITE = 1 << 2,
    ACL_SET = 1 << 3,
    ACL_SORTEDSET = 1 << 4,
    ACL_LIST = 1 << 5,
    ACL_HASH = 1 << 6,
    ACL_STRING = 1 << 7,
    ACL_BITMAP = 1 << 8,
    ACL_HYPERLOGLOG = 1 << 9,
    ACL_GEO = 1 << 10,
    ACL_STREAM = 1 << 11,
    ACL_PUBSUB = 1 << 12,
    ACL_ADMIN = 1 << 13,
    ACL_FAST = 1 << 14,
    ACL_SLOW = 1 << 15,
    ACL_BLOCKING = 1 << 16,
    ACL_DANGEROUS = 1 << 17,
    ACL_CONNECTION = 1 << 18,
    ACL_TRANSACTION = 1 << 19,
    ACL_SCRIPTING = 1 << 20,
    ACL_CATEGORIES = 21
};

/* What a command does with the keys that a key specification finds. */
enum key_flags {
    KEY_RO = 1 << 0,
    KEY_RW = 1 << 1,
    KEY_OW = 1 << 2,
    KEY_RM = 1 << 3,
    KEY_ACCESS = 1 << 4,
    KEY_UPDATE = 1 << 5,
    KEY_INSERT = 1 << 6,
    KEY_DELETE = 1 << 7,
    KEY_NOT_KEY = 1 << 8,
    KEY_INCOMPLETE = 1 << 9,
    KEY_VARIABLE_FLAGS = 1 << 10
};

struct key_spec {   /* as COMMAND's key specifications; an array ends with flags 0 */
    uint32_t flags; /* enum key_flags */
    enum { BEGIN_INDEX, BEGIN_KEYWORD, BEGIN_UNKNOWN } begin;
    int index;           /* BEGIN_INDEX: position in argv; BEGIN_KEYWORD: start from */
    const char *keyword; /* BEGIN_KEYWORD */
    enum { FIND_RANGE, FIND_KEYNUM, FIND_UNKNOWN } find;
    int last, step, limit;       /* FIND_RANGE: last is relative to the first key, or negative from the end */
    int keynum_index, first_key; /* FIND_KEYNUM, with step */
    const char *notes;
};

/* Short forms for rows: one key at argv[i]; keys from argv[i] to `last` (relative, or negative from the end);
 * a count at argv[i] and then as many keys. */
#define KEY_AT(i, fl)                                                                                        \
    { .flags = (fl), .begin = BEGIN_INDEX, .index = (i), .find = FIND_RANGE, .step = 1 }
#define KEY_RANGE(i, to, by, fl)                                                                             \
    { .flags = (fl), .begin = BEGIN_INDEX, .index = (i), .find = FIND_RANGE, .last = (to), .step = (by) }
#define KEY_COUNTED(i, fl)                                                                                   \
    {                                                                                                        \
        .flags = (fl), .begin = BEGIN_INDEX, .index = (i), .find = FIND_KEYNUM, .keynum_index = 0,           \
        .first_key = 1, .step = 1                                                                            \
    }
#define KEY_AT_NOTE(i, fl, note)                                                                             \
    { .flags = (fl), .begin = BEGIN_INDEX, .index = (i), .find = FIND_RANGE, .step = 1, .notes = (note) }
#define KEYS(...)  ((const struct key_spec[]){__VA_ARGS__, {.flags = 0}})
#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

enum command_channels { CHANNEL_NONE, CHANNEL_ONE, CHANNEL_ALL, CHANNEL_PATTERNS };

struct command_stats {
    uint64_t calls, ticks, rejected, failed; /* ticks: base/ticks.h */
    struct histogram *times; /* of its calls, in ticks; NULL: none while latency-tracking was on */
};

struct key_ref { /* COMMAND GETKEYS: where a key stands and what is done with it */
    int pos;
    uint32_t flags;
};

struct command {
    const char *name;                                           /* lower case; subcommands "client|list" */
    void (*run)(struct client *c, const slice *argv, int argc); /* NULL: only subcommands */
    int arity;                                                  /* negative: at least */
    uint32_t flags;                                             /* enum command_flags */
    uint32_t acl;                                               /* enum acl_category */
    const struct key_spec *keys;                                /* KEYS(...), NULL: none */
    struct command *subcommands; /* ends with a row without a name; NULL: none */
    /* COMMAND DOCS. args: docs.c explains the notation. history: version, text, version, text... */
    const char *group, *since, *complexity, *summary, *args;
    const char *const *history, *const *tips; /* WORDS(...) or NULL */
    const char *deprecated_since, *replaced_by;
    bool is_syscmd;
    /* Where key specifications can't say it: the flags of a key by the arguments (SET ... GET). May be NULL. */
    uint32_t (*key_flags)(const slice *argv, int argc);
    /* Where the written key of a specification stands that begins at an unknown place (SORT ... STORE); 0: none. */
    int (*unknown_key)(const slice *argv, int argc);

    /* --- filled at start-up --- */
    int acl_id;                     /* its number in server/acl.h */
    enum command_channels channels; /* which arguments are channels */
    const struct command *parent;
    int element; /* argv index of the (first) element that is looked up in the value at argv[1]; 0: none */
    int n_keys;  /* key specifications */
    int first_key, last_key, key_step; /* COMMAND's older fields */
    struct command_stats stats;
};

void command_init(void); /* checks the table, builds the lookup */
struct command *command_lookup(slice name);
/* rename-command: `to` is the new name, empty: the command is gone. NULL, or the error. Only before anybody looked. */
const char *command_rename(slice from, slice to);
/* Of the renamed ones: for the append-only file and our master, which speak of them so. */
struct command *command_lookup_original(slice name);
struct command *command_lookup_full(slice name); /* "config|get" too */
/* name without "container|" */
struct command *command_lookup_sub(const struct command *container, slice name);
struct command *command_at(int i); /* i-th top-level command, NULL past the end */
int command_count(void);
bool command_arity_ok(const struct command *cmd, int argc);
const char *command_flag_name(int bit); /* NULL past the end */
const char *command_category_name(int bit);

/* --- hooks for main.c to register --- */
/* client room's */
void dispatch_prepare(struct request *reqs, int n);
void dispatch_execute(struct client *c, struct request *r);
void dispatch_closed(struct client *c);
/* aof_hooks.execute: a command of an append-only file, whatever the state of the server. */
bool dispatch_replay(struct client *c, const slice *argv, int argc);
void dispatch_facts(const struct client *c, struct client_facts *f);
size_t dispatch_memory(const struct client *c);
void dispatch_init(void); /* after command_init: INFO's sections, hooks at resp, repl and server */
/* keyspace's (propagate_expired is in propagate.h) */
void watch_key_modified(struct db *db, slice key); /* ks_hooks.modified */
void watch_before_flush(int dbid);                 /* ks_hooks.flushed; -1: all databases */
void watch_before_swap(int a, int b);              /* ks_hooks.swapped */
void watch_all_replaced(void); /* repl_hooks.loaded: every database may hold something else now */
void notify_event(enum ks_notify_class cls, const char *event, slice key, int dbid); /* ks_hooks.notify */
void block_became_replica(void); /* repl_hooks.role_changed: ends the waits for replicas of ours */
void block_hold_writes(bool on); /* repl_hooks.hold_writes: as CLIENT PAUSE WRITE, until it is taken back */
void block_slow_writes(int64_t ms); /* repl-backpressure: writes wait so long */
void command_stats_reset(void);     /* commands' and errors' */

static inline struct db *client_db(const struct client *c) {
    return ks_db(c->db);
}

/* --- errors and lookups every family uses (command/common.c) --- */
/* False: replied. An err of NULL is the reference's usual text. */
bool cmd_type_is(struct client *c, const struct entry *e, enum value_type t); /* or e is NULL */
bool cmd_i64(struct client *c, slice s, int64_t *out, const char *err);
bool cmd_int_in(struct client *c, slice s, int64_t min, int64_t max, int64_t *out, const char *err);
bool cmd_db_index(struct client *c, slice s, int *dbid, const char *err); /* of a database that exists */
void cmd_syntax_error(struct client *c);
void cmd_arity_error(struct client *c, const slice *argv); /* "wrong number of arguments for 'x' command" */
/* EX/PX/EXAT/PXAT and EXPIRE family: turns an argument into absolute ms; replies "invalid expire time in '<cmd>' command". */
bool cmd_expire_time(struct client *c, slice s, bool seconds, bool absolute, const char *cmd,
                     int64_t *out_ms);
/* The key changed: WATCH, notification. Together what nearly every write does once per changed key. */
void cmd_changed(struct client *c, slice key, enum ks_notify_class cls, const char *event);
void cmd_help(struct client *c, const char *command, const char *const *lines); /* lines: ends with NULL */
void cmd_unknown_subcommand(struct client *c, const slice *argv);
void cmd_subcommand_syntax(struct client *c, const slice *argv); /* unknown, or not so many arguments */

#endif

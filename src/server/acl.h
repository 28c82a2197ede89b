/* Access control: users, what each of them may do, and the log of what was refused.
 *
 * A user has passwords and one or more selectors; a request passes when a single selector allows its command, all of
 * its keys and all of its channels. Rules are words as ACL SETUSER takes them ("on", "+@read", "~key*", ">password",
 * "(+get ~x)"); texts that describe a user are rules again.
 *
 * This module knows commands as numbers with names and categories, and no client: who holds a user (acl_hooks.removed says
 * when to let go) asks acl_check for each request, unless acl_may_do_all.
 *
 * Ownership: users belong to the module; a pointer is valid until hooks.removed was called with it. The default user is always
 * there and always at the same place. Returned errors are static texts, or valid until the next call that returns one. */
#ifndef TANDEM_SERVER_ACL_H
#define TANDEM_SERVER_ACL_H

#include "base/sds.h"
#include "base/slice.h"
#include <stdint.h>

enum { ACL_COMMANDS_MAX = 1024, ACL_PASSWORD_DIGITS = 64 };

struct acl_command {
    const char *name;    /* in full and lower case: "get", "config", "config|get" */
    uint32_t categories; /* bits, in the order of the names given to acl_init */
    int parent;          /* the index of a subcommand's container, which stands before it; -1: none */
    bool is_container;
};
/* The commands, which rules name and which requests number by their index. Both arrays must stay. Creates the default
 * user, who may do everything without a password. */
void acl_init(const struct acl_command *commands, int n, const char *const *categories, int n_categories);
int acl_category(slice name); /* its bit's number; -1: there is none, without case */

struct acl_user;

struct acl_hooks {
    void (*changed)(struct acl_user *u);        /* its permissions may be others now */
    void (*channels_taken)(struct acl_user *u); /* it may have lost channels: acl_channel_allowed tells */
    void (*removed)(struct acl_user *u);        /* it ceases to be as soon as this returns */
};
void acl_set_hooks(const struct acl_hooks *hooks);

struct acl_config {     /* server/config writes it */
    char *file;         /* aclfile: "" none */
    char *requirepass;  /* the default user's password as last configured: "" none */
    int pubsub_default; /* 1: new users may use all channels */
    size_t log_max;     /* acllog-max-len */
};
extern struct acl_config acl_config;

/* --- users --- */
struct acl_user *acl_default(void);
struct acl_user *acl_find(slice name); /* NULL: no such user */
int acl_count(void);
struct acl_user *acl_at(int i); /* 0..acl_count() - 1, by the bytes of their names */
slice acl_name(const struct acl_user *u);
bool acl_name_ok(slice name); /* neither blanks nor NULs */
/* Applies rules to a user, which is created when there is none, all or none. The error text names the wrong rule; NULL: done. */
const char *acl_set_user(slice name, const slice *rules, int n);
bool acl_delete(slice name); /* not the default user */
/* CONFIG SET requirepass: the only password of the default user; "" for none needed. */
void acl_set_default_password(slice password);

/* --- signing in --- */
/* NULL: wrong, or no such user, or it is off. */
struct acl_user *acl_authenticate(slice name, slice password);
bool acl_default_has_password(void); /* the default user needs one */
/* Whoever has not signed in may not do anything: the default user has a password or is off. */
bool acl_password_needed(void);

/* --- permissions --- */
enum acl_access { ACL_READS = 1, ACL_WRITES = 2 };
struct acl_key { /* a key among the arguments, and what is done with its value */
    int pos;
    unsigned access; /* enum acl_access */
};
struct acl_request {
    int command;
    bool needs_none; /* AUTH and its kind, which anybody may call */
    const slice *argv;
    int argc;
    const struct acl_key *keys; /* may be left out when !acl_limits_keys */
    int n_keys;
    int first_channel, last_channel; /* argv[first] to argv[last]; first 0: none */
    bool channels_are_patterns;
};
enum acl_verdict { ACL_ALLOWED, ACL_DENIED_COMMAND, ACL_DENIED_KEY, ACL_DENIED_AUTH, ACL_DENIED_CHANNEL };

bool acl_may_do_all(const struct acl_user *u);  /* acl_check would allow any request */
bool acl_limits_keys(const struct acl_user *u); /* some selector looks at keys */
/* *pos: the argument that was refused. */
enum acl_verdict acl_check(const struct acl_user *u, const struct acl_request *r, int *pos);
/* A selector allows the request, and this access to every key there is. */
bool acl_check_with_all_keys(const struct acl_user *u, const struct acl_request *r, unsigned access);
/* Some selector allows the channel, or (is_pattern) this very pattern. */
bool acl_channel_allowed(const struct acl_user *u, slice channel, bool is_pattern);

/* --- in words; all append --- */
sds acl_describe(const struct acl_user *u, sds out); /* the rules that make this user of a new one */
struct acl_flags {
    const char *words[4];
    int n;
};
struct acl_flags acl_flags(const struct acl_user *u); /* "on" or "off", "nopass"... */
int acl_password_count(const struct acl_user *u);
void acl_password_hex(const struct acl_user *u, int i, char out[ACL_PASSWORD_DIGITS]);
int acl_selector_count(const struct acl_user *u); /* at least 1; 0 is the user's own */
sds acl_describe_commands(const struct acl_user *u, int selector, sds out);
sds acl_describe_keys(const struct acl_user *u, int selector, sds out);
sds acl_describe_channels(const struct acl_user *u, int selector, sds out);

/* --- files (acl_file.c) --- */
/* A line `user name rule...` of the configuration file: checked now, applied by acl_start. NULL or the error. words: from the
 * name on. */
const char *acl_declare(const slice *words, int n);
/* After the configuration: the default user's password, declared users, the aclfile. False: logged, and no reason to
 * go on. */
bool acl_start(void);
const char *acl_load(void); /* all or nothing: NULL, or all errors of the aclfile */
bool acl_save(void);        /* false: logged */

/* --- what was refused (acl_log.c) --- */
enum acl_context { ACL_CONTEXT_TOPLEVEL, ACL_CONTEXT_MULTI };
struct acl_entry {
    uint64_t count;
    enum acl_verdict reason;
    enum acl_context context;
    sds object, user, client;
    int64_t time_ms; /* of the last one */
    struct acl_entry *prev, *next;
};
/* Notes a refusal, together with its like when that is less than a minute old. client: its CLIENT LIST line. */
void acl_log_add(enum acl_verdict reason, enum acl_context context, slice object, slice user, slice client);
const struct acl_entry *acl_log_first(void); /* the latest; then ->next */
size_t acl_log_count(void);
void acl_log_reset(void);
void acl_log_trim(void); /* to acl_config.log_max */
const char *acl_reason_name(enum acl_verdict reason);
const char *acl_context_name(enum acl_context context);
struct acl_stats {
    uint64_t denied[ACL_DENIED_CHANNEL + 1]; /* by verdict */
};
extern struct acl_stats acl_stats;

#endif

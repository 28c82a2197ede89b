/* Inside the acl files only: users, selectors, and what a rule may be wrong about.
 *
 *   acl.c           the users by name; signing in
 *   acl_user.c      one user: passwords, flags, its selectors; applying rules
 *   acl_selector.c  one selector: which commands, keys and channels; applying rules, judging requests
 *   acl_commands.c  the commands by name and category; sets of them
 *   acl_describe.c  selectors and users in words
 *   acl_file.c      the aclfile, and users in the configuration file
 *   acl_log.c       what was refused */
#ifndef TANDEM_SERVER_ACL_INTERNAL_H
#define TANDEM_SERVER_ACL_INTERNAL_H

#include "base/digest.h"
#include "server/acl.h"

/* --- sets of commands --- */
enum { ACL_WORDS = ACL_COMMANDS_MAX / 64 };
struct acl_set {
    uint64_t words[ACL_WORDS];
};
static inline bool acl_set_has(const struct acl_set *s, int id) {
    return s->words[id / 64] >> (id % 64) & 1;
}
void acl_set_change(struct acl_set *s, const struct acl_set *which, bool on);

void acl_commands_init(const struct acl_command *commands, int n, const char *const *categories,
                       int n_categories);
int acl_command_count(void);
const struct acl_command *acl_command_at(int id);
int acl_command_find(slice full_name); /* -1: no such command */
/* A command together with its subcommands; a category together with the subcommands of its containers. */
void acl_command_with_subs(int id, struct acl_set *out);
const struct acl_set *acl_category_with_subs(int category);
const struct acl_set *acl_category_members(int category);
int acl_category_count(void);
const char *acl_category_name(int category);

/* --- rules --- */
enum acl_error {
    ACL_RULE_OK,
    ACL_RULE_UNKNOWN, /* command or category */
    ACL_RULE_SYNTAX,
    ACL_RULE_AFTER_ALL_KEYS,
    ACL_RULE_AFTER_ALL_CHANNELS,
    ACL_RULE_NO_SUCH_PASSWORD,
    ACL_RULE_BAD_HASH,
    ACL_RULE_FIRST_ARG_OF_SUBCOMMAND
};
const char *acl_error_text(enum acl_error e);

/* --- one selector --- */
struct acl_pattern {
    sds text;
    unsigned access;
};
struct acl_first_arg { /* the command may be called with this first argument */
    int command;
    sds arg;
};
struct acl_selector {
    struct acl_set commands;
    bool all_commands;    /* every bit is set */
    bool future_commands; /* began as +@all: what is not known yet is allowed */
    bool all_keys, all_channels;
    struct acl_pattern *keys;
    sds *channels;
    struct acl_first_arg *first_args;
    int n_keys, n_channels, n_first_args;
};
void selector_init(struct acl_selector *s);
void selector_free(struct acl_selector *s);
void selector_copy(struct acl_selector *to, const struct acl_selector *from); /* `to` is uninitialised */
enum acl_error selector_apply(struct acl_selector *s, slice rule);
enum acl_verdict selector_check(const struct acl_selector *s, const struct acl_request *r, int *pos);
bool selector_allows_all_keys(const struct acl_selector *s, unsigned access);
bool selector_allows_channel(const struct acl_selector *s, slice channel, bool is_pattern);
/* The changes of commands that a rule makes, for acl_describe.c. */
void selector_change_command(struct acl_selector *s, int id, bool on);
void selector_change_category(struct acl_selector *s, int category, bool on);
void selector_change_all(struct acl_selector *s, bool on);
sds selector_describe_commands(const struct acl_selector *s, sds out);

/* --- one user --- */
enum acl_sanitize { SANITIZE_UNSAID, SANITIZE_YES, SANITIZE_SKIP };
struct acl_user {
    sds name; /* NULL: not among the users */
    bool enabled, nopass;
    enum acl_sanitize sanitize;
    uint8_t (*passwords)[SHA256_BYTES];
    int n_passwords;
    struct acl_selector *selectors; /* [0] is the root */
    int n_selectors;
};
struct acl_user *user_new(void); /* off, nothing allowed but acl-pubsub-default; without a name */
void user_free(struct acl_user *u);
struct acl_user *user_copy(const struct acl_user *u); /* without its name */
/* from's contents become u's, but for the name; frees `from`. */
void user_adopt(struct acl_user *u, struct acl_user *from);
enum acl_error user_apply(struct acl_user *u, slice rule);
/* In a time that doesn't tell how wrong it is. */
bool user_password_is(const struct acl_user *u, slice password);
/* Rules as single words: one in parentheses may have come apart at its blanks. False: nothing ends the '(' of words[out->n], and
 * there is nothing to free. */
struct acl_words {
    sds *v;
    int n, cap;
};
bool acl_join_selectors(const slice *words, int n_words, struct acl_words *out);
void acl_words_free(struct acl_words *words);

/* --- the users (acl.c) --- */
struct acl_users {
    struct acl_user **v; /* by name */
    int n, cap;
};
struct acl_user *users_find(const struct acl_users *users, slice name);
struct acl_user *users_add(struct acl_users *users, slice name); /* NULL: there is one already */
void users_free(struct acl_users *users);
struct acl_user *user_new_default(void); /* may do everything, without a password */
/* The users become these, which must include the default one; who is no more is told of. Frees what `users` holds then. */
void acl_replace_users(struct acl_users *users);

#endif

/* Users in files: the aclfile, and `user` lines of the configuration file.
 *
 * Both hold one user a line, `user name rule...`. The aclfile is read into users of its own, which replace all others only when
 * there was no error in any line. Lines of the configuration are judged when they are read, where they can be named, and
 * applied at the end of it, when the settings that they depend on are known. */
#include "server/acl_internal.h"

#include "base/alloc.h"
#include "base/log.h"
#include "server/file.h"

/* --- words --- */

/* Each single blank separates; there are no quotes. Freed by the caller: *n slices. */
static slice *split_at_blanks(slice line, int *n) {
    int count = 1;
    for (size_t i = 0; i < line.n; i++) count += line.p[i] == ' ';
    slice *words = mem_alloc((size_t)count * sizeof *words);
    for (int i = 0; i < count; i++) {
        const char *blank = memchr(line.p, ' ', line.n);
        size_t length = blank ? (size_t)(blank - line.p) : line.n;
        words[i] = (slice){line.p, length};
        if (blank) line = (slice){blank + 1, line.n - length - 1};
    }
    *n = count;
    return words;
}

/* --- reading the aclfile --- */

struct reader {
    struct acl_users users;
    sds errors;
    int line;
};

static void apply_rules(struct reader *r, struct acl_user *u, const struct acl_words *rules) {
    bool told = false;
    for (int i = 0; i < rules->n; i++) {
        slice rule = slice_trim(sds_slice(rules->v[i]), "\t\r\n");
        enum acl_error err = user_apply(u, rule);
        if (err == ACL_RULE_OK) continue;
        /* Of what may hold a password only the first error is told, and not the words. */
        if (err == ACL_RULE_UNKNOWN)
            r->errors = sds_cat_printf(r->errors, "%s:%d: Error in applying operation '%.*s': %s. ",
                                       acl_config.file, r->line, SLICE_ARGS(rule), acl_error_text(err));
        else if (!told)
            r->errors = sds_cat_printf(r->errors, "%s:%d: %s. ", acl_config.file, r->line,
                                       acl_error_text(err));
        told |= err != ACL_RULE_UNKNOWN;
    }
}

static void read_user(struct reader *r, slice name, const slice *words, int n) {
    struct acl_words rules;
    if (!acl_name_ok(name)) {
        r->errors = sds_cat_printf(r->errors, "'%s:%d: username '%.*s' contains invalid characters. ",
                                   acl_config.file, r->line, SLICE_ARGS(name));
        return;
    }
    struct acl_user *u = users_add(&r->users, name);
    if (!u) {
        r->errors = sds_cat_printf(r->errors, "WARNING: Duplicate user '%.*s' found on line %d. ",
                                   SLICE_ARGS(name), r->line);
    } else if (!acl_join_selectors(words, n, &rules)) {
        r->errors = sds_cat_printf(r->errors, "%s:%d: Unmatched parenthesis in selector definition.",
                                   acl_config.file, r->line);
    } else {
        apply_rules(r, u, &rules);
        acl_words_free(&rules);
    }
}

static void read_line(struct reader *r, slice line) {
    int n;
    slice *words;
    line = slice_trim(line, " \t\r\n");
    if (line.n == 0) return;
    words = split_at_blanks(line, &n);
    if (n < 2 || !slice_eq(words[0], SLICE("user")))
        r->errors = sds_cat_printf(r->errors,
                                   "%s:%d should start with user keyword followed by the username. ",
                                   acl_config.file, r->line);
    else
        read_user(r, words[1], words + 2, n - 2);
    mem_free(words, (size_t)n * sizeof *words);
}

const char *acl_load(void) {
    static sds errors;
    int failed;
    struct reader r = {.errors = sds_empty()};
    sds text = file_read(sds_empty(), acl_config.file, &failed);
    sds_free(errors);
    errors = NULL;
    if (failed)
        r.errors = sds_cat_printf(r.errors, "Error loading ACLs, opening file '%s': %s", acl_config.file,
                                  strerror(failed));
    for (size_t at = 0; !failed && at < sds_len(text);) {
        const char *end = memchr(text + at, '\n', sds_len(text) - at);
        size_t length = end ? (size_t)(end - (text + at)) : sds_len(text) - at;
        r.line++;
        read_line(&r, (slice){text + at, length});
        at += length + 1;
    }
    sds_free(text);
    if (!failed && sds_len(r.errors))
        r.errors = sds_cat_str(
            r.errors, "WARNING: ACL errors detected, no change to the previously active ACL rules was "
                      "performed");
    if (sds_len(r.errors)) {
        users_free(&r.users);
        return errors = r.errors;
    }
    sds_free(r.errors);
    if (users_add(&r.users, SLICE("default")))
        user_adopt(users_find(&r.users, SLICE("default")), user_new_default());
    acl_replace_users(&r.users);
    return NULL;
}

bool acl_save(void) {
    sds text = sds_empty();
    for (int i = 0; i < acl_count(); i++) {
        slice name = acl_name(acl_at(i));
        text = sds_cat(sds_cat_str(text, "user "), name.p, name.n);
        text = acl_describe(acl_at(i), sds_cat(text, " ", 1));
        text = sds_cat(text, "\n", 1);
    }
    int failed = file_replace(acl_config.file, text, sds_len(text));
    sds_free(text);
    if (failed) log_warning("Saving the ACL file %s failed: %s", acl_config.file, strerror(failed));
    return failed == 0;
}

/* --- users of the configuration file --- */

struct declared {
    sds name;
    struct acl_words rules;
};
static struct {
    struct declared *v;
    int n;
} declared;

static const char *declaration_error(const char *word, const char *why) {
    static sds text;
    sds_free(text);
    return text = sds_cat_printf(sds_empty(), "Error in user declaration '%s': %s", word, why);
}

static void forget(struct declared *d) {
    sds_free(d->name);
    acl_words_free(&d->rules);
}

/* An unknown command is left for the start to refuse, which names user and rule. */
static const char *judge(const struct declared *d) {
    const char *err = NULL;
    struct acl_user *u = user_new();
    for (int i = 0; i < d->rules.n && !err; i++) {
        enum acl_error e = user_apply(u, sds_slice(d->rules.v[i]));
        if (e != ACL_RULE_OK && e != ACL_RULE_UNKNOWN)
            err = declaration_error(d->rules.v[i], acl_error_text(e));
    }
    user_free(u);
    return err;
}

const char *acl_declare(const slice *words, int n) {
    struct declared d = {.name = sds_newlen(words[0].p, words[0].n)};
    const char *err = NULL;
    for (int i = 0; i < declared.n && !err; i++)
        if (slice_eq(sds_slice(declared.v[i].name), words[0]))
            err = declaration_error(d.name,
                                    "Duplicate user found. A user can only be defined once in config files");
    if (!err && !acl_join_selectors(words + 1, n - 1, &d.rules))
        err = declaration_error(d.name, "Unmatched parenthesis in selector definition");
    if (!err) err = judge(&d);
    if (err) {
        forget(&d);
        return err;
    }
    size_t count = (size_t)declared.n;
    declared.v = mem_resize(declared.v, count * sizeof d, (count + 1) * sizeof d);
    declared.v[declared.n++] = d;
    return NULL;
}

static bool create_declared(const struct declared *d) {
    slice name = sds_slice(d->name);
    if (!acl_name_ok(name)) {
        log_warning("Spaces not allowed in ACL usernames");
        return false;
    }
    const slice begin = SLICE("reset");
    bool is_default = slice_eq(name, SLICE("default"));
    acl_set_user(name, &begin, is_default); /* the default user was there before */
    struct acl_user *u = acl_find(name);
    for (int i = 0; i < d->rules.n; i++) {
        enum acl_error err = user_apply(u, sds_slice(d->rules.v[i]));
        if (err == ACL_RULE_OK) continue;
        log_warning("Error loading ACL rule '%s' for the user named '%s': %s", d->rules.v[i], d->name,
                    acl_error_text(err));
        return false;
    }
    if (!u->enabled)
        log_notice("The user '%s' is disabled (there is no 'on' modifier in the user description). Make sure "
                   "this is not a "
                   "configuration error.",
                   d->name);
    return true;
}

static bool create_all_declared(void) {
    for (int i = 0; i < declared.n; i++)
        if (!create_declared(&declared.v[i])) return false;
    for (int i = 0; i < declared.n; i++) forget(&declared.v[i]);
    mem_free(declared.v, (size_t)declared.n * sizeof *declared.v);
    declared.v = NULL;
    declared.n = 0;
    return true;
}

bool acl_start(void) {
    acl_set_default_password(sds_slice(acl_config.requirepass));
    if (acl_config.file[0] && declared.n) {
        log_warning(
            "Configuring Redis with users defined in redis.conf and at the same setting an ACL file path is "
            "invalid. This setup is very likely to lead to configuration errors and security holes, please "
            "define "
            "either an ACL file or declare users directly in your redis.conf, but not both.");
        return false;
    }
    if (!create_all_declared()) {
        log_warning("Critical error while loading ACLs. Exiting.");
        return false;
    }
    const char *err = acl_config.file[0] ? acl_load() : NULL;
    if (err) log_warning("Aborting Redis startup because of ACL errors: %s", err);
    return !err;
}

/* One selector: a set of commands, patterns of keys and channels, and the rules that change them.
 *
 * Invariants: all_commands means that every bit is set; all_keys and all_channels mean that there are no patterns. First
 * arguments belong to commands without subcommands and count only while the command itself is not allowed.
 * A rule that is refused changes nothing. */
#include "server/acl_internal.h"

#include <ctype.h>
#include <string.h>

#include "base/alloc.h"
#include "base/glob.h"
#include "base/log.h"

/* --- making and freeing --- */

void selector_init(struct acl_selector *s) {
    *s = (struct acl_selector){.all_channels = acl_config.pubsub_default};
}

static void clear_keys(struct acl_selector *s) {
    for (int i = 0; i < s->n_keys; i++) sds_free(s->keys[i].text);
    mem_free(s->keys, (size_t)s->n_keys * sizeof *s->keys);
    s->keys = NULL;
    s->n_keys = 0;
}

static void clear_channels(struct acl_selector *s) {
    for (int i = 0; i < s->n_channels; i++) sds_free(s->channels[i]);
    mem_free(s->channels, (size_t)s->n_channels * sizeof *s->channels);
    s->channels = NULL;
    s->n_channels = 0;
}

/* The first arguments of the commands in the set go; NULL: all. */
static void clear_first_args(struct acl_selector *s, const struct acl_set *of) {
    int kept = 0;
    for (int i = 0; i < s->n_first_args; i++) {
        if (of && !acl_set_has(of, s->first_args[i].command))
            s->first_args[kept++] = s->first_args[i];
        else
            sds_free(s->first_args[i].arg);
    }
    s->first_args = mem_resize(s->first_args, (size_t)s->n_first_args * sizeof *s->first_args,
                               (size_t)kept * sizeof *s->first_args);
    s->n_first_args = kept;
}

void selector_free(struct acl_selector *s) {
    clear_keys(s);
    clear_channels(s);
    clear_first_args(s, NULL);
    mem_free(s->first_args, 0);
}

void selector_copy(struct acl_selector *to, const struct acl_selector *from) {
    *to = *from;
    to->keys = mem_alloc((size_t)from->n_keys * sizeof *to->keys);
    to->channels = mem_alloc((size_t)from->n_channels * sizeof *to->channels);
    to->first_args = mem_alloc((size_t)from->n_first_args * sizeof *to->first_args);
    for (int i = 0; i < from->n_keys; i++)
        to->keys[i] = (struct acl_pattern){sds_dup(from->keys[i].text), from->keys[i].access};
    for (int i = 0; i < from->n_channels; i++) to->channels[i] = sds_dup(from->channels[i]);
    for (int i = 0; i < from->n_first_args; i++)
        to->first_args[i] = (struct acl_first_arg){from->first_args[i].command,
                                                   sds_dup(from->first_args[i].arg)};
}

/* --- rules about commands --- */

static void change_set(struct acl_selector *s, const struct acl_set *which, bool on) {
    acl_set_change(&s->commands, which, on);
    if (!on) s->all_commands = false;
    if (s->n_first_args) clear_first_args(s, which);
}

void selector_change_command(struct acl_selector *s, int id, bool on) {
    struct acl_set set;
    acl_command_with_subs(id, &set);
    change_set(s, &set, on);
}

void selector_change_category(struct acl_selector *s, int category, bool on) {
    change_set(s, acl_category_with_subs(category), on);
}

void selector_change_all(struct acl_selector *s, bool on) {
    memset(&s->commands, on ? 0xff : 0, sizeof s->commands);
    s->all_commands = s->future_commands = on;
    clear_first_args(s, NULL);
}

static void add_first_arg(struct acl_selector *s, int command, slice arg) {
    for (int i = 0; i < s->n_first_args; i++)
        if (s->first_args[i].command == command && slice_is(arg, s->first_args[i].arg)) return;
    size_t n = (size_t)s->n_first_args;
    s->first_args = mem_resize(s->first_args, n * sizeof *s->first_args, (n + 1) * sizeof *s->first_args);
    s->first_args[s->n_first_args++] = (struct acl_first_arg){command, sds_newlen(arg.p, arg.n)};
}

/* "+config|get" is a subcommand; "+select|0" is SELECT with this first argument only. */
static enum acl_error allow_part(struct acl_selector *s, slice name, const char *bar) {
    slice head = {name.p, (size_t)(bar - name.p)}, tail = {bar + 1, name.n - head.n - 1};
    int id = acl_command_find(head);
    if (id < 0) return ACL_RULE_UNKNOWN;
    if (acl_command_at(id)->parent >= 0) return ACL_RULE_FIRST_ARG_OF_SUBCOMMAND;
    if (tail.n == 0) return ACL_RULE_SYNTAX;
    if (acl_command_at(id)->is_container) {
        int sub = acl_command_find(name);
        if (sub < 0) return ACL_RULE_UNKNOWN;
        selector_change_command(s, sub, true);
        return ACL_RULE_OK;
    }
    log_warning("Deprecation warning: Allowing a first arg of an otherwise blocked command is a misuse of "
                "ACL and may get "
                "disabled in the future (offender: +%.*s)",
                SLICE_ARGS(name));
    add_first_arg(s, id, tail);
    return ACL_RULE_OK;
}

static enum acl_error apply_command(struct acl_selector *s, slice name, bool on) {
    if (name.n && name.p[0] == '@') {
        int category = acl_category((slice){name.p + 1, name.n - 1});
        if (category < 0) return ACL_RULE_UNKNOWN;
        selector_change_category(s, category, on);
        return ACL_RULE_OK;
    }
    const char *bar = on ? memrchr(name.p, '|', name.n) : NULL;
    if (bar) return allow_part(s, name, bar);
    int id = acl_command_find(name);
    if (id < 0) return ACL_RULE_UNKNOWN;
    selector_change_command(s, id, on);
    return ACL_RULE_OK;
}

/* --- rules about keys and channels --- */

static bool has_blanks(slice s) {
    return !acl_name_ok(s);
}

/* What stands between '%' and '~'; *at moves behind the latter, or to the end. False: neither R nor W, or anything else. */
static bool parse_access(slice rule, size_t *at, unsigned *access) {
    *access = 0;
    for (; *at < rule.n; ++*at) {
        int letter = toupper((unsigned char)rule.p[*at]);
        if (letter == 'R' && !(*access & ACL_READS)) {
            *access |= ACL_READS;
        } else if (letter == 'W' && !(*access & ACL_WRITES)) {
            *access |= ACL_WRITES;
        } else if (letter == '~') {
            ++*at;
            break;
        } else {
            return false;
        }
    }
    return *access != 0;
}

static enum acl_error apply_key(struct acl_selector *s, slice rule) {
    unsigned access = ACL_READS | ACL_WRITES;
    size_t at = 1;
    if (s->all_keys) return ACL_RULE_AFTER_ALL_KEYS;
    if (rule.p[0] == '%' && !parse_access(rule, &at, &access)) return ACL_RULE_SYNTAX;
    slice text = {rule.p + at, rule.n - at};
    if (has_blanks(text)) return ACL_RULE_SYNTAX;
    for (int i = 0; i < s->n_keys; i++)
        if (slice_eq(sds_slice(s->keys[i].text), text)) {
            s->keys[i].access |= access;
            return ACL_RULE_OK;
        }
    size_t n = (size_t)s->n_keys;
    s->keys = mem_resize(s->keys, n * sizeof *s->keys, (n + 1) * sizeof *s->keys);
    s->keys[s->n_keys++] = (struct acl_pattern){sds_newlen(text.p, text.n), access};
    return ACL_RULE_OK;
}

static enum acl_error apply_channel(struct acl_selector *s, slice text) {
    if (s->all_channels) return ACL_RULE_AFTER_ALL_CHANNELS;
    if (has_blanks(text)) return ACL_RULE_SYNTAX;
    for (int i = 0; i < s->n_channels; i++)
        if (slice_eq(sds_slice(s->channels[i]), text)) return ACL_RULE_OK;
    size_t n = (size_t)s->n_channels;
    s->channels = mem_resize(s->channels, n * sizeof *s->channels, (n + 1) * sizeof *s->channels);
    s->channels[s->n_channels++] = sds_newlen(text.p, text.n);
    return ACL_RULE_OK;
}

/* Rules that are whole words; false: it is none of these. */
static bool apply_word(struct acl_selector *s, slice rule) {
    bool all_keys = slice_is(rule, "allkeys") || slice_is(rule, "~*");
    bool all_channels = slice_is(rule, "allchannels") || slice_is(rule, "&*");
    if (all_keys || slice_is(rule, "resetkeys")) {
        clear_keys(s);
        s->all_keys = all_keys;
    } else if (all_channels || slice_is(rule, "resetchannels")) {
        clear_channels(s);
        s->all_channels = all_channels;
    } else if (slice_is(rule, "allcommands") || slice_is(rule, "+@all")) {
        selector_change_all(s, true);
    } else if (slice_is(rule, "nocommands") || slice_is(rule, "-@all")) {
        selector_change_all(s, false);
    } else {
        return false;
    }
    return true;
}

enum acl_error selector_apply(struct acl_selector *s, slice rule) {
    if (rule.n == 0) return ACL_RULE_SYNTAX;
    if (apply_word(s, rule)) return ACL_RULE_OK;
    slice rest = {rule.p + 1, rule.n - 1};
    switch (rule.p[0]) {
    case '~':
    case '%': return apply_key(s, rule);
    case '&': return apply_channel(s, rest);
    case '+': return apply_command(s, rest, true);
    case '-': return apply_command(s, rest, false);
    default: return ACL_RULE_SYNTAX;
    }
}

/* --- judging --- */

static bool allows_command(const struct acl_selector *s, const struct acl_request *r) {
    if (s->all_commands || r->needs_none || acl_set_has(&s->commands, r->command)) return true;
    for (int i = 0; r->argc > 1 && i < s->n_first_args; i++)
        if (s->first_args[i].command == r->command && slice_is(r->argv[1], s->first_args[i].arg)) return true;
    return false;
}

static bool allows_key(const struct acl_selector *s, slice key, unsigned access) {
    for (int i = 0; i < s->n_keys; i++) {
        const struct acl_pattern *p = &s->keys[i];
        if ((p->access & access) == access && glob_match(sds_slice(p->text), key, false)) return true;
    }
    return false;
}

bool selector_allows_channel(const struct acl_selector *s, slice channel, bool is_pattern) {
    if (s->all_channels) return true;
    for (int i = 0; i < s->n_channels; i++) {
        slice allowed = sds_slice(s->channels[i]);
        if (is_pattern ? slice_eq(allowed, channel) : glob_match(allowed, channel, false)) return true;
    }
    return false;
}

bool selector_allows_all_keys(const struct acl_selector *s, unsigned access) {
    if (s->all_keys) return true;
    for (int i = 0; i < s->n_keys; i++)
        if ((s->keys[i].access & access) == access && strcmp(s->keys[i].text, "*") == 0) return true;
    return false;
}

enum acl_verdict selector_check(const struct acl_selector *s, const struct acl_request *r, int *pos) {
    if (!allows_command(s, r)) return ACL_DENIED_COMMAND;
    for (int i = 0; !s->all_keys && i < r->n_keys; i++)
        if (!allows_key(s, r->argv[r->keys[i].pos], r->keys[i].access)) {
            *pos = r->keys[i].pos;
            return ACL_DENIED_KEY;
        }
    for (int i = r->first_channel; r->first_channel && i <= r->last_channel; i++)
        if (!selector_allows_channel(s, r->argv[i], r->channels_are_patterns)) {
            *pos = i;
            return ACL_DENIED_CHANNEL;
        }
    return ACL_ALLOWED;
}

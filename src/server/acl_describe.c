/* Users in words: the rules that would make the same user.
 *
 * A set of commands is described by a base (+@all or -@all), then by the categories that fit it best, then command by
 * command. The choice of categories is Redis's, so that both servers write the same rules; that they mean the same set is checked
 * each time by applying them. */
#include "server/acl_internal.h"

#include <limits.h>

#include "base/assert.h"

/* --- commands --- */

/* How many members of the category are allowed and how many are not. */
static void count_members(const struct acl_set *commands, int category, int *on, int *off) {
    const struct acl_set *members = acl_category_members(category);
    *on = *off = 0;
    for (int i = 0; i < ACL_WORDS; i++) {
        *on += __builtin_popcountll(members->words[i] & commands->words[i]);
        *off += __builtin_popcountll(members->words[i] & ~commands->words[i]);
    }
}

/* The category that is more right than wrong, with the fewest commands wrong and then the most right; -1: none. */
static int best_category(const struct acl_set *commands, bool additive, uint32_t applied) {
    int best = -1, least_wrong = INT_MAX, most_right = 0;
    for (int i = 0; i < acl_category_count(); i++) {
        int on, off;
        if (applied >> i & 1) continue;
        count_members(commands, i, &on, &off);
        int wrong = additive ? off : on, right = additive ? on : off;
        if (right <= wrong || wrong > least_wrong || (wrong == least_wrong && right <= most_right)) continue;
        best = i;
        least_wrong = wrong;
        most_right = right;
    }
    return best;
}

static sds add_categories(const struct acl_selector *s, struct acl_selector *said, sds out) {
    bool additive = !s->future_commands;
    struct acl_set left = s->commands;
    uint32_t applied = 0;
    int best;
    while ((best = best_category(&left, additive, applied)) >= 0) {
        selector_change_category(said, best, additive);
        acl_set_change(&left, acl_category_with_subs(best), !additive);
        applied |= UINT32_C(1) << best;
        out = sds_cat_printf(out, " %c@%s", additive ? '+' : '-', acl_category_name(best));
    }
    return out;
}

static sds add_commands(const struct acl_selector *s, struct acl_selector *said, sds out) {
    for (int id = 0; id < acl_command_count(); id++) {
        const char *name = acl_command_at(id)->name;
        bool on = acl_set_has(&s->commands, id);
        if (on != acl_set_has(&said->commands, id)) {
            selector_change_command(said, id, on);
            out = sds_cat_printf(out, " %c%s", on ? '+' : '-', name);
        }
        for (int i = 0; !on && i < s->n_first_args; i++)
            if (s->first_args[i].command == id)
                out = sds_cat_printf(out, " +%s|%s", name, s->first_args[i].arg);
    }
    return out;
}

sds selector_describe_commands(const struct acl_selector *s, sds out) {
    struct acl_selector said;
    selector_init(&said);
    selector_change_all(&said, s->future_commands);
    out = sds_cat_str(out, s->future_commands ? "+@all" : "-@all");
    out = add_categories(s, &said, out);
    out = add_commands(s, &said, out);
    for (int id = 0; id < acl_command_count(); id++)
        assert_that(acl_set_has(&said.commands, id) == acl_set_has(&s->commands, id));
    selector_free(&said);
    return out;
}

/* --- keys and channels, each with a blank behind it --- */

static sds add_keys(const struct acl_selector *s, sds out) {
    if (s->all_keys) return sds_cat_str(out, "~* ");
    for (int i = 0; i < s->n_keys; i++) {
        unsigned access = s->keys[i].access;
        const char *head = access == ACL_READS ? "%R~" : access == ACL_WRITES ? "%W~" : "~";
        out = sds_cat_str(out, head);
        out = sds_cat(out, s->keys[i].text, sds_len(s->keys[i].text));
        out = sds_cat(out, " ", 1);
    }
    return out;
}

static sds add_channels(const struct acl_selector *s, sds out) {
    if (s->all_channels) return sds_cat_str(out, "&* ");
    for (int i = 0; i < s->n_channels; i++) {
        out = sds_cat(out, "&", 1);
        out = sds_cat(out, s->channels[i], sds_len(s->channels[i]));
        out = sds_cat(out, " ", 1);
    }
    return out;
}

static sds without_last_blank(sds out, size_t start) {
    if (sds_len(out) > start) sds_set_len(out, sds_len(out) - 1);
    return out;
}

static sds add_selector(const struct acl_selector *s, sds out) {
    out = add_keys(s, out);
    if (!s->all_channels) out = sds_cat_str(out, "resetchannels ");
    out = add_channels(s, out);
    return selector_describe_commands(s, out);
}

sds acl_describe_commands(const struct acl_user *u, int selector, sds out) {
    return selector_describe_commands(&u->selectors[selector], out);
}

sds acl_describe_keys(const struct acl_user *u, int selector, sds out) {
    size_t start = sds_len(out);
    return without_last_blank(add_keys(&u->selectors[selector], out), start);
}

sds acl_describe_channels(const struct acl_user *u, int selector, sds out) {
    size_t start = sds_len(out);
    return without_last_blank(add_channels(&u->selectors[selector], out), start);
}

/* --- users --- */

struct acl_flags acl_flags(const struct acl_user *u) {
    struct acl_flags f = {{u->enabled ? "on" : "off"}, 1};
    if (u->nopass) f.words[f.n++] = "nopass";
    if (u->sanitize == SANITIZE_SKIP) f.words[f.n++] = "skip-sanitize-payload";
    if (u->sanitize == SANITIZE_YES) f.words[f.n++] = "sanitize-payload";
    return f;
}

int acl_password_count(const struct acl_user *u) {
    return u->n_passwords;
}

void acl_password_hex(const struct acl_user *u, int i, char out[ACL_PASSWORD_DIGITS]) {
    hex_encode(out, u->passwords[i], SHA256_BYTES);
}

int acl_selector_count(const struct acl_user *u) {
    return u->n_selectors;
}

sds acl_describe(const struct acl_user *u, sds out) {
    struct acl_flags flags = acl_flags(u);
    for (int i = 0; i < flags.n; i++) out = sds_cat_printf(out, "%s ", flags.words[i]);
    for (int i = 0; i < u->n_passwords; i++) {
        char hex[ACL_PASSWORD_DIGITS];
        acl_password_hex(u, i, hex);
        out = sds_cat_printf(out, "#%.*s ", ACL_PASSWORD_DIGITS, hex);
    }
    for (int i = 0; i < u->n_selectors; i++) {
        if (i) out = sds_cat_str(out, " (");
        out = add_selector(&u->selectors[i], out);
        if (i) out = sds_cat(out, ")", 1);
    }
    return out;
}

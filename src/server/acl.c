/* The users by name, and signing in.
 *
 * Invariant: the default user is always among them, at the same address for the life of the process; the vector is in the
 * order of the names' bytes. Changes are all or nothing: they are made to a copy, which the user then adopts. */
#include "server/acl_internal.h"

#include "base/alloc.h"
#include "base/assert.h"

struct acl_config acl_config = {.log_max = 128};

static struct acl_hooks hooks;
static struct acl_users users;
static struct acl_user *default_user;

void acl_set_hooks(const struct acl_hooks *h) {
    hooks = *h;
}

/* --- vectors of users --- */

/* Where the name is, or would be. */
static int place_of(const struct acl_users *all, slice name, bool *found) {
    int low = 0, high = all->n;
    *found = false;
    while (low < high) {
        int mid = low + (high - low) / 2, d = slice_cmp(sds_slice(all->v[mid]->name), name);
        if (d == 0) *found = true;
        if (d < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

struct acl_user *users_find(const struct acl_users *all, slice name) {
    bool found;
    int at = place_of(all, name, &found);
    return found ? all->v[at] : NULL;
}

static void insert(struct acl_users *all, struct acl_user *u) {
    bool found;
    int at = place_of(all, sds_slice(u->name), &found);
    assert_that(!found);
    if (all->n == all->cap) {
        int cap = all->cap ? all->cap * 2 : 8;
        all->v = mem_resize(all->v, (size_t)all->cap * sizeof *all->v, (size_t)cap * sizeof *all->v);
        all->cap = cap;
    }
    memmove(all->v + at + 1, all->v + at, (size_t)(all->n - at) * sizeof *all->v);
    all->v[at] = u;
    all->n++;
}

static struct acl_user *take(struct acl_users *all, slice name) {
    bool found;
    int at = place_of(all, name, &found);
    if (!found) return NULL;
    struct acl_user *u = all->v[at];
    memmove(all->v + at, all->v + at + 1, (size_t)(--all->n - at) * sizeof *all->v);
    return u;
}

struct acl_user *users_add(struct acl_users *all, slice name) {
    if (users_find(all, name)) return NULL;
    struct acl_user *u = user_new();
    u->name = sds_newlen(name.p, name.n);
    insert(all, u);
    return u;
}

void users_free(struct acl_users *all) {
    for (int i = 0; i < all->n; i++) user_free(all->v[i]);
    mem_free(all->v, (size_t)all->cap * sizeof *all->v);
    *all = (struct acl_users){0};
}

/* --- the users --- */

void acl_init(const struct acl_command *commands, int n, const char *const *categories, int n_categories) {
    acl_commands_init(commands, n, categories, n_categories);
    users_free(&users);
    default_user = user_new_default();
    default_user->name = sds_new("default");
    insert(&users, default_user);
}

struct acl_user *acl_default(void) {
    return default_user;
}

struct acl_user *acl_find(slice name) {
    return users_find(&users, name);
}

int acl_count(void) {
    return users.n;
}

struct acl_user *acl_at(int i) {
    return users.v[i];
}

slice acl_name(const struct acl_user *u) {
    return sds_slice(u->name);
}

/* --- changes --- */

/* Whether every channel that some selector of `before` allows is plainly among those of `after`. */
static bool keeps_channels(const struct acl_user *before, const struct acl_user *after) {
    for (int i = 0; i < after->n_selectors; i++)
        if (after->selectors[i].all_channels) return true;
    for (int i = 0; i < before->n_selectors; i++) {
        const struct acl_selector *s = &before->selectors[i];
        if (s->all_channels) return false;
        for (int k = 0; k < s->n_channels; k++)
            if (!acl_channel_allowed(after, sds_slice(s->channels[k]), true)) return false;
    }
    return true;
}

static void replace(struct acl_user *u, struct acl_user *with) {
    bool keeps = keeps_channels(u, with);
    user_adopt(u, with);
    if (hooks.changed) hooks.changed(u);
    if (!keeps && hooks.channels_taken) hooks.channels_taken(u);
}

static const char *apply_all(struct acl_user *u, const struct acl_words *rules) {
    static sds text;
    for (int i = 0; i < rules->n; i++) {
        enum acl_error err = user_apply(u, sds_slice(rules->v[i]));
        if (err == ACL_RULE_OK) continue;
        sds_free(text);
        text = sds_cat_printf(sds_empty(), "Error in ACL SETUSER modifier '%s': %s", rules->v[i],
                              acl_error_text(err));
        return text;
    }
    return NULL;
}

const char *acl_set_user(slice name, const slice *rules, int n) {
    static sds text;
    struct acl_words words;
    if (!acl_name_ok(name)) return "Usernames can't contain spaces or null characters";
    if (!acl_join_selectors(rules, n, &words)) {
        sds_free(text);
        text = sds_cat_printf(sds_empty(), "Unmatched parenthesis in acl selector starting at '%.*s'.",
                              SLICE_ARGS(rules[words.n]));
        return text;
    }
    struct acl_user *u = acl_find(name), *changed = u ? user_copy(u) : user_new();
    const char *err = apply_all(changed, &words);
    acl_words_free(&words);
    if (err) {
        user_free(changed);
    } else if (u) {
        replace(u, changed);
    } else {
        changed->name = sds_newlen(name.p, name.n);
        insert(&users, changed);
    }
    return err;
}

static void remove_user(struct acl_user *u) {
    if (hooks.removed) hooks.removed(u);
    user_free(u);
}

bool acl_delete(slice name) {
    struct acl_user *u = acl_find(name);
    if (!u || u == default_user) return false;
    remove_user(take(&users, name));
    return true;
}

void acl_replace_users(struct acl_users *all) {
    struct acl_user *standard = take(all, SLICE("default"));
    assert_that(standard);
    take(&users, SLICE("default"));
    struct acl_users old = users;
    users = *all;
    insert(&users, default_user);
    user_adopt(default_user, standard);
    if (hooks.changed) hooks.changed(default_user);
    for (int i = 0; i < old.n; i++) remove_user(old.v[i]);
    old.n = 0;
    users_free(&old);
    *all = (struct acl_users){0};
}

void acl_set_default_password(slice password) {
    struct acl_user *changed = user_copy(default_user);
    user_apply(changed, password.n ? SLICE("resetpass") : SLICE("nopass"));
    sds rule = sds_cat(sds_new(">"), password.p, password.n);
    if (password.n) user_apply(changed, sds_slice(rule));
    sds_free(rule);
    replace(default_user, changed);
}

/* --- signing in --- */

struct acl_user *acl_authenticate(slice name, slice password) {
    struct acl_user *u = acl_find(name);
    /* Hashes whoever is asked for, so that the time taken doesn't tell who there is. */
    bool right = user_password_is(u ? u : default_user, password);
    if (!u || !u->enabled) return NULL;
    return right || u->nopass ? u : NULL;
}

bool acl_default_has_password(void) {
    return !default_user->nopass;
}

bool acl_password_needed(void) {
    return !default_user->nopass || !default_user->enabled;
}

/* --- permissions --- */

bool acl_may_do_all(const struct acl_user *u) {
    const struct acl_selector *root = &u->selectors[0];
    return root->all_commands && root->all_keys && root->all_channels;
}

bool acl_limits_keys(const struct acl_user *u) {
    for (int i = 0; i < u->n_selectors; i++)
        if (!u->selectors[i].all_keys) return true;
    return false;
}

/* What is told is the refusal of the selector that came furthest: a key or channel rather than the command, and the later
 * argument. */
enum acl_verdict acl_check(const struct acl_user *u, const struct acl_request *r, int *pos) {
    enum acl_verdict worst = ACL_DENIED_COMMAND;
    int at = 0;
    *pos = 0;
    for (int i = 0; i < u->n_selectors; i++) {
        enum acl_verdict v = selector_check(&u->selectors[i], r, &at);
        if (v == ACL_ALLOWED) return v;
        if (v < worst || (v == worst && at <= *pos)) continue;
        worst = v;
        *pos = at;
    }
    return worst;
}

bool acl_check_with_all_keys(const struct acl_user *u, const struct acl_request *r, unsigned access) {
    int pos;
    for (int i = 0; i < u->n_selectors; i++) {
        const struct acl_selector *s = &u->selectors[i];
        if (selector_check(s, r, &pos) == ACL_ALLOWED && selector_allows_all_keys(s, access)) return true;
    }
    return false;
}

bool acl_channel_allowed(const struct acl_user *u, slice channel, bool is_pattern) {
    for (int i = 0; i < u->n_selectors; i++)
        if (selector_allows_channel(&u->selectors[i], channel, is_pattern)) return true;
    return false;
}

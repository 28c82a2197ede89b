/* CONFIG GET and CONFIG SET.
 *
 * SET is all or nothing: every value is stored first, then the effects run; whatever fails puts the old values back, in
 * reverse order, and their effects with them. */
#include "server/config_internal.h"

#include "base/alloc.h"
#include "base/glob.h"
#include "base/log.h"
#include "rdb/rdb.h"

static bool has_glob(slice s) {
    for (size_t i = 0; i < s.n; i++) {
        if (strchr("*?[", s.p[i])) return true;
    }
    return false;
}

static bool matches(const slice *patterns, int n, const char *name, bool hidden) {
    for (int i = 0; i < n; i++) {
        if (!has_glob(patterns[i]) ? slice_is(patterns[i], name)
                                   : !hidden && glob_match(patterns[i], slice_of(name), true)) {
            return true;
        }
    }
    return false;
}

void config_get(const slice *patterns, int n, void (*fn)(void *ctx, const char *name, slice value),
                void *ctx) {
    const struct directive *d;
    for (int i = 0; (d = directive_at(i)); i++) {
        bool hidden = d->flags & DIRECTIVE_HIDDEN;
        bool by_name = matches(patterns, n, d->name, hidden);
        bool by_alias = d->alias && matches(patterns, n, d->alias, hidden);
        if (!by_name && !by_alias) continue;
        sds value = directive_get(d, sds_empty());
        if (by_name) fn(ctx, d->name, sds_slice(value));
        if (by_alias) fn(ctx, d->alias, sds_slice(value));
        sds_free(value);
    }
}

sds config_value(slice name, sds out) {
    return directive_get(directive_find(name), out);
}

struct change {
    const struct directive *d;
    slice name;
    sds old;      /* NULL until stored */
    bool changed; /* the stored value differs from the old one */
};

static const char *failed(slice name, const char *why) {
    static sds text;
    sds_free(text);
    text = sds_cat_printf(sds_empty(), "CONFIG SET failed (possibly related to argument '%.*s') - %s",
                          SLICE_ARGS(name), why);
    return text;
}

static const char *find_all(struct change *changes, const slice *pairs, int n) {
    static sds unknown;
    for (int i = 0; i < n; i++) {
        slice name = pairs[2 * i];
        changes[i] = (struct change){.d = directive_find(name), .name = name};
        if (!changes[i].d && directive_unsupported(name)) return failed(name, directive_refusal(name));
        if (!changes[i].d) {
            sds_free(unknown);
            unknown = sds_cat_printf(sds_empty(),
                                     "Unknown option or number of arguments for CONFIG SET - '%.*s'",
                                     SLICE_ARGS(name));
            return unknown;
        }
    }
    return NULL;
}

bool config_caller_is_local;

static bool protected_allowed(void) {
    return server_config.enable_protected_configs == PROTECTED_YES ||
           (server_config.enable_protected_configs == PROTECTED_LOCAL && config_caller_is_local);
}

/* The old and the new name of a directive in one call count as two: the later one wins. */
static bool is_alias(const struct change *c) {
    return c->d->alias && slice_is(c->name, c->d->alias);
}

static const char *never_allowed(const struct directive *d) {
    if (d->flags & DIRECTIVE_IMMUTABLE) return "can't set immutable config";
    if ((d->flags & DIRECTIVE_PROTECTED) && !protected_allowed()) return "can't set protected config";
    return NULL;
}

static const char *refused(const struct change *changes, int i) {
    const struct directive *d = changes[i].d;
    const char *why = never_allowed(d);
    if (why) return why;
    for (int j = 0; j < i; j++) {
        if (changes[j].d == d && is_alias(&changes[j]) == is_alias(&changes[i])) return "duplicate parameter";
    }
    return NULL;
}

static void restore(struct change *changes, int n) {
    for (int i = n - 1; i >= 0; i--) {
        if (!changes[i].changed) continue;
        slice old = sds_slice(changes[i].old);
        const char *err = directive_set(changes[i].d, &old, 1);
        if (err)
            log_warning("Failed restoring failed CONFIG SET command. Error setting %s to '%s': %s",
                        changes[i].d->name,
                        changes[i].d->flags & DIRECTIVE_SECRET ? "(redacted)" : changes[i].old, err);
    }
}

static const char *store(struct change *c, slice value) {
    c->old = directive_get(c->d, sds_empty());
    const char *err = directive_set(c->d, &value, 1);
    if (err) return err;
    sds now = directive_get(c->d, sds_empty());
    c->changed = !slice_eq(sds_slice(now), sds_slice(c->old));
    sds_free(now);
    return NULL;
}

/* Runs each effect once, even when several directives share it. On failure *bad is its directive. */
static const char *apply_all(const struct change *changes, int n, int *bad) {
    for (int i = 0; i < n; i++) {
        if (!changes[i].changed || !changes[i].d->apply) continue;
        bool done = false;
        for (int j = 0; j < i; j++) done |= changes[j].changed && changes[j].d->apply == changes[i].d->apply;
        const char *err = done ? NULL : changes[i].d->apply();
        if (!err) continue;
        *bad = i;
        return changes[i].d->failure ? changes[i].d->failure : err;
    }
    return NULL;
}

static const char *set_all(struct change *changes, const slice *pairs, int n) {
    int bad = 0;
    for (int i = 0; i < n; i++) {
        const char *err = refused(changes, i);
        if (err) return failed(changes[i].name, err);
    }
    for (int i = 0; i < n; i++) {
        const char *err = store(&changes[i], pairs[2 * i + 1]);
        if (!err) continue;
        const char *text = failed(changes[i].name, err);
        restore(changes, i);
        return text;
    }
    const char *err = apply_all(changes, n, &bad);
    if (!err) return NULL;
    const char *text = failed(changes[bad].name, err);
    log_warning("Failed applying new configuration. Possibly related to new %s setting. Restoring previous "
                "settings.",
                changes[bad].d->name);
    restore(changes, n);
    err = apply_all(changes, n, &bad);
    if (err) log_warning("Failed applying restored failed CONFIG SET command: %s", err);
    return text;
}

const char *config_set(const slice *pairs, int n_pairs) {
    size_t bytes = (size_t)n_pairs * sizeof(struct change);
    struct change *changes = mem_zalloc(bytes);
    const char *err = find_all(changes, pairs, n_pairs);
    if (!err) err = set_all(changes, pairs, n_pairs);
    for (int i = 0; i < n_pairs; i++) sds_free(changes[i].old);
    mem_free(changes, bytes);
    return err;
}

bool config_set_must_wait(const slice *pairs, int n_pairs) {
    for (int i = 0; rdb_loading.active && i < n_pairs; i++) {
        const struct directive *d = directive_find(pairs[2 * i]);
        if (!d || never_allowed(d)) return false; /* that is said first */
        if (d->flags & DIRECTIVE_WHOLE_DATA) return true;
    }
    return false;
}

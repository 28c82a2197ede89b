/* One user: flags, passwords and selectors, and the rules that change them.
 *
 * Passwords are kept as SHA-256 digests only, and compared so that the time taken tells nothing: over all of their bytes
 * and all of the user's passwords, whatever differs where. A rule that is refused changes nothing. */
#include "server/acl_internal.h"

#include <ctype.h>

#include "base/alloc.h"

const char *acl_error_text(enum acl_error e) {
    static const char *const texts[] = {
        [ACL_RULE_OK] = "",
        [ACL_RULE_UNKNOWN] = "Unknown command or category name in ACL",
        [ACL_RULE_SYNTAX] = "Syntax error",
        [ACL_RULE_AFTER_ALL_KEYS] =
            "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does "
            "not have any effect. Try 'resetkeys' to start with an empty list of patterns",
        [ACL_RULE_AFTER_ALL_CHANNELS] = "Adding a pattern after the * pattern (or the 'allchannels' flag) is "
                                        "not valid and does not have any effect. "
                                        "Try 'resetchannels' to start with an empty list of channels",
        [ACL_RULE_NO_SUCH_PASSWORD] = "The password you are trying to remove from the user does not exist",
        [ACL_RULE_BAD_HASH] =
            "The password hash must be exactly 64 characters and contain only lowercase hexadecimal "
            "characters",
        [ACL_RULE_FIRST_ARG_OF_SUBCOMMAND] = "Allowing first-arg of a subcommand is not supported"};
    return texts[e];
}

/* --- making, copying, freeing --- */

static struct acl_selector *add_selector(struct acl_user *u) {
    size_t n = (size_t)u->n_selectors;
    u->selectors = mem_resize(u->selectors, n * sizeof *u->selectors, (n + 1) * sizeof *u->selectors);
    return &u->selectors[u->n_selectors++];
}

static void drop_selectors(struct acl_user *u, int from) {
    for (int i = from; i < u->n_selectors; i++) selector_free(&u->selectors[i]);
    u->selectors = mem_resize(u->selectors, (size_t)u->n_selectors * sizeof *u->selectors,
                              (size_t)from * sizeof *u->selectors);
    u->n_selectors = from;
}

static void drop_passwords(struct acl_user *u) {
    mem_free(u->passwords, (size_t)u->n_passwords * sizeof *u->passwords);
    u->passwords = NULL;
    u->n_passwords = 0;
}

struct acl_user *user_new(void) {
    struct acl_user *u = mem_zalloc(sizeof *u);
    selector_init(add_selector(u));
    return u;
}

static void free_contents(struct acl_user *u) {
    drop_passwords(u);
    drop_selectors(u, 0);
    mem_free(u->selectors, 0);
}

void user_free(struct acl_user *u) {
    free_contents(u);
    sds_free(u->name);
    mem_free(u, sizeof *u);
}

struct acl_user *user_copy(const struct acl_user *u) {
    struct acl_user *copy = mem_alloc(sizeof *copy);
    size_t bytes = (size_t)u->n_passwords * sizeof *u->passwords;
    *copy = *u;
    copy->name = NULL;
    copy->passwords = mem_alloc(bytes);
    if (bytes) memcpy(copy->passwords, u->passwords, bytes);
    copy->selectors = NULL;
    copy->n_selectors = 0;
    for (int i = 0; i < u->n_selectors; i++) selector_copy(add_selector(copy), &u->selectors[i]);
    return copy;
}

void user_adopt(struct acl_user *u, struct acl_user *from) {
    sds name = u->name;
    free_contents(u);
    *u = *from;
    u->name = name;
    sds_free(from->name);
    mem_free(from, sizeof *from);
}

struct acl_user *user_new_default(void) {
    struct acl_user *u = user_new();
    struct acl_selector *root = &u->selectors[0];
    selector_apply(root, SLICE("allcommands"));
    selector_apply(root, SLICE("allkeys"));
    selector_apply(root, SLICE("allchannels"));
    u->enabled = u->nopass = true;
    return u;
}

/* --- passwords --- */

static bool digests_equal(const uint8_t *a, const uint8_t *b) {
    uint8_t differs = 0;
    for (int i = 0; i < SHA256_BYTES; i++) differs |= a[i] ^ b[i];
    return differs == 0;
}

bool user_password_is(const struct acl_user *u, slice password) {
    uint8_t digest[SHA256_BYTES];
    bool found = false;
    sha256(password.p, password.n, digest);
    for (int i = 0; i < u->n_passwords; i++) found |= digests_equal(u->passwords[i], digest);
    return found;
}

static int find_digest(const struct acl_user *u, const uint8_t *digest) {
    for (int i = 0; i < u->n_passwords; i++)
        if (digests_equal(u->passwords[i], digest)) return i;
    return -1;
}

static int hex_value(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_digest(slice hex, uint8_t *digest) {
    if (hex.n != ACL_PASSWORD_DIGITS) return false;
    for (int i = 0; i < SHA256_BYTES; i++) {
        int high = hex_value(hex.p[2 * i]), low = hex_value(hex.p[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        digest[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static void add_password(struct acl_user *u, const uint8_t *digest) {
    u->nopass = false;
    if (find_digest(u, digest) >= 0) return;
    size_t n = (size_t)u->n_passwords;
    u->passwords = mem_resize(u->passwords, n * sizeof *u->passwords, (n + 1) * sizeof *u->passwords);
    memcpy(u->passwords[u->n_passwords++], digest, SHA256_BYTES);
}

static enum acl_error remove_password(struct acl_user *u, const uint8_t *digest) {
    int at = find_digest(u, digest);
    if (at < 0) return ACL_RULE_NO_SUCH_PASSWORD;
    size_t n = (size_t)u->n_passwords;
    memmove(u->passwords[at], u->passwords[at + 1], (n - 1 - (size_t)at) * sizeof *u->passwords);
    u->passwords = mem_resize(u->passwords, n * sizeof *u->passwords, (n - 1) * sizeof *u->passwords);
    u->n_passwords--;
    return ACL_RULE_OK;
}

/* >password #digest: add; <password !digest: remove. */
static enum acl_error apply_password(struct acl_user *u, slice rule) {
    uint8_t digest[SHA256_BYTES];
    slice rest = {rule.p + 1, rule.n - 1};
    if (rule.p[0] == '>' || rule.p[0] == '<')
        sha256(rest.p, rest.n, digest);
    else if (!parse_digest(rest, digest))
        return ACL_RULE_BAD_HASH;
    if (rule.p[0] == '<' || rule.p[0] == '!') return remove_password(u, digest);
    add_password(u, digest);
    return ACL_RULE_OK;
}

/* --- rules --- */

static void reset(struct acl_user *u) {
    drop_passwords(u);
    drop_selectors(u, 0);
    selector_init(add_selector(u));
    u->enabled = u->nopass = false;
    u->sanitize = SANITIZE_YES;
}

/* Rules that are whole words; false: it is none of these. */
static bool apply_word(struct acl_user *u, slice rule) {
    if (slice_is(rule, "on") || slice_is(rule, "off")) {
        u->enabled = slice_is(rule, "on");
    } else if (slice_is(rule, "nopass") || slice_is(rule, "resetpass")) {
        drop_passwords(u);
        u->nopass = slice_is(rule, "nopass");
    } else if (slice_is(rule, "skip-sanitize-payload")) {
        u->sanitize = SANITIZE_SKIP;
    } else if (slice_is(rule, "sanitize-payload")) {
        u->sanitize = SANITIZE_YES;
    } else if (slice_is(rule, "clearselectors")) {
        drop_selectors(u, 1);
    } else if (slice_is(rule, "reset")) {
        reset(u);
    } else {
        return false;
    }
    return true;
}

/* "(rule rule...)". Unbalanced quotes in it make it as good as empty. */
static enum acl_error apply_selector(struct acl_user *u, slice rule) {
    struct acl_selector s;
    enum acl_error err = ACL_RULE_OK;
    int n = 0;
    sds *words = sds_split_words(rule.p + 1, rule.n - 2, &n);
    selector_init(&s);
    for (int i = 0; words && i < n && err == ACL_RULE_OK; i++) err = selector_apply(&s, sds_slice(words[i]));
    if (words) sds_free_words(words, n);
    if (err == ACL_RULE_OK)
        *add_selector(u) = s;
    else
        selector_free(&s);
    return err;
}

enum acl_error user_apply(struct acl_user *u, slice rule) {
    if (rule.n == 0 || apply_word(u, rule)) return ACL_RULE_OK;
    if (memchr("><#!", rule.p[0], 4)) return apply_password(u, rule);
    if (rule.n > 1 && rule.p[0] == '(' && rule.p[rule.n - 1] == ')') return apply_selector(u, rule);
    return selector_apply(&u->selectors[0], rule);
}

/* --- words --- */

bool acl_name_ok(slice name) {
    for (size_t i = 0; i < name.n; i++)
        if (isspace((unsigned char)name.p[i]) || name.p[i] == '\0') return false;
    return true;
}

bool acl_join_selectors(const slice *words, int n_words, struct acl_words *out) {
    sds open = NULL;
    int opened_at = 0;
    *out = (struct acl_words){.v = mem_alloc((size_t)n_words * sizeof(sds)), .cap = n_words};
    for (int i = 0; i < n_words; i++) {
        slice w = words[i];
        bool closes = w.n && w.p[w.n - 1] == ')';
        if (open) {
            open = sds_cat(sds_cat(open, " ", 1), w.p, w.n);
        } else if (w.n && w.p[0] == '(' && !closes) {
            open = sds_newlen(w.p, w.n);
            opened_at = i;
        } else {
            out->v[out->n++] = sds_newlen(w.p, w.n);
        }
        if (!open || !closes) continue;
        out->v[out->n++] = open;
        open = NULL;
    }
    if (!open) return true;
    sds_free(open);
    acl_words_free(out);
    out->n = opened_at;
    return false;
}

void acl_words_free(struct acl_words *words) {
    for (int i = 0; i < words->n; i++) sds_free(words->v[i]);
    mem_free(words->v, (size_t)words->cap * sizeof(sds));
    *words = (struct acl_words){0};
}

/* Who may do what; see access.h. */
#include "command/access.h"

#include <stdio.h>
#include "base/alloc.h"
#include "base/assert.h"
#include "command/dispatch.h"
#include "command/keys.h"
#include "command/pubsub.h"

/* --- numbering the commands --- */

static struct acl_command numbered[ACL_COMMANDS_MAX];
static int n_numbered;

static int number(const char *name, uint32_t categories, int parent, bool is_container) {
    assert_that(n_numbered < ACL_COMMANDS_MAX);
    numbered[n_numbered] = (struct acl_command){name, categories, parent, is_container};
    return n_numbered++;
}

static int number_of(slice name) {
    for (int i = 0; i < n_numbered; i++)
        if (slice_is(name, numbered[i].name)) return i;
    return -1;
}

/* Redis doesn't know commands of our own, and shall be able to read our rules: they go with some of its that have the same
 * categories. Who may call LATENCY DOCTOR may call all of TANDEM. */
static const char *stand_in(const struct command *cmd) {
    if (strcmp(cmd->name, "tandem") == 0) return "latency";
    if (strncmp(cmd->name, "tandem|", 7) != 0) return NULL;
    return cmd->flags & CMD_ADMIN ? "latency|doctor" : "latency|help";
}

bool access_has_rule(const struct command *cmd) {
    return stand_in(cmd) == NULL;
}

static void number_own(void) {
    struct command *cmd;
    for (int i = 0; (cmd = command_at(i)); i++) {
        if (!access_has_rule(cmd)) continue;
        cmd->acl_id = number(cmd->name, cmd->acl, -1, cmd->subcommands != NULL);
        for (struct command *s = cmd->subcommands; s && s->name; s++)
            s->acl_id = number(s->name, s->acl, cmd->acl_id, false);
    }
}

static void number_by_stand_in(void) {
    struct command *cmd;
    for (int i = 0; (cmd = command_at(i)); i++) {
        if (access_has_rule(cmd)) continue;
        cmd->acl_id = number_of(slice_of(stand_in(cmd)));
        for (struct command *s = cmd->subcommands; s && s->name; s++)
            s->acl_id = number_of(slice_of(stand_in(s)));
    }
}

/* Which arguments are channels. */
static void mark_channels(void) {
    static const struct {
        const char *name;
        enum command_channels channels;
    } marks[] = {{"publish", CHANNEL_ONE},
                 {"spublish", CHANNEL_ONE},
                 {"subscribe", CHANNEL_ALL},
                 {"ssubscribe", CHANNEL_ALL},
                 {"psubscribe", CHANNEL_PATTERNS}};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        struct command *cmd = command_lookup(slice_of(marks[i].name));
        if (cmd) cmd->channels = marks[i].channels;
    }
}

/* --- hooks of the users --- */

static void update(struct client *c) {
    c->limited = !c->authenticated || (c->user && !acl_may_do_all(c->user));
}

static void user_changed(struct acl_user *u) {
    for (struct client *c = client_first(); c; c = c->next)
        if (c->user == u) update(c);
}

static void hang_up(struct client *c) {
    if (c == stats_client)
        client_close_after_reply(c);
    else
        client_close(c);
}

struct subscriber {
    const struct acl_user *user;
    bool is_pattern, denied;
};

static void check_topic(void *ctx, slice name) {
    struct subscriber *s = ctx;
    s->denied |= !acl_channel_allowed(s->user, name, s->is_pattern);
}

/* Who listens to what its user may not hear any longer. */
static void channels_taken(struct acl_user *u) {
    for (struct client *c = client_first(), *next; c; c = next) {
        struct subscriber s = {.user = u};
        next = c->next;
        if (c->user != u || !(c->flags & CLIENT_PUBSUB)) continue;
        for (int kind = 0; kind < PUBSUB_KINDS; kind++) {
            s.is_pattern = kind == PUBSUB_PATTERN;
            pubsub_each_of(c, (enum pubsub_kind)kind, check_topic, &s);
        }
        if (s.denied) hang_up(c);
    }
}

/* Nobody may go on as a user who is no more. */
static void user_removed(struct acl_user *u) {
    for (struct client *c = client_first(), *next; c; c = next) {
        next = c->next;
        if (c->user != u) continue;
        c->user = acl_default();
        c->authenticated = false;
        update(c);
        hang_up(c);
    }
}

void access_init(void) {
    static const struct acl_hooks hooks = {
        .changed = user_changed, .channels_taken = channels_taken, .removed = user_removed};
    static const char *categories[ACL_CATEGORIES];
    for (int i = 0; i < ACL_CATEGORIES; i++) categories[i] = command_category_name(i);
    n_numbered = 0;
    number_own();
    number_by_stand_in();
    mark_channels();
    acl_init(numbered, n_numbered, categories, ACL_CATEGORIES);
    acl_set_hooks(&hooks);
}

/* --- signing in --- */

static void log_refusal(const struct client *c, enum acl_verdict why, slice object, slice user) {
    sds client = client_describe(sds_empty(), c);
    acl_log_add(why, c->flags & CLIENT_MULTI ? ACL_CONTEXT_MULTI : ACL_CONTEXT_TOPLEVEL, object, user,
                sds_slice(client));
    sds_free(client);
}

void access_begin(struct client *c) {
    c->user = acl_default();
    c->authenticated = !acl_password_needed();
    update(c);
}

bool access_sign_in(struct client *c, slice how, slice name, slice password) {
    struct acl_user *u = acl_authenticate(name, password);
    if (!u) {
        log_refusal(c, ACL_DENIED_AUTH, how, name);
        return false;
    }
    c->user = u;
    c->authenticated = true;
    update(c);
    return true;
}

bool access_needs_sign_in(const struct client *c, const struct command *cmd) {
    return !c->authenticated && acl_password_needed() && !(cmd->flags & CMD_NO_AUTH);
}

/* --- judging --- */

static unsigned access_of(uint32_t flags) {
    return (flags & KEY_ACCESS ? ACL_READS : 0u) |
           (flags & (KEY_INSERT | KEY_DELETE | KEY_UPDATE) ? ACL_WRITES : 0u);
}

/* The keys as the rules see them; valid until the next call. */
static struct acl_key *keys_of(const struct command *cmd, const slice *argv, int argc, int *n) {
    static struct acl_key *v;
    static int cap;
    struct command_keys keys;
    command_keys_find(cmd, argv, argc, &keys);
    if (keys.n > cap) {
        v = mem_resize(v, (size_t)cap * sizeof *v, (size_t)keys.n * sizeof *v);
        cap = keys.n;
    }
    for (int i = 0; i < keys.n; i++) v[i] = (struct acl_key){keys.v[i].pos, access_of(keys.v[i].flags)};
    *n = keys.n;
    command_keys_free(&keys);
    return v;
}

static struct acl_request request_of(const struct acl_user *u, const struct command *cmd, const slice *argv,
                                     int argc) {
    struct acl_request r = {
        .command = cmd->acl_id, .needs_none = cmd->flags & CMD_NO_AUTH, .argv = argv, .argc = argc};
    if (command_has_keys(cmd) && acl_limits_keys(u)) r.keys = keys_of(cmd, argv, argc, &r.n_keys);
    if (cmd->channels != CHANNEL_NONE) {
        r.first_channel = 1;
        r.last_channel = cmd->channels == CHANNEL_ONE ? 1 : argc - 1;
        r.channels_are_patterns = cmd->channels == CHANNEL_PATTERNS;
    }
    return r;
}

enum acl_verdict access_check(const struct acl_user *u, const struct command *cmd, const slice *argv,
                              int argc, int *pos) {
    struct acl_request r = request_of(u, cmd, argv, argc);
    return acl_check(u, &r, pos);
}

/* The verdict about a client's request; a refusal enters the log. */
static enum acl_verdict judge(const struct client *c, const struct command *cmd, const slice *argv,
                              int argc) {
    int pos;
    if (!c->user || acl_may_do_all(c->user)) return ACL_ALLOWED;
    enum acl_verdict v = access_check(c->user, cmd, argv, argc, &pos);
    if (v != ACL_ALLOWED)
        log_refusal(c, v, v == ACL_DENIED_COMMAND ? slice_of(cmd->name) : argv[pos], acl_name(c->user));
    return v;
}

const char *access_refusal(const struct client *c, const struct command *cmd, const slice *argv, int argc) {
    static char text[160];
    switch (judge(c, cmd, argv, argc)) {
    case ACL_ALLOWED: return NULL;
    case ACL_DENIED_KEY:
        return "NOPERM this user has no permissions to access one of the keys used as arguments";
    case ACL_DENIED_CHANNEL:
        return "NOPERM this user has no permissions to access one of the channels used as arguments";
    default:
        snprintf(text, sizeof text, "NOPERM this user has no permissions to run the '%s' command", cmd->name);
        return text;
    }
}

bool access_allows_queued(struct client *c, const struct command *cmd, const slice *argv, int argc) {
    const char *why = "no permission to execute the command or subcommand";
    enum acl_verdict v = judge(c, cmd, argv, argc);
    if (v == ACL_ALLOWED) return true;
    if (v == ACL_DENIED_KEY) why = "no permission to touch the specified keys";
    if (v == ACL_DENIED_CHANNEL) why = "no permission to access one of the channels used as arguments";
    reply_errorf(&c->out,
                 "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC "
                 "call. This "
                 "command is no longer allowed for the following reason: %s",
                 why);
    return false;
}

bool access_to_all_keys(const struct client *c, const slice *argv, int argc) {
    if (!c->user || acl_may_do_all(c->user)) return true;
    struct acl_request r = request_of(c->user, c->last_command, argv, argc);
    return acl_check_with_all_keys(c->user, &r, ACL_READS);
}

bool access_is_local(const struct client *c) {
    char addr[128];
    if (c->io.fd < 0 || (c->flags & CLIENT_UNIX)) return true;
    client_peer_name(c, addr, sizeof addr);
    return strncmp(addr, "127.0.0.1:", 10) == 0 || strncmp(addr, "[::1]:", 6) == 0;
}

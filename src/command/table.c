/* The command table: collects the groups' rows, checks and completes them at start, and finds a command by its name.
 *
 * Invariant after command_init: every row obeys check_row, names are unique without regard to case, and the lookup holds
 * exactly the top-level rows. While the settings are being read rename-command may give rows other names, or none; later
 * nothing but the statistics changes.
 *
 * Lookup. A name is folded to lower case by setting bit 5 of each byte, eight bytes at a time: the first eight and the
 * last eight (which overlap when it is shorter than 16) and the length identify a name of up to 16 bytes, so a
 * probe is two comparisons of integers. Setting the bit also maps some bytes that aren't letters onto others; a name of
 * letters only cannot be hit by that, any other is compared again byte by byte. */
#include "command/command.h"

#include <ctype.h>
#include "base/assert.h"
#include "base/sds.h"

extern struct command string_commands[], bitmap_commands[], list_commands[], set_commands[], hash_commands[],
    sorted_set_commands[], stream_commands[], hyperloglog_commands[], geo_commands[], generic_commands[],
    connection_commands[], pubsub_commands[], transactions_commands[], server_commands[],
    diagnostics_commands[], scripting_commands[], cluster_commands[], module_commands[], tandem_commands[];

static struct command *const groups[] = {
    string_commands,     bitmap_commands,  list_commands,         set_commands,    hash_commands,
    sorted_set_commands, stream_commands,  hyperloglog_commands,  geo_commands,    generic_commands,
    connection_commands, pubsub_commands,  transactions_commands, server_commands, diagnostics_commands,
    scripting_commands,  cluster_commands, module_commands,       tandem_commands};

enum { SLOTS = 1024, COMMANDS_MAX = 400 };

struct name_id {
    uint64_t head, tail;
    size_t n;
};

static struct {
    struct slot {
        struct name_id id;
        struct command *cmd;
        const char *name;
        bool exact; /* the ids being equal is not enough */
    } slots[SLOTS];
    struct command *all[COMMANDS_MAX];
    const char *names[COMMANDS_MAX]; /* by which all[i] is called: its own, unless it was renamed */
    int count;
    struct command *renamed[COMMANDS_MAX]; /* those, and the removed ones */
    int renamed_count;
} table;

#define FOLD 0x2020202020202020u

static struct name_id name_id(slice name) {
    struct name_id id = {0, 0, name.n};
    if (name.n >= 8) {
        memcpy(&id.head, name.p, 8);
        memcpy(&id.tail, name.p + name.n - 8, 8);
    } else if (name.n >= 4) {
        uint32_t a, b;
        memcpy(&a, name.p, 4);
        memcpy(&b, name.p + name.n - 4, 4);
        id.head = (uint64_t)a << 32 | b;
    } else if (name.n > 0) {
        id.head = (uint64_t)(unsigned char)name.p[0] << 16 |
                  (uint64_t)(unsigned char)name.p[name.n / 2] << 8 | (unsigned char)name.p[name.n - 1];
    }
    id.head |= FOLD;
    id.tail |= FOLD;
    return id;
}

static unsigned slot_of(struct name_id id) {
    uint64_t h = (id.head ^ (id.tail << 7 | id.tail >> 57)) * 0x9e3779b97f4a7c15u + id.n;
    return (unsigned)(h >> 40) % SLOTS;
}

struct command *command_lookup(slice name) {
    struct name_id id = name_id(name);
    for (unsigned i = slot_of(id); table.slots[i].cmd; i = (i + 1) % SLOTS) {
        const struct name_id *s = &table.slots[i].id;
        if (s->head != id.head || s->tail != id.tail || s->n != id.n) continue;
        if (!table.slots[i].exact || slice_is(name, table.slots[i].name)) return table.slots[i].cmd;
    }
    return NULL;
}

struct command *command_lookup_sub(const struct command *container, slice name) {
    size_t prefix = strlen(container->name) + 1;
    for (struct command *s = container->subcommands; s && s->name; s++)
        if (slice_is(name, s->name + prefix)) return s;
    return NULL;
}

struct command *command_lookup_full(slice name) {
    const char *bar = memchr(name.p, '|', name.n);
    if (!bar) return command_lookup(name);
    size_t n = (size_t)(bar - name.p);
    struct command *container = command_lookup((slice){name.p, n});
    if (!container) return NULL;
    return command_lookup_sub(container, (slice){bar + 1, name.n - n - 1});
}

struct command *command_at(int i) {
    return i < table.count ? table.all[i] : NULL;
}

int command_count(void) {
    return table.count;
}

bool command_arity_ok(const struct command *cmd, int argc) {
    return cmd->arity > 0 ? argc == cmd->arity : argc >= -cmd->arity;
}

const char *command_flag_name(int bit) {
    static const char *const names[] = {"write",
                                        "readonly",
                                        "denyoom",
                                        "admin",
                                        "pubsub",
                                        "noscript",
                                        "blocking",
                                        "loading",
                                        "stale",
                                        "skip_monitor",
                                        "skip_slowlog",
                                        "asking",
                                        "fast",
                                        "no_auth",
                                        "may_replicate",
                                        "no_mandatory_keys",
                                        "no_async_loading",
                                        "no_multi",
                                        "movablekeys",
                                        "allow_busy"};
    return (size_t)bit < sizeof names / sizeof *names ? names[bit] : NULL;
}

const char *command_category_name(int bit) {
    static const char *const names[ACL_CATEGORIES] = {
        "keyspace", "read",   "write",       "set",       "sortedset",  "list",        "hash",
        "string",   "bitmap", "hyperloglog", "geo",       "stream",     "pubsub",      "admin",
        "fast",     "slow",   "blocking",    "dangerous", "connection", "transaction", "scripting"};
    return bit < ACL_CATEGORIES ? names[bit] : NULL;
}

/* --- start-up --- */

static void check_keys(const struct command *cmd) {
    int least = cmd->arity < 0 ? -cmd->arity : cmd->arity;
    for (const struct key_spec *k = cmd->keys; k && k->flags; k++) {
        uint32_t how = k->flags & (KEY_RO | KEY_RW | KEY_OW | KEY_RM);
        assert_that((how & (how - 1)) == 0);
        assert_that(how || (k->flags & KEY_NOT_KEY));
        /* A reader that writes (PFCOUNT) says why in a note; a script may do anything. */
        assert_that((cmd->flags & CMD_WRITE) || !(how & (KEY_RW | KEY_OW | KEY_RM)) || k->notes ||
                    (cmd->acl & ACL_SCRIPTING));
        bool may_lack = (cmd->flags & CMD_NO_MANDATORY_KEYS) || (k->find == FIND_RANGE && k->last < 0);
        if (k->begin == BEGIN_INDEX) assert_that(k->index >= 1 && (k->index < least || may_lack));
        if (k->begin == BEGIN_KEYWORD) assert_that(k->keyword);
        if (k->find != FIND_UNKNOWN) assert_that(k->step >= 1);
    }
}

static void check_row(const struct command *cmd, const char *group) {
    assert_that(cmd->name[0] && cmd->arity != 0);
    for (const char *p = cmd->name; *p; p++)
        assert_that(islower((unsigned char)*p) || isdigit((unsigned char)*p) || strchr("_-|", *p));
    assert_that(cmd->run || cmd->subcommands);
    assert_that((cmd->flags & (CMD_WRITE | CMD_READONLY)) != (CMD_WRITE | CMD_READONLY));
    assert_that(!(cmd->flags & CMD_DENYOOM) || (cmd->flags & CMD_WRITE));
    assert_that(cmd->group && cmd->since && cmd->summary && strcmp(cmd->group, group) == 0);
    assert_that(!cmd->deprecated_since == !cmd->replaced_by);
    for (const char *const *h = cmd->history; h && h[0]; h += 2) assert_that(h[1]);
    check_keys(cmd);
}

static void imply_categories(struct command *cmd) {
    static const struct {
        uint32_t flag, acl;
    } implied[] = {{CMD_WRITE, ACL_WRITE},
                   {CMD_ADMIN, ACL_ADMIN | ACL_DANGEROUS},
                   {CMD_PUBSUB, ACL_PUBSUB},
                   {CMD_BLOCKING, ACL_BLOCKING}};
    for (size_t i = 0; i < sizeof implied / sizeof *implied; i++)
        if (cmd->flags & implied[i].flag) cmd->acl |= implied[i].acl;
    if ((cmd->flags & CMD_READONLY) && !(cmd->acl & ACL_SCRIPTING)) cmd->acl |= ACL_READ;
    cmd->acl |= cmd->flags & CMD_FAST ? ACL_FAST : ACL_SLOW;
}

/* COMMAND's older fields: one range that covers all keys that stand at fixed places, one after the other. */
static void summarize_keys(struct command *cmd) {
    bool movable = false;
    for (const struct key_spec *k = cmd->keys; k && k->flags; k++) {
        cmd->n_keys++;
        movable |= k->begin != BEGIN_INDEX || k->find != FIND_RANGE || (k->flags & KEY_INCOMPLETE);
        if (k->begin != BEGIN_INDEX || k->find != FIND_RANGE) continue;
        int last = k->last >= 0 ? k->index + k->last : k->last;
        if (cmd->first_key == 0 || k->index < cmd->first_key) cmd->first_key = k->index;
        if (cmd->last_key == 0 || (cmd->last_key > 0 && (last < 0 || last > cmd->last_key)))
            cmd->last_key = last;
        cmd->key_step = k->step;
    }
    if (movable) cmd->flags |= CMD_MOVABLE_KEYS;
}

/* Which argument names an element, for prefetching: a wrong guess costs a little time. The writers of sorted sets have a
 * score before it. */
static int element_of(const struct command *cmd) {
    int least = cmd->arity < 0 ? -cmd->arity : cmd->arity;
    if (!(cmd->acl & (ACL_HASH | ACL_SET | ACL_SORTEDSET)) || cmd->n_keys != 1 || cmd->last_key != 1)
        return 0;
    if ((cmd->acl & ACL_SORTEDSET) && (cmd->flags & CMD_WRITE) && least == 4) return 3;
    return least >= 3 ? 2 : 0;
}

static void complete_row(struct command *cmd, const char *group) {
    check_row(cmd, group);
    imply_categories(cmd);
    summarize_keys(cmd);
    cmd->element = element_of(cmd);
    size_t n = strlen(cmd->name);
    for (struct command *s = cmd->subcommands; s && s->name; s++) {
        assert_that(strncmp(s->name, cmd->name, n) == 0 && s->name[n] == '|' && s->run && !s->subcommands);
        assert_that(command_lookup_sub(cmd, slice_of(s->name + n + 1)) == s);
        s->parent = cmd;
        complete_row(s, group);
    }
}

static void enter(struct command *cmd, const char *word) {
    slice name = slice_of(word);
    assert_that(!command_lookup(name));
    struct name_id id = name_id(name);
    unsigned i = slot_of(id);
    while (table.slots[i].cmd) i = (i + 1) % SLOTS;
    bool exact = name.n > 16 || strspn(word, "abcdefghijklmnopqrstuvwxyz") != name.n;
    table.slots[i] = (struct slot){id, cmd, word, exact};
}

const char *command_rename(slice from, slice to) {
    struct command *cmd = command_lookup(from);
    int at = 0;
    if (!cmd) return "No such command in rename-command";
    if (to.n && command_lookup(to)) return "Target command name already exists";
    while (table.all[at] != cmd) at++;
    table.renamed[table.renamed_count++] = cmd;
    table.names[at] = sds_newlen(to.p, to.n);
    if (!to.n) {
        size_t behind = (size_t)(--table.count - at);
        memmove(&table.all[at], &table.all[at + 1], behind * sizeof *table.all);
        memmove(&table.names[at], &table.names[at + 1], behind * sizeof *table.names);
    }
    memset(table.slots, 0, sizeof table.slots);
    for (int i = 0; i < table.count; i++) enter(table.all[i], table.names[i]);
    return NULL;
}

struct command *command_lookup_original(slice name) {
    for (int i = 0; i < table.renamed_count; i++)
        if (slice_is(name, table.renamed[i]->name)) return table.renamed[i];
    return NULL;
}

void command_init(void) {
    if (table.count) return;
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++)
        for (struct command *cmd = groups[g]; cmd->name; cmd++) {
            complete_row(cmd, groups[g]->group);
            assert_that(table.count < COMMANDS_MAX);
            table.names[table.count] = cmd->name;
            table.all[table.count++] = cmd;
            enter(cmd, cmd->name);
        }
}

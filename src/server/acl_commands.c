/* The commands as access control sees them: numbers with names and categories, and sets of numbers.
 *
 * Invariant: a container is never switched without its subcommands, so a category is kept twice: its members (which
 * describing a user counts), and its members with all subcommands of its containers (which a rule changes). */
#include "server/acl_internal.h"

#include "base/assert.h"

enum { CATEGORIES_MAX = 32 };

static struct {
    const struct acl_command *commands;
    const char *const *names;
    int n, n_categories;
    struct acl_set members[CATEGORIES_MAX], with_subs[CATEGORIES_MAX];
} table;

static void set_add(struct acl_set *s, int id) {
    s->words[id / 64] |= UINT64_C(1) << (id % 64);
}

void acl_set_change(struct acl_set *s, const struct acl_set *which, bool on) {
    for (int i = 0; i < ACL_WORDS; i++) {
        if (on)
            s->words[i] |= which->words[i];
        else
            s->words[i] &= ~which->words[i];
    }
}

void acl_commands_init(const struct acl_command *commands, int n, const char *const *categories,
                       int n_categories) {
    assert_that(n <= ACL_COMMANDS_MAX && n_categories <= CATEGORIES_MAX);
    memset(&table, 0, sizeof table);
    table.commands = commands;
    table.n = n;
    table.names = categories;
    table.n_categories = n_categories;
    for (int id = 0; id < n; id++) {
        int parent = commands[id].parent;
        assert_that(parent < id && (parent < 0 || commands[parent].is_container));
        for (int cat = 0; cat < n_categories; cat++) {
            bool is_member = commands[id].categories >> cat & 1;
            if (is_member) set_add(&table.members[cat], id);
            if (is_member || (parent >= 0 && commands[parent].categories >> cat & 1))
                set_add(&table.with_subs[cat], id);
        }
    }
}

int acl_command_count(void) {
    return table.n;
}

const struct acl_command *acl_command_at(int id) {
    return &table.commands[id];
}

int acl_command_find(slice full_name) {
    for (int id = 0; id < table.n; id++)
        if (slice_is(full_name, table.commands[id].name)) return id;
    return -1;
}

void acl_command_with_subs(int id, struct acl_set *out) {
    memset(out, 0, sizeof *out);
    set_add(out, id);
    for (int i = id + 1; table.commands[id].is_container && i < table.n; i++)
        if (table.commands[i].parent == id) set_add(out, i);
}

int acl_category(slice name) {
    for (int i = 0; i < table.n_categories; i++)
        if (slice_is(name, table.names[i])) return i;
    return -1;
}

const struct acl_set *acl_category_members(int category) {
    return &table.members[category];
}

const struct acl_set *acl_category_with_subs(int category) {
    return &table.with_subs[category];
}

int acl_category_count(void) {
    return table.n_categories;
}

const char *acl_category_name(int category) {
    return table.names[category];
}

/* The COMMAND command: the table as clients read it (docs.c for COMMAND DOCS). */
#include <stdio.h>

#include "base/glob.h"
#include "command/handlers.h"
#include "command/keys.h"

/* --- COMMAND, COMMAND INFO --- */

static void reply_words(struct reply_buf *b, uint32_t bits, int n, const char *(*name)(int),
                        const char *prefix) {
    reply_set(b, __builtin_popcount(bits));
    for (int i = 0; i < n; i++)
        if (bits & 1u << i) {
            char word[40];
            snprintf(word, sizeof word, "%s%s", prefix, name(i));
            reply_status(b, word);
        }
}

static const char *key_flag_name(int bit) {
    static const char *const names[] = {
        "RO",     "RW",     "OW",      "RM",         "access",        "update",
        "insert", "delete", "not_key", "incomplete", "variable_flags"};
    return names[bit];
}

static void reply_key_flags(struct reply_buf *b, uint32_t flags) {
    reply_words(b, flags, 11, key_flag_name, "");
}

static void reply_named_int(struct reply_buf *b, const char *name, int v) {
    reply_bulk_str(b, name);
    reply_int(b, v);
}

static void reply_spec_head(struct reply_buf *b, const char *field, const char *type, int pairs) {
    reply_bulk_str(b, field);
    reply_map(b, 2);
    reply_bulk_str(b, "type");
    reply_bulk_str(b, type);
    reply_bulk_str(b, "spec");
    reply_map(b, pairs);
}

static void reply_begin(struct reply_buf *b, const struct key_spec *k) {
    switch (k->begin) {
    case BEGIN_INDEX:
        reply_spec_head(b, "begin_search", "index", 1);
        reply_named_int(b, "index", k->index);
        break;
    case BEGIN_KEYWORD:
        reply_spec_head(b, "begin_search", "keyword", 2);
        reply_bulk_str(b, "keyword");
        reply_bulk_str(b, k->keyword);
        reply_named_int(b, "startfrom", k->index);
        break;
    case BEGIN_UNKNOWN: reply_spec_head(b, "begin_search", "unknown", 0); break;
    }
}

static void reply_find(struct reply_buf *b, const struct key_spec *k) {
    switch (k->find) {
    case FIND_RANGE:
        reply_spec_head(b, "find_keys", "range", 3);
        reply_named_int(b, "lastkey", k->last);
        reply_named_int(b, "keystep", k->step);
        reply_named_int(b, "limit", k->limit);
        break;
    case FIND_KEYNUM:
        reply_spec_head(b, "find_keys", "keynum", 3);
        reply_named_int(b, "keynumidx", k->keynum_index);
        reply_named_int(b, "firstkey", k->first_key);
        reply_named_int(b, "keystep", k->step);
        break;
    case FIND_UNKNOWN: reply_spec_head(b, "find_keys", "unknown", 0); break;
    }
}

static void reply_key_specs(struct reply_buf *b, const struct command *cmd) {
    reply_set(b, cmd->n_keys);
    for (const struct key_spec *k = cmd->keys; k && k->flags; k++) {
        reply_map(b, k->notes ? 4 : 3);
        if (k->notes) {
            reply_bulk_str(b, "notes");
            reply_bulk_str(b, k->notes);
        }
        reply_bulk_str(b, "flags");
        reply_key_flags(b, k->flags);
        reply_begin(b, k);
        reply_find(b, k);
    }
}

static int count_subcommands(const struct command *cmd) {
    int n = 0;
    while (cmd->subcommands && cmd->subcommands[n].name) n++;
    return n;
}

static void reply_command(struct reply_buf *b, const struct command *cmd) {
    int tips = 0, subs = count_subcommands(cmd);
    while (cmd->tips && cmd->tips[tips]) tips++;
    reply_array(b, 10);
    reply_bulk_str(b, cmd->name);
    reply_int(b, cmd->arity);
    reply_words(b, cmd->flags & ~(uint32_t)(CMD_PROTECTED | CMD_MAY_REPLICATE), 20, command_flag_name, "");
    reply_int(b, cmd->first_key);
    reply_int(b, cmd->last_key);
    reply_int(b, cmd->key_step);
    reply_words(b, cmd->acl, ACL_CATEGORIES, command_category_name, "@");
    reply_set(b, tips);
    for (int i = 0; i < tips; i++) reply_bulk_str(b, cmd->tips[i]);
    reply_key_specs(b, cmd);
    if (subs == 0)
        reply_set(b, 0);
    else
        reply_array(b, subs);
    for (int i = 0; i < subs; i++) reply_command(b, &cmd->subcommands[i]);
}

static void reply_all(struct client *c) {
    reply_array(&c->out, command_count());
    for (int i = 0; i < command_count(); i++) reply_command(&c->out, command_at(i));
}

void command_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    reply_all(c);
}

void command_info_command(struct client *c, const slice *argv, int argc) {
    if (argc == 2) {
        reply_all(c);
        return;
    }
    reply_array(&c->out, argc - 2);
    for (int i = 2; i < argc; i++) {
        const struct command *cmd = command_lookup_full(argv[i]);
        if (cmd)
            reply_command(&c->out, cmd);
        else
            reply_null(&c->out);
    }
}

void command_count_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    reply_int(&c->out, command_count());
}

/* --- COMMAND LIST --- */

enum list_by { LIST_ALL, LIST_BY_CATEGORY, LIST_BY_PATTERN, LIST_BY_MODULE };

static uint32_t category_bit(slice name) {
    for (int i = 0; i < ACL_CATEGORIES; i++)
        if (slice_is(name, command_category_name(i))) return 1u << i;
    return 0;
}

static int64_t list_one(struct reply_buf *b, const struct command *cmd, enum list_by by, slice arg) {
    bool listed = by == LIST_ALL || (by == LIST_BY_CATEGORY && (cmd->acl & category_bit(arg))) ||
                  (by == LIST_BY_PATTERN && glob_match(arg, slice_of(cmd->name), true));
    if (listed) reply_bulk_str(b, cmd->name);
    return listed;
}

static void list(struct client *c, enum list_by by, slice arg) {
    struct reply_mark m = reply_defer(&c->out);
    int64_t n = 0;
    for (int i = 0; i < command_count(); i++) {
        const struct command *cmd = command_at(i);
        n += list_one(&c->out, cmd, by, arg);
        for (const struct command *s = cmd->subcommands; s && s->name; s++)
            n += list_one(&c->out, s, by, arg);
    }
    reply_defer_array(&c->out, m, n);
}

void command_list_command(struct client *c, const slice *argv, int argc) {
    if (argc == 2)
        list(c, LIST_ALL, SLICE(""));
    else if (argc != 5 || !slice_is(argv[2], "filterby"))
        cmd_syntax_error(c);
    else if (slice_is(argv[3], "module"))
        list(c, LIST_BY_MODULE, argv[4]);
    else if (slice_is(argv[3], "aclcat"))
        list(c, LIST_BY_CATEGORY, argv[4]);
    else if (slice_is(argv[3], "pattern"))
        list(c, LIST_BY_PATTERN, argv[4]);
    else
        cmd_syntax_error(c);
}

/* --- COMMAND GETKEYS, GETKEYSANDFLAGS --- */

static const struct command *command_of_request(const slice *argv, int argc) {
    const struct command *cmd = command_lookup(argv[0]);
    if (!cmd || !cmd->subcommands || argc < 2) return cmd;
    return command_lookup_sub(cmd, argv[1]);
}

static void getkeys(struct client *c, const slice *argv, int argc, bool with_flags) {
    const struct command *cmd = command_of_request(argv, argc);
    if (!cmd) {
        reply_error(&c->out, "ERR Invalid command specified");
        return;
    }
    if (!command_has_keys(cmd)) {
        reply_error(&c->out, "ERR The command has no key arguments");
        return;
    }
    if (!command_arity_ok(cmd, argc)) {
        reply_error(&c->out, "ERR Invalid number of arguments specified for command");
        return;
    }
    struct command_keys keys;
    command_keys_find(cmd, argv, argc, &keys);
    if (keys.n == 0 && !(cmd->flags & CMD_NO_MANDATORY_KEYS)) {
        reply_error(&c->out, "ERR Invalid arguments specified for command");
    } else {
        reply_array(&c->out, keys.n);
        for (int i = 0; i < keys.n; i++) {
            if (with_flags) reply_array(&c->out, 2);
            reply_bulk(&c->out, argv[keys.v[i].pos].p, argv[keys.v[i].pos].n);
            if (with_flags)
                reply_key_flags(&c->out, keys.v[i].flags & ~(uint32_t)(KEY_VARIABLE_FLAGS | KEY_INCOMPLETE));
        }
    }
    command_keys_free(&keys);
}

void command_getkeys_command(struct client *c, const slice *argv, int argc) {
    getkeys(c, argv + 2, argc - 2, false);
}

void command_getkeysandflags_command(struct client *c, const slice *argv, int argc) {
    getkeys(c, argv + 2, argc - 2, true);
}

void command_help_command(struct client *c, const slice *argv, int argc) {
    static const char *const lines[] = {"(no subcommand)",
                                        "    Describe all commands.",
                                        "COUNT",
                                        "    The number of commands.",
                                        "LIST [FILTERBY (MODULE <name>|ACLCAT <category>|PATTERN <pattern>)]",
                                        "    The names of the commands.",
                                        "INFO [<command-name> ...]",
                                        "    Describe these commands, or all.",
                                        "DOCS [<command-name> ...]",
                                        "    The documentation of these commands, or of all.",
                                        "GETKEYS <full-command>",
                                        "    The keys in a request.",
                                        "GETKEYSANDFLAGS <full-command>",
                                        "    The keys in a request, and what is done with them.",
                                        NULL};
    (void)argv, (void)argc;
    cmd_help(c, "COMMAND", lines);
}

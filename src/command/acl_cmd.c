/* The ACL command: users, the log, and the file, as clients see them. What rules mean is server/acl*.c's matter. */
#include "command/access.h"

#include "base/clock.h"
#include "base/random.h"
#include "command/handlers.h"

/* --- users --- */

void acl_setuser_command(struct client *c, const slice *argv, int argc) {
    const char *err = acl_set_user(argv[2], argv + 3, argc - 3);
    if (err)
        reply_errorf(&c->out, "ERR %s", err);
    else
        reply_ok(&c->out);
}

void acl_deluser_command(struct client *c, const slice *argv, int argc) {
    int64_t deleted = 0;
    for (int i = 2; i < argc; i++)
        if (slice_eq(argv[i], SLICE("default"))) {
            reply_error(&c->out, "ERR The 'default' user cannot be removed");
            return;
        }
    for (int i = 2; i < argc; i++) deleted += acl_delete(argv[i]);
    reply_int(&c->out, deleted);
}

static void reply_description(struct reply_buf *b, const char *field, sds text) {
    reply_bulk_str(b, field);
    reply_bulk(b, text, sds_len(text));
    sds_free(text);
}

static void reply_selector(struct reply_buf *b, const struct acl_user *u, int i) {
    reply_description(b, "commands", acl_describe_commands(u, i, sds_empty()));
    reply_description(b, "keys", acl_describe_keys(u, i, sds_empty()));
    reply_description(b, "channels", acl_describe_channels(u, i, sds_empty()));
}

void acl_getuser_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    struct reply_buf *b = &c->out;
    const struct acl_user *u = acl_find(argv[2]);
    if (!u) {
        reply_null(b);
        return;
    }
    struct acl_flags flags = acl_flags(u);
    int passwords = acl_password_count(u), selectors = acl_selector_count(u);
    reply_map(b, 6);
    reply_bulk_str(b, "flags");
    reply_set(b, flags.n);
    for (int i = 0; i < flags.n; i++) reply_bulk_str(b, flags.words[i]);
    reply_bulk_str(b, "passwords");
    reply_array(b, passwords);
    for (int i = 0; i < passwords; i++) {
        char hex[ACL_PASSWORD_DIGITS];
        acl_password_hex(u, i, hex);
        reply_bulk(b, hex, sizeof hex);
    }
    reply_selector(b, u, 0);
    reply_bulk_str(b, "selectors");
    reply_array(b, selectors - 1);
    for (int i = 1; i < selectors; i++) {
        reply_map(b, 3);
        reply_selector(b, u, i);
    }
}

void acl_list_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    reply_array(&c->out, acl_count());
    for (int i = 0; i < acl_count(); i++) {
        slice name = acl_name(acl_at(i));
        sds line = sds_cat(sds_new("user "), name.p, name.n);
        line = acl_describe(acl_at(i), sds_cat(line, " ", 1));
        reply_bulk(&c->out, line, sds_len(line));
        sds_free(line);
    }
}

void acl_users_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    reply_array(&c->out, acl_count());
    for (int i = 0; i < acl_count(); i++) {
        slice name = acl_name(acl_at(i));
        reply_bulk(&c->out, name.p, name.n);
    }
}

void acl_whoami_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    if (c->user) {
        slice name = acl_name(c->user);
        reply_bulk(&c->out, name.p, name.n);
    } else {
        reply_null(&c->out);
    }
}

/* --- categories, passwords --- */

static int64_t reply_members(struct reply_buf *b, const struct command *cmd, int category) {
    if (!access_has_rule(cmd)) return 0;
    int64_t n = cmd->acl >> category & 1;
    if (n) reply_bulk_str(b, cmd->name);
    for (const struct command *s = cmd->subcommands; s && s->name; s++) n += reply_members(b, s, category);
    return n;
}

void acl_cat_command(struct client *c, const slice *argv, int argc) {
    struct reply_buf *b = &c->out;
    if (argc > 3) {
        cmd_subcommand_syntax(c, argv);
        return;
    }
    if (argc == 2) {
        reply_array(b, ACL_CATEGORIES);
        for (int i = 0; i < ACL_CATEGORIES; i++) reply_bulk_str(b, command_category_name(i));
        return;
    }
    int category = acl_category(argv[2]);
    if (category < 0) {
        reply_errorf(b, "ERR Unknown category '%.*s'", SLICE_ARGS(argv[2]));
        return;
    }
    struct reply_mark m = reply_defer(b);
    int64_t n = 0;
    for (int i = 0; i < command_count(); i++) n += reply_members(b, command_at(i), category);
    reply_defer_array(b, m, n);
}

void acl_genpass_command(struct client *c, const slice *argv, int argc) {
    enum { BITS_MAX = 4096 };
    int64_t bits = 256;
    char hex[BITS_MAX / 4];
    if (argc > 3) {
        cmd_subcommand_syntax(c, argv);
        return;
    }
    if (argc == 3 && !cmd_i64(c, argv[2], &bits, NULL)) return;
    if (bits <= 0 || bits > BITS_MAX) {
        reply_errorf(
            &c->out,
            "ERR ACL GENPASS argument must be the number of bits for the output password, a positive "
            "number up to %d",
            BITS_MAX);
        return;
    }
    size_t digits = (size_t)(bits + 3) / 4;
    random_hex(hex, digits);
    reply_bulk(&c->out, hex, digits);
}

/* --- DRYRUN --- */

static const struct command *dry_command(struct client *c, const slice *argv, int argc) {
    const struct command *cmd = command_lookup(argv[0]);
    if (cmd && cmd->subcommands && argc > 1) cmd = command_lookup_sub(cmd, argv[1]);
    if (!cmd) {
        reply_errorf(&c->out, "ERR Command '%.*s' not found", SLICE_ARGS(argv[0]));
    } else if (!command_arity_ok(cmd, argc)) {
        reply_errorf(&c->out, "ERR wrong number of arguments for '%s' command", cmd->name);
        return NULL;
    }
    return cmd;
}

void acl_dryrun_command(struct client *c, const slice *argv, int argc) {
    const struct acl_user *u = acl_find(argv[2]);
    const slice *words = argv + 3;
    if (!u) {
        reply_errorf(&c->out, "ERR User '%.*s' not found", SLICE_ARGS(argv[2]));
        return;
    }
    const struct command *cmd = dry_command(c, words, argc - 3);
    if (!cmd) return;
    int pos;
    enum acl_verdict v = access_check(u, cmd, words, argc - 3, &pos);
    if (v == ACL_ALLOWED) {
        reply_ok(&c->out);
    } else if (v == ACL_DENIED_COMMAND) {
        reply_bulkf(&c->out, "This user has no permissions to run the '%s' command", cmd->name);
    } else {
        reply_bulkf(&c->out, "This user has no permissions to access the '%.*s' %s", SLICE_ARGS(words[pos]),
                    acl_reason_name(v));
    }
}

/* --- the log --- */

static void reply_entry(struct reply_buf *b, const struct acl_entry *e) {
    reply_map(b, 7);
    reply_bulk_str(b, "count");
    reply_int(b, (int64_t)e->count);
    reply_bulk_str(b, "reason");
    reply_bulk_str(b, acl_reason_name(e->reason));
    reply_bulk_str(b, "context");
    reply_bulk_str(b, acl_context_name(e->context));
    reply_bulk_str(b, "object");
    reply_bulk(b, e->object, sds_len(e->object));
    reply_bulk_str(b, "username");
    reply_bulk(b, e->user, sds_len(e->user));
    reply_bulk_str(b, "age-seconds");
    reply_double(b, (double)(clock_ms() - e->time_ms) / 1000);
    reply_bulk_str(b, "client-info");
    reply_bulk(b, e->client, sds_len(e->client));
}

void acl_log_command(struct client *c, const slice *argv, int argc) {
    int64_t count = 10;
    if (argc > 3) {
        cmd_subcommand_syntax(c, argv);
        return;
    }
    if (argc == 3 && slice_is(argv[2], "reset")) {
        acl_log_reset();
        reply_ok(&c->out);
        return;
    }
    if (argc == 3 && !cmd_i64(c, argv[2], &count, NULL)) return;
    if (count < 0) count = 0;
    if ((uint64_t)count > acl_log_count()) count = (int64_t)acl_log_count();
    reply_array(&c->out, count);
    for (const struct acl_entry *e = acl_log_first(); count > 0; e = e->next, count--)
        reply_entry(&c->out, e);
}

/* --- the file --- */

static bool has_file(struct client *c) {
    if (acl_config.file[0]) return true;
    reply_error(&c->out, "ERR This Redis instance is not configured to use an ACL file. You may want to "
                         "specify users via the ACL "
                         "SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis "
                         "configuration file set) in "
                         "order to store users in the Redis configuration.");
    return false;
}

void acl_load_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    if (!has_file(c)) return;
    const char *err = acl_load();
    if (err)
        reply_errorf(&c->out, "ERR %s", err);
    else
        reply_ok(&c->out);
}

void acl_save_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    if (!has_file(c)) return;
    if (acl_save())
        reply_ok(&c->out);
    else
        reply_error(&c->out,
                    "ERR There was an error trying to save the ACLs. Please check the server logs for more "
                    "information");
}

void acl_help_command(struct client *c, const slice *argv, int argc) {
    static const char *const lines[] = {"CAT [<category>]",
                                        "    The categories of commands, or the commands of one.",
                                        "DELUSER <username> [<username> ...]",
                                        "    Delete users and close their connections.",
                                        "DRYRUN <username> <command> [<arg> ...]",
                                        "    Whether the user may execute this, without executing it.",
                                        "GETUSER <username>",
                                        "    What the user may do.",
                                        "GENPASS [<bits>]",
                                        "    A random password of that many bits (default: 256).",
                                        "LIST",
                                        "    All users in the form of the ACL file.",
                                        "LOAD",
                                        "    Replace all users by those of the ACL file.",
                                        "LOG [<count>|RESET]",
                                        "    What was refused lately; RESET forgets it.",
                                        "SAVE",
                                        "    Write all users to the ACL file.",
                                        "SETUSER <username> [<rule> ...]",
                                        "    Create a user or change what it may do.",
                                        "USERS",
                                        "    The names of all users.",
                                        "WHOAMI",
                                        "    The user of this connection.",
                                        NULL};
    (void)argv, (void)argc;
    cmd_help(c, "ACL", lines);
}

/* What Tandem has not: scripts and functions, modules, the cluster. Their commands are in the table, so that clients, ACL rules and
 * COMMAND know them, and answer with a clear error; or with the truth where that is an answer: no library, no module. */
#include "command/dispatch.h"

#include <endian.h>
#include "base/digest.h"
#include "command/handlers.h"
#include "rdb/format.h"

void no_scripts_command(struct client *c, const slice *argv, int argc) {
    const struct command *cmd = c->last_command;
    (void)argv, (void)argc;
    reply_errorf(&c->out, "ERR '%s' is not supported: Tandem has no script engine", cmd->name);
}

void no_modules_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    reply_error(&c->out, "ERR MODULE command not allowed: Tandem does not load modules");
}

void no_cluster_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    reply_error(&c->out, "ERR This instance has cluster support disabled");
}

void module_list_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    reply_array(&c->out, 0);
}

/* --- scripts --- */

void script_exists_command(struct client *c, const slice *argv, int argc) {
    (void)argv;
    reply_array(&c->out, argc - 2);
    for (int i = 2; i < argc; i++) reply_int(&c->out, 0);
}

static bool flush_mode_ok(const slice *argv, int argc) {
    return argc == 2 || (argc == 3 && (slice_is(argv[2], "sync") || slice_is(argv[2], "async")));
}

void script_flush_command(struct client *c, const slice *argv, int argc) {
    if (flush_mode_ok(argv, argc))
        reply_ok(&c->out);
    else
        reply_error(&c->out, "ERR SCRIPT FLUSH only support SYNC|ASYNC option");
}

void script_kill_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    reply_error(&c->out, "NOTBUSY No scripts in execution right now.");
}

/* --- functions --- */

void function_flush_command(struct client *c, const slice *argv, int argc) {
    if (argc > 3)
        cmd_subcommand_syntax(c, argv);
    else if (flush_mode_ok(argv, argc))
        reply_ok(&c->out);
    else
        reply_error(&c->out, "ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
}

void function_delete_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    reply_error(&c->out, "ERR Library not found");
}

void function_list_command(struct client *c, const slice *argv, int argc) {
    bool named = false;
    for (int i = 2; i < argc; i++) {
        if (slice_is(argv[i], "withcode")) continue;
        if (!slice_is(argv[i], "libraryname") || named) {
            reply_errorf(&c->out, "ERR Unknown argument %.*s", (int)(argv[i].n < 128 ? argv[i].n : 128),
                         argv[i].p);
            return;
        }
        if (++i == argc) {
            reply_error(&c->out, "ERR library name argument was not given");
            return;
        }
        named = true;
    }
    reply_array(&c->out, 0);
}

void function_stats_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    reply_map(&c->out, 2);
    reply_bulk_str(&c->out, "running_script");
    reply_null(&c->out);
    reply_bulk_str(&c->out, "engines");
    reply_map(&c->out, 0);
}

/* The payload of no library: the footer that every DUMP ends with. */
void function_dump_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    struct __attribute__((packed)) {
        uint16_t version;
        uint64_t crc;
    } footer = {.version = htole16(RDB_VERSION)};
    footer.crc = htole64(crc64(0, &footer.version, sizeof footer.version));
    reply_bulk(&c->out, &footer, sizeof footer);
}

/* --- HELP --- */

void script_help_command(struct client *c, const slice *argv, int argc) {
    static const char *const lines[] = {"DEBUG (YES|SYNC|NO)",
                                        "    Not supported.",
                                        "EXISTS <sha1> [<sha1> ...]",
                                        "    Which of these are in the cache: none.",
                                        "FLUSH [ASYNC|SYNC]",
                                        "    Empty the cache, which is empty.",
                                        "KILL",
                                        "    End the running script: there is none.",
                                        "LOAD <script>",
                                        "    Not supported: Tandem has no script engine.",
                                        NULL};
    (void)argv, (void)argc;
    cmd_help(c, "SCRIPT", lines);
}

void function_help_command(struct client *c, const slice *argv, int argc) {
    static const char *const lines[] = {"LOAD [REPLACE] <FUNCTION CODE>",
                                        "    Not supported: Tandem has no script engine.",
                                        "DELETE <LIBRARY NAME>",
                                        "    Delete a library: there is none.",
                                        "LIST [LIBRARYNAME PATTERN] [WITHCODE]",
                                        "    The libraries: none.",
                                        "STATS",
                                        "    The running function and the engines: none.",
                                        "KILL",
                                        "    End the running function: there is none.",
                                        "FLUSH [ASYNC|SYNC]",
                                        "    Delete all libraries: there are none.",
                                        "DUMP",
                                        "    All libraries as a payload.",
                                        "RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]",
                                        "    Not supported.",
                                        NULL};
    (void)argv, (void)argc;
    cmd_help(c, "FUNCTION", lines);
}

void module_help_command(struct client *c, const slice *argv, int argc) {
    static const char *const lines[] = {"LIST",
                                        "    The loaded modules: none.",
                                        "LOAD <path> [<arg> ...]",
                                        "    Not supported.",
                                        "LOADEX <path> [[CONFIG NAME VALUE] [CONFIG NAME VALUE]] [ARGS ...]",
                                        "    Not supported.",
                                        "UNLOAD <name>",
                                        "    Not supported.",
                                        NULL};
    (void)argv, (void)argc;
    cmd_help(c, "MODULE", lines);
}

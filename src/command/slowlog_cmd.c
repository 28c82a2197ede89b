/* SLOWLOG: what server/slowlog.c has kept. */
#include "command/handlers.h"
#include "server/slowlog.h"

void slowlog_get_command(struct client *c, const slice *argv, int argc) {
    int64_t count = 10;
    if (argc > 3) {
        cmd_subcommand_syntax(c, argv);
        return;
    }
    if (argc == 3 &&
        !cmd_int_in(c, argv[2], -1, INT64_MAX, &count, "ERR count should be greater than or equal to -1"))
        return;
    int64_t n = (int64_t)slowlog_length();
    if (count >= 0 && count < n) n = count;
    reply_array(&c->out, n);
    for (const struct slowlog_entry *e = slowlog_newest(); n > 0; e = e->next, n--) {
        reply_array(&c->out, 6);
        reply_int(&c->out, e->id);
        reply_int(&c->out, e->time_s);
        reply_int(&c->out, e->us);
        reply_array(&c->out, e->argc);
        for (int i = 0; i < e->argc; i++) reply_bulk(&c->out, e->argv[i], sds_len(e->argv[i]));
        reply_bulk(&c->out, e->client, sds_len(e->client));
        reply_bulk(&c->out, e->name, sds_len(e->name));
    }
}

void slowlog_len_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    reply_int(&c->out, (int64_t)slowlog_length());
}

void slowlog_reset_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    slowlog_reset();
    reply_ok(&c->out);
}

void slowlog_help_command(struct client *c, const slice *argv, int argc) {
    static const char *const lines[] = {"GET [<count>]",
                                        "    The newest entries, 10 unless said otherwise, all of them with "
                                        "-1. Each is an array of its number,",
                                        "    the time (Unix), how long it took (microseconds), the request, "
                                        "the client's address and its name.",
                                        "LEN",
                                        "    The number of entries.",
                                        "RESET",
                                        "    Remove all entries.",
                                        NULL};
    (void)argv, (void)argc;
    cmd_help(c, "SLOWLOG", lines);
}

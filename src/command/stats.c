/* Counting: commands (INFO commandstats) and error replies by code word (INFO errorstats).
 *
 * The reply encoder calls on_error for each error it writes, whoever causes it, so nothing escapes the count. An
 * error on our master's link is a sign that this replica has drifted from its master, and is logged as such; so is one of
 * a command in an append-only file (CLIENT_FAKE). propagation-error-behavior may make it the end. */
#include "command/dispatch.h"

#include <stdio.h>
#include <stdlib.h>
#include "base/alloc.h"
#include "base/histogram.h"
#include "base/assert.h"
#include "base/log.h"
#include "base/ticks.h"
#include "repl/repl.h"
#include "server/info.h"
#include "server/server.h"

struct client *stats_client;

enum { CODES_MAX = 128, CODE_BYTES = 32 };

static struct {
    struct {
        char code[CODE_BYTES];
        uint64_t count;
    } codes[CODES_MAX]; /* sorted */
    int n;
    uint64_t errors; /* not reset: call_command compares it */
} stats;

uint64_t stats_errors(void) {
    return stats.errors;
}

/* --- errors --- */

static void count_code(slice code) {
    int i = 0, order = 1;
    char name[CODE_BYTES];
    size_t n = code.n < sizeof name - 1 ? code.n : sizeof name - 1;
    memcpy(name, code.p, n);
    name[n] = '\0';
    while (i < stats.n && (order = strcmp(stats.codes[i].code, name)) < 0) i++;
    if (order != 0) {
        if (stats.n == CODES_MAX) return;
        memmove(&stats.codes[i + 1], &stats.codes[i], (size_t)(stats.n - i) * sizeof *stats.codes);
        memcpy(stats.codes[i].code, name, n + 1);
        stats.codes[i].count = 0;
        stats.n++;
    }
    stats.codes[i].count++;
}

/* A command that failed here did not where it comes from: the data is not the same any more. */
static bool ends_with_it(const struct client *c) {
    if (repl_config.propagation_errors == PROPAGATION_ERRORS_IGNORE) return false;
    if (c->flags & CLIENT_MASTER) return repl_config.replica_read_only;
    return (c->flags & CLIENT_FAKE) && repl_config.propagation_errors == PROPAGATION_ERRORS_PANIC;
}

static void log_error_on_link(const struct client *c, slice text) {
    bool file = c->flags & CLIENT_FAKE, to_master = c->flags & CLIENT_MASTER;
    const char *from = file ? "server" : to_master ? "replica" : "master";
    const char *to = file ? "AOF-loading-client" : to_master ? "master" : "replica";
    const struct command *cmd = c->last_command;
    const char *name = cmd ? cmd->name : "<unknown>";
    log_warning(
        "== CRITICAL == This %s is sending an error to its %s: '%.*s' after processing the command '%s'",
        from, to, SLICE_ARGS(text), name);
    server_stats.unexpected_errors++;
    if (ends_with_it(c))
        panic("This %s panicked sending an error to its %s after processing the command '%s'", from, to,
              name);
}

static void on_error(struct reply_buf *b, slice text) {
    const char *blank = memchr(text.p, ' ', text.n);
    stats.errors++;
    server_stats.total_error_replies++;
    count_code((slice){text.p, blank ? (size_t)(blank - text.p) : text.n});
    if (stats_client && b == &stats_client->out &&
        (stats_client->flags & (CLIENT_MASTER | CLIENT_REPLICA | CLIENT_FAKE)))
        log_error_on_link(stats_client, text);
}

/* --- INFO --- */

static sds describe(sds out, const struct command *cmd) {
    const struct command_stats *s = &cmd->stats;
    if (!s->calls && !s->failed && !s->rejected) return out;
    uint64_t us = ticks_to_us(s->ticks);
    return sds_cat_printf(
        out, "cmdstat_%s:calls=%llu,usec=%llu,usec_per_call=%.2f,rejected_calls=%llu,failed_calls=%llu\r\n",
        cmd->name, (unsigned long long)s->calls, (unsigned long long)us,
        s->calls ? (double)us / (double)s->calls : 0.0, (unsigned long long)s->rejected,
        (unsigned long long)s->failed);
}

static sds info_commandstats(sds out) {
    const struct command *cmd;
    for (int i = 0; (cmd = command_at(i)); i++) {
        out = describe(out, cmd);
        for (const struct command *s = cmd->subcommands; s && s->name; s++) out = describe(out, s);
    }
    return out;
}

static sds info_errorstats(sds out) {
    for (int i = 0; i < stats.n; i++)
        out = sds_cat_printf(out, "errorstat_%s:count=%llu\r\n", stats.codes[i].code,
                             (unsigned long long)stats.codes[i].count);
    return out;
}

static void reset(struct command_stats *s) {
    if (s->times) mem_free(s->times, sizeof *s->times);
    *s = (struct command_stats){0};
}

void command_stats_reset(void) {
    struct command *cmd;
    for (int i = 0; (cmd = command_at(i)); i++) {
        reset(&cmd->stats);
        for (struct command *s = cmd->subcommands; s && s->name; s++) reset(&s->stats);
    }
    stats.n = 0;
}

void stats_init(void) {
    reply_on_error = on_error;
    info_register("commandstats", "Commandstats", INFO_ORDER_COMMANDSTATS, INFO_ALL_ONLY, info_commandstats);
    info_register("errorstats", "Errorstats", INFO_ORDER_ERRORSTATS, INFO_DEFAULT, info_errorstats);
}

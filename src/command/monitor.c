/* MONITOR: every command that runs, as a line to each client that asked for it.
 *
 * A command is shown when it has run, so the lines stand in the order of effects: those of a transaction before its EXEC, and in
 * the database that the command left selected. Administrative commands aren't shown, nor what files replay, and secrets
 * are blotted out. While nobody listens, dispatch tests one flag. */
#include "command/dispatch.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/sds.h"
#include "command/handlers.h"
#include "command/pubsub.h"
#include "command/secrets.h"
#include "server/config.h"

static struct {
    struct client **v;
    size_t n, cap;
} monitors;

static void set_observed(void) {
    command_observers &= ~(unsigned)OBSERVE_MONITOR;
    if (monitors.n > 0) command_observers |= OBSERVE_MONITOR;
}

/* A second MONITOR is passed over without a reply: it would be taken for a line. */
void monitor_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    if (c->flags & CLIENT_MULTI) {
        reply_error(&c->out, "ERR MONITOR isn't allowed for DENY BLOCKING client");
        return;
    }
    if (c->flags & (CLIENT_MONITOR | CLIENT_REPLICA)) return;
    if (monitors.n == monitors.cap) {
        size_t cap = monitors.cap ? monitors.cap * 2 : 4;
        monitors.v = mem_resize(monitors.v, monitors.cap * sizeof *monitors.v, cap * sizeof *monitors.v);
        monitors.cap = cap;
    }
    monitors.v[monitors.n++] = c;
    c->flags |= CLIENT_MONITOR;
    set_observed();
    reply_ok(&c->out);
}

void monitor_forget(struct client *c) {
    if (!(c->flags & CLIENT_MONITOR)) return;
    c->flags &= ~(uint32_t)CLIENT_MONITOR;
    size_t at = 0;
    while (monitors.v[at] != c) at++;
    monitors.v[at] = monitors.v[--monitors.n];
    set_observed();
}

/* --- lines --- */

static sds cat_origin(sds s, const struct client *c) {
    char address[128];
    if (c->flags & CLIENT_UNIX) return sds_cat_printf(s, "[%d unix:%s]", c->db, server_config.unixsocket);
    client_peer_name(c, address, sizeof address);
    return sds_cat_printf(s, "[%d %s]", c->db, address);
}

static sds cat_arguments(sds s, const slice *argv, int argc, uint64_t secret) {
    for (int i = 0; i < argc; i++) {
        bool hidden = secret >> (i < 63 ? i : 63) & 1;
        s = sds_cat(s, " ", 1);
        s = hidden ? sds_cat_str(s, "\"(redacted)\"") : sds_cat_repr(s, argv[i].p, argv[i].n);
    }
    return s;
}

void monitor_feed(const struct client *c, const struct command *cmd, const slice *argv, int argc) {
    if (cmd->flags & (CMD_SKIP_MONITOR | CMD_ADMIN) || c->flags & CLIENT_FAKE) return;
    int64_t now_us = clock_wall_us();
    sds line = sds_cat_printf(sds_empty(), "+%lld.%06lld ", (long long)(now_us / 1000000),
                              (long long)(now_us % 1000000));
    line = cat_origin(line, c);
    line = cat_arguments(line, argv, argc, secret_arguments(cmd, argv, argc));
    line = sds_cat(line, "\r\n", 2);
    struct reply_piece piece = reply_piece_new(0, sds_len(line));
    memcpy(piece.p, line, sds_len(line));
    for (size_t i = 0; i < monitors.n; i++)
        if (!(monitors.v[i]->flags & CLIENT_REPLY_OFF)) push_piece(monitors.v[i], &piece);
    reply_piece_done(&piece);
    sds_free(line);
}

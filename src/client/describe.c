/* Clients in words: names of their addresses and the lines of CLIENT LIST. Changes nothing. */
#include "client/internal.h"

#include "base/clock.h"

#include <stdio.h>

enum { ADDR_BYTES = NET_ADDR_BYTES + 16 };

static void address_name(const struct client *c, char *buf, size_t cap, bool (*side)(int, char *, int *)) {
    char ip[NET_ADDR_BYTES];
    int port;
    if (c->flags & CLIENT_UNIX)
        snprintf(buf, cap, "%s:0", listen_unix_path());
    else if (c->io.fd >= 0 && side(c->io.fd, ip, &port))
        net_format_addr(buf, cap, ip, port);
    else
        snprintf(buf, cap, "?:0");
}

void client_peer_name(const struct client *c, char *buf, size_t cap) {
    address_name(c, buf, cap, net_peer);
}

void client_local_name(const struct client *c, char *buf, size_t cap) {
    address_name(c, buf, cap, net_local);
}

static void flag_letters(const struct client *c, char *out) {
    static const struct {
        uint32_t flag;
        char letter;
    } letters[] = {{CLIENT_MONITOR, 'O'},
                   {CLIENT_REPLICA, 'S'},
                   {CLIENT_MASTER, 'M'},
                   {CLIENT_PUBSUB, 'P'},
                   {CLIENT_MULTI, 'x'},
                   {CLIENT_BLOCKED, 'b'},
                   {CLIENT_TRACKING, 't'},
                   {CLIENT_TRACKING_BROKEN, 'R'},
                   {CLIENT_TRACKING_BCAST, 'B'},
                   {CLIENT_DIRTY_CAS, 'd'},
                   {CLIENT_CLOSE_AFTER_REPLY, 'c'},
                   {CLIENT_CLOSE_ASAP, 'A'},
                   {CLIENT_UNIX, 'U'},
                   {CLIENT_READONLY_CONN, 'r'},
                   {CLIENT_NO_EVICT, 'e'}};
    char *at = out;
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
        if (c->flags & letters[i].flag) *at++ = letters[i].letter;
    if (at == out) *at++ = 'N';
    *at = '\0';
}

/* Redis's fields in Redis's order. Its fixed reply buffer (rbs, obl) is the first chunk here, its reply list (oll, omem) the others, and
 * for a replica the part of the log that it has yet to read. rbp: most that was in the first chunk in the last seconds. */
sds client_describe(sds s, const struct client *c) {
    struct client_facts facts = {.queued = -1, .command = "NULL", .user = "default", .redirect = -1};
    char peer[ADDR_BYTES + 128], local[ADDR_BYTES + 128], flags[32], events[3], *e = events;
    if (client_hooks.facts) client_hooks.facts(c, &facts);
    client_peer_name(c, peer, sizeof peer);
    client_local_name(c, local, sizeof local);
    flag_letters(c, flags);
    if (c->io.mask & EV_READ) *e++ = 'r';
    if (c->io.mask & EV_WRITE) *e++ = 'w';
    *e = '\0';
    struct reply_shape out = reply_shape(&c->out);
    size_t lag = client_extra_output ? client_extra_output(c) : 0;
    size_t peak = c->reply_peak_bytes > out.first_used ? c->reply_peak_bytes : out.first_used;
    s = sds_cat_printf(s, "id=%llu addr=%s laddr=%s fd=%d name=%s age=%lld idle=%lld flags=%s db=%d",
                       (unsigned long long)c->id, peer, local, c->io.fd, c->name ? c->name : "",
                       (long long)(clock_ms() - c->created_ms) / 1000,
                       (long long)(clock_steady_ms() - c->last_active_ms) / 1000, flags, c->db);
    s = sds_cat_printf(
        s, " sub=%d psub=%d ssub=%d multi=%d qbuf=%zu qbuf-free=%zu argv-mem=%zu multi-mem=%zu",
        facts.subscriptions, facts.patterns, facts.shard_subscriptions, facts.queued, c->in_len - c->in_pos,
        c->in_cap - c->in_len, resp_parser_memory(&c->parser), facts.queued_bytes);
    return sds_cat_printf(s,
                          " rbs=%zu rbp=%zu obl=%zu oll=%zu omem=%zu tot-mem=%zu events=%s cmd=%s user=%s "
                          "redir=%lld resp=%d",
                          out.first_memory, peak, out.first_used, out.rest_chunks, out.rest_memory + lag,
                          client_memory(c), events, facts.command, facts.user, (long long)facts.redirect,
                          c->out.proto);
}

/* Commands of replication: REPLICAOF FAILOVER PSYNC SYNC REPLCONF ROLE WAIT. What they do is repl/'s; this file parses and reports. */
#include "command/dispatch.h"

#include "base/log.h"
#include "base/sds.h"
#include "command/blocking.h"
#include "command/handlers.h"
#include "command/pubsub.h"
#include "command/tracking.h"
#include "repl/repl.h"

static void log_request(const char *what, const struct client *c) {
    sds line = client_describe(sds_empty(), c);
    log_notice("%s enabled (user request from '%s')", what, line);
    sds_free(line);
}

static void become_master(struct client *c) {
    if (repl_is_replica()) {
        repl_replicaof(NULL, 0);
        log_request("MASTER MODE", c);
    }
    reply_ok(&c->out);
}

void replicaof_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    int64_t port;
    if (repl_failing_over()) {
        reply_error(&c->out, "ERR REPLICAOF not allowed while failing over.");
        return;
    }
    if (slice_is(argv[1], "no") && slice_is(argv[2], "one")) {
        become_master(c);
        return;
    }
    if (c->flags & CLIENT_REPLICA) {
        reply_error(&c->out, "ERR Command is not valid when client is a replica.");
        return;
    }
    if (!cmd_int_in(c, argv[2], 0, 65535, &port, "ERR Invalid master port")) return;
    if (repl_is_replica() && slice_is(argv[1], repl_master_host()) && repl_master_port() == port) {
        log_notice(
            "REPLICAOF would result into synchronization with the master we are already connected with. No "
            "operation performed.");
        reply_status(&c->out, "OK Already connected to specified master");
        return;
    }
    sds host = sds_newlen(argv[1].p, argv[1].n);
    sds what = sds_cat_printf(sds_empty(), "REPLICAOF %s:%d", host, (int)port);
    repl_replicaof(host, (int)port);
    log_request(what, c);
    reply_ok(&c->out);
    sds_free(host);
    sds_free(what);
}

/* --- FAILOVER --- */

struct failover_args {
    slice host; /* p NULL: any */
    int64_t port, timeout_ms;
    bool timed, force;
};

static bool parse_timeout(struct client *c, slice s, struct failover_args *f) {
    if (!cmd_i64(c, s, &f->timeout_ms, NULL)) return false;
    f->timed = true;
    if (f->timeout_ms > 0) return true;
    reply_error(&c->out, "ERR FAILOVER timeout must be greater than 0");
    return false;
}

static bool parse_failover(struct client *c, const slice *argv, int argc, struct failover_args *f) {
    for (int i = 1; i < argc; i++) {
        if (slice_is(argv[i], "timeout") && i + 1 < argc && !f->timed) {
            if (!parse_timeout(c, argv[++i], f)) return false;
        } else if (slice_is(argv[i], "to") && i + 2 < argc && !f->host.p) {
            if (!cmd_i64(c, argv[i + 2], &f->port, NULL)) return false;
            f->host = argv[i + 1];
            i += 2;
        } else if (slice_is(argv[i], "force") && !f->force) {
            f->force = true;
        } else {
            cmd_syntax_error(c);
            return false;
        }
    }
    return true;
}

void failover_command(struct client *c, const slice *argv, int argc) {
    struct failover_args args = {.force = false};
    const char *error = NULL;
    if (argc == 2 && slice_is(argv[1], "abort")) {
        if (!repl_failover_abort()) error = "ERR No failover in progress.";
    } else {
        if (!parse_failover(c, argv, argc, &args)) return;
        sds host = args.host.p ? sds_newlen(args.host.p, args.host.n) : NULL;
        /* A port that is none is no replica's. */
        int port = args.port > 0 && args.port <= 65535 ? (int)args.port : -1;
        struct repl_failover f = {host, port, args.timeout_ms, args.force};
        error = repl_failover_start(&f);
        sds_free(host);
    }
    if (error)
        reply_error(&c->out, error);
    else
        reply_ok(&c->out);
}

/* --- PSYNC, SYNC, REPLCONF --- */

/* From here on the connection carries our log and nothing else: no messages may come in between. False: it shows every
 * command (MONITOR), and stays with that; the reference doesn't reply either. */
static bool becomes_replica(struct client *c) {
    if (c->flags & CLIENT_MONITOR) return false;
    pubsub_forget(c);
    tracking_off(c);
    return true;
}

void psync_command(struct client *c, const slice *argv, int argc) {
    if (!becomes_replica(c)) return;
    repl_psync_command(c, argv[1], argv[2], argc > 3 && slice_is(argv[3], "failover"));
}

void sync_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    if (!becomes_replica(c)) return;
    repl_sync_command(c);
}

void replconf_command(struct client *c, const slice *argv, int argc) {
    repl_replconf_command(c, argc, argv);
}

/* --- ROLE --- */

static void role_of_master(struct reply_buf *b) {
    reply_array(b, 3);
    reply_bulk_str(b, "master");
    reply_int(b, repl_offset());
    struct reply_mark m = reply_defer(b);
    struct repl_peer_info p;
    int64_t n = 0;
    for (size_t i = 0; repl_peer_info(i, &p); i++) {
        if (strcmp(p.state, "online") != 0) continue;
        reply_array(b, 3);
        reply_bulk_str(b, p.ip);
        reply_bulk_int(b, p.port);
        reply_bulk_int(b, p.offset);
        n++;
    }
    reply_defer_array(b, m, n);
}

static void role_of_replica(struct reply_buf *b) {
    struct repl_link_info link;
    repl_link_info(&link);
    reply_array(b, 5);
    reply_bulk_str(b, "slave");
    reply_bulk_str(b, repl_master_host());
    reply_int(b, repl_master_port());
    reply_bulk_str(b, link.state);
    reply_int(b, link.up ? link.applied_offset : -1);
}

void role_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    if (repl_is_replica())
        role_of_replica(&c->out);
    else
        role_of_master(&c->out);
}

/* --- WAIT --- */

void wait_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    int64_t replicas, timeout_ms;
    if (repl_is_replica()) {
        reply_error(
            &c->out,
            "ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a "
            "replica is configured to be writable (which is not the default) writes to replicas are just "
            "local and are not propagated.");
        return;
    }
    if (!cmd_i64(c, argv[1], &replicas, NULL) || !blocking_timeout_in_ms(c, argv[2], &timeout_ms)) return;
    int64_t acked = (int64_t)repl_acked_by(c->write_offset);
    if (acked >= replicas || (c->flags & CLIENT_MULTI)) {
        reply_int(&c->out, acked);
        return;
    }
    block_for_replicas(c, c->write_offset, replicas, timeout_ms);
    repl_request_acks();
    /* Whoever sends WAIT right behind its writes reads their replies after it: one write(2) and one waking less. */
    if (repl_peer_count() > 0) client_delay_replies(c);
}

/* Commands about the connection itself: AUTH ECHO HELLO PING QUIT RESET SELECT. */
#include "command/dispatch.h"

#include "base/sds.h"
#include "command/access.h"
#include "command/handlers.h"
#include "command/pubsub.h"
#include "command/tracking.h"
#include "repl/repl.h"
#include "server/server.h"

static bool authenticate(struct client *c, slice how, slice user, slice password) {
    if (access_sign_in(c, how, user, password)) return true;
    reply_error(&c->out, "WRONGPASS invalid username-password pair or user is disabled.");
    return false;
}

void auth_command(struct client *c, const slice *argv, int argc) {
    if (argc > 3) {
        cmd_syntax_error(c);
        return;
    }
    if (argc == 2 && !acl_default_has_password()) {
        reply_error(&c->out,
                    "ERR AUTH <password> called without any password configured for the default user. Are "
                    "you sure your configuration is correct?");
        return;
    }
    if (authenticate(c, argv[0], argc == 3 ? argv[1] : SLICE("default"), argv[argc - 1])) reply_ok(&c->out);
}

/* --- HELLO --- */

/* Each option takes effect where it stands, as in Redis, though a later one may be wrong. */
static bool apply_hello_options(struct client *c, const slice *argv, int argc) {
    for (int i = 2; i < argc; i++) {
        int left = argc - 1 - i;
        if (slice_is(argv[i], "AUTH") && left >= 2) {
            if (!authenticate(c, argv[0], argv[i + 1], argv[i + 2])) return false;
            i += 2;
        } else if (slice_is(argv[i], "SETNAME") && left >= 1) {
            if (!client_name_ok(c, argv[++i])) return false;
            client_set_name(c, argv[i]);
        } else {
            reply_errorf(&c->out, "ERR Syntax error in HELLO option '%.*s'", SLICE_ARGS(argv[i]));
            return false;
        }
    }
    return true;
}

static void reply_hello(struct client *c) {
    struct reply_buf *b = &c->out;
    reply_map(b, 7);
    reply_bulk_str(b, "server");
    reply_bulk_str(b, "redis");
    reply_bulk_str(b, "version");
    reply_bulk_str(b, REDIS_VERSION);
    reply_bulk_str(b, "proto");
    reply_int(b, b->proto);
    reply_bulk_str(b, "id");
    reply_int(b, (int64_t)c->id);
    reply_bulk_str(b, "mode");
    reply_bulk_str(b, "standalone");
    reply_bulk_str(b, "role");
    reply_bulk_str(b, repl_is_replica() ? "replica" : "master");
    reply_bulk_str(b, "modules");
    reply_array(b, 0);
}

void hello_command(struct client *c, const slice *argv, int argc) {
    int64_t proto = c->out.proto;
    if (argc > 1 && !cmd_i64(c, argv[1], &proto, "ERR Protocol version is not an integer or out of range"))
        return;
    if (proto < 2 || proto > 3) {
        reply_error(&c->out, "NOPROTO unsupported protocol version");
        return;
    }
    if (!apply_hello_options(c, argv, argc)) return;
    if (!c->authenticated) {
        reply_error(
            &c->out,
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH "
            "<user> <pass> option can be used to authenticate the client and select the RESP protocol "
            "version at the same time");
        return;
    }
    c->out.proto = (uint8_t)proto;
    reply_hello(c);
}

/* --- the rest --- */

void echo_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    reply_bulk(&c->out, argv[1].p, argv[1].n);
}

/* To a RESP2 subscriber, whose every other line is a message. */
static void ping_subscriber(struct client *c, slice text) {
    reply_array(&c->out, 2);
    reply_bulk_str(&c->out, "pong");
    reply_bulk(&c->out, text.p, text.n);
}

void ping_command(struct client *c, const slice *argv, int argc) {
    if (argc > 2)
        cmd_arity_error(c, argv);
    else if ((c->flags & CLIENT_PUBSUB) && c->out.proto == 2)
        ping_subscriber(c, argc == 2 ? argv[1] : SLICE(""));
    else if (argc == 2)
        reply_bulk(&c->out, argv[1].p, argv[1].n);
    else
        reply_status(&c->out, "PONG");
}

void quit_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    reply_ok(&c->out);
    client_close_after_reply(c);
}

void reset_command(struct client *c, const slice *argv, int argc) {
    (void)argv, (void)argc;
    if (c->flags & (CLIENT_MASTER | CLIENT_REPLICA)) {
        reply_error(&c->out, "ERR can only reset normal client connections");
        return;
    }
    txn_discard(c);
    pubsub_forget(c);
    monitor_forget(c);
    tracking_off(c);
    c->db = 0;
    c->out.proto = 2;
    sds_free(c->name);
    c->name = NULL;
    access_begin(c);
    c->flags &= ~(uint32_t)(CLIENT_REPLY_OFF | CLIENT_REPLY_SKIP | CLIENT_REPLY_SKIP_NEXT | CLIENT_NO_EVICT |
                            CLIENT_READONLY_CONN);
    c->out.muted = false;
    reply_status(&c->out, "RESET");
}

void select_command(struct client *c, const slice *argv, int argc) {
    (void)argc;
    int dbid;
    if (!cmd_db_index(c, argv[1], &dbid, NULL)) return;
    c->db = dbid;
    reply_ok(&c->out);
}
